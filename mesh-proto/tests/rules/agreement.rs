//! R2, R3, R4 and the doubts of R6.

use crate::node::*;
use crate::on_both;
use alloc::vec::Vec;
use mesh_proto::{Chosen, Event, Frame, Hello, PathClass, Reason, Role, Standing, SystemError, Welcome};

fn relayed(start: u64) -> Hello {
    Hello { class: PathClass::Relayed, ..hello(run(start, 1)) }
}

on_both! {
    fn r2_the_decider_asks_before_it_closes<S>() {
        let mut node = Node::<S>::new();
        let (theirs, _) = node.accepted(HIGHER, run(1, 1));
        let (ours, _) = node.greet(HIGHER, 8);
        // The link that the lower id dialed is preferred: it is asked, and nothing is closed yet.
        assert_eq!(node.welcome(ours, run(1, 1)), [Order::Send(ours, Frame::Ping { nonce: 1 })]);
        assert_eq!(node.mesh.stats().probes, 1);
        assert_eq!(node.carrier(HIGHER), Some(theirs), "the incumbent carries until then");
        let orders = node.frame(ours, Frame::Pong { nonce: 1 });
        assert_eq!(orders, [Order::Send(theirs, Frame::Close(Reason::Superseded))]);
        assert_eq!(node.carrier(HIGHER), Some(ours));
        assert_eq!(node.mesh.explain(&HIGHER).expect("known").chosen, Chosen::DialedByLower);
        // The other end answers with its own close; then the stream is shut.
        assert_eq!(node.frame(theirs, Frame::Close(Reason::Superseded)), [Order::Close(theirs, Reason::Superseded)]);
    }

    fn r2_the_follower_closes_nothing<S>() {
        let mut node = Node::<S>::new();
        let (theirs, _) = node.accepted(LOWER, run(1, 1));
        let (ours, _) = node.greet(LOWER, 1);
        assert_eq!(node.welcome(ours, run(1, 1)), []);
        let orders = node.live(secs(60));
        assert!(closes(&orders).is_empty());
        assert_eq!(node.carrier(LOWER), Some(theirs));
        assert_eq!(node.mesh.explain(&LOWER).expect("known").links.len(), 2);
        // What the decider closes is closed, and the one that is left carries.
        let orders = node.frame(theirs, Frame::Close(Reason::Superseded));
        assert_eq!(
            orders,
            [Order::Send(theirs, Frame::Close(Reason::Superseded)), Order::Close(theirs, Reason::Superseded)]
        );
        assert_eq!(node.carrier(LOWER), Some(ours));
        assert_eq!(node.mesh.explain(&LOWER).expect("known").chosen, Chosen::DeciderChose);
    }

    fn r2_only_what_was_asked_since_both_were_admitted_counts<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(HIGHER, run(1, 1));
        let ping = node.pass(millis(2_500));
        assert_eq!(pings(&ping), [(first, 1)]);
        let (_, _, orders) = node.accept(HIGHER, hello(run(1, 1)));
        assert_eq!(pings(&orders), [(first, 2)]);
        assert_eq!(node.frame(first, Frame::Pong { nonce: 1 }), [], "that was asked before");
        let orders = node.frame(first, Frame::Pong { nonce: 2 });
        assert!(matches!(orders.as_slice(), [Order::Send(_, Frame::Close(Reason::Duplicate))]), "{orders:?}");
    }

    fn r3_among_equals_the_incumbent_stays<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(HIGHER, run(1, 1));
        let (second, _) = node.accepted(HIGHER, run(1, 1));
        assert_eq!(
            node.frame(first, Frame::Pong { nonce: 1 }),
            [Order::Send(second, Frame::Close(Reason::Duplicate))]
        );
        assert_eq!(node.carrier(HIGHER), Some(first));
        assert_eq!(node.mesh.explain(&HIGHER).expect("known").chosen, Chosen::First);
    }

    fn r3_the_better_path_comes_first_and_the_worse_view_counts<S>() {
        let mut node = Node::<S>::new();
        // This node sees a direct way, the peer says that it is relayed.
        let (ours, _) = node.greet(HIGHER, 8);
        node.frame(ours, Frame::Welcome(Welcome { hello: relayed(1), doubt: false }.into()));
        let (theirs, _, orders) = node.accept(HIGHER, hello(run(1, 1)));
        assert_eq!(pings(&orders), [(theirs, 1)], "the direct one, though the higher id dialed it");
        let orders = node.frame(theirs, Frame::Pong { nonce: 1 });
        assert_eq!(orders, [Order::Send(ours, Frame::Close(Reason::Superseded))]);
        assert_eq!(node.mesh.explain(&HIGHER).expect("known").chosen, Chosen::BetterPath);
    }

    fn r4_the_newcomer_takes_over_when_the_incumbent_does_not_answer<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(HIGHER, run(1, 1));
        let (second, _) = node.accepted(HIGHER, run(1, 1));
        assert_eq!(node.pass(millis(999)), []);
        let orders = node.pass(millis(1));
        assert_eq!(orders, [Order::Send(second, Frame::Ping { nonce: 1 })], "the probe ran out: the other is asked");
        assert_eq!(node.carrier(HIGHER), Some(second), "data prefers the one that is not suspect");
        let orders = node.frame(second, Frame::Pong { nonce: 1 });
        assert_eq!(
            orders,
            [
                Order::Send(second, Frame::Lost(losing(1, Reason::Silent).into())),
                Order::Send(first, Frame::Close(Reason::Silent)),
                Order::Close(first, Reason::Silent),
            ]
        );
        assert_eq!(node.mesh.explain(&HIGHER).expect("known").chosen, Chosen::OnlyOneToAnswer);
    }

    fn r4_the_close_is_the_last_word<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(LOWEST, run(1, 1));
        node.pass(millis(200));
        let (theirs, _) = node.accepted(HIGHER, run(1, 1));
        node.pass(millis(1_500));
        let (ours, _) = node.greet(HIGHER, 8);
        node.welcome(ours, run(1, 1));
        let orders = node.frame(ours, Frame::Pong { nonce: 1 });
        assert_eq!(orders, [Order::Send(theirs, Frame::Close(Reason::Superseded))]);
        // The answer is awaited until the very moment at which a ping would have been due, within an eighth of the interval.
        assert_eq!(pings(&node.pass(millis(800))), [(first, 1)]);
    }

    fn r4_when_neither_answers_both_live_on_to_the_end<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(HIGHER, run(1, 1));
        let (second, _) = node.accepted(HIGHER, run(1, 1));
        assert_eq!(closes(&node.pass(millis(9_999))), []);
        assert_eq!(closes(&node.pass(millis(1))), [(second, Reason::Silent), (first, Reason::Silent)]);
        assert_eq!(node.standing(HIGHER), Standing::Away { reason: Reason::Silent });
    }

    fn r4_an_answer_that_is_late_still_counts<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(HIGHER, run(1, 1));
        let (second, _) = node.accepted(HIGHER, run(1, 1));
        node.pass(millis(1_500));
        let orders = node.frame(first, Frame::Pong { nonce: 1 });
        assert_eq!(orders, [Order::Send(second, Frame::Close(Reason::Duplicate))]);
    }

    fn r4_of_three_links_the_first_in_order_that_answers_stays<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(HIGHER, run(1, 1));
        let (second, _) = node.accepted(HIGHER, run(1, 1));
        let (ours, _) = node.greet(HIGHER, 8);
        assert_eq!(pings(&node.welcome(ours, run(1, 1))), [(ours, 1)]);
        let orders = node.frame(ours, Frame::Pong { nonce: 1 });
        assert_eq!(
            orders,
            [
                Order::Send(first, Frame::Close(Reason::Superseded)),
                Order::Send(second, Frame::Close(Reason::Superseded)),
            ]
        );
    }

    fn r4_a_close_that_nobody_answers_is_given_a_probe_time<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(HIGHER, run(1, 1));
        let (second, _) = node.accepted(HIGHER, run(1, 1));
        node.frame(first, Frame::Pong { nonce: 1 });
        assert_eq!(node.pass(millis(999)), []);
        let orders = node.pass(millis(1));
        assert_eq!(
            orders,
            [
                Order::Send(first, Frame::Lost(losing(2, Reason::Duplicate).into())),
                Order::Close(second, Reason::Duplicate),
            ],
            "and the other end is told on the link that is left"
        );
    }

    fn r4_a_draining_link_reads_nothing_but_the_close<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(HIGHER, run(1, 1));
        let (second, _) = node.accepted(HIGHER, run(1, 1));
        node.frame(first, Frame::Pong { nonce: 1 });
        assert_eq!(node.frame(second, Frame::Ping { nonce: 9 }), []);
        assert_eq!(node.frame(second, Frame::Hello(hello(run(1, 1)).into())), []);
        assert_eq!(node.frame(second, Frame::Close(Reason::Duplicate)), [Order::Close(second, Reason::Duplicate)]);
        assert_eq!(node.mesh.stats().protocol_errors, 0);
    }

    fn r6_a_lower_run_is_doubted_and_both_are_asked<S>() {
        let mut node = Node::<S>::new();
        let (known, _) = node.accepted(LOWER, run(2, 2));
        let (doubtful, _, orders) = node.accept(LOWER, hello(run(1, 1)));
        let meant = Some((run(2, 2), 1));
        let welcome = Frame::Welcome(Welcome { hello: Hello { meant, ..own_hello() }, doubt: true }.into());
        assert_eq!(
            orders,
            [
                Order::Send(doubtful, welcome),
                Order::Send(doubtful, Frame::Ping { nonce: 1 }),
                Order::Send(known, Frame::Ping { nonce: 1 }),
            ]
        );
        assert_eq!(node.standing(LOWER), Standing::Up { link: known, incarnation: run(2, 2) });
        let roles: Vec<Role> = node.mesh.explain(&LOWER).expect("known").links.iter().map(|link| link.role).collect();
        assert_eq!(roles, [Role::Carrying, Role::Doubted]);
        assert_eq!(node.mesh.stats().doubts, 1);
    }

    fn r6_when_both_answer_the_newcomer_is_a_conflict<S>() {
        for bits in [1, 2] {
            let mut node = Node::<S>::new();
            let (known, _) = node.accepted(LOWER, run(2, 9));
            let (doubtful, _, _) = node.accept(LOWER, hello(run(bits, bits)));
            assert_eq!(node.frame(doubtful, Frame::Pong { nonce: 1 }), []);
            let orders = node.frame(known, Frame::Pong { nonce: 1 });
            assert_eq!(orders, [Order::Send(doubtful, Frame::Close(Reason::Conflict))]);
            assert!(node.view(LOWER).conflict);
            assert_eq!(node.carrier(LOWER), Some(known));
            assert_eq!(node.mesh.stats().conflicts, 1);
        }
    }

    fn r6_when_only_the_doubtful_one_answers_it_is_believed<S>() {
        let mut node = Node::<S>::new();
        let (known, _) = node.accepted(LOWER, run(2, 2));
        let (doubtful, _, _) = node.accept(LOWER, hello(run(1, 1)));
        assert_eq!(node.frame(doubtful, Frame::Pong { nonce: 1 }), [], "the other may still answer");
        let orders = node.pass(secs(1));
        assert_eq!(
            orders,
            [
                Order::Send(known, Frame::Close(Reason::Restarted)),
                Order::Close(known, Reason::Restarted),
                Order::Send(doubtful, Frame::Cleared { birth: 2 }),
            ]
        );
        // What comes before the answer was sent in doubt. The marks in the welcome were meant for the other run.
        let marks = Order::Send(doubtful, Frame::Marks(own_hello().marks));
        assert_eq!(node.frame(doubtful, Frame::Cleared { birth: 1 }), [marks]);
        assert_eq!(node.standing(LOWER), Standing::Up { link: doubtful, incarnation: run(1, 1) });
    }

    fn r6_when_only_the_known_one_answers_it_stays<S>() {
        let mut node = Node::<S>::new();
        let (known, _) = node.accepted(LOWER, run(2, 2));
        let (doubtful, _, _) = node.accept(LOWER, hello(run(1, 1)));
        node.frame(known, Frame::Pong { nonce: 1 });
        let orders = node.pass(secs(1));
        assert_eq!(closes(&orders), [(doubtful, Reason::Silent)]);
        assert_eq!(node.carrier(LOWER), Some(known));
        assert!(!node.view(LOWER).conflict);
    }

    fn r6_when_neither_answers_nothing_is_closed_but_by_silence<S>() {
        let mut node = Node::<S>::new();
        let (known, _) = node.accepted(LOWER, run(2, 2));
        let (doubtful, _, _) = node.accept(LOWER, hello(run(1, 1)));
        assert_eq!(closes(&node.pass(millis(9_999))), []);
        assert_eq!(closes(&node.pass(millis(1))), [(doubtful, Reason::Silent), (known, Reason::Silent)]);
    }

    fn r6_a_doubtful_run_without_a_rival_is_believed_when_it_answers<S>() {
        let mut node = Node::<S>::new();
        let (known, _) = node.accepted(LOWER, run(2, 2));
        node.tell(Event::Closed { link: known, error: SystemError::Reset });
        let (doubtful, _, _) = node.accept(LOWER, hello(run(1, 1)));
        assert_eq!(node.carrier(LOWER), None);
        let orders = node.frame(doubtful, Frame::Pong { nonce: 1 });
        assert_eq!(orders, [Order::Send(doubtful, Frame::Cleared { birth: 2 })]);
        assert_eq!(node.carrier(LOWER), Some(doubtful));
        node.tell(Event::Closed { link: doubtful, error: SystemError::Reset });
        let reason = Reason::System(SystemError::Reset);
        assert_eq!(node.standing(LOWER), Standing::Away { reason }, "a session of its own had begun");
    }

    fn r6_who_is_believed_at_last_is_told_on_links_that_stay<S>() {
        let mut node = Node::<S>::new();
        let (known, _) = node.accepted(LOWER, run(2, 2));
        let (refused, _, _) = node.accept(LOWER, hello(run(1, 1)));
        node.frame(refused, Frame::Pong { nonce: 1 });
        let orders = node.frame(known, Frame::Pong { nonce: 1 });
        assert_eq!(orders, [Order::Send(refused, Frame::Close(Reason::Conflict))]);
        node.tell(Event::Closed { link: known, error: SystemError::Reset });
        let (again, _, _) = node.accept(LOWER, hello(run(1, 1)));
        assert_eq!(node.frame(again, Frame::Pong { nonce: 1 }), [Order::Send(again, Frame::Cleared { birth: 2 })]);
    }

    fn r6_what_was_told_in_doubt_is_told_again<S>() {
        let mut node = Node::<S>::new();
        let (theirs, tag) = node.accepted(LOWER, run(1, 1));
        let (ours, _) = node.greet(LOWER, 1);
        node.frame(ours, Frame::Welcome(Welcome { hello: hello(run(1, 1)), doubt: true }.into()));
        let lost = losing(tag, Reason::System(SystemError::Reset));
        let told = [Order::Send(ours, Frame::Lost(lost.into()))];
        assert_eq!(node.tell(Event::Closed { link: theirs, error: SystemError::Reset }), told);
        let [lost] = told;
        let answer = Order::Send(ours, Frame::Cleared { birth: 1 });
        assert_eq!(node.frame(ours, Frame::Cleared { birth: 1 }), [answer, lost]);
    }

    fn r6_a_doubtful_link_carries_no_evidence<S>() {
        let mut node = Node::<S>::new();
        let (known, tag) = node.accepted(LOWER, run(2, 2));
        let lost = losing(tag, Reason::Silent);
        let (doubtful, _, orders) = node.accept(LOWER, Hello { lost: lost.clone(), ..hello(run(1, 1)) });
        assert!(!orders.iter().any(|order| matches!(order, Order::Send(_, Frame::Noted(_)))));
        assert_eq!(node.frame(doubtful, Frame::Lost(lost.into())), []);
        assert_eq!(node.frame(doubtful, Frame::Close(Reason::Left)).len(), 2);
        assert_eq!(node.carrier(LOWER), Some(known), "a goodbye of the doubtful one is not the other's");
    }

    fn r6_a_dialer_says_that_it_doubts<S>() {
        let mut node = Node::<S>::new();
        let (known, _) = node.accepted(LOWER, run(2, 2));
        let (ours, _) = node.greet(LOWER, 1);
        let orders = node.welcome(ours, run(1, 1));
        assert_eq!(orders[0], Order::Send(ours, Frame::Doubted));
        assert_eq!(pings(&orders), [(ours, 1), (known, 1)]);
    }

    fn r6_who_is_doubted_waits_until_that_is_cleared<S>() {
        let mut node = Node::<S>::new();
        let (ours, _) = node.greet(LOWER, 1);
        node.frame(ours, Frame::Welcome(Welcome { hello: hello(run(1, 1)), doubt: true }.into()));
        assert_eq!(node.standing(LOWER), Standing::Down { reason: None });
        let answer = Order::Send(ours, Frame::Cleared { birth: 1 });
        assert_eq!(node.frame(ours, Frame::Cleared { birth: 1 }), [answer]);
        assert_eq!(node.carrier(LOWER), Some(ours));
        node.frame(ours, Frame::Doubted);
        assert_eq!(node.carrier(LOWER), None);
        let roles: Vec<Role> = node.mesh.explain(&LOWER).expect("known").links.iter().map(|link| link.role).collect();
        assert_eq!(roles, [Role::DoubtedThere]);
        node.frame(ours, Frame::Cleared { birth: 1 });
        assert_eq!(node.carrier(LOWER), Some(ours));
    }

    fn r6_the_refused_clone_reports_it_and_stays_away_for_long<S>() {
        let mut node = Node::<S>::new();
        let (ours, _) = node.greet(LOWER, 1);
        node.frame(ours, Frame::Welcome(Welcome { hello: hello(run(1, 1)), doubt: true }.into()));
        node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        let orders = node.frame(ours, Frame::Close(Reason::Conflict));
        assert_eq!(closes(&orders), [(ours, Reason::Conflict)]);
        assert!(node.view(LOWER).conflict);
        assert_eq!(node.mesh.stats().conflicts, 1);
        assert_eq!(node.standing(LOWER), Standing::Down { reason: Some(Reason::Conflict) });
        assert_eq!(dials(&node.pass(millis(299_999))), []);
        assert_eq!(dials(&node.pass(millis(1))), [1]);
    }
}
