//! What the news of a machine tell, run after run.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::id::NodeId;
use crate::machine::Mesh;
use crate::news::{Cursor, PeerView, Standing};
use crate::rules::Rules;
use crate::storage::Storage;

/// How far the news were read, and what they told.
#[derive(Clone, Default)]
pub(super) struct Tidings {
    cursor: Cursor,
    changes: BTreeMap<NodeId, Vec<Standing>>,
}

impl Tidings {
    /// Another run begins: its news are read from the first.
    pub(super) fn begin(&mut self) {
        self.cursor = Cursor::default();
    }

    /// What is new.
    pub(super) fn read<S: Storage, R: Rules>(&mut self, mesh: &Mesh<S, R>) -> Vec<PeerView> {
        let news: Vec<_> = mesh.news(&mut self.cursor).collect();
        for view in &news {
            let changes = self.changes.entry(view.id).or_default();
            if changes.last() != Some(&view.standing) {
                changes.push(view.standing);
            }
        }
        news
    }

    /// What was told of a peer, in order. What was told twice in a row is there once.
    pub(super) fn of(&self, peer: &NodeId) -> Vec<Standing> {
        self.changes.get(peer).cloned().unwrap_or_default()
    }
}
