//! X10: random bytes in every place where bytes come in. Nothing panics, and where keys are, nothing is believed.

use mesh_proto::NodeId;
use mesh_proto::wire::{Answering, Calling, Frames, Identity, MAX_OPENING, MeshSecret, Records};

use crate::scene::{FRESH, KINDS, Kind, PROTECTED, body, hello, pair, shake};

const ROUNDS: u32 = 2_000;

/// Bytes that look random, the same in each run.
struct Bytes(u64);

impl Bytes {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn some(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }

    /// What is given with a part of it overwritten, cut off or lengthened.
    fn like(&mut self, given: &[u8]) -> Vec<u8> {
        let mut bytes = given.to_vec();
        bytes.truncate(self.below(given.len() + 1).max(given.len() * self.below(2)));
        let (at, over) = (self.below(bytes.len() + 1), self.some(8));
        let end = (at + over.len()).min(bytes.len());
        bytes.splice(at..end, over);
        bytes
    }
}

#[test]
fn as_the_first_record() {
    let mut bytes = Bytes(1);
    for kind in KINDS {
        let [dialer, acceptor] = pair(kind);
        let first = body(&Calling::begin(&dialer.terms(), 0, FRESH[0]).1);
        for _ in 0..ROUNDS {
            let altered = bytes.like(&first);
            let answered = Answering::to(&acceptor.terms(), FRESH[1], &mut altered.clone());
            // In an open mesh any key is a first word, if it stands behind the right preamble.
            assert!(answered.is_err() || kind != Kind::Closed || altered == first, "{altered:02x?}");
            assert!(Answering::to(&acceptor.terms(), FRESH[1], &mut bytes.some(200)).is_err());
        }
    }
}

#[test]
fn as_the_second_third_and_fourth_record() {
    let mut bytes = Bytes(2);
    for kind in KINDS {
        let wire = shake(&pair(kind), 0, |_, _| {}).unwrap_or_else(|apart| panic!("{apart:?}")).wire;
        for _ in 0..ROUNDS / 10 {
            for (place, record) in wire.iter().enumerate().skip(1) {
                let altered = [&record[..2], &bytes.like(&record[2..])].concat();
                let together = shake(&pair(kind), 0, |nth, bytes| {
                    if nth == place {
                        bytes.clone_from(&altered);
                    }
                });
                assert!(together.is_err() || kind == Kind::Unprotected || altered == *record);
            }
        }
    }
}

#[test]
fn as_a_record_later() {
    let mut bytes = Bytes(3);
    for kind in PROTECTED {
        for _ in 0..ROUNDS / 10 {
            let mut together = shake(&pair(kind), 0, |_, _| {}).unwrap_or_else(|apart| panic!("{apart:?}"));
            assert!(together.dialer.1.open(&mut bytes.some(100)).is_err());
        }
    }
}

#[test]
fn as_frames() {
    let mut bytes = Bytes(4);
    let mut known = vec![0; MAX_OPENING];
    let length = mesh_proto::wire::encode(&hello(), &mut known).expect("enough room");
    known.truncate(length);
    for _ in 0..ROUNDS * 10 {
        for record in [bytes.some(100), bytes.like(&known)] {
            let most = record.len() / 3;
            assert!(Frames::new(&record[..]).count() <= most + 1);
        }
    }
}

#[test]
fn as_a_stream() {
    let mut bytes = Bytes(5);
    for _ in 0..ROUNDS {
        let mut records = Records::new(vec![0; 200]);
        let stream = bytes.some(1000);
        let mut rest = &stream[..];
        'stream: while !rest.is_empty() {
            let taken = records.push(rest);
            rest = &rest[taken..];
            loop {
                match records.next() {
                    Ok(Some(record)) => assert!(record.len() <= 198),
                    Ok(None) => break,
                    Err(_) => break 'stream,
                }
            }
            assert!(taken > 0 || rest.is_empty(), "the buffer is full and no record comes out of it");
        }
    }
}

#[test]
fn as_text() {
    let mut bytes = Bytes(6);
    let text = Identity::new([1; 32]).to_text();
    for _ in 0..ROUNDS / 10 {
        let altered = bytes.like(text.as_str().as_bytes());
        let altered = String::from_utf8_lossy(&altered);
        assert!(altered.parse::<Identity>().is_err() || altered.trim().eq_ignore_ascii_case(text.as_str()));
        assert!(altered.parse::<NodeId>().is_err() && altered.parse::<MeshSecret>().is_err());
    }
}
