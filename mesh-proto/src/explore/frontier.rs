//! The states whose successors were not looked at yet, written out and packed: neighbours are much alike, so that they take
//! a hundredth of what they do when they are alive.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use lz4_flex::{compress_prepend_size, decompress_size_prepended};

use crate::explore::table::Id;
use crate::explore::violation::Violation;
use crate::explore::world::World;
use crate::rules::Rules;

/// States are packed in pieces of about this size.
const PIECE: usize = 1 << 20;

/// First in, first out.
#[derive(Default)]
pub(super) struct Frontier {
    /// Those that are full, packed.
    pieces: VecDeque<Vec<u8>>,
    /// The one that is written to.
    writing: Vec<u8>,
    /// The one that is read from.
    reading: Vec<u8>,
    /// How much of that was read.
    read: usize,
    /// The number of each state, and how many bytes it takes.
    states: VecDeque<(Id, u32)>,
}

impl Frontier {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    pub(super) fn push<R: Rules>(&mut self, id: Id, world: &World<R>) -> Result<(), Violation> {
        if self.writing.len() >= PIECE {
            self.pieces.push_back(compress_prepend_size(&self.writing));
            self.writing.clear();
        }
        let before = self.writing.len();
        self.writing = postcard::to_extend(world, mem::take(&mut self.writing)).map_err(|_| unwritten())?;
        self.states.push_back((id, (self.writing.len() - before) as u32));
        Ok(())
    }

    pub(super) fn pop<R: Rules>(&mut self) -> Result<Option<(Id, World<R>)>, Violation> {
        let Some((id, length)) = self.states.pop_front() else { return Ok(None) };
        if self.read >= self.reading.len() {
            self.reading = match self.pieces.pop_front() {
                Some(piece) => decompress_size_prepended(&piece).map_err(|_| unwritten())?,
                None => mem::take(&mut self.writing),
            };
            self.read = 0;
        }
        let piece = self.reading.get(self.read..).ok_or_else(unwritten)?;
        let world = postcard::from_bytes(piece).map_err(|_| unwritten())?;
        self.read += length as usize;
        Ok(Some((id, world)))
    }
}

fn unwritten() -> Violation {
    Violation::new("frontier", "a state could not be written out and read again")
}
