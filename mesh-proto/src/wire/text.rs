//! Keys as text that people copy, as [`letters`](crate::letters) spells them, and what is told of a typo.

use core::fmt;

use zeroize::Zeroizing;

use crate::letters::{ALPHABET, BECH32M, CHECK, KEY, NODE, characters, residue, spell};

/// What a text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextKind {
    /// The name of a node, which may be shown to anybody.
    NodeId,
    /// The secret of a node.
    Identity,
    /// The secret of a mesh.
    MeshSecret,
}

impl TextKind {
    const ALL: [Self; 3] = [Self::NodeId, Self::Identity, Self::MeshSecret];

    /// What the text begins with, before a `1`.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::NodeId => NODE,
            Self::Identity => "meshidentity",
            Self::MeshSecret => "meshsecret",
        }
    }
}

impl fmt::Display for TextKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NodeId => "the id of a node",
            Self::Identity => "the identity of a node",
            Self::MeshSecret => "the secret of a mesh",
        })
    }
}

/// What is wrong with a text. Places are counted in characters from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextError {
    /// It does not begin like any key.
    Unknown,
    /// It is something else than what was asked for.
    Other {
        /// What was asked for.
        wanted: TextKind,
        /// What it is.
        found: TextKind,
    },
    /// This character is never in a key.
    Character {
        /// Where it stands.
        at: usize,
    },
    /// It has too many or too few characters.
    Length {
        /// How many it has.
        found: usize,
        /// How many it should have.
        wanted: usize,
    },
    /// Something in it is not as it was written.
    Typo {
        /// Where, if it can be told.
        at: Option<usize>,
    },
    /// It was copied well, and is no key.
    NoKey,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => {
                f.write_str("it begins with none of")?;
                TextKind::ALL.iter().try_for_each(|kind| write!(f, " {}1", kind.prefix()))
            }
            Self::Other { wanted, found } => write!(f, "it is {found}, not {wanted}"),
            Self::Character { at } => write!(f, "character {at} is never in a key"),
            Self::Length { found, wanted } => write!(f, "it has {found} characters instead of {wanted}"),
            Self::Typo { at: Some(at) } => write!(f, "a typo, it seems at character {at}"),
            Self::Typo { at: None } => f.write_str("a typo"),
            Self::NoKey => f.write_str("it is no key"),
        }
    }
}

impl core::error::Error for TextError {}

/// The longest text: the longest prefix, a `1`, 52 characters of key and 6 that tell a typo.
const LONGEST: usize = 12 + 1 + KEY + CHECK;
/// A key as text. It is wiped when it is dropped, and shown only by asking for it.
pub struct Text {
    bytes: Zeroizing<[u8; LONGEST]>,
    length: usize,
}

impl Text {
    pub(super) fn of(kind: TextKind, key: &[u8; 32]) -> Self {
        let mut text = Self { bytes: Zeroizing::new([0; LONGEST]), length: 0 };
        let mut symbols = Zeroizing::new([0; KEY + CHECK]);
        spell(kind.prefix(), key, &mut symbols);
        let prefix = kind.prefix().bytes().chain([b'1']);
        for (place, character) in text.bytes.iter_mut().zip(prefix.chain(characters(&*symbols))) {
            *place = character;
            text.length += 1;
        }
        text
    }

    /// The text. Where it is a secret, whoever reads it has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let written = self.bytes.get(..self.length).unwrap_or_default();
        core::str::from_utf8(written).expect("it is made of characters of the alphabet")
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(..)")
    }
}

/// Reads a key of this kind. Space around it and capital letters do not matter.
pub(super) fn read(wanted: TextKind, text: &str) -> Result<Zeroizing<[u8; 32]>, TextError> {
    let text = text.trim();
    let (found, rest) = TextKind::ALL
        .into_iter()
        .find_map(|kind| behind(kind.prefix(), text).map(|rest| (kind, rest)))
        .ok_or(TextError::Unknown)?;
    if found != wanted {
        return Err(TextError::Other { wanted, found });
    }
    let before = wanted.prefix().len() + 1;
    let mut symbols = Zeroizing::new([0; KEY + CHECK]);
    let mut length = 0;
    for character in rest.chars() {
        let symbol = symbol(character).ok_or(TextError::Character { at: before + length + 1 })?;
        if let Some(place) = symbols.get_mut(length) {
            *place = symbol;
        }
        length += 1;
    }
    if length != symbols.len() {
        return Err(TextError::Length { found: before + length, wanted: before + symbols.len() });
    }
    if residue(wanted.prefix(), &*symbols) != BECH32M {
        return Err(TextError::Typo { at: typo(wanted, &mut *symbols).map(|at| before + at + 1) });
    }
    bytes(&*symbols).ok_or(TextError::NoKey)
}

/// What comes behind this prefix and a `1`.
fn behind<'t>(prefix: &str, text: &'t str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| rest.strip_prefix('1')).flatten()
}

fn symbol(character: char) -> Option<u8> {
    let lower = u8::try_from(character.to_ascii_lowercase()).ok()?;
    ALPHABET.iter().zip(0..).find_map(|(known, symbol)| (*known == lower).then_some(symbol))
}

/// The one place where another character, or a change of places with the next one, would make the text whole.
fn typo(kind: TextKind, symbols: &mut [u8]) -> Option<usize> {
    for at in 0..symbols.len() {
        let Some(written) = symbols.get(at).copied() else { continue };
        for other in 0..32 {
            put(symbols, at, other);
            if residue(kind.prefix(), symbols) == BECH32M {
                return Some(at);
            }
        }
        put(symbols, at, written);
        let Some(next) = symbols.get(at + 1).copied() else { continue };
        put(symbols, at, next);
        put(symbols, at + 1, written);
        if residue(kind.prefix(), symbols) == BECH32M {
            return Some(at);
        }
        put(symbols, at, written);
        put(symbols, at + 1, next);
    }
    None
}

