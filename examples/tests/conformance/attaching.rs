//! Streams that the program opens itself.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;

use adapter_std::hub::{Attached, Unattached};
use mesh_proto::{NodeId, PathClass, Reason, SystemError, Unable};

use crate::flow::Flow;
use crate::looking::{agree, are_up, ended, link};
use crate::member::{Member, Node};
use crate::pairs::{Pair, meet};
use crate::waiting::{PATIENCE, next, until, within};

cases! {
    attached_streams_carry_messages,
    a_session_goes_on_over_the_next_attached_stream,
    the_better_of_two_attached_streams_carries,
    an_attached_black_hole_is_found_and_let_go,
    an_attached_stream_that_ends_ends_its_link,
    an_attached_stream_to_the_wrong_node_is_not_used,
    a_node_says_why_it_takes_no_stream,
}

const ANYBODY: Attached = Attached::Dialed { expected: None };

/// Two nodes that nobody can dial.
fn apart(pair: Pair, member: fn() -> Member) -> (Node, Node) {
    let member = || Member { listens: None, ..member() };
    pair.start_as(member(), member())
}

fn streams() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("there is room")
}

/// Joins two nodes, the first of which dials.
fn join(a: &Node, b: &Node, class: PathClass) {
    let (here, there) = streams();
    a.attach(here, Attached::Dialed { expected: Some(b.me()) }, class).expect("there is room");
    b.attach(there, Attached::Accepted, class).expect("there is room");
}

/// What lies between two streams: it carries bytes both ways until it is dropped.
struct Wire {
    ends: [UnixStream; 2],
    swallows: Arc<AtomicBool>,
}

/// Joins two nodes by a wire.
fn wire(a: &Node, b: &Node) -> Wire {
    let ((here, one), (there, other)) = (streams(), streams());
    let swallows = Arc::new(AtomicBool::new(false));
    for (from, to) in [(&one, &other), (&other, &one)] {
        let (from, to) = (from.try_clone().expect("there is room"), to.try_clone().expect("there is room"));
        let swallows = Arc::clone(&swallows);
        thread::spawn(move || carry(from, to, &swallows));
    }
    a.attach(here, ANYBODY, PathClass::Direct).expect("there is room");
    b.attach(there, Attached::Accepted, PathClass::Direct).expect("there is room");
    Wire { ends: [one, other], swallows }
}

fn carry(mut from: UnixStream, mut to: UnixStream, swallows: &AtomicBool) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !swallows.load(Ordering::Acquire) && to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for end in &self.ends {
            // It may be gone already.
            drop(end.shutdown(Shutdown::Both));
        }
    }
}

fn attached_streams_carry_messages(pair: Pair) {
    let (a, b) = apart(pair, Member::calm);
    join(&a, &b, PathClass::Direct);
    meet(&a, &b);
    let (large, small) = (vec![7; 100_000], b"small".to_vec());
    for (from, to) in [(&a, &b), (&b, &a)] {
        for body in [&large, &small] {
            let receipt =
                within("there is room", from.send_with_receipt(to.me(), body.clone())).expect("it is known");
            assert!(next(to).body[..] == body[..]);
            assert!(within("a receipt", receipt).is_some());
        }
    }
    assert_eq!((a.stats().dials, b.stats().dials), (0, 0));
    let left = within("it leaves", a.leave(PATIENCE));
    assert!(left.is_flushed(), "{left:?}");
    until("the other end is told", || ended(&b) == [Reason::Left]);
}

fn a_session_goes_on_over_the_next_attached_stream(pair: Pair) {
    let (a, b) = apart(pair, Member::calm);
    let mut between = Some(wire(&a, &b));
    meet(&a, &b);
    Flow::during(&a, &b, |there| {
        Flow::during(&b, &a, |back| {
            for _ in 0..5 {
                there.goes_on(20);
                back.goes_on(20);
                let old = (link(&a, b.me()), link(&b, a.me()));
                drop(between.take());
                between = Some(wire(&a, &b));
                until("another carries", || {
                    are_up(&a, &b) && link(&a, b.me()) != old.0 && link(&b, a.me()) != old.1
                });
            }
            there.goes_on(20);
            back.goes_on(20);
        });
    });
    until("one link is left", || agree(&a, &b));
}

