//! How messages go from one application to the other: once, whole, in the order of their lane (R13, R14).

use crate::action::{Action, Delivery};
use crate::body::Body;
use crate::config::Taken;
use crate::event::Batch;
use crate::frame::Frame;
use crate::id::{LinkId, NodeId};
use crate::machine::Mesh;
use crate::machine::ending::{How, Witness};
use crate::machine::mail::{Given, Outgoing};
use crate::machine::turn::{Answer, Unable};
use crate::message::{Lane, Marks, Message, Outcome, Piece, Place, Takes, Window};
use crate::reason::{Reason, SystemError};
use crate::rules::{Clause, Rules};
use crate::storage::{Array, Parcels, Slot, Storage};

/// No piece is longer, so that a ping fits in between (R14).
const LONGEST_PIECE: u32 = 16 * 1024;

/// What a piece is, read against what is received.
enum Reads {
    /// It begins a message, or goes on with one, behind so many of its bytes.
    New { skip: u32 },
    /// It was received before.
    Old,
    /// It cannot be.
    Impossible,
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// Takes messages in for a peer, as many as there is room for.
    pub(crate) fn send(&mut self, id: NodeId, messages: &Batch<'_, Message<'_>>) -> Answer {
        let slot = match self.wanted(id) {
            Ok(slot) => slot,
            Err(unable) => return Answer::Unable(unable),
        };
        if self.carrier(slot).is_none() && !self.rules.holds(Clause::SendsWait) {
            return Answer::Unable(Unable::Unknown);
        }
        let takes = self.takes();
        let mut queued = 0;
        let mut stopped = None;
        for message in messages.iter() {
            match self.queue(slot, &takes, message) {
                Ok(()) => queued += 1,
                Err(why) => {
                    stopped = Some(why);
                    break;
                }
            }
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
            if self.queue(slot, &takes, message).is_ok() {
                queued += 1;
            } else if let Some(mail) = self.mail.get_mut(slot) {
                let noted = mail.note(outgoing(message), Outcome::NoRoom);
                self.stats.undelivered += u64::from(!noted);
            }
            self.sent(slot);
        }
        Answer::Sent { queued, stopped: None }
    }

    fn queue(&mut self, slot: Slot, takes: &Takes, message: &Message<'_>) -> Result<(), Unable> {
        let header = outgoing(message);
        if message.body.len() as u64 > u64::from(takes.message) {
            return Err(Unable::TooLarge { limit: takes.message });
        }
        let Some(mail) = self.mail.get_mut(slot) else { return Err(Unable::NoRoom) };
        let mut there = mail.kept;
        there.messages = there.messages.saturating_add(mail.notes());
        let window = takes.window.for_lane(message.lane, takes.message);
        let fits = window.fits(there, header.len);
        if !fits || mail.out.push(message.lane, header, &message.body, message.body.len()).is_err() {
            mail.wants_room = true;
            return Err(Unable::NoRoom);
        }
        mail.kept.add(header.len);
        Ok(())
    }

    /// Messages were taken in: they go out, or a link for them is made.
    fn sent(&mut self, slot: Slot) {
        self.mail_changed(slot);
        self.used(slot);
        self.review(slot);
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
        if !self.mail.get(place).is_some_and(super::mail::Mail::has_unsent) && !self.carrier_moved(place) {
            return;
        }
        let Some(carrier) = self.carrier(place) else { return };
        if let Some(link) = self.links.get_mut(carrier) {
            link.owes.data = true;
        }
        self.make_ready(carrier);
    }

    /// Whether something was sent, and on another link than that which carries the session now: it may have to go again.
    fn carrier_moved(&self, place: Slot) -> bool {
        let Some(mail) = self.mail.get(place) else { return false };
        let carrier = self.carrier(place).and_then(|carrier| self.links.get(carrier)).map(|link| link.id);
        mail.kept.messages > 0 && carrier.is_some() && carrier != mail.carrier
    }

    /// The marks of a session have moved: every link of it owes them.
    pub(crate) fn owe_marks(&mut self, place: Slot) {
        for slot in self.collect(place, super::Link::is_usable) {
            if let Some(link) = self.links.get_mut(slot) {
                link.owes.marks = true;
            }
            self.make_ready(slot);
        }
    }

