//! One node: a real machine, its two clocks, and whether it runs.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use crate::announcement::{Announcement, Vouched};
use crate::body::Body;
use crate::config::Config;
use crate::event::Routes;
use crate::id::{LinkId, NodeId};
use crate::machine::Mesh;
use crate::message::{Lane, Outcome};
use crate::news::{Cursor, Standing};
use crate::rules::Rules;
use crate::sim::stream::At;
use crate::storage::Storage;
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

/// What both clocks of a new node count from: a step back must have room.
const AWAKE_BASE: u64 = 1_000 * 1_000_000;
const ELAPSED_BASE: u64 = 1_000_000 * 1_000_000;

#[derive(Clone)]
pub(super) struct Node<S: Storage, R: Rules> {
    pub(super) id: NodeId,
    pub(super) config: Config,
    pub(super) address: SocketAddr,
    pub(super) start: u64,
    pub(super) mesh: Mesh<S, R>,
    pub(super) life: Life,
    /// Counts what makes an earlier resumption void.
    pub(super) pauses: u64,
    /// For how long it was suspended.
    pub(super) slept: Duration,
    /// By how much its second clock was stepped.
    pub(super) stepped: i64,
    pub(super) cursor: Cursor,
    /// What the news told of each peer, run after run.
    pub(super) changes: BTreeMap<NodeId, Vec<Standing>>,
    /// What the machine waits for, and the number of the timer that is set for it.
    pub(super) wake_at: Option<Instant>,
    pub(super) timer: u64,
    /// Its streams that are not over, oldest first.
    pub(super) streams: Vec<usize>,
    pub(super) by_link: BTreeMap<LinkId, (usize, At)>,
    /// Streams with something unread, in the order of its arrival.
    pub(super) unread: VecDeque<(usize, At)>,
    /// Announcements that arrived and were not read.
    pub(super) unheard: VecDeque<(Announcement, Routes, Vouched)>,
    pub(super) next_delay: Option<Duration>,
    /// How many addresses it has had.
    pub(super) addresses: u8,
    /// The secret of the mesh that it believes to be in.
    pub(super) secret: u64,
    /// The messages that it was handed.
    pub(super) inbox: Vec<Received>,
    /// What became of messages that it sent.
    pub(super) settled: Vec<(NodeId, u64, Outcome)>,
}

/// A message that a node was handed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Received {
    /// Who sent it.
    pub from: NodeId,
    /// On which lane.
    pub lane: Lane,
    /// What its sender marked it as.
    pub kind: u8,
    /// What it says.
    pub body: Body<'static>,
}

impl<S: Storage, R: Rules> Node<S, R> {
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
}
