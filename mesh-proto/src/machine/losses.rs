//! Positive evidence: what a node has lost it tells, and whoever reads it believes it at once (R5).

use crate::bounded::push_newest;
use crate::frame::{Loss, Losses, Tags};
use crate::id::LinkTag;
use crate::machine::Mesh;
use crate::machine::ending::{How, Witness};
use crate::reason::Reason;
use crate::rules::{Clause, Rules};
use crate::storage::{Slot, Storage};

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// A link is gone here, and its other end may not know: every other link of the peer owes the news, one whose
    /// hello is out as soon as it is admitted. The list is bounded; the oldest that does not fit is left to probes.
    pub(crate) fn add_loss(&mut self, slot: Slot, tag: LinkTag, reason: Reason) {
        if !self.rules.holds(Clause::LossesAreTold) {
            return;
        }
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.losses.iter().any(|loss| loss.tag == tag) {
            return;
        }
        if push_newest(&mut peer.losses, Loss { tag, reason }).is_some() {
            self.stats.losses_untold += 1;
        }
        for other in self.collect(slot, |link| link.is_admitted() || link.may_be_admitted_there()) {
            if let Some(link) = self.links.get_mut(other) {
                link.owes.lost = true;
            }
            self.touch(other);
        }
    }

    /// What a hello or a welcome to this peer lists.
    pub(crate) fn losses_to_tell(&self, peer: &super::Peer) -> Losses {
        if self.rules.holds(Clause::LossesAreTold) { peer.losses.clone() } else { Losses::new() }
    }

    /// The other end lists links that it no longer has: they end here too, and are noted.
    pub(crate) fn losses_read(&mut self, slot: Slot, losses: &[Loss]) {
        let Some(other) = self.peers.get(slot).and_then(|peer| peer.id) else { return };
        let reads = self.me < other || self.rules.holds(Clause::LossesReadByBoth);
        for loss in losses {
            let gone = self.collect(slot, |link| link.proof.is_some_and(|proof| proof.tag == loss.tag));
            for place in gone {
                if reads {
                    self.end_link(place, loss.reason, How::Cut, Witness::Both);
                }
            }
            if let Some(peer) = self.peers.get_mut(slot) {
                peer.losses.retain(|own| own.tag != loss.tag);
                if !peer.to_note.contains(&loss.tag) {
                    push_newest(&mut peer.to_note, loss.tag);
                }
            }
        }
    }

    /// The other end has read these losses: they need not be told again.
    pub(crate) fn noted(&mut self, slot: Slot, tags: &[LinkTag]) {
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.losses.retain(|loss| !tags.contains(&loss.tag));
        }
    }

    /// What is to be noted, once.
    pub(crate) fn take_noted(&mut self, slot: Slot) -> Tags {
        self.peers.get_mut(slot).map_or_else(Tags::new, |peer| core::mem::take(&mut peer.to_note))
    }
}
