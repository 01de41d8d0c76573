//! R8, and R18 as far as one machine shows it.

use crate::node::*;
use crate::on_both;
use core::time::Duration;
use mesh_proto::{Config, Event, Frame, Hello, Reason, Standing};

on_both! {
    fn r8_a_silent_link_is_pinged_every_quarter_and_dies_at_the_end<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        for (quarter, nonce) in [(1, 1), (2, 2), (3, 3)] {
            assert_eq!(node.pass(millis(2_499)), [], "quarter {quarter}");
            assert_eq!(node.pass(millis(1)), [Order::Send(link, Frame::Ping { nonce })]);
        }
        assert_eq!(node.pass(millis(2_499)), []);
        assert_eq!(node.pass(millis(1)), [Order::Close(link, Reason::Silent)]);
        assert_eq!(node.standing(LOWER), Standing::Away { reason: Reason::Silent });
    }

    fn r8_any_frame_is_life<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        for nonce in 1..=20 {
            assert_eq!(node.pass(secs(2)), []);
            assert_eq!(node.frame(link, Frame::Ping { nonce }), [Order::Send(link, Frame::Pong { nonce })]);
        }
    }

    fn r8_life_belongs_to_the_link<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(LOWER, run(1, 1));
        let (second, _) = node.accepted(LOWER, run(1, 1));
        for nonce in 1..=4 {
            assert_eq!(closes(&node.pass(secs(2))), []);
            node.frame(first, Frame::Ping { nonce });
        }
        assert_eq!(closes(&node.pass(secs(2))), [(second, Reason::Silent)]);
    }

    fn r8_the_smaller_knob_counts<S>() {
        let mut node = Node::<S>::new();
        let (link, _, _) = node.accept(LOWER, Hello { detect_within: secs(4), ..hello(run(1, 1)) });
        assert_eq!(node.waits(), Some(secs(1)));
        assert_eq!(closes(&node.pass(secs(4))), [(link, Reason::Silent)]);
        let (_, _, _) = node.accept(LOWER, Hello { detect_within: secs(40), ..hello(run(1, 1)) });
        assert_eq!(node.waits(), Some(millis(2_500)));
    }

    fn r8_a_knob_that_is_too_small_counts_as_the_least<S>() {
        let mut node = Node::<S>::new();
        node.accept(LOWER, Hello { detect_within: Duration::ZERO, ..hello(run(1, 1)) });
        assert_eq!(node.waits(), Some(millis(500)), "a quarter of twice the probe's floor");
    }

    fn r8_one_answer_covers_all_that_was_asked<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.pass(millis(7_500));
        assert_eq!(node.frame(link, Frame::Pong { nonce: 3 }), []);
        assert_eq!(node.waits(), Some(millis(2_500)));
        assert_eq!(node.frame(link, Frame::Pong { nonce: 2 }), [], "a late one does no harm");
        let keep = Event::Keep { peer: LOWER, routes: routes(&[1]) };
        assert_eq!(node.tell(keep), [], "the link is not suspect any more");
    }

    fn r8_an_answer_to_what_was_never_asked_breaks_the_protocol<S>() {
        for nonce in [0, 1, 7] {
            let mut node = Node::<S>::new();
            let (link, _) = node.accepted(LOWER, run(1, 1));
            let orders = node.frame(link, Frame::Pong { nonce });
            assert_eq!(
                orders,
                [Order::Send(link, Frame::Close(Reason::ProtocolError)), Order::Close(link, Reason::ProtocolError)]
            );
        }
    }

    fn r8_a_probe_waits_three_round_trips<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.pass(millis(2_500));
        node.pass(millis(800));
        node.frame(link, Frame::Pong { nonce: 1 });
        assert_eq!(node.mesh.explain(&LOWER).expect("known").links[0].round_trip, Some(millis(800)));
        // The next probe may take 2.4 s before a dial is wanted.
        node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        assert_eq!(pings(&node.pass(millis(2_500))), [(link, 1 + 1)]);
        assert_eq!(dials(&node.pass(millis(2_399))), []);
        assert_eq!(dials(&node.pass(millis(1))), [1]);
    }

    fn r8_frames_make_a_probe_wait_longer_but_not_beyond_the_knob<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        node.pass(millis(2_500));
        for nonce in 1..=18 {
            assert_eq!(dials(&node.pass(millis(500))), [], "after {nonce} frames");
            node.frame(link, Frame::Ping { nonce });
        }
        assert_eq!(dials(&node.pass(millis(999))), []);
        assert_eq!(dials(&node.pass(millis(1))), [1], "ten seconds after it was asked");
    }

    fn r4_a_suspect_does_not_keep_a_dial_from_being_made<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        assert_eq!(dials(&node.pass(millis(3_499))), []);
        assert_eq!(dials(&node.pass(millis(1))), [1], "a ping and its time");
        assert_eq!(node.carrier(LOWER), Some(link), "and the link lives on");
    }

    fn r18_pings_that_fall_due_close_together_go_together<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(LOWER, run(1, 1));
        node.pass(Duration::from_micros(312_500));
        let (second, _) = node.accepted(HIGHER, run(1, 1));
        node.pass(millis(400));
        let (third, _) = node.accepted(HIGHEST, run(1, 1));
        assert_eq!(pings(&node.pass(millis(1_800))), [(first, 1), (second, 1)], "an eighth of the interval");
        assert_eq!(pings(&node.pass(millis(700))), [(third, 1)]);
    }

    fn r8_profiles_scale_everything<S>() {
        for config in [Config { detect_within: secs(3), ..config() }, Config { detect_within: secs(120), ..config() }] {
            let mut node = Node::<S>::with(config);
            let (link, _, _) = node.accept(LOWER, Hello { detect_within: secs(600), ..hello(run(1, 1)) });
            assert_eq!(node.waits(), Some((config.detect_within / 4).min(config.stable_after)));
            let closed = closes(&node.pass(config.detect_within));
            assert_eq!(closed, [(link, Reason::Silent)]);
        }
    }
}
