//! The handle.

use alloc::sync::Arc;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use mesh_proto::node::Input;
use mesh_proto::{
    Answer, Explanation, Incarnation, NodeId, PeerView, Route, Routes, Standing, Stats, Unable, Wake, Wants,
    Window,
};

use super::contact::{Contact, Place};
use super::leaving::{Leaving, collect};
use super::{Happenings, Left, Message, Messages, PeerSink, Posting, Receipt, SendError, Watch};
use crate::hub::{Hub, Undelivered};
use crate::platform::identity_file::IdentityFile;
use crate::platform::interfaces;

/// A node, as its application holds it. Copies are the same node; when the last one is dropped, with all that was made from
/// it, the node ends without a word. [`leave`](Self::leave) says goodbye.
///
/// Futures wait on nothing of a runtime, and dropping one loses nothing: each says so.
#[derive(Clone)]
pub struct Mesh {
    owner: Arc<Owner>,
}

struct Owner {
    hub: Hub,
    listens: Vec<SocketAddr>,
    /// Held, so that no other process has the same identity.
    _identity: Option<IdentityFile>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.hub.end();
    }
}

impl Mesh {
    pub(super) fn new(hub: Hub, listens: Vec<SocketAddr>, identity: Option<IdentityFile>) -> Self {
        Self { owner: Arc::new(Owner { hub, listens, _identity: identity }) }
    }

