//! Whom to wake once the lock is open again.

use alloc::sync::Arc;
use core::mem;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::Waker;

use super::halves::Signal;

/// Wakers that were due while the node was locked. Waking is somebody else's code, so it waits until nobody is locked out.
///
/// Most turns wake one or two, for which no list is made.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    few: [Option<Waker>; 2],
    more: Vec<Waker>,
    /// Those that are woken no more: dropping them is somebody else's code, too.
    gone: Vec<Waker>,
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

    /// Whoever has `place` to itself waits in it from now on, with this waker. The one that it had before is not woken: it may
    /// well be the same, which cannot always be told, and whoever is woken for waiting waits for ever and never sleeps.
    pub(super) fn park(&mut self, place: &mut Option<Waker>, waker: &Waker) {
        if place.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            self.gone.extend(place.replace(waker.clone()));
        }
    }

    /// All of these are to be woken.
    pub(super) fn take_all(&mut self, waiters: &mut Waiters) {
        waiters.places.drain(..).for_each(|(_, waker)| self.push(waker));
    }

    /// As [`park`](Self::park), in a place among many.
    pub(super) fn seat(&mut self, waiters: &mut Waiters, place: &mut Place, waker: &Waker) {
        self.gone.extend(waiters.wait(place, waker));
    }

    fn push(&mut self, waker: Waker) {
        match self.few.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(waker),
            None => self.more.push(waker),
        }
    }

    /// The task that writes on a link is to look.
    pub(super) fn nudge(&mut self, signal: &Arc<Signal>) {
        // Whoever looks does so under the lock of the node, as this is.
        if !signal.is_asked() && signal.asks() {
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
        self.few.into_iter().flatten().for_each(Waker::wake);
        self.more.into_iter().for_each(Waker::wake);
        self.over.iter().for_each(|signal| signal.wake());
        self.writer.into_iter().for_each(|signal| signal.nudge());
        self.writers.iter().for_each(|signal| signal.nudge());
    }
}

/// Those who wait for one thing. Each has a place of its own, which it leaves when it waits no more.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// In the order of their numbers.
    places: Vec<(u64, Waker)>,
}

/// A place among those who wait, or none. Its number is given once in the life of the program, so that nobody takes a place
/// for its own that was another's.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<u64>);

/// The number of the next place.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Place {
    /// Nowhere.
    pub(crate) const NONE: Self = Self(None);

    /// Whether there may be something to leave.
    pub(crate) const fn is_taken(&self) -> bool {
        self.0.is_some()
    }
}

impl Waiters {
    /// Whoever has this place waits. Gives back the waker that it had before: dropping it is somebody else's code.
    #[must_use = "it is to be dropped where nothing is locked"]
    pub(super) fn wait(&mut self, place: &mut Place, waker: &Waker) -> Option<Waker> {
        let known = place.0.and_then(|number| self.find(number)).and_then(|at| self.places.get_mut(at));
        match known {
            Some((_, known)) if known.will_wake(waker) => None,
            Some((_, known)) => Some(mem::replace(known, waker.clone())),
            None => {
                // Whoever takes one here holds the lock of this list: so they come in order.
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                self.places.push((number, waker.clone()));
                place.0 = Some(number);
                None
            }
        }
    }

    /// Whoever has this place waits no more. Gives its waker back.
    #[must_use = "it is to be dropped where nothing is locked"]
    pub(super) fn leave(&mut self, place: &mut Place) -> Option<Waker> {
        let at = self.find(place.0.take()?)?;
        Some(self.places.remove(at).1)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.places.binary_search_by_key(&number, |(number, _)| *number).ok()
    }
}
