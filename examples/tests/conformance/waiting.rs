//! Waiting for what must come, with a deadline.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::thread::{self, Thread};
use std::time::Instant;

use adapter_std::handle::{Mesh, Received};
use futures_util::FutureExt;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How often a condition is looked at that tells nobody when it changes.
const LOOKS: Duration = Duration::from_millis(2);

/// Waits until this holds: how long that took.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(LOOKS);
    }
    began.elapsed()
}

/// Waits for a future.
#[track_caller]
pub(crate) fn within<F: Future>(what: &str, future: F) -> F::Output {
    let deadline = Instant::now() + PATIENCE;
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "not within {PATIENCE:?}: {what}");
        thread::park_timeout(left);
    }
}

/// How late this machine wakes a thread, at worst, since this was begun: what is timed by the clock may take so much longer at
/// each of its steps.
pub(crate) struct Lateness(Arc<AtomicU64>);

impl Lateness {
    pub(crate) fn watch() -> Self {
        let worst = Arc::<AtomicU64>::default();
        let known = Arc::downgrade(&worst);
        thread::spawn(move || {
            loop {
                let began = Instant::now();
                thread::sleep(LOOKS);
                let late = began.elapsed().saturating_sub(LOOKS);
                let Some(worst) = known.upgrade() else { return };
                worst.fetch_max(u64::try_from(late.as_millis()).unwrap_or(u64::MAX), Ordering::AcqRel);
            }
        });
        Self(worst)
    }

    /// What that comes to for something of so many steps.
    pub(crate) fn over(&self, steps: u32) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Acquire)) * steps
    }
}

/// The next message that comes to a node.
#[track_caller]
pub(crate) fn next(mesh: &Mesh) -> Received {
    within("a message", mesh.messages().next()).expect("the node lives")
}

/// What a future has become already.
pub(crate) fn already<F: Future>(future: F) -> Option<F::Output> {
    future.now_or_never()
}

struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
