//! The Noise handshakes that the channel uses: XX, and XX with a secret that both ends have.
//!
//! Only what these need of the framework, as a table of tokens. Nothing here allocates; keys are wiped when dropped.

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::wire::cipher::{CipherState, Suite};
use crate::wire::primitives::{Curve, Key, Secret, TAG, X25519};
use crate::wire::writer::{NoRoom, Writer};

/// What a message is made of, beside its payload.
#[derive(Clone, Copy)]
pub(super) enum Token {
    /// The writer's key for this handshake alone.
    E,
    /// The key that is its name.
    S,
    /// What the two keys for this handshake alone have in common.
    Ee,
    /// The dialer's key for this handshake alone with the acceptor's name.
    Es,
    /// The dialer's name with the acceptor's key for this handshake alone.
    Se,
    /// The secret that both ends have.
    Psk,
}

/// A handshake as Noise writes one down.
#[derive(Clone, Copy)]
pub(super) struct Pattern {
    pub(super) name: &'static [u8],
    /// The messages, the dialer's first.
    pub(super) messages: &'static [&'static [Token]],
    /// Whether a secret is mixed in; then a key for this handshake alone is mixed into the keys too.
    pub(super) psk: bool,
}

impl Pattern {
    pub(super) const XX: Self = Self {
        name: b"Noise_XX_25519_ChaChaPoly_SHA256",
        messages: &[&[Token::E], &[Token::E, Token::Ee, Token::S, Token::Es], &[Token::S, Token::Se]],
        psk: false,
    };

    pub(super) const XX_PSK0: Self = Self {
        name: b"Noise_XXpsk0_25519_ChaChaPoly_SHA256",
        messages: &[
            &[Token::Psk, Token::E],
            &[Token::E, Token::Ee, Token::S, Token::Es],
            &[Token::S, Token::Se],
        ],
        psk: true,
    };

    /// The same three messages with nothing secret in them: names are claimed, not proven.
    pub(super) const UNPROTECTED: Self = Self {
        name: b"mesh unprotected SHA256",
        messages: &[&[Token::E], &[Token::E, Token::S], &[Token::S]],
        psk: false,
    };
}

/// Which end of the stream this is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Dialer,
    Acceptor,
}

/// The keys that an end brings along.
#[derive(Clone, Copy)]
pub(super) struct Keys<'k> {
    /// Its name.
    pub(super) public: &'k [u8; 32],
    /// What proves it; nothing where names are only claimed.
    pub(super) secret: Option<&'k Key>,
    /// The secret of the mesh.
    pub(super) psk: Option<&'k [u8; 32]>,
}

/// Why a message could not be written or read. The handshake is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The buffer is too small.
    NoRoom,
    /// It is not the next message of this handshake, or was altered.
    Unreadable,
    /// A key in it is none, or is written in a way that hides another.
    BadKey,
}

impl From<NoRoom> for Failure {
    fn from(NoRoom: NoRoom) -> Self {
        Self::NoRoom
    }
}

/// A handshake under way.
pub(super) struct Noise {
    pattern: Pattern,
    end: End,
    symmetric: Symmetric,
    fresh: Secret,
    /// The key that is made of these, once it is said.
    ephemeral: Option<Key>,
    their_ephemeral: Option<[u8; 32]>,
    their_static: Option<[u8; 32]>,
    messages: usize,
}

impl Noise {
    /// `fresh` must be random, and given to no other handshake.
    pub(super) fn new(pattern: Pattern, end: End, prologue: &[u8], fresh: Secret) -> Self {
        let mut symmetric = Symmetric::new(pattern.name);
        symmetric.mix_hash(prologue);
        let (ephemeral, their_ephemeral, their_static) = (None, None, None);
        Self { pattern, end, symmetric, fresh, ephemeral, their_ephemeral, their_static, messages: 0 }
    }

    /// Writes the next message.
    pub(super) fn write(
        &mut self,
        keys: Keys<'_>,
        payload: &[u8],
        out: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        for token in self.tokens() {
            match token {
                Token::E => {
                    self.ephemeral = keys.secret.map(|_| X25519::key(&self.fresh));
                    let public = self.ephemeral.as_ref().map_or(*self.fresh, X25519::public);
                    out.put(&public)?;
                    self.mix_ephemeral(&public);
                }
                Token::S => self.symmetric.seal(keys.public, out)?,
                Token::Ee | Token::Es | Token::Se | Token::Psk => self.mix(*token, keys)?,
            }
        }
        self.symmetric.seal(payload, out)
    }

