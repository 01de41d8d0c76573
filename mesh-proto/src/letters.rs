//! Keys in letters: a prefix that says what it is, the key, and six characters that tell a typo.
//!
//! The encoding is Bech32m (BIP-350): no two of its characters look alike, up to four wrong ones are always noticed, and
//! one wrong one, or two neighbours that changed places, can be pointed at.

/// What the name of a node begins with, before a `1`.
pub(crate) const NODE: &str = "meshnode";
/// How many characters 32 bytes take, by five bits.
pub(crate) const KEY: usize = 52;
/// How many characters tell a typo.
pub(crate) const CHECK: usize = 6;

/// Each at the place of the five bits that it stands for.
pub(crate) const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// A key and its check, five bits at a time.
pub(crate) fn spell(prefix: &str, key: &[u8; 32], symbols: &mut [u8; KEY + CHECK]) {
    for (symbol, five) in symbols.iter_mut().zip(fives(key)) {
        *symbol = five;
    }
    let check = residue(prefix, symbols) ^ BECH32M;
    for (nth, symbol) in symbols.iter_mut().skip(KEY).enumerate() {
        *symbol = low_five(check >> (5 * (CHECK - 1 - nth)));
    }
}

/// The characters of what was spelt.
pub(crate) fn characters(symbols: &[u8]) -> impl Iterator<Item = u8> + '_ {
    symbols.iter().filter_map(|symbol| ALPHABET.get(usize::from(*symbol)).copied())
}

/// What the check of a whole text comes to.
pub(crate) const BECH32M: u32 = 0x2bc8_30a3;

/// The remainder that the text leaves in the code of Bech32.
pub(crate) fn residue(prefix: &str, symbols: &[u8]) -> u32 {
    let prefix = prefix.bytes();
    let high = prefix.clone().map(|byte| byte >> 5);
    let low = prefix.map(|byte| byte & 31);
    high.chain([0]).chain(low).chain(symbols.iter().copied()).fold(1, step)
}

fn step(value: u32, symbol: u8) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = value >> 25;
    let value = ((value & 0x01ff_ffff) << 5) ^ u32::from(symbol);
    let set = GENERATOR.iter().enumerate().filter(|(bit, _)| (top >> bit) & 1 == 1);
    set.fold(value, |value, (_, generator)| value ^ generator)
}

const fn low_five(value: u32) -> u8 {
    (value & 31) as u8
}

/// The bits of a key by fives, with four zeros behind the last.
fn fives(key: &[u8; 32]) -> impl Iterator<Item = u8> + '_ {
    (0..KEY).map(|nth| {
        let bit = nth * 5;
        let at = |byte: usize| u32::from(key.get(byte).copied().unwrap_or(0));
        low_five(((at(bit / 8) << 8) | at(bit / 8 + 1)) >> (11 - bit % 8))
    })
}
