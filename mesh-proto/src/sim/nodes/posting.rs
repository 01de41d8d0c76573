//! What a ledger needs of a world of nodes.

use alloc::vec::Vec;

use super::World;
use crate::id::NodeId;
use crate::machine::Answer;
use crate::message::{Message, Outcome};
use crate::sim::ledger::{Posting, sealed};
use crate::sim::{NodeName, Received};
use crate::storage::Storage;

impl<S: Storage> sealed::Sealed for World<S> {}

impl<S: Storage> Posting for World<S> {
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
