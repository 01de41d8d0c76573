//! Typed questions and their answers: serde over postcard.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};

use futures_core::Stream;
use mesh_proto::question::{Head, Reply};
use mesh_proto::{NodeId, Outcome, Reason};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Posting;
use super::waiting::{Waits, next};
use super::{Mesh, Message, Receipt, SendError};
use crate::hub::asks::{Answer, bare};
use crate::hub::{Arrived, Place, Received, Serving};

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The question could not be sent.
    Unsent(SendError),
    /// It was not taken.
    Undelivered(Outcome),
    /// It was taken, and the session ended before the answer came: the other end may have acted on it.
    Ended(Reason),
    /// The other end could not read the question: it expects another type.
    Unreadable,
    /// The other end took the question and does not answer it.
    Declined,
    /// Nobody answers questions at the other end.
    Nobody,
    /// The answer is not of the type that was expected.
    OtherType,
    /// This question cannot be written down.
    Unwritable,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsent(error) => error.fmt(f),
            Self::Undelivered(outcome) => outcome.fmt(f),
            Self::Ended(reason) => write!(f, "the session ended before the answer came: {reason}"),
            Self::Unreadable => f.write_str("the other end expects a question of another type"),
            Self::Declined => f.write_str("the other end does not answer this question"),
            Self::Nobody => f.write_str("nobody answers questions at the other end"),
            Self::OtherType => f.write_str("the answer is of another type than was expected"),
            Self::Unwritable => f.write_str("a question of this type cannot be written down"),
        }
    }
}

impl core::error::Error for RequestError {}

/// What came cannot be read as the type that was expected. It is as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable(pub Received);

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from {} are not of the type that was expected", self.0.body.len(), self.0.from)
    }
}

impl core::error::Error for Undecodable {}

impl Mesh {
    /// Asks a peer, and waits for its answer, for as long as the session lasts.
    ///
    /// Dropped while it waits for room, it asks nothing. Dropped later, it waits for no answer any more; the question may be
    /// answered all the same.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    pub async fn request<Q: Serialize, A: DeserializeOwned>(
        &self,
        peer: NodeId,
        question: &Q,
    ) -> Result<A, RequestError> {
        match self.ask(peer, Head::Question, question).await? {
            Answer::Came(Reply::Given, body) => {
                postcard::from_bytes(&body).map_err(|_| RequestError::OtherType)
            }
            Answer::Came(Reply::Unreadable, _) => Err(RequestError::Unreadable),
            Answer::Came(Reply::Declined | Reply::Other(_), _) => Err(RequestError::Declined),
            Answer::Came(Reply::Nobody, _) => Err(RequestError::Nobody),
            Answer::Ended(reason) => Err(RequestError::Ended(reason)),
        }
    }

    /// Sends something under this head, which has to be answered, and waits for the answer.
    pub(super) async fn ask<Q: Serialize>(
        &self,
        peer: NodeId,
        head: fn(u64) -> Head,
        question: &Q,
    ) -> Result<Answer, RequestError> {
        let run = self.run_of(peer);
        let asked = Asked { mesh: self, number: self.hub().with(|state| state.asks().begin(peer, run)) };
        let message = write(head(asked.number), question).map_err(|_| RequestError::Unwritable)?;
        let receipt = self.post_with_receipt(peer, message.posted()).await.map_err(RequestError::Unsent)?;
        asked.answer(receipt).await
    }

    /// The questions that come. As long as none of these exists, questions are answered with 'nobody answers here'.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.hub().serving().0.fetch_add(1, Ordering::AcqRel);
        Requests { mesh: self.clone(), serving: Arc::clone(self.hub().serving()), place: Place::NONE }
    }
}

/// A message with this head in front of what is said.
fn write<T: Serialize>(head: Head, said: &T) -> postcard::Result<Message> {
    let body = postcard::to_extend(said, head.to_bytes().to_vec())?;
    Ok(Message::from(body).of_kind(head.kind()))
}

/// A question that waits for its answer.
struct Asked<'m> {
    mesh: &'m Mesh,
    number: u64,
}

