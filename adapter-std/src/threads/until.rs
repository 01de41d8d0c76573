//! Waiting for a socket until something is over.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Waker};
use core::time::Duration;
use std::io;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::AsFd;

use crate::hub::Over;
use crate::platform::waiting::{self, Stop, Waiting};

/// Waits for a socket, or until something is over.
#[derive(Debug)]
pub(super) struct Until {
    over: Over,
    waiting: Waiting,
}

/// Woken or dropped, it ends the waiting.
struct Ends(#[expect(dead_code, reason = "it is held for what dropping it does")] Stop);

impl Wake for Ends {
    fn wake(self: Arc<Self>) {
        drop(self);
    }
}

impl Until {
    pub(super) fn new(mut over: Over) -> io::Result<Self> {
        let (stop, waiting) = waiting::pair()?;
        let waker = Waker::from(Arc::new(Ends(stop)));
        look(&mut over, &waker);
        Ok(Self { over, waiting })
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_over()
    }

    /// Waits until the socket is ready, or a moment. Whether it is; nothing once it is over.
    pub(super) fn ready(&self, socket: &impl AsFd, flags: PollFlags) -> Option<bool> {
        let mut sockets = vec![PollFd::new(socket, flags)];
        let goes_on = self.waiting.wait(&mut sockets, None);
        goes_on.then(|| sockets.iter().any(|socket| !socket.revents().is_empty()))
    }

    /// Waits for so long, or until it is over.
    pub(super) fn pass(&self, pause: Duration) {
        self.waiting.wait(&mut Vec::new(), Some(pause));
    }
}

impl Drop for Until {
    /// What would end the waiting is an open file: it is not to stay with what goes on.
    fn drop(&mut self) {
        look(&mut self.over, Waker::noop());
    }
}

/// Says whom to wake, in place of whoever was said before.
fn look(over: &mut Over, waker: &Waker) {
    let _over = Pin::new(over).poll(&mut Context::from_waker(waker));
}
