//! Waiting for a future on a thread that has nothing else to do.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::cell::Cell;
use core::future::Future;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

/// Waits until the future is done.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Some(done) = wait(future.as_mut(), None) {
            return done;
        }
    }
}

/// Waits until the future is done, or this time comes: `None` then. Without a time, as long as it takes.
pub(super) fn block_on_until<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    wait(pin!(future), deadline)
}

fn wait<F: Future>(mut future: Pin<&mut F>, deadline: Option<Instant>) -> Option<F::Output> {
    let parker = KEPT.try_with(Cell::take).ok().flatten().unwrap_or_else(Parker::new);
    let mut context = Context::from_waker(&parker.waker);
    let done = loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            break Some(done);
        }
        if !parker.park(deadline) {
            break None;
        }
    };
    // Where the thread is at its end, nothing is kept.
    let _kept = KEPT.try_with(|kept| kept.set(Some(parker)));
    done
}

thread_local! {
    /// The parker of this thread while nobody uses it: whoever waits in vain again and again is then noted once. A wait
    /// within a wait has one of its own.
    static KEPT: Cell<Option<Parker>> = const { Cell::new(None) };
}

/// Parks one thread until it is woken. It has a mark of its own, for others wake and park the thread too.
struct Parker {
    mark: Arc<Mark>,
    waker: Waker,
}

struct Mark {
    woken: AtomicBool,
    thread: Thread,
}

impl Wake for Mark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl Parker {
    fn new() -> Self {
        let mark = Arc::new(Mark { woken: AtomicBool::new(false), thread: thread::current() });
        Self { waker: Waker::from(Arc::clone(&mark)), mark }
    }

    /// Whether it was woken, rather than that the time came.
    fn park(&self, deadline: Option<Instant>) -> bool {
        while !self.mark.woken.swap(false, Ordering::Acquire) {
            match deadline {
                None => thread::park(),
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    thread::park_timeout(left);
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use core::future::{pending, poll_fn, ready};
    use core::time::Duration;

    use super::*;

    /// Comes when it was polled this often; each time another thread wakes it.
    fn woken(times: usize) -> impl Future<Output = usize> {
        let mut polls = 0;
        poll_fn(move |context| {
            if polls == times {
                return Poll::Ready(polls);
            }
            polls += 1;
            let waker = context.waker().clone();
            thread::spawn(move || waker.wake());
            Poll::Pending
        })
    }

    #[test]
    fn what_another_thread_wakes_comes() {
        assert_eq!(block_on(woken(100)), 100);
        assert_eq!(block_on_until(woken(100), None), Some(100));
    }

    #[test]
    fn what_does_not_come_is_waited_for_until_the_deadline() {
        let deadline = Instant::now() + Duration::from_millis(20);
        assert_eq!(block_on_until(pending::<()>(), Some(deadline)), None);
        assert!(Instant::now() >= deadline);
        assert_eq!(block_on_until(ready(1), Some(deadline)), Some(1));
    }

    #[test]
    fn a_wait_within_a_wait_takes_nothing_from_it() {
        let mut first = true;
        let outer = poll_fn(|context| {
            if !core::mem::take(&mut first) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            assert_eq!(block_on(woken(10)), 10);
            Poll::Pending
        });
        block_on(outer);
    }

    #[test]
    fn others_may_park_the_thread_too() {
        let mut first = true;
        let parks = poll_fn(|context| {
            if !core::mem::take(&mut first) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            // Somebody else's park takes the wake of this thread.
            thread::park();
            Poll::Pending
        });
        block_on(parks);
    }

    #[test]
    fn a_thread_that_waits_in_vain_is_one_waker() {
        let mut known: Option<Waker> = None;
        for _ in 0..3 {
            let seen = poll_fn(|context| Poll::Ready(context.waker().clone()));
            let waker = block_on(seen);
            assert!(known.replace(waker.clone()).is_none_or(|known| known.will_wake(&waker)));
        }
    }
}
