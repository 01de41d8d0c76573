//! What an end brings to every handshake, and what a dialer says of it in the clear.

use sha2::{Digest, Sha256};

use crate::id::NodeId;
use crate::wire::cipher::Suite;
use crate::wire::keys::{Identity, MeshSecret, MeshSecrets};
use crate::wire::noise::{Keys, Pattern};
use crate::wire::primitives;
use crate::wire::writer::{NoRoom, Writer};

/// What an end brings to every handshake.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'k> {
    /// Who this is, and who may talk to it.
    pub guard: Guard<'k>,
    /// The network that it belongs to.
    pub network: Network,
    /// The versions that it speaks.
    pub versions: Versions,
    /// The ciphers that it has in hardware.
    pub ciphers: Ciphers,
}

/// Who this end is, and who may talk to it. Both ends must have the same kind.
#[derive(Clone, Copy, Debug)]
pub struct Guard<'k>(pub(in crate::wire) Guarded<'k>);

#[derive(Clone, Copy, Debug)]
pub(in crate::wire) enum Guarded<'k> {
    Open(&'k Identity),
    Closed(&'k Identity, &'k MeshSecrets),
    Unprotected(NodeId),
}

impl<'k> Guard<'k> {
    /// Whoever proves a name may talk; who is let in is decided by name.
    #[must_use]
    pub const fn open(identity: &'k Identity) -> Self {
        Self(Guarded::Open(identity))
    }

    /// Whoever has the secret of the mesh may talk. Everybody else fails with the first message.
    #[must_use]
    pub const fn closed(identity: &'k Identity, secrets: &'k MeshSecrets) -> Self {
        Self(Guarded::Closed(identity, secrets))
    }

    pub(super) const fn pattern(&self) -> Pattern {
        match self.0 {
            Guarded::Open(_) => Pattern::XX,
            Guarded::Closed(..) => Pattern::XX_PSK0,
            Guarded::Unprotected(_) => Pattern::UNPROTECTED,
        }
    }

    pub(super) const fn suite(&self) -> Suite {
        match self.0 {
            Guarded::Open(_) | Guarded::Closed(..) => Suite::ChaChaPoly,
            Guarded::Unprotected(_) => Suite::Clear,
        }
    }

    pub(super) const fn is_protected(&self) -> bool {
        !matches!(self.0, Guarded::Unprotected(_))
    }

    pub(super) fn keys<'g>(&'g self, secret: Option<&'g MeshSecret>) -> Keys<'g> {
        match &self.0 {
            Guarded::Open(identity) | Guarded::Closed(identity, _) => Keys {
                public: identity.public(),
                secret: Some(identity.key()),
                psk: secret.map(MeshSecret::secret),
            },
            Guarded::Unprotected(me) => Keys { public: me.as_bytes(), secret: None, psk: None },
        }
    }

    /// The secrets to try, if it wants one.
    pub(in crate::wire) const fn secrets(&self) -> Option<&'k MeshSecrets> {
        match self.0 {
            Guarded::Closed(_, secrets) => Some(secrets),
            Guarded::Open(_) | Guarded::Unprotected(_) => None,
        }
    }

    pub(in crate::wire) const fn code(&self) -> u8 {
        match self.0 {
            Guarded::Open(_) => 0,
            Guarded::Closed(..) => 1,
            Guarded::Unprotected(_) => 0xff,
        }
    }
}

/// A network: nodes of differently named ones do not talk.
///
/// The name keeps meshes apart that meet by accident. It is no secret: anybody may guess it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network([u8; 16]);

impl Network {
    pub(in crate::wire) const LENGTH: usize = 16;

    pub(in crate::wire) const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The network of this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let digest: [u8; 32] =
            Sha256::new().chain_update(b"mesh network ").chain_update(name).finalize().into();
        let (start, _) = digest.split_first_chunk().expect("16 is less than 32");
        Self(*start)
    }
}

/// The versions of the protocol that an end speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Versions {
    least: u16,
    most: u16,
}

impl Versions {
    /// What this build speaks.
    pub const SPOKEN: Self = Self { least: 1, most: 1 };

    /// All from one to the other; nothing if that is none.
    #[must_use]
    pub const fn new(least: u16, most: u16) -> Option<Self> {
        if least <= most { Some(Self { least, most }) } else { None }
    }

    /// The best that both speak.
    #[must_use]
    pub fn best(self, other: Self) -> Option<u16> {
        let best = self.most.min(other.most);
        (best >= self.least.max(other.least)).then_some(best)
    }

    pub(super) const LENGTH: usize = 4;

    pub(super) const fn bytes(self) -> [u8; Self::LENGTH] {
        let ([a, b], [c, d]) = (self.least.to_be_bytes(), self.most.to_be_bytes());
        [a, b, c, d]
    }

    pub(super) const fn of_bytes([a, b, c, d]: [u8; Self::LENGTH]) -> Option<Self> {
        Self::new(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
    }
}

/// The ciphers that an end has in hardware. ChaCha20-Poly1305 every end has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ciphers {
    aes: bool,
}

impl Ciphers {
    /// None.
    pub const NONE: Self = Self { aes: false };

    const AES: u8 = 1;

    /// What the processor has that this runs on.
    #[must_use]
    pub fn of_this_processor() -> Self {
        Self { aes: primitives::has_aes() }
    }

    pub(super) const fn has_aes(self) -> bool {
        self.aes
    }

    pub(super) const fn byte(self) -> u8 {
        if self.aes { Self::AES } else { 0 }
    }

    pub(super) const fn of_byte(byte: u8) -> Self {
        Self { aes: byte & Self::AES != 0 }
    }
}

/// What record 1 begins with, in the clear. It is the handshake's prologue, so altering it spoils the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Preamble {
    guard: u8,
    network: Network,
    pub(super) versions: Versions,
}

/// A preamble could not be made sense of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPreamble {
    /// Something else than a mesh talks here.
    NotOurs,
    /// A mesh of another format.
    OtherFormat,
}

impl Preamble {
    pub(super) const LENGTH: usize = Self::MAGIC.len() + 2 + 16 + Versions::LENGTH;
    const MAGIC: [u8; 4] = *b"mesh";
    /// How everything is laid out up to the version.
    const FORMAT: u8 = 1;

    pub(super) const fn of(terms: &Terms<'_>) -> Self {
        Self { guard: terms.guard.code(), network: terms.network, versions: terms.versions }
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), NoRoom> {
        out.put(&Self::MAGIC)?;
        out.put(&[Self::FORMAT, self.guard])?;
        out.put(&self.network.0)?;
        out.put(&self.versions.bytes())
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, NoPreamble> {
        let rest = bytes.strip_prefix(&Self::MAGIC).ok_or(NoPreamble::NotOurs)?;
        let (format, rest) = rest.split_first().ok_or(NoPreamble::NotOurs)?;
        if *format != Self::FORMAT {
            return Err(NoPreamble::OtherFormat);
        }
        let (guard, rest) = rest.split_first().ok_or(NoPreamble::NotOurs)?;
        let (network, rest) = rest.split_first_chunk().ok_or(NoPreamble::NotOurs)?;
        let versions = rest.first_chunk().copied().and_then(Versions::of_bytes).ok_or(NoPreamble::NotOurs)?;
        Ok(Self { guard: *guard, network: Network(*network), versions })
    }

    pub(super) fn same_guard(&self, other: &Self) -> bool {
        self.guard == other.guard
    }

    pub(super) fn same_network(&self, other: &Self) -> bool {
        self.network == other.network
    }
}
