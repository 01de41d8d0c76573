//! Messages that wait, each lane in its order: their headers and their bytes.

use core::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Full, Plain};
use crate::body::{Body, Handed};
use crate::message::Lane;

/// Two rows of messages, one a lane. Messages are named by their place in their row; taking one out moves up those
/// behind it.
///
/// To serde the bytes are their length: what is restored is as long, and all zero. Both kinds of tables are written
/// alike.
pub trait Parcels<H: Plain>: Default + Clone + fmt::Debug + Serialize + DeserializeOwned {
    /// How many bytes a table of these takes for each message, its body aside.
    const EACH: usize;

    /// The bytes of a message that is all here, as small as can be.
    type Whole<'a>: Copy + Into<Body<'a>>
    where
        Self: 'a,
        H: 'a;

    /// How many messages there are on a lane.
    fn len(&self, lane: Lane) -> usize;

    /// What is known of one.
    fn header(&self, lane: Lane, at: usize) -> Option<&H>;

    /// The bytes of one, as far as they are here.
    fn body(&self, lane: Lane, at: usize) -> Body<'_>;

    /// The messages of a lane from one on, each with its bytes, but for a last one that has not come whole.
    fn whole_from<'a>(&'a self, lane: Lane, at: usize) -> impl Iterator<Item = (&'a H, Self::Whole<'a>)>
    where
        H: 'a;

    /// Puts one behind the others, with its first bytes; `total` of them will come. They may be taken out of `body`.
    ///
    /// # Errors
    ///
    /// There is no room. Nothing has changed.
    fn push(&mut self, lane: Lane, header: H, body: &mut Body<'_>, total: usize) -> Result<(), Full>;

    /// Adds bytes to the last one.
    ///
    /// # Errors
    ///
    /// There is no room, or no message. Nothing has changed.
    fn extend(&mut self, lane: Lane, body: &Body<'_>) -> Result<(), Full>;

    /// Gives the bytes of one up, and keeps its header, which may change with that.
    fn give_up(&mut self, lane: Lane, at: usize, to: impl FnOnce(&mut H, Handed<'_>));

    /// Takes one out.
    fn remove(&mut self, lane: Lane, at: usize) -> Option<H>;
}

/// The most that a restored message has: a length from anywhere allocates no more.
const MOST: u32 = 1 << 24;

/// What is written of a message: what is known of it, and how long it is so far, and in the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Written<H: Plain> {
    pub(super) header: H,
    len: u32,
    total: u32,
}

impl<H: Plain> Written<H> {
    pub(super) fn new(header: H, len: usize, total: usize) -> Self {
        let bound = |len: usize| u32::try_from(len).unwrap_or(MOST);
        Self { header, len: bound(len), total: bound(total) }
    }

    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.len.min(MOST) as usize, self.total.min(MOST) as usize)
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::storage::{FixedParcels, HeapParcels};

    fn a_message_is_whole_once_all_of_it_is_there<P: Parcels<u8>>() {
        let mut parcels = P::default();
        let whole = |parcels: &P, at| -> Vec<(u8, usize)> {
            let lengths = |(header, bytes): (&u8, P::Whole<'_>)| (*header, bytes.into().len());
            parcels.whole_from(Lane::Ordinary, at).map(lengths).collect()
        };
        for (header, lane, len, total) in [
            (1, Lane::Ordinary, 3, 3),
            (2, Lane::Urgent, 4, 4),
            (3, Lane::Ordinary, 0, 0),
            (4, Lane::Ordinary, 5, 6),
        ] {
            assert_eq!(parcels.push(lane, header, &mut [7; 9][..len].into(), total), Ok(()));
        }
        assert_eq!(whole(&parcels, 0), [(1, 3), (3, 0)], "the last has not come whole");
        assert_eq!(whole(&parcels, 1), [(3, 0)]);
        assert_eq!(parcels.extend(Lane::Ordinary, &(&[7]).into()), Ok(()));
        assert_eq!(whole(&parcels, 1), [(3, 0), (4, 6)]);
        assert_eq!(whole(&parcels, 3), []);
        assert_eq!(whole(&parcels, usize::MAX), []);
    }

    #[test]
    fn a_message_is_whole_once_all_of_it_is_there_on_the_heap() {
        a_message_is_whole_once_all_of_it_is_there::<HeapParcels<u8>>();
    }

    #[test]
    fn a_message_is_whole_once_all_of_it_is_there_in_place() {
        a_message_is_whole_once_all_of_it_is_there::<FixedParcels<u8, 32, 8>>();
    }
}
