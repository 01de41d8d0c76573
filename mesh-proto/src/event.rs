//! What the machine is told.

use core::net::SocketAddr;
use core::ops::Deref;
use core::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::announcement::{Announcement, Vouched};
use crate::frame::{Frame, PathClass};
use crate::id::{LinkId, LinkTag, NodeId};
use crate::reason::SystemError;

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
    /// Frames arrived on a link, in this order.
    Frames {
        /// The link.
        link: LinkId,
        /// All the frames of a record, or of a read.
        frames: Batch<'a>,
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

/// The frames of one event: borrowed from the caller, or owned where they come out of a trace.
#[derive(Clone, Debug)]
pub struct Batch<'a>(Frames<'a>);

#[derive(Clone, Debug)]
enum Frames<'a> {
    Borrowed(&'a [Frame]),
    #[cfg(feature = "alloc")]
    Owned(alloc::vec::Vec<Frame>),
}

impl Deref for Batch<'_> {
    type Target = [Frame];

    fn deref(&self) -> &[Frame] {
        match &self.0 {
            Frames::Borrowed(frames) => frames,
            #[cfg(feature = "alloc")]
            Frames::Owned(frames) => frames,
        }
    }
}

impl<'a> From<&'a [Frame]> for Batch<'a> {
    fn from(frames: &'a [Frame]) -> Self {
        Self(Frames::Borrowed(frames))
    }
}

impl<'a> From<&'a Frame> for Batch<'a> {
    fn from(frame: &'a Frame) -> Self {
        Self(Frames::Borrowed(core::slice::from_ref(frame)))
    }
}

#[cfg(feature = "alloc")]
impl From<alloc::vec::Vec<Frame>> for Batch<'_> {
    fn from(frames: alloc::vec::Vec<Frame>) -> Self {
        Self(Frames::Owned(frames))
    }
}

impl PartialEq for Batch<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Batch<'_> {}

impl core::hash::Hash for Batch<'_> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Serialize for Batch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

#[cfg(feature = "alloc")]
impl<'de> Deserialize<'de> for Batch<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        alloc::vec::Vec::deserialize(deserializer).map(|frames| Self(Frames::Owned(frames)))
    }
}
