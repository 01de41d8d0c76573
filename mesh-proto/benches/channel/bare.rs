//! The ciphers by themselves, from the same crates that the channel has them from.

/// How long a tag is.
pub(crate) const TAG: usize = 16;

/// Which cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    ChaChaPoly,
    AesGcm,
}

impl Suite {
    pub(crate) const ALL: [Self; 2] = [Self::ChaChaPoly, Self::AesGcm];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ChaChaPoly => "ChaCha20-Poly1305",
            Self::AesGcm => "AES-256-GCM",
        }
    }
}

/// A cipher with a key, and the numbers of the next texts.
pub(crate) struct Bare {
    cipher: Cipher,
    sealed: u64,
    opened: u64,
}

impl Bare {
    pub(crate) fn new(suite: Suite) -> Self {
        Self { cipher: Cipher::new(suite, &[7; 32]), sealed: 0, opened: 0 }
    }

    pub(crate) fn seal(&mut self, text: &mut [u8]) -> [u8; TAG] {
        let nonce = nonce(self.sealed);
        self.sealed += 1;
        self.cipher.seal(nonce, text)
    }

    /// Seals the first `plain` bytes of a text that is longer by a tag.
    pub(crate) fn seal_whole(&mut self, text: &mut [u8], plain: usize) {
        let (text, end) = text.split_at_mut(plain);
        let tag = self.seal(text);
        end[..TAG].copy_from_slice(&tag);
    }

    /// Opens a text with its tag behind it.
    pub(crate) fn open_whole<'t>(&mut self, text: &'t mut [u8]) -> &'t [u8] {
        let nonce = nonce(self.opened);
        self.opened += 1;
        let (text, tag) = text.split_last_chunk_mut().expect("there is a tag");
        self.cipher.open(nonce, text, tag);
        text
    }
}

fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_le_bytes());
    nonce
}

#[cfg(feature = "aws-lc")]
pub(crate) use with_aws_lc::BY;
#[cfg(feature = "aws-lc")]
use with_aws_lc::Cipher;

#[cfg(feature = "aws-lc")]
mod with_aws_lc {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

    use super::{Suite, TAG};

    pub(crate) const BY: &str = "AWS-LC";

    pub(super) struct Cipher(LessSafeKey);

    impl Cipher {
        pub(super) fn new(suite: Suite, key: &[u8; 32]) -> Self {
            let algorithm = match suite {
                Suite::ChaChaPoly => &CHACHA20_POLY1305,
                Suite::AesGcm => &AES_256_GCM,
            };
            Self(LessSafeKey::new(UnboundKey::new(algorithm, key).expect("a key of the right length")))
        }

        pub(super) fn seal(&self, nonce: [u8; 12], text: &mut [u8]) -> [u8; TAG] {
            let nonce = Nonce::assume_unique_for_key(nonce);
            let tag = self.0.seal_in_place_separate_tag(nonce, Aad::empty(), text).expect("not too long");
            tag.as_ref().try_into().expect("a tag has this length")
        }

        pub(super) fn open(&self, nonce: [u8; 12], text: &mut [u8], tag: &[u8; TAG]) {
            let nonce = Nonce::assume_unique_for_key(nonce);
            self.0.open_in_place_separate_tag(nonce, Aad::empty(), tag, text).expect("as it was sealed");
        }
    }
}

#[cfg(not(feature = "aws-lc"))]
pub(crate) use in_rust::BY;
#[cfg(not(feature = "aws-lc"))]
use in_rust::Cipher;

#[cfg(not(feature = "aws-lc"))]
mod in_rust {
    use aes_gcm::Aes256Gcm;
    use chacha20poly1305::ChaCha20Poly1305;
    use chacha20poly1305::aead::{AeadInOut, KeyInit};

    use super::{Suite, TAG};

    pub(crate) const BY: &str = "RustCrypto";

    #[expect(clippy::large_enum_variant, reason = "there are a few of them, and a box would cost time")]
    pub(super) enum Cipher {
        ChaChaPoly(ChaCha20Poly1305),
        AesGcm(Aes256Gcm),
    }

    impl Cipher {
        pub(super) fn new(suite: Suite, key: &[u8; 32]) -> Self {
            match suite {
                Suite::ChaChaPoly => Self::ChaChaPoly(ChaCha20Poly1305::new(key.into())),
                Suite::AesGcm => Self::AesGcm(Aes256Gcm::new(key.into())),
            }
        }

        pub(super) fn seal(&self, nonce: [u8; 12], text: &mut [u8]) -> [u8; TAG] {
            let (nonce, text) = ((&nonce).into(), text.into());
            let tag = match self {
                Self::ChaChaPoly(cipher) => cipher.encrypt_inout_detached(nonce, b"", text),
                Self::AesGcm(cipher) => cipher.encrypt_inout_detached(nonce, b"", text),
            };
            tag.expect("not too long").into()
        }

        pub(super) fn open(&self, nonce: [u8; 12], text: &mut [u8], tag: &[u8; TAG]) {
            let (nonce, text, tag) = ((&nonce).into(), text.into(), tag.into());
            match self {
                Self::ChaChaPoly(cipher) => cipher.decrypt_inout_detached(nonce, b"", text, tag),
                Self::AesGcm(cipher) => cipher.decrypt_inout_detached(nonce, b"", text, tag),
            }
            .expect("as it was sealed");
        }
    }
}
