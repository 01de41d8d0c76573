//! Where the machine keeps its tables: on the heap, or in place with capacities known at compile time.
//!
//! The machine is written once, over [`Storage`]. [`Heap`] and [`Fixed`] are the two there are; both can be used in
//! one binary and behave alike up to the lower of their bounds. Everything in here is plain data that can be cloned,
//! printed and (de)serialised as a whole. Data that was restored is not checked for consistency: a state that never
//! was gives wrong answers, but no operation panics or fails to end on it.

mod beside;
mod chain;
mod fixed;
#[cfg(feature = "alloc")]
mod heap;
mod parcels;
mod parcels_fixed;
#[cfg(feature = "alloc")]
mod parcels_heap;
#[cfg(feature = "alloc")]
mod row;
mod slab;
mod timers;

use core::fmt;
use core::num::NonZeroU32;
use core::ops::{Deref, DerefMut};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use beside::Beside;
pub use chain::{Chain, Chained, Linked};
pub use fixed::{Fixed, FixedIndex, Here};
#[cfg(feature = "alloc")]
pub use heap::{Heap, HeapIndex};
pub use parcels::Parcels;
pub use parcels_fixed::FixedParcels;
#[cfg(feature = "alloc")]
pub use parcels_heap::HeapParcels;
pub use slab::{Entry, Slab};
pub use timers::{Position, TimerEntry, Timers};

/// The kind of memory behind a machine: [`Heap`] or [`Fixed`].
///
/// Sealed, so that a method can be added without breaking anybody.
pub trait Storage: sealed::Sealed + Clone + fmt::Debug + 'static {
    /// An array with room for one `T` per peer.
    type Peers<T: Plain>: Array<T> + Serialize + DeserializeOwned;
    /// An array with room for one `T` per link.
    type Links<T: Plain>: Array<T> + Serialize + DeserializeOwned;
    /// An index with room for one pair per peer.
    type Index: Index;
    /// The messages of one direction of one session, each with an `H`.
    type Parcels<H: Plain>: Parcels<H>;
    /// An array with room for one `T` per message of one session.
    type Notes<T: Plain>: Array<T> + Serialize + DeserializeOwned;
    /// A row with room for one `T` per link, whatever a `T` is: what a node has for its links beside its machine.
    type Row<T>: Row<T>;
    /// A `T` that stands apart where there is a heap, so that a place for it takes little while there is none.
    type Apart<T>: From<T> + Deref<Target = T> + DerefMut;
    /// Room for one record of a node's link.
    type Room: AsRef<[u8]> + AsMut<[u8]>;

    /// How many peers fit; `None` when the type sets no bound and only the configuration does.
    const PEERS: Option<usize>;
    /// How many links fit; `None` when the type sets no bound and only the configuration does.
    const LINKS: Option<usize>;
    /// How many bytes of messages fit for one session each way; `None` when the type sets no bound.
    const BYTES: Option<usize>;
    /// How many messages fit for one session each way; `None` when the type sets no bound.
    const MESSAGES: Option<usize>;
    /// How many bytes a record of a node's link may take on the stream; `None` when the type sets no bound.
    const RECORD: Option<usize>;

    /// Room for a record of so many bytes, or more; `None` where there is none.
    fn room(bytes: usize) -> Option<Self::Room>;
}

/// Contiguous storage that only grows, and may have a bound. Being full is an answer, never a panic.
pub trait Row<T>: Deref<Target = [T]> + DerefMut + Default {
    /// Appends `value`, or hands it back when there is no room; then nothing has changed.
    fn try_push(&mut self, value: T) -> Result<(), T>;
}

/// What a table may hold: plain data.
///
/// Nothing has to implement it by hand.
pub trait Plain: Clone + fmt::Debug + Serialize + DeserializeOwned {}

impl<T: Clone + fmt::Debug + Serialize + DeserializeOwned> Plain for T {}