/// O5.
fn the_better_of_two_attached_streams_carries(pair: Pair) {
    let (a, b) = apart(pair, Member::calm);
    join(&a, &b, PathClass::Relayed);
    meet(&a, &b);
    let old = (link(&a, b.me()), link(&b, a.me()));
    Flow::during(&a, &b, |flow| {
        flow.goes_on(10);
        join(&b, &a, PathClass::Direct);
        until("the direct one carries", || {
            agree(&a, &b) && link(&a, b.me()) != old.0 && link(&b, a.me()) != old.1
        });
        flow.goes_on(10);
        let better = (link(&a, b.me()), link(&b, a.me()));
        join(&a, &b, PathClass::Relayed);
        until("the worse one is closed", || ended(&a).len() == 2 && ended(&b).len() == 2);
        assert_eq!((link(&a, b.me()), link(&b, a.me())), better);
    });
    assert_eq!(ended(&a), [Reason::Superseded, Reason::Duplicate]);
}

fn an_attached_black_hole_is_found_and_let_go(pair: Pair) {
    let (a, b) = apart(pair, Member::quick);
    let between = wire(&a, &b);
    meet(&a, &b);
    between.swallows.store(true, Ordering::Release);
    until("it is found", || ended(&a) == [Reason::Silent] && ended(&b) == [Reason::Silent]);
    // Whoever waited for a byte, at either node, waits no more: the streams are gone.
    for mut end in &between.ends {
        end.set_read_timeout(Some(PATIENCE)).expect("it can be set");
        let mut rest = [0; 4096];
        until("it is let go", || match end.read(&mut rest) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => panic!("nobody let it go: {error}"),
        });
    }
}

fn an_attached_stream_that_ends_ends_its_link(pair: Pair) {
    for at_dialer in [true, false] {
        let (a, b) = apart(pair, Member::calm);
        let (node, side) = if at_dialer { (&a, ANYBODY) } else { (&b, Attached::Accepted) };
        let (here, there) = streams();
        node.attach(here, side, PathClass::Direct).expect("there is room");
        drop(there);
        until("its end is seen", || !ended(node).is_empty());
        let reasons = ended(node);
        let ends = [Reason::System(SystemError::Ended), Reason::System(SystemError::Reset)];
        assert!(reasons.len() == 1 && ends.contains(&reasons[0]), "{reasons:?}");
    }
}

fn an_attached_stream_to_the_wrong_node_is_not_used(pair: Pair) {
    let (a, b) = apart(pair, Member::calm);
    let (here, there) = streams();
    let expected = Some(NodeId::new([9; 32]));
    a.attach(here, Attached::Dialed { expected }, PathClass::Direct).expect("there is room");
    b.attach(there, Attached::Accepted, PathClass::Direct).expect("there is room");
    until("it is closed", || !ended(&a).is_empty() && !ended(&b).is_empty());
    assert_eq!(ended(&a), [Reason::WrongPeer]);
    assert_eq!((a.peers(), b.peers()), (Vec::new(), Vec::new()));
}

fn a_node_says_why_it_takes_no_stream(pair: Pair) {
    let (a, _b) = apart(pair, Member::calm);
    let try_as = |side| a.attach(streams().0, side, PathClass::Direct);
    let oneself = Attached::Dialed { expected: Some(a.me()) };
    assert_eq!(try_as(oneself), Err(Unattached::Unable(Unable::OwnSelf)));
    a.end();
    for side in [ANYBODY, Attached::Accepted] {
        assert_eq!(try_as(side), Err(Unattached::Unable(Unable::Leaving)));
    }
}
