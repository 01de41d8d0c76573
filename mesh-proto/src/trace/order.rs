//! An action that owns what it holds.

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::announcement::{Announcement, Audience, Cause};
use crate::event::Route;
use crate::frame::Frame;
use crate::id::{LinkId, NodeId};
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
        frame: Frame,
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
}

impl Order {
    /// The action again.
    #[must_use]
    pub const fn as_action(&self) -> Action<'_> {
        match self {
            Self::Dial { link, route, expected } => {
                Action::Dial { link: *link, route: *route, expected: *expected }
            }
            Self::Send { link, frame } => Action::Send { link: *link, frame },
            Self::Close { link, reason } => Action::Close { link: *link, reason: *reason },
            Self::Announce { to, announcement, cause } => {
                Action::Announce { to: *to, announcement: *announcement, cause: *cause }
            }
        }
    }
}

impl From<Action<'_>> for Order {
    fn from(action: Action<'_>) -> Self {
        match action {
            Action::Dial { link, route, expected } => Self::Dial { link, route, expected },
            Action::Send { link, frame } => Self::Send { link, frame: frame.clone() },
            Action::Close { link, reason } => Self::Close { link, reason },
            Action::Announce { to, announcement, cause } => Self::Announce { to, announcement, cause },
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
        ];
        for action in actions {
            let mut bytes = [0; 128];
            let bytes = postcard::to_slice(&action, &mut bytes).expect("an action is small");
            let order: Order = postcard::from_bytes(bytes).expect("an action can be read as an order");
            assert_eq!(order, Order::from(action));
            assert_eq!(order.as_action(), action);
        }
    }
}
