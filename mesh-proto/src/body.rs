//! The bytes of a message, or of a piece of one: moved, and never looked at.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::{Deref, Range};

#[cfg(feature = "alloc")]
use bytes::Bytes;
#[cfg(feature = "alloc")]
use serde::Deserialize;
use serde::{Serialize, Serializer};

/// The longest body that is made up when a trace is replayed.
#[cfg(feature = "alloc")]
const LONGEST: usize = 1 << 24;

/// Some bytes that the machine carries: borrowed from the caller, or, with the feature `alloc`, a shared handle to them
/// that is moved and never copied.
///
/// To serde a body is its length: payloads do not belong in a trace. What is read back is as long, and all zero.
#[derive(Clone)]
pub struct Body<'a>(Inner<'a>);

/// What is borrowed is apart from what is shared, so that both take no more room than a handle.
#[derive(Clone)]
enum Inner<'a> {
    Borrowed(Borrowed<'a>),
    #[cfg(feature = "alloc")]
    Shared(Bytes),
}

#[derive(Clone, Copy)]
enum Borrowed<'a> {
    Bytes(&'a [u8]),
    /// The bytes of a handle that is somebody else's, or a part of them: it is cloned where one is needed, and else costs
    /// nothing.
    #[cfg(feature = "alloc")]
    Lent(&'a [u8], &'a Bytes),
}

impl<'a> Borrowed<'a> {
    const fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            #[cfg(feature = "alloc")]
            Self::Lent(bytes, _) => bytes,
        }
    }

    #[inline(always)]
    fn part(self, range: Range<usize>) -> Self {
        let part = self.bytes().get(range).unwrap_or_default();
        match self {
            Self::Bytes(_) => Self::Bytes(part),
            #[cfg(feature = "alloc")]
            Self::Lent(_, handle) => Self::Lent(part, handle),
        }
    }

    #[cfg(feature = "alloc")]
    fn to_bytes(self) -> Bytes {
        match self {
            Self::Bytes(bytes) => Bytes::copy_from_slice(bytes),
            Self::Lent(bytes, handle) => handle.slice_ref(bytes),
        }
    }
}

impl Body<'_> {
    /// No bytes.
    pub const EMPTY: Self = Self(Inner::Borrowed(Borrowed::Bytes(&[])));

    /// A part of it, as far as it has that many bytes.
    #[must_use]
    #[inline(always)]
    pub fn part(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        match &self.0 {
            Inner::Borrowed(borrowed) => Self(Inner::Borrowed(borrowed.part(range))),
            #[cfg(feature = "alloc")]
            Inner::Shared(bytes) => Self(Inner::Shared(bytes.slice(range))),
        }
    }

    /// The same bytes, for as long as these are here. It costs nothing.
    #[must_use]
    pub fn lend(&self) -> Body<'_> {
        match &self.0 {
            Inner::Borrowed(borrowed) => Body(Inner::Borrowed(*borrowed)),
            #[cfg(feature = "alloc")]
            Inner::Shared(bytes) => bytes.into(),
        }
    }

    /// A handle to the bytes. What is only borrowed is copied.
    #[cfg(feature = "alloc")]
    #[must_use]
    #[inline(always)]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Inner::Borrowed(borrowed) => borrowed.to_bytes(),
            Inner::Shared(bytes) => bytes,
        }
    }

    /// Takes the handle out, if it is one of its own; an empty one stays.
    #[cfg(feature = "alloc")]
    #[inline(always)]
    pub(crate) fn take_handle(&mut self) -> Option<Bytes> {
        match &mut self.0 {
            Inner::Borrowed(_) => None,
            Inner::Shared(bytes) => Some(core::mem::take(bytes)),
        }
    }

    /// The same, depending on nobody. What is only borrowed is copied.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn into_owned(self) -> Body<'static> {
        Body(Inner::Shared(self.into_bytes()))
    }
}

/// The bytes of a message that is handed out: to be read where they lie, or taken from there. What is not taken is gone
/// afterwards.
pub struct Handed<'a>(Hand<'a>);