    /// What drivers work with.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.owner.hub
    }

    /// This node's name.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.hub().me()
    }

    /// Where this node can be dialed: what it listens at, with the addresses of the interfaces where it listens at all.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let interfaces = interfaces::list().unwrap_or_default();
        let mut addresses = Vec::new();
        for listens in &self.owner.listens {
            if !listens.ip().is_unspecified() {
                addresses.push(*listens);
                continue;
            }
            for interface in &interfaces {
                let family = interface.dialable().filter(|address| address.is_ipv4() == listens.is_ipv4());
                addresses.extend(family.map(|mut address| {
                    address.set_port(listens.port());
                    address
                }));
            }
        }
        addresses
    }

    /// Keeps a session with this peer from now on: whenever there is none it is dialed.
    ///
    /// # Errors
    ///
    /// There is no place for one more, or it is this node itself. Nothing has changed.
    pub fn keep(&self, contact: impl Into<Contact>) -> Result<(), WishError> {
        let Contact { id, place } = contact.into();
        self.hub().with(|state| {
            let input = match (id, place) {
                (id, Some(Place::Named(name))) => {
                    state.keep_name(&name, id);
                    match id {
                        Some(peer) => Input::Keep { peer, routes: Routes::new() },
                        None => return Ok(()),
                    }
                }
                (Some(peer), place) => Input::Keep { peer, routes: routes(place) },
                (None, Some(Place::At(address))) => Input::KeepAt { route: Route::direct(address) },
                (None, None) => return Ok(()),
            };
            done(state.tell(input))
        })
    }

    /// Dials this peer now, even if a link to it exists.
    ///
    /// # Errors
    ///
    /// There is no place for one more, or it is this node itself. Nothing has changed.
    pub fn seek(&self, peer: NodeId, at: Option<SocketAddr>) -> Result<(), WishError> {
        let routes = routes(at.map(Place::At));
        self.hub().with(|state| done(state.tell(Input::Seek { peer, routes })))
    }

    /// Ends the session with this peer, and keeps it no more; it may come again.
    ///
    /// # Errors
    ///
    /// It is not known.
    pub fn forget(&self, contact: impl Into<Contact>) -> Result<(), WishError> {
        let Contact { id, place } = contact.into();
        self.hub().with(|state| {
            let at = match place {
                Some(Place::Named(name)) => {
                    state.forget_name(&name);
                    Ok(())
                }
                Some(Place::At(address)) if id.is_none() => done(state.tell(Input::ForgetAt { address })),
                Some(Place::At(_)) | None => Ok(()),
            };
            match id {
                Some(peer) => done(state.tell(Input::Forget { peer })),
                None => at,
            }
        })
    }

    /// Ends the session with this peer as refused, and turns it away from now on, until it is kept again.
    pub fn expel(&self, peer: NodeId) {
        self.hub().with(|state| state.tell(Input::Expel { peer }));
    }

    /// Sends a message; waits while the peer's window is full. It goes out on whatever link there is, or will be.
    ///
    /// Dropped while it waits, it sends nothing.
    ///
    /// # Errors
    ///
    /// Why it can not be sent.
    pub fn send(&self, peer: NodeId, message: impl Into<Message>) -> Posting<'_> {
        Posting::new(self.hub(), peer, message.into())
    }

    /// Sends a message, if there is room now.
    ///
    /// # Errors
    ///
    /// Why it can not be sent.
    pub fn try_send(&self, peer: NodeId, message: impl Into<Message>) -> Result<(), SendError> {
        self.hub().post(&peer, &mut Some(message.into().checked()?), None).map_err(SendError::from)
    }

    /// As [`send`](Self::send), with a receipt that becomes what became of the message: taken, or why not.
    ///
    /// Dropped while it waits, it sends nothing.
    ///
    /// # Errors
    ///
    /// Why it can not be sent.
    pub async fn send_with_receipt(
        &self,
        peer: NodeId,
        message: impl Into<Message>,
    ) -> Result<Receipt, SendError> {
        self.post_with_receipt(peer, message.into().checked()?).await
    }

    pub(super) async fn post_with_receipt(
        &self,
        peer: NodeId,
        message: mesh_proto::Message<'static>,
    ) -> Result<Receipt, SendError> {
        let token = self.hub().with(|state| state.post().begin_receipt());
        // Should this be dropped while it waits, so is the receipt.
        let receipt = Receipt::new(self.clone(), token);
        let message = mesh_proto::Message { token, wants: Wants::Receipt, ..message };
        Posting::checked(self.hub(), peer, message).await?;
        Ok(receipt)
    }

    /// Sends a message to every peer with a session, without waiting: to how many. Where there was no room, a report says so
    /// if the message asks for one, else it is counted.
    ///
    /// # Errors
    ///
    /// Why it can be sent to nobody.
    pub fn send_all(&self, message: impl Into<Message>) -> Result<u32, SendError> {
        match self.hub().post_to_all(message.into().checked()?) {
            Answer::Sent { queued, .. } => Ok(queued),
            Answer::Unable(why) => Err(why.into()),
            Answer::Done | Answer::Link(_) => Ok(0),
        }
    }

    /// Sends many messages to one peer.
    #[must_use]
    pub fn sink(&self, peer: NodeId) -> PeerSink {
        PeerSink::new(self.clone(), peer)
    }

    /// The reports of what was not taken, each once.
    #[must_use]
    pub fn undelivered(&self) -> Vec<Undelivered> {
        self.hub().with(collect)
    }

    /// The messages that come.
    #[must_use]
    pub fn messages(&self) -> Messages {
        Messages::new(self.clone())
    }

    /// Every peer that is known, as it is now.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerView> {
        self.hub().with(|state| state.node().mesh().peers().collect())
    }

    /// One peer, as it is now.
    #[must_use]
    pub fn peer(&self, peer: NodeId) -> Option<PeerView> {
        self.hub().with(|state| state.node().mesh().peer(&peer))
    }

    /// What holds of every peer, and then every change.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch::new(self.clone())
    }

    /// What happens to the links and to the node, from now on.
    #[must_use]
    pub fn happenings(&self) -> Happenings {
        Happenings::new(self.clone())
    }

    /// The same from the start of the node on: what has happened before this is asked is told first, as far as it is kept.
    #[must_use]
    pub fn happenings_from_the_start(&self) -> Happenings {
        Happenings::from_the_start(self.clone())
    }

    /// The run of a peer that there is a session with, if there is a link.
    pub(super) fn run_of(&self, peer: NodeId) -> Option<Incarnation> {
        match self.peer(peer)?.standing {
            Standing::Up { incarnation, .. } => Some(incarnation),
            Standing::Away { .. } | Standing::Down { .. } => None,
        }
    }

    /// Why the link that carries the session with this peer was chosen, and what became of the others.
    #[must_use]
    pub fn explain(&self, peer: NodeId) -> Option<Explanation> {
        self.hub().with(|state| state.node().mesh().explain(&peer))
    }

    /// Counts since the node was started.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.hub().with(|state| {
            let stats = *state.node().mesh().stats();
            Stats { undelivered: stats.undelivered + state.post().undelivered(), ..stats }
        })
    }

    /// Says that this program did not run, or may have moved: every peer is probed, and the node announces itself. It finds
    /// this out by itself; a program that knows sooner may say so.
    pub fn wake(&self) {
        self.hub().with(|state| state.tell(Input::Wake(Wake::Frozen)));
    }

    /// What was sent to a peer and is not known to be taken; `None` if it is not known.
    #[must_use]
    pub fn unacknowledged(&self, peer: NodeId) -> Option<Window> {
        self.hub().with(|state| state.node().mesh().unacknowledged(&peer))
    }

    /// Stops the node for so long, as if the program did not run, and this thread with it: to see what becomes of that, in
    /// tests and demonstrations.
    pub fn freeze(&self, span: Duration) {
        self.hub().with(|_| std::thread::sleep(span));
    }

    /// Ends the node at once and without a word, as if the program was killed.
    pub fn end(&self) {
        self.hub().end();
    }

    /// Waits until all that was sent is taken, for so long at most; then says goodbye to everybody and ends the node.
    ///
    /// Dropped while it waits for what was sent, it has done nothing, and the node goes on. Dropped after it has said goodbye,
    /// it ends the node, and waits for nobody's answer.
    pub async fn leave(&self, within: Duration) -> Left {
        Leaving::new(self, within).await
    }
}

impl fmt::Debug for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mesh").field("me", &self.me()).finish_non_exhaustive()
    }
}

fn routes(place: Option<Place>) -> Routes {
    match place {
        Some(Place::At(address)) => [Route::direct(address)].into_iter().collect(),
        Some(Place::Named(_)) | None => Routes::new(),
    }
}

fn done(answer: Answer) -> Result<(), WishError> {
    match answer {
        Answer::Unable(why) => Err(WishError(why)),
        Answer::Done | Answer::Link(_) | Answer::Sent { .. } => Ok(()),
    }
}

/// Why a wish was not taken in. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WishError(Unable);

impl WishError {
    /// Why.
    #[must_use]
    pub const fn why(&self) -> Unable {
        self.0
    }
}

impl fmt::Display for WishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for WishError {}
