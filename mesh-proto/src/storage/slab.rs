//! A table whose entries keep their place for as long as they live.

use core::marker::PhantomData;
use core::mem;

use serde::{Deserialize, Serialize};

use super::{Array, Slot, lower_bound};

/// Entries of `T` in slots. A slot that was freed is the next to be used, so the order is the same on every run.
///
/// Holds at most as many as the limit given to [`Slab::new`] or the bound of the array `A`, whichever is lower. It
/// carries no serial numbers: the slot of an entry that was removed may name a later one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "A: Serialize", deserialize = "A: Deserialize<'de>"))]
pub struct Slab<T, A: Array<Entry<T>>> {
    entries: A,
    /// The slot that was freed last; the vacant entries chain on from there.
    free: Option<Slot>,
    len: u32,
    limit: u32,
    #[serde(skip)]
    kind: PhantomData<T>,
}

/// What a slot of a [`Slab`] holds. It is public to name the array: `Slab<T, S::Links<Entry<T>>>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Entry<T> {
    /// Nothing.
    Vacant {
        /// The slot that was freed before this one and is still vacant.
        next: Option<Slot>,
    },
    /// A value.
    Occupied(T),
}

impl<T, A: Array<Entry<T>>> Slab<T, A> {
    /// An empty table for at most `limit` entries.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = lower_bound(limit, A::BOUND).try_into().unwrap_or(u32::MAX);
        Self { entries: A::default(), free: None, len: 0, limit, kind: PhantomData }
    }

    /// Puts `value` into a slot, or hands it back when the table is full; then nothing has changed.
    pub fn insert(&mut self, value: T) -> Result<Slot, T> {
        let Some(slot) = self.vacancy() else { return Err(value) };
        let Some(entry) = self.entries.get_mut(slot.index()) else { return Err(value) };
        match mem::replace(entry, Entry::Occupied(value)) {
            Entry::Vacant { next } => self.free = next,
            // A vacancy is vacant.
            Entry::Occupied(_) => {}
        }
        self.len = self.len.saturating_add(1);
        Ok(slot)
    }

    /// Takes the value out of `slot`, which is the next to be used then.
    pub fn remove(&mut self, slot: Slot) -> Option<T> {
        let entry = self.entries.get_mut(slot.index())?;
        match entry {
            Entry::Vacant { .. } => return None,
            Entry::Occupied(_) => {}
        }
        let taken = mem::replace(entry, Entry::Vacant { next: self.free });
        self.free = Some(slot);
        self.len = self.len.saturating_sub(1);
        match taken {
            Entry::Vacant { .. } => None,
            Entry::Occupied(value) => Some(value),
        }
    }

    /// The value in `slot`, to change.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        match self.entries.get_mut(slot.index())? {
            Entry::Vacant { .. } => None,
            Entry::Occupied(value) => Some(value),
        }
    }

    /// All values with their slots, ascending, to change. Takes time for each slot that was ever used.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Slot, &mut T)> {
        self.entries.iter_mut().enumerate().filter_map(|(index, entry)| match entry {
            Entry::Vacant { .. } => None,
            Entry::Occupied(value) => Some((Slot::from_index(index)?, value)),
        })
    }

    /// The value in `slot`.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&T> {
        match self.entries.get(slot.index())? {
            Entry::Vacant { .. } => None,
            Entry::Occupied(value) => Some(value),
        }
    }

    /// Whether there is a value in `slot`.
    #[must_use]
    pub fn contains(&self, slot: Slot) -> bool {
        self.get(slot).is_some()
    }

    /// All values with their slots, ascending. Takes time for each slot that was ever used.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        self.entries.iter().enumerate().filter_map(|(index, entry)| match entry {
            Entry::Vacant { .. } => None,
            Entry::Occupied(value) => Some((Slot::from_index(index)?, value)),
        })
    }

    /// The first slot with a value after `slot`, or of all: a walk that holds no borrow while the table changes.
    #[must_use]
    pub fn after(&self, slot: Option<Slot>) -> Option<Slot> {
        let start = slot.map_or(0, |slot| slot.index().saturating_add(1));
        let ahead = self.entries.get(start..)?.iter().position(|entry| match entry {
            Entry::Vacant { .. } => false,
            Entry::Occupied(_) => true,
        })?;
        Slot::from_index(start.saturating_add(ahead))
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the next value would be refused.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len >= self.limit
    }

    /// How many values there can be: the lower of the limit and the bound of the array.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// A slot that is vacant: the one freed last, else a new one at the end.
    fn vacancy(&mut self) -> Option<Slot> {
        if self.is_full() {
            return None;
        }
        if let Some(slot) = self.free
            && let Some(Entry::Vacant { .. }) = self.entries.get(slot.index())
        {
            return Some(slot);
        }
        // The list of free slots is at its end, or was restored and runs into a slot in use: the new entry, having no
        // next, starts over.
        let slot = Slot::from_index(self.entries.len())?;
        self.entries.try_push(Entry::Vacant { next: None }).ok()?;
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;

    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::storage::tests::{LAST, restored, slot};
    use crate::storage::{Fixed, Storage};

    /// Runs one script against a slab and a model of it: the values by slot, and the slots that were freed, last first.
    fn slab_is_a_map<S: Storage>(limit: usize, steps: &[(bool, u8)]) -> Result<(), TestCaseError> {
        let mut slab = Slab::<u8, S::Links<Entry<u8>>>::new(limit);
        let bound = S::LINKS.map_or(limit, |links| links.min(limit));
        let mut model = BTreeMap::new();
        let mut freed: Vec<usize> = Vec::new();
        prop_assert_eq!(slab.limit(), bound);
        for &(adds, value) in steps {
            if adds && model.len() < bound {
                let index = freed.pop().unwrap_or(model.len());
                model.insert(slot(index), value);
                prop_assert_eq!(slab.insert(value), Ok(slot(index)));
            } else if adds {
                prop_assert!(slab.is_full());
                prop_assert_eq!(slab.insert(value), Err(value));
            } else {
                let index = usize::from(value % 8);
                let taken = model.remove(&slot(index));
                freed.extend(taken.map(|_| index));
                prop_assert_eq!(slab.remove(slot(index)), taken);
            }
            slab = restored(&slab);
            prop_assert_eq!(slab.len(), model.len());
            prop_assert_eq!(slab.is_empty(), model.is_empty());
            prop_assert_eq!(slab.is_full(), model.len() >= bound);
            prop_assert!(slab.iter().eq(model.iter().map(|(&slot, value)| (slot, value))));
            let seen: Vec<_> = slab.iter_mut().map(|(slot, value)| (slot, *value)).collect();
            prop_assert!(seen.into_iter().eq(model.iter().map(|(&slot, &value)| (slot, value))));
            let walk = core::iter::successors(slab.after(None), |&slot| slab.after(Some(slot)));
            prop_assert!(walk.eq(model.keys().copied()));
            for index in (0..9).map(slot).chain([slot(LAST)]) {
                prop_assert_eq!(slab.get(index), model.get(&index));
                prop_assert_eq!(slab.contains(index), model.contains_key(&index));
                prop_assert_eq!(slab.get_mut(index).copied(), model.get(&index).copied());
            }
        }
        Ok(())
    }

    fn steps() -> impl Strategy<Value = Vec<(bool, u8)>> {
        proptest::collection::vec((prop::bool::weighted(0.6), any::<u8>()), 0..80)
    }

    proptest! {
        #[test]
        fn a_slab_in_place(limit in 0..8usize, steps in steps()) {
            slab_is_a_map::<Fixed<0, 5>>(limit, &steps)?;
        }

        #[cfg(feature = "alloc")]
        #[test]
        fn a_slab_on_the_heap(limit in 0..8usize, steps in steps()) {
            slab_is_a_map::<crate::storage::Heap>(limit, &steps)?;
        }

        /// Whatever can be read as a slab can be used as one, whether or not it ever was.
        #[test]
        fn a_slab_from_anywhere(bytes: Vec<u8>, steps in steps()) {
            type InPlace = Slab<u8, heapless::Vec<Entry<u8>, 8>>;
            let Ok(mut slab) = postcard::from_bytes::<InPlace>(&bytes) else { return Ok(()) };
            for (adds, value) in steps {
                if adds {
                    if let Ok(slot) = slab.insert(value) {
                        prop_assert_eq!(slab.get(slot), Some(&value));
                    }
                } else {
                    slab.remove(slot(value.into()));
                }
            }
        }
    }

    #[test]
    fn a_free_list_in_a_circle_overwrites_nothing() {
        let mut slab: Slab<u8, heapless::Vec<Entry<u8>, 4>> = Slab::new(4);
        slab.entries.push(Entry::Vacant { next: Some(slot(0)) }).expect("four fit");
        slab.free = Some(slot(0));

        assert_eq!(slab.insert(10), Ok(slot(0)));
        assert_eq!(slab.insert(11), Ok(slot(1)));
        assert_eq!(slab.get(slot(0)), Some(&10));
    }
}
