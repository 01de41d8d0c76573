//! What a node was told, without the bytes.

use core::net::SocketAddr;

use crate::event::Wake;
use crate::id::{LinkId, NodeId};
use crate::message::Lane;
use crate::node::{Input, Verdict};
use crate::reason::SystemError;

/// An [`Input`], without its bytes and keys: how many bytes there were says the log, what they were the streams.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Told {
    /// A stream was accepted.
    Accepted {
        /// Where it comes from.
        from: Option<SocketAddr>,
    },
    /// It opened a stream by other means than an order to dial.
    Attached {
        /// Who is to be at the other end.
        expected: Option<NodeId>,
    },
    /// A dialed stream is open.
    Connected {
        /// The link.
        link: LinkId,
    },
    /// Bytes came.
    Bytes {
        /// The link.
        link: LinkId,
        /// How many.
        bytes: usize,
    },
    /// A link's reader opened frames.
    Frames {
        /// The link.
        link: LinkId,
        /// How many.
        frames: usize,
    },
    /// A link's reader or writer cannot go on.
    Broken {
        /// The link.
        link: LinkId,
    },
    /// A link can take more.
    Room {
        /// The link.
        link: LinkId,
        /// How many bytes.
        bytes: u32,
    },
    /// A link ended, or a dial failed.
    Closed {
        /// The link.
        link: LinkId,
        /// What the system said.
        error: SystemError,
    },
    /// A datagram came.
    Datagram {
        /// Where from.
        from: SocketAddr,
        /// How many bytes.
        bytes: usize,
    },
    /// Whether to let somebody in.
    Answer {
        /// Whom.
        peer: NodeId,
        /// Whether.
        verdict: Verdict,
    },
    /// Time passed.
    Tick,
    /// It slept, was frozen, or moved.
    Wake(Wake),
    /// To keep a session with a peer.
    Keep {
        /// The peer.
        peer: NodeId,
    },
    /// To keep one with whoever is at an address.
    KeepAt {
        /// The address.
        address: SocketAddr,
    },
    /// To dial a peer.
    Seek {
        /// The peer.
        peer: NodeId,
    },
    /// To forget a peer.
    Forget {
        /// The peer.
        peer: NodeId,
    },
    /// To forget who is at an address.
    ForgetAt {
        /// The address.
        address: SocketAddr,
    },
    /// To expel a peer.
    Expel {
        /// The peer.
        peer: NodeId,
    },
    /// To send messages to a peer.
    Send {
        /// The peer.
        peer: NodeId,
        /// How many.
        messages: usize,
    },
    /// To send a message to all.
    SendAll,
    /// That messages were taken.
    Took {
        /// Who sent them.
        peer: NodeId,
        /// On which lane.
        lane: Lane,
        /// The serial number of the last.
        serial: u64,
    },
    /// To collect what became of messages to a peer.
    Collect {
        /// The peer.
        peer: NodeId,
    },
    /// To leave.
    Leave,
}

impl From<&Input<'_>> for Told {
    fn from(input: &Input<'_>) -> Self {
        match input {
            Input::Accepted { from, .. } => Self::Accepted { from: *from },
            Input::Attached { expected, .. } => Self::Attached { expected: *expected },
            Input::Connected { link, .. } => Self::Connected { link: *link },
            Input::Bytes { link, bytes } => Self::Bytes { link: *link, bytes: bytes.len() },
            Input::Frames { link, frames } => Self::Frames { link: *link, frames: frames.len() },
            Input::Broken { link } => Self::Broken { link: *link },
            Input::Room { link, bytes } => Self::Room { link: *link, bytes: *bytes },
            Input::Closed { link, error } => Self::Closed { link: *link, error: *error },
            Input::Datagram { from, bytes } => Self::Datagram { from: *from, bytes: bytes.len() },
            Input::Answer { peer, verdict } => Self::Answer { peer: *peer, verdict: *verdict },
            Input::Tick => Self::Tick,
            Input::Wake(wake) => Self::Wake(*wake),
            Input::Keep { peer, .. } => Self::Keep { peer: *peer },
            Input::KeepAt { route } => Self::KeepAt { address: route.address },
            Input::Seek { peer, .. } => Self::Seek { peer: *peer },
            Input::Forget { peer } => Self::Forget { peer: *peer },
            Input::ForgetAt { address } => Self::ForgetAt { address: *address },
            Input::Expel { peer } => Self::Expel { peer: *peer },
            Input::Send { peer, messages } => Self::Send { peer: *peer, messages: messages.len() },
            Input::SendAll { .. } => Self::SendAll,
            Input::Took { peer, lane, serial } => Self::Took { peer: *peer, lane: *lane, serial: *serial },
            Input::Collect { peer } => Self::Collect { peer: *peer },
            Input::Leave => Self::Leave,
        }
    }
}
