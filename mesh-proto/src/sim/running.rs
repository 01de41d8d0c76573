//! How time goes on, in a world of any kind.

use alloc::string::String;
use core::fmt::{self, Write as _};
use core::time::Duration;

use crate::id::LinkTag;
use crate::machine::Mesh;
use crate::rules::Rules;
use crate::sim::log::{Log, Seconds};
use crate::sim::net::{Job, Net};
use crate::sim::schedule::{STORM, Storm};
use crate::storage::Storage;

/// How much of the log a report shows.
const TAIL: usize = 80;

/// What was waited for did not come. It says everything that is known.
#[derive(Clone, PartialEq, Eq)]
pub struct TimedOut {
    within: Duration,
    report: String,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it did not come to be within {:?}\n{}", self.within, self.report)
    }
}

impl fmt::Debug for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for TimedOut {}

/// Programs on a network, whatever they are.
pub(super) trait Running {
    /// What programs say on streams.
    type Word;
    /// What they announce.
    type Cry;

    fn net(&mut self) -> &mut Net<Self::Word, Self::Cry>;

    /// What is due happens.
    fn happen(&mut self, job: Job<Self::Cry>);

    /// All that is known.
    fn all_known(&self) -> String;
}

pub(super) fn run_for(world: &mut impl Running, span: Duration) {
    let now = world.net().now();
    let (until, mut storm) = (now + span, Storm::new(now));
    while next(world, until, &mut storm) {}
    world.net().schedule.pass(until);
}

pub(super) fn run_until<T: Running>(
    world: &mut T,
    within: Duration,
    mut holds: impl FnMut(&T) -> bool,
) -> Result<Duration, TimedOut> {
    let began = world.net().now();
    let (until, mut storm) = (began + within, Storm::new(began));
    while !holds(world) {
        if !next(world, until, &mut storm) {
            world.net().schedule.pass(until);
            if holds(world) {
                break;
            }
            return Err(TimedOut { within, report: world.all_known() });
        }
    }
    Ok(world.net().now() - began)
}

/// Does the next thing that is due until then.
fn next(world: &mut impl Running, until: Duration, storm: &mut Storm) -> bool {
    let Some(job) = world.net().schedule.next(until) else { return false };
    if storm.grows(world.net().now()) {
        panic!("more than {STORM} things happen in one moment\n{}", world.all_known());
    }
    world.happen(job);
    true
}

/// The seed, what happened last, what every node has to say of its peers, and what streams there are, with their tags as
/// far as the world knows them.
pub(super) fn report<'m, W, D, H, S, R>(
    net: &Net<W, D>,
    log: &Log<H>,
    machines: impl Iterator<Item = &'m Mesh<S, R>>,
    tag: impl Fn(usize) -> Option<LinkTag>,
) -> String
where
    H: fmt::Display,
    S: Storage,
    R: Rules,
{
    let mut text = String::new();
    // Writing to a string does not fail.
    let _written: fmt::Result = write_report(&mut text, net, log, machines, tag);
    text
}

fn write_report<'m, W, D, H, S, R>(
    f: &mut String,
    net: &Net<W, D>,
    log: &Log<H>,
    machines: impl Iterator<Item = &'m Mesh<S, R>>,
    tag: impl Fn(usize) -> Option<LinkTag>,
) -> fmt::Result
where
    H: fmt::Display,
    S: Storage,
    R: Rules,
{
    writeln!(f, "seed {}, at {}", net.seed, Seconds(net.now()))?;
    let skipped = log.all().len().saturating_sub(TAIL);
    if skipped > 0 {
        writeln!(f, "  ({skipped} happenings before)")?;
    }
    for happening in log.all().iter().skip(skipped) {
        writeln!(f, "{happening}")?;
    }
    for ((n, host), mesh) in net.hosts.iter().enumerate().zip(machines) {
        writeln!(f, "--- n{n} ({:?}, {}) {}", mesh.me(), host.address, host.life)?;
        for peer in mesh.peers() {
            if let Some(explanation) = mesh.explain(&peer.id) {
                writeln!(f, "{explanation}")?;
            }
        }
    }
    for stream in &net.live {
        let [dialer, acceptor] = &net.streams[*stream].ends;
        write!(f, "--- s{stream}")?;
        if let Some(tag) = tag(*stream) {
            write!(f, " {tag:?}")?;
        }
        writeln!(
            f,
            ": dialed by {:?} as {:?} ({:?}), accepted by {:?} as {:?} ({:?})",
            dialer.node, dialer.link, dialer.state, acceptor.node, acceptor.link, acceptor.state
        )?;
    }
    Ok(())
}