    /// Reads the next message, and gives its payload, which stands in `message`.
    pub(super) fn read<'m>(
        &mut self,
        keys: Keys<'_>,
        message: &'m mut [u8],
    ) -> Result<&'m mut [u8], Failure> {
        let mut rest = message;
        for token in self.tokens() {
            match token {
                Token::E => {
                    let (public, after) = rest.split_first_chunk_mut::<32>().ok_or(Failure::Unreadable)?;
                    rest = after;
                    self.their_ephemeral = Some(*public);
                    self.mix_ephemeral(&*public);
                }
                Token::S => {
                    let length = 32 + self.symmetric.overhead();
                    let (sealed, after) = rest.split_at_mut_checked(length).ok_or(Failure::Unreadable)?;
                    rest = after;
                    let public = *self.symmetric.open(sealed)?.first_chunk().ok_or(Failure::Unreadable)?;
                    if !is_canonical(&public) {
                        return Err(Failure::BadKey);
                    }
                    self.their_static = Some(public);
                }
                Token::Ee | Token::Es | Token::Se | Token::Psk => self.mix(*token, keys)?,
            }
        }
        self.symmetric.open(rest)
    }

    /// The name of the other end, once a message with it was read.
    pub(super) const fn peer(&self) -> Option<[u8; 32]> {
        self.their_static
    }

    /// What both ends have seen so far, in one number.
    pub(super) const fn hash(&self) -> &[u8; 32] {
        &self.symmetric.hash
    }

    /// The keys for what comes after the handshake: this end's to seal with, and to open with.
    pub(super) fn split(self, suite: Suite) -> Option<(CipherState, CipherState)> {
        let keys: [Secret; 2] = self.symmetric.derive(b"");
        let [dialer, acceptor] = keys.map(|key| CipherState::new(suite, &key));
        match self.end {
            End::Dialer => Some((dialer?, acceptor?)),
            End::Acceptor => Some((acceptor?, dialer?)),
        }
    }

    fn tokens(&mut self) -> &'static [Token] {
        let tokens = self.pattern.messages.get(self.messages).copied().unwrap_or_default();
        self.messages += 1;
        tokens
    }

    fn mix_ephemeral(&mut self, public: &[u8; 32]) {
        self.symmetric.mix_hash(public);
        if self.pattern.psk {
            self.symmetric.mix_key(public);
        }
    }

    fn mix(&mut self, token: Token, keys: Keys<'_>) -> Result<(), Failure> {
        let (mine, theirs) = match (token, self.end) {
            (Token::Ee, _) => (self.ephemeral.as_ref(), self.their_ephemeral),
            (Token::Es, End::Dialer) | (Token::Se, End::Acceptor) => {
                (self.ephemeral.as_ref(), self.their_static)
            }
            (Token::Es, End::Acceptor) | (Token::Se, End::Dialer) => (keys.secret, self.their_ephemeral),
            (Token::Psk, _) => {
                self.symmetric.mix_key_and_hash(keys.psk.ok_or(Failure::BadKey)?);
                return Ok(());
            }
            (Token::E | Token::S, _) => return Ok(()),
        };
        let (Some(mine), Some(theirs)) = (mine, theirs) else { return Err(Failure::BadKey) };
        let shared = X25519::shared(mine, &theirs).ok_or(Failure::BadKey)?;
        self.symmetric.mix_key(&*shared);
        Ok(())
    }
}

/// What Noise calls a SymmetricState.
struct Symmetric {
    hash: [u8; 32],
    chaining: Secret,
    cipher: Option<CipherState>,
}

impl Symmetric {
    fn new(name: &[u8]) -> Self {
        let mut hash = [0; 32];
        match hash.get_mut(..name.len()) {
            Some(start) => start.copy_from_slice(name),
            None => hash = Sha256::digest(name).into(),
        }
        Self { hash, chaining: Zeroizing::new(hash), cipher: None }
    }

    fn mix_hash(&mut self, data: &[u8]) {
        self.hash = Sha256::new().chain_update(self.hash).chain_update(data).finalize().into();
    }

    fn mix_key(&mut self, material: &[u8]) {
        let [chaining, key] = self.derive(material);
        self.chaining = chaining;
        self.cipher = CipherState::new(Suite::ChaChaPoly, &key);
    }

    fn mix_key_and_hash(&mut self, material: &[u8]) {
        let [chaining, hash, key] = self.derive(material);
        self.chaining = chaining;
        self.mix_hash(&*hash);
        self.cipher = CipherState::new(Suite::ChaChaPoly, &key);
    }

    fn overhead(&self) -> usize {
        self.cipher.as_ref().map_or(0, CipherState::overhead)
    }

    /// Noise calls it EncryptAndHash.
    fn seal(&mut self, text: &[u8], out: &mut Writer<'_>) -> Result<(), Failure> {
        let start = out.len();
        out.put(text)?;
        if let Some(cipher) = &mut self.cipher {
            out.room_for(TAG)?;
            let tag = cipher.seal(&self.hash, out.since(start)).ok_or(Failure::NoRoom)?;
            out.put(&tag)?;
        }
        self.mix_hash(out.since(start));
        Ok(())
    }

    /// Noise calls it DecryptAndHash.
    fn open<'m>(&mut self, sealed: &'m mut [u8]) -> Result<&'m mut [u8], Failure> {
        let before = self.hash;
        self.mix_hash(sealed);
        let Some(cipher) = &mut self.cipher else { return Ok(sealed) };
        let (text, tag) = sealed.split_last_chunk_mut::<TAG>().ok_or(Failure::Unreadable)?;
        cipher.open(&before, text, tag).ok_or(Failure::Unreadable)?;
        Ok(text)
    }

    /// Noise's HKDF is the well-known one, with the chaining key as salt and nothing else said.
    fn derive<const N: usize>(&self, material: &[u8]) -> [Secret; N] {
        let mut bytes = [[0; 32]; N];
        Hkdf::<Sha256>::new(Some(&*self.chaining), material)
            .expand(b"", bytes.as_flattened_mut())
            .expect("two or three keys are far fewer than the 255 that can be derived");
        let keys = bytes.map(Zeroizing::new);
        bytes.zeroize();
        keys
    }
}

/// Whether this is the one way to write down the key that it stands for (Y15): less than 2^255 - 19, top bit clear.
pub(super) fn is_canonical(public: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = public;
    let too_large = *first >= 0xed && middle.iter().all(|byte| *byte == 0xff) && *last == 0x7f;
    *last < 0x80 && !too_large
}

#[cfg(test)]
mod tests;