    /// The marks that a link owes, if they are others than were told there: derived, never remembered.
    pub(crate) fn marks_owed(&mut self, slot: Slot) -> Option<Marks> {
        let place = self.links.get(slot)?.peer?;
        if !self.carries_session(slot, place) {
            return None;
        }
        let marks = self.mail.get(place)?.marks(self.takes().window);
        let line = self.lines.get_mut(slot)?;
        let owed = line.told != Some(marks);
        line.told = Some(marks);
        owed.then_some(marks)
    }

    /// Hands out the next piece of what waits on a link; `false` if there is none, or no room for it.
    pub(crate) fn send_piece(&mut self, slot: Slot, perform: &mut impl FnMut(Action<'_>)) -> bool {
        let Some((id, place)) = self.links.get(slot).and_then(|link| Some((link.id, link.peer?))) else {
            return false;
        };
        if self.carrier(place) != Some(slot) || !self.carries_session(slot, place) {
            return false;
        }
        self.resume_on(id, place);
        let Some((lane, at, offset, len)) = self.next_piece(slot, place) else { return false };
        let (Some(mail), Some(line)) = (self.mail.get_mut(place), self.lines.get_mut(slot)) else {
            return false;
        };
        let Some(total) = mail.out.header(lane, at).map(|message| message.len) else { return false };
        let sending = mail.sending.of_mut(lane);
        let number = sending.next.number;
        let end = offset + len;
        sending.next = if end == total {
            Place { number: number + 1, offset: 0 }
        } else {
            Place { number, offset: end }
        };
        self.stats.resent += u64::from(sending.next <= sending.sealed);
        sending.sealed = sending.sealed.max(sending.next);
        line.room = line.room.saturating_sub(len + Piece::OVERHEAD);
        let body = mail.out.body(lane, at).part(offset as usize..end as usize);
        let frame = Frame::Data(Piece { lane, number, offset, total, body });
        perform(Action::Send { link: id, frame: &frame });
        true
    }

    /// When the sending link changes, also back to an old one, sending goes on from what the peer has not received.
    fn resume_on(&mut self, id: LinkId, place: Slot) {
        let resumes = self.rules.holds(Clause::ResumeFromMark);
        let Some(mail) = self.mail.get_mut(place) else { return };
        if mail.carrier == Some(id) {
            return;
        }
        mail.carrier = Some(id);
        for lane in Lane::ALL {
            let sending = mail.sending.of_mut(lane);
            if resumes {
                sending.next = sending.received;
            }
        }
    }

    /// What goes out next: on which lane, which message of the row, from where, how much. A message gets its number
    /// here, if it fits into the peer's window; one that the peer can never take is reported and skipped.
    fn next_piece(&mut self, slot: Slot, place: Slot) -> Option<(Lane, usize, u32, u32)> {
        let room = self.lines.get(slot)?.room;
        let bounded = self.rules.holds(Clause::WindowBounds);
        let mut skipped = false;
        let mut found = None;
        'lanes: for lane in Lane::ALL {
            loop {
                let mail = self.mail.get_mut(place)?;
                let sending = *mail.sending.of(lane);
                let at = sending.at();
                let Some(message) = mail.out.header(lane, at).copied() else { break };
                if at >= sending.numbered as usize {
                    if message.len > mail.takes.message && bounded {
                        mail.out.remove(lane, at);
                        mail.kept.take(message.len);
                        let outcome = Outcome::TooLarge { limit: mail.takes.message };
                        let noted = mail.note(message, outcome);
                        self.stats.undelivered += u64::from(!noted);
                        skipped = true;
                        continue;
                    }
                    let open = mail.open.for_lane(lane, mail.takes.message);
                    if bounded && !open.fits(mail.flight, message.len) {
                        break;
                    }
                }
                let longest = mail.takes.record.saturating_sub(Piece::OVERHEAD).min(LONGEST_PIECE);
                let left = message.len.saturating_sub(sending.next.offset);
                let len = left.min(longest).min(room.saturating_sub(Piece::OVERHEAD));
                if room <= Piece::OVERHEAD && (left > 0 || room == 0) {
                    break 'lanes;
                }
                if at >= sending.numbered as usize {
                    mail.flight.add(message.len);
                    mail.sending.of_mut(lane).numbered += 1;
                }
                found = Some((lane, at, sending.next.offset, len));
                break 'lanes;
            }
        }
        if skipped {
            self.mail_changed(place);
        }
        found
    }

