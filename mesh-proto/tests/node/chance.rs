//! Random faults over encrypted nodes: whatever happened to their bytes, what one says comes to the other once, whole and
//! in order, and nothing is passed over in silence.

use core::time::Duration;

use mesh_proto::node::{Halves, Settings};
use mesh_proto::sim::{self, Direction, End, Ledger, Start, Stop};
use mesh_proto::wire::MeshSecrets;
use mesh_proto::{Config, Heap, Lane, Seed, Side};

use crate::world::*;

/// Every wait of a redial and a probe after it, with room for slow dials.
const OVER: Duration = Duration::from_secs(60);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Whether processes end, too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    Last,
    End,
}

/// One mesh, one life.
struct Life {
    world: World,
    ledger: Ledger,
    nodes: Vec<NodeName>,
    /// How far the mesh is with changing its secret, and which of the nodes have gone that far.
    rotation: (u8, usize),
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        let delay = ms(one_of(&mut world, &[0, 1, 20, 200]));
        world.delay(delay);
        let jitter = ms(one_of(&mut world, &[0, 1, 50, 300]));
        world.jitter(jitter);
        let lateness = ms(one_of(&mut world, &[0, 0, 5, 200]));
        world.timer_jitter(lateness);
        let longest = one_of(&mut world, &[100, 3000, 100_000]);
        world.pieces(longest);
        let mut nodes = Vec::new();
        for name in 1..=3 {
            let halves = one_of(&mut world, &[Halves::Inside, Halves::Outside]);
            let settings = closed_by::<Heap>(name, secrets(0));
            let config = Config { announce_every: Config::lan().announce_every, ..settings.config };
            let seed = Seed::Number(seed ^ u64::from(name));
            nodes.push(world.add(Settings { halves, config, seed, ..settings }));
        }
        let mut life = Self { world, ledger: Ledger::new(), nodes, rotation: (0, 0) };
        for n in life.nodes.clone() {
            life.keep_all(n);
        }
        life
    }

    fn keep_all(&mut self, n: NodeName) {
        for other in self.nodes.clone() {
            if other != n {
                self.world.keep(n, other);
            }
        }
    }

    /// Some pair that is no pair with itself.
    fn some_pair(&mut self) -> (NodeName, NodeName) {
        let a = one_of(&mut self.world, &[A, B, C]);
        let others: Vec<_> = self.nodes.iter().copied().filter(|b| *b != a).collect();
        (a, one_of(&mut self.world, &others))
    }

    fn post(&mut self) {
        let (a, b) = self.some_pair();
        if self.world.runs(a) {
            let lane = one_of(&mut self.world, &[Lane::Ordinary, Lane::Ordinary, Lane::Urgent]);
            let length = one_of(&mut self.world, &[0, 1, 100, 5000, 70_000, 300_000]);
            self.ledger.post(&mut self.world, a, b, lane, length);
        }
    }

    /// One fault, or the end of one, if it fits.
    fn happen(&mut self, runs: Runs) {
        let (a, b) = self.some_pair();
        let streams = self.world.streams_between(a, b);
        let stream = if streams.is_empty() { None } else { Some(one_of(&mut self.world, &streams)) };
        let span = ms(self.world.draw(30_000) + 1);
        let direction = one_of(&mut self.world, &[Direction::Both, Direction::From(a)]);
        let from = one_of(&mut self.world, &[Side::Dialed, Side::Accepted]);
        match (self.world.draw(16), stream) {
            (0 | 1, Some(stream)) => {
                let end = one_of(&mut self.world, &[End::Both, End::Only(a)]);
                self.world.lose(stream, end);
            }
            (2, Some(stream)) => self.world.black_hole_stream(stream, direction),
            (3, Some(stream)) => {
                let byte = self.world.draw(100_000);
                self.world.alter(stream, from, |bytes| {
                    let at = usize::try_from(byte).unwrap_or(0) % bytes.len().max(1);
                    bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 4);
                });
            }
            (4, Some(stream)) => {
                self.world.let_through(stream, from, 50);
            }
            (5, _) => self.world.black_hole(a, b, direction),
            (6, _) => self.world.heal(a, b),
            (7, _) if self.world.runs(a) => self.world.freeze(a, span),
            (8, _) if self.world.runs(a) => self.world.suspend(a, span),
            (9, _) => self.world.partition(&[&[a]]),
            (10, _) => self.world.heal_all(),
            (11, _) if self.world.runs(a) => {
                let slow = ms(self.world.draw(2000));
                self.world.slow_next_dial(a, slow);
                self.world.dial(a, b);
            }
            (12, _) if self.world.runs(a) => {
                let from = host(u16::try_from(self.world.draw(1000)).expect("few"));
                let stranger = self.world.accept_stranger(a, from).expect("there is room");
                let noise: Vec<u8> = (0..200).map(|_| self.world.draw(256).to_le_bytes()[0]).collect();
                self.world.stranger_says(stranger, &noise);
            }
            (13, _) => self.rotate(),
            (14, _) if runs == Runs::End && !self.world.is_stopped(a) => {
                let stop = one_of(&mut self.world, &[Stop::Kill, Stop::Vanish]);
                self.world.stop(a, stop);
                self.ledger.gone(a);
            }
            (15, _) if self.world.is_stopped(a) => self.start(a),
            _ => {
                let step = i64::try_from(self.world.draw(100_000_000)).unwrap_or(0) - 50_000_000;
                self.world.step_clock(a, step);
            }
        }
    }

    /// One more node has the secrets that the mesh changes to. The next ones come only when all have these.
    fn rotate(&mut self) {
        let (phase, done) = &mut self.rotation;
        self.world.change_secrets(self.nodes[*done], secrets(*phase + 1));
        *done += 1;
        if *done == self.nodes.len() {
            (*phase, *done) = (*phase + 1, 0);
        }
    }

    fn start(&mut self, n: NodeName) {
        self.world.start(n, Start::Fresh);
        self.keep_all(n);
    }

    fn live(mut self, runs: Runs) -> Ledger {
        for _ in 0..40 {
            for _ in 0..self.world.draw(4) {
                self.post();
            }
            if self.world.draw(2) == 0 {
                self.happen(runs);
            }
            let span = ms(one_of(&mut self.world, &[0, 1, 10, 100, 1000, 5000]));
            self.world.run_for(span);
            self.read();
        }
        // Everybody runs, and the network is whole.
        self.world.run_for(OVER);
        for n in self.nodes.clone() {
            if self.world.is_stopped(n) {
                self.start(n);
            }
        }
        self.world.heal_all();
        self.world.timer_jitter(Duration::ZERO);
        let pairs = [(A, B), (B, C), (C, A)];
        let agreed = self.world.run_until(OVER, |world| pairs.iter().all(|(a, b)| world.agreed(*a, *b)));
        agreed.expect("every pair agrees");
        self.world.run_for(OVER);
        self.read();
        assert_eq!(self.ledger.missing(), 0, "{}", self.world.report());
        self.ledger
    }

    fn read(&mut self) {
        if let Err(why) = self.ledger.read(&mut self.world) {
            panic!("{why}\n{}", self.world.report());
        }
    }
}

