//! What a node is told.

use core::net::SocketAddr;

use super::settings::{Fresh, Verdict};
use crate::event::{FrameBatch, MessageBatch, Route, Routes, Wake};
use crate::frame::PathClass;
use crate::id::{LinkId, NodeId};
use crate::message::{Lane, Message};
use crate::reason::SystemError;

/// One fact from a driver, or one wish of the application.
#[derive(Debug)]
pub enum Input<'a> {
    /// A stream was accepted. [`NodeTurn::answer`](super::NodeTurn::answer) gives its name, or says why there is none;
    /// then the driver ends the stream itself.
    Accepted {
        /// Where it comes from, if it has an address.
        from: Option<SocketAddr>,
        /// The kind of way that it goes.
        class: PathClass,
        /// For its handshake.
        fresh: Fresh,
    },
    /// This node opened a stream by other means than [`Order::Dial`](super::Order::Dial): its handshake begins at once.
    /// [`NodeTurn::answer`](super::NodeTurn::answer) gives its name, or says why there is none; then the driver ends the
    /// stream itself. While a mesh changes from one secret to another, it takes the first.
    ///
    /// The first [`Order::Write`](super::Order::Write) for it is among the orders of this very turn: whoever carries them
    /// out has to know of the link by then, and not only when the answer is read.
    Attached {
        /// Who is to be at the other end, if that is known: another is not met.
        expected: Option<NodeId>,
        /// The kind of way that it goes.
        class: PathClass,
        /// For its handshake.
        fresh: Fresh,
    },
    /// A dialed stream is open.
    Connected {
        /// The name that came with the order to dial.
        link: LinkId,
        /// For its handshake.
        fresh: Fresh,
    },
    /// Bytes came on a link, cut anywhere. Not after [`Order::Up`](super::Order::Up) for it: they go to its reader then.
    Bytes {
        /// The link.
        link: LinkId,
        /// All that came.
        bytes: &'a [u8],
    },
    /// A link's reader opened these.
    Frames {
        /// The link.
        link: LinkId,
        /// In the order in which they came.
        frames: FrameBatch<'a>,
    },
    /// A link's reader, or its writer, cannot go on.
    Broken {
        /// The link.
        link: LinkId,
    },
    /// A link can take this many bytes of messages beyond all that was ordered so far. At first that is
    /// [`Settings::room`](super::Settings::room), and nobody has to say so.
    Room {
        /// The link.
        link: LinkId,
        /// How many.
        bytes: u32,
    },
    /// A link ended, or a dial failed.
    Closed {
        /// The link.
        link: LinkId,
        /// What the system said.
        error: SystemError,
    },
    /// A datagram came from the neighbourhood.
    Datagram {
        /// Where from.
        from: SocketAddr,
        /// What it says.
        bytes: &'a [u8],
    },
    /// The answer to [`Order::Ask`](super::Order::Ask), early or late; or a change of mind, for the next time.
    Answer {
        /// About whom.
        peer: NodeId,
        /// Whether to let it in.
        verdict: Verdict,
    },
    /// Time passed.
    Tick,
    /// The system says that this node slept, was frozen, or moved to another network.
    Wake(Wake),
    /// As [`Event::Keep`](crate::Event::Keep). Who was expelled is pardoned.
    Keep {
        /// The peer.
        peer: NodeId,
        /// Where it may be reached, if known.
        routes: Routes,
    },
    /// As [`Event::KeepAt`](crate::Event::KeepAt).
    KeepAt {
        /// Where to dial.
        route: Route,
    },
    /// As [`Event::Seek`](crate::Event::Seek). Who was expelled is pardoned.
    Seek {
        /// The peer.
        peer: NodeId,
        /// Where it may be reached, if known.
        routes: Routes,
    },
    /// As [`Event::Forget`](crate::Event::Forget).
    Forget {
        /// The peer.
        peer: NodeId,
    },
    /// As [`Event::ForgetAt`](crate::Event::ForgetAt).
    ForgetAt {
        /// The address.
        address: SocketAddr,
    },
    /// End every session with this peer as refused, take it off the list, and turn it away from now on.
    Expel {
        /// The peer.
        peer: NodeId,
    },
    /// As [`Event::Send`](crate::Event::Send).
    Send {
        /// To whom.
        peer: NodeId,
        /// All that are queued.
        messages: MessageBatch<'a>,
    },
    /// As [`Event::SendAll`](crate::Event::SendAll).
    SendAll {
        /// The message.
        message: Message<'a>,
    },
    /// As [`Event::Took`](crate::Event::Took).
    Took {
        /// Who sent them.
        peer: NodeId,
        /// On which lane.
        lane: Lane,
        /// The serial number of the last one that was taken.
        serial: u64,
    },
    /// As [`Event::Collect`](crate::Event::Collect).
    Collect {
        /// The peer.
        peer: NodeId,
    },
    /// As [`Event::Leave`](crate::Event::Leave).
    Leave,
}
