//! Short lists with a bound, where the oldest gives way.

use heapless::Vec;

/// Puts `value` behind all others; gives what had to make room, if anything.
pub(crate) fn push_newest<T, const N: usize>(list: &mut Vec<T, N>, value: T) -> Option<T> {
    let oldest = (list.is_full() && !list.is_empty()).then(|| list.remove(0));
    list.push(value).err().or(oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut list: Vec<u8, 2> = Vec::new();
        assert_eq!([1, 2, 3].map(|value| push_newest(&mut list, value)), [None, None, Some(1)]);
        assert_eq!(list, [2, 3]);
        assert_eq!(push_newest(&mut Vec::<u8, 0>::new(), 4), Some(4));
    }
}
