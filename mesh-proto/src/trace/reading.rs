//! Reading the items of a trace one by one.

use super::format::{Checksum, HEAD, Kind, MAGIC, TAIL, head_check};

/// What a trace may consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// A segment begins, in this version of the format.
    Magic { format: u8 },
    /// A record whose checksums are right.
    Record { kind: Kind, body: &'a [u8] },
}

/// Why there is no further item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The trace ends here.
    End,
    /// The trace ends within the item.
    CutShort,
    /// This is no item.
    Damaged,
}

/// Reads the item at the beginning of `bytes`, and says how long it is.
pub(super) fn read(bytes: &[u8]) -> Result<(Item<'_>, usize), Stop> {
    let first = bytes.first().ok_or(Stop::End)?;
    let [magic, ..] = MAGIC;
    if *first == magic {
        return read_magic(bytes);
    }
    let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(Stop::CutShort)?;
    let [kind, a, b, c, d, check @ ..] = *head;
    if check != head_check([kind, a, b, c, d]) {
        return Err(Stop::Damaged);
    }
    let kind = Kind::of(kind).ok_or(Stop::Damaged)?;
    let len = usize::try_from(u32::from_le_bytes([a, b, c, d])).map_err(|_| Stop::Damaged)?;
    let (body, rest) = rest.split_at_checked(len).ok_or(Stop::CutShort)?;
    let tail = rest.first_chunk::<TAIL>().ok_or(Stop::CutShort)?;
    let mut checksum = Checksum::new();
    checksum.add(head);
    checksum.add(body);
    if *tail != checksum.value().to_le_bytes() {
        return Err(Stop::Damaged);
    }
    Ok((Item::Record { kind, body }, HEAD + len + TAIL))
}

fn read_magic(bytes: &[u8]) -> Result<(Item<'_>, usize), Stop> {
    match bytes.split_first_chunk() {
        Some((&MAGIC, rest)) => {
            let format = *rest.first().ok_or(Stop::CutShort)?;
            Ok((Item::Magic { format }, MAGIC.len() + 1))
        }
        Some(_) => Err(Stop::Damaged),
        None if MAGIC.starts_with(bytes) => Err(Stop::CutShort),
        None => Err(Stop::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::trace::format::write;

    proptest! {
        #[test]
        fn what_was_written_is_read(body: Vec<u8>, more: Vec<u8>) {
            let mut bytes = Vec::new();
            prop_assert!(write(&mut bytes, Kind::Snapshot, &body).is_ok());
            let len = bytes.len();
            let body = postcard::to_allocvec(&body).expect("bytes can be written");
            for end in 1..len {
                prop_assert_eq!(read(&bytes[..end]), Err(Stop::CutShort));
            }
            bytes.extend(more);
            prop_assert_eq!(read(&bytes), Ok((Item::Record { kind: Kind::Snapshot, body: &body }, len)));
        }

        #[test]
        fn a_changed_bit_is_damage(body: Vec<u8>, at: prop::sample::Index, bit in 0..8u8) {
            let mut bytes = Vec::new();
            prop_assert!(write(&mut bytes, Kind::Event, &body).is_ok());
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(read(&bytes), Err(Stop::Damaged));
        }

        #[test]
        fn random_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let record = matches!(read(&bytes), Ok((Item::Record { .. }, _)));
            prop_assert!(!record);
        }
    }
}
