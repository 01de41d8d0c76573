//! One direction's cipher: a key, and the number of the next text.

use crate::wire::primitives::{Aead, AesGcm, ChaChaPoly, Tag};

/// After so many texts under one key the next key takes over.
///
/// Both ends count, so nothing is said about it. It keeps what one key seals far below what AES-GCM can bear, and a key
/// that is stolen opens little of what went before it.
pub(super) const TEXTS_PER_KEY: u64 = 1 << 16;

/// Which cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suite {
    ChaChaPoly,
    AesGcm,
    /// None: the channel is not protected.
    Clear,
}

/// A key of some cipher and the number that the next text gets: what Noise calls a CipherState.
pub(super) struct CipherState {
    cipher: Cipher,
    next: u64,
}

#[cfg_attr(
    all(not(feature = "aws-lc"), any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")),
    expect(
        clippy::large_enum_variant,
        reason = "a link has two of these, and a build without a heap cannot box one"
    )
)]
enum Cipher {
    ChaChaPoly(ChaChaPoly),
    AesGcm(AesGcm),
    Clear,
}

impl CipherState {
    pub(super) fn new(suite: Suite, key: &[u8; 32]) -> Option<Self> {
        Cipher::new(suite, key).map(|cipher| Self { cipher, next: 0 })
    }

    /// By how much sealing makes a text longer.
    pub(super) const fn overhead(&self) -> usize {
        match self.cipher {
            Cipher::ChaChaPoly(_) | Cipher::AesGcm(_) => crate::wire::primitives::TAG,
            Cipher::Clear => 0,
        }
    }

    /// Seals the next text in place. Nothing once all numbers are used up.
    pub(super) fn seal(&mut self, also: &[u8], text: &mut [u8]) -> Option<Tag> {
        let number = self.number()?;
        let tag = self.cipher.seal(number, also, text)?;
        self.count(number)?;
        Some(tag)
    }

    /// Opens the next text in place; nothing if it is not the text that was sealed with this number.
    pub(super) fn open(&mut self, also: &[u8], text: &mut [u8], tag: &Tag) -> Option<()> {
        let number = self.number()?;
        self.cipher.open(number, also, text, tag)?;
        self.count(number)
    }

    /// Goes on with the key that Noise derives from this one, for the same cipher or another; the numbers go on too.
    pub(super) fn rekey(&mut self, suite: Suite) -> Option<()> {
        let mut key = zeroize::Zeroizing::new([0; 32]);
        // The last number is used for nothing else.
        self.cipher.seal(u64::MAX, b"", key.as_mut_slice())?;
        self.cipher = Cipher::new(suite, &key)?;
        Some(())
    }

    fn number(&self) -> Option<u64> {
        (self.next != u64::MAX).then_some(self.next)
    }

    fn count(&mut self, number: u64) -> Option<()> {
        self.next = number.checked_add(1)?;
        if self.next.is_multiple_of(TEXTS_PER_KEY) { self.rekey(self.cipher.suite()) } else { Some(()) }
    }
}

impl core::fmt::Debug for CipherState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CipherState").field("suite", &self.cipher.suite()).field("next", &self.next).finish()
    }
}

impl Cipher {
    fn new(suite: Suite, key: &[u8; 32]) -> Option<Self> {
        match suite {
            Suite::ChaChaPoly => ChaChaPoly::new(key).map(Self::ChaChaPoly),
            Suite::AesGcm => AesGcm::new(key).map(Self::AesGcm),
            Suite::Clear => Some(Self::Clear),
        }
    }

    const fn suite(&self) -> Suite {
        match self {
            Self::ChaChaPoly(_) => Suite::ChaChaPoly,
            Self::AesGcm(_) => Suite::AesGcm,
            Self::Clear => Suite::Clear,
        }
    }

    #[inline(always)]
    fn seal(&self, number: u64, also: &[u8], text: &mut [u8]) -> Option<Tag> {
        match self {
            Self::ChaChaPoly(cipher) => cipher.seal(&with_low_end_first(number), also, text),
            Self::AesGcm(cipher) => cipher.seal(&with_high_end_first(number), also, text),
            Self::Clear => Some(Tag::default()),
        }
    }

    #[inline(always)]
    fn open(&self, number: u64, also: &[u8], text: &mut [u8], tag: &Tag) -> Option<()> {
        match self {
            Self::ChaChaPoly(cipher) => cipher.open(&with_low_end_first(number), also, text, tag),
            Self::AesGcm(cipher) => cipher.open(&with_high_end_first(number), also, text, tag),
            Self::Clear => Some(()),
        }
    }
}

/// A number as Noise encodes it for ChaChaPoly.
fn with_low_end_first(number: u64) -> [u8; 12] {
    nonce(number.to_le_bytes())
}

/// A number as Noise encodes it for AESGCM.
fn with_high_end_first(number: u64) -> [u8; 12] {
    nonce(number.to_be_bytes())
}

/// Made as one number: a cipher reads it in wide loads, which wait for narrow stores.
#[inline(always)]
fn nonce(bytes: [u8; 8]) -> [u8; 12] {
    let wide = u128::from(u64::from_le_bytes(bytes)) << 32;
    wide.to_le_bytes().first_chunk().copied().unwrap_or_default()
}
