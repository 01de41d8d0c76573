//! Nodes that do not run for a while.

use core::time::Duration;
use std::thread;

use mesh_proto::{Dialing, Reason, Refusal};

use crate::flow::Flow;
use crate::looking::{agree, are_up, dialing, down, is_up};
use crate::member::{Member, QUICK};
use crate::pairs::Pair;
use crate::waiting::{next, until};

cases! {
    m1_frozen_past_everyones_patience,
    m1_a_short_freeze_costs_nothing,
    m25_who_was_thrown_out_stays_away,
}

/// What a session on loopback takes to come back.
const SOON: Duration = Duration::from_secs(1);

fn m1_frozen_past_everyones_patience(pair: Pair) {
    let (a, b) = pair.connected_as(Member::quick(), Member::quick());
    let c = Member::quick().start(pair.acceptor);
    c.keep((a.me(), a.address())).expect("there is room");
    crate::pairs::meet(&c, &a);
    thread::scope(|scope| {
        let frozen = scope.spawn(|| a.freeze(2 * QUICK));
        until("the others notice", || !is_up(&b, a.me()) && !is_up(&c, a.me()));
        b.try_send(a.me(), "meanwhile").expect("it is known");
        frozen.join().expect("it does not panic");
    });
    let took = until("all are back", || are_up(&a, &b) && are_up(&a, &c));
    assert!(took <= SOON, "it took {took:?}");
    assert_eq!(next(&a).body[..], b"meanwhile"[..]);
    until("one link is left", || agree(&a, &b) && agree(&a, &c));
    assert!(a.stats().gaps > 0, "it knows that it slept");
}

/// Longer than a gap, and shorter than anybody's patience.
fn m1_a_short_freeze_costs_nothing(pair: Pair) {
    let member = || {
        let quick = Member::quick();
        let detect_within = Duration::from_secs(4);
        Member { config: mesh_proto::Config { detect_within, ..quick.config }, ..quick }
    };
    let (a, b) = pair.connected_as(member(), member());
    let before = crate::looking::link(&a, b.me());
    let frozen = a.member().config.gap() / 2;
    Flow::during(&b, &a, |flow| {
        flow.goes_on(5);
        a.freeze(frozen);
        flow.goes_on(5);
    });
    assert_eq!(crate::looking::link(&a, b.me()), before);
    assert!(agree(&a, &b));
}

fn m25_who_was_thrown_out_stays_away(pair: Pair) {
    let (a, b) = pair.connected();
    b.expel(a.me());
    let refused = Some(Reason::Refused(Refusal::NotListed));
    until("it is told", || down(&a, b.me()) == refused);
    until("it rests", || matches!(dialing(&a, b.me()), Some(Dialing::PausedFor(_))));
    let Some(Dialing::PausedFor(pause)) = dialing(&a, b.me()) else { panic!("it rests") };
    assert!(pause > Duration::from_secs(60), "for long: {pause:?}");
    assert_eq!(a.stats().dials, 1);
}
