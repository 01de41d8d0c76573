//! What comes in: pieces become messages, are handed out once, in the order of their lane, and taken (R13, R14).

use core::num::NonZeroU64;

use crate::action::{Action, Delivery};
use crate::config::Taken;
use crate::event::FrameBatch;
use crate::frame::Frame;
use crate::id::NodeId;
use crate::machine::Mesh;
use crate::machine::ending::{How, Witness};
use crate::machine::mail::{Given, Mail, Note};
use crate::machine::turn::{Answer, Unable};
use crate::message::{Lane, Marks, Piece, Place, Takes, Window};
use crate::reason::{Reason, SystemError};
use crate::rules::{Clause, Rules};
use crate::storage::{Array, Parcels, Slot, Storage};

/// What a piece is, read against what is received.
enum Reads {
    /// It begins a message, or goes on with one, behind so many of its bytes.
    New { skip: u32 },
    /// It was received before.
    Old,
    /// It cannot be.
    Impossible,
}

/// What came of the pieces that were read.
#[derive(Default)]
struct Read {
    pieces: usize,
    /// Whether any was new.
    owed: bool,
    /// How many were received before.
    again: u64,
    fault: Option<Fault>,
}

impl Read {
    /// Adds what came of one, if anything; whether to go on.
    #[inline(always)]
    fn adds(&mut self, received: Option<Result<bool, Fault>>) -> bool {
        self.pieces += 1;
        match received {
            None => {}
            Some(Ok(true)) => self.owed = true,
            Some(Ok(false)) => self.again += 1,
            Some(Err(fault)) => self.fault = Some(fault),
        }
        self.fault.is_none()
    }
}

/// Why a piece ends its link.
enum Fault {
    /// It breaks the protocol.
    Impossible,
    /// This node has no memory for it.
    NoMemory,
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// Pieces came: as many as there are from this frame on. Gives their number, and whether the marks are owed for them.
    pub(crate) fn data_read(
        &mut self,
        slot: Slot,
        place: Slot,
        frames: &mut FrameBatch<'_>,
        from: usize,
    ) -> (usize, bool) {
        let takes = self.takes();
        let carries = self.carries_session(slot, place);
        let rules = &self.rules;
        let Some(mail) = self.mail.get_mut(place) else { return (frames.len(), false) };
        let mut read = Read::default();
        let (own, lent) = frames.0.split();
        // Twice, so that what is kept is made where it goes.
        for frame in own.iter_mut().skip(from) {
            let Frame::Data(piece) = frame else { break };
            if !read.adds(carries.then(|| mail.receive(rules, &takes, piece))) {
                break;
            }
        }
        for frame in lent.iter().skip(from) {
            let Frame::Data(piece) = frame else { break };
            if !read.adds(carries.then(|| mail.receive(rules, &takes, &mut piece.lend()))) {
                break;
            }
        }
        let Read { pieces, mut owed, again, fault } = read;
        self.stats.duplicates += again;
        if let Some(fault) = fault {
            self.end_for(slot, fault);
        }
        if again > 0 && self.rules.holds(Clause::DuplicatesAnswered) {
            owed = true;
            if let Some(line) = self.lines.get_mut(slot) {
                line.told = None;
            }
        }
        (pieces, owed)
    }

    fn end_for(&mut self, slot: Slot, fault: Fault) {
        match fault {
            Fault::Impossible => self.protocol_error(slot),
            Fault::NoMemory => {
                let reason = Reason::System(SystemError::Exhausted);
                self.end_link(slot, reason, How::Tell, Witness::HereOnly);
            }
        }
    }

