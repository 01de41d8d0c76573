//! What lies between two runs: the messages on their way, in both directions, and how far they are (R13).

use core::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, LinkId};
use crate::machine::Mesh;
use crate::message::{Lane, LaneMarks, Marks, OnRestart, Outcome, PerLane, Place, Takes, Wants, Window};
use crate::rules::Rules;
use crate::storage::{Array, Parcels, Slot, Storage};

/// The messages of one peer. It stands beside the table of peers: most of them have none most of the time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Mail<S: Storage> {
    /// This node's number for the session that is, or that comes next.
    pub(crate) birth: u64,
    /// The peer's.
    pub(crate) birth_there: Option<u64>,
    /// How much the peer takes.
    pub(crate) takes: Takes,
    /// How much of this session may lie untaken at the peer.
    pub(crate) open: Window,
    /// What was sent and is not known to be taken.
    pub(crate) out: S::Parcels<Outgoing>,
    /// How far that is.
    pub(crate) sending: PerLane<Sending>,
    /// What `out` comes to.
    pub(crate) kept: Window,
    /// What of that has a number: it may lie untaken at the peer.
    pub(crate) flight: Window,
    /// What came and is not taken.
    pub(crate) given: S::Parcels<Given>,
    /// How far that is.
    pub(crate) receiving: PerLane<Receiving>,
    /// What `given` comes to, once it is all there.
    pub(crate) untaken: Window,
    /// What of that is of older sessions.
    pub(crate) left: Window,
    /// Receipts that are to be handed out.
    pub(crate) settled: S::Notes<Note>,
    /// Reports that wait to be collected.
    pub(crate) reports: S::Notes<Note>,
    /// The link that data went out on last.
    pub(crate) carrier: Option<LinkId>,
    /// Whether a send did not fit since there was room last.
    pub(crate) wants_room: bool,
    /// Whether there is room again, and the sender is to be told.
    pub(crate) roomy: bool,
}

/// A message on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Outgoing {
    pub(crate) kind: u8,
    pub(crate) token: u64,
    pub(crate) wants: Wants,
    pub(crate) on_restart: OnRestart,
    pub(crate) len: u32,
}

/// How far a lane is, outward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Sending {
    /// The first message that the peer has not taken, as far as it has said: the first in the row.
    pub(crate) taken: u64,
    /// How many in the row have a number.
    pub(crate) numbered: u32,
    /// What the peer has received, as far as it has said.
    pub(crate) received: Place,
    /// What goes out next on the link that data goes out on.
    pub(crate) next: Place,
    /// How far anything ever went out.
    pub(crate) sealed: Place,
}

/// A message that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Given {
    /// What its sender marked it as.
    pub(crate) kind: u8,
    /// How long the whole message is.
    pub(crate) len: u32,
    /// Its serial number, once it was handed out.
    pub(crate) serial: Option<NonZeroU64>,
}

/// How far a lane is, inward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Receiving {
    /// What is received.
    pub(crate) received: Place,
    /// The first message of this session that is not taken.
    pub(crate) taken: u64,
    /// How many at the head of the row are of older sessions.
    pub(crate) old: u32,
    /// How many at the head of the row were handed out.
    pub(crate) handed: u32,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) token: u64,
    pub(crate) wants: Wants,
    pub(crate) outcome: Outcome,
}

/// What was told and heard on one link of the session that it carries. It stands beside the table of links.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Line {
    /// How many bytes of data the link can take.
    pub(crate) room: u32,
    /// This node's number for the session, as it was told on this link.
    pub(crate) birth: u64,
    /// What this node's hello was meant for.
    pub(crate) meant: Option<(Incarnation, u64)>,
    /// The marks that were told here last; `None` if they may not have been believed.
    pub(crate) told: Option<Marks>,
    /// The marks that were heard here last. For a dialer, at first those that were known when its hello went out, with
    /// the peer's number for the session that they are of.
    pub(crate) heard: Option<(u64, Marks)>,
    /// What the other end said of the session when the link began.
    pub(crate) greeting: Option<Greeting>,
    /// Whether this end has cleared a doubt, and the other has not answered: until then what comes may have been sent
    /// before it knew.
    pub(crate) unanswered: bool,
}

/// What a hello or a welcome says of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Greeting {
    pub(crate) birth: u64,
    pub(crate) meant: Option<(Incarnation, u64)>,
    pub(crate) marks: Marks,
    pub(crate) takes: Takes,
}

