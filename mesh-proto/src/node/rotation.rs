//! Which of two secrets to try at which address, while a mesh changes from one to another.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::storage::{Array, Storage};

/// More addresses are not remembered; in place, no more than there are links.
const MOST: usize = 256;

/// How often a wrong secret may have been why a dial to an address failed.
pub(super) struct Rotation<S: Storage>(S::Links<Failures>);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Failures {
    #[serde(with = "crate::address")]
    address: SocketAddr,
    count: u32,
}

impl<S: Storage> Rotation<S> {
    pub(super) fn new() -> Self {
        Self(Default::default())
    }

    /// The number of the next attempt: it tells which secret to take.
    pub(super) fn attempt(&self, address: SocketAddr) -> u32 {
        self.0.iter().find(|failures| failures.address == address).map_or(0, |failures| failures.count)
    }

    /// The secret may have been wrong: the next attempt takes the other.
    pub(super) fn failed(&mut self, address: SocketAddr) {
        if let Some(failures) = self.0.iter_mut().find(|failures| failures.address == address) {
            failures.count = failures.count.wrapping_add(1);
            return;
        }
        if self.0.len() >= S::LINKS.map_or(MOST, |room| room.min(MOST)) {
            self.0.take_at(0);
        }
        let placed = self.0.try_push(Failures { address, count: 1 });
        debug_assert!(placed.is_ok(), "the oldest has made room");
    }
}