    /// A piece came; whether the marks are owed for it.
    pub(crate) fn data_read(&mut self, slot: Slot, place: Slot, piece: &Piece<'_>) -> bool {
        if !self.carries_session(slot, place) {
            return false;
        }
        let takes = self.takes();
        let lane = if self.rules.holds(Clause::LanesApart) { piece.lane } else { Lane::Ordinary };
        let straddles = self.rules.holds(Clause::PiecesStraddle);
        let leftover_counts = self.rules.holds(Clause::LeftoverCounts);
        let Some(mail) = self.mail.get_mut(place) else { return false };
        let received = mail.receiving.of(lane).received;
        let begun = mail.given.len(lane).checked_sub(1).filter(|_| received.offset > 0);
        let total = begun.and_then(|at| mail.given.header(lane, at)).map(|given| given.len);
        match reads(received, total, piece) {
            Reads::New { .. } if piece.total > takes.message => {
                self.protocol_error(slot);
                false
            }
            Reads::New { skip } => {
                let skip = if straddles { skip } else { 0 };
                let body = piece.body.part(skip as usize..piece.body.len());
                let room = takes.window.less(if leftover_counts { mail.untaken } else { Window::default() });
                let stored = match total {
                    Some(_) => mail.given.extend(lane, &body),
                    None if room.messages == 0 || room.bytes < piece.total => {
                        self.protocol_error(slot);
                        return false;
                    }
                    None => {
                        let given = Given { len: piece.total, serial: None };
                        let stored = mail.given.push(lane, given, &body, piece.total as usize);
                        if stored.is_ok() {
                            mail.untaken.add(piece.total);
                        }
                        stored
                    }
                };
                if stored.is_err() {
                    self.end_link(slot, Reason::System(SystemError::Exhausted), How::Tell, Witness::HereOnly);
                    return false;
                }
                let end = received.offset + (piece.body.len() as u32).saturating_sub(skip);
                mail.receiving.of_mut(lane).received = if end >= piece.total {
                    Place { number: received.number + 1, offset: 0 }
                } else {
                    Place { number: received.number, offset: end }
                };
                true
            }
            Reads::Old => {
                self.stats.duplicates += 1;
                if !self.rules.holds(Clause::OldIsIgnored)
                    && piece.body.len() as u64 == u64::from(piece.total)
                {
                    self.receive_again(place, piece);
                }
                let answered = self.rules.holds(Clause::DuplicatesAnswered);
                if let (true, Some(line)) = (answered, self.lines.get_mut(slot)) {
                    line.told = None;
                }
                answered
            }
            Reads::Impossible => {
                self.protocol_error(slot);
                false
            }
        }
    }

    /// The weakened rule takes what came before for something new.
    fn receive_again(&mut self, place: Slot, piece: &Piece<'_>) {
        let Some(mail) = self.mail.get_mut(place).filter(|mail| !mail.is_partial(piece.lane)) else { return };
        let given = Given { len: piece.total, serial: None };
        if mail.given.push(piece.lane, given, &piece.body, piece.total as usize).is_ok() {
            mail.untaken.add(piece.total);
            self.mailed.push_back(&mut self.peers, place);
        }
    }

