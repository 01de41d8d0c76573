//! What happens to the links and to the node.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::time::SystemTime;

use futures_core::Stream;

use super::Mesh;
use super::waiting::{Waits, next};
use crate::hub::{Happening, Place};

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// When, by the wall clock.
    pub at: SystemTime,
    /// What.
    pub what: Happening,
    /// How many happenings before this one this reader missed, because it came too late for them.
    pub missed: u64,
}

/// Every happening from the start of the reader on, or from the start of the node on; the end once the node has ended. The
/// newest 1,024 wait for a reader that lags. Dropping a wait loses nothing.
#[derive(Debug)]
pub struct Happenings {
    mesh: Mesh,
    next: u64,
    place: Place,
}

impl Happenings {
    pub(super) fn new(mesh: Mesh) -> Self {
        let next = mesh.hub().with(|state| state.log().next());
        Self { mesh, next, place: Place::NONE }
    }

    pub(super) const fn from_the_start(mesh: Mesh) -> Self {
        Self { mesh, next: 0, place: Place::NONE }
    }

    /// The next one; `None` once the node has ended. Dropping the wait loses nothing.
    pub async fn next(&mut self) -> Option<Happened> {
        next(self).await
    }
}

impl Waits for Happenings {
    type Comes = Option<Happened>;

    fn poll_next(&mut self, context: &Context<'_>) -> Poll<Option<Happened>> {
        let (next, place) = (&mut self.next, &mut self.place);
        self.mesh.hub().with(|state| match state.log().at(*next) {
            Some((missed, at, what)) => {
                *next += missed + 1;
                Poll::Ready(Some(Happened { at, what, missed }))
            }
            None if state.is_over() => Poll::Ready(None),
            None => {
                state.watch_log(place, context.waker());
                Poll::Pending
            }
        })
    }

    fn give_up(&mut self) {
        if self.place.is_taken() {
            let gone = self.mesh.hub().with(|state| state.leave_log(&mut self.place));
            drop(gone);
        }
    }
}

impl Drop for Happenings {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Stream for Happenings {
    type Item = Happened;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Happened>> {
        Waits::poll_next(&mut *self, context)
    }
}
