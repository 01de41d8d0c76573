//! The states whose successors were not looked at yet, written out: a tenth of what they take when they are alive.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::explore::table::Id;
use crate::explore::violation::Violation;
use crate::explore::world::World;
use crate::rules::Rules;

/// Written states are kept in pieces of about this size, which are given back one by one.
const PIECE: usize = 1 << 22;

/// First in, first out.
#[derive(Default)]
pub(super) struct Frontier {
    pieces: VecDeque<Vec<u8>>,
    /// The number of each state, and how many bytes it takes.
    states: VecDeque<(Id, u32)>,
    /// How much of the first piece was read.
    read: usize,
}

impl Frontier {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    pub(super) fn push<R: Rules>(&mut self, id: Id, world: &World<R>) -> Result<(), Violation> {
        let full = self.pieces.back().is_none_or(|piece| piece.len() >= PIECE);
        if full {
            self.pieces.push_back(Vec::with_capacity(PIECE + PIECE / 16));
        }
        let piece = self.pieces.pop_back().unwrap_or_default();
        let before = piece.len();
        let piece = postcard::to_extend(world, piece).map_err(|_| unwritten())?;
        self.states.push_back((id, (piece.len() - before) as u32));
        self.pieces.push_back(piece);
        Ok(())
    }

    pub(super) fn pop<R: Rules>(&mut self) -> Result<Option<(Id, World<R>)>, Violation> {
        let Some((id, length)) = self.states.pop_front() else { return Ok(None) };
        if self.pieces.front().is_some_and(|piece| self.read >= piece.len()) {
            self.pieces.pop_front();
            self.read = 0;
        }
        let piece = self.pieces.front().and_then(|piece| piece.get(self.read..)).ok_or_else(unwritten)?;
        let world = postcard::from_bytes(piece).map_err(|_| unwritten())?;
        self.read += length as usize;
        Ok(Some((id, world)))
    }
}

fn unwritten() -> Violation {
    Violation::new("frontier", "a state could not be written out and read again")
}
