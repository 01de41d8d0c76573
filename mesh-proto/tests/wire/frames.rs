//! Each kind of frame in bytes: whoever changes them raises the version of the protocol.

use core::time::Duration;

use mesh_proto::wire::{Frames, MAX_CONTROL, Malformed, NoRoom, encode};
use mesh_proto::{
    Body, Frame, Hello, Incarnation, Lane, LaneMarks, LinkTag, Loss, MAX_LOSSES, Marks, PathClass, PerLane,
    Piece, Place, Reason, Refusal, SystemError, Takes, Welcome, Window,
};

use crate::scene::{MARKS, REFUSED, bytes, hello, hex, welcome};

/// Every kind, and its bytes with the length in front.
fn golden() -> Vec<(Frame<'static>, &'static str)> {
    let loss =
        Loss { tag: LinkTag::new(0x0807_0605_0403_0201), reason: Reason::System(SystemError::Other(-2)) };
    let piece =
        Piece { lane: Lane::Urgent, kind: 9, number: 300, offset: 7, total: 1696, body: Body::from(b"abcd") };
    vec![
        (
            hello(),
            "003f 01 03 0807060504030201 80ade204 01 01 01 0900000000000000 03 00 02 01 04 0500000000000000 06 \
             ac02 04 ab02 01 00 01 f403 03 808040 efff03 80808002 808001",
        ),
        (
            welcome(),
            "0040 02 01 04 0500000000000000 80ade204 01 01 01 0900000000000000 03 00 02 01 04 0500000000000000 06 \
             ac02 04 ab02 01 00 01 f403 03 808040 efff03 80808002 808001",
        ),
        (REFUSED, "0003 03 20 00"),
        (Frame::Ping { nonce: 300 }, "0003 04 ac02"),
        (Frame::Pong { nonce: 7 }, "0002 05 07"),
        (Frame::Lost([loss].into_iter().collect()), "000c 06 01 0102030405060708 3f 03"),
        (
            Frame::Noted([loss.tag, LinkTag::new(1)].into_iter().collect()),
            "0012 07 02 0102030405060708 0100000000000000",
        ),
        (Frame::Doubted, "0001 08"),
        (Frame::Cleared { birth: 300 }, "0003 09 ac02"),
        (Frame::Close(Reason::Superseded), "0003 0a 04 00"),
        (Frame::Data(piece), "000c 0b 01 09 ac02 07 a00d 61 62 63 64"),
        (Frame::Marks(MARKS), "000c 0c ac02 04 ab02 01 00 01 f403 03"),
    ]
}

fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = vec![0; MAX_CONTROL];
    let length = encode(frame, &mut out).expect("no frame is longer");
    out.truncate(length);
    out
}

fn decoded(bytes: &[u8]) -> Vec<Result<Frame<'_>, Malformed>> {
    Frames::new(bytes).collect()
}

#[test]
fn what_is_wrong_with_a_frame_is_said() {
    for (malformed, words) in [
        (Malformed::Length, "a frame's length is wrong"),
        (Malformed::Kind(0x7f), "frame kind 0x7f must be understood and is not"),
        (Malformed::Body(3), "the body of a frame of kind 0x03 is malformed"),
    ] {
        assert_eq!(malformed.to_string(), words);
    }
}

#[test]
fn every_kind_has_its_bytes() {
    for (frame, expected) in golden() {
        assert_eq!(hex(&encoded(&frame)), hex(&bytes(expected)), "{frame:?}");
        assert_eq!(decoded(&bytes(expected)), [Ok(frame)]);
    }
}

#[test]
fn many_frames_come_back_in_order() {
    let (frames, all): (Vec<_>, Vec<_>) =
        golden().into_iter().map(|(frame, hex)| (Ok(frame), bytes(hex))).unzip();
    assert_eq!(decoded(&all.concat()), frames);
}

#[test]
fn what_a_later_version_adds_behind_a_body_is_not_read() {
    for (frame, expected) in golden().into_iter().filter(|(frame, _)| !matches!(frame, Frame::Data(_))) {
        let mut longer = bytes(expected);
        longer.extend([0xaa; 9]);
        longer[1] += 9;
        assert_eq!(decoded(&longer), [Ok(frame)]);
    }
}

#[test]
fn what_is_cut_short_is_malformed() {
    for (frame, expected) in golden() {
        let whole = bytes(expected);
        for length in 1..whole.len() {
            assert_eq!(decoded(&whole[..length]), [Err(Malformed::Length)], "{frame:?} cut to {length}");
        }
        // The same with a length that is right for what is left: some of the body is missing. What a piece says ends
        // with its frame.
        let body = if let Frame::Data(piece) = &frame { whole.len() - piece.body.len() } else { whole.len() };
        for length in 3..body {
            let mut shorter = whole[..length].to_vec();
            shorter[1] = u8::try_from(length - 2).expect("short");
            assert_eq!(decoded(&shorter), [Err(Malformed::Body(whole[2]))], "{frame:?} cut to {length}");
        }
    }
    assert_eq!(decoded(&[0, 0]), [Err(Malformed::Length)]);
}

#[test]
fn a_kind_that_must_be_understood_ends_it_and_another_is_skipped() {
    let known = golden().into_iter().map(|(_, hex)| bytes(hex)[2]);
    let known: Vec<u8> = known.collect();
    for kind in 0..=u8::MAX {
        if known.contains(&kind) {
            continue;
        }
        let record = [&[0, 3, kind, 1, 2][..], &bytes("0001 08")].concat();
        let mut frames = Frames::new(&record[..]);
        if kind < 0x80 {
            assert_eq!(frames.by_ref().collect::<Vec<_>>(), [Err(Malformed::Kind(kind))]);
        } else {
            assert_eq!(frames.by_ref().collect::<Vec<_>>(), [Ok(Frame::Doubted)]);
            assert_eq!(frames.skipped(), 1);
        }
    }
}

