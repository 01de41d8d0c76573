//! Questions and their answers, as messages: what stands in front of the body, so that any two nodes can ask each other.
//!
//! The machine knows nothing of questions. They are messages of kinds of their own, with the order, the windows and the
//! receipts of messages, and a [`Head`] in front of what the application says:
//!
//! | kind | head | what it is |
//! |---|---|---|
//! | below [`FIRST_RESERVED`] | none | the application's own |
//! | 253 | the number | something that is told, of which the sender waits to hear whether it could be read |
//! | 254 | the number | a question |
//! | 255 | the number, and a [`Reply`] | the answer to either |
//!
//! A number is eight bytes, the lowest first. A reply is one byte: 0 for what was asked for, which follows; 1 for
//! 'unreadable', 2 for 'declined', 3 for 'nobody'. Whatever else it is, it is no answer that was asked for.
//!
//! # What both ends keep to
//!
//! * Whoever asks gives the number. In no two runs of a node should one come twice, since an answer to the earlier run may
//!   still come: the first can be [`Incarnation::bits`](crate::Incarnation::bits), and each next one more.
//! * An answer counts if it comes from the peer that was asked, and only the first does.
//! * A session that ends takes its questions with it: nobody answers later. Whoever waits sees the end in the
//!   [news](crate::Mesh::news).
//! * What cannot be read as what its kind says ([`Malformed`]) is taken and dropped.
//!
//! # Without a heap
//!
//! Nothing here allocates: what is sent is put together in room of the caller's.
//!
//! ```
//! use mesh_proto::question::{Head, Reply};
//! use mesh_proto::{Body, Message};
//!
//! // One node asks.
//! let mut here = [0; 32];
//! let question = Head::Question(7).message(b"how warm?", &mut here).expect("there is room");
//!
//! // The other one answers what comes.
//! fn answer<'r>(kind: u8, body: &Body<'_>, room: &'r mut [u8]) -> Option<Message<'r>> {
//!     let (head, asked) = Head::read(kind, body).ok()??;
//!     match (head, &*asked) {
//!         (Head::Question(number), b"how warm?") => Head::Answer(number, Reply::Given).message(&[21], room),
//!         (Head::Question(number) | Head::Told(number), _) => {
//!             Head::Answer(number, Reply::Unreadable).message(&[], room)
//!         }
//!         (Head::Answer(..), _) => None,
//!     }
//! }
//! let mut there = [0; 32];
//! let answer = answer(question.kind, &question.body, &mut there).expect("it is a question");
//!
//! // And the first one reads the answer.
//! let (head, degrees) = Head::read(answer.kind, &answer.body).expect("it is whole").expect("it is an answer");
//! assert_eq!((head, &*degrees), (Head::Answer(7, Reply::Given), &[21][..]));
//! ```

use core::fmt;

use heapless::Vec;

use crate::body::Body;
use crate::message::Message;

/// The first kind of message that is not the application's to choose: its own kinds lie below.
pub const FIRST_RESERVED: u8 = TOLD;

const TOLD: u8 = 253;
const QUESTION: u8 = 254;
const ANSWER: u8 = 255;
/// How long a number is.
const NUMBER: usize = 8;

/// What stands in front of the body of a message that asks or answers, and says which of these it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Head {
    /// Something is told, and under this number the sender waits to hear whether it could be read: [`Reply::Given`], with
    /// nothing behind it, says that it could.
    Told(u64),
    /// A question, of this number.
    Question(u64),
    /// The answer to what had this number.
    Answer(u64, Reply),
}

impl Head {
    /// The longest, in bytes.
    pub const LONGEST: usize = NUMBER + 1;

    /// The kind of a message that begins so.
    #[must_use]
    pub const fn kind(self) -> u8 {
        match self {
            Self::Told(_) => TOLD,
            Self::Question(_) => QUESTION,
            Self::Answer(..) => ANSWER,
        }
    }

    /// What goes in front of the body.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8, { Self::LONGEST }> {
        let (number, reply) = match self {
            Self::Told(number) | Self::Question(number) => (number, None),
            Self::Answer(number, reply) => (number, Some(reply.to_byte())),
        };
        number.to_le_bytes().into_iter().chain(reply).collect()
    }

    /// An ordinary message with this in front of the body, put together in the room given; `None` if that is too little.
    #[must_use]
    pub fn message<'r>(self, body: &[u8], room: &'r mut [u8]) -> Option<Message<'r>> {
        let head = self.to_bytes();
        let filled = room.get_mut(..head.len().checked_add(body.len())?)?;
        let (front, rest) = filled.split_at_mut(head.len());
        front.copy_from_slice(&head);
        rest.copy_from_slice(body);
        Some(Message::plain(Body::from(&*filled)).of_kind(self.kind()))
    }

    /// The head of a message that came, and what stands behind it; `None` if the message is the application's own.
    ///
    /// # Errors
    ///
    /// The message is not what its kind says.
    #[inline]
    pub fn read<'a>(kind: u8, body: &Body<'a>) -> Result<Option<(Self, Body<'a>)>, Malformed> {
        let number = || match body.first_chunk::<NUMBER>() {
            Some(bytes) => Ok(u64::from_le_bytes(*bytes)),
            None => Err(Malformed::NoNumber),
        };
        let head = match kind {
            ..FIRST_RESERVED => return Ok(None),
            TOLD => Self::Told(number()?),
            QUESTION => Self::Question(number()?),
            ANSWER => {
                let number = number()?;
                Self::Answer(number, Reply::from_byte(*body.get(NUMBER).ok_or(Malformed::NoReply)?))
            }
        };
        Ok(Some((head, body.part(head.length()..body.len()))))
    }

    const fn length(self) -> usize {
        match self {
            Self::Told(_) | Self::Question(_) => NUMBER,
            Self::Answer(..) => NUMBER + 1,
        }
    }
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// What was asked for follows.
    Given,
    /// It is of another type than was expected, and could not be read.
    Unreadable,
    /// It was read, or dropped unread, and is not answered.
    Declined,
    /// Nobody answers questions there.
    Nobody,
    /// Something that a later version says: it is not what was asked for.
    Other(u8),
}

