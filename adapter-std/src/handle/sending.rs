//! Sending: a message, its receipt, and a sink for many.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use futures_sink::Sink;
use mesh_proto::node::Input;
use mesh_proto::{Answer, Lane, NodeId, OnRestart, Outcome, Unable, Wants};

use super::Mesh;
use crate::hub::State;

/// A message to send. Whatever becomes bytes is one.
///
/// ```
/// use adapter_std::handle::Message;
///
/// let message = Message::from("reload").urgent().with_report(17);
/// # let _ = message;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    body: Bytes,
    lane: Lane,
    kind: u8,
    on_restart: OnRestart,
    report: Option<u64>,
}

impl Message {
    /// An ordinary message.
    #[must_use]
    pub const fn new(body: Bytes) -> Self {
        Self { body, lane: Lane::Ordinary, kind: 0, on_restart: OnRestart::Report, report: None }
    }

    /// It overtakes what is ordinary.
    #[must_use]
    pub fn urgent(self) -> Self {
        Self { lane: Lane::Urgent, ..self }
    }

    /// With a mark of what it is, which the other end gets with it.
    #[must_use]
    pub fn of_kind(self, kind: u8) -> Self {
        Self { kind, ..self }
    }

    /// If the peer restarts before it has taken the message, it is sent to the new run: the old one may have acted on it.
    #[must_use]
    pub fn again_after_restart(self) -> Self {
        Self { on_restart: OnRestart::SendAgain, ..self }
    }

    /// If it is not taken, [`undelivered`](Mesh::undelivered) tells so, under this token.
    #[must_use]
    pub fn with_report(self, token: u64) -> Self {
        Self { report: Some(token), ..self }
    }

    pub(super) fn posted(&self) -> mesh_proto::Message<'_> {
        let (token, wants) = self.report.map_or((0, Wants::Nothing), |token| (token, Wants::Report));
        mesh_proto::Message {
            lane: self.lane,
            kind: self.kind,
            token,
            wants,
            on_restart: self.on_restart,
            body: (&self.body).into(),
        }
    }
}

impl<T: Into<Bytes>> From<T> for Message {
    fn from(body: T) -> Self {
        Self::new(body.into())
    }
}

/// Why a message was not taken in. It was not sent, and will not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The peer's window is full. [`Mesh::send`] waits in that case.
    NoRoom,
    /// Nobody of that name is known here: keep it first, or wait until it has come.
    Unknown,
    /// That is this node itself.
    OwnSelf,
    /// It is larger than this node sends.
    TooLarge {
        /// The largest that it does.
        limit: u32,
    },
    /// The node leaves, or has ended.
    Leaving,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom => f.write_str("the window of this peer is full: wait until there is room"),
            Self::Unknown => f.write_str("no such peer is known: keep it first, or wait until it has come"),
            Self::OwnSelf => f.write_str("a node does not send to itself"),
            Self::TooLarge { limit } => {
                write!(f, "the message is larger than {limit} bytes: split it, or raise the limit")
            }
            Self::Leaving => f.write_str("the node is leaving, or has left"),
        }
    }
}

impl core::error::Error for SendError {}

pub(super) fn sent(answer: Answer) -> Result<(), SendError> {
    match answer {
        Answer::Sent { stopped: None, .. } => Ok(()),
        Answer::Sent { stopped: Some(why), .. } | Answer::Unable(why) => Err(match why {
            Unable::NoRoom => SendError::NoRoom,
            Unable::OwnSelf => SendError::OwnSelf,
            Unable::TooLarge { limit } => SendError::TooLarge { limit },
            Unable::Leaving => SendError::Leaving,
            Unable::Unknown | Unable::PeersFull { .. } | Unable::TooFast { .. } | Unable::LinksFull => {
                SendError::Unknown
            }
        }),
        Answer::Done | Answer::Link(_) => Err(SendError::Unknown),
    }
}

/// Sends, or notes who waits for room.
pub(super) fn poll_send(
    state: &mut State,
    peer: NodeId,
    message: &mesh_proto::Message<'_>,
    context: &mut Context<'_>,
) -> Poll<Result<(), SendError>> {
    match sent(state.tell(Input::Send { peer, messages: message.into() })) {
        Err(SendError::NoRoom) => {
            state.post().waits_for_room(peer, context.waker());
            Poll::Pending
        }
        sent => Poll::Ready(sent),
    }
}

/// Becomes what became of a message; `None` if the node ended before that was known.
///
/// Dropping it changes nothing about the message.
#[derive(Debug)]
#[must_use = "a receipt says something when it is awaited"]
pub struct Receipt {
    mesh: Mesh,
    token: u64,
}

impl Receipt {
    pub(super) const fn new(mesh: Mesh, token: u64) -> Self {
        Self { mesh, token }
    }
}

impl Future for Receipt {
    type Output = Option<Outcome>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Outcome>> {
        self.mesh.hub().with(|state| state.poll_receipt(self.token, context))
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.mesh.hub().with(|state| state.post().drop_receipt(self.token));
    }
}

/// Sends many messages to one peer. Flushed means that the node has them all, not that the peer has.
#[derive(Debug)]
pub struct PeerSink {
    mesh: Mesh,
    peer: NodeId,
    waiting: Option<Message>,
}

impl PeerSink {
    pub(super) const fn new(mesh: Mesh, peer: NodeId) -> Self {
        Self { mesh, peer, waiting: None }
    }
}

impl<T: Into<Message>> Sink<T> for PeerSink {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Sink::<T>::poll_flush(self, context)
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), SendError> {
        self.waiting = Some(item.into());
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let Some(message) = &self.waiting else { return Poll::Ready(Ok(())) };
        let peer = self.peer;
        let sent = self.mesh.hub().with(|state| poll_send(state, peer, &message.posted(), context));
        if sent.is_ready() {
            self.waiting = None;
        }
        sent
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Sink::<T>::poll_flush(self, context)
    }
}
