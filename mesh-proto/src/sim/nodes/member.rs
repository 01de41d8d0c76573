//! One node, what its driver keeps for it, and what came of it.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::announcement::Audience;
use crate::id::{LinkId, NodeId};
use crate::message::Outcome;
use crate::node::{Backlog, Lot, Node, Reader, Settings, Writer};
use crate::sim::net::PORT;
use crate::sim::node::Received;
use crate::sim::tidings::Tidings;
use crate::storage::Storage;

pub(super) struct Member<S: Storage> {
    /// What its next run is made from.
    pub(super) settings: Settings<S>,
    pub(super) node: Node<S>,
    pub(super) tidings: Tidings,
    /// The halves of its links that are outside.
    pub(super) own: BTreeMap<LinkId, Own>,
    /// Every name that a link of this run had.
    pub(super) named: BTreeSet<LinkId>,
    /// The messages that it was handed.
    pub(super) inbox: Vec<Received>,
    /// What became of messages that it sent.
    pub(super) settled: Vec<(NodeId, u64, Outcome)>,
    /// Whom it asked about.
    pub(super) asked: Vec<NodeId>,
    /// The datagrams that it announced.
    pub(super) announced: Vec<(Audience, Vec<u8>)>,
}

impl<S: Storage> Member<S> {
    pub(super) fn new(settings: Settings<S>) -> Self {
        Self {
            node: made_from(&settings),
            settings,
            tidings: Tidings::default(),
            own: BTreeMap::new(),
            named: BTreeSet::new(),
            inbox: Vec::new(),
            settled: Vec::new(),
            asked: Vec::new(),
            announced: Vec::new(),
        }
    }

    /// Another run, from what the settings say now.
    pub(super) fn begin_again(&mut self) {
        self.node = made_from(&self.settings);
        self.tidings.begin();
        self.own.clear();
        self.named.clear();
    }
}

fn made_from<S: Storage>(settings: &Settings<S>) -> Node<S> {
    match Node::new(settings.clone()) {
        Ok(mut node) => {
            node.listens_on([PORT].into_iter().collect());
            node
        }
        Err(error) => panic!("{error}"),
    }
}

/// The halves of a link that its driver has.
pub(super) struct Own {
    pub(super) reader: Box<Reader>,
    pub(super) writer: Box<Writer>,
    pub(super) backlog: Backlog,
}

impl Own {
    /// Seals what waits, as a writer's task does; gives all that is to be written.
    pub(super) fn seal(&mut self) -> Vec<u8> {
        let mut lot = Lot::default();
        self.backlog.take(&mut lot);
        let sealed = self.writer.push_all(&mut lot).and_then(|()| self.writer.seal());
        // The node keeps to what the other end takes, and no simulated link lives for 2^64 records.
        sealed.expect("every frame fits into a record");
        let bytes = self.writer.bytes().to_vec();
        self.writer.wrote(bytes.len());
        bytes
    }
}
