//! Whom to wake once the lock is open again.

use alloc::sync::Arc;
use core::mem;
use core::task::Waker;

use super::halves::Signal;

/// Wakers that were due while the node was locked. Waking is somebody else's code, so it waits until nobody is locked out.
///
/// Most turns wake one or two, for which no list is made.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    few: [Option<Waker>; 2],
    more: Vec<Waker>,
    over: Vec<Arc<Signal>>,
    writer: Option<Arc<Signal>>,
    writers: Vec<Arc<Signal>>,
}

impl Wakes {
    /// Whoever waits in `place` is to be woken.
    pub(super) fn take(&mut self, place: &mut Option<Waker>) {
        if let Some(waker) = place.take() {
            self.push(waker);
        }
    }

    /// Somebody waits in `place` from now on. Whoever waited there is woken rather than dropped: dropping is somebody else's
    /// code, too.
    pub(super) fn park(&mut self, place: &mut Option<Waker>, waker: &Waker) {
        if place.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            self.take(place);
            *place = Some(waker.clone());
        }
    }

    /// All of these are to be woken.
    pub(super) fn take_all(&mut self, places: &mut Vec<Waker>) {
        places.drain(..).for_each(|waker| self.push(waker));
    }

    fn push(&mut self, waker: Waker) {
        match self.few.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(waker),
            None => self.more.push(waker),
        }
    }

    /// The task that writes on a link is to look.
    pub(super) fn nudge(&mut self, signal: &Arc<Signal>) {
        if signal.asks() {
            match &self.writer {
                None => self.writer = Some(Arc::clone(signal)),
                Some(_) => self.writers.push(Arc::clone(signal)),
            }
        }
    }

    /// Something is over from now on.
    pub(super) fn end(&mut self, signal: &Arc<Signal>) {
        signal.end();
        self.over.push(Arc::clone(signal));
    }

    /// All that were gathered.
    pub(super) fn gathered(&mut self) -> Self {
        mem::take(self)
    }

    /// Wakes them.
    pub(super) fn wake(self) {
        self.few.into_iter().flatten().chain(self.more).for_each(Waker::wake);
        self.over.iter().for_each(|signal| signal.wake());
        self.writer.iter().chain(&self.writers).for_each(|signal| signal.nudge());
    }
}

/// Notes who waits: once, however often it asks.
pub(super) fn waits(places: &mut Vec<Waker>, waker: &Waker) {
    if !places.iter().any(|known| known.will_wake(waker)) {
        places.push(waker.clone());
    }
}
