//! The primitives in Rust alone: for every build, also without a heap.

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{Aead, Curve, Secret, Tag};

pub(crate) enum X25519 {}

impl Curve for X25519 {
    type Key = StaticSecret;

    fn key(secret: &[u8; 32]) -> StaticSecret {
        StaticSecret::from(*secret)
    }

    fn public(key: &StaticSecret) -> [u8; 32] {
        PublicKey::from(key).to_bytes()
    }

    fn shared(key: &StaticSecret, public: &[u8; 32]) -> Option<Secret> {
        let shared = key.diffie_hellman(&PublicKey::from(*public));
        shared.was_contributory().then(|| Zeroizing::new(shared.to_bytes()))
    }
}

pub(crate) struct ChaChaPoly(ChaCha20Poly1305);

impl Aead for ChaChaPoly {
    fn new(key: &[u8; 32]) -> Option<Self> {
        Some(Self(ChaCha20Poly1305::new(key.into())))
    }

    fn seal(&self, nonce: &[u8; 12], also: &[u8], text: &mut [u8]) -> Option<Tag> {
        self.0.encrypt_inout_detached(nonce.into(), also, text.into()).ok().map(Into::into)
    }

    fn open(&self, nonce: &[u8; 12], also: &[u8], text: &mut [u8], tag: &Tag) -> Option<()> {
        self.0.decrypt_inout_detached(nonce.into(), also, text.into(), tag.into()).ok()
    }
}

pub(crate) use aes::AesGcm;

#[cfg(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64"))]
mod aes {
    use aes_gcm::Aes256Gcm;
    use aes_gcm::aead::{AeadInOut, KeyInit};

    use super::super::{Aead, Tag};

    pub(crate) struct AesGcm(Aes256Gcm);

    impl Aead for AesGcm {
        fn new(key: &[u8; 32]) -> Option<Self> {
            Some(Self(Aes256Gcm::new(key.into())))
        }

        fn seal(&self, nonce: &[u8; 12], also: &[u8], text: &mut [u8]) -> Option<Tag> {
            self.0.encrypt_inout_detached(nonce.into(), also, text.into()).ok().map(Into::into)
        }

        fn open(&self, nonce: &[u8; 12], also: &[u8], text: &mut [u8], tag: &Tag) -> Option<()> {
            self.0.decrypt_inout_detached(nonce.into(), also, text.into(), tag.into()).ok()
        }
    }
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
mod aes {
    use super::super::{Aead, Tag};

    /// A processor without AES never agrees to use it.
    pub(crate) enum AesGcm {}

    impl Aead for AesGcm {
        fn new(_: &[u8; 32]) -> Option<Self> {
            None
        }

        fn seal(&self, _: &[u8; 12], _: &[u8], _: &mut [u8]) -> Option<Tag> {
            match *self {}
        }

        fn open(&self, _: &[u8; 12], _: &[u8], _: &mut [u8], _: &Tag) -> Option<()> {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::primitives::tests::are_the_known_ones;

    #[test]
    fn those_in_rust_are_the_known_ones() {
        are_the_known_ones::<X25519, ChaChaPoly, AesGcm>();
    }
}
