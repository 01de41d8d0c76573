//! What may have been delivered: a model of delivery that knows nothing of links, sessions and marks.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::body::Body;
use crate::id::NodeId;
use crate::machine::Answer;
use crate::message::{Lane, Message, OnRestart, Outcome, Wants};
use crate::rules::Rules;
use crate::sim::{NodeName, Received, World};
use crate::storage::Storage;

/// A world whose nodes send messages: of machines, or of whole nodes.
pub trait Posting: sealed::Sealed {
    /// All nodes that were added.
    fn everybody(&self) -> Vec<NodeName>;
    /// Who a node is.
    fn named(&self, n: NodeName) -> NodeId;
    /// Tells one node to send this to another.
    fn posts(&mut self, from: NodeName, to: NodeName, message: Message<'static>) -> Answer;
    /// Takes out what a node was handed.
    fn takes_inbox(&mut self, n: NodeName) -> Vec<Received>;
    /// Takes out what became of messages of a node.
    fn takes_settled(&mut self, n: NodeName) -> Vec<(NodeId, u64, Outcome)>;
}

pub(super) mod sealed {
    /// Keeps [`Posting`](super::Posting) to the worlds of this crate.
    pub trait Sealed {}
}

impl<S: Storage, R: Rules> sealed::Sealed for World<S, R> {}

impl<S: Storage, R: Rules> Posting for World<S, R> {
    fn everybody(&self) -> Vec<NodeName> {
        self.nodes().collect()
    }

    fn named(&self, n: NodeName) -> NodeId {
        self.id(n)
    }

    fn posts(&mut self, from: NodeName, to: NodeName, message: Message<'static>) -> Answer {
        self.post(from, to, message)
    }

    fn takes_inbox(&mut self, n: NodeName) -> Vec<Received> {
        self.take_inbox(n)
    }

    fn takes_settled(&mut self, n: NodeName) -> Vec<(NodeId, u64, Outcome)> {
        self.take_settled(n)
    }
}

/// Posts messages, and holds what comes of them against what may: each arrives at most once, whole, in the order of its
/// lane; one whose receipt says that it was taken has arrived; and one that did not arrive is never passed over in
/// silence.
///
/// ```
/// use core::time::Duration;
/// use mesh_proto::sim::{Ledger, World};
/// use mesh_proto::{Config, Lane};
///
/// let mut world = World::new(7);
/// let (a, b) = (world.add(Config::lan()), world.add(Config::lan()));
/// world.keep(a, b);
/// let mut ledger = Ledger::new();
/// for len in [1, 1_000, 1_000_000] {
///     assert!(ledger.post(&mut world, a, b, Lane::Ordinary, len));
/// }
/// world.run_for(Duration::from_secs(5));
/// assert_eq!(ledger.read(&mut world), Ok(()));
/// assert_eq!((ledger.arrived(), ledger.missing()), (3, 0));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    rows: BTreeMap<(NodeName, NodeName, Lane), Vec<Entry>>,
    /// Where each token stands: a row, and a place in it.
    tokens: Vec<((NodeName, NodeName, Lane), usize)>,
    arrived: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    token: u64,
    len: usize,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    UnderWay,
    Arrived,
    /// It was reported, and did not arrive before that.
    Reported,
}

impl Ledger {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Posts a message of this length, which is like no other; `false` if there was no room for it.
    pub fn post(
        &mut self,
        world: &mut impl Posting,
        from: NodeName,
        to: NodeName,
        lane: Lane,
        len: usize,
    ) -> bool {
        let token = self.tokens.len() as u64;
        let body = Body::from(content(token, len));
        let message = Message {
            lane,
            kind: kind(token),
            token,
            wants: Wants::Receipt,
            on_restart: OnRestart::Report,
            body,
        };
        if !matches!(world.posts(from, to, message), Answer::Sent { queued: 1, .. }) {
            return false;
        }
        let row = self.rows.entry((from, to, lane)).or_default();
        self.tokens.push(((from, to, lane), row.len()));
        row.push(Entry { token, len, fate: Fate::UnderWay });
        true
    }

    /// Reads what came everywhere, and what was settled.
    ///
    /// # Errors
    ///
    /// What may not be.
    pub fn read(&mut self, world: &mut impl Posting) -> Result<(), String> {
        let nodes = world.everybody();
        for to in &nodes {
            for message in world.takes_inbox(*to) {
                let Some(from) = nodes.iter().find(|from| world.named(**from) == message.from) else {
                    return Err(format!("{to} has a message from {:?}, which is nobody", message.from));
                };
                let row = self.rows.entry((*from, *to, message.lane)).or_default();
                let last = row.iter().rposition(|entry| entry.fate == Fate::Arrived).map_or(0, |at| at + 1);
                let is_it = |entry: &Entry| {
                    message.kind == kind(entry.token) && *message.body == *content(entry.token, entry.len)
                };
                let Some(at) = row.iter().skip(last).position(is_it).map(|ahead| last + ahead) else {
                    let again = row.iter().take(last).any(is_it);
                    let what = if again { "again, or late" } else { "that nobody sent" };
                    return Err(format!("{to} has a message of {} B {what}", message.body.len()));
                };
                let passed_over = row[last..at].iter().find(|entry| entry.fate == Fate::UnderWay);
                if let Some(entry) = passed_over {
                    return Err(format!(
                        "{to} has a message before number {}, which is not settled",
                        entry.token
                    ));
                }
                row[at].fate = Fate::Arrived;
                self.arrived += 1;
            }
        }
        for from in nodes {
            for (_, token, outcome) in world.takes_settled(from) {
                let place = usize::try_from(token).ok().and_then(|token| self.tokens.get(token));
                let Some((key, at)) = place else { return Err(format!("a receipt for {token}")) };
                let Some(entry) = self.rows.get_mut(key).and_then(|row| row.get_mut(*at)) else { continue };
                match (outcome, entry.fate) {
                    (_, Fate::Arrived) => {}
                    (Outcome::Taken, Fate::UnderWay | Fate::Reported) => {
                        return Err(format!("number {token} counts as taken, and never came"));
                    }
                    (Outcome::Ended(_) | Outcome::TooLarge { .. } | Outcome::NoRoom, Fate::UnderWay) => {
                        entry.fate = Fate::Reported;
                    }
                    (Outcome::Ended(_) | Outcome::TooLarge { .. } | Outcome::NoRoom, Fate::Reported) => {
                        return Err(format!("number {token} was reported twice"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Forgets what a node had under way: its process is gone, and nobody will tell.
    pub fn gone(&mut self, node: NodeName) {
        for ((from, _, _), row) in &mut self.rows {
            if *from == node {
                row.iter_mut().filter(|entry| entry.fate == Fate::UnderWay).for_each(|entry| {
                    entry.fate = Fate::Reported;
                });
            }
        }
    }

    /// How many messages arrived.
    #[must_use]
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// How many neither arrived nor were reported.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.rows.values().flatten().filter(|entry| entry.fate == Fate::UnderWay).count()
    }

    /// How many were reported and did not arrive.
    #[must_use]
    pub fn reported(&self) -> usize {
        self.rows.values().flatten().filter(|entry| entry.fate == Fate::Reported).count()
    }
}

/// What a message is marked as: the low byte of its number.
fn kind(token: u64) -> u8 {
    let [low, ..] = token.to_le_bytes();
    low
}

/// The bytes of a message: those of its number first, so that no two of eight bytes or more are alike.
fn content(token: u64, len: usize) -> Vec<u8> {
    let mut word = token;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&word.to_le_bytes());
        word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    }
    bytes.truncate(len);
    bytes
}
