//! Writes what each target begins with: `cargo run --example seeds`, in this folder.
//!
//! Everything here is made from the crate itself, so that a corpus is never a file of unknown origin.

#[path = "../../tests/wire/scene.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod scene;

use core::net::Ipv4Addr;
use std::path::Path;
use std::{fs, io};

use mesh_proto::wire::{MAX_CONTROL, encode, write_beacon};
use mesh_proto::{
    Announcement, AnnouncementKind, Body, Frame, Incarnation, Lane, LinkTag, Loss, NodeId, Piece, Reason,
    Vouched,
};
use scene::{KINDS, MARKS, REFUSED, hello, pair, shake, welcome};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, seeds) in [
        ("handshake", handshakes()),
        ("records", choices(20, 60)),
        ("frames", frames()),
        ("announcements", announcements()),
        ("beacons", beacons()),
        ("machine", choices(40, 400)),
        ("node", choices(20, 800)),
    ] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        println!("{}: {} seeds", folder.display(), seeds.len());
        for (nth, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{nth}")), seed)?;
        }
    }
    Ok(())
}

/// Every kind alone, and all of them in one record.
fn frames() -> Vec<Vec<u8>> {
    let loss = Loss { tag: LinkTag::new(7), reason: Reason::Silent };
    let piece =
        Piece { lane: Lane::Urgent, kind: 9, number: 300, offset: 7, total: 11, body: Body::from(b"abcd") };
    let frames = [
        hello(),
        welcome(),
        REFUSED,
        Frame::Ping { nonce: 300 },
        Frame::Pong { nonce: 7 },
        Frame::Lost([loss].into_iter().collect()),
        Frame::Noted([loss.tag, LinkTag::new(1)].into_iter().collect()),
        Frame::Doubted,
        Frame::Cleared { birth: 2 },
        Frame::Close(Reason::Superseded),
        Frame::Data(piece),
        Frame::Marks(MARKS),
    ];
    let mut seeds: Vec<Vec<u8>> = frames.iter().map(encoded).collect();
    seeds.push(seeds.concat());
    seeds
}

fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = vec![0; MAX_CONTROL];
    let length = encode(frame, &mut out).expect("no frame here is longer");
    out.truncate(length);
    out
}

/// What an acceptor of each kind is to read first, alone; and choices.
fn handshakes() -> Vec<Vec<u8>> {
    let first = KINDS.into_iter().zip(0..).map(|(kind, choice)| {
        let together = shake(&pair(kind), 0, |_, _| {}).expect("nobody is in between");
        // The kind, one secret, and that it comes alone.
        [&[choice, 0, 1], &together.wire[0][2..]].concat()
    });
    first.chain(choices(40, 60)).collect()
}

fn announcements() -> Vec<Vec<u8>> {
    let kinds = [AnnouncementKind::Hail, AnnouncementKind::Answer, AnnouncementKind::Farewell];
    let heard = |name: u8, kind, vouched, pause: u32| {
        let incarnation = Incarnation::new(u64::from(name), 5);
        let announcement = Announcement { node: NodeId::new([name; 32]), incarnation, kind };
        let mut room = [0; 128];
        let value = (announcement, vouched, (Ipv4Addr::new(10, 0, 0, name), 7000_u16), pause);
        postcard::to_slice(&value, &mut room).expect("an announcement is short").to_vec()
    };
    let mut seeds: Vec<Vec<u8>> = kinds
        .into_iter()
        .flat_map(|kind| [(kind, Vouched::ByMember), (kind, Vouched::ByNobody)])
        .map(|(kind, vouched)| heard(2, kind, vouched, 1_500_000))
        .collect();
    seeds.push((2..40).flat_map(|name| heard(name, kinds[0], Vouched::ByMember, 20_000)).collect());
    seeds.push((2..40).flat_map(|name| heard(name % 3, kinds[0], Vouched::ByNobody, 700_000)).collect());
    seeds
}

/// A datagram of each kind as it is, and choices.
fn beacons() -> Vec<Vec<u8>> {
    let alone = KINDS.into_iter().zip(0..).map(|(kind, choice)| {
        let [writer, _] = pair(kind);
        let incarnation = Incarnation::new(3, 5);
        let announcement = Announcement { node: writer.id(), incarnation, kind: AnnouncementKind::Hail };
        let ports = [7000, 7001].into_iter().collect();
        // The kind, one secret, and that it comes from anywhere.
        [&[choice, 0, 1], &write_beacon(&writer.terms(), &announcement, &ports, 1)[..]].concat()
    });
    alone.chain(choices(40, 120)).collect()
}

/// So many rows of so many bytes that look random, the same each time.
fn choices(rows: u64, length: usize) -> Vec<Vec<u8>> {
    let row = |row: u64| {
        let mut state = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let bytes = core::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[4]
        });
        bytes.take(length).collect()
    };
    (1..=rows).map(row).collect()
}