/// The secrets of a node that is so far: between any two of one mesh lies one step at most.
fn secrets(phase: u8) -> MeshSecrets {
    let (now, next) = (phase / 3, phase / 3 + 1);
    match phase % 3 {
        0 => MeshSecrets::one(secret(now)),
        1 => MeshSecrets::two(secret(now), secret(next)),
        _ => MeshSecrets::two(secret(next), secret(now)),
    }
}

fn one_of<T: Clone>(world: &mut World, all: &[T]) -> T {
    let drawn = world.draw(all.len() as u64);
    all[usize::try_from(drawn).expect("it is below the length")].clone()
}

#[test]
fn nothing_is_lost_doubled_or_reordered_whatever_happens_to_the_bytes() {
    let mut arrived = 0;
    sim::check!("nothing is lost, doubled or reordered", 0..20, |seed| {
        let ledger = Life::new(seed).live(Runs::Last);
        assert_eq!(ledger.reported(), 0, "nobody ended a session");
        arrived += ledger.arrived();
    });
    assert!(arrived > 500, "{arrived} messages");
}

#[test]
fn what_a_restart_leaves_behind_is_reported_and_nothing_comes_twice() {
    let (mut arrived, mut reported) = (0, 0);
    sim::check!("a restart is told", 100..120, |seed| {
        let ledger = Life::new(seed).live(Runs::End);
        arrived += ledger.arrived();
        reported += ledger.reported();
    });
    assert!(arrived > 500 && reported > 10, "{arrived} messages came, {reported} did not");
}
