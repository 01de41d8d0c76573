//! Deadlines by slot, and which of them is first.

use serde::{Deserialize, Serialize};

use super::{Array, Full, Slot, lower_bound};
use crate::time::Instant;

/// A deadline for each of many slots, kept lazily.
///
/// An entry is a promise that its slot has nothing to do before: it is at or before the true deadline, which the owner
/// of the slots knows. A deadline that moves **earlier must be told** with [`Timers::lower`]; one that moves later, or
/// is gone, need not be: [`Timers::first`] finds out when the entry gets to the front. So a deadline that traffic
/// pushes back with every message costs nothing here.
///
/// Entries at the same time stand in the order of their slots. A slot is to be taken out with [`Timers::remove`] before
/// it gets a new owner, or the new one's deadlines are asked for earlier than need be; that is all the harm.
///
/// Named `Timers<S::Links<TimerEntry>, S::Links<Position>>` for the deadlines of links. A change takes O(log n), and
/// nothing allocates once each slot has been in use.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(
    serialize = "A: Serialize, B: Serialize",
    deserialize = "A: Deserialize<'de>, B: Deserialize<'de>"
))]
pub struct Timers<A: Array<TimerEntry>, B: Array<Position>> {
    /// A heap with [`ARITY`] children per entry, the least in front.
    heap: A,
    /// By slot, where its entry stands in `heap`.
    positions: B,
    limit: u32,
}

/// An entry of [`Timers`]. It is public to name the array.
// The derived order is the order in the heap: by time, then by slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TimerEntry {
    at: Instant,
    slot: Slot,
}

/// Where in the heap of [`Timers`] the entry of a slot stands, if it has one. It is public to name the array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(Option<Slot>);

impl<A: Array<TimerEntry>, B: Array<Position>> Timers<A, B> {
    /// No entries yet, for slots with an index below `limit`, or below the bound of the arrays if that is lower.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = lower_bound(lower_bound(limit, A::BOUND), B::BOUND).try_into().unwrap_or(u32::MAX);
        Self { heap: A::default(), positions: B::default(), limit }
    }

    /// Makes sure that the entry of `slot` is not later than `at`.
    ///
    /// To be called when a deadline is set or moves earlier; harmless, and without effect, when it moves later.
    /// [`Full`] when the slot is beyond the limit.
    pub fn lower(&mut self, slot: Slot, at: Instant) -> Result<(), Full> {
        let index = match self.position(slot) {
            Some(index) => {
                let entry = self.heap.get_mut(index).ok_or(Full)?;
                if entry.at <= at {
                    return Ok(());
                }
                entry.at = at;
                index
            }
            None => {
                self.make_room(slot)?;
                self.heap.try_push(TimerEntry { at, slot }).map_err(|_| Full)?;
                self.heap.len().saturating_sub(1)
            }
        };
        sift_up(&mut self.heap, &mut self.positions, index);
        Ok(())
    }

    /// Takes the entry of `slot` out, and says whether there was one.
    pub fn remove(&mut self, slot: Slot) -> bool {
        match self.position(slot) {
            Some(index) => {
                self.remove_at(index);
                true
            }
            None => false,
        }
    }

    /// The first true deadline and its slot; of several at the same time, the lowest slot.
    ///
    /// `truth` tells the deadline of a slot, or `None` when it has none. It is asked about those entries only that get
    /// to the front: those that were put back since stand at the truth then, those without one are out.
    pub fn first(&mut self, truth: impl Fn(Slot) -> Option<Instant>) -> Option<(Instant, Slot)> {
        loop {
            let entry = self.heap.first_mut()?;
            let slot = entry.slot;
            match truth(slot) {
                // An earlier truth should have been told. It is found late then, but not answered wrong.
                Some(at) if at <= entry.at => {
                    entry.at = at;
                    return Some((at, slot));
                }
                Some(at) => {
                    entry.at = at;
                    sift_down(&mut self.heap, &mut self.positions, 0);
                }
                None => self.remove_at(0),
            }
        }
    }

    /// Takes all entries out.
    pub fn clear(&mut self) {
        self.heap.clear();
        self.positions.clear();
    }

    /// What the entry of `slot` says: its deadline is this or later.
    #[must_use]
    pub fn at(&self, slot: Slot) -> Option<Instant> {
        Some(self.heap.get(self.position(slot)?)?.at)
    }

    /// How many entries there are, those included whose slot has no deadline any more.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Where in the heap the entry of `slot` stands.
    fn position(&self, slot: Slot) -> Option<usize> {
        let index = self.positions.get(slot.index())?.0?.index();
        (self.heap.get(index)?.slot == slot).then_some(index)
    }

    /// Extends the positions up to that of `slot`.
    fn make_room(&mut self, slot: Slot) -> Result<(), Full> {
        if slot.index() >= self.limit as usize {
            return Err(Full);
        }
        while self.positions.len() <= slot.index() {
            self.positions.try_push(Position(None)).map_err(|_| Full)?;
        }
        Ok(())
    }

    /// Takes the entry at `index` out and puts the last one in its place.
    fn remove_at(&mut self, index: usize) {
        let Some(last) = self.heap.pop() else { return };
        let gone = match self.heap.get_mut(index) {
            Some(entry) => core::mem::replace(entry, last),
            None => last,
        };
        if let Some(position) = self.positions.get_mut(gone.slot.index()) {
            *position = Position(None);
        }
        // The last one comes from another branch, so it may belong above as well as below.
        sift_up(&mut self.heap, &mut self.positions, index);
        sift_down(&mut self.heap, &mut self.positions, index);
    }
}

