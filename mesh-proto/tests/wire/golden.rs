//! A whole handshake and two records after it in bytes: what version 1 says, every later version must still say to one
//! that speaks nothing newer. Whoever cannot, takes 1 out of its versions.

use core::fmt::Write;

use mesh_proto::Frame;
use mesh_proto::wire::{Ciphers, MAX_RECORD, Outgoing, Versions};

use crate::scene::{KINDS, Kind, hex, pair, shake};

const VERSION_1: &str = include_str!("version-1.txt");

/// The records of a conversation with fixed keys: a handshake with one 'wait', and a ping from each end.
fn conversation(kind: Kind, ciphers: Ciphers) -> String {
    let mut nodes = pair(kind);
    for node in &mut nodes {
        node.ciphers = ciphers;
        node.versions = Versions::new(1, 1).expect("a range");
    }
    let mut together = shake(&nodes, 0, |_, _| {}).unwrap_or_else(|apart| panic!("{kind:?}: {apart:?}"));
    let mut records = together.wire.clone();
    let mut room = vec![0; MAX_RECORD];
    for sealer in [&mut together.dialer.0, &mut together.acceptor.0] {
        let mut record = Outgoing::new(&mut room, sealer);
        record.push(&Frame::Ping { nonce: 1 }).expect("enough room");
        records.push(record.seal(sealer).expect("there is a frame in it").to_vec());
    }
    let name = if ciphers == Ciphers::NONE { "" } else { ", AES" };
    records.iter().fold(format!("{kind:?}{name}\n"), |mut text, record| {
        writeln!(text, "  {}", hex(record)).expect("there is always room");
        text
    })
}

#[test]
fn conversations_have_their_bytes() {
    let aes = Ciphers::of_this_processor();
    let mut ciphers = vec![(Kind::Open, aes)];
    ciphers.retain(|(_, ciphers)| *ciphers != Ciphers::NONE);
    ciphers.extend(KINDS.map(|kind| (kind, Ciphers::NONE)));
    for (kind, ciphers) in ciphers {
        let conversation = conversation(kind, ciphers);
        assert!(
            VERSION_1.contains(&conversation),
            "another conversation than the known one:\n{conversation}"
        );
    }
}
