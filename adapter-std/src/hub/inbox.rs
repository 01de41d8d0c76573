//! Messages that came and wait to be taken.

use alloc::collections::VecDeque;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mesh_proto::{Lane, NodeId};

use super::wakes::{Place, Waiters, Wakes};

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub from: NodeId,
    /// On which lane.
    pub lane: Lane,
    /// The sender's mark of what it is: 0 unless it chose another.
    pub kind: u8,
    /// What it says.
    pub body: Bytes,
}

/// A message that came, and what its sender waits for.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) received: Received,
    /// The number under which an answer to it is awaited, if one is.
    pub(crate) awaited: Option<u64>,
}

/// A message was taken: what the machine is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Took {
    pub(super) peer: NodeId,
    pub(super) lane: Lane,
    pub(super) serial: u64,
}

/// All messages of a node that wait. It has a lock of its own, so that taking one does not wait for the node. The session's
/// windows bound what lies here.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    content: Mutex<Content>,
    /// Whether something was taken that the machine was not told.
    untold: AtomicBool,
}

#[derive(Debug, Default)]
struct Content {
    waiting: VecDeque<(u64, Arrived)>,
    /// What was taken, and the machine was not told yet.
    taken: Vec<Took>,
    /// Whether somebody is going to tell the machine in a moment. It changes under the lock of the node.
    tells_soon: bool,
    takers: Waiters,
    over: bool,
}

impl Inbox {
    /// Puts messages behind the others, and says whom that wakes. Whoever does so sees to it that the machine is told in a
    /// moment what was taken.
    pub(super) fn push(&self, came: &mut VecDeque<(u64, Arrived)>, wakes: &mut Wakes) {
        if came.is_empty() {
            return;
        }
        let mut content = self.lock();
        if content.waiting.is_empty() {
            mem::swap(&mut content.waiting, came);
        } else {
            content.waiting.append(came);
        }
        content.tells_soon = true;
        wakes.take_all(&mut content.takers);
    }

    /// Takes the first; `None` when there is none and none will come. `first` says whether it is the first that the machine
    /// is not told yet, and nobody is going to tell it in a moment.
    #[inline(always)]
    pub(super) fn poll(
        &self,
        place: &mut Place,
        context: &Context<'_>,
        first: &mut bool,
    ) -> Poll<Option<Arrived>> {
        let mut content = self.lock();
        let taken = content.take(&self.untold, first);
        let waits = taken.is_none() && !content.over;
        let gone =
            if waits { content.takers.wait(place, context.waker()) } else { content.takers.leave(place) };
        drop(content);
        drop(gone);
        if waits { Poll::Pending } else { Poll::Ready(taken) }
    }

    /// Somebody waits no more.
    pub(super) fn leave(&self, place: &mut Place) {
        let gone = self.lock().takers.leave(place);
        drop(gone);
    }

    /// Takes the first, if there is one now; `first` as for [`poll`](Self::poll).
    pub(super) fn take(&self, first: &mut bool) -> Option<Arrived> {
        self.lock().take(&self.untold, first)
    }

    /// Gives what was taken and is to be told, in exchange for an empty list.
    pub(super) fn taken(&self, to: &mut Vec<Took>) {
        self.untold.store(false, Ordering::Release);
        mem::swap(&mut self.lock().taken, to);
    }

    /// Whether something was taken that is to be told.
    pub(super) fn has_taken(&self) -> bool {
        self.untold.load(Ordering::Acquire)
    }

    /// Who was going to tell does so now: nobody is going to tell what is taken after that. The node is locked from before
    /// this until all is told, and so it is for whoever puts messages in.
    pub(super) fn is_told_now(&self) {
        self.lock().tells_soon = false;
    }

    /// Nothing comes any more.
    pub(super) fn end(&self, wakes: &mut Wakes) {
        let mut content = self.lock();
        content.over = true;
        wakes.take_all(&mut content.takers);
    }

    /// Nothing panics while it holds the content.
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    #[inline(always)]
    fn take(&mut self, untold: &AtomicBool, first: &mut bool) -> Option<Arrived> {
        let (serial, arrived) = self.waiting.pop_front()?;
        let took = Took { peer: arrived.received.from, lane: arrived.received.lane, serial };
        match self.taken.last_mut() {
            Some(last) if (last.peer, last.lane) == (took.peer, took.lane) => *last = took,
            Some(_) | None => self.taken.push(took),
        }
        // It is set under the lock alone, and what is taken to be told is taken under the lock once it is not.
        let is_first = !untold.load(Ordering::Acquire);
        if is_first {
            untold.store(true, Ordering::Release);
        }
        *first = is_first && !self.tells_soon;
        Some(arrived)
    }
}
