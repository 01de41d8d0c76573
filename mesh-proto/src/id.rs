//! Names: of nodes, of their runs, of links.

use core::fmt::{self, Write};
use core::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::letters;
use crate::storage::Slot;

/// So many letters of a name are enough to tell some nodes apart.
const SHORT: usize = 8;

/// A node's name: the public key that the handshake of every one of its links proves.
///
/// Ids are compared as whole bytes. Of a pair, the node with the lower id is the decider (rule R2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId([u8; 32]);

impl NodeId {
    /// The name with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the name.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn letters(&self, f: &mut fmt::Formatter<'_>, most: usize) -> fmt::Result {
        let mut symbols = [0; letters::KEY + letters::CHECK];
        letters::spell(letters::NODE, &self.0, &mut symbols);
        letters::characters(&symbols).take(most).try_for_each(|letter| f.write_char(char::from(letter)))
    }

    /// What the table of peers is sorted by: enough to find a peer with one comparison more.
    pub(crate) const fn prefix(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// The name as people copy it, with characters that tell a typo. With the feature `noise` it can be read again.
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}1", letters::NODE)?;
        self.letters(f, usize::MAX)
    }
}

/// The first letters of what [`Display`](fmt::Display) writes behind `meshnode1`.
impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.letters(f, SHORT)
    }
}

/// A run of a node: a number that rises with every start, and random bits drawn at the start.
///
/// It tells a restart from a reconnect, and one run of a key from another (rule R6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Incarnation {
    /// Kept with the identity, or from the clock: never falling on a healthy system.
    pub start: u64,
    /// Drawn at the start, never stored.
    pub bits: u64,
}

impl Incarnation {
    /// The run with this start number and these random bits.
    #[must_use]
    pub const fn new(start: u64, bits: u64) -> Self {
        Self { start, bits }
    }
}

/// A link's name inside one node.
///
/// The machine mints it, in [`Action::Dial`](crate::Action::Dial) or in the answer to
/// [`Event::Incoming`](crate::Event::Incoming); nobody else can, and it is never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkId(NonZeroU64);

impl LinkId {
    /// How many low bits say where the link is kept; the rest is a number that only rises.
    const SLOT_BITS: u32 = 24;
    /// How many links can be told apart at one time.
    pub(crate) const MOST: usize = 1 << Self::SLOT_BITS;

    pub(crate) fn mint(serial: u64, slot: Slot) -> Option<Self> {
        let place = u64::try_from(slot.index()).ok().filter(|place| place >> Self::SLOT_BITS == 0)?;
        if serial >> (u64::BITS - Self::SLOT_BITS) != 0 {
            return None;
        }
        NonZeroU64::new((serial << Self::SLOT_BITS) | place).map(Self)
    }

    pub(crate) fn slot(self) -> Option<Slot> {
        Slot::from_index((self.0.get() & ((1 << Self::SLOT_BITS) - 1)) as usize)
    }

    /// The number of this link among all that the node ever had: rises with each.
    #[must_use]
    pub const fn serial(self) -> u64 {
        self.0.get() >> Self::SLOT_BITS
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.serial())
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.serial())
    }
}

/// A link's name that both of its ends know: taken from the handshake, so nobody else can make one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkTag(u64);

impl LinkTag {
    /// The tag with this value.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The value of the tag.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for LinkTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "~{:x}", self.0)
    }
}
