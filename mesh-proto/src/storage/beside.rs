//! What stands beside a table: one value for each slot, made when it is first asked for.

use core::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::{Array, Slot};

/// One `T` for each slot of a table, kept apart from it so that what is seldom needed does not lie between what often is.
///
/// A slot that is used again finds what was left there: whoever fills a slot resets it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "A: Serialize", deserialize = "A: Deserialize<'de>"))]
pub struct Beside<T, A: Array<T>> {
    values: A,
    #[serde(skip)]
    kind: PhantomData<T>,
}

impl<T: Default, A: Array<T>> Beside<T, A> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { values: A::default(), kind: PhantomData }
    }

    /// The value beside `slot`, if it was ever asked for to change it.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&T> {
        self.values.get(slot.index())
    }

    /// The value beside `slot`, to change; `None` where the array has no room.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        while self.values.len() <= slot.index() {
            self.values.try_push(T::default()).ok()?;
        }
        self.values.get_mut(slot.index())
    }

    /// Makes the value beside `slot` what it is at first.
    pub fn reset(&mut self, slot: Slot) {
        if let Some(value) = self.values.get_mut(slot.index()) {
            *value = T::default();
        }
    }
}

impl<T: Default, A: Array<T>> Default for Beside<T, A> {
    fn default() -> Self {
        Self::new()
    }
}
