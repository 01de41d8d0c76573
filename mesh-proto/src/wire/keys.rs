//! The keys of a node and of a mesh. None prints itself, each is wiped when dropped, and comparing takes the same time
//! whatever they are.

use core::fmt;
use core::str::FromStr;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::id::NodeId;
use crate::wire::noise;
use crate::wire::primitives::{Curve, Key, Secret, X25519};
use crate::wire::text::{self, Text, TextError, TextKind};

/// What makes a node the one that it is: the secret whose public half is its [`NodeId`].
///
/// Whoever has it is that node. It is made from random bytes once, and kept.
pub struct Identity {
    secret: Secret,
    key: Key,
    public: [u8; 32],
}

impl Identity {
    /// The identity with this secret: 32 bytes from a good source of randomness.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        let key = X25519::key(&secret);
        let public = X25519::public(&key);
        Self { secret, key, public }
    }

    /// The node's name.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        NodeId::new(self.public)
    }

    /// The secret itself, to keep it where nobody else can read it.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The secret as text.
    #[must_use]
    pub fn to_text(&self) -> Text {
        Text::of(TextKind::Identity, &self.secret)
    }

    pub(super) const fn key(&self) -> &Key {
        &self.key
    }

    pub(super) const fn public(&self) -> &[u8; 32] {
        &self.public
    }
}

impl FromStr for Identity {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        text::read(TextKind::Identity, text).map(|secret| Self::new(*secret))
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { secret: self.secret.clone(), key: X25519::key(&self.secret), public: self.public }
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.secret.ct_eq(&*other.secret).into()
    }
}

impl Eq for Identity {}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl NodeId {
    /// Whether these bytes are a key, and written down in the one way that there is (R1).
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        noise::is_canonical(self.as_bytes())
    }
}

impl FromStr for NodeId {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let id = Self::new(*text::read(TextKind::NodeId, text)?);
        if id.is_canonical() { Ok(id) } else { Err(TextError::NoKey) }
    }
}

/// What all nodes of a closed mesh have: 32 random bytes.
#[derive(Clone)]
pub struct MeshSecret(Secret);

impl MeshSecret {
    /// The secret with these bytes, from a good source of randomness.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Zeroizing::new(secret))
    }

    /// The secret itself.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        &self.0
    }

    /// The secret as text.
    #[must_use]
    pub fn to_text(&self) -> Text {
        Text::of(TextKind::MeshSecret, &self.0)
    }
}

impl FromStr for MeshSecret {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        text::read(TextKind::MeshSecret, text).map(Self)
    }
}

impl PartialEq for MeshSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for MeshSecret {}

impl fmt::Debug for MeshSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeshSecret(..)")
    }
}

/// The secrets of a mesh that are valid: one, or two while all nodes change from one to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeshSecrets {
    first: MeshSecret,
    other: Option<MeshSecret>,
}

impl MeshSecrets {
    /// One secret.
    #[must_use]
    pub const fn one(secret: MeshSecret) -> Self {
        Self { first: secret, other: None }
    }

    /// Two: an acceptor takes either, a dialer begins with the first.
    #[must_use]
    pub const fn two(first: MeshSecret, other: MeshSecret) -> Self {
        Self { first, other: Some(other) }
    }

    /// The secret for a dialer's attempt: after a failure that a wrong secret may have caused, the next number.
    pub(super) fn for_attempt(&self, attempt: u32) -> &MeshSecret {
        match &self.other {
            Some(other) if attempt % 2 == 1 => other,
            Some(_) | None => &self.first,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &MeshSecret> {
        [Some(&self.first), self.other.as_ref()].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(id: NodeId) -> heapless::String<80> {
        let mut text = heapless::String::new();
        fmt::Write::write_fmt(&mut text, format_args!("{id}")).expect("short");
        text
    }

    #[test]
    fn an_id_is_called_by_its_first_letters() {
        let id = Identity::new([7; 32]).id();
        let mut short = heapless::String::<80>::new();
        fmt::Write::write_fmt(&mut short, format_args!("meshnode1{id:?}")).expect("short");
        assert_eq!(short.len(), "meshnode1".len() + 8);
        assert!(spelt(id).starts_with(short.as_str()), "{short} {id}");
    }

    #[test]
    fn texts_come_back() {
        let identity = Identity::new([7; 32]);
        assert_eq!(identity.to_text().as_str().parse(), Ok(identity.clone()));
        assert_eq!(spelt(identity.id()).parse(), Ok(identity.id()));
        let secret = MeshSecret::new([8; 32]);
        assert_eq!(secret.to_text().as_str().parse(), Ok(secret));
    }

    #[test]
    fn what_is_compared_differs() {
        assert_ne!(Identity::new([7; 32]), Identity::new([9; 32]));
        assert_ne!(MeshSecret::new([7; 32]), MeshSecret::new([9; 32]));
    }

    #[test]
    fn nothing_secret_is_printed() {
        struct Seen(heapless::String<512>);
        impl fmt::Write for Seen {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.push_str(text).map_err(|_| fmt::Error)
            }
        }
        let mut seen = Seen(heapless::String::new());
        let secret = MeshSecret::new([0xab; 32]);
        let all = (Identity::new([0xab; 32]), &secret, MeshSecrets::one(secret.clone()), secret.to_text());
        fmt::Write::write_fmt(&mut seen, format_args!("{all:?}")).expect("short");
        let seen = seen.0.as_str();
        assert!(!seen.contains("171") && !seen.contains("abab") && !seen.contains("meshsecret1"), "{seen}");
    }

    /// Y15: the same key written down in another way.
    #[test]
    fn a_name_that_hides_another_is_none() {
        let largest = |first: u8| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (first, 0x7f);
            NodeId::new(bytes)
        };
        assert!(largest(0xec).is_canonical());
        for hidden in [largest(0xed), largest(0xff), NodeId::new([0xff; 32])] {
            assert!(!hidden.is_canonical());
            assert_eq!(spelt(hidden).parse::<NodeId>(), Err(TextError::NoKey));
        }
        let id = Identity::new([7; 32]).id();
        let mut with_top_bit = *id.as_bytes();
        with_top_bit[31] |= 0x80;
        assert!(!NodeId::new(with_top_bit).is_canonical());
    }
}