impl Asked<'_> {
    /// The answer, or why the question never arrived.
    async fn answer(&self, receipt: Receipt) -> Result<Answer, RequestError> {
        let mut receipt = Some(receipt);
        core::future::poll_fn(|context| {
            if let Poll::Ready(answer) = self.mesh.hub().with(|state| state.poll_answer(self.number, context))
            {
                return Poll::Ready(Ok(answer));
            }
            let Some(known) = &mut receipt else { return Poll::Pending };
            match Pin::new(known).poll(context) {
                Poll::Ready(Some(Outcome::Taken)) => {
                    receipt = None;
                    Poll::Pending
                }
                Poll::Ready(Some(outcome)) => Poll::Ready(Err(RequestError::Undelivered(outcome))),
                Poll::Ready(None) => Poll::Ready(Ok(Answer::Ended(Reason::Shutdown))),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let gone = self.mesh.hub().with(|state| state.asks().drop_ask(self.number));
        drop(gone);
    }
}

/// The questions that come to a node; the end once it has ended. Several of these share them.
#[derive(Debug)]
pub struct Requests {
    mesh: Mesh,
    serving: Arc<Serving>,
    place: Place,
}

impl Requests {
    /// The next question; `None` once the node has ended. Dropping the wait loses nothing.
    pub async fn next(&mut self) -> Option<Request> {
        next(self).await
    }
}

impl Waits for Requests {
    type Comes = Option<Request>;

    fn poll_next(&mut self, context: &Context<'_>) -> Poll<Option<Request>> {
        let arrived = core::task::ready!(self.mesh.hub().poll_asked(&mut self.place, context));
        Poll::Ready(arrived.map(|Arrived { received, awaited }| Request {
            mesh: self.mesh.clone(),
            received,
            awaited,
        }))
    }

    fn give_up(&mut self) {
        if self.place.is_taken() {
            self.mesh.hub().leave_asked(&mut self.place);
        }
    }
}

impl Stream for Requests {
    type Item = Request;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Request>> {
        Waits::poll_next(&mut *self, context)
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.give_up();
        self.serving.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A question. Dropped without an answer, it is declined.
#[derive(Debug)]
pub struct Request {
    mesh: Mesh,
    received: Received,
    /// The number under which an answer is awaited, until there is one.
    awaited: Option<u64>,
}

impl Request {
    /// Who asks.
    #[must_use]
    pub const fn from(&self) -> NodeId {
        self.received.from
    }

    /// The question.
    ///
    /// # Errors
    ///
    /// It is of another type. The asking end is told so.
    pub fn read<Q: DeserializeOwned>(&mut self) -> Result<Q, Undecodable> {
        postcard::from_bytes(&self.received.body).map_err(|_| {
            self.tell(Reply::Unreadable);
            Undecodable(self.received.clone())
        })
    }

    /// Answers; waits while the window of the asking end is full. Dropped while it waits, it declines.
    ///
    /// # Errors
    ///
    /// Why the answer cannot be sent. The question is declined, unless its session has ended: nobody waits then.
    pub async fn answer<A: Serialize>(mut self, answer: &A) -> Result<(), AnswerError> {
        if !self.mesh.hub().goes_on(self.received.from) {
            return Err(AnswerError::Ended);
        }
        let Some(number) = self.awaited else { return Ok(()) };
        // What serde cannot write down is no answer.
        let message = write(Head::Answer(number, Reply::Given), answer)
            .map_or_else(|_| bare(Head::Answer(number, Reply::Declined)), Message::posted);
        Posting::checked(self.mesh.hub(), self.received.from, message).await.map_err(AnswerError::Unsent)?;
        self.awaited = None;
        Ok(())
    }

    fn tell(&mut self, reply: Reply) {
        if let Some(number) = self.awaited.take() {
            self.mesh.hub().reply(self.received.from, number, reply);
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.tell(Reply::Declined);
    }
}

/// Why an answer was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// The session in which the question came has ended.
    Ended,
    /// As for any message.
    Unsent(SendError),
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the session of the question has ended: nobody waits for its answer"),
            Self::Unsent(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for AnswerError {}
