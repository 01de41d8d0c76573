//! Tables on the heap, which grow up to the configured bounds.

extern crate alloc;

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{Array, Full, HeapParcels, Index, Plain, Row, Slot, Storage, sealed};

/// Storage that allocates as it fills, bounded by the configuration only. It keeps what it has allocated.
///
/// A name for types only: there is no value of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heap {}

impl sealed::Sealed for Heap {}

impl Storage for Heap {
    type Peers<T: Plain> = Vec<T>;
    type Links<T: Plain> = Vec<T>;
    type Index = HeapIndex;
    type Parcels<H: Plain> = HeapParcels<H>;
    type Notes<T: Plain> = Vec<T>;
    type Row<T> = Vec<T>;
    type Apart<T> = Box<T>;
    type Room = Vec<u8>;

    const PEERS: Option<usize> = None;
    const LINKS: Option<usize> = None;
    const BYTES: Option<usize> = None;
    const MESSAGES: Option<usize> = None;
    const RECORD: Option<usize> = None;

    fn room(bytes: usize) -> Option<Vec<u8>> {
        let mut room = Vec::new();
        room.try_reserve_exact(bytes).ok()?;
        room.resize(bytes, 0);
        Some(room)
    }
}

impl<T> Row<T> for Vec<T> {
    fn try_push(&mut self, value: T) -> Result<(), T> {
        match self.try_reserve(1) {
            Ok(()) => {
                self.push(value);
                Ok(())
            }
            Err(_) => Err(value),
        }
    }
}

impl<T: Clone + Debug> Array<T> for Vec<T> {
    const BOUND: Option<usize> = None;

    fn try_push(&mut self, value: T) -> Result<(), T> {
        // An allocator that refuses is an array that is full.
        match self.try_reserve(1) {
            Ok(()) => {
                self.push(value);
                Ok(())
            }
            Err(_) => Err(value),
        }
    }

    fn pop(&mut self) -> Option<T> {
        self.pop()
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
}

/// The lowest slot: a range of pairs starts there.
const FIRST: Slot = Slot(NonZeroU32::MIN);

/// Pairs in a balanced tree: each search and each change takes O(log n). It is never full.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeapIndex(BTreeSet<(u64, Slot)>);

impl Index for HeapIndex {
    fn insert(&mut self, key: u64, slot: Slot) -> Result<(), Full> {
        self.0.insert((key, slot));
        Ok(())
    }

    fn remove(&mut self, key: u64, slot: Slot) -> bool {
        self.0.remove(&(key, slot))
    }

    fn each(&self, key: u64) -> impl Iterator<Item = Slot> + '_ {
        self.0.range((key, FIRST)..).take_while(move |&&(other, _)| other == key).map(|&(_, slot)| slot)
    }

    fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        self.0.iter().map(|&(_, slot)| slot)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}
