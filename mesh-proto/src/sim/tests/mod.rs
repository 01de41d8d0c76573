//! What the simulator promises.

mod determinism;
mod faults;
mod meetings;
mod network;

use alloc::vec::Vec;
use core::time::Duration;

use crate::config::Config;
use crate::event::Event;
use crate::frame::Frame;
use crate::sim::{NodeName, StreamName, What, World};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A configuration that announces nothing, so that what happens is what a test makes happen.
fn quiet_lan() -> Config {
    Config { announce_every: None, ..Config::lan() }
}

/// Two nodes of which the first keeps the second. They agree, over the stream that it dialed, and all is
/// quiet.
fn pair(seed: u64, config: Config) -> (World, NodeName, NodeName, StreamName) {
    let mut world = World::new(seed);
    let (a, b) = (world.add(config), world.add(config));
    world.keep(a, b);
    world.run_until(secs(5), |world| world.agreed(a, b)).expect("they agree");
    world.run_for(ms(10));
    let stream = world.links(a, b)[0].stream;
    (world, a, b, stream)
}

/// What a node was told since a moment, ticks and room left out.
fn told(world: &World, n: NodeName, since: Duration) -> Vec<(Duration, Event<'static>)> {
    let told = world.log().iter().filter(|happening| happening.node == n && happening.at >= since);
    told.filter_map(|happening| match &happening.what {
        What::Told(Event::Tick | Event::Room { .. }) => None,
        What::Told(event) => Some((happening.at, event.clone())),
        What::Unable(_)
        | What::Dials { .. }
        | What::Sends { .. }
        | What::Closes { .. }
        | What::Announces { .. }
        | What::News(_)
        | What::Delivers { .. }
        | What::Settles { .. }
        | What::Roomy { .. }
        | What::Started(_)
        | What::Stopped(_)
        | What::Frozen(_)
        | What::Suspended(_)
        | What::Resumed
        | What::ClockStepped(_)
        | What::StreamLost(_) => None,
    })
    .collect()
}

/// The frames among them.
fn frames(world: &World, n: NodeName, since: Duration) -> Vec<Frame<'static>> {
    let frames = |event: Event<'static>| {
        if let Event::Frames { frames, .. } = event { frames.to_vec() } else { Vec::new() }
    };
    told(world, n, since).into_iter().flat_map(|(_, event)| frames(event)).collect()
}

/// The kinds of what a node was told, ticks left out, with the times.
fn kinds(world: &World, n: NodeName, since: Duration) -> Vec<(Duration, &'static str)> {
    let kind = |event: &Event<'_>| match event {
        Event::Incoming { .. } => "incoming",
        Event::Attached { .. } => "attached",
        Event::Connected { .. } => "connected",
        Event::Proven { .. } => "proven",
        Event::Frames { .. } => "frames",
        Event::Closed { .. } => "closed",
        Event::Heard { .. } => "heard",
        Event::Tick => "tick",
        Event::Wake(_) => "wake",
        Event::Room { .. } => "room",
        Event::Waits { .. } => "waits",
        Event::Failed { .. } => "failed",
        Event::Send { .. } | Event::SendAll { .. } | Event::Took { .. } | Event::Collect { .. } => "mail",
        Event::Keep { .. } | Event::KeepAt { .. } | Event::Seek { .. } => "wish",
        Event::Forget { .. } | Event::ForgetAt { .. } | Event::Expel { .. } | Event::Leave => "unwish",
    };
    told(world, n, since).iter().map(|(at, event)| (*at, kind(event))).collect()
}
