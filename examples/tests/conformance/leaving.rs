//! Leaving: what can still be sent goes out, and everybody is told.

use core::time::Duration;
use std::thread;

use adapter_std::handle::{Message, Undelivered};
use mesh_proto::{Outcome, Reason};

use crate::flow::{number, numbered};
use crate::looking::{down, happened};
use crate::member::{Member, Node};
use crate::pairs::Pair;
use crate::waiting::{PATIENCE, next, until, within};

cases! {
    leave_flushes_what_was_sent,
    leave_says_what_it_could_not_flush,
    leave_waits_no_longer_than_it_may,
    m17_a_leave_is_seen_at_once,
    a_dropped_node_is_seen_at_once,
}

fn leave_flushes_what_was_sent(pair: Pair) {
    const MESSAGES: u32 = 200;
    let (a, b) = pair.connected();
    for number in 0..MESSAGES {
        let mut body = numbered(number);
        body.resize(1024, 0);
        a.try_send(b.me(), body).expect("there is room");
    }
    let left = thread::scope(|scope| {
        scope.spawn(|| {
            for awaited in 0..MESSAGES {
                assert_eq!(number(&next(&b)), awaited);
            }
        });
        within("it leaves", a.leave(PATIENCE))
    });
    assert!(left.is_flushed(), "{left:?}");
    until("the other end is told", || down(&b, a.me()) == Some(Reason::Left));
}

fn leave_says_what_it_could_not_flush(pair: Pair) {
    let (a, b) = pair.connected();
    let absent = Member::calm().identity.id();
    a.keep(absent).expect("there is room");
    for (peer, token) in [(absent, 1), (absent, 2), (b.me(), 3)] {
        a.try_send(peer, Message::from("not taken").with_report(token)).expect("it is known");
    }
    a.try_send(absent, "nobody asks").expect("it is known");
    let left = within("it leaves", a.leave(Duration::from_millis(20)));
    assert_eq!(left.unflushed.messages, 4);
    let mut told = left.undelivered;
    told.sort_by_key(|one| one.token);
    let outcome = Outcome::Ended(Reason::Shutdown);
    let awaited = [(absent, 1), (absent, 2), (b.me(), 3)];
    assert_eq!(told, awaited.map(|(peer, token)| Undelivered { peer, token, outcome }));
    until("the other end is told", || down(&b, a.me()) == Some(Reason::Left));
}

fn leave_waits_no_longer_than_it_may(pair: Pair) {
    let (a, b) = pair.connected();
    let relay = b.behind_relay();
    let c = Member::calm().start(pair.dialer);
    c.keep((b.me(), relay.address())).expect("there is room");
    crate::pairs::meet(&c, &b);
    // Nobody answers any more, not even to the goodbye.
    assert_eq!(relay.swallow(), 1);
    c.try_send(b.me(), "not taken").expect("it is known");
    let left = within("it leaves", c.leave(Duration::from_millis(20)));
    assert_eq!(left.unflushed.messages, 1);
    assert!(crate::looking::are_up(&a, &b), "the others stay");
}

fn m17_a_leave_is_seen_at_once(pair: Pair) {
    for who in [0, 1] {
        let (a, b) = pair.connected();
        let (leaves, stays): (&Node, &Node) = [(&a, &b), (&b, &a)][who];
        within("it leaves", leaves.leave(PATIENCE));
        // Whoever keeps it soon has tried again, so what holds may be another reason by now.
        until("it is told", || !crate::looking::ended(stays).is_empty());
        assert_eq!(crate::looking::ended(stays).first(), Some(&Reason::Left), "{:?}", happened(stays));
    }
}

fn a_dropped_node_is_seen_at_once(pair: Pair) {
    let (a, b) = pair.connected();
    let me = a.me();
    drop(a);
    until("it is seen", || !crate::looking::is_up(&b, me));
}
