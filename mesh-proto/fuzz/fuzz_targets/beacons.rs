//! Announcements as datagrams: what was written is read, also next to another secret, and where there is a secret nothing
//! else is.
#![no_main]

#[path = "../../tests/wire/scene.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod scene;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use mesh_proto::wire::{
    Announced, MAX_BEACON, MeshSecret, MeshSecrets, Network, Ports, Terms, read_beacon, write_beacon,
};
use mesh_proto::{Announcement, AnnouncementKind, Incarnation, NodeId, Vouched};
use scene::{KINDS, Kind, Node};

fuzz_target!(|bytes: &[u8]| {
    // When the bytes are used up, there is nothing more to try.
    let _: Result<()> = datagram(&mut Unstructured::new(bytes));
});

fn datagram(bytes: &mut Unstructured<'_>) -> Result<()> {
    let kind = *bytes.choose(&KINDS)?;
    let (writer, mut reader) = (Node::new(1, kind), Node::new(2, kind));
    if bytes.arbitrary()? {
        reader.secrets = MeshSecrets::two(MeshSecret::new([0x78; 32]), MeshSecret::new([0x77; 32]));
    }
    let vouched = if kind == Kind::Closed { Vouched::ByMember } else { Vouched::ByNobody };
    if bytes.arbitrary()? {
        anything(&writer.terms(), &reader.terms(), bytes.bytes(bytes.len())?, vouched);
        return Ok(());
    }
    let said = said(bytes, vouched)?;
    let number = bytes.arbitrary()?;
    let written = write_beacon(&writer.terms(), &said.announcement, &said.ports, number);
    assert!(written.len() <= MAX_BEACON);
    assert_eq!(read_beacon(&reader.terms(), &written), Some(said.clone()));
    apart(&mut reader, bytes.int_in_range(0..=2)?, &written);
    let mut changed = written.to_vec();
    change(bytes, &mut changed)?;
    let heard = read_beacon(&Node::new(2, kind).terms(), &changed);
    assert!(changed == *written || kind != Kind::Closed || heard.is_none(), "a change went unnoticed");
    assert!(heard.is_none_or(|heard| heard.vouched == vouched && heard.announcement.node.is_canonical()));
    Ok(())
}

/// A datagram from anywhere: it is none of a mesh with a secret, unless it is the seed.
fn anything(writer: &Terms<'_>, reader: &Terms<'_>, datagram: &[u8], vouched: Vouched) {
    let Some(heard) = read_beacon(reader, datagram) else { return };
    assert_eq!(heard.vouched, vouched);
    let again = write_beacon(writer, &heard.announcement, &heard.ports, 1);
    assert!(vouched == Vouched::ByNobody || again == datagram, "it was made without the secret");
    assert_eq!(read_beacon(reader, &again), Some(heard));
}

/// Who is in another network, has another secret or another kind of door, reads nothing.
fn apart(reader: &mut Node, how: u8, written: &[u8]) {
    let kind = reader.kind;
    match how {
        0 => reader.network = Network::named("another"),
        1 if kind == Kind::Closed => reader.secrets = MeshSecrets::one(MeshSecret::new([0x79; 32])),
        _ => reader.kind = if kind == Kind::Open { Kind::Closed } else { Kind::Open },
    }
    assert_eq!(read_beacon(&reader.terms(), written), None);
}

fn said(bytes: &mut Unstructured<'_>, vouched: Vouched) -> Result<Announced> {
    let kinds = [AnnouncementKind::Hail, AnnouncementKind::Answer, AnnouncementKind::Farewell];
    let mut name: [u8; 32] = bytes.arbitrary()?;
    // There is one way to write down a key.
    name[31] &= 0x3f;
    let incarnation = Incarnation::new(bytes.arbitrary()?, bytes.arbitrary()?);
    let announcement = Announcement { node: NodeId::new(name), incarnation, kind: *bytes.choose(&kinds)? };
    let listed: [u16; 2] = bytes.arbitrary()?;
    let ports = listed.into_iter().filter(|port| *port != 0).collect::<Ports>();
    Ok(Announced { announcement, ports, vouched })
}

fn change(bytes: &mut Unstructured<'_>, datagram: &mut Vec<u8>) -> Result<()> {
    let at = bytes.choose_index(datagram.len())?;
    match bytes.int_in_range(0..=2_u8)? {
        0 => datagram[at] ^= bytes.int_in_range(1..=255)?,
        1 => datagram.truncate(at),
        _ => {
            let length = bytes.int_in_range(0..=bytes.len())?;
            datagram.splice(at..at, bytes.bytes(length.min(bytes.len()))?.iter().copied());
        }
    }
    Ok(())
}