/// Contiguous storage of `T` that may have a bound. Being full is an answer, never a panic.
pub trait Array<T>: Deref<Target = [T]> + DerefMut + Default + Clone + fmt::Debug {
    /// How many elements fit; `None` when the type sets no bound.
    const BOUND: Option<usize>;

    /// Appends `value`, or hands it back when there is no room; then nothing has changed.
    fn try_push(&mut self, value: T) -> Result<(), T>;

    /// Takes the last element.
    fn pop(&mut self) -> Option<T>;

    /// Drops everything from the element `len` on; no effect when there are not that many.
    fn truncate(&mut self, len: usize);

    /// Drops everything. What was allocated stays allocated.
    fn clear(&mut self) {
        self.truncate(0);
    }

    /// Takes the element at `at`; those behind it move up.
    fn take_at(&mut self, at: usize) -> Option<T> {
        self.get_mut(at..).filter(|behind| !behind.is_empty())?.rotate_left(1);
        self.pop()
    }

    /// Takes out every element of which this holds; the others keep their order.
    fn take_out(&mut self, mut holds: impl FnMut(&T) -> bool) {
        while let Some(at) = self.iter().position(&mut holds) {
            self.take_at(at);
        }
    }
}

/// An ordered set of pairs of a key and a slot. Several slots may share a key.
pub trait Index: Default + Clone + fmt::Debug + Serialize + DeserializeOwned {
    /// Adds the pair; one that is there already stays, which is no error. On [`Full`], nothing has changed.
    fn insert(&mut self, key: u64, slot: Slot) -> Result<(), Full>;

    /// Takes the pair out, and says whether it was there.
    fn remove(&mut self, key: u64, slot: Slot) -> bool;

    /// The slots under `key`, ascending.
    fn each(&self, key: u64) -> impl Iterator<Item = Slot> + '_;

    /// All slots, by key and then ascending.
    fn iter(&self) -> impl Iterator<Item = Slot> + '_;

    /// How many pairs there are.
    fn len(&self) -> usize;

    /// Whether there are no pairs.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A place in a table. It is reused once it is free, so it names an entity only for as long as that lives.
///
/// `Option<Slot>` takes no more room than `Slot`.
// Holds the index plus one: zero is the niche.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(NonZeroU32);

impl Slot {
    /// The slot at `index`; `None` beyond the last that can be named, `u32::MAX - 1`.
    pub(crate) fn from_index(index: usize) -> Option<Self> {
        u32::try_from(index).ok()?.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }

    /// Its index in the table, from zero.
    #[must_use]
    pub const fn index(self) -> usize {
        (self.0.get() - 1) as usize
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.index()).finish()
    }
}

/// There is no room. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no room")
    }
}

impl core::error::Error for Full {}

/// The lower of a bound set at run time and one that a type may set.
fn lower_bound(limit: usize, bound: Option<usize>) -> usize {
    bound.map_or(limit, |bound| limit.min(bound))
}

mod sealed {
    /// Keeps [`Storage`](super::Storage) to the implementations in this crate.
    pub trait Sealed {}
}

#[cfg(test)]
pub(crate) mod tests {
    extern crate alloc;

    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;
    use alloc::{format, vec};

    use proptest::prelude::*;

    use super::*;

    /// What a value is after a snapshot was taken and restored.
    pub(crate) fn restored<T: Plain>(value: &T) -> T {
        let mut bytes = vec![0; 1 << 16];
        let bytes =
            postcard::to_slice(value, &mut bytes).expect("the buffer is larger than any test's value");
        postcard::from_bytes(bytes).expect("what was written can be read")
    }

    /// The highest index of a slot.
    pub(crate) const LAST: usize = u32::MAX as usize - 1;

    /// The slot at `index`, for tests that make up their own.
    pub(crate) fn slot(index: usize) -> Slot {
        Slot::from_index(index).expect("tests use indices up to the last")
    }