#[test]
fn nothing_is_written_where_there_is_no_room() {
    for (frame, expected) in golden() {
        for length in 0..bytes(expected).len() {
            assert_eq!(encode(&frame, &mut vec![0; length]), Err(NoRoom), "{frame:?} into {length}");
        }
    }
}

#[test]
fn lists_are_bounded() {
    let tag = "0102030405060708";
    let list = |count: usize| bytes(&format!("{:04x} 07 {count:02x} {}", 2 + 8 * count, tag.repeat(count)));
    assert!(matches!(decoded(&list(MAX_LOSSES))[..], [Ok(Frame::Noted(_))]));
    assert_eq!(decoded(&list(MAX_LOSSES + 1)), [Err(Malformed::Body(0x07))]);
}

fn reasons() -> Vec<Reason> {
    use Refusal::{Full, NotListed, WrongMesh, WrongVersion};
    let refusals = [NotListed, WrongMesh, WrongVersion, Full];
    let errors = [
        SystemError::Ended,
        SystemError::Reset,
        SystemError::Refused,
        SystemError::Unreachable,
        SystemError::TimedOut,
        SystemError::Exhausted,
        SystemError::Other(i32::MIN),
        SystemError::Other(i32::MAX),
    ];
    let plain = [
        Reason::Left,
        Reason::Forgotten,
        Reason::Silent,
        Reason::Superseded,
        Reason::Duplicate,
        Reason::Restarted,
        Reason::WrongPeer,
        Reason::OwnSelf,
        Reason::Conflict,
        Reason::ProtocolError,
        Reason::Idle,
        Reason::Shutdown,
        Reason::Abandoned,
    ];
    plain.into_iter().chain(refusals.map(Reason::Refused)).chain(errors.map(Reason::System)).collect()
}

#[test]
fn every_reason_comes_back() {
    let reasons = reasons();
    for reason in &reasons {
        assert_eq!(decoded(&encoded(&Frame::Close(*reason))), [Ok(Frame::Close(*reason))]);
    }
    let mut codes: Vec<u8> = reasons.iter().map(|reason| encoded(&Frame::Close(*reason))[3]).collect();
    codes.dedup();
    // Two of them share the number of what the system says without a name.
    assert_eq!(codes.len(), reasons.len() - 1);
}

#[test]
fn the_largest_frame_has_room() {
    let loss = Loss { tag: LinkTag::new(u64::MAX), reason: Reason::System(SystemError::Other(i32::MIN)) };
    let lane = LaneMarks { received: Place { number: u64::MAX, offset: u32::MAX }, taken: u64::MAX };
    let window = Window { bytes: u32::MAX, messages: u32::MAX };
    let largest = Hello {
        incarnation: Incarnation::new(u64::MAX, u64::MAX),
        detect_within: Duration::MAX,
        class: PathClass::Relayed,
        keep: true,
        lost: [loss; MAX_LOSSES].into_iter().collect(),
        birth: u64::MAX,
        meant: Some((Incarnation::new(u64::MAX, u64::MAX), u64::MAX)),
        marks: Marks { lanes: PerLane { ordinary: lane, urgent: lane }, open: window },
        takes: Takes { message: u32::MAX, record: u32::MAX, window },
    };
    let length = encoded(&Frame::Welcome(Welcome { hello: largest, doubt: true }.into())).len();
    assert!(length <= MAX_CONTROL, "{length}");
}

#[test]
fn a_piece_is_not_copied_when_it_is_read() {
    let mut record = vec![0; 100];
    let piece =
        |body| Frame::Data(Piece { lane: Lane::Ordinary, kind: 0, number: 1, offset: 0, total: 5, body });
    let length = encode(&piece(Body::from(b"hello")), &mut record).expect("enough room");
    record.truncate(length);
    let behind = record[length - 5..].as_ptr();
    let Some(Ok(Frame::Data(borrowed))) = Frames::new(&record[..]).next() else { panic!("it is a piece") };
    assert_eq!((&*borrowed.body, borrowed.body.as_ptr()), (&b"hello"[..], behind));

    let shared = bytes::Bytes::from(record);
    let behind = shared[length - 5..].as_ptr();
    let Some(Ok(Frame::Data(handle))) = Frames::new(shared).next() else { panic!("it is a piece") };
    assert_eq!((&*handle.body, handle.body.as_ptr()), (&b"hello"[..], behind));
}

#[test]
fn every_kind_of_message_takes_one_byte() {
    let piece =
        |kind| Piece { lane: Lane::Urgent, kind, number: 300, offset: 7, total: 1696, body: Body::EMPTY };
    for kind in 0..=u8::MAX {
        let encoded = encoded(&Frame::Data(piece(kind)));
        assert_eq!(encoded, [&[0, 8, 0x0b, 1, kind][..], &bytes("ac02 07 a00d")].concat());
        assert_eq!(decoded(&encoded), [Ok(Frame::Data(piece(kind)))]);
    }
}

#[test]
fn before_a_piece_stands_no_more_than_the_machine_expects() {
    let piece = Piece {
        lane: Lane::Urgent,
        kind: u8::MAX,
        number: u64::MAX,
        offset: u32::MAX,
        total: u32::MAX,
        body: Body::EMPTY,
    };
    let length = encoded(&Frame::Data(piece)).len();
    assert!(length <= Piece::OVERHEAD as usize, "{length}");
}
