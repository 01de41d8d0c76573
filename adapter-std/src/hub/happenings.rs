//! What happened to the links and to the node, for those who want to see.

use alloc::collections::VecDeque;
use core::net::SocketAddr;
use core::task::Waker;
use core::time::Duration;
use std::time::SystemTime;

use mesh_proto::{Cause, LinkId, NodeId, Now, PathClass, Reason, Side};

use super::wakes::{Place, Waiters, Wakes};

/// How many happenings are kept for those who lag.
const MOST: usize = 1024;

/// Something that happened. What holds of the peers is told by `watch`; this is about what lies under it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happening {
    /// A stream is open; who is at its other end is not known yet.
    LinkOpened {
        /// Its name.
        link: LinkId,
        /// Who opened it.
        side: Side,
        /// Where its other end is, if it has an address.
        remote: Option<SocketAddr>,
        /// Where this end is.
        local: Option<SocketAddr>,
        /// The kind of way that it goes.
        class: PathClass,
    },
    /// The other end has proven who it is, and is let in.
    LinkUp {
        /// The link.
        link: LinkId,
        /// Who.
        peer: NodeId,
    },
    /// A link is over, or a dial came to nothing.
    LinkClosed {
        /// Its name.
        link: LinkId,
        /// Who was at its other end, if that was proven.
        peer: Option<NodeId>,
        /// Who opened it.
        side: Side,
        /// Where its other end was.
        remote: Option<SocketAddr>,
        /// Where this end was; nothing if it never was open.
        local: Option<SocketAddr>,
        /// The kind of way that it went.
        class: PathClass,
        /// Why.
        reason: Reason,
    },
    /// What was asked whether to let somebody in panicked: it was turned away.
    AdmitPanicked {
        /// Who.
        peer: NodeId,
        /// What the panic said.
        message: String,
    },
    /// The node announced itself.
    Announced(Cause),
    /// The node had not run for a while, or was told that it had moved.
    Woke(Paused),
    /// A name could not be looked up; that is tried again.
    NameFailed {
        /// The name.
        name: String,
        /// What the resolver said.
        error: String,
    },
}

/// A pause, by the two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paused {
    /// For how long the node had done nothing.
    pub idle: Duration,
    /// For how much of it the system was suspended.
    pub suspended: Duration,
}

impl Paused {
    pub(super) fn between(before: Now, after: Now) -> Self {
        let elapsed = after.elapsed.since(before.elapsed);
        let awake = after.awake.since(before.awake);
        Self { idle: elapsed.max(awake), suspended: elapsed.saturating_sub(awake) }
    }
}

/// The newest happenings. Each has a number, so that a reader that lags knows what it missed.
#[derive(Debug, Default)]
pub(crate) struct Log {
    newest: VecDeque<(SystemTime, Happening)>,
    /// The number of the next one.
    next: u64,
    readers: Waiters,
}

impl Log {
    pub(super) fn note(&mut self, at: SystemTime, happening: Happening, wakes: &mut Wakes) {
        if self.newest.len() == MOST {
            self.newest.pop_front();
        }
        self.newest.push_back((at, happening));
        self.next += 1;
        wakes.take_all(&mut self.readers);
    }

    /// The happening with this number, or the oldest that is left behind it, and how many are missing between.
    pub(crate) fn at(&self, number: u64) -> Option<(u64, SystemTime, Happening)> {
        let oldest = self.next - self.newest.len() as u64;
        let missed = oldest.saturating_sub(number);
        let place = usize::try_from(number.max(oldest) - oldest).ok()?;
        let (at, happening) = self.newest.get(place)?;
        Some((missed, *at, happening.clone()))
    }

    /// The number that the next happening will have.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn waits(&mut self, place: &mut Place, waker: &Waker, wakes: &mut Wakes) {
        wakes.seat(&mut self.readers, place, waker);
    }

    /// Somebody waits no more.
    pub(super) fn leaves(&mut self, place: &mut Place) -> Option<Waker> {
        self.readers.leave(place)
    }

    pub(super) fn end(&mut self, wakes: &mut Wakes) {
        wakes.take_all(&mut self.readers);
    }
}
