//! The messages that come.

use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;

use super::Mesh;
use crate::hub::Received;

/// The messages that come to a node, each once; the end once the node has ended. Several of these share them: each message
/// goes to one. What is not taken slows its sender down, and nothing is lost.
///
/// A message counts as taken when it is returned. Dropping a wait loses nothing.
#[derive(Clone, Debug)]
pub struct Messages {
    mesh: Mesh,
}

impl Messages {
    pub(super) const fn new(mesh: Mesh) -> Self {
        Self { mesh }
    }

    /// The next message; `None` once the node has ended.
    pub async fn next(&mut self) -> Option<Received> {
        core::future::poll_fn(|context| self.mesh.hub().poll_take(context)).await
    }

    /// The next message, if one has come already.
    pub fn try_next(&mut self) -> Option<Received> {
        self.mesh.hub().take()
    }
}

impl Stream for Messages {
    type Item = Received;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Received>> {
        self.mesh.hub().poll_take(context)
    }
}