enum Hand<'a> {
    Bytes(&'a [u8]),
    #[cfg(feature = "alloc")]
    Handle(&'a mut Option<Bytes>),
}

impl Handed<'_> {
    /// A handle to the bytes: the machine's own where it has one, else they are copied.
    #[cfg(feature = "alloc")]
    #[must_use]
    #[inline(always)]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Hand::Bytes(bytes) => Bytes::copy_from_slice(bytes),
            Hand::Handle(bytes) => bytes.take().unwrap_or_default(),
        }
    }

    /// The same bytes, for as long as these are here.
    #[must_use]
    pub fn lend(&self) -> Body<'_> {
        match &self.0 {
            Hand::Bytes(bytes) => Body::from(*bytes),
            #[cfg(feature = "alloc")]
            Hand::Handle(bytes) => bytes.as_ref().map_or(Body::EMPTY, Body::from),
        }
    }
}

impl Deref for Handed<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Hand::Bytes(bytes) => bytes,
            #[cfg(feature = "alloc")]
            Hand::Handle(bytes) => bytes.as_deref().unwrap_or_default(),
        }
    }
}

impl<'a> From<&'a [u8]> for Handed<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Hand::Bytes(bytes))
    }
}

#[cfg(feature = "alloc")]
impl<'a> From<&'a mut Option<Bytes>> for Handed<'a> {
    fn from(bytes: &'a mut Option<Bytes>) -> Self {
        Self(Hand::Handle(bytes))
    }
}

impl PartialEq for Handed<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Handed<'_> {}

impl Hash for Handed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

/// The length alone, as of a [`Body`].
impl fmt::Debug for Handed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lend().fmt(f)
    }
}

impl Serialize for Handed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.lend().serialize(serializer)
    }
}

impl Deref for Body<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Inner::Borrowed(borrowed) => borrowed.bytes(),
            #[cfg(feature = "alloc")]
            Inner::Shared(bytes) => bytes,
        }
    }
}

impl Default for Body<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a> From<&'a [u8]> for Body<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Inner::Borrowed(Borrowed::Bytes(bytes)))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Body<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl<'a> From<&'a str> for Body<'a> {
    fn from(text: &'a str) -> Self {
        text.as_bytes().into()
    }
}

#[cfg(feature = "alloc")]
impl From<Bytes> for Body<'_> {
    fn from(bytes: Bytes) -> Self {
        Self(Inner::Shared(bytes))
    }
}

#[cfg(feature = "alloc")]
impl<'a> From<&'a Bytes> for Body<'a> {
    fn from(bytes: &'a Bytes) -> Self {
        Self(Inner::Borrowed(Borrowed::Lent(bytes, bytes)))
    }
}

#[cfg(feature = "alloc")]
impl From<alloc::vec::Vec<u8>> for Body<'_> {
    fn from(bytes: alloc::vec::Vec<u8>) -> Self {
        Self(Inner::Shared(bytes.into()))
    }
}

impl PartialEq for Body<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Body<'_> {}

impl Hash for Body<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

/// The length alone: what is in it is nobody's business.
impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.len())
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.len() as u64).serialize(serializer)
    }
}

#[cfg(feature = "alloc")]
impl<'de> Deserialize<'de> for Body<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let len = u64::deserialize(deserializer)?;
        match usize::try_from(len) {
            Ok(len) if len <= LONGEST => Ok(alloc::vec![0; len].into()),
            Ok(_) | Err(_) => Err(serde::de::Error::custom("a body is longer than any message")),
        }
    }
}

#[cfg(feature = "alloc")]
const _: () =
    assert!(size_of::<Body<'_>>() == size_of::<Bytes>(), "a list of bodies is as small as one of handles");

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_where_the_body_does() {
        for body in [Body::from(b"abcdef"), Body::from(b"abcdef".to_vec())] {
            assert_eq!(&*body.part(1..3), b"bc");
            assert_eq!(&*body.part(4..9), b"ef");
            assert_eq!(&*body.part(8..9), b"");
        }
    }

    #[test]
    fn a_body_is_written_as_its_length() {
        let bytes = postcard::to_allocvec(&Body::from(b"secret")).expect("a length can be written");
        assert_eq!(bytes, [6]);
        let again: Body<'_> = postcard::from_bytes(&bytes).expect("a length can be read");
        assert_eq!(&*again, [0; 6]);
        let long = postcard::to_allocvec(&(LONGEST as u64 + 1)).expect("a number can be written");
        assert!(postcard::from_bytes::<Body<'_>>(&long).is_err());
    }
}
