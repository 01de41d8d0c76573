//! What the tests of this list share: a small configuration, made-up other ends, and questions to the log.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use mesh_proto::rules::Rules;
use mesh_proto::sim::{NodeName, StreamName, What, World};
use mesh_proto::storage::Storage;
use mesh_proto::{
    Config, Event, Frame, Hello, Incarnation, Limits, LinkId, LinkTag, Losses, Marks, NodeId, PathClass,
    Proof, Reason, Route, Routes, Standing, Takes, Welcome, Window,
};

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What fits the tables in place; nothing is announced.
pub(crate) fn config() -> Config {
    let limits =
        Limits { peers: 8, half_open: 16, half_open_per_source: 4, dials_in_flight: 8, ..Default::default() };
    Config { announce_every: None, limits, ..Config::lan() }
}

/// A world of two nodes, of which the first decides, and everything takes this long between them.
pub(crate) fn pair<S: Storage, R: Rules>(
    seed: u64,
    rules: &R,
    delay: Duration,
) -> (World<S, R>, NodeName, NodeName) {
    let mut world = crate::world(seed, rules.clone());
    world.delay(delay);
    let (a, b) = (world.add(config()), world.add(config()));
    (world, a, b)
}

/// Lets `a` keep `b`, and waits for the session.
#[track_caller]
pub(crate) fn meet<S: Storage, R: Rules>(world: &mut World<S, R>, a: NodeName, b: NodeName) -> StreamName {
    world.keep(a, b);
    world.run_until(secs(20), |world| world.agreed(a, b)).expect("they meet");
    carrying(world, a, b)
}

/// The stream that carries the session.
#[track_caller]
pub(crate) fn carrying<S: Storage, R: Rules>(world: &World<S, R>, a: NodeName, b: NodeName) -> StreamName {
    let link = world.carrier(a, b).expect("there is a session");
    world.stream_of(a, link).expect("it goes over a stream")
}

/// An address where no node of the world is.
pub(crate) fn elsewhere(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 9000))
}

/// The way there.
pub(crate) fn route_to(address: SocketAddr) -> Routes {
    [Route::direct(address)].into_iter().collect()
}

/// A node that is in no world.
pub(crate) fn minted(number: u32) -> NodeId {
    let mut bytes = [0xee; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    NodeId::new(bytes)
}

/// What a made-up other end says of itself.
pub(crate) fn hello(start: u64) -> Hello {
    Hello {
        incarnation: Incarnation::new(start, start),
        detect_within: secs(10),
        class: PathClass::Direct,
        keep: false,
        lost: Losses::new(),
        birth: 1,
        meant: None,
        marks: Marks::default(),
        takes: Takes {
            message: 1 << 20,
            record: 65_519,
            window: Window { bytes: 4 << 20, messages: 16_384 },
        },
    }
}

/// A welcome from there.
pub(crate) fn welcome(start: u64) -> Frame<'static> {
    Frame::Welcome(Welcome { hello: hello(start), doubt: false }.into())
}

/// Gives a node these frames as if they had just come on this link.
pub(crate) fn frames<S: Storage, R: Rules>(
    world: &mut World<S, R>,
    n: NodeName,
    link: LinkId,
    frames: &[Frame<'static>],
) {
    world.tell(n, Event::Frames { link, frames: frames.to_vec().into() });
}

/// Proves to a node who is at the other end of a link.
pub(crate) fn prove<S: Storage, R: Rules>(world: &mut World<S, R>, n: NodeName, link: LinkId, peer: NodeId) {
    let tag = LinkTag::new(u64::MAX - world.log().len() as u64);
    world.tell(n, Event::Proven { link, proof: Proof { peer, tag, round_trip: millis(2) } });
}

/// A made-up node dials, up to its hello.
#[track_caller]
pub(crate) fn come<S: Storage, R: Rules>(
    world: &mut World<S, R>,
    n: NodeName,
    peer: NodeId,
    hello: Hello,
) -> LinkId {
    let link = world.accept_stranger(n, elsewhere(1)).expect("there is half-open room");
    prove(world, n, link, peer);
    frames(world, n, link, &[Frame::Hello(hello.into())]);
    link
}

/// The dials that a node ordered, with their times.
pub(crate) fn dials<S: Storage, R: Rules>(world: &World<S, R>, n: NodeName) -> Vec<(Duration, LinkId)> {
    of(world, n, |what| if let What::Dials { link, .. } = what { Some(*link) } else { None })
}

/// The links that a node ordered to be closed, and why.
pub(crate) fn closes<S: Storage, R: Rules>(
    world: &World<S, R>,
    n: NodeName,
) -> Vec<(Duration, (LinkId, Reason))> {
    of(world, n, |what| if let What::Closes { link, reason } = what { Some((*link, *reason)) } else { None })
}

/// The frames that a node ordered to be sent.
pub(crate) fn sent<S: Storage, R: Rules>(
    world: &World<S, R>,
    n: NodeName,
) -> Vec<(Duration, (LinkId, Frame<'static>))> {
    of(
        world,
        n,
        |what| {
            if let What::Sends { link, frame } = what { Some((*link, frame.clone())) } else { None }
        },
    )
}

/// When a node ordered announcements, answers among them.
pub(crate) fn announcements<S: Storage, R: Rules>(
    world: &World<S, R>,
    n: NodeName,
) -> Vec<(Duration, mesh_proto::Cause)> {
    of(world, n, |what| if let What::Announces { cause, .. } = what { Some(*cause) } else { None })
}

fn of<S: Storage, R: Rules, T>(
    world: &World<S, R>,
    n: NodeName,
    pick: impl Fn(&What) -> Option<T>,
) -> Vec<(Duration, T)> {
    let own = world.log().iter().filter(|happening| happening.node == n);
    own.filter_map(|happening| Some((happening.at, pick(&happening.what)?))).collect()
}

/// Whether the session was up from first to last, over whichever links.
pub(crate) fn always_up(changes: &[Standing]) -> bool {
    changes.iter().all(|standing| matches!(standing, Standing::Up { .. }))
}

/// Fails with the story if something does not hold.
#[track_caller]
pub(crate) fn holds<S: Storage, R: Rules>(world: &World<S, R>, condition: bool, what: &str) {
    assert!(condition, "{what}\n{}", world.report());
}
