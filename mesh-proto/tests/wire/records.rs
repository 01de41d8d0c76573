//! Records: what comes of bytes however the stream cuts them.

use mesh_proto::Frame;
use mesh_proto::wire::{Broken, Frames, MAX_PLAIN, MAX_RECORD, MAX_SEALED, NoRoom, Outgoing, Records};

use crate::scene::{KINDS, Kind, Together, pair, shake};

fn together(kind: Kind) -> Together {
    shake(&pair(kind), 0, |_, _| {}).unwrap_or_else(|apart| panic!("{kind:?}: {apart:?}"))
}

/// A record with these pings.
fn sealed(together: &mut Together, nonces: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut room = vec![0; MAX_RECORD];
    let mut record = Outgoing::new(&mut room, &together.dialer.0);
    for nonce in nonces {
        record.push(&Frame::Ping { nonce }).expect("enough room");
    }
    record.seal(&mut together.dialer.0).expect("there is a frame in it").to_vec()
}

fn nonces(frames: &[u8]) -> Vec<u32> {
    Frames::new(frames)
        .map(|frame| match frame {
            Ok(Frame::Ping { nonce }) => nonce,
            other => panic!("not a ping: {other:?}"),
        })
        .collect()
}

#[test]
fn many_frames_share_one_record() {
    for kind in KINDS {
        let mut together = together(kind);
        let mut record = sealed(&mut together, 0..1000);
        assert_eq!(
            together.acceptor.1.open(&mut record[2..]).map(|frames| nonces(frames)),
            Ok((0..1000).collect())
        );
    }
}

/// Every way to cut two records in two, and byte by byte.
#[test]
fn the_cuts_of_the_stream_do_not_matter() {
    let mut sent = together(Kind::Open);
    let stream = [sealed(&mut sent, [1, 2]), sealed(&mut sent, [3])].concat();
    let cuts = (0..=stream.len()).map(|at| vec![&stream[..at], &stream[at..]]);
    for pieces in cuts.chain([stream.chunks(1).collect()]) {
        let mut read = together(Kind::Open);
        let mut records = Records::new([0; 100]);
        let mut seen = Vec::new();
        for piece in pieces {
            assert_eq!(records.push(piece), piece.len());
            while let Some(record) = records.next().expect("no record is longer") {
                seen.extend(nonces(read.acceptor.1.open(record).expect("as it was sealed")));
            }
        }
        assert_eq!(seen, [1, 2, 3]);
    }
}

#[test]
fn a_buffer_takes_what_it_has_room_for() {
    let mut records = Records::new([0; 6]);
    assert_eq!(records.push(&[0, 3, 1, 2, 3, 0, 1, 9]), 6);
    assert_eq!(records.next(), Ok(Some(&mut [1, 2, 3][..])));
    assert_eq!(records.next(), Ok(None));
    assert_eq!(records.push(&[1, 9]), 2);
    assert_eq!(records.next(), Ok(Some(&mut [9][..])));
    // A record of just the size of the buffer, and one that is longer.
    assert_eq!(records.push(&[0, 4, 1, 2, 3, 4, 0]), 6);
    assert_eq!(records.next(), Ok(Some(&mut [1, 2, 3, 4][..])));
    assert_eq!(records.push(&[0, 5]), 2);
    assert_eq!(records.next(), Err(Broken));
}

#[test]
fn a_larger_buffer_takes_over_what_came() {
    let mut records = Records::new([0; 8]);
    records.push(&[0, 1, 7, 0, 6, 1, 2, 3]);
    assert_eq!(records.next(), Ok(Some(&mut [7][..])));
    assert_eq!(records.with_room([0; 4]).map(drop), Err(NoRoom));
    let mut larger = records.with_room(vec![0; 8]).expect("enough room");
    assert_eq!(larger.push(&[4, 5, 6]), 3);
    assert_eq!(larger.next(), Ok(Some(&mut [1, 2, 3, 4, 5, 6][..])));
}

#[test]
fn the_largest_record_and_one_byte_more() {
    for kind in KINDS {
        let mut together = together(kind);
        let mut room = vec![0; MAX_RECORD + 100];
        let largest = MAX_RECORD - together.dialer.0.overhead();
        assert!(largest >= MAX_PLAIN);
        for plain in [0, largest + 1, usize::MAX] {
            assert_eq!(together.dialer.0.seal(&mut room, plain).map(<[u8]>::len), Err(NoRoom));
        }
        let mut whole = together.dialer.0.seal(&mut room, largest).expect("enough room").to_vec();
        assert_eq!(whole.len(), MAX_RECORD);
        assert_eq!(together.acceptor.1.open(&mut whole[2..]).map(|text| text.len()), Ok(largest));
        for length in 0..together.dialer.0.overhead() + 10 {
            assert_eq!(together.dialer.0.seal(&mut room[..length], 10).map(<[u8]>::len), Err(NoRoom));
        }
        let mut none = [0; MAX_SEALED];
        assert_eq!(together.acceptor.1.open(&mut none[..0]).map(|text| text.len()), Err(Broken));
    }
}

#[test]
fn a_shorter_buffer_keeps_to_a_shorter_limit() {
    let mut together = together(Kind::Open);
    let mut room = [0; 40];
    let mut record = Outgoing::new(&mut room, &together.dialer.0);
    assert!(record.is_empty());
    let taken = (0..).take_while(|nonce| record.push(&Frame::Ping { nonce: *nonce }).is_ok()).count();
    assert_eq!(taken, (40 - 18) / 4);
    let sealed = record.seal(&mut together.dialer.0).expect("there are frames in it").to_vec();
    assert_eq!(
        together.acceptor.1.open(&mut sealed[2..].to_vec()).map(|frames| nonces(frames).len()),
        Ok(taken)
    );
}

#[test]
fn an_empty_record_is_not_sealed() {
    let mut together = together(Kind::Open);
    let mut room = [0; 40];
    let record = Outgoing::new(&mut room, &together.dialer.0);
    assert_eq!(record.seal(&mut together.dialer.0).map(<[u8]>::len), Err(NoRoom));
}

/// Sealing and opening know nothing of each other, so two threads can have them.
#[test]
fn halves_can_be_sent_to_threads() {
    fn can_be_sent<T: Send + 'static>(_: &T) {}
    let together = together(Kind::Closed);
    can_be_sent(&together.dialer.0);
    can_be_sent(&together.dialer.1);
}

#[test]
fn the_keys_change_on_and_on() {
    let mut together = together(Kind::Open);
    let mut room = [0; 20];
    for nth in 0..(1 << 16) * 2 + 10 {
        room[2] = nth as u8;
        let record = together.dialer.0.seal(&mut room, 1).expect("enough room");
        let mut body = [0; 17];
        body.copy_from_slice(&record[2..]);
        assert_eq!(together.acceptor.1.open(&mut body), Ok(&mut [nth as u8][..]), "record {nth}");
    }
}
