//! Who is let in: a list, or answers that are remembered; and who was expelled.

extern crate alloc;

use alloc::vec::Vec;

use super::settings::{LetsIn, Verdict};
use crate::id::NodeId;

/// What is known of whom to let in.
#[derive(Debug)]
pub(super) struct Admission {
    lets_in: LetsIn,
    /// Answers that were given, and those who were expelled: the oldest in front.
    told: Vec<(NodeId, Verdict)>,
    /// How many of these are remembered.
    most: usize,
}

impl Admission {
    pub(super) fn new(lets_in: LetsIn, most: u32) -> Self {
        Self { lets_in, told: Vec::new(), most: usize::try_from(most).unwrap_or(usize::MAX) }
    }

    /// Whether somebody is let in; nothing if that is to be asked.
    pub(super) fn verdict(&self, id: &NodeId) -> Option<Verdict> {
        let told = self.told.iter().find(|(known, _)| known == id).map(|(_, verdict)| *verdict);
        match &self.lets_in {
            LetsIn::Asked => told,
            LetsIn::Listed(list) if !list.contains(id) => Some(Verdict::TurnAway),
            LetsIn::Listed(_) | LetsIn::Anyone => Some(told.unwrap_or(Verdict::LetIn)),
        }
    }

    /// From now on it is so.
    pub(super) fn remember(&mut self, id: NodeId, verdict: Verdict) {
        self.told.retain(|(known, _)| *known != id);
        if self.told.len() >= self.most {
            // Who is to be let in can be asked about again; who was expelled must not come back for being forgotten.
            let oldest = self.told.iter().position(|(_, verdict)| *verdict == Verdict::LetIn);
            self.told.remove(oldest.unwrap_or(0));
        }
        self.told.push((id, verdict));
    }

    /// It was expelled: off the list, and turned away.
    pub(super) fn expel(&mut self, id: NodeId) {
        if let LetsIn::Listed(list) = &mut self.lets_in {
            list.retain(|listed| *listed != id);
        }
        self.remember(id, Verdict::TurnAway);
    }

    /// The caller wants it: that it was expelled counts no more.
    pub(super) fn pardon(&mut self, id: &NodeId) {
        self.told.retain(|(known, verdict)| known != id || *verdict == Verdict::LetIn);
    }

    /// Another list, or another way to decide.
    pub(super) fn replace(&mut self, lets_in: LetsIn) {
        self.lets_in = lets_in;
        self.told.clear();
    }
}
