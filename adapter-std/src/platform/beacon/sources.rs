//! Whom an answer goes to.

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use super::Whence;

/// How many sources are remembered; the oldest gives way.
const MOST: usize = 64;

/// Remembers from which source the word of a node that can be dialed came.
///
/// The machine answers the address that it would dial; the datagram has to go to the port that the announcement came
/// from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    known: VecDeque<(SocketAddr, Whence)>,
}

impl Sources {
    /// Nobody was heard yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { known: VecDeque::new() }
    }

    /// The node that can be dialed at `dialed` spoke from there.
    pub fn heard(&mut self, dialed: SocketAddr, whence: Whence) {
        self.known.retain(|(known, _)| *known != dialed);
        if self.known.len() == MOST {
            self.known.pop_front();
        }
        self.known.push_back((dialed, whence));
    }

    /// From where the node spoke that can be dialed at `dialed`.
    #[must_use]
    pub fn of(&self, dialed: &SocketAddr) -> Option<Whence> {
        self.known.iter().find(|(known, _)| known == dialed).map(|(_, whence)| *whence)
    }
}
