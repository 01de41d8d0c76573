//! Ends that are slow, and ways that are.

use core::time::Duration;
use std::time::Instant;

use adapter_std::handle::SendError;
use mesh_proto::Config;

use crate::flow::{Flow, number, numbered};
use crate::looking::{agree, link};
use crate::member::Member;
use crate::pairs::{Pair, meet};
use crate::waiting::{next, until};

cases! {
    o18_an_application_that_does_not_take,
    o19_bulk_on_a_slow_way,
    m27_one_that_does_not_take_stops_no_other,
}

const MESSAGE: usize = 64 * 1024;
/// How soon a dead link is found here: later than a busy machine lets a thread wait, or the link would die rightly.
const DETECT: Duration = Duration::from_secs(2);
/// When it would be found that a link is dead.
const LATER: Duration = Duration::from_secs(3);

fn member() -> Member {
    let quick = Member::quick();
    // A busy machine lets a thread wait for longer than a probe of other tests does, too: here it is as in real use.
    let probe_floor = Config::loopback().probe_floor;
    Member { config: Config { detect_within: DETECT, probe_floor, ..quick.config }, ..quick }
}

/// A large message with this number.
fn large(number: u32) -> Vec<u8> {
    let mut body = numbered(number);
    body.resize(MESSAGE, 3);
    body
}

/// O18, Y6.
fn o18_an_application_that_does_not_take(pair: Pair) {
    let (a, b) = pair.connected_as(member(), member());
    let before = (link(&a, b.me()), link(&b, a.me()));
    let mut sent = 0;
    while a.try_send(b.me(), large(sent)) != Err(SendError::NoRoom) {
        sent += 1;
    }
    let began = Instant::now();
    until("everybody would have lost patience", || began.elapsed() > LATER);
    assert_eq!((link(&a, b.me()), link(&b, a.me())), before, "the link lives");
    assert_eq!(a.try_send(b.me(), large(sent)), Err(SendError::NoRoom), "nothing was dropped to make room");
    for awaited in 0..sent {
        assert_eq!(number(&next(&b)), awaited);
    }
    assert_eq!((link(&a, b.me()), link(&b, a.me())), before);
}

fn o19_bulk_on_a_slow_way(pair: Pair) {
    let (a, b) = pair.start_as(member(), member());
    let relay = b.behind_relay();
    a.keep((b.me(), relay.address())).expect("there is room");
    meet(&a, &b);
    let before = (link(&a, b.me()), link(&b, a.me()));
    relay.slow(Duration::from_millis(120));
    let began = Instant::now();
    for number in 0..30 {
        a.try_send(b.me(), large(number)).expect("there is room");
    }
    for awaited in 0..30 {
        assert_eq!(number(&next(&b)), awaited);
    }
    let took = began.elapsed();
    assert!(took > LATER, "it was slow enough to show something: {took:?}");
    assert_eq!((link(&a, b.me()), link(&b, a.me())), before, "the link lives");
    assert!(agree(&a, &b));
}

fn m27_one_that_does_not_take_stops_no_other(pair: Pair) {
    let (a, slow) = pair.connected();
    let others = [Member::calm().start(pair.acceptor), Member::calm().start(pair.dialer)];
    for other in &others {
        a.keep((other.me(), other.address())).expect("there is room");
        meet(&a, other);
    }
    let mut sent = 0;
    while a.try_send(slow.me(), large(sent)) != Err(SendError::NoRoom) {
        sent += 1;
    }
    for other in &others {
        Flow::during(&a, other, |there| {
            Flow::during(other, &a, |back| {
                there.goes_on(50);
                back.goes_on(50);
            })
        });
    }
    for awaited in 0..sent {
        assert_eq!(number(&next(&slow)), awaited);
    }
}
