//! What goes out: messages are taken in, get their numbers, and leave in pieces, from where the peer says that it is
//! (R13, R14).

use crate::action::Action;
use crate::event::MessageBatch;
use crate::frame::Frame;
use crate::id::{LinkId, NodeId};
use crate::machine::Mesh;
use crate::machine::mail::{Mail, Outgoing, Sending};
use crate::machine::turn::{Answer, Unable};
use crate::message::{Lane, Marks, Message, Outcome, PerLane, Piece, Place, Takes, Wants, Window};
use crate::rules::{Clause, Rules};
use crate::storage::{Array, Parcels, Slot, Storage};

/// No piece is longer, so that a ping fits in between (R14).
const LONGEST_PIECE: u32 = 16 * 1024;

/// How far a lane is, while it is handed out: copies, which a processor has at hand. What they say is written when that is
/// over, also if whoever takes the pieces panics: what was handed out before has gone out.
struct Far<'m> {
    sending: Sending,
    flight: Window,
    room: u32,
    there: (&'m mut Sending, &'m mut Window, &'m mut u32),
}

impl Drop for Far<'_> {
    fn drop(&mut self) {
        let (sending, flight, room) = &mut self.there;
        (**sending, **flight, **room) = (self.sending, self.flight, self.room);
    }
}

/// Why a lane goes no further.
enum Stop {
    /// All of it went out, or the peer's window has no room for the next one.
    Lane,
    /// The link has no room for any.
    Link,
    /// The peer takes none as large as the one that stands there in the row.
    TooLarge(usize),
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// Takes messages in for a peer, as many as there is room for.
    pub(crate) fn send(&mut self, id: NodeId, mut messages: MessageBatch<'_>) -> Answer {
        let slot = match self.wanted(id) {
            Ok(slot) => slot,
            Err(unable) => return Answer::Unable(unable),
        };
        if !self.rules.holds(Clause::SendsWait) && self.carrier(slot).is_none() {
            return Answer::Unable(Unable::Unknown);
        }
        let takes = self.takes();
        let mut queued = 0;
        let mut stopped = Some(Unable::NoRoom);
        if let Some(mail) = self.mail.get_mut(slot) {
            let bounds = mail.bounds(&takes);
            let (own, lent) = messages.0.split();
            // Twice, so that each is made where it goes.
            let result = own.iter_mut().try_for_each(|message| {
                mail.queue(&takes, &bounds, message)?;
                queued += 1;
                Ok(())
            });
            let result = result.and_then(|()| {
                lent.iter().try_for_each(|message| {
                    mail.queue(&takes, &bounds, &mut message.lend())?;
                    queued += 1;
                    Ok(())
                })
            });
            stopped = result.err();
        }
        self.sent(slot);
        Answer::Sent { queued, stopped }
    }

    /// Takes a message in for every peer with a session.
    pub(crate) fn send_all(&mut self, message: &Message<'_>) -> Answer {
        if self.leaving {
            return Answer::Unable(Unable::Leaving);
        }
        let takes = self.takes();
        if message.body.len() as u64 > u64::from(takes.message) {
            return Answer::Unable(Unable::TooLarge { limit: takes.message });
        }
        let mut queued = 0;
        let mut next = self.peers.after(None);
        while let Some(slot) = next {
            next = self.peers.after(Some(slot));
            if self.peers.get(slot).is_none_or(|peer| !peer.session) {
                continue;
            }
            let Some(mail) = self.mail.get_mut(slot) else { continue };
            let bounds = mail.bounds(&takes);
            if mail.queue(&takes, &bounds, &mut message.lend()).is_ok() {
                queued += 1;
            } else {
                // A report takes room as a message does: where there is none for it either, it is counted. So there is
                // always room to report what is kept.
                let kept = if message.wants == Wants::Report { mail.kept.messages } else { 0 };
                let fits = kept.saturating_add(mail.notes()) < takes.window.messages;
                let noted = fits && mail.note(outgoing(message), Outcome::NoRoom);
                self.stats.undelivered += u64::from(!noted);
            }
            self.sent(slot);
        }
        Answer::Sent { queued, stopped: None }
    }

    /// Messages were taken in: they go out, or a link for them is made.
    fn sent(&mut self, slot: Slot) {
        self.mail_changed(slot);
        self.used(slot);
        let has_session = self.peers.get(slot).is_some_and(|peer| peer.session);
        match self.carrier(slot) {
            // Whom to dial, and which link stays, does not hang on what a session has to carry.
            Some(carrier) if has_session => self.owe_data_on(carrier, slot),
            Some(_) | None => self.review(slot),
        }
    }

    /// A link can take so many bytes.
    pub(crate) fn room(&mut self, id: LinkId, bytes: u32) {
        let Some(slot) = self.place_of(id) else { return };
        if let Some(line) = self.lines.get_mut(slot) {
            line.room = bytes;
        }
        let place = self.links.get(slot).and_then(|link| link.peer);
        if let Some(place) = place {
            self.owe_data(place);
        }
    }

