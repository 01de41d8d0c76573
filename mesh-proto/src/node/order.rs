//! What a node orders.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

#[cfg(feature = "alloc")]
use super::reader::Reader;
#[cfg(feature = "alloc")]
use super::writer::Writer;
use crate::action::Delivery;
use crate::announcement::{Announcement, Audience, Cause};
use crate::event::Route;
#[cfg(feature = "alloc")]
use crate::frame::Frame;
use crate::id::{LinkId, NodeId};
use crate::message::{Outcome, Wants};
use crate::reason::Reason;

/// One order. A driver carries it out, or starts to, and never waits for it.
#[derive(Debug)]
pub enum Order<'a> {
    /// Open a stream to this address. What comes of it is [`Input::Connected`](super::Input::Connected) or
    /// [`Input::Closed`](super::Input::Closed).
    Dial {
        /// The name of the link from now on.
        link: LinkId,
        /// Where to.
        route: Route,
        /// Who should be there, if that is known.
        expected: Option<NodeId>,
    },
    /// Write these bytes on this link, after all that were ordered before.
    Write {
        /// The link.
        link: LinkId,
        /// What to write.
        bytes: &'a [u8],
    },
    /// The channel of this link is up: what comes on it goes to the reader from now on, which may have some already; what
    /// is sent on it goes through the writer. Only where the halves are [outside](super::Halves::Outside).
    #[cfg(feature = "alloc")]
    Up {
        /// The link.
        link: LinkId,
        /// Opens what comes.
        reader: Box<Reader>,
        /// Seals what goes out.
        writer: Box<Writer>,
    },
    /// Give this frame to the link's writer, after all that were ordered before: into its
    /// [`Backlog`](super::Backlog). Only where the halves are [outside](super::Halves::Outside).
    #[cfg(feature = "alloc")]
    Send {
        /// The link.
        link: LinkId,
        /// The frame.
        frame: &'a Frame<'a>,
    },
    /// End this link: what was ordered before goes out first, as far as it can without waiting. The link's name means
    /// nothing from now on.
    Close {
        /// The link.
        link: LinkId,
        /// Why.
        reason: Reason,
    },
    /// Send this datagram to the neighbourhood.
    Announce {
        /// Whom to: one node alone at the address that its own datagram came from.
        to: Audience,
        /// What it says.
        announcement: Announcement,
        /// Why.
        cause: Cause,
        /// The datagram.
        datagram: &'a [u8],
    },
    /// A message came: this is the one time that it is handed out.
    Deliver {
        /// Who sent it.
        peer: NodeId,
        /// The message.
        message: Delivery<'a>,
    },
    /// What became of a message.
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
    /// Ask whether this node is let in: [`Input::Answer`](super::Input::Answer) says. It is asked once while it waits:
    /// a minute at most if it dialed, and as long as a handshake may take if this node did. An answer that comes later is
    /// remembered for the next link.
    Ask {
        /// Who has proven that it is there.
        peer: NodeId,
    },
}
