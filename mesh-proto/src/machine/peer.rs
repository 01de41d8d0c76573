//! One peer: what is known of it whether or not a link to it exists.

use core::net::SocketAddr;

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::bounded::push_newest;
use crate::explain::{Chosen, Past};
use crate::frame::{Losses, Tags};
use crate::id::{Incarnation, NodeId};
use crate::machine::candidates::Candidates;
use crate::machine::dialing::Redial;
use crate::news::Standing;
use crate::reason::Reason;
use crate::storage::{Chain, Chained, Linked};
use crate::time::Instant;

use super::link::Link;

/// How many ended links of a peer are remembered, to explain what became of them.
pub const MAX_PAST: usize = 4;

/// One peer, or an address that is to be kept and whose peer is not known yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Peer {
    /// `None` until somebody was met at the address that is to be kept.
    pub(crate) id: Option<NodeId>,
    /// The address that is to be kept, whoever is there.
    #[serde(with = "crate::address")]
    pub(crate) kept_at: Option<SocketAddr>,
    /// Whether this side keeps the session.
    pub(crate) kept_here: bool,
    /// Whether the peer wishes to keep it.
    pub(crate) kept_there: bool,
    /// The newest run that was admitted.
    pub(crate) incarnation: Option<Incarnation>,
    /// Whether a session exists.
    pub(crate) session: bool,
    /// Whether messages are kept for it, or reports about them.
    pub(crate) has_mail: bool,
    /// Whether messages to it are not known to be taken.
    pub(crate) has_outgoing: bool,
    /// Why the last link, or the session, ended.
    pub(crate) ended: Option<Reason>,
    /// A link that could carry the session ended since the last review, and whether it had been of use.
    pub(crate) lost_carrier: Option<bool>,
    /// Whether a link of it fell due since the last review.
    pub(crate) unsettled: bool,
    /// Whether only hints speak of it that nobody vouches for.
    pub(crate) only_hinted: bool,
    /// Since when there is a session without a link that can carry it.
    pub(crate) away_since: Option<Instant>,
    /// When the session was last of use.
    pub(crate) used: Instant,
    /// Whether one key was seen to live twice.
    pub(crate) conflict: bool,
    /// Its links, dials included, in order of their beginning.
    pub(crate) links: Chain<Sibling>,
    /// The order of the next link that is admitted.
    pub(crate) next_order: u32,
    /// Links that the peer must be told are gone (R5).
    pub(crate) losses: Losses,
    /// Losses that were read, and are to be noted.
    pub(crate) to_note: Tags,
    /// Where it may be reached.
    pub(crate) candidates: Candidates,
    /// When and why to dial it.
    pub(crate) redial: Redial,
    /// When a hint was last followed.
    pub(crate) hint_used: Option<Instant>,
    /// The rank among those that may have to give way.
    pub(crate) rank: Rank,
    /// Why the link that carries the session was chosen.
    pub(crate) chosen: Chosen,
    /// What became of earlier links, oldest first.
    pub(crate) past: Vec<Past, MAX_PAST>,
    /// What was published last.
    pub(crate) standing: Standing,
    /// Under which version.
    pub(crate) version: u64,
    /// Its place among the peers by their last change.
    pub(crate) by_change: Chained,
    /// Its place among the peers of its rank, longest idle first.
    pub(crate) by_use: Chained,
    /// Its place among those that wait for the dial budget.
    pub(crate) waiting: Chained,
    /// Its place among those from which something came.
    pub(crate) mailed: Chained,
}

/// Who gives way first when the table is full (R17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Rank {
    /// No session: only what is remembered.
    Memory,
    /// A session that neither side keeps.
    Loose,
    /// A session that the peer wishes to keep.
    Wished,
    /// A session that this side keeps, or one with messages: it holds its place.
    Kept,
}

/// The links of one peer.
#[derive(Debug)]
pub(crate) enum Sibling {}
/// The links that owe something.
#[derive(Debug)]
pub(crate) enum Ready {}
/// The peers by their last change.
#[derive(Debug)]
pub(crate) enum ByChange {}
/// The peers of one rank by their last use.
#[derive(Debug)]
pub(crate) enum ByUse {}
/// The peers that wait for the dial budget.
#[derive(Debug)]
pub(crate) enum Waiting {}
/// The peers from which something came that is to be handed out.
#[derive(Debug)]
pub(crate) enum Mailed {}

impl Peer {
    pub(crate) fn new(id: Option<NodeId>, now: Instant) -> Self {
        Self {
            id,
            kept_at: None,
            kept_here: false,
            kept_there: false,
            incarnation: None,
            session: false,
            has_mail: false,
            has_outgoing: false,
            ended: None,
            lost_carrier: None,
            unsettled: false,
            only_hinted: false,
            away_since: None,
            used: now,
            conflict: false,
            links: Chain::new(),
            next_order: 0,
            losses: Losses::new(),
            to_note: Tags::new(),
            candidates: Candidates::default(),
            redial: Redial::new(now),
            hint_used: None,
            rank: Rank::Memory,
            chosen: Chosen::Only,
            past: Vec::new(),
            standing: Standing::Down { reason: None },
            version: 0,
            by_change: Chained::default(),
            by_use: Chained::default(),
            waiting: Chained::default(),
            mailed: Chained::default(),
        }
    }

    /// The rank that its wishes and its session give it.
    pub(crate) const fn rank_now(&self) -> Rank {
        if self.kept_here || self.has_mail {
            Rank::Kept
        } else if !self.session {
            Rank::Memory
        } else if self.kept_there {
            Rank::Wished
        } else {
            Rank::Loose
        }
    }

    pub(crate) fn remember(&mut self, past: Past) {
        push_newest(&mut self.past, past);
    }
}

macro_rules! linked {
    ($($kind:ty, $entity:ty, $field:ident;)*) => {$(
        impl Linked<$kind> for $entity {
            fn chained(&self) -> &Chained {
                &self.$field
            }

            fn chained_mut(&mut self) -> &mut Chained {
                &mut self.$field
            }
        }
    )*};
}

linked! {
    Sibling, Link, sibling;
    Ready, Link, ready;
    ByChange, Peer, by_change;
    ByUse, Peer, by_use;
    Waiting, Peer, waiting;
    Mailed, Peer, mailed;
}
