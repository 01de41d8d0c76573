//! The primitives of AWS-LC.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, PrivateKey};
use zeroize::Zeroizing;

use super::{Aead, Curve, Secret, Tag};

pub(crate) enum X25519 {}

impl Curve for X25519 {
    type Key = PrivateKey;

    /// It computes the public key too, so to make one again for each use would cost half as much again.
    fn key(secret: &[u8; 32]) -> PrivateKey {
        PrivateKey::from_private_key(&agreement::X25519, secret)
            .expect("any 32 bytes are a secret key of this curve")
    }

    fn public(key: &PrivateKey) -> [u8; 32] {
        let public = key.compute_public_key().expect("every secret key has a public one");
        *public.as_ref().first_chunk().expect("a public key of this curve has 32 bytes")
    }

    fn shared(key: &PrivateKey, public: &[u8; 32]) -> Option<Secret> {
        let public = agreement::UnparsedPublicKey::new(&agreement::X25519, public);
        agreement::agree(key, public, (), |shared| shared.try_into().map(Zeroizing::new).map_err(drop)).ok()
    }
}

pub(crate) struct ChaChaPoly(LessSafeKey);

impl Aead for ChaChaPoly {
    fn new(key: &[u8; 32]) -> Option<Self> {
        new(&CHACHA20_POLY1305, key).map(Self)
    }

    #[inline(always)]
    fn seal(&self, nonce: &[u8; 12], also: &[u8], text: &mut [u8]) -> Option<Tag> {
        seal(&self.0, nonce, also, text)
    }

    #[inline(always)]
    fn open(&self, nonce: &[u8; 12], also: &[u8], text: &mut [u8], tag: &Tag) -> Option<()> {
        open(&self.0, nonce, also, text, tag)
    }
}

pub(crate) struct AesGcm(LessSafeKey);

impl Aead for AesGcm {
    fn new(key: &[u8; 32]) -> Option<Self> {
        new(&AES_256_GCM, key).map(Self)
    }

    #[inline(always)]
    fn seal(&self, nonce: &[u8; 12], also: &[u8], text: &mut [u8]) -> Option<Tag> {
        seal(&self.0, nonce, also, text)
    }

    #[inline(always)]
    fn open(&self, nonce: &[u8; 12], also: &[u8], text: &mut [u8], tag: &Tag) -> Option<()> {
        open(&self.0, nonce, also, text, tag)
    }
}

fn new(algorithm: &'static Algorithm, key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(algorithm, key).ok().map(LessSafeKey::new)
}

#[inline(always)]
fn seal(key: &LessSafeKey, nonce: &[u8; 12], also: &[u8], text: &mut [u8]) -> Option<Tag> {
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(also), text).ok()?;
    tag.as_ref().try_into().ok()
}

#[inline(always)]
fn open(key: &LessSafeKey, nonce: &[u8; 12], also: &[u8], text: &mut [u8], tag: &Tag) -> Option<()> {
    let nonce = Nonce::assume_unique_for_key(*nonce);
    key.open_in_place_separate_tag(nonce, Aad::from(also), tag, text).ok().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::primitives::tests::are_the_known_ones;

    #[test]
    fn those_of_aws_lc_are_the_known_ones() {
        are_the_known_ones::<X25519, ChaChaPoly, AesGcm>();
    }
}
