//! What became of messages.

use core::pin::pin;

use adapter_std::handle::{Message, SendError, Undelivered};
use mesh_proto::{Config, Limits, Outcome, Reason, Window};

use crate::flow::{number, numbered};
use crate::looking::is_up;
use crate::member::Member;
use crate::pairs::{Pair, meet};
use crate::waiting::{PATIENCE, already, next, until, within};

cases! {
    a_receipt_says_taken_once_it_is,
    a_receipt_says_that_the_session_was_forgotten,
    a_receipt_says_that_the_peer_left,
    a_receipt_says_that_the_peer_restarted,
    a_receipt_says_that_the_peer_takes_less,
    a_receipt_says_that_the_node_ended,
    undelivered_tells_each_token_once,
    undelivered_tells_for_whom_there_was_no_room,
    again_after_restart_goes_to_the_new_run,
    what_nobody_asked_for_is_counted,
}

fn a_receipt_says_taken_once_it_is(pair: Pair) {
    let (a, b) = pair.connected();
    let first = within("it is sent", a.send_with_receipt(b.me(), "one")).expect("it is known");
    let second = within("it is sent", a.send_with_receipt(b.me(), "two")).expect("it is known");
    let mut second = pin!(second);
    next(&b);
    assert_eq!(within("it is told", first), Some(Outcome::Taken));
    assert_eq!(already(second.as_mut()), None, "it was not taken");
    next(&b);
    assert_eq!(within("it is told", second), Some(Outcome::Taken));
}

fn a_receipt_says_that_the_session_was_forgotten(pair: Pair) {
    for forgets in [0, 1] {
        let (a, b) = pair.connected();
        let receipt = within("it is sent", a.send_with_receipt(b.me(), "one")).expect("it is known");
        let (node, peer) = [(&a, b.me()), (&b, a.me())][forgets];
        node.forget(peer).expect("it is known");
        assert_eq!(within("it is told", receipt), Some(Outcome::Ended(Reason::Forgotten)));
    }
}

fn a_receipt_says_that_the_peer_left(pair: Pair) {
    let (a, b) = pair.connected();
    let receipt = within("it is sent", a.send_with_receipt(b.me(), "one")).expect("it is known");
    within("it leaves", b.leave(PATIENCE));
    assert_eq!(within("it is told", receipt), Some(Outcome::Ended(Reason::Left)));
}

fn a_receipt_says_that_the_peer_restarted(pair: Pair) {
    let (a, b) = pair.connected();
    let receipt = within("it is sent", a.send_with_receipt(b.me(), "one")).expect("it is known");
    let next_run = b.member().next_run();
    drop(b);
    let b = next_run.start(pair.acceptor);
    b.keep((a.me(), a.address())).expect("there is room");
    assert_eq!(within("it is told", receipt), Some(Outcome::Ended(Reason::Restarted)));
    meet(&b, &a);
}

fn a_receipt_says_that_the_peer_takes_less(pair: Pair) {
    let calm = Member::calm();
    let limits = Limits { message: 1024, ..Limits::default() };
    let modest = Member { config: Config { limits, ..calm.config }, ..calm };
    let (a, b) = pair.connected_as(Member::calm(), modest);
    let receipt = within("it is sent", a.send_with_receipt(b.me(), vec![0; 1025])).expect("it is known");
    a.try_send(b.me(), vec![7; 1024]).expect("it is known");
    assert_eq!(within("it is told", receipt), Some(Outcome::TooLarge { limit: 1024 }));
    assert_eq!(next(&b).body[..], [7; 1024]);
}

fn a_receipt_says_that_the_node_ended(pair: Pair) {
    let (a, b) = pair.connected();
    let receipt = within("it is sent", a.send_with_receipt(b.me(), "one")).expect("it is known");
    a.end();
    assert_eq!(within("it is told", receipt), None);
}

fn undelivered_tells_each_token_once(pair: Pair) {
    let (a, b) = pair.connected();
    let receipt = within("it is sent", a.send_with_receipt(b.me(), "taken")).expect("it is known");
    a.try_send(b.me(), Message::from("taken").with_report(1)).expect("it is known");
    next(&b);
    next(&b);
    assert_eq!(within("it is told", receipt), Some(Outcome::Taken));
    for token in [17, 18, u64::MAX] {
        a.try_send(b.me(), Message::from("not taken").with_report(token)).expect("it is known");
    }
    within("it leaves", b.leave(PATIENCE));
    until("it is gone", || !is_up(&a, b.me()));
    let outcome = Outcome::Ended(Reason::Left);
    let told = a.undelivered();
    let peer = b.me();
    assert_eq!(told, [17, 18, u64::MAX].map(|token| Undelivered { peer, token, outcome }));
    assert_eq!(a.undelivered(), []);
}

fn undelivered_tells_for_whom_there_was_no_room(pair: Pair) {
    let calm = Member::calm();
    let limits = Limits { window: Window { messages: 4, ..Limits::default().window }, ..Limits::default() };
    let small = Member { config: Config { limits, ..calm.config }, ..calm };
    let (a, b) = pair.connected_as(Member::calm(), small);
    let c = Member::calm().start(pair.acceptor);
    a.keep((c.me(), c.address())).expect("there is room");
    meet(&a, &c);
    // The window of the sender itself bounds what it keeps, whatever the other end takes.
    let most = Limits::default().window.messages;
    let mut sent = 0;
    while a.try_send(b.me(), numbered(sent)) != Err(SendError::NoRoom) {
        sent += 1;
        assert!(sent <= most);
    }
    assert_eq!(a.send_all(Message::from("all").with_report(5)), Ok(1));
    assert_eq!(next(&c).body[..], b"all"[..]);
    assert_eq!(a.undelivered(), [Undelivered { peer: b.me(), token: 5, outcome: Outcome::NoRoom }]);
    for awaited in 0..sent {
        assert_eq!(number(&next(&b)), awaited);
    }
}

fn again_after_restart_goes_to_the_new_run(pair: Pair) {
    let (a, b) = pair.connected();
    let relay = b.behind_relay();
    a.try_send(b.me(), Message::from("old").with_report(1)).expect("it is known");
    a.try_send(b.me(), Message::from("both").again_after_restart().with_report(2)).expect("it is known");
    let next_run = b.member().next_run();
    drop(b);
    let b = next_run.start(pair.acceptor);
    relay.lead_to(Some(b.address()));
    a.keep((b.me(), relay.address())).expect("there is room");
    assert_eq!(next(&b).body[..], b"both"[..]);
    let outcome = Outcome::Ended(Reason::Restarted);
    assert_eq!(a.undelivered(), [Undelivered { peer: b.me(), token: 1, outcome }]);
    assert_eq!(b.messages().try_next(), None);
}

fn what_nobody_asked_for_is_counted(pair: Pair) {
    let (a, b) = pair.connected();
    for _ in 0..3 {
        a.try_send(b.me(), "not taken").expect("it is known");
    }
    until("it arrived", || a.unacknowledged(b.me()).is_some_and(|window| window.messages == 3));
    b.forget(a.me()).expect("it is known");
    until("it is counted", || a.stats().undelivered == 3);
    assert_eq!(a.undelivered(), []);
}
