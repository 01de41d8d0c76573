//! What travels on a link, as plain values. How they look in bytes is the channel's business.

use core::time::Duration;

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::apart::Apart;
use crate::id::{Incarnation, LinkTag};
use crate::message::{Marks, Piece, Takes};
use crate::reason::Reason;

/// How many losses a node remembers for one peer until the peer has noted them; more are left to probes (R5).
pub const MAX_LOSSES: usize = 8;

/// The kind of way that a link goes. The better one comes first (R3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PathClass {
    /// From node to node.
    #[default]
    Direct,
    /// Through somebody in between.
    Relayed,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "alloc", derive(Deserialize))]
pub enum Frame<'a> {
    /// The dialer's introduction. The acceptor admits the link with it.
    Hello(Apart<Hello>),
    /// The acceptor's answer. The dialer admits the link with it.
    Welcome(Apart<Welcome>),
    /// The acceptor's other answer: this node is not let in.
    Refused(Reason),
    /// 'Are you there?'
    Ping {
        /// Rises on each link.
        nonce: u32,
    },
    /// 'I am.' It covers every earlier ping of the link.
    Pong {
        /// Of the newest ping.
        nonce: u32,
    },
    /// Links that the sender no longer has (R5).
    Lost(Apart<Losses>),
    /// The losses that were read: no need to tell them again.
    Noted(Apart<Tags>),
    /// The sender doubts the run that the link's other end says it is (R6): no data until the doubt is cleared.
    Doubted,
    /// The doubt is over: the link counts. It is answered in kind; what comes before the answer was sent in doubt.
    Cleared {
        /// The sender's number for the session that begins with that, which is another than it told in doubt.
        birth: u64,
    },
    /// A piece of a message (R13, R14).
    Data(Piece<'a>),
    /// What the sender has received and taken, and how much room it has (R13).
    Marks(Marks),
    /// The last frame. Whoever reads it answers with its own.
    Close(Reason),
}

/// What a node says of itself when a link begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hello {
    /// Which run of the node this is.
    pub incarnation: Incarnation,
    /// Its knob (R8).
    pub detect_within: Duration,
    /// The kind of way, as its adapter sees it; the worse of both ends' views counts.
    pub class: PathClass,
    /// Whether it wants to keep the session.
    pub keep: bool,
    /// Links to the reader that it no longer has.
    pub lost: Losses,
    /// Its number for the session with the reader, which rises with each new one within its run (R13).
    pub birth: u64,
    /// The reader's run, and its number for the session, that the marks are meant for.
    pub meant: Option<(Incarnation, u64)>,
    /// How far that session is.
    pub marks: Marks,
    /// How much it takes.
    pub takes: Takes,
}

/// The same, from the end that was dialed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Welcome {
    /// What the dialer said in its hello, said by the acceptor.
    pub hello: Hello,
    /// Whether the acceptor doubts the dialer's run (R6).
    pub doubt: bool,
}

/// A link that one end no longer has, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Loss {
    /// Which link.
    pub tag: LinkTag,
    /// Why it ended there.
    pub reason: Reason,
}

/// Links that one end no longer has, oldest first.
pub type Losses = Vec<Loss, MAX_LOSSES>;

/// Links that both ends are done with.
pub type Tags = Vec<LinkTag, MAX_LOSSES>;

impl Frame<'_> {
    /// Whether a driver may hold the frame back for a few milliseconds, to write it with the next one: nobody waits for
    /// it. The order of the frames of a link stays as it is.
    #[must_use]
    pub const fn can_wait(&self) -> bool {
        matches!(self, Self::Marks(_))
    }
}

#[cfg(feature = "alloc")]
impl Frame<'_> {
    /// The same, depending on nobody. A body that is only borrowed is copied.
    #[must_use]
    pub fn into_owned(self) -> Frame<'static> {
        match self {
            Self::Hello(hello) => Frame::Hello(hello),
            Self::Welcome(welcome) => Frame::Welcome(welcome),
            Self::Refused(reason) => Frame::Refused(reason),
            Self::Ping { nonce } => Frame::Ping { nonce },
            Self::Pong { nonce } => Frame::Pong { nonce },
            Self::Lost(losses) => Frame::Lost(losses),
            Self::Noted(tags) => Frame::Noted(tags),
            Self::Doubted => Frame::Doubted,
            Self::Cleared { birth } => Frame::Cleared { birth },
            Self::Data(Piece { lane, kind, number, offset, total, body }) => {
                Frame::Data(Piece { lane, kind, number, offset, total, body: body.into_owned() })
            }
            Self::Marks(marks) => Frame::Marks(marks),
            Self::Close(reason) => Frame::Close(reason),
        }
    }
}

/// A record of small messages is some thousand frames in a list.
#[cfg(feature = "alloc")]
const _: () = assert!(size_of::<Frame<'_>>() <= 64, "a frame is as small as a piece of a message");
