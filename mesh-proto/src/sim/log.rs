//! What happened in a world, in order.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::action::{Action, Delivery};
use crate::announcement::{Announcement, Audience, Cause};
use crate::event::{Event, Route};
use crate::frame::Frame;
use crate::id::{Incarnation, LinkId, NodeId};
use crate::machine::Unable;
use crate::message::Outcome;
use crate::news::PeerView;
use crate::reason::Reason;
use crate::sim::{NodeName, Stop, StreamName};
use crate::trace::Delivered;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Happening<W = What> {
    /// When, since the world began.
    pub at: Duration,
    /// To whom, or by whom.
    pub node: NodeName,
    /// What.
    pub what: W,
}

/// The last happenings: as many as it keeps, and at most twice as many.
#[derive(Clone)]
pub(super) struct Log<W = What> {
    all: Vec<Happening<W>>,
    pub(super) limit: usize,
}

impl<W> Log<W> {
    pub(super) const fn new() -> Self {
        Self { all: Vec::new(), limit: 1 << 16 }
    }

    pub(super) fn note(&mut self, at: Duration, n: usize, what: W) {
        if self.all.len() >= self.limit.saturating_mul(2) {
            let surplus = self.all.len() - self.limit;
            self.all.drain(..surplus);
        }
        self.all.push(Happening { at, node: NodeName(n), what });
    }

    pub(super) fn all(&self) -> &[Happening<W>] {
        &self.all
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// The machine was told this.
    Told(Event<'static>),
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
    /// It ordered a frame to be sent.
    Sends {
        /// On which link.
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
    /// Its news told this.
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

impl What {
    pub(super) fn ordered(action: Action<'_>) -> Self {
        match action {
            Action::Dial { link, route, expected } => Self::Dials { link, route, expected },
            Action::Send { link, frame } => Self::Sends { link, frame: frame.clone().into_owned() },
            Action::Close { link, reason } => Self::Closes { link, reason },
            Action::Announce { to, announcement, cause } => Self::Announces { to, announcement, cause },
            Action::Deliver { peer, message: Delivery { lane, kind, serial, body } } => {
                let body = body.into_bytes().into();
                Self::Delivers { peer, message: Delivered { lane, kind, serial, body } }
            }
            Action::Settled { peer, token, outcome, .. } => Self::Settles { peer, token, outcome },
            Action::Roomy { peer } => Self::Roomy { peer },
        }
    }
}

impl<W: fmt::Display> fmt::Display for Happening<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12} {}  {}", Seconds(self.at), self.node, self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(event) => match event {
                Event::Frames { link, frames } => write!(f, "< {link} {:?}", &**frames),
                Event::Incoming { .. }
                | Event::Attached { .. }
                | Event::Connected { .. }
                | Event::Proven { .. }
                | Event::Closed { .. }
                | Event::Heard { .. }
                | Event::Tick
                | Event::Wake(_)
                | Event::Keep { .. }
                | Event::KeepAt { .. }
                | Event::Seek { .. }
                | Event::Forget { .. }
                | Event::ForgetAt { .. }
                | Event::Expel { .. }
                | Event::Waits { .. }
                | Event::Failed { .. }
                | Event::Room { .. }
                | Event::Send { .. }
                | Event::SendAll { .. }
                | Event::Took { .. }
                | Event::Collect { .. }
                | Event::Leave => write!(f, "< {event:?}"),
            },
            Self::Unable(why) => write!(f, "> unable: {why}"),
            Self::Dials { link, route, .. } => write!(f, "> {link} dial {}", route.address),
            Self::Sends { link, frame } => write!(f, "> {link} {frame:?}"),
            Self::Closes { link, reason } => write!(f, "> {link} close: {reason}"),
            Self::Announces { to, announcement, cause } => {
                write!(f, "> announce {:?} to {to:?}: {cause:?}", announcement.kind)
            }
            Self::Delivers { peer, message } => {
                let Delivered { lane, kind, serial, body } = message;
                write!(f, "> from {peer:?} {lane:?} {serial} of kind {kind}: {body:?}")
            }
            Self::Settles { peer, token, outcome } => write!(f, "> to {peer:?} {token}: {outcome}"),
            Self::Roomy { peer } => write!(f, "> room for {peer:?}"),
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

/// A time in seconds, with all its microseconds.
pub(super) struct Seconds(pub(super) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>5}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}
