//! Who is let in: a list, or answers that are remembered; and who was expelled.

use serde::{Deserialize, Serialize};

use super::settings::{LetsIn, Verdict};
use crate::id::NodeId;
use crate::storage::{Array, Storage};

/// What is known of whom to let in.
pub(super) struct Admission<S: Storage> {
    lets_in: LetsIn<S>,
    /// Answers that were given, and those who were expelled: the oldest in front.
    told: S::Peers<Told>,
    /// How many of these are remembered.
    most: usize,
}

/// What was said of somebody.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    id: NodeId,
    let_in: bool,
}

impl<S: Storage> Admission<S> {
    pub(super) fn new(lets_in: LetsIn<S>, most: u32) -> Self {
        Self { lets_in, told: Default::default(), most: usize::try_from(most).unwrap_or(usize::MAX) }
    }

    /// Whether somebody is let in; nothing if that is to be asked.
    pub(super) fn verdict(&self, id: &NodeId) -> Option<Verdict> {
        let told = self.told.iter().find(|told| told.id == *id);
        let told = told.map(|told| if told.let_in { Verdict::LetIn } else { Verdict::TurnAway });
        match &self.lets_in {
            LetsIn::Asked => told,
            LetsIn::Listed(list) if !list.contains(id) => Some(Verdict::TurnAway),
            LetsIn::Listed(_) | LetsIn::Anyone => Some(told.unwrap_or(Verdict::LetIn)),
        }
    }

    /// From now on it is so.
    pub(super) fn remember(&mut self, id: NodeId, verdict: Verdict) {
        self.told.take_out(|told| told.id == id);
        if self.told.len() >= self.most {
            // Who is to be let in can be asked about again; who was expelled must not come back for being forgotten.
            let oldest = self.told.iter().position(|told| told.let_in);
            self.told.take_at(oldest.unwrap_or(0));
        }
        let placed = self.told.try_push(Told { id, let_in: verdict == Verdict::LetIn });
        debug_assert!(placed.is_ok(), "there is room for as many as there are peers");
    }

    /// It was expelled: off the list, and turned away.
    pub(super) fn expel(&mut self, id: NodeId) {
        if let LetsIn::Listed(list) = &mut self.lets_in {
            list.take_out(|listed| *listed == id);
        }
        self.remember(id, Verdict::TurnAway);
    }

    /// The caller wants it: that it was expelled counts no more.
    pub(super) fn pardon(&mut self, id: &NodeId) {
        self.told.take_out(|told| told.id == *id && !told.let_in);
    }

    /// Another list, or another way to decide.
    pub(super) fn replace(&mut self, lets_in: LetsIn<S>) {
        self.lets_in = lets_in;
        self.told.clear();
    }
}
