//! What the calls that wait do when nothing comes, and at the end.

use core::time::Duration;
use std::thread;

use adapter_std::{Happening, TimedOut};

use super::{PATIENCE, builder, pair};

const MOMENT: Duration = Duration::from_millis(20);

#[test]
fn what_does_not_come_in_time_can_be_waited_for_again() {
    let (a, b) = (builder().start().expect("it starts"), builder().start().expect("it starts"));
    let (mut messages, mut changes, mut happenings) = (b.messages(), b.watch(), b.happenings());
    assert_eq!(messages.next_within(MOMENT), Err(TimedOut));
    assert_eq!(changes.next_within(MOMENT), Err(TimedOut));
    assert_eq!(messages.try_next(), None);
    // Kept without an address: nothing can go out.
    a.keep(b.me()).expect("there is room");
    let mut receipt = a.send_with_receipt(b.me(), "hello").expect("it is known");
    assert_eq!(receipt.wait_for(MOMENT), Err(TimedOut));

    a.keep((b.me(), b.addresses()[0])).expect("there is room");
    let received = messages.next_within(PATIENCE).expect("in time").expect("the node lives");
    assert_eq!(received.body[..], b"hello"[..]);
    let change = changes.next_within(PATIENCE).expect("in time").expect("the node lives");
    assert_eq!(change.peer.id, a.me());
    loop {
        let happened = happenings.next_within(PATIENCE).expect("in time").expect("the node lives");
        if matches!(happened.what, Happening::LinkOpened { .. }) {
            break;
        }
    }
    assert_eq!(receipt.wait_for(PATIENCE), Ok(Some(mesh_proto::Outcome::Taken)));
}

#[test]
fn whoever_waits_when_the_node_ends_is_told_so() {
    let (a, b) = pair();
    assert!(a.watch().any(|change| change.peer.id == b.me()));
    let (messages, changes, happenings) = (a.messages(), a.watch(), a.happenings());
    let waits = [
        thread::spawn(move || messages.count()),
        thread::spawn(move || changes.count()),
        thread::spawn(move || happenings.count()),
    ];
    a.leave(PATIENCE);
    for waits in waits {
        waits.join().expect("it does not panic");
    }
    assert_eq!(a.messages().next(), None);
    assert_eq!(a.send(b.me(), "late"), Err(adapter_std::SendError::Leaving));
}

#[test]
fn a_receipt_says_when_the_node_ends_before_it() {
    let a = builder().start().expect("it starts");
    let b = builder().start().expect("it starts");
    a.keep(b.me()).expect("there is room");
    let receipt = a.send_with_receipt(b.me(), "hello").expect("it is known");
    let waits = thread::spawn(move || receipt.wait());
    let left = a.leave(Duration::ZERO);
    assert_eq!(left.unflushed.messages, 1);
    assert_ne!(waits.join().expect("it does not panic"), Some(mesh_proto::Outcome::Taken));
}

#[test]
fn async_code_can_hold_the_same_node() {
    let (a, b) = pair();
    a.handle().try_send(b.me(), "hello").expect("it is known");
    let received = b.messages().next_within(PATIENCE).expect("in time").expect("the node lives");
    assert_eq!((received.from, &received.body[..]), (a.handle().me(), &b"hello"[..]));
}
