//! Two streams where one is enough, and streams that one end holds to be alive.

use core::time::Duration;
use std::sync::Barrier;
use std::thread;

use examples::relay::Relay;
use mesh_proto::{Reason, Side};

use crate::flow::Flow;
use crate::looking::{agree, are_up, ended, ends, link, only_link};
use crate::member::{Member, Node};
use crate::pairs::{Pair, meet};
use crate::waiting::{already, next, until};

cases! {
    s1_a_new_link_is_taken_where_the_old_one_looks_alive,
    s2_the_same_dial_again,
    s3_both_dial_at_once,
    s3_both_dial_over_ways_of_every_length,
    o2_both_dial_and_the_way_is_long,
    x3_a_black_hole_gives_way_to_a_dial,
    a1_replies_ride_the_link_of_the_other_end,
    o17_many_sends_to_a_cold_peer_make_one_dial,
}

fn s1_a_new_link_is_taken_where_the_old_one_looks_alive(pair: Pair) {
    let (a, b) = pair.start();
    let relay = b.behind_relay();
    a.keep((b.me(), relay.address())).expect("there is room");
    meet(&a, &b);
    let old = link(&b, a.me());
    assert_eq!(relay.strand(), 1);
    // Found by the dial alone: silence is noticed only after the test.
    until("the new one carries", || are_up(&a, &b) && link(&b, a.me()) != old && agree(&a, &b));
    a.try_send(b.me(), "on the new one").expect("it is known");
    assert_eq!(next(&b).body[..], b"on the new one"[..]);
}

fn s2_the_same_dial_again(pair: Pair) {
    let (a, b) = pair.connected();
    let incumbent = (link(&a, b.me()), link(&b, a.me()));
    let (mut at_a, mut at_b) = (a.watch(), b.watch());
    assert!(already(at_a.next()).is_some() && already(at_b.next()).is_some());
    Flow::during(&a, &b, |flow| {
        for again in 1..=5 {
            a.seek(b.me(), Some(b.address())).expect("there is room");
            until("the newcomer is closed", || ended(&a).len() == again && ended(&b).len() == again);
            flow.goes_on(10);
        }
    });
    assert_eq!(ended(&a), [Reason::Duplicate; 5]);
    assert_eq!(ended(&b), [Reason::Duplicate; 5]);
    assert_eq!((link(&a, b.me()), link(&b, a.me())), incumbent, "the incumbent stays");
    assert_eq!((already(at_a.next()), already(at_b.next())), (None, None), "no application noticed");
}

/// One link, and it is the same socket at both ends.
fn one_socket(a: &Node, b: &Node) -> bool {
    let (Some(here), Some(there)) = (link(a, b.me()), link(b, a.me())) else { return false };
    let crossed = ends(b, there).map(|(local, remote)| (remote, local));
    agree(a, b) && crossed.is_some() && ends(a, here) == crossed
}

fn s3_both_dial_at_once(pair: Pair) {
    let (a, b) = pair.start();
    let barrier = Barrier::new(2);
    let dial = |from: &Node, to: &Node| {
        barrier.wait();
        from.keep((to.me(), to.address())).expect("there is room");
    };
    thread::scope(|scope| {
        scope.spawn(|| dial(&a, &b));
        scope.spawn(|| dial(&b, &a));
    });
    // Whoever was dialed before it wished for the other has not told so: only a hello does.
    until("one link is left", || are_up(&a, &b) && one_socket(&a, &b));
    let kept = (link(&a, b.me()), link(&b, a.me()));
    Flow::during(&a, &b, |there| {
        Flow::during(&b, &a, |back| {
            there.goes_on(20);
            back.goes_on(20);
        })
    });
    assert_eq!((link(&a, b.me()), link(&b, a.me())), kept, "nothing flaps");
}

/// O2, S3: how long a byte is under way, each way.
const LENGTHS: [u64; 6] = [0, 5, 50, 300, 1100, 1500];

fn s3_both_dial_over_ways_of_every_length(pair: Pair) {
    thread::scope(|scope| {
        for millis in LENGTHS {
            scope.spawn(move || both_dial_over(pair, Duration::from_millis(millis)));
        }
    });
}

