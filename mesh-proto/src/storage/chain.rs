//! Doubly linked lists through the entries of a slab.

use core::marker::PhantomData;
use core::{fmt, iter};

use serde::{Deserialize, Serialize};

use super::{Array, Entry, Slab, Slot};

/// A list of slots, in an order of its own. Every operation takes O(1), and none allocates.
///
/// The links are in the entities: `K` is a marker that names which of their [`Chained`] a chain runs through, so an
/// entity can be on one chain of each kind at a time. There may be many chains of a kind.
///
/// An entity **must be taken off before it leaves the slab**, by the chain that it is on: in the middle, those of the
/// same kind cannot be told apart. Otherwise a chain breaks off there; it still does not panic, and each walk ends.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Chain<K> {
    ends: Option<Ends>,
    len: u32,
    #[serde(skip)]
    kind: PhantomData<fn() -> K>,
}

/// An entity's place in a chain, embedded in the entity. The default is to be on none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chained(Option<Neighbours>);

/// An entity that can be on a chain of the kind `K`, which is a type of its own without values: `enum Idle {}`.
pub trait Linked<K> {
    /// Its place in that chain.
    fn chained(&self) -> &Chained;

    /// Its place in that chain, for [`Chain`] to change.
    fn chained_mut(&mut self) -> &mut Chained;
}

/// The two ends of a chain with something on it; the same slot twice when that is all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Ends {
    head: Slot,
    tail: Slot,
}

/// The slots before and behind; there is none before the head and none behind the tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Neighbours {
    prev: Option<Slot>,
    next: Option<Slot>,
}

impl<K> Chain<K> {
    /// An empty chain.
    #[must_use]
    pub const fn new() -> Self {
        Self { ends: None, len: 0, kind: PhantomData }
    }

    /// Puts `slot` behind all others. `false`, and nothing has changed, when it is vacant or on a chain of this kind.
    pub fn push_back<T: Linked<K>, A: Array<Entry<T>>>(&mut self, slab: &mut Slab<T, A>, slot: Slot) -> bool {
        let prev = self.tail();
        if !put_on(slab, slot, Neighbours { prev, next: None }) {
            return false;
        }
        set_next(slab, prev, Some(slot));
        self.ends = Some(Ends { head: self.head().unwrap_or(slot), tail: slot });
        self.len = self.len.saturating_add(1);
        true
    }

    /// Puts `slot` before all others. `false`, and nothing has changed, when it is vacant or on a chain of this kind.
    pub fn push_front<T: Linked<K>, A: Array<Entry<T>>>(
        &mut self,
        slab: &mut Slab<T, A>,
        slot: Slot,
    ) -> bool {
        let next = self.head();
        if !put_on(slab, slot, Neighbours { prev: None, next }) {
            return false;
        }
        set_prev(slab, next, Some(slot));
        self.ends = Some(Ends { head: slot, tail: self.tail().unwrap_or(slot) });
        self.len = self.len.saturating_add(1);
        true
    }

    /// Takes `slot` off. `false`, and nothing has changed, when it is vacant or not on this chain.
    pub fn remove<T: Linked<K>, A: Array<Entry<T>>>(&mut self, slab: &mut Slab<T, A>, slot: Slot) -> bool {
        let Some(ends) = self.ends else { return false };
        let Some(chained) = slab.get_mut(slot).map(Linked::chained_mut) else { return false };
        let Some(Neighbours { prev, next }) = chained.0 else { return false };
        // The head of another chain has none before it either, so a mistaken chain shows at the ends at least.
        if prev.is_none() != (ends.head == slot) || next.is_none() != (ends.tail == slot) {
            return false;
        }
        chained.0 = None;
        set_next(slab, prev, next);
        set_prev(slab, next, prev);
        self.ends = match (prev, next) {
            (None, None) => None,
            (None, Some(head)) => Some(Ends { head, ..ends }),
            (Some(tail), None) => Some(Ends { tail, ..ends }),
            (Some(_), Some(_)) => Some(ends),
        };
        self.len = self.len.saturating_sub(1);
        true
    }

    /// Takes the head off.
    pub fn pop_front<T: Linked<K>, A: Array<Entry<T>>>(&mut self, slab: &mut Slab<T, A>) -> Option<Slot> {
        let head = self.head()?;
        if self.remove(slab, head) {
            return Some(head);
        }
        // The head left the slab before the chain. What was behind it is out of reach, so nothing is left on it; a
        // loop that pops until `None` must see it end.
        *self = Self::new();
        None
    }

    /// The first slot.
    #[must_use]
    pub fn head(&self) -> Option<Slot> {
        self.ends.map(|ends| ends.head)
    }

    /// The last slot.
    #[must_use]
    pub fn tail(&self) -> Option<Slot> {
        self.ends.map(|ends| ends.tail)
    }

    /// The slot behind `slot`; `None` also when that is vacant or on no chain.
    ///
    /// Holds no borrow, so the table may change during a walk; take the next one before the current is taken off.
    #[must_use]
    pub fn next<T: Linked<K>, A: Array<Entry<T>>>(&self, slab: &Slab<T, A>, slot: Slot) -> Option<Slot> {
        slab.get(slot)?.chained().0?.next
    }

