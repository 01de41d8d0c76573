//! Handshakes with records that somebody changed on their way: nothing panics, and where there are keys, no change goes
//! unnoticed.
#![no_main]

#[path = "../../tests/wire/scene.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod scene;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use mesh_proto::wire::{Answering, Calling, MeshSecret, MeshSecrets};
use scene::{FRESH, KINDS, Kind, Node, shake};

fuzz_target!(|bytes: &[u8]| {
    // When the bytes are used up, nothing more is changed.
    let _: Result<()> = conversation(&mut Unstructured::new(bytes));
});

fn conversation(bytes: &mut Unstructured<'_>) -> Result<()> {
    let kind = *bytes.choose(&KINDS)?;
    let mut pair = [Node::new(1, kind), Node::new(2, kind)];
    if bytes.arbitrary()? {
        let other = MeshSecret::new([0x78; 32]);
        pair[1].secrets = MeshSecrets::two(other, MeshSecret::new([0x77; 32]));
    }
    if bytes.arbitrary()? {
        let alone = bytes.bytes(bytes.len())?;
        let answered = Answering::to(&pair[1].terms(), FRESH[1], &mut alone.to_vec());
        if answered.is_ok() && kind == Kind::Closed {
            let (_, known) = Calling::begin(&pair[0].terms(), 0, FRESH[0]);
            assert_eq!(alone, &known[2..], "a first word without the secret, that is none of the seeds");
        }
        return Ok(());
    }
    let mut changed = false;
    let together = shake(&pair, 0, |_, record| {
        let before = record.clone();
        // Records are cut by their length before they come here, so that stays.
        let rest = record.split_off(2);
        record.extend(change(bytes, rest).unwrap_or_else(|_| before[2..].to_vec()));
        changed |= *record != before;
    });
    match together {
        Ok(together) => {
            assert!(!changed || kind == Kind::Unprotected, "a change went unnoticed");
            assert!(changed || together.met == [pair[1].id(), pair[0].id()]);
            assert!(changed || together.tags[0] == together.tags[1]);
        }
        Err(apart) => assert!(changed, "{apart:?} though nothing was changed"),
    }
    Ok(())
}

/// A record as it comes out on the other side: the same, one byte different, cut off, overwritten or replaced.
fn change(bytes: &mut Unstructured<'_>, mut record: Vec<u8>) -> Result<Vec<u8>> {
    match bytes.int_in_range(0..=7_u8)? {
        1 => {
            let at = bytes.choose_index(record.len())?;
            record[at] ^= bytes.int_in_range(1..=255)?;
        }
        2 => record.truncate(bytes.int_in_range(0..=record.len())?),
        3 => {
            let (at, length) = (bytes.int_in_range(0..=record.len())?, bytes.int_in_range(0..=64)?);
            let over = bytes.bytes(usize::min(length, bytes.len()))?;
            let end = usize::min(at + over.len(), record.len());
            record.splice(at..end, over.iter().copied());
        }
        4 => {
            let length = bytes.int_in_range(0..=bytes.len())?;
            record = bytes.bytes(length.min(bytes.len()))?.to_vec();
        }
        _ => {}
    }
    Ok(record)
}
