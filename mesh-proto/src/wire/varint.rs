//! Numbers as postcard writes them: seven bits to a byte, the low ones first, the top bit for 'more comes'.
//!
//! Every message has some in front of it, and serde is three times slower at these few bytes.

/// The most bytes of a number of 32 bits.
const SHORT: u32 = 5;
/// The most bytes of a number of 64 bits.
const LONG: u32 = 10;

/// Writes a number to the front of `room`; gives what is left of it.
pub(super) fn put(mut room: &mut [u8], mut number: u64) -> Option<&mut [u8]> {
    loop {
        let (place, rest) = room.split_first_mut()?;
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            *place = low & 0x7f;
            return Some(rest);
        }
        *place = low | 0x80;
        room = rest;
    }
}

/// Reads a number of 64 bits from the front of `bytes`; gives what comes behind it.
pub(super) fn take_long(bytes: &[u8]) -> Option<(u64, &[u8])> {
    take(bytes, LONG)
}

/// Reads a number of 32 bits from the front of `bytes`; gives what comes behind it.
pub(super) fn take_short(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = take(bytes, SHORT)?;
    Some((u32::try_from(number).ok()?, rest))
}

fn take(mut bytes: &[u8], most: u32) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for nth in 0..most {
        let (byte, rest) = bytes.split_first()?;
        bytes = rest;
        let (part, shift) = (u64::from(byte & 0x7f), 7 * nth);
        // The tenth byte has room for one bit.
        if part << shift >> shift != part {
            return None;
        }
        number |= part << shift;
        if *byte < 0x80 {
            return Some((number, bytes));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written of each, and what is read of it cut off, made longer, and with each byte changed.
    #[test]
    fn numbers_are_as_postcard_has_them() {
        let edges = (0..64).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1]);
        for number in edges.chain([u64::MAX - 1, u64::MAX]) {
            let (mut ours, mut theirs) = ([0xaa; 12], [0xaa; 12]);
            let left = put(&mut ours, number).map(|rest| rest.len());
            let length = postcard::to_slice(&number, &mut theirs).map(|written| written.len()).ok();
            assert_eq!((ours, left.map(|left| 12 - left)), (theirs, length), "{number}");
            let length = length.expect("enough room");
            assert_eq!(put(&mut ours[..length - 1], number), None);
            for end in 0..=12 {
                reads_the_same(&theirs[..end]);
            }
            for at in 0..12 {
                for byte in [0, 1, 2, 0x0f, 0x10, 0x7f, 0x80, 0xff] {
                    let mut changed = theirs;
                    changed[at] = byte;
                    reads_the_same(&changed);
                }
            }
        }
    }

    fn reads_the_same(bytes: &[u8]) {
        assert_eq!(take_long(bytes), postcard::take_from_bytes(bytes).ok(), "{bytes:02x?}");
        assert_eq!(take_short(bytes), postcard::take_from_bytes(bytes).ok(), "{bytes:02x?}");
    }
}
