//! What the simulator of nodes promises.

mod bytes;
mod determinism;
mod faults;
mod neighbourhood;

use core::time::Duration;

use crate::chance::Seed;
use crate::config::Config;
use crate::id::Incarnation;
use crate::message::Message;
use crate::node::{Door, Halves, Settings};
use crate::reason::Reason;
use crate::sim::NodeName;
use crate::sim::nodes::{Told, What, World};
use crate::wire::{Identity, MeshSecret, MeshSecrets};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn secret(name: u8) -> MeshSecret {
    MeshSecret::new([name; 32])
}

fn by(name: u8, door: Door) -> Settings {
    Settings::new(door, "test", Incarnation::new(1, 7), Seed::Number(u64::from(name)))
}

/// A node of a mesh with a secret, which announces nothing.
fn member(name: u8) -> Settings {
    let settings = by(name, Door::Closed(Identity::new([name; 32]), MeshSecrets::one(secret(77))));
    Settings { config: Config { announce_every: None, ..Config::lan() }, ..settings }
}

fn outside(settings: Settings) -> Settings {
    Settings { halves: Halves::Outside, ..settings }
}

/// Two nodes of which the first keeps the second. They agree, and all is quiet.
fn pair(seed: u64) -> (World, NodeName, NodeName) {
    let mut world = World::new(seed);
    let (a, b) = (world.add(member(1)), world.add(outside(member(2))));
    world.keep(a, b);
    world.run_until(secs(5), |world| world.agreed(a, b)).expect("they agree");
    world.run_for(ms(100));
    (world, a, b)
}

fn say(world: &mut World, from: NodeName, to: NodeName, length: usize) {
    world.post(from, to, Message::plain(alloc::vec![7; length].into()).with_receipt(0));
}

/// Whether a node was told this, since a moment.
fn was_told(world: &World, n: NodeName, since: Duration, told: impl Fn(&Told) -> bool) -> bool {
    world.log().iter().any(|happening| {
        happening.node == n
            && happening.at >= since
            && matches!(&happening.what, What::Told(fact) if told(fact))
    })
}

/// How the links of a node ended since a moment, by its own order.
fn closed(world: &World, n: NodeName, since: Duration) -> alloc::vec::Vec<Reason> {
    let by = world.log().iter().filter(|happening| happening.node == n && happening.at >= since);
    by.filter_map(
        |happening| if let What::Closes { reason, .. } = happening.what { Some(reason) } else { None },
    )
    .collect()
}
