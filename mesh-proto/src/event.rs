//! What the machine is told.

use core::marker::PhantomData;
use core::net::SocketAddr;
use core::ops::Deref;
use core::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::announcement::{Announcement, Vouched};
use crate::frame::{Frame, PathClass};
use crate::id::{LinkId, LinkTag, NodeId};
use crate::message::{Lane, Message};
use crate::reason::{Reason, SystemError};

/// How many ways to one peer are remembered.
pub const MAX_ROUTES: usize = 4;

/// Where a peer may be reached, and by which kind of way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// The address to dial.
    #[serde(with = "crate::address")]
    pub address: SocketAddr,
    /// The kind of way that a link to it goes.
    pub class: PathClass,
}

impl Route {
    /// A direct way to `address`.
    #[must_use]
    pub const fn direct(address: SocketAddr) -> Self {
        Self { address, class: PathClass::Direct }
    }

    /// A way to `address` through somebody in between.
    #[must_use]
    pub const fn relayed(address: SocketAddr) -> Self {
        Self { address, class: PathClass::Relayed }
    }
}

/// A few routes, the one to try first in front.
pub type Routes = heapless::Vec<Route, MAX_ROUTES>;

/// One fact, or one wish of the caller. Plain data: the sequence of events with their times, the configuration
/// and the seed give the same actions again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "alloc", derive(Deserialize))]
pub enum Event<'a> {
    /// A stream was accepted. [`Turn::answer`](crate::Turn::answer) gives its name, or says why there is none;
    /// then the caller ends the stream itself.
    Incoming {
        /// Where it comes from, if it has an address: half-open room is counted by it.
        #[serde(with = "crate::address")]
        from: Option<SocketAddr>,
        /// The kind of way that it goes.
        class: PathClass,
    },
    /// This node opened a stream by other means than an order to dial. [`Turn::answer`](crate::Turn::answer) gives its
    /// name, or says why there is none; then the caller ends the stream itself. It shares half-open room with the accepted
    /// ones, and has no address: how it ends says nothing of any.
    Attached {
        /// Who is to be at the other end, if that is known: another is not met (R7).
        expected: Option<NodeId>,
        /// The kind of way that it goes.
        class: PathClass,
    },
    /// A dialed stream is open.
    Connected {
        /// The name that came with the order to dial.
        link: LinkId,
    },
    /// The channel of a link is up, and proves who is at its other end. At the dialer this comes before its hello
    /// goes out, at the acceptor before the hello that came is given.
    Proven {
        /// The link.
        link: LinkId,
        /// What the handshake proved.
        proof: Proof,
    },
    /// Somebody is asked whether the one at the other end is let in: this end asks, or the other says that it does. The
    /// link has a minute from now on instead of what was left of its time.
    Waits {
        /// The link.
        link: LinkId,
    },
    /// There will be no channel on a link, or it broke, or the one at its other end is not let in. Unlike with
    /// [`Event::Closed`] the stream is still there, and the order to close it follows.
    Failed {
        /// The link.
        link: LinkId,
        /// Why.
        reason: Reason,
    },
    /// Frames arrived on a link, in this order.
    Frames {
        /// The link.
        link: LinkId,
        /// All the frames of a record, or of a read.
        frames: FrameBatch<'a>,
    },
    /// A link can take this much: so many bytes beyond all that was ordered so far. Data waits for it, all else goes out
    /// in any case.
    Room {
        /// The link.
        link: LinkId,
        /// How many bytes.
        bytes: u32,
    },
    /// A link ended, or a dial failed. Never after [`Action::Close`](crate::Action::Close) for it, though one
    /// that comes late does no harm.
    Closed {
        /// The link.
        link: LinkId,
        /// What the system said.
        error: SystemError,
    },
    /// An announcement arrived.
    Heard {
        /// What was announced.
        announcement: Announcement,
        /// Where its sender can be dialed.
        routes: Routes,
        /// Whether a member of the mesh vouches for it.
        vouched: Vouched,
    },
    /// Time passed.
    Tick,
    /// The system says that this node slept, was frozen, or moved to another network.
    Wake(Wake),
    /// Keep a session with this peer: dial it whenever there is none.
    Keep {
        /// The peer.
        peer: NodeId,
        /// Where it may be reached, if known.
        routes: Routes,
    },
    /// Keep a session with whoever is at this address.
    KeepAt {
        /// Where to dial.
        route: Route,
    },
    /// Dial this peer now, even if a link to it exists.
    Seek {
        /// The peer.
        peer: NodeId,
        /// Where it may be reached, if known.
        routes: Routes,
    },
    /// End the session with this peer and do not dial it; it may come again.
    Forget {
        /// The peer.
        peer: NodeId,
    },
    /// Dial this address no more; a session that came from it stays, unkept.
    ForgetAt {
        /// The address given to [`Event::KeepAt`].
        #[serde(with = "crate::address")]
        address: SocketAddr,
    },
    /// End the session with this peer as refused: it is no longer on the list.
    Expel {
        /// The peer.
        peer: NodeId,
    },
    /// Send these messages, in this order. [`Turn::answer`](crate::Turn::answer) says how many were taken in.
    Send {
        /// To whom: the session need not have a link, nor even have begun.
        peer: NodeId,
        /// All that are queued.
        messages: MessageBatch<'a>,
    },
    /// Send this message to every peer with a session. Where there is no room, that is its outcome for this peer.
    SendAll {
        /// The message.
        message: Message<'a>,
    },
    /// The application has taken the messages that came on this lane, up to this one.
    Took {
        /// Who sent them.
        peer: NodeId,
        /// On which lane.
        lane: Lane,
        /// The serial number of the last one that it took: [`Delivery::serial`](crate::Delivery::serial).
        serial: u64,
    },
    /// Hand out the reports that wait for the messages to this peer.
    Collect {
        /// The peer.
        peer: NodeId,
    },
    /// Say goodbye to everybody and end every link. Nothing begins after this.
    Leave,
}

