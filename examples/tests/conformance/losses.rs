//! Links that die in the middle of traffic.

use core::time::Duration;

use examples::relay::Relay;
use mesh_proto::Reason;

use crate::flow::Flow;
use crate::looking::{agree, are_up, ended, link};
use crate::member::{Member, Node, QUICK};
use crate::pairs::{Pair, meet};
use crate::waiting::until;

cases! {
    a2_a_black_hole_is_found_and_its_messages_are_resent,
    a3_cut_in_the_middle_of_traffic,
    x6_cut_again_and_again_with_dials_from_both,
    y12_a_large_message_over_links_that_are_cut,
}

/// Two quick nodes with a relay between them.
fn through_relay(pair: Pair, member: fn() -> Member) -> (Node, Node, Relay) {
    let (a, b) = pair.start_as(member(), member());
    let relay = b.behind_relay();
    a.keep((b.me(), relay.address())).expect("there is room");
    meet(&a, &b);
    (a, b, relay)
}

fn a2_a_black_hole_is_found_and_its_messages_are_resent(pair: Pair) {
    let (a, b, relay) = through_relay(pair, Member::quick);
    let old = (link(&a, b.me()), link(&b, a.me()));
    let took = Flow::during(&a, &b, |there| {
        Flow::during(&b, &a, |back| {
            there.goes_on(20);
            back.goes_on(20);
            assert_eq!(relay.swallow(), 1);
            let took = until("another carries", || {
                are_up(&a, &b) && link(&a, b.me()) != old.0 && link(&b, a.me()) != old.1
            });
            there.goes_on(20);
            back.goes_on(20);
            took
        })
    });
    assert!(took < QUICK + Duration::from_secs(1), "it took {took:?}");
    let reasons = [ended(&a), ended(&b)];
    assert!(reasons.iter().flatten().any(|reason| *reason == Reason::Silent), "{reasons:?}");
    until("one link is left", || agree(&a, &b));
}

fn a3_cut_in_the_middle_of_traffic(pair: Pair) {
    const CUTS: usize = 8;
    let (a, b, relay) = through_relay(pair, Member::calm);
    Flow::during(&a, &b, |there| {
        Flow::during(&b, &a, |back| {
            for _ in 0..CUTS {
                there.goes_on(15);
                back.goes_on(15);
                until("there is a link to cut", || relay.cut() > 0);
            }
            there.goes_on(15);
            back.goes_on(15);
        });
    });
    assert!(a.stats().dials as usize > CUTS);
    until("one link is left", || agree(&a, &b));
}

fn x6_cut_again_and_again_with_dials_from_both(pair: Pair) {
    let (a, b, to_b) = through_relay(pair, Member::calm);
    let to_a = a.behind_relay();
    b.keep((a.me(), to_a.address())).expect("there is room");
    Flow::during(&a, &b, |there| {
        Flow::during(&b, &a, |back| {
            for _ in 0..8 {
                until("there is a link to cut", || to_a.cut() + to_b.cut() > 0);
                there.goes_on(5);
                back.goes_on(5);
            }
        });
    });
    until("one link is left", || are_up(&a, &b) && agree(&a, &b));
}

fn y12_a_large_message_over_links_that_are_cut(pair: Pair) {
    let (a, b, relay) = through_relay(pair, Member::calm);
    let body: Vec<u8> = (0..1_u32 << 20).map(|place| (place >> 7) as u8).collect();
    // So slow that no link lives long enough for the whole of it.
    relay.delay(Duration::from_millis(20));
    a.try_send(b.me(), body.clone()).expect("it fits");
    let mut came = None;
    for _ in 0..5 {
        let cut = std::time::Instant::now() + Duration::from_millis(150);
        until("it is time to cut", || {
            came = came.take().or_else(|| b.messages().try_next());
            came.is_some() || std::time::Instant::now() >= cut
        });
        relay.cut();
    }
    let received = came.unwrap_or_else(|| crate::waiting::next(&b));
    assert!(received.body[..] == body[..], "every byte arrives");
    assert_eq!(b.messages().try_next(), None);
}
