//! What happens among nodes.

use core::fmt;
use core::time::Duration;

use super::told::Told;
use crate::announcement::{Announcement, Audience, Cause};
use crate::event::Route;
use crate::frame::Frame;
use crate::id::{Incarnation, LinkId, NodeId};
use crate::machine::Unable;
use crate::message::Outcome;
use crate::news::PeerView;
use crate::reason::Reason;
use crate::sim::{Stop, StreamName};
use crate::trace::Delivered;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// The node was told this.
    Told(Told),
    /// It could not do what it was told to.
    Unable(Unable),
    /// It ordered a dial.
    Dials {
        /// The name of the link.
        link: LinkId,
        /// Where to.
        route: Route,
        /// Who should be there.
        expected: Option<NodeId>,
    },
    /// It ordered bytes to be written.
    Writes {
        /// On which link.
        link: LinkId,
        /// How many.
        bytes: usize,
    },
    /// It handed out both halves of a link.
    Up {
        /// Which.
        link: LinkId,
    },
    /// It ordered a frame to be given to the writer of a link.
    Sends {
        /// Which.
        link: LinkId,
        /// The frame.
        frame: Frame<'static>,
    },
    /// It ordered a link to be closed.
    Closes {
        /// Which.
        link: LinkId,
        /// Why.
        reason: Reason,
    },
    /// It ordered an announcement.
    Announces {
        /// Whom to tell.
        to: Audience,
        /// What.
        announcement: Announcement,
        /// Why.
        cause: Cause,
    },
    /// It handed out a message.
    Delivers {
        /// Who sent it.
        peer: NodeId,
        /// The message.
        message: Delivered,
    },
    /// It told what became of a message.
    Settles {
        /// To whom it was sent.
        peer: NodeId,
        /// The sender's own name for it.
        token: u64,
        /// What became of it.
        outcome: Outcome,
    },
    /// It told that there is room again for messages to this peer.
    Roomy {
        /// The peer.
        peer: NodeId,
    },
    /// It asked whether this one is let in.
    Asks {
        /// Who.
        peer: NodeId,
    },
    /// The news of its machine told this.
    News(PeerView),
    /// The node was started, as this run.
    Started(Incarnation),
    /// The node was stopped.
    Stopped(Stop),
    /// The process of the node stands still for this long.
    Frozen(Duration),
    /// The host of the node sleeps for this long.
    Suspended(Duration),
    /// The node runs again.
    Resumed,
    /// One clock of the node jumped by so many microseconds.
    ClockStepped(i64),
    /// A stream of the node died at this end.
    StreamLost(StreamName),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(told) => write!(f, "< {told:?}"),
            Self::Unable(why) => write!(f, "> unable: {why}"),
            Self::Dials { link, route, .. } => write!(f, "> {link} dial {}", route.address),
            Self::Writes { link, bytes } => write!(f, "> {link} {bytes} B"),
            Self::Up { link } => write!(f, "> {link} is up"),
            Self::Sends { link, frame } => write!(f, "> {link} {frame:?}"),
            Self::Closes { link, reason } => write!(f, "> {link} close: {reason}"),
            Self::Announces { to, announcement, cause } => {
                write!(f, "> announce {:?} to {to:?}: {cause:?}", announcement.kind)
            }
            Self::Delivers { peer, message: Delivered { lane, kind, serial, body } } => {
                write!(f, "> from {peer:?} {lane:?} {serial} of kind {kind}: {body:?}")
            }
            Self::Settles { peer, token, outcome } => write!(f, "> to {peer:?} {token}: {outcome}"),
            Self::Roomy { peer } => write!(f, "> room for {peer:?}"),
            Self::Asks { peer } => write!(f, "> asks about {peer:?}"),
            Self::News(view) => write!(
                f,
                "= {:?} {:?} kept here {} there {} conflict {}",
                view.id, view.standing, view.kept_here, view.kept_there, view.conflict
            ),
            Self::Started(run) => write!(f, "! started as run {} with bits {:x}", run.start, run.bits),
            Self::Stopped(stop) => write!(f, "! stopped: {stop:?}"),
            Self::Frozen(span) => write!(f, "! frozen for {span:?}"),
            Self::Suspended(span) => write!(f, "! suspended for {span:?}"),
            Self::Resumed => f.write_str("! runs again"),
            Self::ClockStepped(micros) => write!(f, "! clock stepped by {micros} us"),
            Self::StreamLost(stream) => write!(f, "! {stream} died here"),
        }
    }
}
