//! What the channel computes with: one curve and two ciphers, behind two small traits.
//!
//! Whoever implements them, the bytes are the same; a feature chooses who does.

use zeroize::Zeroizing;

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(any(test, not(feature = "aws-lc")))]
mod pure;

#[cfg(feature = "aws-lc")]
pub(super) use aws_lc::{AesGcm, ChaChaPoly, X25519};
#[cfg(not(feature = "aws-lc"))]
pub(super) use pure::{AesGcm, ChaChaPoly, X25519};

/// What proves that a text was not altered.
pub(super) type Tag = [u8; TAG];

/// How long a tag is, with either cipher.
pub(super) const TAG: usize = 16;

/// A secret key of the curve.
pub(super) type Key = <X25519 as Curve>::Key;

/// Bytes that are wiped when they are dropped.
pub(super) type Secret = Zeroizing<[u8; 32]>;

/// The curve.
pub(super) trait Curve {
    /// A secret key, made ready once. It is wiped when it is dropped.
    type Key;

    /// The key with these bytes.
    fn key(secret: &[u8; 32]) -> Self::Key;

    /// The public key that belongs to a secret one.
    fn public(key: &Self::Key) -> [u8; 32];

    /// What two keys have in common; nothing if that is zero, which only keys of low order come to.
    fn shared(key: &Self::Key, public: &[u8; 32]) -> Option<Secret>;
}

/// A cipher that notices what was altered.
pub(super) trait Aead: Sized {
    /// With this key; nothing on a processor that this build has no such cipher for.
    fn new(key: &[u8; 32]) -> Option<Self>;

    /// Makes `text` unreadable, in place. Nothing if it is longer than the cipher can take.
    fn seal(&self, nonce: &[u8; 12], also: &[u8], text: &mut [u8]) -> Option<Tag>;

    /// Makes `text` readable again; nothing if it, `also` or `tag` is not what was sealed.
    fn open(&self, nonce: &[u8; 12], also: &[u8], text: &mut [u8], tag: &Tag) -> Option<()>;
}

/// Whether this processor has AES and what GCM multiplies with in hardware.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub(super) fn has_aes() -> bool {
    cpufeatures::new!(hardware, "aes", "pclmulqdq", "ssse3");
    hardware::get()
}

/// Whether this processor has AES and what GCM multiplies with in hardware.
#[cfg(target_arch = "aarch64")]
pub(super) fn has_aes() -> bool {
    cpufeatures::new!(hardware, "aes");
    hardware::get()
}

/// Whether this processor has AES and what GCM multiplies with in hardware.
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn has_aes() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        let mut bytes = [0; N];
        for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let digits = core::str::from_utf8(digits).expect("digits");
            *byte = u8::from_str_radix(digits, 16).expect("hexadecimal");
        }
        bytes
    }

    /// RFC 7748, section 6.1.
    fn agrees<C: Curve>() {
        let alice = C::key(&bytes("77076d0a7318a57d3c16c17251b26645c6da8d57c7a7a6a6c5b1b6b6a6e2ff2c"));
        let bob = C::key(&bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
        let (for_alice, for_bob) = (C::public(&alice), C::public(&bob));
        assert_eq!(for_bob, bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
        assert_eq!(
            C::shared(&alice, &for_bob).map(|secret| *secret),
            C::shared(&bob, &for_alice).map(|secret| *secret)
        );
    }

    fn refuses_low_order<C: Curve>() {
        let low_order = [
            [0; 32],
            bytes("0100000000000000000000000000000000000000000000000000000000000000"),
            bytes("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
            bytes("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
            bytes("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ];
        for public in low_order {
            assert!(C::shared(&C::key(&[7; 32]), &public).is_none(), "{public:02x?}");
        }
    }

    /// Seals and opens, and notices every kind of alteration.
    fn keeps_faith<A: Aead>() {
        let (key, nonce) = ([3; 32], [4; 12]);
        let Some(cipher) = A::new(&key) else { return };
        let mut text = *b"a text of some length, longer than a block";
        let tag = cipher.seal(&nonce, b"also", &mut text).expect("short");
        let sealed = text;
        assert!(cipher.open(&nonce, b"also", &mut text, &tag).is_some());
        assert_eq!(&text, b"a text of some length, longer than a block");
        let mut other = tag;
        other[15] ^= 1;
        for (nonce, also, tag) in [(&[5; 12], "also", &tag), (&nonce, "else", &tag), (&nonce, "also", &other)]
        {
            assert!(cipher.open(nonce, also.as_bytes(), &mut sealed.clone(), tag).is_none());
        }
    }

    /// RFC 8439, section 2.8.2.
    fn is_the_known_chacha<A: Aead>() {
        let mut key = [0; 32];
        key.iter_mut().zip(0x80..).for_each(|(byte, value)| *byte = value);
        let mut text = *b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for \
            the future, sunscreen would be it.";
        let also: [u8; 12] = bytes("50515253c0c1c2c3c4c5c6c7");
        let cipher = A::new(&key).expect("every processor has it");
        let tag = cipher.seal(&bytes("070000004041424344454647"), &also, &mut text);
        assert_eq!(text[..16], bytes::<16>("d31a8d34648e60db7b86afbc53ef7ec2"));
        assert_eq!(tag, Some(bytes("1ae10b594f09e26a7e902ecbd0600691")));
    }

    /// Test case 14 of the paper that proposed GCM.
    fn is_the_known_aes<A: Aead>() {
        let Some(cipher) = A::new(&[0; 32]) else { return };
        let mut text = [0; 16];
        let tag = cipher.seal(&[0; 12], b"", &mut text);
        assert_eq!(text, bytes("cea7403d4d606b6e074ec5d3baf39d18"));
        assert_eq!(tag, Some(bytes("d0d1c8a799996bf0265b98b5d48ab919")));
    }

    /// Everything that is known of a set of primitives.
    pub(super) fn are_the_known_ones<C: Curve, L: Aead, A: Aead>() {
        agrees::<C>();
        refuses_low_order::<C>();
        keeps_faith::<L>();
        keeps_faith::<A>();
        is_the_known_chacha::<L>();
        is_the_known_aes::<A>();
    }
}
