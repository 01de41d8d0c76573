//! What holds, and what changed since a reader looked last.

use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, LinkId, NodeId};
use crate::machine::mail::Mail;
use crate::machine::{Mesh, Peer};
use crate::message::{Lane, Window};
use crate::reason::Reason;
use crate::rules::{Clause, Rules};
use crate::storage::{Index, Slot, Storage};

/// What holds of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Standing {
    /// A session with a link that carries it.
    Up {
        /// That link.
        link: LinkId,
        /// The run of the peer.
        incarnation: Incarnation,
    },
    /// A session that waits for a link.
    Away {
        /// Why the last one ended.
        reason: Reason,
    },
    /// No session.
    Down {
        /// Why the last one ended, or could not begin; `None` if none was ever tried.
        reason: Option<Reason>,
    },
}

/// One peer, as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerView {
    /// Who.
    pub id: NodeId,
    /// What holds.
    pub standing: Standing,
    /// Whether this side keeps the session.
    pub kept_here: bool,
    /// Whether the peer says that it keeps it.
    pub kept_there: bool,
    /// Whether this peer's key, or the peer says ours, lives twice.
    pub conflict: bool,
}

/// How far a reader has read. A new one gets everything that holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cursor(u64);

/// What changed since a cursor: each peer once, with what holds now, in the order of the last changes.
#[derive(Debug)]
pub struct News<'m, S: Storage, R: Rules> {
    mesh: &'m Mesh<S, R>,
    next: Option<Slot>,
    missed: u64,
}

impl<S: Storage, R: Rules> News<'_, S, R> {
    /// How many changes there were that are not told, because later ones took their place.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl<S: Storage, R: Rules> Iterator for News<'_, S, R> {
    type Item = PeerView;

    fn next(&mut self) -> Option<PeerView> {
        loop {
            let slot = self.next?;
            self.next = self.mesh.by_change.next(&self.mesh.peers, slot);
            if let Some(view) = self.mesh.peers.get(slot).and_then(Peer::view) {
                return Some(view);
            }
        }
    }
}

impl Peer {
    pub(crate) fn view(&self) -> Option<PeerView> {
        Some(PeerView {
            id: self.id?,
            standing: self.standing,
            kept_here: self.kept_here,
            kept_there: self.kept_there,
            conflict: self.conflict,
        })
    }
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// What changed since `cursor` was used last, which it then remembers.
    ///
    /// A reader that comes late gets what holds; one that lags gets the latest and is told how many changes it
    /// missed. The cost is that of what changed, not of how many peers there are.
    pub fn news(&self, cursor: &mut Cursor) -> News<'_, S, R> {
        if *cursor == Cursor::default() && !self.rules.holds(Clause::NewsIsState) {
            // The weakened rule tells a reader what happens after it came.
            *cursor = Cursor(self.version);
        }
        let mut first = None;
        let mut told = 0_u64;
        for slot in self.by_change.iter_back(&self.peers) {
            if self.peers.get(slot).is_none_or(|peer| peer.version <= cursor.0) {
                break;
            }
            first = Some(slot);
            told += 1;
        }
        let changes = self.version.saturating_sub(cursor.0);
        *cursor = Cursor(self.version);
        News { mesh: self, next: first, missed: changes.saturating_sub(told) }
    }

    /// Whether [`news`](Self::news) would tell anything.
    #[must_use]
    pub fn has_news(&self, cursor: &Cursor) -> bool {
        self.version > cursor.0
    }

    /// Every peer that is known, in order of their ids.
    pub fn peers(&self) -> impl Iterator<Item = PeerView> + '_ {
        self.by_id.iter().filter_map(|slot| self.peers.get(slot)?.view())
    }

    /// What was sent to this peer and is not known to be taken; `None` if it is not known.
    #[must_use]
    pub fn unacknowledged(&self, id: &NodeId) -> Option<Window> {
        let slot = self.find(id)?;
        Some(self.mail.get(slot).map_or_else(Window::default, |mail| mail.kept))
    }

    /// How much fits on the ordinary lane to this peer now; `None` if it is not known.
    #[must_use]
    pub fn room_to(&self, id: &NodeId) -> Option<Window> {
        let slot = self.find(id)?;
        let takes = self.takes();
        let mut there = self.mail.get(slot).map_or_else(Window::default, |mail| mail.kept);
        there.messages = there.messages.saturating_add(self.mail.get(slot).map_or(0, Mail::notes));
        Some(takes.window.for_lane(Lane::Ordinary, takes.message).less(there))
    }

    /// Who is at the other end of a link, once that is proven; or who should be, of a dial.
    #[must_use]
    pub fn whose(&self, link: LinkId) -> Option<NodeId> {
        let link = self.links.get(link.slot()?).filter(|known| known.id == link)?;
        self.peers.get(link.peer?)?.id
    }

    /// One peer, if it is known.
    #[must_use]
    pub fn peer(&self, id: &NodeId) -> Option<PeerView> {
        self.peers.get(self.find(id)?)?.view()
    }
}
