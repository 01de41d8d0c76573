//! When to dial, whom, and how often (R11, R12).

use core::net::SocketAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::Route;
use crate::frame::PathClass;
use crate::id::LinkId;
use crate::machine::link::{Link, Phase, earlier};
use crate::machine::{Few, Mesh};
use crate::rate::Rate;
use crate::reason::{Reason, SystemError};
use crate::rules::{Clause, Rules};
use crate::storage::{Slot, Storage};
use crate::time::Instant;

/// Two dials of one attempt at a time at most.
pub(crate) const ABREAST: usize = 2;
/// And this far apart.
const STAGGER: Duration = Duration::from_millis(250);
/// A peer that is to be kept is tried again after this long at the latest, or after `detect_within` if that is longer.
const KEPT_BACKOFF: Duration = Duration::from_secs(5);

/// What is known of the dials to one peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Redial {
    /// Attempts in a row that came to nothing, or to a link that was of no use.
    pub(crate) failures: u8,
    /// No attempt before this.
    pub(crate) not_before: Instant,
    /// Whether that is a long pause, which only the caller ends early.
    pub(crate) paused: bool,
    /// Long pauses in a row.
    pub(crate) pauses: u8,
    /// Somebody asked for one attempt.
    pub(crate) asked: Option<Asked>,
    /// The attempt that is under way.
    pub(crate) attempt: Option<Attempt>,
}

/// Who asked for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Asked {
    /// An announcement that nobody vouches for.
    Hint,
    /// An announcement of a member.
    Member,
    /// The caller, who insists.
    Caller,
}

/// One run through the candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// When the next candidate may be dialed beside the one before.
    pub(crate) next_at: Instant,
    /// Who asked for it, if somebody did.
    pub(crate) asked: Option<Asked>,
    /// The worst kind of way that would help.
    pub(crate) worst: PathClass,
}

/// The dial budget of the node.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Budget {
    /// Dials under way, up to the admitted link.
    pub(crate) in_flight: u32,
    /// Those of them that only a hint asked for that nobody vouches for.
    pub(crate) hinted: u32,
    pub(crate) begun: Rate,
    pub(crate) hints_begun: Rate,
}

