//! One link: its phases, what it owes the other end, when it must be looked at again.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::event::{Proof, Route};
use crate::frame::PathClass;
use crate::id::{Incarnation, LinkId, NodeId};
use crate::machine::pulse::Pulse;
use crate::reason::Reason;
use crate::storage::{Chained, Slot};
use crate::time::Instant;

/// One link, from the order to dial, or the stream that was accepted or attached, to the order to close.
///
/// ```text
///           dialed    attached  accepted
///             |          |         |
///          Dialing       |         |
///             | Connected|         |
///             v          v         v
///          Shaking              Shaking          the channel is being made
///             | Proven             | Proven
///             v (hello owed)       v
///          Proven               Proven           somebody is there, not let in yet
///             | Welcome            | Hello
///             v                    v (welcome owed)
///          Admitted             Admitted         carries the session, or waits, or is in doubt
///             | close owed         |
///             v                    v
///          Draining             Draining         the other end's close is awaited
///             |                    |
///             v                    v
///           Ended                Ended           the order to close is owed; then the link is gone
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) side: Side,
    pub(crate) phase: Phase,
    /// The kind of way: at first as this end sees it, then the worse of both views.
    pub(crate) class: PathClass,
    /// Where the other end is: what was dialed, or where the stream came from.
    #[serde(with = "crate::address")]
    pub(crate) remote: Option<SocketAddr>,
    /// Whose it is, or should be.
    pub(crate) peer: Option<Slot>,
    /// Who is to be at the other end of an attached stream: it has no peer before that is proven.
    pub(crate) expected: Option<NodeId>,
    /// What the handshake proved.
    pub(crate) proof: Option<Proof>,
    /// The run that the other end says it is.
    pub(crate) incarnation: Option<Incarnation>,
    /// Its place among the peer's links in order of admission.
    pub(crate) order: u32,
    /// Whether this end doubts the other's run (R6).
    pub(crate) doubted_here: bool,
    /// Whether the other end doubts ours.
    pub(crate) doubted_there: bool,
    /// Its life, once admitted.
    pub(crate) pulse: Option<Pulse>,
    /// When it has lived long enough to have been of use.
    pub(crate) stable_at: Option<Instant>,
    /// Whether a late step has given it a further probe time already (R9).
    pub(crate) grace_used: bool,
    /// Whether nothing but a hint that nobody vouches for asked for this dial (R10).
    pub(crate) hinted: bool,
    /// What must go out.
    pub(crate) owes: Owes,
    /// Its place among the links that owe something.
    pub(crate) ready: Chained,
    /// Its place among the links of its peer.
    pub(crate) sibling: Chained,
}

/// Who opened the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Side {
    /// This node.
    Dialed,
    /// The other one.
    Accepted,
}

/// How far a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    Dialing { until: Instant },
    Shaking { until: Instant },
    Proven { until: Instant },
    Admitted,
    Draining { reason: Reason, until: Instant },
    Ended { reason: Reason },
}

impl Phase {
    /// The same phase with another end, if it has one on the way to being admitted.
    pub(crate) const fn put_off(self, until: Instant) -> Self {
        match self {
            Self::Dialing { .. } => Self::Dialing { until },
            Self::Shaking { .. } => Self::Shaking { until },
            Self::Proven { .. } => Self::Proven { until },
            Self::Admitted | Self::Draining { .. } | Self::Ended { .. } => self,
        }
    }
}

/// What a link owes: every pending action that concerns it. Nothing queues anywhere else, so nothing overflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owes {
    pub(crate) dial: bool,
    pub(crate) hello: bool,
    pub(crate) welcome: bool,
    pub(crate) refused: Option<Reason>,
    pub(crate) doubted: bool,
    pub(crate) cleared: bool,
    pub(crate) noted: bool,
    pub(crate) lost: bool,
    pub(crate) pong: Option<u32>,
    pub(crate) ping: bool,
    /// The marks, if they are others than were told.
    pub(crate) marks: bool,
    /// Pieces of messages, as far as there is room.
    pub(crate) data: bool,
    pub(crate) close: Option<Reason>,
    pub(crate) end: Option<Reason>,
}

