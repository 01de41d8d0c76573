//! R9.

use crate::node::*;
use crate::on_both;
use mesh_proto::{Config, Event, Frame, Reason, Refusal, SystemError, Wake};

fn announcing() -> Config {
    Config { announce_every: Some(secs(120)), ..config() }
}

fn announcements(orders: &[Order]) -> usize {
    orders.iter().filter(|order| matches!(order, Order::Announce(..))).count()
}

on_both! {
    fn r9_nothing_expires_for_time_that_was_slept_through<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.freeze(secs(3600));
        let orders = node.tell(Event::Tick);
        assert_eq!(closes(&orders), []);
        assert_eq!(pings(&orders), [(link, 1)], "what was due, and the probe of the gap, are one frame");
        assert_eq!(node.mesh.stats().gaps, 1);
    }

    fn r9_lateness_moves_deadlines_by_as_much<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.pass(millis(7_500));
        // Due at 10 s; the node is 2 s late, which is no gap yet.
        node.freeze(millis(4_500));
        assert_eq!(closes(&node.tell(Event::Tick)), [], "one further probe time in a late step");
        assert_eq!(closes(&node.pass(millis(999))), []);
        assert_eq!(closes(&node.pass(millis(1))), [(link, Reason::Silent)], "once");
    }

    fn r9_a_frame_takes_nothing_from_what_a_late_step_gave<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.pass(millis(2_500));
        // A peer that says much and answers nothing, at a node that is a little late each time: past the longest that frames
        // alone can make a probe wait.
        for nth in 0..15 {
            node.pass(millis(900));
            node.freeze(millis(200));
            assert_eq!(closes(&node.tell(Event::Tick)), []);
            assert_eq!(closes(&node.frame(link, Frame::Ping { nonce: 1 })), []);
            assert!(node.waits() <= Some(secs(1)), "the probe waits no longer after step {nth}");
        }
    }

    fn r9_a_little_lateness_is_only_jitter<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.pass(millis(7_500));
        node.freeze(millis(2_549));
        assert_eq!(closes(&node.tell(Event::Tick)), [(link, Reason::Silent)]);
    }

    fn r9_fifty_milliseconds_are_late<S>() {
        let mut node = Node::<S>::new();
        node.accepted(LOWER, run(1, 1));
        node.pass(millis(7_500));
        node.freeze(millis(2_550));
        assert_eq!(closes(&node.tell(Event::Tick)), []);
    }

    fn r9_the_grace_of_a_late_step_comes_back_with_life<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        for _ in 0..3 {
            node.pass(millis(7_500));
            node.freeze(millis(2_600));
            assert_eq!(closes(&node.tell(Event::Tick)), []);
            node.frame(link, Frame::Ping { nonce: 1 });
        }
    }

    fn r9_a_handshake_gets_one_further_probe_time_in_a_late_step<S>() {
        let mut node = Node::<S>::new();
        let open = node.incoming(1);
        let orders = node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) });
        let [Order::Dial(dial, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        let proven = node.incoming(2);
        node.prove(proven, LOWER);
        node.freeze(millis(5_100));
        assert_eq!(node.tell(Event::Tick), [], "the dial may be open already");
        assert_eq!(closes(&node.pass(secs(1))), [(*dial, Reason::System(SystemError::TimedOut))]);
        node.pass(millis(3_900));
        node.freeze(millis(1_200));
        let orders = node.tell(Event::Tick);
        assert!(!closes(&orders).iter().any(|(link, _)| *link == open || *link == proven), "{orders:?}");
        let orders = closes(&node.pass(secs(1)));
        assert!(orders.contains(&(open, Reason::Silent)) && orders.contains(&(proven, Reason::Silent)), "{orders:?}");
    }

    fn r9_after_a_gap_only_answers_are_life<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        assert_eq!(pings(&node.pass(millis(2_500))), [(link, 1)]);
        node.freeze(secs(30));
        let orders = node.tell(Event::Tick);
        let [(_, nonce)] = pings(&orders)[..] else { panic!("{orders:?}") };
        for nonce in 1..=3 {
            node.frame(link, Frame::Ping { nonce });
        }
        assert_eq!(node.frame(link, Frame::Pong { nonce: nonce - 1 }), [], "asked before the gap, for all anyone knows");
        assert_eq!(dials(&node.pass(millis(999))), []);
        let orders = node.pass(millis(1));
        let [Order::Dial(dial, ..)] = orders.as_slice() else { panic!("redialed with no backoff: {orders:?}") };
        let orders = node.frame(link, Frame::Pong { nonce });
        assert_eq!(orders, [Order::Close(*dial, Reason::Abandoned)], "it lives: the dial is not needed");
        assert_eq!(node.carrier(LOWER), Some(link));
    }

    fn r9_an_answer_to_what_was_asked_before_the_gap_is_no_life<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        assert_eq!(pings(&node.pass(millis(2_500))), [(link, 1)]);
        node.freeze(secs(30));
        assert_eq!(pings(&node.tell(Event::Tick)), [(link, 2)]);
        node.pass(millis(900));
        assert_eq!(node.frame(link, Frame::Pong { nonce: 1 }), []);
        // Of the freeze only the second counts that the first ping had: three and a half had passed when it was over.
        assert_eq!(closes(&node.pass(millis(5_599))), []);
        assert_eq!(closes(&node.pass(millis(1))), [(link, Reason::Silent)]);
    }

    fn r9_a_gap_is_a_quarter_of_the_knob_or_a_second<S>() {
        for (knob, gap) in [(secs(10), millis(2_500)), (secs(3), secs(1)), (secs(40), secs(10))] {
            for (late, noticed) in [(gap, 0), (gap + millis(1), 1)] {
                let mut node = Node::<S>::with(Config { detect_within: knob, ..config() });
                node.accepted(LOWER, run(1, 1));
                let due = node.waits().expect("a ping will be due");
                node.freeze(due + late);
                node.tell(Event::Tick);
                assert_eq!(node.mesh.stats().gaps, noticed, "{late:?} late with {knob:?}");
            }
        }
    }

    fn r9_a_suspend_is_seen_by_the_two_clocks<S>() {
        for (slept, noticed) in [(millis(999), 0), (secs(1), 1), (secs(100_000), 1)] {
            let mut node = Node::<S>::new();
            let (link, _) = node.accepted(LOWER, run(1, 1));
            node.elapsed += slept;
            let orders = node.tell(Event::Tick);
            assert_eq!(node.mesh.stats().gaps, noticed, "{slept:?}");
            assert_eq!(pings(&orders).len() as u64, noticed);
            assert_eq!(closes(&orders), []);
            assert_eq!(node.carrier(LOWER), Some(link));
        }
    }

    fn r9_a_wall_clock_that_goes_back_is_nothing<S>() {
        let mut node = Node::<S>::new();
        node.accepted(LOWER, run(1, 1));
        node.elapsed -= secs(50);
        assert_eq!(node.tell(Event::Tick), []);
        node.elapsed += secs(50);
        assert_eq!(pings(&node.tell(Event::Tick)).len(), 1, "and forward again one round of probes");
    }

    fn r9_a_clock_that_runs_backwards_stands_still<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        let before = node.now;
        node.now -= secs(5);
        assert_eq!(node.tell(Event::Tick), []);
        node.now = before;
        assert_eq!(pings(&node.pass(millis(2_500))), [(link, 1)]);
    }

    fn r9_who_wakes_announces_and_asks_everybody_at_once<S>() {
        for wake in [Wake::Suspended, Wake::Frozen, Wake::Moved] {
            let mut node = Node::<S>::with(announcing());
            node.tell(Event::Tick);
            node.pass(secs(2));
            let (first, _) = node.accepted(LOWER, run(1, 1));
            let (second, _) = node.accepted(HIGHER, run(1, 1));
            let orders = node.tell(Event::Wake(wake));
            assert_eq!(announcements(&orders), 1);
            let mut asked = pings(&orders);
            asked.sort();
            assert_eq!(asked, [(first, 1), (second, 1)]);
            assert_eq!(announcements(&node.tell(Event::Wake(wake))), 0, "at most one a second");
            assert_eq!(announcements(&node.pass(millis(999))), 0);
            assert_eq!(announcements(&node.pass(millis(1))), 1);
        }
    }

    fn r9_a_wake_does_not_end_a_long_pause<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.greet(LOWER, 1);
        node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        node.frame(link, Frame::Refused(Reason::Refused(Refusal::Full)));
        assert_eq!(node.tell(Event::Wake(Wake::Moved)), []);
        assert_eq!(node.waits(), Some(secs(300)));
        assert_eq!(node.mesh.stats().wakes, 1);
    }

    fn r9_who_is_away_is_redialed_at_once_after_a_wake<S>() {
        let mut node = Node::<S>::new();
        node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        node.pass(secs(60));
        let until = node.waits().expect("a dial is due some time");
        assert!(until > millis(100), "the backoff has grown");
        let orders = node.tell(Event::Wake(Wake::Suspended));
        let running = node.mesh.explain(&LOWER).expect("known");
        assert!(dials(&orders) == [1] || running.links.len() == 1, "{running}");
    }
}
