//! What the caller wishes: keep, seek, forget, expel, leave (R11, R15).

use core::net::SocketAddr;

use crate::announcement::Cause;
use crate::event::Route;
use crate::id::NodeId;
use crate::machine::Mesh;
use crate::machine::candidates::Origin;
use crate::machine::dialing::Asked;
use crate::machine::ending::{How, Witness};
use crate::machine::link::Phase;
use crate::machine::peer::Rank;
use crate::machine::turn::{Answer, Unable};
use crate::reason::{Reason, Refusal};
use crate::rules::{Clause, Rules};
use crate::storage::{Index, Slot, Storage};

/// What the index of addresses is sorted by.
pub(crate) fn address_key(address: SocketAddr) -> u64 {
    // FNV-1a: the addresses are the caller's own, and equal keys cost a comparison.
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = address.port().to_be_bytes().into_iter().fold(0xcbf2_9ce4_8422_2325, step);
    match address.ip() {
        core::net::IpAddr::V4(v4) => v4.octets().into_iter().fold(hash, step),
        core::net::IpAddr::V6(v6) => v6.octets().into_iter().fold(hash, step),
    }
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    pub(crate) fn keep(&mut self, id: NodeId, routes: &[Route]) -> Answer {
        let slot = match self.wanted(id) {
            Ok(slot) => slot,
            Err(unable) => return Answer::Unable(unable),
        };
        self.keep_slot(slot, routes);
        Answer::Done
    }

    fn keep_slot(&mut self, slot: Slot, routes: &[Route]) {
        let now = self.clock;
        self.learn(slot, routes, Origin::Trusted);
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.kept_here = true;
            peer.conflict = false;
            peer.redial.resume(now);
        }
        self.is_met(slot);
        self.used(slot);
        self.review(slot);
    }

    pub(crate) fn keep_at(&mut self, route: Route) -> Answer {
        if self.leaving {
            return Answer::Unable(Unable::Leaving);
        }
        if self.own_addresses.contains(&route.address) {
            return Answer::Unable(Unable::OwnSelf);
        }
        let slot = match self.find_kept_at(route.address) {
            Some(slot) => slot,
            None => match self.add_peer(None, Rank::Kept) {
                Some(slot) => slot,
                None => return Answer::Unable(Unable::PeersFull { limit: self.config.limits.peers }),
            },
        };
        self.wish_for_address(slot, route.address);
        self.keep_slot(slot, &[route]);
        Answer::Done
    }

    pub(crate) fn seek(&mut self, id: NodeId, routes: &[Route]) -> Answer {
        let slot = match self.wanted(id) {
            Ok(slot) => slot,
            Err(unable) => return Answer::Unable(unable),
        };
        let now = self.clock;
        self.learn(slot, routes, Origin::Trusted);
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.redial.resume(now);
            peer.redial.asked = Some(Asked::Caller);
        }
        self.used(slot);
        self.review(slot);
        Answer::Done
    }

    pub(crate) fn forget(&mut self, id: NodeId) -> Answer {
        self.let_go(id, Reason::Forgotten)
    }

    pub(crate) fn expel(&mut self, id: NodeId) -> Answer {
        self.let_go(id, Reason::Refused(Refusal::NotListed))
    }

    /// Ends the session with a peer, and every wish for it.
    fn let_go(&mut self, id: NodeId, reason: Reason) -> Answer {
        let Some(slot) = self.find(&id) else { return Answer::Unable(Unable::Unknown) };
        self.forget_address(slot);
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.kept_here = false;
            peer.redial.asked = None;
            peer.redial.attempt = None;
        }
        self.end_links(slot, reason, How::Drain);
        self.end_session(slot, Some(reason));
        self.review(slot);
        Answer::Done
    }

    pub(crate) fn forget_at(&mut self, address: SocketAddr) -> Answer {
        let Some(slot) = self.find_kept_at(address) else { return Answer::Unable(Unable::Unknown) };
        self.forget_address(slot);
        let nameless = self.peers.get_mut(slot).is_some_and(|peer| {
            peer.kept_here = false;
            peer.id.is_none()
        });
        if nameless {
            self.remove_nameless(slot);
        } else {
            self.review(slot);
        }
        Answer::Done
    }

    pub(crate) fn leave(&mut self) {
        if self.leaving {
            return;
        }
        self.announcing.answer = None;
        if self.config.announce_every.is_some() {
            self.announcing.next = Some((self.clock, Cause::Farewell));
        }
        self.leaving = true;
        let mut next = self.links.after(None);
        while let Some(slot) = next {
            next = self.links.after(Some(slot));
            let Some(link) = self.links.get(slot) else { continue };
            match link.phase {
                Phase::Admitted if self.rules.holds(Clause::LeaveIsTold) => {
                    self.end_link(slot, Reason::Left, How::Drain, Witness::HereOnly);
                }
                Phase::Admitted | Phase::Dialing { .. } | Phase::Shaking { .. } | Phase::Proven { .. } => {
                    self.end_link(slot, Reason::Shutdown, How::Cut, Witness::Both);
                }
                Phase::Draining { .. } | Phase::Ended { .. } => {}
            }
        }
        let mut next = self.peers.after(None);
        while let Some(slot) = next {
            next = self.peers.after(Some(slot));
            self.end_session(slot, Some(Reason::Shutdown));
            self.review(slot);
        }
    }

    /// The place of a peer that the caller wants something with, made if need be.
    pub(crate) fn wanted(&mut self, id: NodeId) -> Result<Slot, Unable> {
        if self.leaving {
            return Err(Unable::Leaving);
        }
        if id == self.me {
            return Err(Unable::OwnSelf);
        }
        let full = Unable::PeersFull { limit: self.config.limits.peers };
        self.find(&id).or_else(|| self.add_peer(Some(id), Rank::Kept)).ok_or(full)
    }

    fn find_kept_at(&self, address: SocketAddr) -> Option<Slot> {
        let kept = |slot: &Slot| self.peers.get(*slot).is_some_and(|peer| peer.kept_at == Some(address));
        self.by_address.each(address_key(address)).find(kept)
    }

    fn wish_for_address(&mut self, slot: Slot, address: SocketAddr) {
        self.forget_address(slot);
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.kept_at = Some(address);
            let placed = self.by_address.insert(address_key(address), slot);
            debug_assert!(placed.is_ok(), "the index has a place for every peer");
        }
    }

    fn forget_address(&mut self, slot: Slot) {
        if let Some(address) = self.peers.get_mut(slot).and_then(|peer| peer.kept_at.take()) {
            self.by_address.remove(address_key(address), slot);
        }
    }

    /// The peer at an address that is to be kept has a place already: the wish moves there.
    pub(crate) fn move_wish(&mut self, from: Slot, to: Slot, route: Option<Route>) {
        let address = self.peers.get(from).and_then(|peer| peer.kept_at);
        self.remove_nameless(from);
        if let Some(address) = address {
            self.wish_for_address(to, address);
        }
        self.learn(to, route.as_slice(), Origin::Trusted);
        if let Some(peer) = self.peers.get_mut(to) {
            peer.kept_here = true;
        }
        self.is_met(to);
        self.used(to);
    }

    /// Another answered at an address than the peer that was met there before. If it is the address that is to be
    /// kept, whoever is there, the wish starts over.
    pub(crate) fn somebody_else_is_there(&mut self, slot: Slot, address: Option<SocketAddr>) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let Some(address) = address.filter(|_| peer.kept_at == address) else { return };
        peer.kept_here = false;
        peer.candidates.forget(address);
        self.forget_address(slot);
        self.used(slot);
        // If every other place is held, the wish is lost with its peer, and that is counted.
        if self.keep_at(Route::direct(address)) != Answer::Done {
            self.stats.wishes_lost += 1;
        }
    }

    /// Takes an address without a peer out of the table, with its dials.
    fn remove_nameless(&mut self, slot: Slot) {
        for link in self.collect(slot, |_| true) {
            self.end_link(link, Reason::Abandoned, How::Cut, Witness::Both);
        }
        self.remove_peer(slot);
    }
}
