//! Who has a place in the table, and who gives way (R17).

use crate::id::NodeId;
use crate::machine::Mesh;
use crate::machine::ending::{How, Witness};
use crate::machine::peer::{Peer, Rank};
use crate::reason::{Reason, Refusal};
use crate::rules::{Clause, Rules};
use crate::storage::{Index, Slot, Storage};

impl Rank {
    /// The ranks that may have to give way, the first to do so in front.
    const GIVING_WAY: [Self; 3] = [Self::Memory, Self::Loose, Self::Wished];
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// A place for a newcomer of this rank, if there is one or somebody gives way.
    pub(crate) fn add_peer(&mut self, id: Option<NodeId>, newcomer: Rank) -> Option<Slot> {
        if self.peers.is_full() {
            let gives_way = self.who_gives_way(newcomer)?;
            self.give_way(gives_way);
        }
        let slot = self.peers.insert(Peer::new(id, self.clock)).ok()?;
        let birth = self.draw_birth();
        self.mail.reset(slot);
        if let Some(mail) = self.mail.get_mut(slot) {
            mail.birth = birth;
        }
        if let Some(id) = id {
            let placed = self.by_id.insert(id.prefix(), slot);
            debug_assert!(placed.is_ok(), "the index has a place for every peer");
        }
        let [memory, _, _] = &mut self.by_use;
        memory.push_back(&mut self.peers, slot);
        self.changed(slot);
        Some(slot)
    }

    /// Of the lowest rank that must give way to the newcomer, the one that is idle for longest. What is only
    /// remembered gives way to anything but another memory; so does anything that was not used for a long pause.
    fn who_gives_way(&self, newcomer: Rank) -> Option<Slot> {
        let now = self.clock;
        for (rank, chain) in
            Rank::GIVING_WAY.iter().zip(&self.by_use).take(if newcomer == Rank::Memory { 1 } else { 3 })
        {
            let idlest = chain.head().filter(|slot| {
                let Some(peer) = self.peers.get(*slot) else { return false };
                let long_idle =
                    now >= peer.used.after(self.config.pause_first) && peer.redial.attempt.is_none();
                long_idle || newcomer > *rank
            });
            if idlest.is_some() {
                return idlest;
            }
        }
        let [.., wished] = &self.by_use;
        if self.rules.holds(Clause::KeptHoldsPlace) { None } else { wished.head().or(self.by_change.head()) }
    }

    /// Takes a peer's place away: it is told 'full', and will stay away for long.
    fn give_way(&mut self, slot: Slot) {
        self.stats.gave_way += 1;
        let full = Reason::Refused(Refusal::Full);
        for link in self.collect(slot, |_| true) {
            self.end_link(link, full, How::Tell, Witness::Both);
        }
        self.remove_peer(slot);
    }

    /// Forgets everything about a peer. Its links are ended by whoever calls this.
    pub(crate) fn remove_peer(&mut self, slot: Slot) {
        self.is_met(slot);
        let Some(peer) = self.peers.get(slot) else { return };
        let (id, kept_at, rank) = (peer.id, peer.kept_at, peer.rank);
        if let Some(id) = id {
            self.by_id.remove(id.prefix(), slot);
        }
        if let Some(address) = kept_at {
            self.by_address.remove(super::wishes::address_key(address), slot);
        }
        if let Some(chain) = self.rank_chain(rank) {
            let mut taken = core::mem::take(chain);
            taken.remove(&mut self.peers, slot);
            if let Some(chain) = self.rank_chain(rank) {
                *chain = taken;
            }
        }
        self.by_change.remove(&mut self.peers, slot);
        self.waiting.remove(&mut self.peers, slot);
        self.mailed.remove(&mut self.peers, slot);
        self.peer_timers.remove(slot);
        self.peers.remove(slot);
        // A reader that has not read of it yet is told that it missed a change.
        self.version += 1;
    }

    /// Puts a peer in its place among those of its rank, if the rank changed.
    pub(crate) fn rank(&mut self, slot: Slot) {
        let Some(peer) = self.peers.get(slot) else { return };
        if peer.rank != peer.rank_now() {
            self.used(slot);
        }
    }

    /// A peer was of use: among those of its rank it gives way last.
    pub(crate) fn used(&mut self, slot: Slot) {
        let now = self.clock;
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.used = now;
        let (before, after) = (peer.rank, peer.rank_now());
        peer.rank = after;
        let chain = self.rank_chain(after);
        if before == after && chain.is_none_or(|chain| chain.tail() == Some(slot)) {
            return;
        }
        for rank in [before, after] {
            let Some(chain) = self.rank_chain(rank) else { continue };
            let mut taken = core::mem::take(chain);
            taken.remove(&mut self.peers, slot);
            if rank == after {
                taken.push_back(&mut self.peers, slot);
            }
            if let Some(chain) = self.rank_chain(rank) {
                *chain = taken;
            }
        }
    }

    fn rank_chain(&mut self, rank: Rank) -> Option<&mut crate::storage::Chain<super::ByUse>> {
        let [memory, loose, wished] = &mut self.by_use;
        match rank {
            Rank::Memory => Some(memory),
            Rank::Loose => Some(loose),
            Rank::Wished => Some(wished),
            Rank::Kept => None,
        }
    }
}
