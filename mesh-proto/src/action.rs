//! What the machine asks for.

use serde::Serialize;

use crate::announcement::{Announcement, Audience, Cause};
use crate::event::Route;
use crate::frame::Frame;
use crate::id::{LinkId, NodeId};
use crate::reason::Reason;

/// One order. A driver carries it out, or starts to, and never waits for it: what comes of it is an event, and
/// what comes of nothing is a timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
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
        frame: &'a Frame,
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
}
