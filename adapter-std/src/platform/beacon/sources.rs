//! Whom an answer goes to.

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use super::Whence;

/// How many sources are remembered; the oldest gives way.
const MOST: usize = 64;

/// Remembers on which plane a source was heard: an answer goes out there.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    known: VecDeque<Whence>,
}

impl Sources {
    /// Nobody was heard yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { known: VecDeque::new() }
    }

    /// Somebody was heard.
    pub fn heard(&mut self, whence: Whence) {
        self.known.retain(|known| known.source != whence.source);
        if self.known.len() == MOST {
            self.known.pop_front();
        }
        self.known.push_back(whence);
    }

    /// Where the datagrams from `source` were heard.
    #[must_use]
    pub fn of(&self, source: &SocketAddr) -> Option<Whence> {
        self.known.iter().find(|known| known.source == *source).copied()
    }
}
