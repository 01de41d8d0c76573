//! What the machine asks for.

use serde::Serialize;

use crate::announcement::{Announcement, Audience, Cause};
use crate::body::Handed;
use crate::event::Route;
use crate::frame::Frame;
use crate::id::{LinkId, NodeId};
use crate::message::{Lane, Outcome, Wants};
use crate::reason::Reason;

/// One order. A driver carries it out, or starts to, and never waits for it: what comes of it is an event, and
/// what comes of nothing is a timeout.
#[derive(Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Action<'a> {
    /// Open a stream to this address. What comes of it is [`Event::Connected`](crate::Event::Connected) or
    /// [`Event::Closed`](crate::Event::Closed).
    Dial {
        /// The name of the link from now on.
        link: LinkId,
        /// Where to.
        route: Route,
        /// Who should be there, if that is known.
        expected: Option<NodeId>,
    },
    /// Write this frame on this link, after all that were ordered before it.
    Send {
        /// The link.
        link: LinkId,
        /// The frame.
        frame: &'a Frame<'a>,
    },
    /// End this link: what was ordered before goes out first, as far as it can without waiting. The link's name
    /// means nothing from now on.
    Close {
        /// The link.
        link: LinkId,
        /// Why.
        reason: Reason,
    },
    /// Tell the neighbourhood.
    Announce {
        /// Whom.
        to: Audience,
        /// What.
        announcement: Announcement,
        /// Why.
        cause: Cause,
    },
    /// A message came: this is the one time that it is handed out. The receiver always has room, for what it has not
    /// taken closes the sender's window.
    Deliver {
        /// Who sent it.
        peer: NodeId,
        /// The message.
        message: Delivery<'a>,
    },
    /// What became of a message: the receipt that was asked for, or a report that was collected.
    Settled {
        /// To whom it was sent.
        peer: NodeId,
        /// The sender's own name for it.
        token: u64,
        /// What it asked for: a receipt, or a report.
        wants: Wants,
        /// What became of it.
        outcome: Outcome,
    },
    /// A send to this peer did not fit, and now there is room again.
    Roomy {
        /// The peer.
        peer: NodeId,
    },
}

/// A message that came.
#[derive(Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Delivery<'a> {
    /// On which lane.
    pub lane: Lane,
    /// What its sender marked it as.
    pub kind: u8,
    /// Its name for [`Event::Took`](crate::Event::Took). Serial numbers of one node only rise.
    pub serial: u64,
    /// What it says.
    pub body: Handed<'a>,
}