impl Link {
    pub(crate) fn dialed(id: LinkId, route: Route, peer: Slot, until: Instant) -> Self {
        Self {
            peer: Some(peer),
            owes: Owes { dial: true, ..Owes::default() },
            ..Self::new(id, Side::Dialed, Phase::Dialing { until }, Some(route.address), route.class)
        }
    }

    pub(crate) fn accepted(id: LinkId, from: Option<SocketAddr>, class: PathClass, until: Instant) -> Self {
        Self::new(id, Side::Accepted, Phase::Shaking { until }, from, class)
    }

    /// On a stream that this node opened, though no order to dial did.
    pub(crate) fn attached(id: LinkId, expected: Option<NodeId>, class: PathClass, until: Instant) -> Self {
        Self { expected, ..Self::new(id, Side::Dialed, Phase::Shaking { until }, None, class) }
    }

    fn new(id: LinkId, side: Side, phase: Phase, remote: Option<SocketAddr>, class: PathClass) -> Self {
        Self {
            id,
            side,
            phase,
            class,
            remote,
            peer: None,
            expected: None,
            proof: None,
            incarnation: None,
            order: 0,
            doubted_here: false,
            doubted_there: false,
            pulse: None,
            stable_at: None,
            grace_used: false,
            hinted: false,
            owes: Owes::default(),
            ready: Chained::default(),
            sibling: Chained::default(),
        }
    }

    /// Whether it is admitted and not on its way out.
    pub(crate) const fn is_admitted(&self) -> bool {
        matches!(self.phase, Phase::Admitted)
    }

    /// Whether it can carry the session: admitted, and nobody doubts anybody.
    pub(crate) const fn is_usable(&self) -> bool {
        self.is_admitted() && !self.doubted_here && !self.doubted_there
    }

    /// Whether it is a dial that is still under way.
    pub(crate) const fn is_attempt(&self) -> bool {
        matches!(self.side, Side::Dialed)
            && matches!(self.phase, Phase::Dialing { .. } | Phase::Shaking { .. } | Phase::Proven { .. })
    }

    /// Whether an order to dial made it. Such a link has an address, and one on an attached stream has none.
    pub(crate) const fn was_ordered(&self) -> bool {
        matches!(self.side, Side::Dialed) && self.remote.is_some()
    }

    /// Whether the dial budget counts it.
    pub(crate) const fn is_dial(&self) -> bool {
        self.is_attempt() && self.was_ordered()
    }

    /// Whether half-open room counts it.
    pub(crate) const fn is_half_open(&self) -> bool {
        matches!(self.phase, Phase::Shaking { .. } | Phase::Proven { .. }) && !self.was_ordered()
    }

    /// Whether the other end may have admitted it, or be about to, though this end has not.
    pub(crate) const fn may_be_admitted_there(&self) -> bool {
        matches!((self.side, self.phase), (Side::Dialed, Phase::Proven { .. }))
    }

    /// Whether something of what it owes can go out now: losses wait until the link is admitted.
    pub(crate) fn is_ready(&self) -> bool {
        let lost = self.owes.lost && self.is_admitted();
        Owes { lost, ..self.owes } != Owes::default()
    }

    /// Whether only the order to close it is left.
    pub(crate) const fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// Whether a probe of it ran out.
    pub(crate) fn is_suspect(&self) -> bool {
        self.pulse.as_ref().is_some_and(Pulse::is_suspect)
    }

    /// When it must be looked at again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Dialing { until }
            | Phase::Shaking { until }
            | Phase::Proven { until }
            | Phase::Draining { until, .. } => Some(until),
            Phase::Admitted => {
                let pulse = self.pulse.as_ref().map(Pulse::deadline);
                earlier(pulse, self.stable_at)
            }
            Phase::Ended { .. } => None,
        }
    }
}

/// The earlier of two moments that may not come at all.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
