//! One node: a real machine, and what came of it.

use alloc::vec::Vec;

use crate::body::Body;
use crate::config::Config;
use crate::id::NodeId;
use crate::machine::Mesh;
use crate::message::{Lane, Outcome};
use crate::rules::Rules;
use crate::sim::tidings::Tidings;
use crate::storage::Storage;

#[derive(Clone)]
pub(super) struct Node<S: Storage, R: Rules> {
    pub(super) id: NodeId,
    pub(super) config: Config,
    pub(super) start: u64,
    pub(super) mesh: Mesh<S, R>,
    pub(super) tidings: Tidings,
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