fn put(symbols: &mut [u8], at: usize, symbol: u8) {
    if let Some(place) = symbols.get_mut(at) {
        *place = symbol;
    }
}

/// The key, if the four bits behind it are zero.
fn bytes(symbols: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    let mut places = key.iter_mut();
    let (mut bits, mut count) = (0u32, 0);
    for symbol in symbols.iter().take(KEY) {
        bits = ((bits << 5) | u32::from(*symbol)) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            let [.., byte] = (bits >> count).to_be_bytes();
            if let Some(place) = places.next() {
                *place = byte;
            }
        }
    }
    (bits & ((1 << count) - 1) == 0).then_some(key)
}

#[cfg(test)]
mod tests {
    extern crate alloc;

    use super::*;

    const KIND: TextKind = TextKind::MeshSecret;

    fn key() -> [u8; 32] {
        core::array::from_fn(|nth| (nth * 37 + 11) as u8)
    }

    #[test]
    fn a_text_comes_back() {
        for kind in TextKind::ALL {
            for key in [key(), [0; 32], [0xff; 32]] {
                let text = Text::of(kind, &key);
                assert_eq!(read(kind, text.as_str()).map(|key| *key), Ok(key));
                assert_eq!(text.as_str().len(), kind.prefix().len() + 1 + KEY + CHECK);
            }
        }
    }

    /// Three valid texts of BIP-350: two that are a prefix alone, and one with data.
    #[test]
    fn the_check_is_that_of_bech32m() {
        let remainder = |prefix: &str, rest: &str| {
            let symbols = rest.chars().map(|character| symbol(character).expect("of the alphabet"));
            residue(prefix, &symbols.collect::<heapless::Vec<u8, 64>>())
        };
        assert_eq!(remainder("a", "lqfn3a"), BECH32M);
        assert_eq!(remainder("?", "v759aa"), BECH32M);
        assert_eq!(remainder("split", "checkupstagehandshakeupstreamerranterredcaperredlc445v"), BECH32M);
    }

    /// Every wrong character at every place, and every two neighbours that changed places.
    #[test]
    fn a_typo_is_told_with_its_place() {
        let text = Text::of(KIND, &key());
        let mut buffer = [0; LONGEST];
        let whole = text.as_str().as_bytes();
        let buffer = buffer.get_mut(..whole.len()).expect("as long");
        for at in KIND.prefix().len() + 1..whole.len() {
            for wrong in ALPHABET.iter().filter(|wrong| **wrong != whole[at]) {
                buffer.copy_from_slice(whole);
                buffer[at] = *wrong;
                let read = read(KIND, core::str::from_utf8(buffer).expect("characters"));
                assert_eq!(read.map(drop), Err(TextError::Typo { at: Some(at + 1) }));
            }
            if whole.get(at + 1).is_some_and(|next| *next != whole[at]) {
                buffer.copy_from_slice(whole);
                buffer.swap(at, at + 1);
                let read = read(KIND, core::str::from_utf8(buffer).expect("characters"));
                assert_eq!(read.map(drop), Err(TextError::Typo { at: Some(at + 1) }));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let other = TextError::Other { wanted: TextKind::Identity, found: TextKind::NodeId };
        for (error, words) in [
            (TextError::Unknown, "it begins with none of meshnode1 meshidentity1 meshsecret1"),
            (other, "it is the id of a node, not the identity of a node"),
            (TextError::Character { at: 7 }, "character 7 is never in a key"),
            (TextError::Length { found: 9, wanted: 10 }, "it has 9 characters instead of 10"),
            (TextError::Typo { at: Some(7) }, "a typo, it seems at character 7"),
            (TextError::Typo { at: None }, "a typo"),
            (TextError::NoKey, "it is no key"),
        ] {
            assert_eq!(alloc::format!("{error}"), words);
        }
    }

    #[test]
    fn what_is_something_else_is_told_as_such() {
        let id = Text::of(TextKind::NodeId, &key());
        let other = Err(TextError::Other { wanted: KIND, found: TextKind::NodeId });
        assert_eq!(read(KIND, id.as_str()).map(drop), other);
        assert_eq!(read(KIND, "").map(drop), Err(TextError::Unknown));
        assert_eq!(read(KIND, "meshsecert1qqqq").map(drop), Err(TextError::Unknown));
        assert_eq!(read(KIND, "meshsecret1qqqq").map(drop), Err(TextError::Length { found: 15, wanted: 69 }));
        assert_eq!(read(KIND, "meshsecret1qqéq").map(drop), Err(TextError::Character { at: 14 }));
        assert_eq!(read(KIND, "meshsecret1bqqq").map(drop), Err(TextError::Character { at: 12 }));
    }

    #[test]
    fn space_and_capitals_do_not_matter() {
        let text = Text::of(KIND, &key());
        let mut loud = heapless::String::<80>::new();
        for character in ['\n', ' '].into_iter().chain(text.as_str().chars()).chain([' ']) {
            loud.push(character.to_ascii_uppercase()).expect("short");
        }
        assert_eq!(read(KIND, &loud).map(|key| *key), Ok(key()));
    }

    /// Four bits are left over behind a key; whoever sets one has no second way to write it.
    #[test]
    fn there_is_one_text_for_a_key() {
        let mut symbols = [31; KEY + CHECK];
        assert_eq!(bytes(&symbols).map(drop), None);
        symbols[KEY - 1] = 0b10000;
        assert_eq!(bytes(&symbols).map(|key| *key), Some([0xff; 32]));
    }
}