impl Reply {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Given => 0,
            Self::Unreadable => 1,
            Self::Declined => 2,
            Self::Nobody => 3,
            Self::Other(byte) => byte,
        }
    }

    const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Given,
            1 => Self::Unreadable,
            2 => Self::Declined,
            3 => Self::Nobody,
            _ => Self::Other(byte),
        }
    }
}

/// Why a message is not what its kind says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// It ends before its number does.
    NoNumber,
    /// It is an answer that ends behind its number.
    NoReply,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNumber => f.write_str("it is too short for the number of a question"),
            Self::NoReply => f.write_str("it is an answer that says nothing"),
        }
    }
}

impl core::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERED: u64 = 0x0102_0304_0506_0708;

    /// Every head, its kind, and its bytes.
    const GOLDEN: [(Head, u8, &[u8]); 6] = [
        (Head::Told(NUMBERED), 253, &[8, 7, 6, 5, 4, 3, 2, 1]),
        (Head::Question(NUMBERED), 254, &[8, 7, 6, 5, 4, 3, 2, 1]),
        (Head::Answer(NUMBERED, Reply::Given), 255, &[8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (Head::Answer(NUMBERED, Reply::Unreadable), 255, &[8, 7, 6, 5, 4, 3, 2, 1, 1]),
        (Head::Answer(NUMBERED, Reply::Declined), 255, &[8, 7, 6, 5, 4, 3, 2, 1, 2]),
        (Head::Answer(NUMBERED, Reply::Nobody), 255, &[8, 7, 6, 5, 4, 3, 2, 1, 3]),
    ];

    #[test]
    fn a_head_has_these_bytes_and_no_others() {
        for (head, kind, bytes) in GOLDEN {
            assert_eq!((head.kind(), &*head.to_bytes()), (kind, bytes), "{head:?}");
            assert_eq!(Head::read(kind, &bytes.into()), Ok(Some((head, Body::EMPTY))));
        }
    }

    #[test]
    fn every_byte_of_a_head_is_looked_at() {
        for (head, kind, bytes) in GOLDEN {
            for at in 0..bytes.len() {
                let mut other = head.to_bytes();
                other[at] ^= 0x40;
                let read = Head::read(kind, &other.as_slice().into());
                assert!(!matches!(read, Ok(Some((same, _))) if same == head), "byte {at} of {head:?}");
            }
        }
    }

    #[test]
    fn a_head_stands_in_front_of_the_body() {
        for (head, kind, bytes) in GOLDEN {
            let mut room = [0xee; 32];
            let message = head.message(b"what is said", &mut room).expect("there is room");
            assert_eq!((message.kind, message.body.len()), (kind, bytes.len() + 12));
            assert_eq!(Head::read(kind, &message.body), Ok(Some((head, b"what is said".into()))));
            let plain = Message::plain(message.body.clone()).of_kind(kind);
            assert_eq!(message, plain, "it is ordinary, and nobody waits for its receipt");
        }
    }

    #[test]
    fn a_message_needs_room_for_all_of_it() {
        for (head, _, bytes) in GOLDEN {
            let mut room = [0; 32];
            let whole = bytes.len() + 4;
            assert!(head.message(b"body", &mut room[..whole]).is_some());
            assert_eq!(head.message(b"body", &mut room[..whole - 1]), None);
        }
    }

    #[test]
    fn what_is_no_message_of_its_kind_is_told_from_one() {
        let short = |kind, length| Head::read(kind, &[0; 8][..length].into());
        for kind in FIRST_RESERVED..=u8::MAX {
            for length in 0..8 {
                assert_eq!(short(kind, length), Err(Malformed::NoNumber));
            }
        }
        assert_eq!(short(255, 8), Err(Malformed::NoReply));
        for byte in 4..=u8::MAX {
            let body = [0, 0, 0, 0, 0, 0, 0, 0, byte];
            let other = Head::Answer(0, Reply::Other(byte));
            assert_eq!(Head::read(255, &body[..].into()), Ok(Some((other, Body::EMPTY))));
            assert_eq!(&*other.to_bytes(), body);
        }
    }

    #[test]
    fn kinds_of_the_applications_own_have_no_head() {
        assert_eq!(FIRST_RESERVED, 253);
        for kind in 0..FIRST_RESERVED {
            assert_eq!(Head::read(kind, &Body::EMPTY), Ok(None));
            assert_eq!(Head::read(kind, &GOLDEN[2].2.into()), Ok(None));
        }
    }
}