    /// An entity on two chains, and a machine that keeps some: a stand-in for those that are to be built of this.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Link {
        name: u8,
        idle: Chained,
        busy: Chained,
    }

    enum Idle {}
    enum Busy {}

    impl Linked<Idle> for Link {
        fn chained(&self) -> &Chained {
            &self.idle
        }
        fn chained_mut(&mut self) -> &mut Chained {
            &mut self.idle
        }
    }

    impl Linked<Busy> for Link {
        fn chained(&self) -> &Chained {
            &self.busy
        }
        fn chained_mut(&mut self) -> &mut Chained {
            &mut self.busy
        }
    }

    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[serde(bound = "")]
    struct Machine<S: Storage> {
        links: Slab<Link, S::Links<Entry<Link>>>,
        timers: Timers<S::Links<TimerEntry>, S::Links<Position>>,
        by_name: S::Index,
        idle: Chain<Idle>,
        busy: Chain<Busy>,
    }

    fn a_whole_machine_survives_a_snapshot<S: Storage>() {
        let mut machine = Machine::<S> {
            links: Slab::new(4),
            timers: Timers::new(4),
            by_name: S::Index::default(),
            idle: Chain::new(),
            busy: Chain::new(),
        };
        for name in 0..4 {
            let slot = machine.links.insert(Link { name, ..Link::default() }).expect("four fit");
            machine
                .timers
                .lower(slot, crate::time::Instant::from_micros(9 - u64::from(name)))
                .expect("four fit");
            machine.by_name.insert(u64::from(name), slot).expect("four fit");
            assert!(machine.idle.push_front(&mut machine.links, slot));
            assert!(machine.busy.push_back(&mut machine.links, slot));
        }
        assert!(machine.idle.remove(&mut machine.links, slot(2)));

        let again = restored(&machine);

        assert_eq!(format!("{again:?}"), format!("{machine:?}"));
        assert_eq!(again.idle.iter(&again.links).collect::<Vec<_>>(), [slot(3), slot(1), slot(0)]);
        assert_eq!(again.busy.iter(&again.links).collect::<Vec<_>>(), [slot(0), slot(1), slot(2), slot(3)]);
    }

    #[test]
    fn a_whole_machine_survives_a_snapshot_in_place() {
        a_whole_machine_survives_a_snapshot::<Fixed<4, 4>>();
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn a_whole_machine_survives_a_snapshot_on_the_heap() {
        a_whole_machine_survives_a_snapshot::<Heap>();
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn a_snapshot_moves_between_storages_where_it_fits() {
        let mut heap: Slab<u8, <Heap as Storage>::Peers<Entry<u8>>> = Slab::new(8);
        for value in 0..5 {
            heap.insert(value).expect("five fit");
        }
        let bytes = postcard::to_allocvec(&heap).expect("a slab can be written");

        type Peers<S> = <S as Storage>::Peers<Entry<u8>>;
        assert!(postcard::from_bytes::<Slab<u8, Peers<Fixed<5, 1>>>>(&bytes).is_ok());
        assert!(postcard::from_bytes::<Slab<u8, Peers<Fixed<4, 1>>>>(&bytes).is_err());
    }

    #[test]
    fn an_optional_slot_takes_no_more_room() {
        assert_eq!(size_of::<Option<Slot>>(), 4);
        assert_eq!(size_of::<Position>(), 4);
    }

    #[test]
    fn slots_end_where_they_cannot_be_named() {
        assert_eq!(slot(LAST).index(), LAST);
        assert_eq!(Slot::from_index(LAST + 1), None);
        assert_eq!(Slot::from_index(usize::MAX), None);
        assert_eq!(format!("{:?}", slot(3)), "Slot(3)");
    }

    /// Runs one script against an array and a model of it.
    fn array_is_a_bounded_vector<A: Array<u8> + Plain>(
        steps: &[Option<u8>],
        cut: usize,
    ) -> Result<(), TestCaseError> {
        let mut array = A::default();
        let mut model = Vec::new();
        for step in steps {
            match step {
                Some(value) if A::BOUND.is_none_or(|bound| model.len() < bound) => {
                    model.push(*value);
                    prop_assert_eq!(array.try_push(*value), Ok(()));
                }
                Some(value) => prop_assert_eq!(array.try_push(*value), Err(*value)),
                None => prop_assert_eq!(array.pop(), model.pop()),
            }
            prop_assert_eq!(&*restored(&array), &*model);
        }
        array.truncate(cut);
        model.truncate(cut);
        prop_assert_eq!(&*array, &*model);
        array.clear();
        prop_assert!(array.is_empty());
        Ok(())
    }

    /// Runs one script against an index and a model of it: keys and slots are few, so that they meet.
    fn index_is_an_ordered_set<I: Index>(
        steps: &[(bool, u64, usize)],
        bound: usize,
    ) -> Result<(), TestCaseError> {
        let mut index = I::default();
        let mut model = BTreeSet::new();
        for &(adds, key, at) in steps {
            let pair = (key, slot(at));
            if !adds {
                prop_assert_eq!(index.remove(key, slot(at)), model.remove(&pair));
            } else if model.len() < bound || model.contains(&pair) {
                model.insert(pair);
                prop_assert_eq!(index.insert(key, slot(at)), Ok(()));
            } else {
                prop_assert_eq!(index.insert(key, slot(at)), Err(Full));
            }
            let index = restored(&index);
            prop_assert_eq!(index.len(), model.len());
            prop_assert_eq!(index.is_empty(), model.is_empty());
            prop_assert!(index.iter().eq(model.iter().map(|&(_, slot)| slot)));
            for key in [0, 1, 2, 3, u64::MAX] {
                prop_assert!(
                    index
                        .each(key)
                        .eq(model.iter().filter(|&&(other, _)| other == key).map(|&(_, slot)| slot))
                );
            }
        }
        Ok(())
    }

    fn index_steps() -> impl Strategy<Value = Vec<(bool, u64, usize)>> {
        let key = prop_oneof![0..4u64, Just(u64::MAX)];
        proptest::collection::vec((prop::bool::weighted(0.7), key, 0..4usize), 0..60)
    }

    proptest! {
        #[test]
        fn an_array_in_place(steps: Vec<Option<u8>>, cut in 0..9usize) {
            array_is_a_bounded_vector::<<Fixed<7, 0> as Storage>::Peers<u8>>(&steps, cut)?;
            array_is_a_bounded_vector::<<Fixed<7, 0> as Storage>::Links<u8>>(&steps, cut)?;
        }

        #[cfg(feature = "alloc")]
        #[test]
        fn an_array_on_the_heap(steps: Vec<Option<u8>>, cut in 0..9usize) {
            array_is_a_bounded_vector::<<Heap as Storage>::Peers<u8>>(&steps, cut)?;
        }

        #[test]
        fn an_index_in_place(steps in index_steps()) {
            index_is_an_ordered_set::<<Fixed<6, 0> as Storage>::Index>(&steps, 6)?;
            index_is_an_ordered_set::<<Fixed<0, 6> as Storage>::Index>(&steps, 0)?;
        }

        #[cfg(feature = "alloc")]
        #[test]
        fn an_index_on_the_heap(steps in index_steps()) {
            index_is_an_ordered_set::<<Heap as Storage>::Index>(&steps, usize::MAX)?;
        }
    }

    #[test]
    fn an_index_from_unsorted_pairs_is_sorted() {
        let pairs = [(7u64, slot(1)), (3, slot(2)), (7, slot(0)), (3, slot(2))];
        let mut bytes = [0; 64];
        let bytes = postcard::to_slice(pairs.as_slice(), &mut bytes).expect("four pairs fit");

        let index: FixedIndex<4> = postcard::from_bytes(bytes).expect("pairs can be read");

        assert!(index.iter().eq([slot(2), slot(0), slot(1)]));
    }
}
