//! Typed messages: serde over postcard.

use core::fmt;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use mesh_proto::question::{Head, Reply};
use mesh_proto::{NodeId, Outcome, Reason};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::asking::{RequestError, Undecodable};
use super::waiting::{Waits, next};
use super::{Mesh, Messages, SendError};
use crate::hub::Arrived;
use crate::hub::asks::Answer;

impl Mesh {
    /// Messages of one type, both ways.
    #[must_use]
    pub fn typed<T>(&self) -> Typed<T> {
        Typed { mesh: self.clone(), messages: self.messages(), of: PhantomData }
    }
}

/// Messages of one type, both ways: what comes and cannot be read as it is given out as it came, and whoever sent it with a
/// receipt is told.
#[derive(Debug)]
pub struct Typed<T> {
    mesh: Mesh,
    messages: Messages,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize> Typed<T> {
    /// Sends one; waits while the peer's window is full. Dropped while it waits, it sends nothing.
    ///
    /// # Errors
    ///
    /// Why it cannot be sent.
    pub async fn send(&self, peer: NodeId, message: &T) -> Result<(), TypedError> {
        let body = postcard::to_extend(message, Vec::new()).map_err(|_| TypedError::Unwritable)?;
        self.mesh.send(peer, Bytes::from(body)).await.map_err(TypedError::Unsent)
    }

    /// Sends one, and waits until it was taken, and read. Where it is taken as bytes and not as a type, that is enough.
    ///
    /// Dropped before it has room, it sends nothing; after that the message is sent, and nobody hears what becomes of it.
    ///
    /// # Errors
    ///
    /// Why it was not sent, taken or read.
    pub async fn send_with_receipt(&self, peer: NodeId, message: &T) -> Result<(), TypedError> {
        match self.mesh.ask(peer, Head::Told, message).await {
            Ok(Answer::Came(Reply::Given, _)) => Ok(()),
            Ok(Answer::Came(Reply::Unreadable | Reply::Declined | Reply::Nobody | Reply::Other(_), _))
            | Err(
                RequestError::Unreadable
                | RequestError::Declined
                | RequestError::Nobody
                | RequestError::OtherType,
            ) => Err(TypedError::Unreadable),
            Ok(Answer::Ended(reason)) | Err(RequestError::Ended(reason)) => Err(TypedError::Ended(reason)),
            Err(RequestError::Unsent(error)) => Err(TypedError::Unsent(error)),
            Err(RequestError::Undelivered(outcome)) => Err(TypedError::Undelivered(outcome)),
            Err(RequestError::Unwritable) => Err(TypedError::Unwritable),
        }
    }
}

impl<T: DeserializeOwned> Typed<T> {
    /// The next message and its sender; `None` once the node has ended. Dropping the wait loses nothing.
    pub async fn next(&mut self) -> Option<Result<(NodeId, T), Undecodable>> {
        next(self).await
    }

    fn read(&self, arrived: Arrived) -> Result<(NodeId, T), Undecodable> {
        let Arrived { received, awaited } = arrived;
        let message = postcard::from_bytes(&received.body);
        if let Some(number) = awaited {
            let reply = if message.is_ok() { Reply::Given } else { Reply::Unreadable };
            self.mesh.hub().reply(received.from, number, reply);
        }
        match message {
            Ok(message) => Ok((received.from, message)),
            Err(_) => Err(Undecodable(received)),
        }
    }
}

impl<T: DeserializeOwned> Waits for Typed<T> {
    type Comes = Option<Result<(NodeId, T), Undecodable>>;

    fn poll_next(&mut self, context: &Context<'_>) -> Poll<Self::Comes> {
        let arrived = ready!(self.messages.poll_raw(context));
        Poll::Ready(arrived.map(|arrived| self.read(arrived)))
    }

    fn give_up(&mut self) {
        self.messages.give_up();
    }
}

impl<T: DeserializeOwned> Stream for Typed<T> {
    type Item = Result<(NodeId, T), Undecodable>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Waits::poll_next(&mut *self, context)
    }
}

/// Why a typed message was not sent, or not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypedError {
    /// As for any message.
    Unsent(SendError),
    /// A message of this type cannot be written down.
    Unwritable,
    /// It was sent, and not taken.
    Undelivered(Outcome),
    /// The session ended before it was known whether it was read.
    Ended(Reason),
    /// It was taken, and the other end could not read it: it expects another type.
    Unreadable,
}

impl fmt::Display for TypedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsent(error) => error.fmt(f),
            Self::Unwritable => f.write_str("a message of this type cannot be written down"),
            Self::Undelivered(outcome) => outcome.fmt(f),
            Self::Ended(reason) => write!(f, "the session ended before the message was read: {reason}"),
            Self::Unreadable => f.write_str("the other end expects a message of another type"),
        }
    }
}

impl core::error::Error for TypedError {}
