//! Everything that is known at a moment, to be told or drawn.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

use super::ledger::{Counts, Ledger};

/// How many lines are kept to be drawn.
const LINES: usize = 200;

/// The three nodes, by their places.
pub(super) const NAMES: [&str; 3] = ["tokio", "smol", "std"];

/// The scene, as everybody has it.
pub(super) type Shared = Arc<Mutex<Scene>>;

/// What is known.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) began: Instant,
    /// How long it is to go on; for ever if nothing is said.
    pub(super) lasts: Option<Duration>,
    pub(super) ledger: Ledger,
    pub(super) nodes: [Node; 3],
    pub(super) faults: Vec<Fault>,
    pub(super) lines: VecDeque<Line>,
    /// Links that were up and ended.
    pub(super) links_lost: u64,
}

/// What is known of a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// How often it was started.
    pub(super) life: u32,
    pub(super) condition: Condition,
    /// What it says of each of the others.
    pub(super) peers: [Peer; 3],
}

/// What is done to a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Condition {
    /// It was not started, or killed.
    #[default]
    Dead,
    Runs,
    Frozen,
}

/// What a node says of another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Peer {
    pub(super) state: PeerState,
    /// Whether it dialed the link that carries the session.
    pub(super) dialed: bool,
    pub(super) links: usize,
    pub(super) round_trip: Option<Duration>,
    /// Sent to it and not known to be taken.
    pub(super) unacknowledged: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum PeerState {
    #[default]
    Down,
    Away,
    Up,
}

/// Something that was done to the nodes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Fault {
    /// What kind.
    pub(super) fault: &'static str,
    /// How long it took until all was well again; nothing if that is not so.
    pub(super) ms: Option<u64>,
    /// To whom.
    #[serde(skip)]
    pub(super) whom: String,
    #[serde(skip)]
    pub(super) at: Duration,
}

/// A line for people.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) at: Duration,
    pub(super) weight: Weight,
    pub(super) text: String,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// A link came or went.
    Detail,
    /// Something was done to the nodes.
    Fault,
    /// All is well again.
    Well,
    /// It is not.
    Bad,
}

/// How it all went.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    pub(super) sessions: u32,
    pub(super) counts: Counts,
    pub(super) lost: u64,
    pub(super) links_lost: u64,
    pub(super) recoveries: Vec<Fault>,
    pub(super) seed: u64,
}

impl Summary {
    /// Whether everything went as promised.
    pub(super) fn is_clean(&self) -> bool {
        self.sessions == 3
            && (self.lost, self.counts.doubled, self.counts.reordered) == (0, 0, 0)
            && self.recoveries.iter().all(|fault| fault.ms.is_some())
    }
}

impl Scene {
    pub(super) fn new(began: Instant, lasts: Option<Duration>) -> Self {
        Self {
            began,
            lasts,
            ledger: Ledger::default(),
            nodes: Default::default(),
            faults: Vec::new(),
            lines: VecDeque::new(),
            links_lost: 0,
        }
    }

    pub(super) fn line(&mut self, weight: Weight, text: String) {
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { at: self.began.elapsed(), weight, text });
    }

    /// The number of pairs with a session at both ends.
    pub(super) fn sessions(&self) -> u32 {
        let up = |from: usize, to: usize| {
            self.nodes.get(from).and_then(|node| node.peers.get(to)).is_some_and(|peer| peer.state == PeerState::Up)
        };
        PAIRS.iter().map(|(one, other)| u32::from(up(*one, *other) && up(*other, *one))).sum()
    }
}

/// The pairs of nodes.
pub(super) const PAIRS: [(usize, usize); 3] = [(0, 1), (0, 2), (1, 2)];

/// Nothing panics while it holds the scene.
pub(super) fn lock(scene: &Shared) -> MutexGuard<'_, Scene> {
    scene.lock().unwrap_or_else(PoisonError::into_inner)
}
