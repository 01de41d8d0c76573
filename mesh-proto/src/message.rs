//! Messages, as plain values: lanes, pieces, marks, and how much a node takes.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::body::Body;
use crate::reason::Reason;

/// Each lane has its own numbers and its own order. What is urgent overtakes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lane {
    /// The one for most messages.
    #[default]
    Ordinary,
    /// Overtakes the other; room for one largest message is kept for it.
    Urgent,
}

impl Lane {
    /// Both, the one that goes first in front.
    pub const ALL: [Self; 2] = [Self::Urgent, Self::Ordinary];
}

/// One value for each lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PerLane<T> {
    /// For [`Lane::Ordinary`].
    pub ordinary: T,
    /// For [`Lane::Urgent`].
    pub urgent: T,
}

impl<T> PerLane<T> {
    /// The one of this lane.
    pub const fn of(&self, lane: Lane) -> &T {
        match lane {
            Lane::Ordinary => &self.ordinary,
            Lane::Urgent => &self.urgent,
        }
    }

    /// The one of this lane, to change.
    pub const fn of_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Ordinary => &mut self.ordinary,
            Lane::Urgent => &mut self.urgent,
        }
    }
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "alloc", derive(Deserialize))]
pub struct Message<'a> {
    /// On which lane.
    pub lane: Lane,
    /// The application's own mark of what the message is: it travels with the message, and the machine never looks at it.
    /// So the receiver can tell one sort of message from another without a byte of the body. The kinds from
    /// [`FIRST_RESERVED`](crate::question::FIRST_RESERVED) on are those of questions and their answers.
    pub kind: u8,
    /// The sender's own name for it, which the machine gives back and never looks at.
    pub token: u64,
    /// What the sender wants to be told.
    pub wants: Wants,
    /// What is to become of it when the peer restarts before it has taken it.
    pub on_restart: OnRestart,
    /// What it says.
    pub body: Body<'a>,
}

impl<'a> Message<'a> {
    /// An ordinary message of kind 0, of which the sender wants to hear no more.
    #[must_use]
    pub const fn plain(body: Body<'a>) -> Self {
        Self {
            lane: Lane::Ordinary,
            kind: 0,
            token: 0,
            wants: Wants::Nothing,
            on_restart: OnRestart::Report,
            body,
        }
    }

    /// The same message, with its body lent.
    #[must_use]
    pub fn lend(&self) -> Message<'_> {
        Message { body: self.body.lend(), ..*self }
    }

    /// The same with a receipt under this token.
    #[must_use]
    pub fn with_receipt(self, token: u64) -> Self {
        Self { token, wants: Wants::Receipt, ..self }
    }

    /// The same, urgent.
    #[must_use]
    pub fn urgent(self) -> Self {
        Self { lane: Lane::Urgent, ..self }
    }

    /// The same with this mark of what it is.
    #[must_use]
    pub fn of_kind(self, kind: u8) -> Self {
        Self { kind, ..self }
    }
}

/// What the sender of a message wants to be told of it. What nobody asks for is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Wants {
    /// Nothing: if it is not taken, that is counted.
    #[default]
    Nothing,
    /// If it is not taken, a report that waits until it is collected.
    Report,
    /// Whether it was taken, or why not, as soon as that is known.
    Receipt,
}

/// What becomes of a message that a peer had not taken when it restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OnRestart {
    /// It is reported: the old run may have acted on it.
    #[default]
    Report,
    /// It is sent to the new run.
    SendAgain,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// The peer's application took it.
    Taken,
    /// The session ended before that.
    Ended(Reason),
    /// The peer does not take messages as large as this.
    TooLarge {
        /// The largest that it takes.
        limit: u32,
    },
    /// It was for all, and for this peer there was no room.
    NoRoom,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("taken"),
            Self::Ended(reason) => write!(f, "not taken before the session ended: {reason}"),
            Self::TooLarge { limit } => write!(f, "not sent: the peer takes {limit} bytes at most"),
            Self::NoRoom => f.write_str("not sent: the window of this peer was full"),
        }
    }
}

/// A piece of a message, on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "alloc", derive(Deserialize))]
pub struct Piece<'a> {
    /// On which lane.
    pub lane: Lane,
    /// The application's mark of what the message is, the same in each of its pieces.
    pub kind: u8,
    /// The number of the message on its lane, in this session.
    pub number: u64,
    /// Where in the message it begins.
    pub offset: u32,
    /// How long the whole message is.
    pub total: u32,
    /// The bytes.
    pub body: Body<'a>,
}

impl Piece<'_> {
    /// The same piece, with its body lent.
    pub(crate) fn lend(&self) -> Piece<'_> {
        Piece { body: self.body.lend(), ..*self }
    }

    /// No more than so many bytes stand before the body of a piece on the wire.
    pub const OVERHEAD: u32 = 32;
}

/// How far a row of messages is received: all before `number`, and of that one `offset` bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The first message that is not received whole.
    pub number: u64,
    /// How much of it is.
    pub offset: u32,
}

/// How far a lane is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LaneMarks {
    /// Where to go on.
    pub received: Place,
    /// The first message that the application has not taken.
    pub taken: u64,
}

/// How far both lanes are, and how much room there is. Marks only rise within a session (R13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Marks {
    /// Of each lane.
    pub lanes: PerLane<LaneMarks>,
    /// How much of this session may lie untaken at the sender of these marks.
    pub open: Window,
}

impl Marks {
    /// Whether no mark of these is below that of the others.
    pub(crate) fn cover(&self, other: &Self) -> bool {
        Lane::ALL.iter().all(|lane| {
            let (own, other) = (self.lanes.of(*lane), other.lanes.of(*lane));
            own.received >= other.received && own.taken >= other.taken
        })
    }
}

/// An amount of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Bytes of all their bodies.
    pub bytes: u32,
    /// How many.
    pub messages: u32,
}

/// How much a node takes: told in its hello, and kept by the other end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Takes {
    /// The largest message.
    pub message: u32,
    /// The largest record of frames.
    pub record: u32,
    /// The most that may lie untaken.
    pub window: Window,
}

impl Takes {
    /// The smallest record that a node may ask for: every control frame fits into it.
    pub const LEAST_RECORD: u32 = 512;

    /// Whether one largest message of each lane fits into the window.
    pub(crate) const fn is_sound(&self) -> bool {
        self.record >= Self::LEAST_RECORD
            && self.window.bytes / 2 >= self.message
            && self.window.messages >= 2
    }
}