    /// What waits for a peer goes out on the link that carries the session.
    pub(crate) fn owe_data(&mut self, place: Slot) {
        if self.mail.get(place).is_some_and(|mail| mail.kept.messages > 0)
            && let Some(carrier) = self.carrier(place)
        {
            self.owe_data_on(carrier, place);
        }
    }

    /// The same, on the link that does: also what was sent on another, which may have to go again.
    fn owe_data_on(&mut self, carrier: Slot, place: Slot) {
        let (Some(mail), Some(link)) = (self.mail.get(place), self.links.get_mut(carrier)) else { return };
        let moved = mail.kept.messages > 0 && mail.carrier != Some(link.id);
        if moved || mail.has_unsent() {
            link.owes.data = true;
            self.make_ready(carrier);
        }
    }

    /// Hands out what waits on a link, piece by piece, as far as there is room for it.
    pub(crate) fn send_pieces(&mut self, slot: Slot, perform: &mut impl FnMut(Action<'_>)) {
        let Some((link, place)) = self.links.get(slot).and_then(|link| Some((link.id, link.peer?))) else {
            return;
        };
        if self.carrier(place) != Some(slot) || !self.carries_session(slot, place) {
            return;
        }
        let resumes = self.rules.holds(Clause::ResumeFromMark);
        let bounded = self.rules.holds(Clause::WindowBounds);
        let mut skipped = false;
        let (Some(mail), Some(line)) = (self.mail.get_mut(place), self.lines.get_mut(slot)) else { return };
        mail.resume_on(link, resumes);
        for lane in Lane::ALL {
            let stop = loop {
                let stop = mail.send_lane(lane, &mut line.room, bounded, |piece, again| {
                    self.stats.resent += u64::from(again);
                    perform(Action::Send { link, frame: &Frame::Data(piece) });
                });
                let Stop::TooLarge(at) = stop else { break stop };
                let outcome = Outcome::TooLarge { limit: mail.takes.message };
                if let Some(message) = mail.out.remove(lane, at) {
                    mail.kept.take(message.len);
                    self.stats.undelivered += u64::from(!mail.note(message, outcome));
                }
                skipped = true;
            };
            if matches!(stop, Stop::Link) {
                break;
            }
        }
        if skipped {
            self.mail_changed(place);
            self.drain_mail(perform);
        }
    }

    /// Marks came.
    pub(crate) fn marks_read(&mut self, slot: Slot, place: Slot, marks: &Marks) {
        if !self.carries_session(slot, place) {
            return;
        }
        let birth = self.mail.get(place).and_then(|mail| mail.birth_there).unwrap_or_default();
        let Some(line) = self.lines.get_mut(slot) else { return };
        let falls = line.heard.is_some_and(|(_, heard)| !marks.cover(&heard));
        line.heard = Some((birth, *marks));
        if falls || !self.marks_apply(slot, place, marks) {
            self.protocol_error(slot);
        }
    }

    /// Believes marks of the session that is; `false` if they cannot be.
    pub(crate) fn marks_apply(&mut self, slot: Slot, place: Slot, marks: &Marks) -> bool {
        let Some(mail) = self.mail.get_mut(place) else { return false };
        let possible = Lane::ALL.iter().all(|lane| {
            let (sending, told) = (mail.sending.of(*lane), marks.lanes.of(*lane));
            let Place { number, offset } = told.received;
            // Of a message that is taken nobody knows any more how long it was.
            let begun = number.checked_sub(sending.taken).and_then(|at| usize::try_from(at).ok());
            let len = begun.and_then(|at| mail.out.header(*lane, at)).map(|message| message.len);
            let within = offset == 0 || len.is_none_or(|len| offset < len);
            told.taken <= number && told.received <= sending.sealed && within
        });
        if !possible {
            return false;
        }
        let mut moved = false;
        for lane in Lane::ALL {
            let told = *marks.lanes.of(lane);
            let sending = mail.sending.of_mut(lane);
            moved |= told.received > sending.received;
            sending.received = sending.received.max(told.received);
            sending.next = sending.next.max(sending.received);
            while mail.sending.of(lane).taken < told.taken {
                let sending = mail.sending.of_mut(lane);
                sending.taken += 1;
                sending.numbered = sending.numbered.saturating_sub(1);
                moved = true;
                if let Some(message) = mail.out.remove(lane, 0) {
                    mail.kept.take(message.len);
                    mail.flight.take(message.len);
                    mail.note(message, Outcome::Taken);
                }
            }
        }
        mail.open = mail.open.at_least(marks.open);
        if moved {
            self.was_of_use(slot, place);
        }
        self.mail_changed(place);
        self.owe_data(place);
        true
    }

    /// A mark moved on a link: it was of use, and the wait between attempts starts from the beginning (R12).
    fn was_of_use(&mut self, slot: Slot, place: Slot) {
        let Some(link) = self.links.get_mut(slot) else { return };
        if link.stable_at.take().is_some()
            && let Some(peer) = self.peers.get_mut(place)
        {
            peer.redial.start_over();
        }
    }

    /// The reports that wait are to be handed out.
    pub(crate) fn collect_reports(&mut self, id: NodeId) -> Answer {
        let Some(place) = self.find(&id) else { return Answer::Unable(Unable::Unknown) };
        let Some(mail) = self.mail.get_mut(place) else { return Answer::Done };
        let reports = core::mem::take(&mut mail.reports);
        for report in reports.iter() {
            if mail.settled.try_push(*report).is_err() && mail.reports.try_push(*report).is_err() {
                self.stats.undelivered += 1;
            }
        }
        self.mail_changed(place);
        Answer::Done
    }
}

impl<S: Storage> Mail<S> {
    /// What may be kept for each lane, as long as no receipt or report comes or goes: those take room as messages do.
    fn bounds(&self, takes: &Takes) -> PerLane<Window> {
        let notes = Window { bytes: 0, messages: self.notes() };
        let bound = |lane| takes.window.for_lane(lane, takes.message).less(notes);
        PerLane { ordinary: bound(Lane::Ordinary), urgent: bound(Lane::Urgent) }
    }

