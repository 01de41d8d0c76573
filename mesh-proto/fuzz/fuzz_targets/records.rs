//! A stream of sealed records, cut anywhere and with one change in it: what is opened is what was sealed, up to the record
//! with the change and no further.
#![no_main]

#[path = "../../tests/wire/scene.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod scene;

use std::hash::{DefaultHasher, Hash, Hasher};

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use mesh_proto::Frame;
use mesh_proto::wire::{Ciphers, Frames, Identity, MAX_CONTROL, Outgoing, Records};
use scene::{KINDS, Kind, Node, Together, shake};

/// The buffer of the reader, which has room for every record that is sealed here.
const ROOM: usize = 2 * MAX_CONTROL;

fuzz_target!(|bytes: &[u8]| {
    // When the bytes are used up, there is nothing more to try.
    let _: Result<()> = stream(&mut Unstructured::new(bytes));
});

/// A key that no other input has: the fuzzer keeps what it has seen, and says a record again that was sealed before.
fn own_key(bytes: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    for (nth, part) in key.chunks_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (nth, bytes).hash(&mut hasher);
        part.copy_from_slice(&hasher.finish().to_le_bytes());
    }
    key
}

fn stream(bytes: &mut Unstructured<'_>) -> Result<()> {
    let identity = Identity::new(own_key(bytes.peek_bytes(bytes.len()).unwrap_or_default()));
    let kind = *bytes.choose(&KINDS)?;
    let mut pair = [Node { identity, ..Node::new(1, kind) }, Node::new(2, kind)];
    if bytes.arbitrary()? {
        pair.iter_mut().for_each(|node| node.ciphers = Ciphers::of_this_processor());
    }
    let mut together = shake(&pair, 0, |_, _| {}).expect("nobody is in between");
    let mut sealed = Vec::new();
    let mut ends = Vec::new();
    let mut nonces = Vec::new();
    for _ in 0..bytes.int_in_range(1..=5)? {
        let length = bytes.int_in_range(1..=3)?;
        let said: Vec<u32> = bytes.bytes(length)?.iter().copied().map(u32::from).collect();
        sealed.extend(seal(&mut together, &said));
        ends.push(sealed.len());
        nonces.push(said);
    }
    let changed = change(bytes, &mut sealed)?;
    let whole = ends.iter().filter(|end| changed.is_none_or(|at| **end <= at)).count();
    let opened = open(bytes, &mut together, &sealed);
    if kind == Kind::Unprotected && changed.is_some() {
        assert!(opened.len() >= whole && opened[..whole] == nonces[..whole]);
    } else {
        assert_eq!(opened, nonces[..whole], "changed at {changed:?} of {ends:?}");
    }
    Ok(())
}

fn seal(together: &mut Together, nonces: &[u32]) -> Vec<u8> {
    let mut room = [0; ROOM];
    let mut record = Outgoing::new(&mut room, &together.dialer.0);
    for nonce in nonces {
        record.push(&Frame::Ping { nonce: *nonce }).expect("enough room");
    }
    record.seal(&mut together.dialer.0).expect("there is a frame in it").to_vec()
}

/// Changes the stream, or not; says from where on.
fn change(bytes: &mut Unstructured<'_>, stream: &mut Vec<u8>) -> Result<Option<usize>> {
    let before = stream.clone();
    let at = bytes.choose_index(stream.len())?;
    match bytes.int_in_range(0..=3_u8)? {
        1 => stream[at] ^= bytes.int_in_range(1..=255)?,
        2 => stream.truncate(at),
        3 => {
            let length = bytes.int_in_range(0..=bytes.len())?;
            let more = bytes.bytes(length.min(bytes.len()))?;
            stream.splice(at..at, more.iter().copied());
        }
        _ => {}
    }
    let same = before.iter().zip(&*stream).take_while(|(old, new)| old == new).count();
    Ok((*stream != before).then_some(same))
}

/// What is opened of a stream that comes in pieces.
fn open(bytes: &mut Unstructured<'_>, together: &mut Together, stream: &[u8]) -> Vec<Vec<u32>> {
    let mut records = Records::new([0; ROOM]);
    let mut opened = Vec::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let length = bytes.int_in_range(1..=40).map_or(rest.len(), |length: usize| length.min(rest.len()));
        let taken = records.push(&rest[..length]);
        rest = &rest[taken..];
        loop {
            let record = match records.next() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(_) => return opened,
            };
            let Ok(frames) = together.acceptor.1.open(record) else {
                assert!(together.acceptor.1.open(&mut [0; 40]).is_err(), "what is broken stays broken");
                return opened;
            };
            opened.push(
                Frames::new(&*frames)
                    .filter_map(Result::ok)
                    .filter_map(|frame| if let Frame::Ping { nonce } = frame { Some(nonce) } else { None })
                    .collect(),
            );
        }
    }
    opened
}
