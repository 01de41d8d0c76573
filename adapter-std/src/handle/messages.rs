//! The messages that come.

use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;
use mesh_proto::question::Reply;

use super::Mesh;
use super::waiting::{Waits, next};
use crate::hub::{Arrived, Place, Received};

/// The messages that come to a node, each once; the end once the node has ended. Several of these share them: each message
/// goes to one. What is not taken slows its sender down, and nothing is lost.
///
/// A message counts as taken when it is returned. Dropping a wait loses nothing.
#[derive(Debug)]
pub struct Messages {
    mesh: Mesh,
    place: Place,
}

impl Messages {
    pub(super) const fn new(mesh: Mesh) -> Self {
        Self { mesh, place: Place::NONE }
    }

    /// The next message; `None` once the node has ended. Dropping the wait loses nothing.
    pub async fn next(&mut self) -> Option<Received> {
        next(self).await
    }

    /// The next message, if one has come already.
    pub fn try_next(&mut self) -> Option<Received> {
        let arrived = self.mesh.hub().take()?;
        Some(self.as_bytes(arrived))
    }

    /// The next message as it came: whoever sent it may wait to hear whether it could be read.
    #[inline(always)]
    pub(super) fn poll_raw(&mut self, context: &Context<'_>) -> Poll<Option<Arrived>> {
        self.mesh.hub().poll_take(&mut self.place, context)
    }

    /// Bytes can always be read.
    #[inline(always)]
    fn as_bytes(&self, arrived: Arrived) -> Received {
        let Arrived { received, awaited } = arrived;
        if let Some(number) = awaited {
            self.mesh.hub().reply(received.from, number, Reply::Given);
        }
        received
    }
}

impl Waits for Messages {
    type Comes = Option<Received>;

    fn poll_next(&mut self, context: &Context<'_>) -> Poll<Option<Received>> {
        self.poll_raw(context).map(|arrived| arrived.map(|arrived| self.as_bytes(arrived)))
    }

    fn give_up(&mut self) {
        if self.place.is_taken() {
            self.mesh.hub().leave_take(&mut self.place);
        }
    }
}

impl Clone for Messages {
    fn clone(&self) -> Self {
        Self::new(self.mesh.clone())
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Stream for Messages {
    type Item = Received;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Received>> {
        Waits::poll_next(&mut *self, context)
    }
}