impl<S: Storage> Default for Mail<S> {
    fn default() -> Self {
        Self {
            birth: 0,
            birth_there: None,
            takes: Takes::default(),
            open: Window::default(),
            out: Default::default(),
            sending: PerLane::default(),
            kept: Window::default(),
            flight: Window::default(),
            given: Default::default(),
            receiving: PerLane::default(),
            untaken: Window::default(),
            left: Window::default(),
            settled: Default::default(),
            reports: Default::default(),
            carrier: None,
            wants_room: false,
            roomy: false,
        }
    }
}

impl<S: Storage, R: Rules> Mesh<S, R> {
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
        let (before, session) = ((peer.has_mail, peer.has_outgoing), peer.session);
        peer.has_mail = held;
        peer.has_outgoing = outgoing;
        if owes {
            self.mailed.push_back(&mut self.peers, place);
        }
        if before != (held, outgoing) {
            self.rank(place);
        }
        if (before.0 && !held) || (!before.1 && outgoing && !session) {
            // It may be closed for lack of use now, or there is somebody to dial. All else only moves deadlines on.
            self.set_timer(place);
        }
    }
}

impl Window {
    pub(crate) const fn add(&mut self, bytes: u32) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.messages = self.messages.saturating_add(1);
    }

    pub(crate) const fn take(&mut self, bytes: u32) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.messages = self.messages.saturating_sub(1);
    }

    /// What is left of it without the other.
    pub(crate) const fn less(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            messages: self.messages.saturating_sub(other.messages),
        }
    }

    /// What of it a lane may use: room for one largest message is kept for what is urgent.
    pub(crate) const fn for_lane(self, lane: Lane, largest: u32) -> Self {
        match lane {
            Lane::Ordinary => self.less(Self { bytes: largest, messages: 1 }),
            Lane::Urgent => self,
        }
    }

    /// Whether a message fits beside what is there already.
    pub(crate) const fn fits(self, there: Self, bytes: u32) -> bool {
        there.bytes as u64 + bytes as u64 <= self.bytes as u64 && there.messages < self.messages
    }

    pub(crate) fn at_least(self, other: Self) -> Self {
        Self { bytes: self.bytes.max(other.bytes), messages: self.messages.max(other.messages) }
    }
}

impl Sending {
    /// Where in the row the next piece is.
    pub(crate) fn at(&self) -> usize {
        usize::try_from(self.next.number.saturating_sub(self.taken)).unwrap_or(usize::MAX)
    }
}

impl<S: Storage> Mail<S> {
    /// Whether something of it has not gone out on the link that data goes out on.
    pub(crate) fn has_unsent(&self) -> bool {
        Lane::ALL.iter().any(|lane| self.sending.of(*lane).at() < self.out.len(*lane))
    }

    /// Whether anything is kept here for anybody: then the peer keeps its place (R17).
    pub(crate) fn is_held(&self) -> bool {
        self.kept.messages > 0 || self.untaken.messages > 0 || self.notes() > 0
    }

    /// How many receipts and reports there are.
    pub(crate) fn notes(&self) -> u32 {
        u32::try_from(self.settled.len() + self.reports.len()).unwrap_or(u32::MAX)
    }

    /// How far this end is; `window` is what it takes at most.
    pub(crate) fn marks(&self, window: Window) -> Marks {
        let marks = |lane| {
            let Receiving { received, taken, old: _, handed: _ } = *self.receiving.of(lane);
            LaneMarks { received, taken }
        };
        Marks {
            lanes: PerLane { ordinary: marks(Lane::Ordinary), urgent: marks(Lane::Urgent) },
            open: window.less(self.left),
        }
    }

    /// How far the other end is, as far as it has said.
    pub(crate) fn marks_there(&self) -> Marks {
        let marks = |lane| {
            let sending: &Sending = self.sending.of(lane);
            LaneMarks { received: sending.received, taken: sending.taken }
        };
        Marks {
            lanes: PerLane { ordinary: marks(Lane::Ordinary), urgent: marks(Lane::Urgent) },
            open: self.open,
        }
    }

    /// Whether the last of the row has not come whole.
    pub(crate) fn is_partial(&self, lane: Lane) -> bool {
        self.receiving.of(lane).received.offset > 0
    }

    /// Notes what became of a message, for whoever asked; `false` if nobody did and it was not taken.
    pub(crate) fn note(&mut self, message: Outgoing, outcome: Outcome) -> bool {
        let note = Note { token: message.token, wants: message.wants, outcome };
        match message.wants {
            Wants::Receipt => self.settled.try_push(note).is_ok(),
            Wants::Report if outcome != Outcome::Taken => self.reports.try_push(note).is_ok(),
            Wants::Report | Wants::Nothing => outcome == Outcome::Taken,
        }
    }
}
