//! What will happen: by time, and then by the order in which it was arranged.

use alloc::collections::BinaryHeap;
use core::cmp::{Ordering, Reverse};
use core::time::Duration;

/// How much may happen in one moment before it is called a storm that never ends.
pub(super) const STORM: u32 = 1_000_000;

/// The time, and the jobs that are due at some time.
#[derive(Clone)]
pub(super) struct Schedule<J> {
    now: Duration,
    due: BinaryHeap<Reverse<Due<J>>>,
    /// The number of the next job: those of one moment are done in the order in which they were arranged.
    arranged: u64,
}

impl<J> Schedule<J> {
    pub(super) const fn new() -> Self {
        Self { now: Duration::ZERO, due: BinaryHeap::new(), arranged: 0 }
    }

    pub(super) const fn now(&self) -> Duration {
        self.now
    }

    pub(super) fn arrange(&mut self, at: Duration, job: J) {
        self.arranged += 1;
        self.due.push(Reverse(Due { at, number: self.arranged, job }));
    }

    /// The next job that is due until then: it becomes that late.
    pub(super) fn next(&mut self, until: Duration) -> Option<J> {
        let Reverse(next) = self.due.peek()?;
        if next.at > until {
            return None;
        }
        let Reverse(Due { at, job, .. }) = self.due.pop()?;
        self.now = at;
        Some(job)
    }

    /// Nothing more is due until then.
    pub(super) fn pass(&mut self, until: Duration) {
        self.now = until;
    }
}

/// A job, and when it is due.
#[derive(Clone)]
struct Due<J> {
    at: Duration,
    number: u64,
    job: J,
}

impl<J> PartialEq for Due<J> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<J> Eq for Due<J> {}

impl<J> PartialOrd for Due<J> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<J> Ord for Due<J> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// Counts what happens in one moment.
pub(super) struct Storm {
    at: Duration,
    many: u32,
}

impl Storm {
    pub(super) const fn new(at: Duration) -> Self {
        Self { at, many: 0 }
    }

    /// One more: whether these are too many.
    pub(super) fn grows(&mut self, at: Duration) -> bool {
        if self.at != at {
            *self = Self::new(at);
        }
        self.many += 1;
        self.many > STORM
    }
}
