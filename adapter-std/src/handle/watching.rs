//! What holds of the peers, and then every change.

use alloc::collections::VecDeque;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;
use mesh_proto::{Cursor, PeerView};

use super::Mesh;
use super::waiting::{Waits, next};
use crate::hub::Place;

/// What holds of a peer now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The peer, as it is.
    pub peer: PeerView,
    /// How many changes, of any peer, this reader missed before this one: later ones took their place.
    pub missed: u64,
}

/// First what holds of every peer, then every change; the end once the node has ended. A reader that lags gets the latest of
/// each peer, and is told how many changes it missed. Dropping a wait loses nothing.
#[derive(Debug)]
pub struct Watch {
    mesh: Mesh,
    cursor: Cursor,
    ahead: VecDeque<Change>,
    place: Place,
}

impl Watch {
    pub(super) fn new(mesh: Mesh) -> Self {
        Self { mesh, cursor: Cursor::default(), ahead: VecDeque::new(), place: Place::NONE }
    }

    /// The next change; `None` once the node has ended. Dropping the wait loses nothing.
    pub async fn next(&mut self) -> Option<Change> {
        next(self).await
    }
}

impl Waits for Watch {
    type Comes = Option<Change>;

    fn poll_next(&mut self, context: &Context<'_>) -> Poll<Option<Change>> {
        loop {
            if let Some(change) = self.ahead.pop_front() {
                return Poll::Ready(Some(change));
            }
            let (cursor, ahead, place) = (&mut self.cursor, &mut self.ahead, &mut self.place);
            let more = self.mesh.hub().with(|state| {
                let more = state.poll_news(cursor, place, context);
                if more == Poll::Ready(true) {
                    let news = state.node().mesh().news(cursor);
                    let mut missed = news.missed();
                    ahead.extend(news.map(|peer| Change { peer, missed: core::mem::take(&mut missed) }));
                }
                more
            });
            match more {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn give_up(&mut self) {
        if self.place.is_taken() {
            let gone = self.mesh.hub().with(|state| state.leave_news(&mut self.place));
            drop(gone);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Stream for Watch {
    type Item = Change;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Change>> {
        Waits::poll_next(&mut *self, context)
    }
}
