//! X13: whatever is done to a record on its way ends the link. Every flipped bit, every cut, every repetition, every
//! swap, in a whole handshake and in a short conversation after it.

use mesh_proto::Frame;
use mesh_proto::wire::{Broken, Ciphers, MAX_RECORD, Outgoing};

use crate::scene::{Kind, PROTECTED, hello, pair, shake, welcome};

/// Does `alter` to one record of a handshake, and expects it to fail.
fn spoil(kind: Kind, record: usize, mut alter: impl FnMut(&mut Vec<u8>)) {
    let together = shake(&pair(kind), 0, |nth, bytes| {
        if nth == record {
            alter(bytes);
        }
    });
    assert!(together.is_err(), "{kind:?}: a handshake went through with record {record} altered");
}

/// The records of a handshake that nobody alters.
fn untouched(kind: Kind) -> Vec<Vec<u8>> {
    let together = shake(&pair(kind), 0, |_, _| {}).unwrap_or_else(|apart| panic!("{kind:?}: {apart:?}"));
    assert_eq!((together.hello, together.answer), (hello(), welcome()));
    together.wire
}

/// Each bit of each record but those of its length, which belong to the cuts.
#[test]
fn every_flipped_bit_ends_a_handshake() {
    for kind in PROTECTED {
        for (record, bytes) in untouched(kind).iter().enumerate() {
            for bit in 16..bytes.len() * 8 {
                spoil(kind, record, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            }
        }
    }
}

#[test]
fn every_cut_ends_a_handshake() {
    for kind in PROTECTED {
        for (record, bytes) in untouched(kind).iter().enumerate() {
            for cut in 2..bytes.len() {
                spoil(kind, record, |bytes| bytes.truncate(cut));
            }
            spoil(kind, record, |bytes| bytes.push(0));
        }
    }
}

#[test]
fn every_other_record_in_its_place_ends_a_handshake() {
    for kind in PROTECTED {
        let wire = untouched(kind);
        for record in 0..wire.len() {
            for other in wire.iter().filter(|other| **other != wire[record]) {
                spoil(kind, record, |bytes| bytes.clone_from(other));
            }
        }
    }
}

/// Reads records as an end that never saw another one.
type Read = Box<dyn Fn(&[Vec<u8>]) -> Result<(), Broken>>;

/// A conversation of three records, read by an acceptor that never saw another one.
fn conversation(ciphers: Ciphers) -> (Vec<Vec<u8>>, Read) {
    let whole = move || {
        let mut nodes = pair(PROTECTED[1]);
        nodes.iter_mut().for_each(|node| node.ciphers = ciphers);
        shake(&nodes, 0, |_, _| {}).unwrap_or_else(|apart| panic!("{apart:?}"))
    };
    let mut together = whole();
    let mut room = vec![0; MAX_RECORD];
    let records = [1, 2, 3].map(|nonce| {
        let mut record = Outgoing::new(&mut room, &together.dialer.0);
        record.push(&Frame::Ping { nonce }).expect("enough room");
        record.seal(&mut together.dialer.0).expect("there is a frame in it")[2..].to_vec()
    });
    let read: Read = Box::new(move |records| {
        let mut opener = whole().acceptor.1;
        let mut ended = Ok(());
        for record in records {
            let opened = opener.open(&mut record.clone()).map(drop);
            assert!(ended.is_ok() || opened.is_err(), "a broken channel opened one more");
            ended = ended.and(opened);
        }
        ended
    });
    (records.to_vec(), read)
}

#[test]
fn whatever_is_done_to_a_conversation_ends_it() {
    let all = [Ciphers::NONE, Ciphers::of_this_processor()];
    let different = if all[0] == all[1] { 1 } else { 2 };
    for ciphers in &all[..different] {
        let (records, read) = conversation(*ciphers);
        assert_eq!(read(&records), Ok(()));
        for (nth, record) in records.iter().enumerate() {
            let with = |altered: Vec<u8>| {
                let mut all = records.clone();
                all[nth] = altered;
                read(&all)
            };
            for bit in 0..record.len() * 8 {
                let mut altered = record.clone();
                altered[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(with(altered), Err(Broken), "record {nth}, bit {bit}");
            }
            for cut in 0..record.len() {
                assert_eq!(with(record[..cut].to_vec()), Err(Broken), "record {nth} cut to {cut}");
            }
            assert_eq!(with([&record[..], &[0]].concat()), Err(Broken));
            // Each record in the place of each other, twice, and left out.
            for other in (0..records.len()).filter(|other| *other != nth) {
                assert_eq!(with(records[other].clone()), Err(Broken), "record {other} in place of {nth}");
            }
            let mut twice = records.clone();
            twice.insert(nth, record.clone());
            assert_eq!(read(&twice), Err(Broken), "record {nth} twice");
        }
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            let mut swapped = records.clone();
            swapped.swap(one, other);
            assert_eq!(read(&swapped), Err(Broken), "records {one} and {other} swapped");
        }
        assert_eq!(read(&records[1..]), Err(Broken), "the first left out");
        assert_eq!(read(&[records[0].clone(), records[2].clone()]), Err(Broken), "the second left out");
    }
}
