//! Which link stays: one decider, preference, and a proof before every close (R2, R3, R4), and what becomes of a run
//! that is in doubt (R6).

use crate::explain::Chosen;
use crate::frame::PathClass;
use crate::machine::ending::{How, Witness};
use crate::machine::link::{Link, Phase, Side};
use crate::machine::pulse::{Evidence, Pulse, Strictness};
use crate::machine::session::Birth;
use crate::machine::{Few, Mesh};
use crate::reason::Reason;
use crate::rules::{Clause, Rules};
use crate::storage::{Slot, Storage};

/// What stands before another link (R3), the lower the better: the kind of way, who dialed, who was there first.
/// Age and silence are not in it, for the two ends may see them differently.
type Preference = (PathClass, bool, u32);

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// Closes what is surplus among the links of a peer, as far as the evidence goes, and asks for what is missing.
    ///
    /// The links are gone through in the order of preference. The first that has answered since the newest of them was
    /// admitted stays, and the others are closed; one that may still answer is waited for; one whose probe ran out is
    /// passed over. Nothing is closed while none has answered.
    pub(crate) fn settle(&mut self, slot: Slot) -> Option<Chosen> {
        self.settle_doubts(slot);
        let decides = self.decides(slot)?;
        let acts_on_run_out = decides || !self.rules.holds(Clause::OnlyDeciderActsOnRunOut);
        if !decides && !acts_on_run_out && self.rules.holds(Clause::OneDecider) {
            return None;
        }
        let order = self.by_preference(slot);
        if order.len() < 2 {
            return None;
        }
        let mut passed_over = 0;
        for place in &order {
            match self.evidence(*place) {
                Evidence::Answered => {
                    let follower_may = !self.rules.holds(Clause::OneDecider) || passed_over > 0;
                    return (decides || follower_may)
                        .then(|| self.keep_only(*place, &order, passed_over > 0));
                }
                Evidence::Asked | Evidence::Unasked if !self.rules.holds(Clause::ProofBeforeClose) => {
                    return Some(self.keep_only(*place, &order, passed_over > 0));
                }
                Evidence::Asked => return None,
                Evidence::Unasked => {
                    self.probe(*place, Strictness::AnyFrame);
                    return None;
                }
                Evidence::RanOut => passed_over += 1,
            }
        }
        None
    }

    /// Asks on a link, now.
    pub(crate) fn probe(&mut self, place: Slot, strictness: Strictness) {
        let now = self.clock;
        if let Some(link) = self.links.get_mut(place)
            && let Some(pulse) = &mut link.pulse
        {
            pulse.probe(now, strictness);
            link.owes.ping = true;
            self.stats.probes += 1;
        }
        self.touch(place);
    }

    /// Whether this node decides for the pair; `None` while the other's name is not known.
    pub(crate) fn decides(&self, slot: Slot) -> Option<bool> {
        self.peers.get(slot)?.id.map(|other| self.me < other)
    }

    fn evidence(&self, place: Slot) -> Evidence {
        let pulse = self.links.get(place).and_then(|link| link.pulse.as_ref());
        pulse.map_or(Evidence::Unasked, Pulse::evidence)
    }

    /// The links that can carry the session, the preferred one first.
    fn by_preference(&self, slot: Slot) -> Few {
        let mut order = self.collect(slot, Link::is_usable);
        order.sort_unstable_by_key(|place| self.preference(slot, *place));
        order
    }

    fn preference(&self, slot: Slot, place: Slot) -> Preference {
        let lower_is_here = self.decides(slot).unwrap_or(false);
        let Some(link) = self.links.get(place) else { return (PathClass::Relayed, true, u32::MAX) };
        let dialed_by_lower = matches!(link.side, Side::Dialed) == lower_is_here;
        if !self.rules.holds(Clause::Preference) {
            return (PathClass::Direct, dialed_by_lower, link.order);
        }
        let order = if self.rules.holds(Clause::IncumbentStays) { link.order } else { u32::MAX - link.order };
        (link.class, !dialed_by_lower, order)
    }

    /// Closes all but one, which has answered.
    fn keep_only(&mut self, stays: Slot, order: &Few, was_second: bool) -> Chosen {
        let stays_at = self.links.get(stays).map_or(0, |link| link.order);
        let (class, by_lower, _) = self.preference_of(stays);
        let mut chosen = Chosen::First;
        for place in order {
            if *place == stays {
                continue;
            }
            let Some(link) = self.links.get(*place) else { continue };
            let (reason, how) = if link.is_suspect() {
                (Reason::Silent, How::Tell)
            } else if link.order < stays_at {
                (Reason::Superseded, How::Drain)
            } else {
                (Reason::Duplicate, How::Drain)
            };
            let (other_class, other_by_lower, _) = self.preference_of(*place);
            if class != other_class {
                chosen = Chosen::BetterPath;
            } else if by_lower != other_by_lower && chosen != Chosen::BetterPath {
                chosen = Chosen::DialedByLower;
            }
            self.end_link(*place, reason, how, Witness::HereOnly);
        }
        if was_second { Chosen::OnlyOneToAnswer } else { chosen }
    }

    fn preference_of(&self, place: Slot) -> Preference {
        let peer = self.links.get(place).and_then(|link| link.peer);
        peer.map_or((PathClass::Relayed, true, u32::MAX), |peer| self.preference(peer, place))
    }

    /// Asks both sides of a doubt, and acts once they have answered or have not.
    fn settle_doubts(&mut self, slot: Slot) {
        let doubtful = self.collect(slot, |link| link.is_admitted() && link.doubted_here);
        if doubtful.is_empty() {
            return;
        }
        let known = self.collect(slot, |link| link.is_admitted() && !link.doubted_here);
        for place in known.iter().chain(&doubtful) {
            if self.evidence(*place) == Evidence::Unasked {
                self.probe(*place, Strictness::AnyFrame);
            }
        }
        let known_answers = known.iter().any(|place| self.evidence(*place) == Evidence::Answered);
        let known_may_answer = known.iter().any(|place| self.evidence(*place) == Evidence::Asked);
        for place in doubtful {
            match self.evidence(place) {
                Evidence::Answered if known_answers => {
                    self.conflict(slot, place);
                }
                Evidence::Answered if !known_may_answer => {
                    self.believe(slot, place);
                    return;
                }
                Evidence::RanOut if known_answers => {
                    self.end_link(place, Reason::Silent, How::Tell, Witness::HereOnly);
                }
                Evidence::Answered | Evidence::Asked | Evidence::Unasked | Evidence::RanOut => {}
            }
        }
    }

    /// The same key lives twice: the newcomer is refused, and both ends say so.
    fn conflict(&mut self, slot: Slot, newcomer: Slot) {
        if !self.rules.holds(Clause::ConflictIsRefused) {
            self.believe(slot, newcomer);
            return;
        }
        self.stats.conflicts += 1;
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.conflict = true;
        }
        self.end_link(newcomer, Reason::Conflict, How::Drain, Witness::HereOnly);
        self.changed(slot);
    }

    /// The run that was in doubt is the one that lives.
    fn believe(&mut self, slot: Slot, place: Slot) {
        let Some(run) = self.links.get(place).and_then(|link| link.incarnation) else { return };
        // It may have been believed before: what it says of that session must not be good for the one that begins.
        self.renew(slot, run, Birth::Drawn);
        let birth = self.mail.get(slot).map_or(0, |mail| mail.birth);
        for other in self.collect(slot, |link| link.is_admitted() && link.incarnation == Some(run)) {
            if let Some(link) = self.links.get_mut(other) {
                link.doubted_here = false;
                link.owes.cleared = true;
                if let Some(line) = self.lines.get_mut(other) {
                    line.birth = birth;
                    line.unanswered = true;
                }
                if let Some(pulse) = &mut link.pulse {
                    pulse.start_afresh();
                }
            }
            self.touch(other);
            if self.links.get(other).is_some_and(Link::is_usable) {
                self.begin_session(other, slot);
            }
        }
        self.changed(slot);
    }

    /// The other end doubts this node's run: the link carries nothing until that is cleared.
    pub(crate) fn doubted(&mut self, place: Slot) {
        if let Some(link) = self.links.get_mut(place) {
            link.doubted_there = true;
        }
    }

    /// The other end believes again.
    pub(crate) fn cleared(&mut self, place: Slot, birth: u64) {
        let Some(link) = self.links.get_mut(place) else { return };
        link.doubted_there = false;
        if let Some(line) = self.lines.get_mut(place) {
            if let Some(greeting) = line.greeting.as_mut() {
                greeting.birth = birth;
            }
            // Whoever clears is answered in kind, so that it knows what was sent since; by one that doubts too, once it
            // does no longer.
            let is_answer = core::mem::take(&mut line.unanswered);
            link.owes.cleared |= !is_answer && !link.doubted_here;
        }
        let (usable, peer) = (link.is_usable(), link.peer);
        let Some(slot) = peer else { return };
        // What was told in doubt was not believed: it is told again.
        let has_lost = self.peers.get(slot).is_some_and(|peer| !peer.losses.is_empty());
        if let Some(link) = self.links.get_mut(place) {
            link.owes.lost |= has_lost;
        }
        for other in self.collect(slot, |link| matches!(link.phase, Phase::Admitted)) {
            if let Some(pulse) = self.links.get_mut(other).and_then(|link| link.pulse.as_mut()) {
                pulse.start_afresh();
            }
        }
        if usable {
            self.begin_session(place, slot);
        }
    }
}
