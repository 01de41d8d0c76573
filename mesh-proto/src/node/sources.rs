//! Where the word of a node came from that can be dialed somewhere else.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::announcement::Audience;
use crate::event::Routes;
use crate::storage::{Array, Storage};

/// How many are remembered, and in place no more than there are links; the oldest gives way.
const MOST: usize = 64;

/// The machine answers the address that it would dial; the datagram has to go to the port that the announcement came from.
pub(super) struct Sources<S: Storage> {
    known: S::Links<Source>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Source {
    #[serde(with = "crate::address")]
    dialed: SocketAddr,
    #[serde(with = "crate::address")]
    from: SocketAddr,
}

impl<S: Storage> Sources<S> {
    pub(super) fn new() -> Self {
        Self { known: Default::default() }
    }

    /// A node that can be dialed at these spoke from there.
    pub(super) fn heard(&mut self, routes: &Routes, from: SocketAddr) {
        for route in routes {
            self.known.take_out(|source| source.dialed == route.address);
            if self.known.len() >= S::LINKS.map_or(MOST, |room| room.min(MOST)) {
                self.known.take_at(0);
            }
            let placed = self.known.try_push(Source { dialed: route.address, from });
            debug_assert!(placed.is_ok(), "the oldest has made room");
        }
    }

    /// The same audience, at the address that it spoke from.
    pub(super) fn audience(&self, to: Audience) -> Audience {
        let Audience::One(dialed) = to else { return to };
        let source = self.known.iter().find(|source| source.dialed == dialed);
        Audience::One(source.map_or(dialed, |source| source.from))
    }
}
