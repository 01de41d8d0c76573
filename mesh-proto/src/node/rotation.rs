//! Which of two secrets to try at which address, while a mesh changes from one to another.

extern crate alloc;

use alloc::vec::Vec;
use core::net::SocketAddr;

/// More addresses are not remembered.
const MOST: usize = 256;

/// How often a wrong secret may have been why a dial to an address failed.
#[derive(Debug, Default)]
pub(super) struct Rotation(Vec<(SocketAddr, u32)>);

impl Rotation {
    /// The number of the next attempt: it tells which secret to take.
    pub(super) fn attempt(&self, address: SocketAddr) -> u32 {
        self.0.iter().find(|(known, _)| *known == address).map_or(0, |(_, attempts)| *attempts)
    }

    /// The secret may have been wrong: the next attempt takes the other.
    pub(super) fn failed(&mut self, address: SocketAddr) {
        if let Some((_, attempts)) = self.0.iter_mut().find(|(known, _)| *known == address) {
            *attempts = attempts.wrapping_add(1);
            return;
        }
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push((address, 1));
    }
}