    /// The slot before `slot`; `None` also when that is vacant or on no chain.
    #[must_use]
    pub fn prev<T: Linked<K>, A: Array<Entry<T>>>(&self, slab: &Slab<T, A>, slot: Slot) -> Option<Slot> {
        slab.get(slot)?.chained().0?.prev
    }

    /// All slots from head to tail.
    pub fn iter<T: Linked<K>, A: Array<Entry<T>>>(&self, slab: &Slab<T, A>) -> impl Iterator<Item = Slot> {
        // The count ends a walk that a restored chain would lead in a circle.
        iter::successors(self.head(), |&slot| self.next(slab, slot)).take(self.len())
    }

    /// All slots from tail to head.
    pub fn iter_back<T: Linked<K>, A: Array<Entry<T>>>(
        &self,
        slab: &Slab<T, A>,
    ) -> impl Iterator<Item = Slot> {
        iter::successors(self.tail(), |&slot| self.prev(slab, slot)).take(self.len())
    }

    /// Whether `slot` is on a chain of this kind: this one, or another.
    #[must_use]
    pub fn contains<T: Linked<K>, A: Array<Entry<T>>>(&self, slab: &Slab<T, A>, slot: Slot) -> bool {
        slab.get(slot).is_some_and(|entity| entity.chained().is_on())
    }

    /// How many slots are on it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether nothing is on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_none()
    }
}

impl Chained {
    /// Whether the entity is on a chain of this kind.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

// Derives would ask the same of the marker.

impl<K> Clone for Chain<K> {
    fn clone(&self) -> Self {
        Self { ends: self.ends, len: self.len, kind: PhantomData }
    }
}

impl<K> Default for Chain<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> fmt::Debug for Chain<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("head", &self.head())
            .field("tail", &self.tail())
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// Gives the entity in `slot` a place, if there is one that has none.
fn put_on<K, T: Linked<K>, A: Array<Entry<T>>>(slab: &mut Slab<T, A>, slot: Slot, place: Neighbours) -> bool {
    match slab.get_mut(slot).map(Linked::chained_mut) {
        Some(chained) if !chained.is_on() => {
            chained.0 = Some(place);
            true
        }
        Some(_) | None => false,
    }
}

/// Makes `next` the one behind `slot`.
fn set_next<K, T: Linked<K>, A: Array<Entry<T>>>(
    slab: &mut Slab<T, A>,
    slot: Option<Slot>,
    next: Option<Slot>,
) {
    if let Some(neighbours) = neighbours(slab, slot) {
        neighbours.next = next;
    }
}

/// Makes `prev` the one before `slot`.
fn set_prev<K, T: Linked<K>, A: Array<Entry<T>>>(
    slab: &mut Slab<T, A>,
    slot: Option<Slot>,
    prev: Option<Slot>,
) {
    if let Some(neighbours) = neighbours(slab, slot) {
        neighbours.prev = prev;
    }
}

/// The place of the entity in `slot`, if it has one.
fn neighbours<K, T: Linked<K>, A: Array<Entry<T>>>(
    slab: &mut Slab<T, A>,
    slot: Option<Slot>,
) -> Option<&mut Neighbours> {
    slab.get_mut(slot?)?.chained_mut().0.as_mut()
}

#[cfg(test)]
mod tests {
    extern crate alloc;

    use alloc::collections::VecDeque;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::storage::tests::{restored, slot};
    use crate::storage::{Fixed, Storage};

    enum Left {}
    enum Right {}

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Entity {
        left: Chained,
        right: Chained,
    }

    impl Linked<Left> for Entity {
        fn chained(&self) -> &Chained {
            &self.left
        }
        fn chained_mut(&mut self) -> &mut Chained {
            &mut self.left
        }
    }

    impl Linked<Right> for Entity {
        fn chained(&self) -> &Chained {
            &self.right
        }
        fn chained_mut(&mut self) -> &mut Chained {
            &mut self.right
        }
    }

    type Table<S> = Slab<Entity, <S as Storage>::Links<Entry<Entity>>>;

    const SLOTS: usize = 8;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        PushBack(usize),
        PushFront(usize),
        Remove(usize),
        PopFront,
    }

    fn steps() -> impl Strategy<Value = Vec<(bool, Step)>> {
        // One more than there are: vacant.
        let slots = 0..SLOTS + 1;
        let step = prop_oneof![
            3 => slots.clone().prop_map(Step::PushBack),
            3 => slots.clone().prop_map(Step::PushFront),
            3 => slots.prop_map(Step::Remove),
            1 => Just(Step::PopFront),
        ];
        proptest::collection::vec((any::<bool>(), step), 0..80)
    }

    fn full<S: Storage>() -> Table<S> {
        let mut slab = Table::<S>::new(SLOTS);
        while slab.insert(Entity::default()).is_ok() {}
        assert_eq!(slab.len(), SLOTS);
        slab
    }

