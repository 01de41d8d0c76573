//! Sending: a message, its receipt, and a sink for many.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use futures_sink::Sink;
use mesh_proto::question::FIRST_RESERVED;
use mesh_proto::{Lane, NodeId, OnRestart, Outcome, Unable, Wants};

use super::Mesh;
use crate::hub::{Hub, Place};

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

    /// With a mark of what it is, which the other end gets with it. With one from [`FIRST_RESERVED`] on it is refused: those
    /// are the marks of questions, answers and typed messages with a receipt.
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

    /// As the machine takes it, if its kind is the application's to choose.
    pub(super) fn checked(self) -> Result<mesh_proto::Message<'static>, SendError> {
        self.refused().map_or_else(|| Ok(self.posted()), Err)
    }

    /// Why it is not sent, if its kind is not the application's to choose.
    fn refused(&self) -> Option<SendError> {
        (self.kind >= FIRST_RESERVED).then_some(SendError::Reserved { kind: self.kind })
    }

    /// As the machine takes it.
    pub(super) fn posted(self) -> mesh_proto::Message<'static> {
        let (token, wants) = self.report.map_or((0, Wants::Nothing), |token| (token, Wants::Report));
        mesh_proto::Message {
            lane: self.lane,
            kind: self.kind,
            token,
            wants,
            on_restart: self.on_restart,
            body: self.body.into(),
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
    /// Nobody of that name is known here, and there is no place for one more peer. While there is one, a message waits for
    /// whoever has not come yet.
    Unknown,
    /// That is this node itself.
    OwnSelf,
    /// It is larger than this node sends.
    TooLarge {
        /// The largest that it does.
        limit: u32,
    },
    /// Its kind is one of those of [questions](Mesh::request) and their answers.
    Reserved {
        /// The kind: choose one below [`FIRST_RESERVED`].
        kind: u8,
    },
    /// The node leaves, or has ended.
    Leaving,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom => f.write_str("the window of this peer is full: wait until there is room"),
            Self::Unknown => f.write_str(
                "no such peer is known, and there is no place for one more: forget another, or raise the limit",
            ),
            Self::OwnSelf => f.write_str("a node does not send to itself"),
            Self::TooLarge { limit } => {
                write!(f, "the message is larger than {limit} bytes: split it, or raise the limit")
            }
            Self::Reserved { kind } => {
                let what = "questions, answers or typed";
                write!(f, "messages of kind {kind} are {what}: choose a kind below {FIRST_RESERVED}")
            }
            Self::Leaving => f.write_str("the node is leaving, or has left"),
        }
    }
}

impl core::error::Error for SendError {}

impl From<Unable> for SendError {
    fn from(why: Unable) -> Self {
        match why {
            Unable::NoRoom => Self::NoRoom,
            Unable::OwnSelf => Self::OwnSelf,
            Unable::TooLarge { limit } => Self::TooLarge { limit },
            Unable::Leaving => Self::Leaving,
            Unable::Unknown | Unable::PeersFull { .. } | Unable::TooFast { .. } | Unable::LinksFull => {
                Self::Unknown
            }
        }
    }
}

/// A message that waits for room.
#[derive(Debug)]
struct Sending {
    peer: NodeId,
    message: Option<mesh_proto::Message<'static>>,
    place: Place,
}

impl Sending {
    const fn new(peer: NodeId, message: mesh_proto::Message<'static>) -> Self {
        Self { peer, message: Some(message), place: Place::NONE }
    }

    /// Sends it, or notes who waits for room.
    fn poll(&mut self, hub: &Hub, context: &Context<'_>) -> Poll<Result<(), SendError>> {
        match hub.post(&self.peer, &mut self.message, Some((&mut self.place, context.waker()))) {
            Err(Unable::NoRoom) => Poll::Pending,
            sent => {
                self.message = None;
                Poll::Ready(sent.map_err(SendError::from))
            }
        }
    }

    /// Waits for room no more.
    fn give_up(&mut self, hub: &Hub) {
        if self.place.is_taken() {
            let gone = hub.with(|state| state.post().leaves_room(&self.peer, &mut self.place));
            drop(gone);
        }
    }
}

/// A message on its way into the node. Nothing is done before it is awaited; dropped while it waits for room, it is not sent.
#[derive(Debug)]
#[must_use = "a message is sent when this is awaited"]
pub struct Posting<'h> {
    hub: &'h Hub,
    sending: Sending,
    /// Why it is not sent.
    refused: Option<SendError>,
}

impl<'h> Posting<'h> {
    #[inline]
    pub(super) fn new(hub: &'h Hub, peer: NodeId, message: Message) -> Self {
        let refused = message.refused();
        Self { hub, sending: Sending::new(peer, message.posted()), refused }
    }

    pub(super) const fn checked(hub: &'h Hub, peer: NodeId, message: mesh_proto::Message<'static>) -> Self {
        Self { hub, sending: Sending::new(peer, message), refused: None }
    }
}

impl Future for Posting<'_> {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { hub, sending, refused } = &mut *self;
        if let Some(why) = *refused {
            return Poll::Ready(Err(why));
        }
        let sent = sending.poll(hub, context);
        if let Poll::Ready(Err(why)) = sent {
            *refused = Some(why);
        }
        sent
    }
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        self.sending.give_up(self.hub);
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
        let gone = self.mesh.hub().with(|state| state.post().drop_receipt(self.token));
        drop(gone);
    }
}

/// Sends many messages to one peer. Flushed means that the node has them all, not that the peer has. Dropping a wait loses
/// nothing: the message that waits for room goes with the sink alone.
#[derive(Debug)]
pub struct PeerSink {
    mesh: Mesh,
    peer: NodeId,
    waiting: Option<Sending>,
}

impl PeerSink {
    pub(super) const fn new(mesh: Mesh, peer: NodeId) -> Self {
        Self { mesh, peer, waiting: None }
    }
}

impl Drop for PeerSink {
    fn drop(&mut self) {
        if let Some(sending) = &mut self.waiting {
            sending.give_up(self.mesh.hub());
        }
    }
}

impl<T: Into<Message>> Sink<T> for PeerSink {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Sink::<T>::poll_flush(self, context)
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), SendError> {
        self.waiting = Some(Sending::new(self.peer, item.into().checked()?));
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let Self { mesh, waiting, .. } = &mut *self;
        let Some(sending) = waiting else { return Poll::Ready(Ok(())) };
        let sent = sending.poll(mesh.hub(), context);
        if sent.is_ready() {
            sending.give_up(mesh.hub());
            *waiting = None;
        }
        sent
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Sink::<T>::poll_flush(self, context)
    }
}
