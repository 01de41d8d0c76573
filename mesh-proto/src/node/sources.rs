//! Where the word of a node came from that can be dialed somewhere else.

extern crate alloc;

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use crate::announcement::Audience;
use crate::event::Routes;

/// How many are remembered; the oldest gives way.
const MOST: usize = 64;

/// The machine answers the address that it would dial; the datagram has to go to the port that the announcement came from.
#[derive(Debug, Default)]
pub(super) struct Sources {
    known: VecDeque<(SocketAddr, SocketAddr)>,
}

impl Sources {
    /// A node that can be dialed at these spoke from there.
    pub(super) fn heard(&mut self, routes: &Routes, from: SocketAddr) {
        for route in routes {
            self.known.retain(|(dialed, _)| *dialed != route.address);
            if self.known.len() == MOST {
                self.known.pop_front();
            }
            self.known.push_back((route.address, from));
        }
    }

    /// The same audience, at the address that it spoke from.
    pub(super) fn audience(&self, to: Audience) -> Audience {
        let Audience::One(dialed) = to else { return to };
        let from = self.known.iter().find(|(known, _)| *known == dialed).map(|(_, from)| *from);
        Audience::One(from.unwrap_or(dialed))
    }
}
