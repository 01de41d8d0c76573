//! Waiting at a node, and giving that up: whoever is gone is not kept among those who wait.

use core::task::{Context, Poll};

/// What can be waited for again and again.
pub(super) trait Waits {
    /// What comes.
    type Comes;

    /// Takes what came, or waits for it.
    fn poll_next(&mut self, context: &Context<'_>) -> Poll<Self::Comes>;

    /// Waits no more, until it is polled again. Where nobody waits, nothing is done.
    fn give_up(&mut self);
}

/// What comes next. Dropped, it waits no more, and nothing is lost.
pub(super) async fn next<W: Waits>(waits: &mut W) -> W::Comes {
    let waiting = Waiting(waits);
    core::future::poll_fn(|context| waiting.0.poll_next(context)).await
}

struct Waiting<'w, W: Waits>(&'w mut W);

impl<W: Waits> Drop for Waiting<'_, W> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}
