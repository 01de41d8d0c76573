//! Bytes as the frames of an opened record: read the same from borrowed and from shared bytes, and what was read can be
//! written and read again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mesh_proto::Frame;
use mesh_proto::wire::{Frames, MAX_CONTROL, MAX_RECORD, encode};

fuzz_target!(|bytes: &[u8]| {
    let mut borrowed = Frames::new(bytes);
    let mut shared = Frames::new(Bytes::copy_from_slice(bytes));
    let mut again = vec![0; MAX_RECORD];
    let mut count = 0;
    loop {
        let frame = borrowed.next();
        assert_eq!(frame, shared.next());
        count += 1;
        match frame {
            None => break,
            Some(Err(_)) => assert_eq!(borrowed.next(), None, "nothing is read behind what is malformed"),
            Some(Ok(frame)) => {
                let length = encode(&frame, &mut again).expect("what was read fits into a record");
                assert!(length <= MAX_CONTROL || matches!(frame, Frame::Data(_)), "{frame:?}: {length}");
                let mut read = Frames::new(&again[..length]);
                assert_eq!(read.next(), Some(Ok(frame)));
                assert_eq!(read.next(), None);
            }
        }
    }
    let skipped = usize::try_from(borrowed.skipped()).expect("a small number");
    assert_eq!(borrowed.skipped(), shared.skipped());
    assert!(count + skipped <= bytes.len() / 3 + 2, "{count} frames and {skipped} skipped ones");
});
