//! An action that owns what it holds.

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::action::Delivery;
use crate::announcement::{Announcement, Audience, Cause};
use crate::body::Body;
use crate::event::Route;
use crate::frame::Frame;
use crate::id::{LinkId, NodeId};
use crate::message::{Lane, Outcome, Wants};
use crate::reason::Reason;

/// An [`Action`] that owns its frame: for traces, and for whoever keeps actions.
// In bytes it is the same as the action, so the variants and their fields stand in the same order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Order {
    /// See [`Action::Dial`].
    Dial {
        /// The name of the link from now on.
        link: LinkId,
        /// Where to.
        route: Route,
        /// Who should be there, if that is known.
        expected: Option<NodeId>,
    },
    /// See [`Action::Send`].
    Send {
        /// The link.
        link: LinkId,
        /// The frame.
        frame: Frame<'static>,
    },
    /// See [`Action::Close`].
    Close {
        /// The link.
        link: LinkId,
        /// Why.
        reason: Reason,
    },
    /// See [`Action::Announce`].
    Announce {
        /// Whom.
        to: Audience,
        /// What.
        announcement: Announcement,
        /// Why.
        cause: Cause,
    },
    /// See [`Action::Deliver`].
    Deliver {
        /// Who sent it.
        peer: NodeId,
        /// The message.
        message: Delivered,
    },
    /// See [`Action::Settled`].
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
    /// See [`Action::Roomy`].
    Roomy {
        /// The peer.
        peer: NodeId,
    },
}

/// A [`Delivery`](crate::Delivery) that owns its body.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Delivered {
    /// On which lane.
    pub lane: Lane,
    /// What its sender marked it as.
    pub kind: u8,
    /// Its name for [`Event::Took`](crate::Event::Took).
    pub serial: u64,
    /// What it says.
    pub body: Body<'static>,
}

impl Order {
    /// The action again.
    #[must_use]
    pub fn as_action(&self) -> Action<'_> {
        match self {
            Self::Dial { link, route, expected } => {
                Action::Dial { link: *link, route: *route, expected: *expected }
            }
            Self::Send { link, frame } => Action::Send { link: *link, frame },
            Self::Close { link, reason } => Action::Close { link: *link, reason: *reason },
            Self::Announce { to, announcement, cause } => {
                Action::Announce { to: *to, announcement: *announcement, cause: *cause }
            }
            Self::Deliver { peer, message: Delivered { lane, kind, serial, body } } => {
                let message = Delivery { lane: *lane, kind: *kind, serial: *serial, body: (&**body).into() };
                Action::Deliver { peer: *peer, message }
            }
            Self::Settled { peer, token, wants, outcome } => {
                Action::Settled { peer: *peer, token: *token, wants: *wants, outcome: *outcome }
            }
            Self::Roomy { peer } => Action::Roomy { peer: *peer },
        }
    }
}

impl From<Action<'_>> for Order {
    fn from(action: Action<'_>) -> Self {
        match action {
            Action::Dial { link, route, expected } => Self::Dial { link, route, expected },
            Action::Send { link, frame } => Self::Send { link, frame: frame.clone().into_owned() },
            Action::Close { link, reason } => Self::Close { link, reason },
            Action::Announce { to, announcement, cause } => Self::Announce { to, announcement, cause },
            Action::Deliver { peer, message: Delivery { lane, kind, serial, body } } => {
                let body = body.into_bytes().into();
                Self::Deliver { peer, message: Delivered { lane, kind, serial, body } }
            }
            Action::Settled { peer, token, wants, outcome } => Self::Settled { peer, token, wants, outcome },
            Action::Roomy { peer } => Self::Roomy { peer },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::announcement::AnnouncementKind;
    use crate::id::Incarnation;
    use crate::storage::Slot;

    #[test]
    fn an_order_is_an_action_in_bytes() {
        let slot = Slot::from_index(3).expect("a low index");
        let link = LinkId::mint(7, slot).expect("a low number");
        let route = Route::relayed(([10, 0, 0, 1], 9).into());
        let announcement = Announcement {
            node: NodeId::new([4; 32]),
            incarnation: Incarnation::new(1, 2),
            kind: AnnouncementKind::Answer,
        };
        let frame = Frame::Ping { nonce: 5 };
        let actions = [
            Action::Dial { link, route, expected: Some(NodeId::new([9; 32])) },
            Action::Send { link, frame: &frame },
            Action::Close { link, reason: Reason::Silent },
            Action::Announce { to: Audience::One(route.address), announcement, cause: Cause::Answer },
            Action::Deliver {
                peer: NodeId::new([4; 32]),
                message: Delivery { lane: Lane::Urgent, kind: 3, serial: 9, body: [0; 3].as_slice().into() },
            },
            Action::Settled {
                peer: NodeId::new([4; 32]),
                token: 7,
                wants: Wants::Report,
                outcome: Outcome::NoRoom,
            },
            Action::Roomy { peer: NodeId::new([4; 32]) },
        ];
        for action in actions {
            let mut bytes = [0; 128];
            let bytes = postcard::to_slice(&action, &mut bytes).expect("an action is small");
            let order: Order = postcard::from_bytes(bytes).expect("an action can be read as an order");
            assert_eq!(order.as_action(), action);
            assert_eq!(order, Order::from(action));
        }
    }
}
