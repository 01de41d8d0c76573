//! What a session is: two runs, a number that each end gives it, and marks that are good for these alone (R13).

use crate::frame::Hello;
use crate::machine::Mesh;
use crate::machine::ending::{How, Witness};
use crate::machine::link::{Link, Side};
use crate::machine::mail::{Greeting, Line, Receiving, Sending};
use crate::message::{Lane, OnRestart, Outcome, PerLane, Takes, Window};
use crate::reason::Reason;
use crate::rules::{Clause, Rules};
use crate::storage::{Parcels, Slot, Storage};

/// Who ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Birth {
    /// This end, and the other is told by a new number.
    Drawn,
    /// The other end: this one keeps its number for the next.
    Kept,
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// How much this node takes: the configuration's limits, or what the tables have room for if that is less.
    pub(crate) fn takes(&self) -> Takes {
        let limits = &self.config.limits;
        let bound = |limit: u32, bound: Option<usize>| {
            bound.and_then(|bound| u32::try_from(bound).ok()).map_or(limit, |bound| limit.min(bound))
        };
        let window = Window {
            bytes: bound(limits.window.bytes, S::BYTES),
            messages: bound(limits.window.messages, S::MESSAGES),
        };
        Takes { message: limits.message.min(window.bytes / 2), record: limits.record, window }
    }

    /// A number for a session that no other session of this run has.
    pub(crate) fn draw_birth(&mut self) -> u64 {
        if self.rules.holds(Clause::BirthsRise) {
            self.births += 1;
        }
        self.births
    }

    /// What a hello or a welcome on this link says of the session, and noting that it was said.
    pub(crate) fn greeting(&mut self, slot: Slot) -> Greeting {
        let takes = self.takes();
        let window = takes.window;
        let place = self.links.get(slot).and_then(|link| link.peer);
        let session = place.and_then(|place| self.peers.get(place)).filter(|peer| peer.session);
        let run = session.and_then(|peer| peer.incarnation);
        let mail = place.and_then(|place| self.mail.get(place));
        let meant = run.zip(mail.and_then(|mail| mail.birth_there));
        let birth = mail.map_or(0, |mail| mail.birth);
        let marks = mail.map(|mail| mail.marks(window)).unwrap_or_default();
        let known = mail.and_then(|mail| Some((mail.birth_there?, mail.marks_there())));
        if let Some(line) = self.lines.get_mut(slot) {
            line.birth = birth;
            line.meant = meant;
            line.told = Some(marks);
            if line.greeting.is_none() {
                line.heard = known;
            }
        }
        Greeting { birth, meant, marks, takes }
    }

    /// Takes note of what the other end says of the session; whether that can be.
    pub(crate) fn note_greeting(&mut self, slot: Slot, hello: &Hello) -> bool {
        let Hello { birth, meant, marks, takes, .. } = *hello;
        if let Some(line) = self.lines.get_mut(slot) {
            line.greeting = Some(Greeting { birth, meant, marks, takes });
        }
        takes.is_sound()
    }

    /// A link can carry the session from now on. If its other end speaks of a session that is over, the link is closed;
    /// if it speaks of a later one, that has begun.
    pub(crate) fn begin_session(&mut self, slot: Slot, place: Slot) {
        let now = self.clock;
        let Some(line) = self.lines.get_mut(slot) else { return };
        let Line { greeting: Some(greeting), birth, meant, .. } = *line else { return };
        let heard = line.heard;
        let Some(link) = self.links.get(slot) else { return };
        let (side, run, id) = (link.side, link.incarnation, link.id);
        let Some(mail) = self.mail.get(place) else { return };
        let known = mail.birth_there;
        if (side == Side::Dialed && birth != mail.birth) || known.is_some_and(|known| greeting.birth < known)
        {
            // Nothing is said on it: the other end has ended that session, or hears of it on the links that stay.
            self.end_link(slot, Reason::Forgotten, How::Cut, Witness::HereOnly);
            return;
        }
        let in_session = self.peers.get(place).is_some_and(|peer| peer.session);
        if in_session && known.is_some_and(|known| greeting.birth > known) {
            for other in self.collect(place, Link::is_usable) {
                // It may count there by now: the word that clears a doubt goes over each link by itself.
                if other != slot {
                    self.end_link(other, Reason::Forgotten, How::Cut, Witness::HereOnly);
                }
            }
            self.close_mail(place, Reason::Forgotten, Birth::Kept);
        }
        let (run_here, for_birth) = (self.incarnation, self.rules.holds(Clause::MarksForBirth));
        let Some(mail) = self.mail.get_mut(place) else { return };
        // What went out on it while it was in doubt was not read.
        mail.carrier = mail.carrier.filter(|carrier| *carrier != id);
        mail.birth_there = Some(greeting.birth);
        mail.takes = greeting.takes;
        let here = (run_here, mail.birth);
        // What was written before there was a session says nothing of one, and is right of a new one.
        let is_meant = greeting.meant == Some(here) || !for_birth;
        if is_meant || greeting.meant.is_none() {
            mail.open = mail.open.at_least(greeting.marks.open);
        }
        let mail_there = mail.marks_there();
        if let Some(line) = self.lines.get_mut(slot) {
            line.birth = here.1;
            line.heard = Some((greeting.birth, greeting.marks)).filter(|_| is_meant);
            // Marks that the other end read as those of another session must be told again.
            if meant.is_some() && meant != run.map(|run| (run, greeting.birth)) {
                line.told = None;
            }
        }
        if is_meant {
            // Only what was known when this end wrote its own message of the handshake can be contradicted.
            let known = (greeting.birth, mail_there);
            let heard = if self.rules.holds(Clause::OldMarksAreOldNews) { heard } else { Some(known) };
            let written_later = side == Side::Dialed || !self.rules.holds(Clause::OldMarksAreOldNews);
            let floor = heard.filter(|(birth, _)| written_later && *birth == greeting.birth);
            let contradicts = floor.is_some_and(|(_, floor)| !greeting.marks.cover(&floor));
            if contradicts || !self.marks_apply(slot, place, &greeting.marks) {
                self.protocol_error(slot);
                return;
            }
        }
        if let Some(peer) = self.peers.get_mut(place) {
            peer.session = true;
            peer.used = now;
            peer.redial.lift_pause(now);
        }
        if self.rules.holds(Clause::DuplicatesAnswered) {
            self.owe_marks(place);
        }
        self.is_met(place);
    }

    /// Whether what comes over this link is of the session that is.
    pub(crate) fn carries_session(&self, slot: Slot, place: Slot) -> bool {
        let (Some(line), Some(mail)) = (self.lines.get(slot), self.mail.get(place)) else { return false };
        let there = line.greeting.map(|greeting| greeting.birth).filter(|_| !line.unanswered);
        self.links.get(slot).is_some_and(Link::is_usable)
            && line.birth == mail.birth
            && there == mail.birth_there
    }

    /// The messages of a session that ends: what is not taken is reported, what came stays to be taken.
    pub(crate) fn close_mail(&mut self, place: Slot, reason: Reason, birth: Birth) {
        let drawn = match birth {
            Birth::Drawn => Some(self.draw_birth()),
            Birth::Kept => None,
        };
        let leftover_counts = self.rules.holds(Clause::LeftoverCounts);
        let had_session = self.peers.get(place).is_some_and(|peer| peer.session);
        let Some(mail) = self.mail.get_mut(place) else { return };
        mail.birth = drawn.unwrap_or(mail.birth);
        let mut dropped = 0;
        for lane in [Lane::Ordinary, Lane::Urgent] {
            let numbered = mail.sending.of(lane).numbered as usize;
            let mut at = 0;
            for index in 0..mail.out.len(lane) {
                let Some(message) = mail.out.header(lane, at).copied() else { break };
                // What never went out waits for the next session, if it was not for this one, or crossed its end.
                let crossed = reason == Reason::Idle || birth == Birth::Kept;
                let not_of_this = if reason == Reason::Restarted { !had_session } else { crossed };
                let waits = index >= numbered && not_of_this;
                let again = reason == Reason::Restarted && message.on_restart == OnRestart::SendAgain;
                if waits || again {
                    at += 1;
                    continue;
                }
                mail.out.remove(lane, at);
                mail.kept.take(message.len);
                dropped += u64::from(!mail.note(message, Outcome::Ended(reason)));
            }
            let receiving = *mail.receiving.of(lane);
            if mail.is_partial(lane)
                && let Some(partial) = mail.given.len(lane).checked_sub(1)
                && let Some(message) = mail.given.remove(lane, partial)
            {
                mail.untaken.take(message.len);
            }
            *mail.receiving.of_mut(lane) = Receiving {
                old: u32::try_from(mail.given.len(lane)).unwrap_or(u32::MAX),
                handed: receiving.handed,
                ..Receiving::default()
            };
        }
        mail.sending = PerLane { ordinary: Sending::default(), urgent: Sending::default() };
        mail.flight = Window::default();
        mail.left = if leftover_counts { mail.untaken } else { Window::default() };
        mail.open = Window::default();
        mail.carrier = None;
        self.stats.undelivered += dropped;
        self.mail_changed(place);
    }
}
