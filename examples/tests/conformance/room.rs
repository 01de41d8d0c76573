//! A full window: whoever sends waits, and nothing is lost.

use core::pin::pin;

use adapter_std::handle::SendError;
use mesh_proto::{Config, Limits, Window};

use crate::flow::{number, numbered};
use crate::member::Member;
use crate::pairs::Pair;
use crate::waiting::{already, next, until, within};

cases! {
    a_full_window_makes_send_wait,
    a_dropped_send_sends_nothing,
    a_wait_for_room_ends_with_the_node,
    bytes_fill_the_window_too,
}

/// With room for so many messages.
pub(crate) fn with_room(messages: u32) -> Member {
    let calm = Member::calm();
    let limits = Limits { window: Window { messages, ..Limits::default().window }, ..Limits::default() };
    Member { config: Config { limits, ..calm.config }, ..calm }
}

/// Sends numbers until there is no room: how many.
pub(crate) fn fill(pair: Pair, most: u32) -> (crate::member::Node, crate::member::Node, u32) {
    let (a, b) = pair.connected_as(with_room(most), with_room(most));
    let mut sent = 0;
    while a.try_send(b.me(), numbered(sent)) != Err(SendError::NoRoom) {
        sent += 1;
        assert!(sent <= most, "the window bounds what is on its way");
    }
    assert!(sent > 0);
    (a, b, sent)
}

fn a_full_window_makes_send_wait(pair: Pair) {
    let (a, b, sent) = fill(pair, 8);
    for round in 0..20 {
        let mut waits = pin!(a.send(b.me(), numbered(sent + round)));
        assert_eq!(already(waits.as_mut()), None, "there is no room");
        assert_eq!(number(&next(&b)), round);
        within("the other took one", waits).expect("it is known");
    }
    for awaited in 20..20 + sent {
        assert_eq!(number(&next(&b)), awaited);
    }
    until("everything is known to be taken", || {
        a.unacknowledged(b.me()).is_some_and(|window| window.messages == 0)
    });
}

fn a_dropped_send_sends_nothing(pair: Pair) {
    let (a, b, sent) = fill(pair, 8);
    for _ in 0..10 {
        assert_eq!(already(a.send(b.me(), "dropped")), None, "there is no room");
    }
    for awaited in 0..sent {
        assert_eq!(number(&next(&b)), awaited);
    }
    within("there is room", a.send(b.me(), numbered(sent))).expect("it is known");
    assert_eq!(number(&next(&b)), sent);
}

fn a_wait_for_room_ends_with_the_node(pair: Pair) {
    let (a, b, _) = fill(pair, 8);
    let mut waits = pin!(a.send(b.me(), "waits"));
    assert_eq!(already(waits.as_mut()), None, "there is no room");
    a.end();
    assert_eq!(within("it is told", waits), Err(SendError::Leaving));
}

fn bytes_fill_the_window_too(pair: Pair) {
    const MESSAGE: usize = 256 * 1024;
    let (a, b) = pair.connected();
    let body = |number: u32| {
        let mut body = numbered(number);
        body.resize(MESSAGE, 1);
        body
    };
    let mut sent = 0;
    while a.try_send(b.me(), body(sent)) != Err(SendError::NoRoom) {
        sent += 1;
        assert!(sent as usize * MESSAGE <= Limits::default().window.bytes as usize);
    }
    let mut waits = pin!(a.send(b.me(), body(sent)));
    assert_eq!(already(waits.as_mut()), None, "there is no room");
    for awaited in 0..sent {
        assert_eq!(number(&next(&b)), awaited);
    }
    within("the other took some", waits).expect("it is known");
    assert_eq!(number(&next(&b)), sent);
}