    /// Pieces came: what is whole is to be handed out, and the marks are owed.
    pub(crate) fn data_was_read(&mut self, place: Slot) {
        self.mailed.push_back(&mut self.peers, place);
        self.owe_marks(place);
        self.mail_changed(place);
        self.used(place);
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

    /// The application has taken what came on a lane, up to a serial number.
    pub(crate) fn took(&mut self, id: NodeId, lane: Lane, serial: u64) -> Answer {
        let Some(place) = self.find(&id) else { return Answer::Unable(Unable::Unknown) };
        if self.take(place, lane, serial) {
            self.owe_marks(place);
            self.mail_changed(place);
            self.used(place);
            self.review(place);
        }
        Answer::Done
    }

    /// Takes messages off a row; whether there were any.
    fn take(&mut self, place: Slot, lane: Lane, serial: u64) -> bool {
        let Some(mail) = self.mail.get_mut(place) else { return false };
        let mut any = false;
        while let Some(given) = mail.given.header(lane, 0).copied()
            && given.serial.is_some_and(|given| given <= serial)
        {
            mail.given.remove(lane, 0);
            mail.untaken.take(given.len);
            let receiving = mail.receiving.of_mut(lane);
            receiving.handed = receiving.handed.saturating_sub(1);
            if receiving.old > 0 {
                receiving.old -= 1;
                mail.left.take(given.len);
            } else {
                receiving.taken += 1;
            }
            any = true;
        }
        any
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

    /// What is kept for a peer changed: its rank and its deadlines may have too, and somebody may have to be told.
    pub(crate) fn mail_changed(&mut self, place: Slot) {
        let takes = self.takes();
        let Some(mail) = self.mail.get_mut(place) else { return };
        let mut there = mail.kept;
        there.messages = there.messages.saturating_add(mail.notes());
        let window = takes.window.for_lane(Lane::Ordinary, takes.message);
        if mail.wants_room && window.fits(there, takes.message.min(window.bytes / 2)) {
            mail.wants_room = false;
            mail.roomy = true;
        }
        let owes = mail.roomy || !mail.settled.is_empty();
        let (held, outgoing) = (mail.is_held(), mail.kept.messages > 0);
        let Some(peer) = self.peers.get_mut(place) else { return };
        let before = (peer.has_mail, peer.has_outgoing);
        peer.has_mail = held;
        peer.has_outgoing = outgoing;
        if owes {
            self.mailed.push_back(&mut self.peers, place);
        }
        if before != (held, outgoing) {
            self.rank(place);
            self.set_timer(place);
        }
    }

    /// Hands out what came from every peer, and what became of what was sent.
    pub(crate) fn drain_mail(&mut self, perform: &mut impl FnMut(Action<'_>)) {
        while let Some(place) = self.mailed.head() {
            let Some(peer) = self.peers.get(place).and_then(|peer| peer.id) else { break };
            let mut taken = false;
            for lane in Lane::ALL {
                while let Some(serial) = self.deliver(place, peer, lane, perform) {
                    taken |= self.config.taken == Taken::WhenDelivered && self.take(place, lane, serial);
                }
            }
            if let Some(mail) = self.mail.get_mut(place) {
                for note in mail.settled.iter() {
                    perform(Action::Settled { peer, token: note.token, outcome: note.outcome });
                }
                mail.settled.clear();
            }
            if taken {
                self.owe_marks(place);
            }
            self.mail_changed(place);
            if let Some(mail) = self.mail.get_mut(place)
                && core::mem::take(&mut mail.roomy)
            {
                perform(Action::Roomy { peer });
            }
            self.mailed.remove(&mut self.peers, place);
        }
    }

    /// Hands out the next whole message of a lane; gives its serial number.
    fn deliver(
        &mut self,
        place: Slot,
        peer: NodeId,
        lane: Lane,
        perform: &mut impl FnMut(Action<'_>),
    ) -> Option<u64> {
        let mail = self.mail.get_mut(place)?;
        let at = mail.receiving.of(lane).handed as usize;
        let whole = mail.given.len(lane).checked_sub(usize::from(mail.is_partial(lane)))?;
        if at >= whole {
            return None;
        }
        let serial = self.delivered + 1;
        let body: Body<'_> = mail.given.body(lane, at);
        perform(Action::Deliver { peer, message: Delivery { lane, serial, body: &body } });
        drop(body);
        self.delivered = serial;
        mail.given.header_mut(lane, at)?.serial = Some(serial);
        mail.given.strip(lane, at);
        mail.receiving.of_mut(lane).handed += 1;
        Some(serial)
    }
}

fn outgoing(message: &Message<'_>) -> Outgoing {
    Outgoing {
        token: message.token,
        wants: message.wants,
        on_restart: message.on_restart,
        len: u32::try_from(message.body.len()).unwrap_or(u32::MAX),
    }
}

/// Reads a piece against what is received: exactly the next is new, what lies below is old, a gap cannot be.
fn reads(received: Place, total: Option<u32>, piece: &Piece<'_>) -> Reads {
    let len = piece.body.len() as u64;
    let end = u64::from(piece.offset) + len;
    let empty = len == 0 && piece.total != 0;
    if empty
        || end > u64::from(piece.total)
        || total.is_some_and(|total| total != piece.total && piece.number == received.number)
    {
        return Reads::Impossible;
    }
    if piece.number < received.number {
        return Reads::Old;
    }
    if piece.number > received.number || piece.offset > received.offset {
        return Reads::Impossible;
    }
    if received.offset > 0 && end <= u64::from(received.offset) {
        return Reads::Old;
    }
    Reads::New { skip: received.offset - piece.offset }
}
