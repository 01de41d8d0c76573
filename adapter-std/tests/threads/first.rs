//! The shortest way from nothing to a message.

use core::time::Duration;
use std::thread;

use mesh_proto::Outcome;

use super::{PATIENCE, pair};

#[test]
fn a_message_arrives_and_is_taken() {
    let (a, b) = pair();
    let mut receipt = a.send_with_receipt(b.me(), "hello").expect("it is known");
    let received = b.messages().next_within(PATIENCE).expect("in time").expect("the node lives");
    assert_eq!((received.from, &received.body[..]), (a.me(), &b"hello"[..]));
    assert_eq!(receipt.wait_for(PATIENCE), Ok(Some(Outcome::Taken)));
}

#[test]
fn many_messages_arrive_in_order_both_ways() {
    let (a, b) = pair();
    let (there, back) = (numbers_to(&a, &b), numbers_to(&b, &a));
    there.join().expect("it does not panic");
    back.join().expect("it does not panic");
    let left = a.leave(Duration::from_secs(5));
    assert!(left.is_flushed(), "{left:?}");
}

/// Sends numbers, which the other end takes on the thread that is returned.
fn numbers_to(from: &adapter_std::Mesh, to: &adapter_std::Mesh) -> thread::JoinHandle<()> {
    // Whoever was dialed knows the other end only once it has come.
    let known = to.me();
    let mut changes = from.watch();
    while from.peer(known).is_none() {
        changes.next_within(PATIENCE).expect("in time");
    }
    let (from, to) = (from.clone(), to.clone());
    thread::spawn(move || {
        let mut messages = to.messages();
        let peer = to.me();
        let sends = thread::spawn(move || {
            for number in 0..20_000_u32 {
                from.send(peer, number.to_le_bytes().to_vec()).expect("it is known");
            }
        });
        for number in 0..20_000_u32 {
            let received = messages.next_within(PATIENCE).expect("in time").expect("the node lives");
            assert_eq!(received.body[..], number.to_le_bytes());
        }
        sends.join().expect("it does not panic");
    })
}
