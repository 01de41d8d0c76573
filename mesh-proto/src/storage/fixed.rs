//! Tables in place, with capacities in their type.

use core::fmt::Debug;
use core::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use super::{Array, FixedParcels, Full, Index, Plain, Row, Slot, Storage, sealed};

/// Storage for at most `PEERS` peers and `LINKS` links, inside the machine itself; it needs no allocator. For each peer
/// there is room for `MESSAGES` messages with `BYTES` bytes in all, each way.
///
/// A node has room for a record of `RECORD` bytes for each link, and for one more that it fills: 18 more than the frames in
/// it take, and 1024 at least, for those of a handshake. To a machine alone that number means nothing.
///
/// A name for types only: there is no value of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed<
    const PEERS: usize,
    const LINKS: usize,
    const BYTES: usize = 1024,
    const MESSAGES: usize = 16,
    const RECORD: usize = 1024,
> {}

impl<const PEERS: usize, const LINKS: usize, const BYTES: usize, const MESSAGES: usize, const RECORD: usize>
    sealed::Sealed for Fixed<PEERS, LINKS, BYTES, MESSAGES, RECORD>
{
}

impl<const PEERS: usize, const LINKS: usize, const BYTES: usize, const MESSAGES: usize, const RECORD: usize>
    Storage for Fixed<PEERS, LINKS, BYTES, MESSAGES, RECORD>
{
    type Peers<T: Plain> = heapless::Vec<T, PEERS>;
    type Links<T: Plain> = heapless::Vec<T, LINKS>;
    type Index = FixedIndex<PEERS>;
    type Parcels<H: Plain> = FixedParcels<H, BYTES, MESSAGES>;
    type Notes<T: Plain> = heapless::Vec<T, MESSAGES>;
    type Row<T> = heapless::Vec<T, LINKS>;
    type Apart<T> = Here<T>;
    type Room = [u8; RECORD];

    const PEERS: Option<usize> = Some(PEERS);
    const LINKS: Option<usize> = Some(LINKS);
    const BYTES: Option<usize> = Some(BYTES);
    const MESSAGES: Option<usize> = Some(MESSAGES);
    const RECORD: Option<usize> = Some(RECORD);

    fn room(bytes: usize) -> Option<[u8; RECORD]> {
        (bytes <= RECORD).then_some([0; RECORD])
    }
}

impl<T, const N: usize> Row<T> for heapless::Vec<T, N> {
    fn try_push(&mut self, value: T) -> Result<(), T> {
        self.push(value)
    }
}

/// What would stand apart if there were a heap.
#[derive(Clone, Copy, Debug)]
pub struct Here<T>(T);

impl<T> From<T> for Here<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> Deref for Here<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Here<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Clone + Debug, const N: usize> Array<T> for heapless::Vec<T, N> {
    const BOUND: Option<usize> = Some(N);

    fn try_push(&mut self, value: T) -> Result<(), T> {
        self.push(value)
    }

    fn pop(&mut self) -> Option<T> {
        self.pop()
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
}

/// At most `N` pairs in a sorted array: a search takes O(log n), a change moves what stands behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "heapless::Vec<(u64, Slot), N>")]
pub struct FixedIndex<const N: usize>(heapless::Vec<(u64, Slot), N>);

impl<const N: usize> Index for FixedIndex<N> {
    fn insert(&mut self, key: u64, slot: Slot) -> Result<(), Full> {
        match self.0.binary_search(&(key, slot)) {
            Ok(_) => Ok(()),
            Err(at) => self.0.insert(at, (key, slot)).map_err(|_| Full),
        }
    }

    fn remove(&mut self, key: u64, slot: Slot) -> bool {
        match self.0.binary_search(&(key, slot)) {
            Ok(at) => {
                self.0.remove(at);
                true
            }
            Err(_) => false,
        }
    }

    fn each(&self, key: u64) -> impl Iterator<Item = Slot> + '_ {
        let start = self.0.partition_point(|&(other, _)| other < key);
        self.0.iter().skip(start).take_while(move |&&(other, _)| other == key).map(|&(_, slot)| slot)
    }

    fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        self.0.iter().map(|&(_, slot)| slot)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Sorts, so that the searches hold for pairs from anywhere.
impl<const N: usize> From<heapless::Vec<(u64, Slot), N>> for FixedIndex<N> {
    fn from(pairs: heapless::Vec<(u64, Slot), N>) -> Self {
        let mut index = Self::default();
        for (key, slot) in pairs {
            // There is room: no more pairs come out than fit in.
            if index.insert(key, slot).is_err() {
                break;
            }
        }
        index
    }
}
