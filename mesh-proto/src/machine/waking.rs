//! Being late, and waking up (R9).

use core::time::Duration;

use crate::announcement::Cause;
use crate::event::Wake;
use crate::machine::Mesh;
use crate::machine::link::Link;
use crate::machine::pulse::Strictness;
use crate::rules::{Clause, Rules};
use crate::storage::{Slot, Storage};
use crate::time::{Instant, Now, micros};

/// A step that is later than this is late: what is due in it may have an answer that lies unread. Below it lies the
/// jitter of ordinary timers.
const LATE: Duration = Duration::from_millis(50);
/// Two clocks that differ by this much since the last step have seen a suspend between them.
const SUSPENDED: Duration = Duration::from_secs(1);

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// Looks at the readings before anything else in a step.
    ///
    /// All deadlines are kept by a time of the machine's own, which lies behind `awake` by all the lateness there ever
    /// was: so any lateness moves every deadline for another's answer by as much, and none expires while this node
    /// could not have read the answer.
    pub(crate) fn notice_time(&mut self, now: Now) {
        let awake = now.awake.max(self.last.awake);
        let late = self.lateness(awake);
        if self.rules.holds(Clause::WakeBeforeExpiry) {
            self.shift = self.shift.saturating_add(late);
        }
        self.promised = None;
        let own = Instant::from_micros(awake.as_micros().saturating_sub(self.shift));
        self.clock = self.clock.max(own);
        self.late = late >= micros(LATE);
        let passed = micros(awake.since(self.last.awake));
        let slept = micros(now.elapsed.since(self.last.elapsed)).saturating_sub(passed);
        let first = self.last == Now::default();
        self.last = Now { awake, elapsed: now.elapsed };
        if !first && !self.rules.holds(Clause::AgesByAwake) {
            // The weakened rule lets a step of the second clock make everything older.
            self.clock = self.clock.after(Duration::from_micros(slept));
        }
        let gap = late > micros(self.config.gap());
        let suspended = slept >= micros(SUSPENDED) && !first && self.rules.holds(Clause::TwoClocks);
        if gap || suspended {
            self.stats.gaps += 1;
            self.gap(Cause::Woke);
        }
    }

    /// The system says that something of this kind happened.
    pub(crate) fn woken(&mut self, wake: Wake) {
        self.stats.wakes += 1;
        self.gap(match wake {
            Wake::Suspended | Wake::Frozen => Cause::Woke,
            Wake::Moved => Cause::Moved,
        });
    }

    /// Asks on all links at once, redials without delay whoever does not answer, and announces at once.
    fn gap(&mut self, cause: Cause) {
        if self.rules.holds(Clause::AnnounceOnWake) {
            self.announce(cause);
        }
        if !self.rules.holds(Clause::ProbeAfterGap) {
            return;
        }
        let strictness = if self.rules.holds(Clause::OnlyAnswersAfterGap) {
            Strictness::AnswerOnly
        } else {
            Strictness::AnyFrame
        };
        let now = self.clock;
        let mut next = self.peers.after(None);
        while let Some(slot) = next {
            next = self.peers.after(Some(slot));
            if let Some(peer) = self.peers.get_mut(slot)
                && self.rules.holds(Clause::NoBackoffAfterGap)
            {
                peer.redial.hurry(now);
            }
            if !self.rules.holds(Clause::DeadlinesMoveByGapOnly) {
                self.shelter(slot);
            }
            self.probe_all(slot, strictness);
            self.review(slot);
        }
    }

    /// The weakened rule counts the silence of every link from the gap on.
    fn shelter(&mut self, slot: Slot) {
        let now = self.clock;
        for link in self.collect(slot, Link::is_admitted) {
            if let Some(pulse) = self.links.get_mut(link).and_then(|link| link.pulse.as_mut()) {
                pulse.forget_silence(now);
            }
        }
    }

    /// Something is known to have been heard from a peer that should make a silent link answer for itself.
    pub(crate) fn probe_if_silent(&mut self, slot: Slot) {
        let now = self.clock;
        let silent = self.collect(slot, |link| {
            link.pulse.as_ref().is_some_and(|pulse| {
                link.is_admitted() && now.since(pulse.heard()) > pulse.interval() + pulse.probe_time()
            })
        });
        for link in silent {
            self.probe(link, Strictness::AnyFrame);
        }
    }
}
