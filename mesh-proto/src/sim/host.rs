//! One host: where it is, its two clocks, and whether its program runs.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use crate::id::LinkId;
use crate::sim::stream::At;
use crate::time::{Instant, Now, micros};

/// A node's name in its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(pub usize);

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// How a node ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// It says goodbye, and ends when its streams are closed.
    Leave,
    /// Its process dies. Its system resets the streams, and refuses what is dialed.
    Kill,
    /// Its power is cut. Nobody hears of it, and whatever is sent to it is swallowed.
    Vanish,
}

/// How a node begins again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// With a higher start number.
    Fresh,
    /// With the start number that it had, and other bits: a restored snapshot.
    Restored,
}

/// Whether a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Running,
    /// The process stands still, its system works.
    Frozen,
    /// The host sleeps, since this moment.
    Suspended(Duration),
    /// The process is gone, its system works.
    Dead,
    /// The host is gone.
    Vanished,
}

impl Life {
    pub(super) const fn has_process(self) -> bool {
        matches!(self, Self::Running | Self::Frozen | Self::Suspended(_))
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "runs",
            Self::Frozen => "is frozen",
            Self::Suspended(_) => "is suspended",
            Self::Dead => "is dead",
            Self::Vanished => "has vanished",
        })
    }
}

/// What both clocks of a new node count from: a step back must have room.
const AWAKE_BASE: u64 = 1_000 * 1_000_000;
const ELAPSED_BASE: u64 = 1_000_000 * 1_000_000;

/// A host, to which announcements come as `D`.
#[derive(Clone)]
pub(super) struct Host<D> {
    pub(super) address: SocketAddr,
    /// How many addresses it has had.
    pub(super) addresses: u8,
    pub(super) life: Life,
    /// Counts what makes an earlier resumption void.
    pub(super) pauses: u64,
    /// For how long it was suspended.
    pub(super) slept: Duration,
    /// By how much its second clock was stepped.
    pub(super) stepped: i64,
    /// What its program waits for, and the number of the timer that is set for it.
    pub(super) wake_at: Option<Instant>,
    pub(super) timer: u64,
    /// Its streams that are not over, oldest first.
    pub(super) streams: Vec<usize>,
    pub(super) by_link: BTreeMap<LinkId, (usize, At)>,
    /// Streams with something unread, in the order of its arrival.
    pub(super) unread: VecDeque<(usize, At)>,
    /// Announcements that arrived and were not read, each with where it came from.
    pub(super) unheard: VecDeque<(SocketAddr, D)>,
    pub(super) next_delay: Option<Duration>,
    /// Whether its system has room for no more streams.
    pub(super) exhausted: bool,
}

impl<D> Host<D> {
    pub(super) const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            addresses: 1,
            life: Life::Running,
            pauses: 0,
            slept: Duration::ZERO,
            stepped: 0,
            wake_at: None,
            timer: 0,
            streams: Vec::new(),
            by_link: BTreeMap::new(),
            unread: VecDeque::new(),
            unheard: VecDeque::new(),
            next_delay: None,
            exhausted: false,
        }
    }

    /// What its clocks say.
    pub(super) fn reading(&self, now: Duration) -> Now {
        let asleep = match self.life {
            Life::Suspended(since) => now - since,
            Life::Running | Life::Frozen | Life::Dead | Life::Vanished => Duration::ZERO,
        };
        let awake = AWAKE_BASE + micros(now - self.slept - asleep);
        let elapsed = (ELAPSED_BASE + micros(now)).saturating_add_signed(self.stepped);
        Now::new(Instant::from_micros(awake), Instant::from_micros(elapsed))
    }

    /// A timer that was set rings no more.
    pub(super) fn unset_timer(&mut self) {
        self.wake_at = None;
        self.timer += 1;
    }
}