/// Children per entry. Four make a heap half as high as two do, and a row of them fits a cache line.
const ARITY: usize = 4;

/// Moves the entry at `index` up until the one above it is not later.
fn sift_up(heap: &mut [TimerEntry], positions: &mut [Position], mut index: usize) {
    let Some(&entry) = heap.get(index) else { return };
    while let Some(below) = index.checked_sub(1) {
        let parent = below / ARITY;
        match heap.get(parent) {
            Some(&above) if above > entry => place(heap, positions, index, above),
            Some(_) | None => break,
        }
        index = parent;
    }
    place(heap, positions, index, entry);
}

/// Moves the entry at `index` down until none of those below it is earlier.
fn sift_down(heap: &mut [TimerEntry], positions: &mut [Position], mut index: usize) {
    let Some(&entry) = heap.get(index) else { return };
    loop {
        let children = index.saturating_mul(ARITY).saturating_add(1);
        let least =
            heap.iter().copied().enumerate().skip(children).take(ARITY).min_by_key(|&(_, child)| child);
        match least {
            Some((child, below)) if below < entry => {
                place(heap, positions, index, below);
                index = child;
            }
            Some(_) | None => break,
        }
    }
    place(heap, positions, index, entry);
}

/// Puts `entry` at `index` and notes that it stands there.
fn place(heap: &mut [TimerEntry], positions: &mut [Position], index: usize, entry: TimerEntry) {
    if let Some(place) = heap.get_mut(index) {
        *place = entry;
    }
    if let Some(position) = positions.get_mut(entry.slot.index()) {
        *position = Position(Slot::from_index(index));
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;

    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::storage::tests::{restored, slot};
    use crate::storage::{Fixed, Storage};

    type Of<S> = Timers<<S as Storage>::Links<TimerEntry>, <S as Storage>::Links<Position>>;

    const SLOTS: usize = 40;

    #[derive(Clone, Debug)]
    enum Step {
        /// The deadline is this now, earlier or later, and the timers are told.
        Set(usize, u64),
        /// The deadline moves later, and nobody tells.
        PutBack(usize, u64),
        /// The deadline is gone, and nobody tells.
        Forget(usize),
        /// The deadline is gone, and the timers are told.
        Remove(usize),
        /// The first deadline is asked for, and its slot is done.
        First,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let slots = 0..SLOTS + 2;
        // Few times, so that many are the same.
        let step = prop_oneof![
            6 => (slots.clone(), 0..20u64).prop_map(|(slot, at)| Step::Set(slot, at)),
            3 => (slots.clone(), 0..20u64).prop_map(|(slot, by)| Step::PutBack(slot, by)),
            1 => slots.clone().prop_map(Step::Forget),
            1 => slots.prop_map(Step::Remove),
            2 => Just(Step::First),
        ];
        proptest::collection::vec(step, 0..200)
    }

    /// Runs one script against timers and the true deadlines, of which the first is searched for.
    fn timers_find_the_first<S: Storage>(steps: &[Step]) -> Result<(), TestCaseError> {
        let mut timers = Of::<S>::new(SLOTS);
        let mut truth = BTreeMap::new();
        for step in steps {
            match *step {
                Step::Set(index, at) if index < SLOTS => {
                    let at = Instant::from_micros(at);
                    truth.insert(slot(index), at);
                    prop_assert_eq!(timers.lower(slot(index), at), Ok(()));
                }
                Step::Set(index, at) => {
                    prop_assert_eq!(timers.lower(slot(index), Instant::from_micros(at)), Err(Full));
                }
                Step::PutBack(index, by) => {
                    if let Some(at) = truth.get_mut(&slot(index)) {
                        *at = Instant::from_micros(at.as_micros() + by);
                    }
                }
                Step::Forget(index) => {
                    truth.remove(&slot(index));
                }
                Step::Remove(index) => {
                    truth.remove(&slot(index));
                    let had = timers.at(slot(index)).is_some();
                    prop_assert_eq!(timers.remove(slot(index)), had);
                }
                Step::First => {
                    let first = truth.iter().map(|(&slot, &at)| (at, slot)).min();
                    prop_assert_eq!(timers.first(|slot| truth.get(&slot).copied()), first);
                    if let Some((_, slot)) = first {
                        truth.remove(&slot);
                    }
                }
            }
            check(&timers, &truth)?;
            timers = restored(&timers);
        }
        // What is left comes in order.
        while let Some((at, slot)) = truth.iter().map(|(&slot, &at)| (at, slot)).min() {
            prop_assert_eq!(timers.first(|slot| truth.get(&slot).copied()), Some((at, slot)));
            truth.remove(&slot);
        }
        prop_assert_eq!(timers.first(|slot| truth.get(&slot).copied()), None);
        prop_assert!(timers.is_empty());
        Ok(())
    }

    /// The rules that hold between any two operations.
    fn check<A: Array<TimerEntry>, B: Array<Position>>(
        timers: &Timers<A, B>,
        truth: &BTreeMap<Slot, Instant>,
    ) -> Result<(), TestCaseError> {
        for (&slot, &at) in truth {
            prop_assert!(
                timers.at(slot).is_some_and(|entry| entry <= at),
                "an entry is later than the truth"
            );
        }
        for (index, entry) in timers.heap.iter().enumerate() {
            prop_assert_eq!(timers.position(entry.slot), Some(index));
            if let Some(below) = index.checked_sub(1) {
                prop_assert!(timers.heap[below / ARITY] < *entry, "an entry is before the one above it");
            }
        }
        prop_assert_eq!(
            timers.positions.iter().filter(|position| position.0.is_some()).count(),
            timers.len()
        );
        Ok(())
    }

    proptest! {
        #[test]
        fn timers_in_place(steps in steps()) {
            timers_find_the_first::<Fixed<0, SLOTS>>(&steps)?;
        }

        #[cfg(feature = "alloc")]
        #[test]
        fn timers_on_the_heap(steps in steps()) {
            timers_find_the_first::<crate::storage::Heap>(&steps)?;
        }

        /// Whatever can be read as timers can be used as such, whether or not they ever were.
        #[test]
        fn timers_from_anywhere(
            entries in proptest::collection::vec((0..9u64, 0..9usize), 0..8),
            positions in proptest::collection::vec(proptest::option::of(0..9usize), 0..8),
            steps in proptest::collection::vec((0..9usize, 0..9u64, any::<bool>()), 0..20),
        ) {
            let mut timers = Of::<Fixed<0, 8>>::new(8);
            timers.heap.extend(entries.iter().map(|&(at, index)| TimerEntry { at: Instant::from_micros(at), slot: slot(index) }));
            timers.positions.extend(positions.iter().map(|position| Position(position.map(slot))));
            for (index, at, lowers) in steps {
                if lowers {
                    if timers.lower(slot(index), Instant::from_micros(at)).is_err() {
                        continue;
                    }
                } else {
                    timers.remove(slot(index));
                }
                timers.first(|slot| (slot.index() % 3 != 0).then(|| Instant::from_micros(slot.index() as u64)));
            }
        }
    }

    #[test]
    fn the_same_time_goes_by_slot() {
        let mut timers = Of::<Fixed<0, 8>>::new(8);
        let at = Instant::from_micros(5);
        for index in [6, 2, 7, 0, 5, 1, 3, 4] {
            assert_eq!(timers.lower(slot(index), at), Ok(()));
        }

        for index in 0..8 {
            assert_eq!(timers.first(|slot| (slot.index() >= index).then_some(at)), Some((at, slot(index))));
            assert!(timers.remove(slot(index)));
            assert!(!timers.remove(slot(index)));
        }
    }

    #[test]
    fn a_deadline_that_moves_back_is_told_by_nobody() {
        let mut timers = Of::<Fixed<0, 2>>::new(2);
        assert_eq!(timers.lower(slot(0), Instant::from_micros(1)), Ok(()));
        assert_eq!(timers.lower(slot(0), Instant::from_micros(9)), Ok(()));
        assert_eq!(timers.lower(slot(1), Instant::from_micros(4)), Ok(()));
        assert_eq!(timers.at(slot(0)), Some(Instant::from_micros(1)));

        let truth = |slot: Slot| Some(Instant::from_micros(if slot.index() == 0 { 9 } else { 4 }));

        assert_eq!(timers.first(truth), Some((Instant::from_micros(4), slot(1))));
        assert_eq!(timers.at(slot(0)), Some(Instant::from_micros(9)));
        timers.clear();
        assert_eq!((timers.len(), timers.first(truth)), (0, None));
    }

    #[test]
    fn a_deadline_that_moved_earlier_untold_is_at_least_told_true() {
        let mut timers = Of::<Fixed<0, 1>>::new(1);
        assert_eq!(timers.lower(slot(0), Instant::from_micros(9)), Ok(()));

        assert_eq!(timers.first(|_| Some(Instant::from_micros(3))), Some((Instant::from_micros(3), slot(0))));
    }

    /// Nothing but the arrays allocates, and they are as long as the highest slot was, however much goes on.
    #[test]
    #[cfg(feature = "alloc")]
    fn warm_timers_do_not_allocate() {
        let mut timers = Of::<crate::storage::Heap>::new(64);
        for index in 0..64 {
            assert_eq!(timers.lower(slot(index), Instant::from_micros(64 - index as u64)), Ok(()));
        }
        let warm = (timers.heap.as_ptr(), timers.positions.as_ptr());

        for round in 0..200 {
            timers.remove(slot(round % 64));
            timers.first(|slot| Some(Instant::from_micros(round as u64 + slot.index() as u64)));
            assert_eq!(timers.lower(slot(round % 64), Instant::from_micros(round as u64)), Ok(()));
        }

        assert_eq!((timers.heap.as_ptr(), timers.positions.as_ptr()), warm);
    }
}
