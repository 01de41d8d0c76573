//! Messages, as they arrive.

use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;

use adapter_std::handle::{Message, Received, SendError};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream};
use mesh_proto::{Config, Lane, Limits, Window};

use crate::flow::{Flow, number, numbered};
use crate::looking::is_up;
use crate::member::Member;
use crate::pairs::{Pair, meet};
use crate::waiting::{PATIENCE, already, next, until, within};

cases! {
    a_message_arrives_as_it_was_sent,
    an_empty_message,
    the_largest_message_both_ways,
    numbers_both_ways,
    urgent_overtakes_what_waits,
    try_send_says_why_not,
    send_all_reaches_everybody,
    receivers_share_the_messages,
    a_sink_sends_in_order,
    a_dropped_wait_loses_nothing,
    receivers_end_with_the_node,
}

fn a_message_arrives_as_it_was_sent(pair: Pair) {
    let (a, b) = pair.connected();
    for (lane, kind, body) in [
        (Lane::Ordinary, 0, &b"plain"[..]),
        (Lane::Ordinary, 252, b"kind"),
        (Lane::Urgent, 0, b"urgent"),
        (Lane::Urgent, 7, b"both"),
    ] {
        let body = Bytes::from_static(body);
        let message = Message::new(body.clone()).of_kind(kind);
        let message = if lane == Lane::Urgent { message.urgent() } else { message };
        within("there is room", a.send(b.me(), message)).expect("it is known");
        assert_eq!(next(&b), Received { from: a.me(), lane, kind, body });
    }
    assert_eq!(b.messages().try_next(), None);
}

fn an_empty_message(pair: Pair) {
    let (a, b) = pair.connected();
    for message in [Message::from(""), Message::from("").of_kind(3), Message::from("").urgent()] {
        a.try_send(b.me(), message).expect("it is known");
    }
    let mut came = [next(&b), next(&b), next(&b)].map(|came| (came.lane, came.kind, came.body.len()));
    came.sort();
    assert_eq!(came, [(Lane::Ordinary, 0, 0), (Lane::Ordinary, 3, 0), (Lane::Urgent, 0, 0)]);
}

fn the_largest_message_both_ways(pair: Pair) {
    let (a, b) = pair.connected();
    let limit = Limits::default().message;
    let body: Vec<u8> = (0..limit).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    a.try_send(b.me(), body.clone()).expect("it fits");
    b.try_send(a.me(), body.clone()).expect("it fits");
    assert!(next(&b).body[..] == body[..], "every byte arrives");
    assert!(next(&a).body[..] == body[..], "every byte arrives");
    let larger = vec![0; limit as usize + 1];
    for message in [Message::from(larger.clone()), Message::from(larger).urgent()] {
        assert_eq!(a.try_send(b.me(), message), Err(SendError::TooLarge { limit }));
    }
    a.try_send(b.me(), "goes on").expect("it fits");
    assert_eq!(next(&b).body[..], b"goes on"[..]);
}

fn numbers_both_ways(pair: Pair) {
    let (a, b) = pair.connected();
    Flow::during(&a, &b, |there| {
        Flow::during(&b, &a, |back| {
            there.goes_on(50);
            back.goes_on(50);
        });
    });
}

fn urgent_overtakes_what_waits(pair: Pair) {
    let limits = Limits { window: Window { messages: 8, ..Limits::default().window }, ..Limits::default() };
    let small = || {
        let calm = Member::calm();
        Member { config: Config { limits, ..calm.config }, ..calm }
    };
    let (a, b) = pair.start_as(small(), small());
    a.keep(b.me()).expect("there is room");
    let mut sent = 0;
    while a.try_send(b.me(), numbered(sent)) != Err(SendError::NoRoom) {
        sent += 1;
        assert!(sent <= 8, "the window bounds what waits");
    }
    a.try_send(b.me(), Message::from("first").urgent()).expect("a place is kept for it");
    a.keep((b.me(), b.address())).expect("there is room");
    assert_eq!(next(&b).body[..], b"first"[..]);
    for awaited in 0..sent {
        assert_eq!(number(&next(&b)), awaited);
    }
}