    /// Does one step to a chain and to a model of it.
    fn step<K, A: Array<Entry<Entity>>>(
        chain: &mut Chain<K>,
        model: &mut VecDeque<Slot>,
        slab: &mut Slab<Entity, A>,
        step: Step,
    ) -> Result<(), TestCaseError>
    where
        Entity: Linked<K>,
    {
        match step {
            Step::PushBack(index) => {
                let fits = index < SLOTS && !model.contains(&slot(index));
                model.extend(fits.then_some(slot(index)));
                prop_assert_eq!(chain.push_back(slab, slot(index)), fits);
            }
            Step::PushFront(index) => {
                let fits = index < SLOTS && !model.contains(&slot(index));
                if fits {
                    model.push_front(slot(index));
                }
                prop_assert_eq!(chain.push_front(slab, slot(index)), fits);
            }
            Step::Remove(index) => {
                let was_on = model.contains(&slot(index));
                model.retain(|&other| other != slot(index));
                prop_assert_eq!(chain.remove(slab, slot(index)), was_on);
            }
            Step::PopFront => prop_assert_eq!(chain.pop_front(slab), model.pop_front()),
        }
        Ok(())
    }

    /// Compares a chain with its model in every way there is to look at it.
    fn check<K, A: Array<Entry<Entity>>>(
        chain: &Chain<K>,
        model: &VecDeque<Slot>,
        slab: &Slab<Entity, A>,
    ) -> Result<(), TestCaseError>
    where
        Entity: Linked<K>,
    {
        prop_assert!(chain.iter(slab).eq(model.iter().copied()));
        prop_assert!(chain.iter_back(slab).eq(model.iter().rev().copied()));
        prop_assert!(
            iter::successors(chain.head(), |&slot| chain.next(slab, slot)).eq(model.iter().copied())
        );
        prop_assert_eq!((chain.head(), chain.tail()), (model.front().copied(), model.back().copied()));
        prop_assert_eq!((chain.len(), chain.is_empty()), (model.len(), model.is_empty()));
        for slot in (0..SLOTS + 1).map(slot) {
            prop_assert_eq!(chain.contains(slab, slot), model.contains(&slot));
        }
        Ok(())
    }

    /// Runs one script against two chains of different kinds through the same entities.
    fn chains_are_lists<S: Storage>(steps: &[(bool, Step)]) -> Result<(), TestCaseError> {
        let mut slab = full::<S>();
        let (mut left, mut right) = (Chain::<Left>::new(), Chain::<Right>::default());
        let (mut left_model, mut right_model) = (VecDeque::new(), VecDeque::new());
        for &(goes_left, what) in steps {
            if goes_left {
                step(&mut left, &mut left_model, &mut slab, what)?;
            } else {
                step(&mut right, &mut right_model, &mut slab, what)?;
            }
            (slab, left) = (restored(&slab), restored(&Restorable(left)).0);
            check(&left, &left_model, &slab)?;
            check(&right, &right_model, &slab)?;
        }
        Ok(())
    }

    /// A marker need not be printed or cloned for a chain to be plain data.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Restorable(Chain<Left>);

    proptest! {
        #[test]
        fn chains_in_place(steps in steps()) {
            chains_are_lists::<Fixed<0, SLOTS>>(&steps)?;
        }

        #[cfg(feature = "alloc")]
        #[test]
        fn chains_on_the_heap(steps in steps()) {
            chains_are_lists::<crate::storage::Heap>(&steps)?;
        }

        /// Entities come and go without being taken off: nothing panics and every walk ends.
        #[test]
        fn chains_that_are_broken_end(steps in proptest::collection::vec((0..SLOTS, 0..5u8), 0..80)) {
            let mut slab = full::<Fixed<0, SLOTS>>();
            let mut chain = Chain::<Left>::new();
            for (index, what) in steps {
                let slot = slot(index);
                match what {
                    0 => drop(slab.remove(slot)),
                    1 => drop(slab.insert(Entity::default())),
                    2 => drop(chain.push_front(&mut slab, slot)),
                    3 => drop(chain.push_back(&mut slab, slot)),
                    _ => drop(chain.remove(&mut slab, slot)),
                }
                prop_assert!(chain.iter(&slab).count() <= chain.len());
                prop_assert!(chain.iter_back(&slab).count() <= chain.len());
            }
            for _ in 0..=SLOTS {
                chain.pop_front(&mut slab);
            }
            prop_assert!(chain.is_empty());
        }
    }

    #[test]
    fn the_ends_of_another_chain_are_not_taken_off() {
        let mut slab = full::<Fixed<0, SLOTS>>();
        let (mut one, mut other) = (Chain::<Left>::new(), Chain::<Left>::new());
        for index in 0..3 {
            assert!(one.push_back(&mut slab, slot(index)));
            assert!(!other.push_back(&mut slab, slot(index)));
        }
        assert!(other.push_back(&mut slab, slot(3)));

        for index in [0, 2, 3] {
            assert!(!if index == 3 { &mut one } else { &mut other }.remove(&mut slab, slot(index)));
        }

        assert!(one.iter(&slab).eq([slot(0), slot(1), slot(2)]));
        assert!(other.iter(&slab).eq([slot(3)]));
    }
}
