//! The handle whose calls wait.

use core::net::SocketAddr;
use core::time::Duration;

use mesh_proto::{Explanation, NodeId, PeerView, Stats, Window};

use super::park::block_on;
use super::waits::{Happenings, Messages, Receipt, Watch};
use crate::handle::{self, Contact, Left, Message, SendError, WishError};
use crate::hub::Undelivered;

/// A node, as a program without async code holds it: what waits, waits on the thread that calls. Copies are the same node;
/// when the last one is dropped, with all that was made from it, the node ends without a word. [`leave`](Self::leave) says
/// goodbye.
///
/// What [`Builder::admit`](handle::Builder::admit) was given must call nothing here that waits: it is called on a thread of
/// the node.
#[derive(Clone, Debug)]
pub struct Mesh(handle::Mesh);

/// The same node, for a thread that waits, whatever drives it.
impl From<handle::Mesh> for Mesh {
    fn from(mesh: handle::Mesh) -> Self {
        Self(mesh)
    }
}

impl Mesh {
    pub(super) const fn new(mesh: handle::Mesh) -> Self {
        Self(mesh)
    }

    /// The same node, for async code: it can be waited for on any runtime.
    #[must_use]
    pub const fn handle(&self) -> &handle::Mesh {
        &self.0
    }

    /// This node's name.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.0.me()
    }

    /// Where this node can be dialed: what it listens at, with the addresses of the interfaces where it listens at all.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.addresses()
    }

    /// Keeps a session with this peer from now on: whenever there is none it is dialed.
    ///
    /// # Errors
    ///
    /// There is no place for one more, or it is this node itself. Nothing has changed.
    pub fn keep(&self, contact: impl Into<Contact>) -> Result<(), WishError> {
        self.0.keep(contact)
    }

    /// Dials this peer now, even if a link to it exists.
    ///
    /// # Errors
    ///
    /// There is no place for one more, or it is this node itself. Nothing has changed.
    pub fn seek(&self, peer: NodeId, at: Option<SocketAddr>) -> Result<(), WishError> {
        self.0.seek(peer, at)
    }

    /// Ends the session with this peer, and keeps it no more; it may come again.
    ///
    /// # Errors
    ///
    /// It is not known.
    pub fn forget(&self, contact: impl Into<Contact>) -> Result<(), WishError> {
        self.0.forget(contact)
    }

    /// Ends the session with this peer as refused, and turns it away from now on, until it is kept again.
    pub fn expel(&self, peer: NodeId) {
        self.0.expel(peer);
    }

    /// Sends a message; waits while the peer's window is full. It goes out on whatever link there is, or will be.
    ///
    /// # Errors
    ///
    /// Why it can not be sent.
    pub fn send(&self, peer: NodeId, message: impl Into<Message>) -> Result<(), SendError> {
        block_on(self.0.send(peer, message))
    }

    /// Sends a message, if there is room now.
    ///
    /// # Errors
    ///
    /// Why it can not be sent.
    pub fn try_send(&self, peer: NodeId, message: impl Into<Message>) -> Result<(), SendError> {
        self.0.try_send(peer, message)
    }

    /// As [`send`](Self::send), with a receipt that says what became of the message: taken, or why not.
    ///
    /// # Errors
    ///
    /// Why it can not be sent.
    pub fn send_with_receipt(&self, peer: NodeId, message: impl Into<Message>) -> Result<Receipt, SendError> {
        block_on(self.0.send_with_receipt(peer, message)).map(Receipt::new)
    }

    /// Sends a message to every peer with a session, without waiting: to how many. Where there was no room, a report says so
    /// if the message asks for one, else it is counted.
    ///
    /// # Errors
    ///
    /// Why it can be sent to nobody.
    pub fn send_all(&self, message: impl Into<Message>) -> Result<u32, SendError> {
        self.0.send_all(message)
    }

    /// The reports of what was not taken, each once.
    #[must_use]
    pub fn undelivered(&self) -> Vec<Undelivered> {
        self.0.undelivered()
    }

    /// The messages that come.
    #[must_use]
    pub fn messages(&self) -> Messages {
        Messages::new(self.0.messages())
    }

    /// Every peer that is known, as it is now.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerView> {
        self.0.peers()
    }

    /// One peer, as it is now.
    #[must_use]
    pub fn peer(&self, peer: NodeId) -> Option<PeerView> {
        self.0.peer(peer)
    }

    /// What holds of every peer, and then every change.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch::new(self.0.watch())
    }

    /// What happens to the links and to the node, from now on.
    #[must_use]
    pub fn happenings(&self) -> Happenings {
        Happenings::new(self.0.happenings())
    }

    /// The same from the start of the node on: what has happened before this is asked is told first, as far as it is kept.
    #[must_use]
    pub fn happenings_from_the_start(&self) -> Happenings {
        Happenings::new(self.0.happenings_from_the_start())
    }

    /// Why the link that carries the session with this peer was chosen, and what became of the others.
    #[must_use]
    pub fn explain(&self, peer: NodeId) -> Option<Explanation> {
        self.0.explain(peer)
    }

    /// Counts since the node was started.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// Says that this program did not run, or may have moved: every peer is probed, and the node announces itself. It finds
    /// this out by itself; a program that knows sooner may say so.
    pub fn wake(&self) {
        self.0.wake();
    }

    /// What was sent to a peer and is not known to be taken; `None` if it is not known.
    #[must_use]
    pub fn unacknowledged(&self, peer: NodeId) -> Option<Window> {
        self.0.unacknowledged(peer)
    }

    /// Stops the node for so long, as if the program did not run, and this thread with it: to see what becomes of that, in
    /// tests and demonstrations.
    pub fn freeze(&self, span: Duration) {
        self.0.freeze(span);
    }

    /// Ends the node at once and without a word, as if the program was killed.
    pub fn end(&self) {
        self.0.end();
    }

    /// Waits until all that was sent is taken, for so long at most; then says goodbye to everybody and ends the node.
    pub fn leave(&self, within: Duration) -> Left {
        block_on(self.0.leave(within))
    }
}