/// What a handshake proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Proof {
    /// Who is at the other end.
    pub peer: NodeId,
    /// The name of the link that both ends know from the handshake.
    pub tag: LinkTag,
    /// How long the other end took to answer in the handshake.
    pub round_trip: Duration,
}

/// What the system knows of a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Wake {
    /// The system was suspended.
    Suspended,
    /// This program did not run.
    Frozen,
    /// The addresses of this node changed.
    Moved,
}

/// Frames that came in one go.
pub(crate) type FrameBatch<'a> = Batch<'a, Frame<'a>, Frame<'static>>;

/// Messages to be sent in one go.
pub(crate) type MessageBatch<'a> = Batch<'a, Message<'a>, Message<'static>>;

/// Several things in one event: lent, to be taken over, or owned where they come out of a trace.
///
/// What is lent is read where it lies; on the heap the machine keeps a handle of its own to a body that it needs. Out of a
/// `&mut` it may take the bodies themselves: what is left of frames, and of messages that were taken in, says nothing. Messages
/// that found no room keep theirs.
pub struct Batch<'a, T, O>(pub(crate) Items<'a, T, O>);

/// Where they are.
pub(crate) enum Items<'a, T, O> {
    /// Where there is no heap there is nothing else.
    Lent(&'a [T], PhantomData<O>),
    #[cfg(feature = "alloc")]
    GivenUp(&'a mut [O]),
    #[cfg(feature = "alloc")]
    Owned(alloc::vec::Vec<O>),
}

/// What borrows from nothing is as good as what borrows from something. Only frames and messages need to know.
pub trait Outlives<T>: Sized + sealed::Sealed {
    /// The same, seen as what borrows.
    fn shorter(these: &[Self]) -> &[T];
}

impl<T, O> Items<'_, T, O> {
    /// What of them can be taken apart, and what is lent: one of them is empty.
    pub(crate) fn split(&mut self) -> (&mut [O], &[T]) {
        match self {
            Self::Lent(items, _) => (&mut [], items),
            #[cfg(feature = "alloc")]
            Self::GivenUp(items) => (items, &[]),
            #[cfg(feature = "alloc")]
            Self::Owned(items) => (items, &[]),
        }
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for crate::frame::Frame<'static> {}
    impl Sealed for crate::message::Message<'static> {}
}

impl<'a> Outlives<Frame<'a>> for Frame<'static> {
    fn shorter(these: &[Self]) -> &[Frame<'a>] {
        these
    }
}

impl<'a> Outlives<Message<'a>> for Message<'static> {
    fn shorter(these: &[Self]) -> &[Message<'a>] {
        these
    }
}

impl<T, O: Outlives<T>> Deref for Batch<'_, T, O> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Items::Lent(items, _) => items,
            #[cfg(feature = "alloc")]
            Items::GivenUp(items) => O::shorter(items),
            #[cfg(feature = "alloc")]
            Items::Owned(items) => O::shorter(items),
        }
    }
}

impl<'a, T, O> From<&'a [T]> for Batch<'a, T, O> {
    fn from(items: &'a [T]) -> Self {
        Self(Items::Lent(items, PhantomData))
    }
}

impl<'a, T, O> From<&'a T> for Batch<'a, T, O> {
    fn from(item: &'a T) -> Self {
        Self(Items::Lent(core::slice::from_ref(item), PhantomData))
    }
}

#[cfg(feature = "alloc")]
impl<'a, T, O> From<&'a mut [O]> for Batch<'a, T, O> {
    fn from(items: &'a mut [O]) -> Self {
        Self(Items::GivenUp(items))
    }
}

#[cfg(feature = "alloc")]
impl<'a, T, O> From<&'a mut O> for Batch<'a, T, O> {
    fn from(item: &'a mut O) -> Self {
        Self(Items::GivenUp(core::slice::from_mut(item)))
    }
}

#[cfg(feature = "alloc")]
impl<T, O> From<alloc::vec::Vec<O>> for Batch<'_, T, O> {
    fn from(items: alloc::vec::Vec<O>) -> Self {
        Self(Items::Owned(items))
    }
}

impl<T: core::fmt::Debug, O: Outlives<T>> core::fmt::Debug for Batch<'_, T, O> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        (**self).fmt(f)
    }
}

/// Those that were to be given up are cloned, and the clone owns them.
impl<T, O: Clone> Clone for Batch<'_, T, O> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Items::Lent(items, _) => Items::Lent(items, PhantomData),
            #[cfg(feature = "alloc")]
            Items::GivenUp(items) => Items::Owned(items.to_vec()),
            #[cfg(feature = "alloc")]
            Items::Owned(items) => Items::Owned(items.clone()),
        })
    }
}

impl<T: PartialEq, O: Outlives<T>> PartialEq for Batch<'_, T, O> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq, O: Outlives<T>> Eq for Batch<'_, T, O> {}

impl<T: core::hash::Hash, O: Outlives<T>> core::hash::Hash for Batch<'_, T, O> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T: Serialize, O: Outlives<T>> Serialize for Batch<'_, T, O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

#[cfg(feature = "alloc")]
impl<'de, T, O: Deserialize<'de>> Deserialize<'de> for Batch<'_, T, O> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        alloc::vec::Vec::deserialize(deserializer).map(|items| Self(Items::Owned(items)))
    }
}