fn try_send_says_why_not(pair: Pair) {
    let calm = Member::calm();
    let limits = Limits { peers: 1, ..Limits::default() };
    let (a, b) = pair.start_as(Member { config: Config { limits, ..calm.config }, ..calm }, Member::calm());
    assert_eq!(a.try_send(a.me(), "to itself"), Err(SendError::OwnSelf));
    // Whoever is not known yet is from now on, as long as there is a place.
    a.try_send(b.me(), "early").expect("there is a place");
    assert_eq!(a.try_send(Member::calm().identity.id(), "no place"), Err(SendError::Unknown));
    let taken = Message::from("a question?").of_kind(255);
    assert_eq!(a.try_send(b.me(), taken.clone()), Err(SendError::Reserved { kind: 255 }));
    assert_eq!(a.try_send(b.me(), Message::from("").of_kind(253)), Err(SendError::Reserved { kind: 253 }));
    assert_eq!(a.send_all(taken), Err(SendError::Reserved { kind: 255 }));
    a.keep((b.me(), b.address())).expect("it has its place");
    assert_eq!(next(&b).body[..], b"early"[..]);
    within("it leaves", a.leave(PATIENCE));
    assert_eq!(a.try_send(b.me(), "late"), Err(SendError::Leaving));
    assert_eq!(within("it is told", a.send(b.me(), "late")), Err(SendError::Leaving));
}

fn send_all_reaches_everybody(pair: Pair) {
    let (a, b) = pair.connected();
    let c = Member::calm().start(pair.acceptor);
    assert_eq!(c.send_all("nobody is there"), Ok(0));
    a.keep((c.me(), c.address())).expect("there is room");
    meet(&a, &c);
    assert_eq!(a.send_all(Message::from("all").of_kind(9)), Ok(2));
    let awaited = Received { from: a.me(), lane: Lane::Ordinary, kind: 9, body: "all".into() };
    assert_eq!((next(&b), next(&c)), (awaited.clone(), awaited));
    // It goes to those with a session, and to nobody later.
    a.forget(c.me()).expect("it is known");
    until("it is gone", || !is_up(&a, c.me()));
    assert_eq!(a.send_all("rest"), Ok(1));
    assert_eq!(next(&b).body[..], b"rest"[..]);
}

fn receivers_share_the_messages(pair: Pair) {
    const MESSAGES: u32 = 1_000;
    let (a, b) = pair.connected();
    let came = Mutex::new(Vec::new());
    let each = [const { AtomicUsize::new(0) }; 4];
    thread::scope(|scope| {
        let (came, b) = (&came, &b);
        for count in &each {
            scope.spawn(move || {
                let mut messages = b.messages();
                while let Some(received) = within("it ends", messages.next()) {
                    came.lock().expect("nobody panicked").push(number(&received));
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 0..MESSAGES {
            within("there is room", a.send(b.me(), numbered(number))).expect("it is known");
        }
        until("all were taken", || came.lock().expect("nobody panicked").len() >= MESSAGES as usize);
        b.end();
    });
    let mut came = came.into_inner().expect("nobody panicked");
    came.sort_unstable();
    assert!(came.into_iter().eq(0..MESSAGES), "each once, whoever took it");
}

fn a_sink_sends_in_order(pair: Pair) {
    const MESSAGES: u32 = 500;
    let (a, b) = pair.connected();
    let mut sink = a.sink(b.me());
    let mut all = stream::iter((0..MESSAGES).map(|number| Ok(Message::from(numbered(number)))));
    thread::scope(|scope| {
        scope.spawn(|| within("all are sent", sink.send_all(&mut all)).expect("it is known"));
        for awaited in 0..MESSAGES {
            assert_eq!(number(&next(&b)), awaited);
        }
    });
    let mut to_itself = b.sink(b.me());
    assert_eq!(within("it is told", SinkExt::<&str>::send(&mut to_itself, "?")), Err(SendError::OwnSelf));
}

fn a_dropped_wait_loses_nothing(pair: Pair) {
    let (a, b) = pair.connected();
    let mut messages = b.messages();
    for awaited in 0..100 {
        assert!(already(messages.next()).is_none(), "nothing was sent");
        {
            let _dropped = pin!(messages.next());
        }
        a.try_send(b.me(), numbered(awaited)).expect("it is known");
        assert_eq!(number(&next(&b)), awaited);
    }
}

fn receivers_end_with_the_node(pair: Pair) {
    let (a, b) = pair.connected();
    let (messages, watch, happenings) = (a.messages(), a.watch(), a.happenings());
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(within("they end", messages.count()), 0));
        scope.spawn(|| assert!(within("they end", watch.count()) >= 1));
        scope.spawn(|| within("they end", happenings.count()));
        within("it leaves", a.leave(PATIENCE));
    });
    until("the other end sees it", || !is_up(&b, a.me()));
}