impl Redial {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { failures: 0, not_before: now, paused: false, pauses: 0, asked: None, attempt: None }
    }

    /// A link was of use: what went wrong before it counts no more.
    pub(crate) fn start_over(&mut self) {
        self.failures = 0;
        self.pauses = 0;
    }

    /// The way may be free now, for all that was wrong before.
    pub(crate) fn hurry(&mut self, now: Instant) {
        if !self.paused {
            self.failures = 0;
            self.not_before = now;
        }
    }

    /// The peer came by itself: what made this side leave it alone is over.
    pub(crate) fn lift_pause(&mut self, now: Instant) {
        if core::mem::take(&mut self.paused) {
            self.not_before = now;
        }
    }

    /// The caller wants it: a pause ends.
    pub(crate) fn resume(&mut self, now: Instant) {
        self.paused = false;
        self.pauses = 0;
        self.hurry(now);
    }

    /// Whether a long pause holds.
    pub(crate) fn is_paused(&self, now: Instant) -> bool {
        self.paused && self.not_before > now
    }
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// Begins, goes on with, or ends the attempt to reach a peer, as its links and wishes ask for.
    pub(crate) fn pursue(&mut self, slot: Slot) {
        let survey = self.outlook().survey(slot);
        let (now, leaving) = (self.clock, self.leaving);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if let Some(attempt) = peer.redial.attempt {
            let reached = survey.healthy.is_some_and(|class| class <= attempt.worst)
                && attempt.asked != Some(Asked::Caller);
            if reached || leaving {
                peer.redial.attempt = None;
                self.abandon_dials(slot);
            } else if survey.under_way == 0 && !peer.candidates.has_next(attempt.worst) {
                peer.redial.attempt = None;
                self.back_off(slot);
            } else if survey.under_way < ABREAST && now >= attempt.next_at {
                self.dial_next(slot, attempt);
            }
            return;
        }
        let insists = peer.redial.asked == Some(Asked::Caller);
        if self.outlook().pursuit_due(slot).is_none_or(|at| at > now) {
            return;
        }
        let waits = self.decides(slot) == Some(false) && !self.rules.holds(Clause::BothMayDial);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if waits {
            // The weakened rule waits for the node with the lower id to dial.
            peer.redial.not_before = now.after(self.config.pause_most);
            return;
        }
        let worst = match survey.healthy {
            Some(PathClass::Relayed) if !insists => PathClass::Direct,
            Some(PathClass::Relayed | PathClass::Direct) | None => PathClass::Relayed,
        };
        let attempt = Attempt { next_at: now, asked: peer.redial.asked.take(), worst };
        peer.candidates.start_over();
        peer.redial.paused = false;
        peer.redial.attempt = Some(attempt);
        self.dial_next(slot, attempt);
    }

    /// Gives free room in the budget to those that wait for it, in the order in which they came.
    pub(crate) fn serve_waiting(&mut self) {
        while !self.waiting.is_empty() && self.may_dial(false) {
            let Some(slot) = self.waiting.pop_front(&mut self.peers) else { return };
            self.review(slot);
        }
    }

    /// When the budget has room for those that wait; an end of a dial may come first.
    pub(crate) fn budget_due(&self) -> Option<Instant> {
        if self.waiting.is_empty() || self.budget.in_flight >= self.config.limits.dials_in_flight {
            return None;
        }
        self.budget.begun.free_at(self.clock, self.config.limits.dials_per_second)
    }

    /// A dial is no longer under way: it was admitted, or it ended.
    pub(crate) fn settle_dial(&mut self, hinted: bool) {
        self.budget.in_flight = self.budget.in_flight.saturating_sub(1);
        if hinted {
            self.budget.hinted = self.budget.hinted.saturating_sub(1);
        }
    }

    /// A dial came to nothing: the address loses trust, and the next one is tried at once.
    pub(crate) fn dial_failed(&mut self, slot: Slot, address: SocketAddr) {
        let now = self.clock;
        let moves = self.rules.holds(Clause::TrustMoves);
        if let Some(peer) = self.peers.get_mut(slot) {
            if moves {
                peer.candidates.blame(address);
            }
            if let Some(attempt) = &mut peer.redial.attempt {
                attempt.next_at = now;
            }
        }
    }

    /// An admitted link ended and none is left that carries the session: at once again if it was of use.
    pub(crate) fn redial_after_loss(&mut self, slot: Slot, was_of_use: bool) {
        let now = self.clock;
        if was_of_use || !self.rules.holds(Clause::ImmediateOnlyAfterUse) {
            if let Some(peer) = self.peers.get_mut(slot) {
                peer.redial.hurry(now);
            }
        } else {
            self.back_off(slot);
        }
    }

    /// Waits longer than before, with full jitter.
    pub(crate) fn back_off(&mut self, slot: Slot) {
        let now = self.clock;
        let grows = self.rules.holds(Clause::BackoffGrows);
        let most_kept = self.kept_backoff();
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.redial.is_paused(now) {
            return;
        }
        let most = if peer.kept_here { most_kept } else { self.config.backoff_most };
        let bound = doubled(self.config.backoff_first, peer.redial.failures).min(most);
        if grows {
            peer.redial.failures = peer.redial.failures.saturating_add(1).min(MOST_DOUBLINGS);
        }
        peer.redial.not_before = now.after(self.dice.up_to(bound));
    }

    /// The longest wait for a peer that is to be kept.
    pub(crate) fn kept_backoff(&self) -> Duration {
        self.config.detect_within.max(KEPT_BACKOFF)
    }

    /// Leaves the peer alone for long: it refused for a reason that will not change.
    pub(crate) fn pause(&mut self, slot: Slot) {
        if !self.rules.holds(Clause::LongPause) {
            self.back_off(slot);
            return;
        }
        let now = self.clock;
        if let Some(peer) = self.peers.get_mut(slot) {
            let span = doubled(self.config.pause_first, peer.redial.pauses).min(self.config.pause_most);
            peer.redial.pauses = peer.redial.pauses.saturating_add(1).min(MOST_DOUBLINGS);
            peer.redial.not_before = now.after(span);
            peer.redial.paused = true;
            peer.redial.attempt = None;
            peer.redial.asked = None;
        }
        self.abandon_dials(slot);
    }

    /// Ends the dials to a peer that the other end cannot have admitted yet.
    pub(crate) fn abandon_dials(&mut self, slot: Slot) {
        let dials: Few = self.collect(slot, |link| link.is_attempt() && !link.may_be_admitted_there());
        for dial in dials {
            self.end_quietly(dial, Reason::Abandoned);
        }
    }

    fn dial_next(&mut self, slot: Slot, attempt: Attempt) {
        let hinted = attempt.asked == Some(Asked::Hint);
        if self.peers.get(slot).is_none_or(|peer| !peer.candidates.has_next(attempt.worst)) {
            return;
        }
        if !self.may_dial(false) {
            self.waiting.push_back(&mut self.peers, slot);
            return;
        }
        let free = self.may_dial(hinted);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if !free {
            // A hint has no claim to wait for a budget that others need.
            peer.redial.attempt = None;
            self.stats.hints_dropped += 1;
            return;
        }
        let Some(route) = peer.candidates.take_next(attempt.worst) else { return };
        if self.own_addresses.contains(&route.address) && self.rules.holds(Clause::OwnAddressRemembered) {
            peer.candidates.forget(route.address);
            self.pursue(slot);
            return;
        }
        if let Some(attempt) = &mut peer.redial.attempt {
            attempt.next_at = self.clock.after(STAGGER);
        }
        self.begin_dial(slot, route, hinted);
    }

    fn begin_dial(&mut self, slot: Slot, route: Route, hinted: bool) {
        let until = self.clock.after(self.config.dial_within);
        let link = self.add_link(|id: LinkId| Link { hinted, ..Link::dialed(id, route, slot, until) });
        let Some(link) = link else {
            self.stats.no_room_for_link += 1;
            self.dial_failed(slot, route.address);
            return;
        };
        self.budget.in_flight += 1;
        self.budget.begun.take(self.clock, self.config.limits.dials_per_second);
        if hinted {
            self.budget.hinted += 1;
            self.budget.hints_begun.take(self.clock, self.hint_share(self.config.limits.dials_per_second));
        }
        self.stats.dials += 1;
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.links.push_back(&mut self.links, link);
        }
        self.touch(link);
    }

    fn may_dial(&self, hinted: bool) -> bool {
        if !self.rules.holds(Clause::DialBudget) {
            return true;
        }
        let limits = &self.config.limits;
        let free = self.budget.in_flight < limits.dials_in_flight
            && self.budget.begun.free_at(self.clock, limits.dials_per_second).is_none();
        let hint_free = !hinted
            || !self.rules.holds(Clause::HintsAreBounded)
            || (self.budget.hinted < self.hint_share(limits.dials_in_flight)
                && self
                    .budget
                    .hints_begun
                    .free_at(self.clock, self.hint_share(limits.dials_per_second))
                    .is_none());
        free && hint_free
    }

    /// What hints that nobody vouches for get of a budget: a quarter.
    pub(crate) fn hint_share(&self, budget: u32) -> u32 {
        (budget / 4).max(1)
    }

    /// A dial, or its handshake, took too long.
    pub(crate) fn dial_ran_out(&mut self, slot: Slot) {
        let Some(link) = self.links.get(slot) else { return };
        let reason = match link.phase {
            Phase::Dialing { .. } => Reason::System(SystemError::TimedOut),
            Phase::Shaking { .. }
            | Phase::Proven { .. }
            | Phase::Admitted
            | Phase::Draining { .. }
            | Phase::Ended { .. } => Reason::Silent,
        };
        self.end_quietly(slot, reason);
    }
}

/// Beyond this many doublings every bound is reached.
const MOST_DOUBLINGS: u8 = 16;

fn doubled(first: Duration, times: u8) -> Duration {
    first.saturating_mul(1 << times.min(MOST_DOUBLINGS))
}

/// The earliest of some moments that may not come.
pub(crate) fn earliest<const N: usize>(moments: [Option<Instant>; N]) -> Option<Instant> {
    moments.into_iter().fold(None, earlier)
}
