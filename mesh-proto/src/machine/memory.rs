//! How much memory a machine takes at most (R17).

use core::mem::size_of;

use crate::config::Config;
use crate::machine::mail::{Given, Line, Mail, Note, Outgoing};
use crate::machine::{Link, Mesh, Peer};
use crate::rules::Rules;
use crate::storage::{Entry, Parcels, Position, Slot, Storage, TimerEntry};

/// A table that grows doubles, and for a moment there are the old one and the new one.
const GROWING: u64 = 3;
/// What an entry of a sorted index takes at most: the nodes of a B-tree are half full at least.
const INDEXED: u64 = 64;

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// How many bytes a machine with this configuration takes at most, whatever its peers do.
    ///
    /// Tables in place lie in the machine itself, so that is its size. On the heap there are in addition
    ///
    /// ```text
    ///   3 x peers x (what one peer takes, with its timers and its part of the indices)
    /// + 3 x links x (what one link takes, with its timers)
    /// + peers x 2 x window.bytes                             bodies, sent and received
    /// + 3 x peers x window.messages x (what one message takes, each way and lane, and two reports)
    /// ```
    ///
    /// where `links` is [`Limits::links`](crate::Limits::links). The three is for tables that grow. Bodies count by their
    /// length: a handle to a part of something larger keeps all of that, and whoever makes such handles counts it.
    #[must_use]
    pub fn most_memory(config: &Config) -> u64 {
        let own = size_of::<Self>() as u64;
        if S::PEERS.is_some() {
            return own;
        }
        let limits = &config.limits;
        let (peers, links) = (u64::from(limits.peers), limits.links());
        let peer = size_of::<Entry<Peer>>() + size_of::<Mail<S>>() + timer();
        let link = size_of::<Entry<Link>>() + size_of::<Line>() + timer() + size_of::<Slot>();
        let messages = u64::from(limits.window.messages);
        let row = 2 * (S::Parcels::<Outgoing>::EACH + S::Parcels::<Given>::EACH) + 2 * size_of::<Note>();
        let bodies = 2 * u64::from(limits.window.bytes);
        own + peers * (GROWING * peer as u64 + 2 * INDEXED)
            + links * GROWING * link as u64
            + peers * (bodies + GROWING * messages * row as u64)
    }
}

const fn timer() -> usize {
    size_of::<TimerEntry>() + size_of::<Position>()
}