    /// Pieces came: what is whole is to be handed out, and the marks are owed.
    pub(crate) fn data_was_read(&mut self, place: Slot) {
        self.mailed.push_back(&mut self.peers, place);
        self.owe_marks(place);
        self.mail_changed(place);
        self.used(place);
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

    /// The application has taken what came on a lane, up to a serial number.
    pub(crate) fn took(&mut self, id: NodeId, lane: Lane, serial: u64) -> Answer {
        let Some(place) = self.find(&id) else { return Answer::Unable(Unable::Unknown) };
        if self.take(place, lane, serial) {
            self.owe_marks(place);
            self.mail_changed(place);
            self.used(place);
        }
        Answer::Done
    }

    /// Takes messages off a row; whether there were any.
    fn take(&mut self, place: Slot, lane: Lane, serial: u64) -> bool {
        let Some(mail) = self.mail.get_mut(place) else { return false };
        let mut any = false;
        while mail
            .given
            .header(lane, 0)
            .is_some_and(|given| given.serial.is_some_and(|given| given.get() <= serial))
        {
            let receiving = mail.receiving.of_mut(lane);
            receiving.handed = receiving.handed.saturating_sub(1);
            mail.take_first(lane);
            any = true;
        }
        any
    }

    /// Hands out what came from every peer, and what became of what was sent.
    pub(crate) fn drain_mail(&mut self, perform: &mut impl FnMut(Action<'_>)) {
        while let Some(place) = self.mailed.head() {
            let Some(peer) = self.peers.get(place).and_then(|peer| peer.id) else {
                self.mailed.remove(&mut self.peers, place);
                continue;
            };
            let mut taken = false;
            for lane in Lane::ALL {
                taken |= self.deliver(place, peer, lane, perform);
            }
            if let Some(mail) = self.mail.get_mut(place) {
                for note in mail.settled.iter() {
                    let Note { token, wants, outcome } = *note;
                    perform(Action::Settled { peer, token, wants, outcome });
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

    /// Hands out the whole messages of a lane; whether any counts as taken by that.
    fn deliver(
        &mut self,
        place: Slot,
        peer: NodeId,
        lane: Lane,
        perform: &mut impl FnMut(Action<'_>),
    ) -> bool {
        let taken = self.config.taken == Taken::WhenDelivered;
        let Some(mail) = self.mail.get_mut(place) else { return false };
        let mut any = false;
        while taken && mail.receiving.of(lane).handed > 0 {
            // It was handed out, and whoever took it went no further.
            mail.receiving.of_mut(lane).handed -= 1;
            mail.take_first(lane);
            any = true;
        }
        let whole = mail.given.len(lane).saturating_sub(usize::from(mail.is_partial(lane)));
        for _ in mail.receiving.of(lane).handed as usize..whole {
            let at = mail.receiving.of(lane).handed as usize;
            let serial = self.delivered + 1;
            // It is handed out once, whatever comes of that.
            mail.receiving.of_mut(lane).handed += 1;
            self.delivered = serial;
            any = true;
            // The bytes are the caller's from now on; that it came is remembered until it is taken.
            mail.given.give_up(lane, at, |given, body| {
                let Given { kind, .. } = *given;
                given.serial = NonZeroU64::new(serial);
                perform(Action::Deliver { peer, message: Delivery { lane, kind, serial, body } });
            });
            if taken {
                mail.receiving.of_mut(lane).handed -= 1;
                mail.take_first(lane);
            }
        }
        any && taken
    }
}

impl<S: Storage> Mail<S> {
    /// Receives a piece: whether it is new, or came before.
    #[inline(always)]
    fn receive<R: Rules>(&mut self, rules: &R, takes: &Takes, piece: &mut Piece<'_>) -> Result<bool, Fault> {
        let lane = if rules.holds(Clause::LanesApart) { piece.lane } else { Lane::Ordinary };
        let received = self.receiving.of(lane).received;
        let begun = self.given.len(lane).checked_sub(1).filter(|_| received.offset > 0);
        let begun = begun.and_then(|at| self.given.header(lane, at)).copied();
        let len = piece.body.len() as u32;
        let skip = match reads(received, begun, piece) {
            Reads::New { .. } if piece.total > takes.message => return Err(Fault::Impossible),
            Reads::New { skip } => skip,
            Reads::Old => {
                if !rules.holds(Clause::OldIsIgnored) {
                    self.receive_again(piece);
                }
                return Ok(false);
            }
            Reads::Impossible => return Err(Fault::Impossible),
        };
        let skip = if rules.holds(Clause::PiecesStraddle) { skip } else { 0 };
        let stored = match begun {
            Some(_) => self.given.extend(lane, &piece.body.part(skip as usize..piece.body.len())),
            None => {
                let counted =
                    if rules.holds(Clause::LeftoverCounts) { self.untaken } else { Window::default() };
                if !takes.window.fits(counted, piece.total) {
                    return Err(Fault::Impossible);
                }
                let given = Given { kind: piece.kind, len: piece.total, serial: None };
                self.given.push(lane, given, &mut piece.body, piece.total as usize)
            }
        };
        stored.map_err(|_| Fault::NoMemory)?;
        if begun.is_none() {
            self.untaken.add(piece.total);
        }
        let end = received.offset + len.saturating_sub(skip);
        self.receiving.of_mut(lane).received = if end >= piece.total {
            Place { number: received.number + 1, offset: 0 }
        } else {
            Place { number: received.number, offset: end }
        };
        Ok(true)
    }

    /// The weakened rule takes what came before for something new.
    fn receive_again(&mut self, piece: &mut Piece<'_>) {
        let whole = piece.body.len() as u64 == u64::from(piece.total);
        if whole && !self.is_partial(piece.lane) {
            let given = Given { kind: piece.kind, len: piece.total, serial: None };
            if self.given.push(piece.lane, given, &mut piece.body, piece.total as usize).is_ok() {
                self.untaken.add(piece.total);
            }
        }
    }

    /// The first message of a lane is taken.
    fn take_first(&mut self, lane: Lane) {
        let Some(given) = self.given.remove(lane, 0) else { return };
        self.untaken.take(given.len);
        let receiving = self.receiving.of_mut(lane);
        if receiving.old > 0 {
            receiving.old -= 1;
            self.left.take(given.len);
        } else {
            receiving.taken += 1;
        }
    }
}

/// Reads a piece against what is received: exactly the next is new, what lies below is old, a gap cannot be.
fn reads(received: Place, begun: Option<Given>, piece: &Piece<'_>) -> Reads {
    let len = piece.body.len() as u64;
    let end = u64::from(piece.offset) + len;
    let empty = len == 0 && piece.total != 0;
    let another = begun.is_some_and(|given| given.len != piece.total || given.kind != piece.kind);
    if empty || end > u64::from(piece.total) || (another && piece.number == received.number) {
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
