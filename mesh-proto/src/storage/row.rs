//! Messages in a row on the heap, each written where it stands.

extern crate alloc;

use alloc::vec::Vec;
use core::fmt;
use core::iter::Chain;
use core::slice;

use serde::{Deserialize, Serialize};

use super::{Full, Plain};

/// First in, first out, and now and then one out of the middle. Places are used again and written field by field: a value
/// that is put together first and then moved is waited for.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "T: Plain", from = "Vec<T>", into = "Vec<T>")]
pub(super) struct Row<T> {
    places: Vec<T>,
    /// The place of the first.
    head: usize,
    len: usize,
}

/// Of what stands in it.
impl<T: fmt::Debug> fmt::Debug for Row<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter_from(0)).finish()
    }
}

impl<T> Default for Row<T> {
    fn default() -> Self {
        Self { places: Vec::new(), head: 0, len: 0 }
    }
}

impl<T> From<Vec<T>> for Row<T> {
    fn from(places: Vec<T>) -> Self {
        let len = places.len();
        Self { places, head: 0, len }
    }
}

impl<T: Clone> From<Row<T>> for Vec<T> {
    fn from(row: Row<T>) -> Self {
        row.iter_from(0).cloned().collect()
    }
}

impl<T> Row<T> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, at: usize) -> Option<&T> {
        if at < self.len { self.places.get(self.place(at)) } else { None }
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        let place = self.place(at);
        if at < self.len { self.places.get_mut(place) } else { None }
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut T> {
        self.get_mut(self.len.checked_sub(1)?)
    }

    /// Those from one on.
    pub(super) fn iter_from(&self, at: usize) -> Chain<slice::Iter<'_, T>, slice::Iter<'_, T>> {
        let from = at.min(self.len);
        let (begin, left) = (self.place(from), self.len - from);
        let (behind, front) = self.places.split_at_checked(begin).unwrap_or_default();
        let here = left.min(front.len());
        let first = front.get(..here).unwrap_or_default();
        first.iter().chain(behind.get(..left - here).unwrap_or_default())
    }

    /// Whether there is no place for another.
    pub(super) const fn is_full(&self) -> bool {
        self.len == self.places.len()
    }

    /// Makes room for more, with places like this one, which is empty.
    #[cold]
    pub(super) fn grow(&mut self, blank: T) -> Result<(), Full>
    where
        T: Clone,
    {
        let more = self.len.max(4);
        self.places.try_reserve_exact(more).map_err(|_| Full)?;
        self.places.rotate_left(self.head);
        self.head = 0;
        self.places.resize(self.len + more, blank);
        Ok(())
    }

    /// The place behind the last, to be written, unless there is none.
    #[inline(always)]
    pub(super) fn begin(&mut self) -> Option<&mut T> {
        if self.is_full() {
            return None;
        }
        let place = self.place(self.len);
        self.len += 1;
        self.places.get_mut(place)
    }

    /// Takes one out of the row: its place is behind the others then, and can be emptied.
    pub(super) fn remove(&mut self, at: usize) -> Option<&mut T> {
        let last = self.len.checked_sub(1).filter(|last| at <= *last)?;
        let mut place = self.place(at);
        // The shorter side moves up.
        if at <= last / 2 {
            for before in (0..at).rev() {
                let next = self.place(before);
                self.places.swap(place, next);
                place = next;
            }
            self.head = self.place(1);
        } else {
            for behind in at..last {
                let next = self.place(behind + 1);
                self.places.swap(place, next);
                place = next;
            }
        }
        self.len = last;
        self.places.get_mut(place)
    }

    fn place(&self, at: usize) -> usize {
        let place = self.head.saturating_add(at);
        place.checked_sub(self.places.len()).unwrap_or(place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn push(row: &mut Row<u32>, value: u32) {
        if row.is_full() {
            row.grow(u32::MAX).expect("there is memory");
        }
        *row.begin().expect("there is a place now") = value;
    }

    proptest! {
        #[test]
        fn a_row_is_a_list(steps in vec((any::<bool>(), 0..12_usize, 1..6_u32), 0..200)) {
            let (mut row, mut list) = (Row::default(), Vec::new());
            let mut next = 0;
            for (takes, at, many) in steps {
                for _ in 0..many {
                    if takes {
                        let there = at < list.len();
                        prop_assert_eq!(row.remove(at).copied(), there.then(|| list.remove(at)));
                    } else {
                        push(&mut row, next);
                        list.push(next);
                        next += 1;
                    }
                }
                prop_assert_eq!(row.len(), list.len());
                prop_assert_eq!(row.get(at), list.get(at));
                prop_assert_eq!(row.get(usize::MAX), None);
                prop_assert_eq!(row.get_mut(at).copied(), list.get(at).copied());
                prop_assert_eq!(row.last_mut().copied(), list.last().copied());
                let behind: Vec<_> = row.iter_from(at).copied().collect();
                prop_assert_eq!(&behind[..], list.get(at..).unwrap_or_default());
                prop_assert_eq!(row.iter_from(usize::MAX).count(), 0);
            }
            let restored = Row::from(Vec::from(row.clone()));
            prop_assert!(restored.iter_from(0).eq(row.iter_from(0)));
        }
    }

    #[test]
    fn what_stands_in_it_is_shown_and_nothing_else() {
        let mut row = Row::default();
        (0..4).for_each(|value| push(&mut row, value));
        assert_eq!(row.remove(1).copied(), Some(1));
        assert_eq!(row.remove(2).copied(), Some(3));
        assert_eq!(alloc::format!("{row:?}"), "[0, 2]");
    }

    #[test]
    fn places_are_used_again() {
        let mut row = Row::default();
        for value in 0..10_000 {
            push(&mut row, value);
            assert_eq!(row.remove(0), Some(&mut { value }));
        }
        assert_eq!(row.places.len(), 4, "no more than were needed at once, by fours");
    }
}
