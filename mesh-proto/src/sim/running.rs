//! How time goes on.

use alloc::string::{String, ToString};
use core::cmp::Reverse;
use core::fmt;
use core::time::Duration;

use crate::rules::Rules;
use crate::sim::log::Seconds;
use crate::sim::node::Life;
use crate::sim::{Due, Job, World};
use crate::storage::Storage;

/// How much may happen in one moment before it is called a storm that never ends.
const STORM: u32 = 1_000_000;
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

impl<S: Storage, R: Rules> World<S, R> {
    /// Lets this much time pass.
    pub fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        let mut storm = Storm::new(self.now);
        while self.happen(until, &mut storm) {}
        self.now = until;
    }

    /// Lets time pass until something holds, and says how long that took. It is looked at after each thing that
    /// happens.
    ///
    /// # Errors
    ///
    /// It did not come to hold within this time.
    pub fn run_until(
        &mut self,
        within: Duration,
        mut holds: impl FnMut(&Self) -> bool,
    ) -> Result<Duration, TimedOut> {
        let (began, until) = (self.now, self.now + within);
        let mut storm = Storm::new(self.now);
        while !holds(self) {
            if !self.happen(until, &mut storm) {
                self.now = until;
                if holds(self) {
                    break;
                }
                return Err(TimedOut { within, report: self.report() });
            }
        }
        Ok(self.now - began)
    }

    /// Does the next thing that is due until then.
    fn happen(&mut self, until: Duration, storm: &mut Storm) -> bool {
        let Some(Reverse(next)) = self.due.peek() else { return false };
        if next.at > until {
            return false;
        }
        let Some(Reverse(Due { at, job, .. })) = self.due.pop() else { return false };
        self.now = at;
        if storm.grows(at) {
            self.fail(format_args!("more than {STORM} things happen in one moment"));
        }
        match job {
            Job::Arrive(stream, to) => self.arrive(stream, to),
            Job::Timer(n, timer) => self.ring(n, timer),
            Job::Resume(n, pause) => self.resume(n, pause),
            Job::Hear { from, to, announcement, vouched } => self.hear(from, to, announcement, vouched),
        }
        true
    }

    /// The seed, what happened last, and what every node has to say of its peers.
    #[must_use]
    pub fn report(&self) -> String {
        Report(self).to_string()
    }
}

struct Report<'w, S: Storage, R: Rules>(&'w World<S, R>);

impl<S: Storage, R: Rules> fmt::Display for Report<'_, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let world = self.0;
        writeln!(f, "seed {}, at {}", world.seed, Seconds(world.now))?;
        let skipped = world.log.len().saturating_sub(TAIL);
        if skipped > 0 {
            writeln!(f, "  ({skipped} happenings before)")?;
        }
        for happening in world.log.iter().skip(skipped) {
            writeln!(f, "{happening}")?;
        }
        for (n, node) in world.nodes.iter().enumerate() {
            let life = match node.life {
                Life::Running => "runs",
                Life::Frozen => "is frozen",
                Life::Suspended(_) => "is suspended",
                Life::Dead => "is dead",
                Life::Vanished => "has vanished",
            };
            writeln!(f, "--- n{n} ({:?}, {}) {life}", node.id, node.address)?;
            for peer in node.mesh.peers() {
                if let Some(explanation) = node.mesh.explain(&peer.id) {
                    writeln!(f, "{explanation}")?;
                }
            }
        }
        for stream in &world.live {
            let one = &world.streams[*stream];
            let [dialer, acceptor] = &one.ends;
            writeln!(
                f,
                "--- s{stream} {:?}: dialed by {:?} as {:?} ({:?}), accepted by {:?} as {:?} ({:?})",
                one.tag, dialer.node, dialer.link, dialer.state, acceptor.node, acceptor.link, acceptor.state
            )?;
        }
        Ok(())
    }
}

/// Counts what happens in one moment.
struct Storm {
    at: Duration,
    many: u32,
}

impl Storm {
    const fn new(at: Duration) -> Self {
        Self { at, many: 0 }
    }

    fn grows(&mut self, at: Duration) -> bool {
        if self.at != at {
            *self = Self::new(at);
        }
        self.many += 1;
        self.many > STORM
    }
}
