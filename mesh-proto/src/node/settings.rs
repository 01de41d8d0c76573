//! What a node is made from.

use core::fmt;

use zeroize::Zeroizing;

use super::MOST_UNWRITTEN;
use crate::chance::Seed;
use crate::config::Config;
use crate::id::{Incarnation, NodeId};
#[cfg(feature = "alloc")]
use crate::storage::Heap;
use crate::storage::Storage;
use crate::wire::{Ciphers, Guard, Identity, MeshSecrets, Network, Terms, Versions};

/// What a node is made from. `S` is where it keeps its tables.
#[derive(Clone, Debug)]
pub struct Settings<#[cfg(feature = "alloc")] S: Storage = Heap, #[cfg(not(feature = "alloc"))] S: Storage> {
    /// What the machine can be set to.
    pub config: Config,
    /// Who this node is, and who may talk to it.
    pub door: Door,
    /// The network that it belongs to. Others are not talked to.
    pub network: Network,
    /// Which of those who may talk are let in.
    pub lets_in: LetsIn<S>,
    /// Which run of the node this is: its start number must not be lower than that of any earlier run, its bits drawn
    /// anew.
    pub incarnation: Incarnation,
    /// What delays and draws come from; never a key.
    pub seed: Seed,
    /// Who opens and seals the records of a link that is up.
    pub halves: Halves,
    /// How many bytes of messages a link takes at first, until [`Input::Room`](super::Input::Room) says more:
    /// [`MOST_UNWRITTEN`](super::MOST_UNWRITTEN), or less where what is ordered has less room.
    pub room: u32,
    /// The versions that are spoken.
    pub versions: Versions,
    /// The ciphers that are fast here.
    pub ciphers: Ciphers,
}

impl<S: Storage> Settings<S> {
    /// Anyone in this network is let in who comes through this door; everything else is as it mostly is.
    #[must_use]
    pub fn new(door: Door, network: &str, incarnation: Incarnation, seed: Seed) -> Self {
        Self {
            config: Config::default(),
            door,
            network: Network::named(network),
            lets_in: LetsIn::Anyone,
            incarnation,
            seed,
            halves: Halves::Inside,
            room: MOST_UNWRITTEN,
            versions: Versions::SPOKEN,
            ciphers: Ciphers::of_this_processor(),
        }
    }
}

/// Who a node is, and who may talk to it. Both ends of a link must have the same kind of door.
#[derive(Clone, Debug)]
pub enum Door {
    /// Whoever proves a name may talk.
    Open(Identity),
    /// Whoever has the secret of the mesh may talk. Everybody else fails with the first message.
    Closed(Identity, MeshSecrets),
    /// **Not secure**: nothing is encrypted, nothing authenticated, and whoever reaches a link is whoever it says it is.
    /// For links that are trusted by other means, and for tests.
    Unprotected(NodeId),
}

impl Door {
    /// Who the node is.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        match self {
            Self::Open(identity) | Self::Closed(identity, _) => identity.id(),
            Self::Unprotected(me) => *me,
        }
    }
}

/// Which of those who may talk are let in. It holds for whoever dials and for whoever is dialed.
#[derive(Clone, Debug)]
pub enum LetsIn<#[cfg(feature = "alloc")] S: Storage = Heap, #[cfg(not(feature = "alloc"))] S: Storage> {
    /// All of them.
    Anyone,
    /// Those on the list. In place it has room for as many as there are peers.
    Listed(S::Peers<NodeId>),
    /// Those for whom the answer is yes: [`Order::Ask`](super::Order::Ask) asks once for each.
    Asked,
}

/// Who opens and seals the records of a link that is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Halves {
    /// The node does: bytes go in and come out, for the whole life of a link. For drivers with one thread. What messages
    /// say is copied once where it comes in.
    #[default]
    Inside,
    /// The driver does, where it likes: [`Order::Up`](super::Order::Up) hands it both halves of each link, and frames go
    /// in and come out from then on. It takes a heap, so it is there with the feature `alloc`.
    #[cfg(feature = "alloc")]
    Outside,
}

/// The answer to the question whether a node is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Let it in.
    LetIn,
    /// Turn it away: it is told, and stays away for long.
    TurnAway,
}

/// 32 random bytes for the handshake of one link, from the system's source for keys. They are never given again, and
/// wiped after use.
pub struct Fresh(Zeroizing<[u8; 32]>);

impl Fresh {
    /// These bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn bytes(&self) -> [u8; 32] {
        *self.0
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fresh(..)")
    }
}

/// What a node brings to every handshake.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) door: Door,
    pub(super) network: Network,
    pub(super) versions: Versions,
    pub(super) ciphers: Ciphers,
}

impl Site {
    pub(super) fn terms(&self) -> Terms<'_> {
        let guard = match &self.door {
            Door::Open(identity) => Guard::open(identity),
            Door::Closed(identity, secrets) => Guard::closed(identity, secrets),
            Door::Unprotected(me) => Guard::unprotected(*me),
        };
        Terms { guard, network: self.network, versions: self.versions, ciphers: self.ciphers }
    }
}
