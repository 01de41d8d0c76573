//! Streams that become links: those that were accepted, that a driver attaches, and that were dialed.

use core::any::Any;
use core::fmt;
use core::net::SocketAddr;

use mesh_proto::node::{Fresh, Input, Reader};
use mesh_proto::{LinkId, NodeId, PathClass, Reason, Side, SystemError, Unable};

use super::Hub;
use super::halves::Link;
use super::links::Facts;
use crate::platform::entropy;

/// Which end of a stream is attached. One end dialed, and the other accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// This node opened it, and speaks first.
    Dialed {
        /// Who is to be at the other end, if that is known: another is not talked to.
        expected: Option<NodeId>,
    },
    /// The other node opened it.
    Accepted,
}

/// Why a stream was not attached. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unattached {
    /// The node has no place for it.
    Unable(Unable),
    /// The system has no entropy to give for its handshake.
    NoEntropy,
    /// Another runtime drives the node, and this one does not run here.
    NoRuntime,
    /// The stream cannot be used: what the system said.
    System(SystemError),
}

impl fmt::Display for Unattached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unable(why) => why.fmt(f),
            Self::NoEntropy => f.write_str("the system has no entropy to give"),
            Self::NoRuntime => f.write_str(
                "another runtime drives the node, and this one does not run here: attach it as that one does",
            ),
            Self::System(error) => write!(f, "the stream cannot be used: {error}"),
        }
    }
}

impl core::error::Error for Unattached {}

impl Hub {
    /// A stream was accepted. `None` if there is no place for it: the driver ends it.
    #[must_use]
    pub fn accept(
        &self,
        remote: Option<SocketAddr>,
        local: Option<SocketAddr>,
        class: PathClass,
    ) -> Option<Link> {
        let fresh = fresh()?;
        self.with(|state| {
            let answer = state.tell(Input::Accepted { from: remote, class, fresh });
            let link = answer.link().inspect_err(|why| log::debug!("a stream is not taken: {why}")).ok()?;
            let signal = state.open(link, Facts { side: Side::Accepted, remote, local, class });
            Some(Link::new(self, link, &signal))
        })
    }

    /// Takes a stream of any kind, opened or accepted by whatever means: of a WebSocket, TLS, a Unix socket, a serial line,
    /// memory. It has no address.
    ///
    /// # Errors
    ///
    /// There is no place for it: the driver ends it. Nothing has changed.
    pub fn attach(&self, side: Attached, class: PathClass) -> Result<Link, Unattached> {
        let fresh = fresh().ok_or(Unattached::NoEntropy)?;
        let (input, side) = match side {
            Attached::Dialed { expected } => (Input::Attached { expected, class, fresh }, Side::Dialed),
            Attached::Accepted => (Input::Accepted { from: None, class, fresh }, Side::Accepted),
        };
        self.with(|state| {
            let link = state.tell(input).link().map_err(Unattached::Unable)?;
            let signal = state.open(link, Facts { side, remote: None, local: None, class });
            Ok(Link::new(self, link, &signal))
        })
    }

    /// Keeps what a driver needs when it is to attach a stream: for as long as the hub, and the first that is kept.
    pub fn keep_driver(&self, driver: impl Any + Send + Sync) {
        if self.0.driver.set(Box::new(driver)).is_err() {
            log::debug!("a node is driven once");
        }
    }

    /// What a driver of this kind keeps here; nothing if another drives the node.
    #[must_use]
    pub fn driver<T: Any>(&self) -> Option<&T> {
        self.0.driver.get()?.downcast_ref()
    }

    /// A dialed stream is open; `None` if it is not wanted any more.
    pub(super) fn connected(
        &self,
        link: LinkId,
        local: Option<SocketAddr>,
        remote: Option<SocketAddr>,
    ) -> Option<Link> {
        let Some(fresh) = fresh() else {
            self.closed(link, SystemError::Exhausted);
            return None;
        };
        self.with(|state| {
            let signal = state.connected(link, local, remote)?;
            state.tell(Input::Connected { link, fresh });
            Some(Link::new(self, link, &signal))
        })
    }

    /// A link ended by itself, or a dial failed. Once it is over this means nothing. Always says not to go on.
    pub(super) fn closed(&self, link: LinkId, error: SystemError) -> bool {
        self.with(|state| {
            if state.ends_now(link) {
                state.tell(Input::Closed { link, error });
                state.told_closed(link, Reason::System(error));
            }
        });
        false
    }

    /// The task that writes is done with a link.
    pub(super) fn written_out(&self, link: LinkId) {
        self.with(|state| state.release(link));
    }

    /// Bytes came on a link that has no reader yet. The reader, if it has one now.
    pub(super) fn shake(&self, link: LinkId, bytes: &[u8]) -> Option<Box<Reader>> {
        self.with(|state| {
            if let Some(mut reader) = state.reader(link) {
                // It came up between two reads.
                reader.push(bytes);
                return Some(reader);
            }
            state.tell(Input::Bytes { link, bytes });
            state.reader(link)
        })
    }
}

/// What a handshake is made from; `None` when the system has no entropy to give.
fn fresh() -> Option<Fresh> {
    let mut bytes = [0; 32];
    match entropy::fill(&mut bytes) {
        Ok(()) => Some(Fresh::new(bytes)),
        Err(error) => {
            log::error!("no link can be made: {error}");
            None
        }
    }
}
