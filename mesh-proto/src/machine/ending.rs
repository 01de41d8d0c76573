//! How links and sessions end, and what is told of it (R15, R16, and the draining of R4).

use crate::explain::Past;
use crate::id::LinkId;
use crate::machine::Mesh;
use crate::machine::link::{Link, Owes, Phase};
use crate::machine::pulse::Strictness;
use crate::machine::session::Birth;
use crate::reason::{Reason, SystemError};
use crate::rules::{Clause, Rules};
use crate::storage::{Slot, Storage};

/// How a link is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// The close goes out with its reason, and the other end's is awaited.
    Drain,
    /// The close goes out with its reason, and nothing is awaited.
    Tell,
    /// The refusal goes out, and nothing is awaited.
    Refuse,
    /// Nothing goes out.
    Cut,
    /// It is gone already: there is nothing to close.
    Gone,
}

/// Who knows that a link ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Witness {
    /// This end; the other must be told (R5).
    HereOnly,
    /// Both ends, or nobody is left at the other.
    Both,
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// Ends a link. Every ending goes through here, so that its place, its budget, its peer and its reason are seen to
    /// together. What it means for the peer is seen when that is reviewed.
    pub(crate) fn end_link(&mut self, slot: Slot, reason: Reason, how: How, witness: Witness) {
        let now = self.clock;
        let Some(link) = self.links.get(slot) else { return };
        let (dial, half_open) = (link.is_dial(), link.is_half_open());
        let (id, side, remote, phase, peer) = (link.id, link.side, link.remote, link.phase, link.peer);
        let (attempt, hinted, usable) = (link.is_attempt(), link.hinted, link.is_usable());
        let of_use = link.stable_at.is_none();
        let admitted = link.is_admitted();
        let tag = link.proof.map(|proof| proof.tag);
        // A dial that was never ordered needs no order to close.
        let never_ordered = link.owes.dial;
        let known_there = admitted || link.may_be_admitted_there() || matches!(phase, Phase::Draining { .. });
        let probe_time = link.pulse.as_ref().map_or(self.config.probe_floor, super::Pulse::probe_time);
        if link.is_ended() {
            return;
        }
        if dial {
            self.settle_dial(hinted);
        } else if half_open {
            self.leave_half_open(slot);
        }
        if let Some(place) = peer {
            if !matches!(phase, Phase::Draining { .. })
                && let Some(peer) = self.peers.get_mut(place)
            {
                peer.remember(Past { link: id, side, remote, reason, admitted, at: now });
                if usable {
                    peer.ended = Some(reason);
                    peer.lost_carrier = Some(of_use);
                } else if attempt && !peer.session && reason != Reason::Abandoned {
                    peer.ended = Some(reason);
                }
            }
            if let Some(address) = remote.filter(|_| attempt && !reason.spares_the_address()) {
                self.dial_failed(place, address);
            }
        }
        if how == How::Drain {
            if let Some(link) = self.links.get_mut(slot) {
                link.phase = Phase::Draining { reason, until: now.after(probe_time) };
                link.owes = Owes { close: Some(reason), ..Owes::default() };
            }
            self.touch(slot);
            return;
        }
        self.detach(slot);
        if let (Some(place), Some(tag), Witness::HereOnly, true) = (peer, tag, witness, known_there) {
            self.add_loss(place, tag, reason);
        }
        self.stats.ended += 1;
        if let Some(link) = self.links.get_mut(slot) {
            link.phase = Phase::Ended { reason };
            link.peer = None;
            let close = (how == How::Tell && admitted).then_some(reason);
            let refused = (how == How::Refuse).then_some(reason);
            link.owes =
                Owes { close: link.owes.close.or(close), refused, end: Some(reason), ..Owes::default() };
        }
        if how == How::Gone || never_ordered {
            self.ready.remove(&mut self.links, slot);
            self.remove_link(slot);
        } else {
            self.touch(slot);
        }
    }

    /// Ends a link of which the other end is told on the others, if it has admitted it.
    pub(crate) fn end_quietly(&mut self, slot: Slot, reason: Reason) {
        self.end_link(slot, reason, How::Cut, Witness::HereOnly);
    }

    /// A link ended, or a dial failed, by the system's word.
    pub(crate) fn closed(&mut self, id: LinkId, error: SystemError) {
        // A deadline of the same step may have ended it: then the order to close it has nothing left to close.
        let ended = |slot: &Slot| self.links.get(*slot).is_some_and(|link| link.id == id && link.is_ended());
        if let Some(slot) = id.slot().filter(ended) {
            self.ready.remove(&mut self.links, slot);
            self.remove_link(slot);
            return;
        }
        let Some(slot) = self.place_of(id) else { return };
        let peer = self.links.get(slot).and_then(|link| link.peer);
        self.end_link(slot, Reason::System(error), How::Gone, Witness::HereOnly);
        if let Some(peer) = peer {
            self.review(peer);
        }
    }

    /// The other end closes a link: it is answered, and what the reason says of the session is believed.
    pub(crate) fn close_read(&mut self, slot: Slot, reason: Reason) {
        let Some(link) = self.links.get_mut(slot) else { return };
        let (peer, in_doubt) = (link.peer, link.doubted_here);
        let mut is_news = !in_doubt;
        match link.phase {
            Phase::Draining { reason: own, .. } => {
                self.end_link(slot, reason, How::Cut, Witness::Both);
                // The answer to one's own close says nothing new: a link that came since stays.
                is_news &= reason != own;
                if let (Reason::Idle, Some(place)) = (own, peer) {
                    self.idle_close_answered(place, reason);
                }
            }
            Phase::Admitted
            | Phase::Dialing { .. }
            | Phase::Shaking { .. }
            | Phase::Proven { .. }
            | Phase::Ended { .. } => {
                let how = if self.rules.holds(Clause::CloseIsAnswered) { How::Tell } else { How::Cut };
                self.end_link(slot, reason, how, Witness::Both);
                if reason == Reason::Idle && peer.is_some_and(|peer| self.needs_session(peer)) {
                    is_news = false;
                    // The session goes on, and another answer than its own reason tells the other end so.
                    if let Some(link) = self.links.get_mut(slot) {
                        link.owes.close = link.owes.close.map(|_| Reason::Superseded);
                    }
                }
            }
        }
        let Some(place) = peer else { return };
        if is_news {
            self.believe_close(place, reason);
        }
        self.review(place);
    }

    /// The other end has answered a close for lack of use: the session ends if it agrees, and nothing else has come.
    fn idle_close_answered(&mut self, place: Slot, answer: Reason) {
        if self.links_of(place).any(|(_, link)| link.is_usable()) {
            return;
        }
        if answer == Reason::Idle {
            self.end_session(place, Some(Reason::Idle));
        } else {
            self.redial_after_loss(place, true);
        }
    }

    /// Whether this side has a use for the session, though the other has none: it keeps it, or wants or has another link.
    fn needs_session(&self, place: Slot) -> bool {
        let Some(peer) = self.peers.get(place) else { return false };
        peer.kept_here
            || peer.has_mail
            || peer.redial.asked.is_some()
            || self.links_of(place).any(|(_, link)| link.is_usable() || link.is_attempt())
    }

    fn believe_close(&mut self, place: Slot, reason: Reason) {
        match reason {
            Reason::Left | Reason::Shutdown | Reason::Forgotten | Reason::Idle | Reason::Refused(_) => {
                if self.rules.holds(Clause::LeaveIsBelieved) {
                    self.end_links(place, reason, How::Cut);
                    self.end_session(place, Some(reason));
                }
                if reason.lasts() && self.rules.holds(Clause::GivenWayStaysAway) {
                    self.pause(place);
                } else {
                    self.back_off(place);
                }
            }
            Reason::Conflict => {
                if let Some(peer) = self.peers.get_mut(place) {
                    peer.conflict = true;
                    peer.ended = Some(reason);
                }
                self.stats.conflicts += 1;
                self.changed(place);
                self.pause(place);
            }
            Reason::Silent
            | Reason::Superseded
            | Reason::Duplicate
            | Reason::Restarted
            | Reason::WrongPeer
            | Reason::OwnSelf
            | Reason::ProtocolError
            | Reason::Abandoned
            | Reason::System(_) => {}
        }
    }

    /// Ends every link of a peer that is admitted or about to be.
    pub(crate) fn end_links(&mut self, place: Slot, reason: Reason, how: How) {
        for link in self.collect(place, |link| link.is_admitted() || link.is_attempt()) {
            if self.links.get(link).is_some_and(Link::is_admitted) {
                self.end_link(link, reason, how, Witness::Both);
            } else {
                self.end_quietly(link, Reason::Abandoned);
            }
        }
    }

    /// Ends the session with a peer. Its links are ended by whoever calls this.
    pub(crate) fn end_session(&mut self, place: Slot, reason: Option<Reason>) {
        self.close_mail(place, reason.unwrap_or(Reason::Silent), Birth::Drawn);
        if let Some(peer) = self.peers.get_mut(place) {
            peer.session = false;
            peer.ended = reason;
            peer.lost_carrier = None;
            peer.away_since = None;
        }
    }

    /// A session was without a link for long, or nobody came for long to begin one.
    pub(crate) fn waited_in_vain(&mut self, place: Slot) {
        match self.peers.get(place) {
            Some(peer) if peer.session => self.end_session(place, peer.ended),
            // Whatever ended the session before: what waited for the next waits no more.
            Some(_) | None => self.close_mail(place, Reason::Silent, Birth::Drawn),
        }
    }

    /// Closes a session that nobody needs; it ends when the other end agrees.
    pub(crate) fn close_as_idle(&mut self, slot: Slot) {
        for link in self.collect(slot, Link::is_usable) {
            self.end_link(link, Reason::Idle, How::Drain, Witness::HereOnly);
        }
    }

    /// What is due in the life of an admitted link. Says whether its peer is to be looked at: to one that is only asked,
    /// or has lived long enough, nothing has happened.
    pub(crate) fn fire_pulse(&mut self, slot: Slot) -> bool {
        let now = self.clock;
        let grace = self.late && self.rules.holds(Clause::LateStepGrace);
        let silence_kills = self.rules.holds(Clause::SilenceIsDeath);
        let run_out_kills = !self.rules.holds(Clause::RunOutIsNotDeath);
        let pings = self.rules.holds(Clause::PingsBeforeDeath);
        let Some(link) = self.links.get_mut(slot) else { return false };
        let (peer, stable) = (link.peer, link.stable_at.is_some_and(|at| at <= now));
        let Some(pulse) = &mut link.pulse else { return false };
        let dead = pulse.death() <= now;
        let ran_out = pulse.patience().is_some_and(|at| at <= now);
        if (dead || ran_out) && grace && !link.grace_used {
            // The answer may lie unread: this node was not there to read it.
            link.grace_used = true;
            pulse.wait_longer(now);
        } else if (dead && silence_kills) || (ran_out && run_out_kills) {
            self.end_link(slot, Reason::Silent, How::Cut, Witness::HereOnly);
            return true;
        } else {
            if ran_out {
                pulse.run_out();
            }
            if dead {
                // The weakened rule waits on.
                pulse.wait_longer(now);
            }
        }
        if pulse.ping_due() <= now {
            pulse.ping(now);
            link.owes.ping = pings;
            self.pinged = true;
        }
        if stable && let Some(link) = self.links.get_mut(slot) {
            link.stable_at = None;
            if let Some(peer) = peer.and_then(|peer| self.peers.get_mut(peer)) {
                peer.redial.start_over();
            }
        }
        self.touch(slot);
        ran_out
    }

    /// Pings that are nearly due go out with those that are (R18): fewer wake-ups for the same answers.
    pub(crate) fn ping_together(&mut self) {
        let now = self.clock;
        if !core::mem::take(&mut self.pinged) {
            return;
        }
        while let Some((at, slot)) = self.first_link_timer() {
            // One that closes has said its last word.
            let asks = self.links.get_mut(slot).filter(|link| link.is_admitted());
            let Some(pulse) = asks.and_then(|link| link.pulse.as_mut()) else { return };
            let slack = pulse.interval() / 8;
            if pulse.ping_due() != at || at > now.after(slack) {
                return;
            }
            pulse.ping(now);
            if let Some(link) = self.links.get_mut(slot) {
                link.owes.ping = true;
            }
            self.touch(slot);
        }
    }

    /// The other end did not answer a close in time.
    pub(crate) fn drained_in_vain(&mut self, slot: Slot, reason: Reason) {
        let peer = self.links.get(slot).and_then(|link| link.peer);
        self.end_link(slot, reason, How::Cut, Witness::HereOnly);
        if reason == Reason::Idle
            && let Some(peer) = peer
        {
            self.redial_after_loss(peer, true);
        }
    }

    /// Asks on every link of a peer that has none open, at once.
    pub(crate) fn probe_all(&mut self, slot: Slot, strictness: Strictness) {
        for link in self.collect(slot, Link::is_admitted) {
            self.probe(link, strictness);
        }
    }

    /// Takes a link off its peer.
    pub(crate) fn detach(&mut self, slot: Slot) {
        let Some(place) = self.links.get(slot).and_then(|link| link.peer) else { return };
        if let Some(peer) = self.peers.get_mut(place) {
            peer.links.remove(&mut self.links, slot);
        }
    }

    /// Takes a link out of the table. Its name means nothing from now on.
    pub(crate) fn remove_link(&mut self, slot: Slot) {
        self.link_timers.remove(slot);
        self.links.remove(slot);
    }
}
