//! What the tests of two nodes share: the pair, and what there is to count.

use alloc::vec::Vec;
use core::time::Duration;

use mesh_proto::rules::Rules;
use mesh_proto::sim::{LinkInfo, NodeName, StreamName, What, World};
use mesh_proto::storage::Storage;
use mesh_proto::{Config, Frame, Limits, Reason, Standing};

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A node that announces nothing by itself.
pub(crate) fn config() -> Config {
    let limits = Limits { peers: 8, half_open: 16, dials_in_flight: 8, ..Limits::default() };
    Config { announce_every: None, limits, ..Config::lan() }
}

/// Two nodes that know nothing of each other. The first one decides.
pub(crate) fn pair<S: Storage, R: Rules>(seed: u64, rules: &R) -> (World<S, R>, NodeName, NodeName) {
    pair_of(seed, rules, config(), config())
}

/// The same with their configurations.
pub(crate) fn pair_of<S: Storage, R: Rules>(
    seed: u64,
    rules: &R,
    first: Config,
    second: Config,
) -> (World<S, R>, NodeName, NodeName) {
    let mut world = crate::world::<S, R>(seed, rules.clone());
    let (a, b) = (world.add(first), world.add(second));
    (world, a, b)
}

/// Lets `from` keep a session with `to`, and waits until its one link is up and was of use.
#[track_caller]
pub(crate) fn connect<S: Storage, R: Rules>(world: &mut World<S, R>, from: NodeName, to: NodeName) {
    world.keep(from, to);
    world.run_until(secs(30), |world| world.agreed(from, to)).expect("one link is there");
    world.run_for(secs(11));
}

/// Waits until the pair has one link, and says how long that took.
#[track_caller]
pub(crate) fn agree<S: Storage, R: Rules>(
    world: &mut World<S, R>,
    a: NodeName,
    b: NodeName,
    within: Duration,
) -> Duration {
    world.run_until(within, |world| world.agreed(a, b)).expect("they agree on one link")
}

/// Lets `from` dial once more, and waits until both ends have let the second link in.
#[track_caller]
pub(crate) fn second_link<S: Storage, R: Rules>(world: &mut World<S, R>, from: NodeName, to: NodeName) {
    world.dial(from, to);
    let both = |link: &LinkInfo| link.dialer.admitted() && link.acceptor.admitted();
    let two = |world: &World<S, R>| world.links(from, to).iter().filter(|link| both(link)).count() == 2;
    world.run_until(secs(10), two).expect("there are two links");
}

/// The stream that carries the session with `b` at `a`.
#[track_caller]
pub(crate) fn carrying<S: Storage, R: Rules>(
    world: &World<S, R>,
    a: NodeName,
    b: NodeName,
) -> Option<StreamName> {
    world.carrier(a, b).and_then(|link| world.stream_of(a, link))
}

/// The reasons for which a node ended its links, in order, over all its runs.
pub(crate) fn ended<S: Storage, R: Rules>(world: &World<S, R>, n: NodeName) -> Vec<Reason> {
    let reason = |what: &What| if let What::Closes { reason, .. } = what { Some(*reason) } else { None };
    world.log().iter().filter(|one| one.node == n).filter_map(|one| reason(&one.what)).collect()
}

/// How often a node dialed.
pub(crate) fn dials<S: Storage, R: Rules>(world: &World<S, R>, n: NodeName) -> usize {
    world.log().iter().filter(|one| one.node == n && matches!(one.what, What::Dials { .. })).count()
}

/// How many such frames a node sent.
pub(crate) fn sent<S: Storage, R: Rules>(
    world: &World<S, R>,
    n: NodeName,
    wanted: impl Fn(&Frame) -> bool,
) -> usize {
    let is_one = |what: &What| matches!(what, What::Sends { frame, .. } if wanted(frame));
    world.log().iter().filter(|one| one.node == n && is_one(&one.what)).count()
}

/// How many changes of the other the news told at both ends.
pub(crate) fn changes<S: Storage, R: Rules>(world: &World<S, R>, a: NodeName, b: NodeName) -> (usize, usize) {
    (world.changes(a, b).len(), world.changes(b, a).len())
}

/// Holds that neither end, once the other was up, ever said that it was not.
#[track_caller]
pub(crate) fn never_away<S: Storage, R: Rules>(world: &World<S, R>, a: NodeName, b: NodeName) {
    stays_up(world, a, b);
    stays_up(world, b, a);
}

/// Holds that `here`, once `there` was up, never said that it was not.
#[track_caller]
pub(crate) fn stays_up<S: Storage, R: Rules>(world: &World<S, R>, here: NodeName, there: NodeName) {
    let is_up = |standing: &Standing| matches!(standing, Standing::Up { .. });
    let changes = world.changes(here, there);
    let gap = changes.iter().skip_while(|standing| !is_up(standing)).find(|standing| !is_up(standing));
    assert!(gap.is_none(), "{there} was {gap:?} at {here}\n{}", world.report());
}
