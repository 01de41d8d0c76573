//! One soak: traffic both ways between two nodes whose links are killed all the time, held against a model.

use core::time::Duration;

use mesh_proto::sim::{End, Ledger, NodeName, World};
use mesh_proto::{Config, Lane, Limits};

/// How often the link that carries the session is killed.
const KILLED_EVERY: Duration = Duration::from_millis(50);
/// How long the rest may take to arrive once nothing is killed any more.
const REST: Duration = Duration::from_secs(60);

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    /// Links that were killed.
    pub(crate) killed: u64,
    /// Messages that arrived: all that were sent, once, in the order of their lanes.
    pub(crate) arrived: u64,
    /// Pieces that went out again on another link.
    pub(crate) resent: u64,
    /// Pieces that came again and were ignored.
    pub(crate) duplicates: u64,
}

/// Lets two nodes talk for so long, and says what came of it.
///
/// # Errors
///
/// What was lost, doubled or reordered, with the seed and the end of the log.
pub(crate) fn soak(seed: u64, span: Duration) -> Result<Summary, String> {
    let mut world = World::new(seed);
    world.keep_log(1 << 12);
    let limits = Limits { peers: 2, half_open: 8, dials_in_flight: 4, ..Limits::default() };
    let config = Config { announce_every: None, limits, ..Config::lan() };
    let (a, b) = (world.add(config), world.add(config));
    let delay = Duration::from_micros(500 + world.draw(3_000));
    world.delay(delay);
    world.jitter(Duration::from_millis(2));
    world.keep(a, b);
    let mut ledger = Ledger::new();
    let mut summary = Summary::default();
    while world.now() < span {
        for (from, to) in [(a, b), (b, a)] {
            let many = world.draw(3);
            for _ in 0..many {
                let (lane, len) = some_message(&mut world);
                // A window that is full is no fault: the sender comes again.
                ledger.post(&mut world, from, to, lane, len);
            }
        }
        world.run_for(KILLED_EVERY);
        ledger.read(&mut world).map_err(|problem| told(&world, &problem))?;
        summary.killed += u64::from(kill(&mut world, a, b));
    }
    let end = world.now() + REST;
    while ledger.missing() > 0 && world.now() < end {
        world.run_for(KILLED_EVERY);
        ledger.read(&mut world).map_err(|problem| told(&world, &problem))?;
    }
    if ledger.missing() + ledger.reported() > 0 {
        return Err(told(&world, &format!("{} are missing", ledger.missing() + ledger.reported())));
    }
    summary.arrived = ledger.arrived();
    for n in [a, b] {
        let stats = world.mesh(n).stats();
        summary.resent += stats.resent;
        summary.duplicates += stats.duplicates;
        if stats.protocol_errors > 0 {
            return Err(told(&world, "one took the other for one that breaks the protocol"));
        }
    }
    Ok(summary)
}

/// Most are small; one in a hundred is up to 1 MiB.
fn some_message(world: &mut World) -> (Lane, usize) {
    let lane = if world.draw(8) == 0 { Lane::Urgent } else { Lane::Ordinary };
    let most = match world.draw(100) {
        0 => 1 << 20,
        1..=10 => 1 << 14,
        _ => 300,
    };
    (lane, 1 + world.draw(most) as usize)
}

fn kill(world: &mut World, a: NodeName, b: NodeName) -> bool {
    let carrying = world.carrier(a, b).and_then(|link| world.stream_of(a, link));
    if let Some(stream) = carrying {
        let end = [End::Both, End::Only(a), End::Only(b)][world.draw(3) as usize];
        world.lose(stream, end);
    }
    carrying.is_some()
}

fn told(world: &World, problem: &str) -> String {
    format!("seed {}: {problem}\n{}", world.seed(), world.report())
}