    /// Takes a message in, and its body, if there is room for it.
    #[inline(always)]
    fn queue(
        &mut self,
        takes: &Takes,
        bounds: &PerLane<Window>,
        message: &mut Message<'_>,
    ) -> Result<(), Unable> {
        let (header, lane, total) = (outgoing(message), message.lane, message.body.len());
        if total as u64 > u64::from(takes.message) {
            return Err(Unable::TooLarge { limit: takes.message });
        }
        let fits = bounds.of(lane).fits(self.kept, header.len);
        if !fits || self.out.push(lane, header, &mut message.body, total).is_err() {
            self.wants_room = true;
            return Err(Unable::NoRoom);
        }
        self.kept.add(header.len);
        Ok(())
    }

    /// When the sending link changes, also back to an old one, sending goes on from what the peer has not received.
    fn resume_on(&mut self, link: LinkId, resumes: bool) {
        if self.carrier == Some(link) {
            return;
        }
        self.carrier = Some(link);
        for lane in Lane::ALL {
            let sending = self.sending.of_mut(lane);
            if resumes {
                sending.next = sending.received;
            }
        }
    }

    /// Hands out what waits on a lane, as far as it fits into the room of the link and, where a message begins, into the
    /// peer's window. Each piece comes with whether any of it went out before.
    fn send_lane(
        &mut self,
        lane: Lane,
        room: &mut u32,
        bounded: bool,
        mut send: impl FnMut(Piece<'_>, bool),
    ) -> Stop {
        let Self { out, sending: lanes, flight: in_flight, takes, open, .. } = self;
        let of_lane = lanes.of_mut(lane);
        let mut far =
            Far { sending: *of_lane, flight: *in_flight, room: *room, there: (of_lane, in_flight, room) };
        let window = open.for_lane(lane, takes.message);
        let longest = takes.record.saturating_sub(Piece::OVERHEAD).min(LONGEST_PIECE);
        let first = far.sending.at();
        for ((message, whole), at) in out.whole_from(lane, first).zip(first..) {
            let Outgoing { kind, len: total, .. } = *message;
            let mut begins = at >= far.sending.numbered as usize;
            if begins && bounded {
                if total > takes.message {
                    return Stop::TooLarge(at);
                }
                if !window.fits(far.flight, total) {
                    return Stop::Lane;
                }
            }
            let Place { number, mut offset } = far.sending.next;
            loop {
                let left = total.saturating_sub(offset);
                if far.room == 0 || (far.room <= Piece::OVERHEAD && left > 0) {
                    return Stop::Link;
                }
                if core::mem::take(&mut begins) {
                    // The number is given when the first piece goes out.
                    far.sending.numbered += 1;
                    far.flight.add(total);
                }
                let len = left.min(longest).min(far.room.saturating_sub(Piece::OVERHEAD));
                let end = offset + len;
                far.sending.next = if end == total {
                    Place { number: number + 1, offset: 0 }
                } else {
                    Place { number, offset: end }
                };
                let again = far.sending.next <= far.sending.sealed;
                far.sending.sealed = far.sending.sealed.max(far.sending.next);
                far.room = far.room.saturating_sub(len + Piece::OVERHEAD);
                let piece = |body| Piece { lane, kind, number, offset, total, body };
                if len == total {
                    send(piece(whole.into()), again);
                } else {
                    send(piece(whole.into().part(offset as usize..end as usize)), again);
                }
                if end == total {
                    break;
                }
                offset = end;
            }
        }
        Stop::Lane
    }
}

#[inline(always)]
fn outgoing(message: &Message<'_>) -> Outgoing {
    Outgoing {
        kind: message.kind,
        token: message.token,
        wants: message.wants,
        on_restart: message.on_restart,
        len: u32::try_from(message.body.len()).unwrap_or(u32::MAX),
    }
}