fn both_dial_over(pair: Pair, length: Duration) {
    let (a, b) = pair.start();
    let (to_a, to_b) = (a.behind_relay(), b.behind_relay());
    [&to_a, &to_b].into_iter().for_each(|relay| relay.delay(length));
    let barrier = Barrier::new(2);
    let dial = |from: &Node, to: &Node, relay: &Relay| {
        barrier.wait();
        from.keep((to.me(), relay.address())).expect("there is room");
    };
    thread::scope(|scope| {
        scope.spawn(|| dial(&a, &b, &to_b));
        scope.spawn(|| dial(&b, &a, &to_a));
    });
    let one = || one_stream(&a, &b, &to_b) || one_stream(&b, &a, &to_a);
    until(&format!("one link is left, {length:?} apart"), || agree(&a, &b) && one());
    let kept = (link(&a, b.me()), link(&b, a.me()));
    for (from, to) in [(&a, &b), (&b, &a)] {
        from.try_send(to.me(), "there and back").expect("it is known");
    }
    for to in [&b, &a] {
        assert_eq!(next(to).body[..], b"there and back"[..]);
    }
    assert_eq!((link(&a, b.me()), link(&b, a.me())), kept, "{length:?} apart, nothing flaps");
    assert!(agree(&a, &b) && one());
    assert!(a.stats().dials <= 1 && b.stats().dials <= 1, "{length:?} apart, nobody dials again");
}

/// Whether the link of both is the stream that the first opened to the second through this relay.
fn one_stream(dialer: &Node, acceptor: &Node, relay: &Relay) -> bool {
    let near = link(dialer, acceptor.me()).and_then(|link| ends(dialer, link));
    let far = link(acceptor, dialer.me()).and_then(|link| ends(acceptor, link));
    near.zip(far).is_some_and(|((near, _), (_, far))| relay.far_end(near) == Some(far))
}

fn o2_both_dial_and_the_way_is_long(pair: Pair) {
    let member = Member::quick();
    // Longer than the least time that a probe waits, each way.
    let delay = member.config.probe_floor + member.config.probe_floor / 4;
    let patient = mesh_proto::Config { handshake_within: delay * 16, ..member.config };
    let member = || Member { config: patient, ..Member::quick() };
    let (a, b) = pair.start_as(member(), member());
    let (to_a, to_b) = (a.behind_relay(), b.behind_relay());
    to_a.delay(delay);
    to_b.delay(delay);
    a.keep((b.me(), to_b.address())).expect("there is room");
    b.keep((a.me(), to_a.address())).expect("there is room");
    until("one link is left", || agree(&a, &b));
    let lower = if a.me() < b.me() { &a } else { &b };
    let upper = if a.me() < b.me() { &b } else { &a };
    assert_eq!(only_link(lower, upper.me()), Some(Side::Dialed), "the one that the lower id dialed");
    let kept = (link(&a, b.me()), link(&b, a.me()));
    a.try_send(b.me(), "there").expect("it is known");
    assert_eq!(next(&b).body[..], b"there"[..]);
    assert_eq!((link(&a, b.me()), link(&b, a.me())), kept, "nothing flaps");
}

fn x3_a_black_hole_gives_way_to_a_dial(pair: Pair) {
    let (a, b) = pair.start();
    let relay = b.behind_relay();
    a.keep((b.me(), relay.address())).expect("there is room");
    meet(&a, &b);
    let old = (link(&a, b.me()), link(&b, a.me()));
    Flow::during(&a, &b, |there| {
        Flow::during(&b, &a, |back| {
            there.goes_on(10);
            back.goes_on(10);
            assert_eq!(relay.swallow(), 1);
            a.seek(b.me(), Some(relay.address())).expect("there is room");
            until("the newcomer carries", || {
                are_up(&a, &b) && link(&a, b.me()) != old.0 && link(&b, a.me()) != old.1
            });
            there.goes_on(10);
            back.goes_on(10);
        })
    });
    until("the black hole is closed", || agree(&a, &b));
}

fn a1_replies_ride_the_link_of_the_other_end(pair: Pair) {
    let (a, b) = pair.start_as(Member { listens: None, ..Member::calm() }, Member::calm());
    a.keep((b.me(), b.address())).expect("there is room");
    // Nothing is where the other end is said to be.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = nowhere.local_addr().expect("it is bound");
    drop(nowhere);
    meet(&a, &b);
    b.keep((a.me(), address)).expect("there is room");
    a.try_send(b.me(), "question").expect("it is known");
    let question = next(&b);
    b.try_send(question.from, "answer").expect("it is known");
    assert_eq!(next(&a).body[..], b"answer"[..]);
    assert_eq!((a.stats().dials, b.stats().dials), (1, 0));
}

fn o17_many_sends_to_a_cold_peer_make_one_dial(pair: Pair) {
    const MESSAGES: u32 = 200;
    let (a, b) = pair.start();
    a.keep((b.me(), b.address())).expect("there is room");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..MESSAGES / 4 {
                    a.try_send(b.me(), crate::flow::numbered(number)).expect("there is room");
                }
            });
        }
    });
    for _ in 0..MESSAGES {
        next(&b);
    }
    assert_eq!((a.stats().dials, b.stats().dials), (1, 0));
    assert_eq!(b.messages().try_next(), None);
    assert!(agree(&a, &b));
}
