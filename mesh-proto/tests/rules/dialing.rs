//! R11 and R12.

use crate::node::*;
use crate::on_both;
use alloc::vec::Vec;
use mesh_proto::{
    Config, Dialing, Event, Frame, Hello, Instant, Limits, LinkId, NodeId, Now, PathClass, Reason, Refusal,
    Route, Routes, Standing, SystemError, Unable, Welcome,
};

fn refused(link: LinkId) -> Event<'static> {
    Event::Closed { link, error: SystemError::Refused }
}

fn first_dial(orders: &[Order]) -> LinkId {
    match orders {
        [.., Order::Dial(link, ..)] => *link,
        other => panic!("no dial in {other:?}"),
    }
}

on_both! {
    fn r11_many_wishes_make_one_dial<S>() {
        let mut node = Node::<S>::new();
        assert_eq!(dials(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) })), [1]);
        for _ in 0..5 {
            assert_eq!(node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) }), []);
        }
        assert_eq!(node.tell(Event::Seek { peer: LOWER, routes: routes(&[1]) }), [], "an attempt is under way");
    }

    fn r11_a_live_link_is_used_whoever_dialed_it<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        assert_eq!(node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) }), []);
        assert_eq!(dials(&node.live(secs(100))), []);
        assert_eq!(node.carrier(LOWER), Some(link));
        assert_eq!(node.mesh.explain(&LOWER).expect("known").dialing, Dialing::NotNeeded);
    }

    fn r11_who_insists_dials_though_a_link_exists<S>() {
        let mut node = Node::<S>::new();
        node.accepted(LOWER, run(1, 1));
        assert_eq!(dials(&node.tell(Event::Seek { peer: LOWER, routes: routes(&[1, 2]) })), [1]);
        assert_eq!(dials(&node.pass(millis(250))), [2], "the second candidate beside it");
    }

    fn r11_a_relayed_link_does_not_keep_a_direct_one_from_being_tried<S>() {
        let mut node = Node::<S>::new();
        let (link, _, _) = node.accept(LOWER, Hello { class: PathClass::Relayed, ..hello(run(1, 1)) });
        let mut both = Routes::new();
        for route in [Route::relayed(address(2)), Route::direct(address(1))] {
            both.push(route).expect("two fit");
        }
        assert_eq!(dials(&node.tell(Event::Keep { peer: LOWER, routes: both })), [1]);
        assert_eq!(dials(&node.pass(secs(1))), [], "another relayed one would not help");
        assert_eq!(node.carrier(LOWER), Some(link));
    }

    fn r11_who_insists_is_not_kept_from_a_relayed_way_by_a_relayed_link<S>() {
        let mut node = Node::<S>::new();
        node.accept(LOWER, Hello { class: PathClass::Relayed, ..hello(run(1, 1)) });
        let relayed: Routes = [Route::relayed(address(2))].into_iter().collect();
        assert_eq!(dials(&node.tell(Event::Keep { peer: LOWER, routes: relayed.clone() })), []);
        assert_eq!(dials(&node.tell(Event::Seek { peer: LOWER, routes: relayed })), [2]);
    }

    fn r12_candidates_are_tried_two_at_a_time_and_apart<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::Keep { peer: LOWER, routes: routes(&[1, 2, 3, 4]) });
        let first = first_dial(&orders);
        assert_eq!(dials(&orders), [1]);
        assert_eq!(node.waits(), Some(millis(250)));
        assert_eq!(dials(&node.pass(millis(249))), []);
        assert_eq!(dials(&node.pass(millis(1))), [2]);
        assert_eq!(dials(&node.pass(secs(3))), [], "two at a time");
        let again = Event::Keep { peer: LOWER, routes: Routes::new() };
        assert_eq!(dials(&node.tell(again)), [], "whatever the peer is looked at for meanwhile");
        assert_eq!(dials(&node.tell(refused(first))), [3], "one that failed makes room at once");
    }

    fn r12_the_first_link_ends_the_attempt<S>() {
        let mut node = Node::<S>::new();
        let first = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1, 2, 3]) }));
        let second = first_dial(&node.pass(millis(250)));
        node.tell(Event::Connected { link: first });
        node.prove(first, LOWER);
        assert_eq!(node.welcome(first, run(1, 1)), [Order::Close(second, Reason::Abandoned)]);
        assert_eq!(dials(&node.live(secs(30))), []);
    }

    fn r12_the_first_link_ends_an_attempt_that_the_caller_insists_on<S>() {
        let mut node = Node::<S>::new();
        let first = first_dial(&node.tell(Event::Seek { peer: LOWER, routes: routes(&[1, 2, 3]) }));
        let second = first_dial(&node.pass(millis(250)));
        node.tell(Event::Connected { link: first });
        node.prove(first, LOWER);
        assert_eq!(node.welcome(first, run(1, 1)), [Order::Close(second, Reason::Abandoned)]);
        assert_eq!(dials(&node.live(secs(30))), []);
    }

    fn r12_a_dial_whose_hello_is_out_is_not_abandoned<S>() {
        let mut node = Node::<S>::new();
        let first = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1, 2, 3]) }));
        let second = first_dial(&node.pass(millis(250)));
        for link in [first, second] {
            node.tell(Event::Connected { link });
            node.prove(link, LOWER);
        }
        assert_eq!(closes(&node.welcome(first, run(1, 1))), [], "the other end may have admitted it");
        assert_eq!(closes(&node.welcome(second, run(1, 1))), []);
    }

    fn r12_the_wait_grows_and_a_kept_peer_is_tried_often<S>() {
        let mut node = Node::<S>::new();
        let mut link = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) }));
        let mut waited = Vec::new();
        for _ in 0..8 {
            assert_eq!(node.tell(refused(link)), []);
            let wait = node.waits().expect("a dial will be due");
            waited.push(wait.as_millis());
            link = first_dial(&node.pass(wait));
        }
        // Still water draws the middle of the bound.
        assert_eq!(waited, [250, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
    }

    fn r12_a_peer_that_is_not_kept_is_tried_less_and_less<S>() {
        let mut node = Node::<S>::new();
        node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::ForgetAt { address: address(1) });
        node.live(secs(11));
        node.tell(Event::Forget { peer: LOWER });
        node.frame(link, Frame::Close(Reason::Forgotten));
        node.accepted(LOWER, run(1, 1));
        let (link, _) = node.accepted(LOWER, run(1, 1));
        assert!(!node.view(LOWER).kept_here);
        node.live(secs(11));
        let mut orders = node.tell(Event::Closed { link, error: SystemError::Reset });
        let other = node.carrier(LOWER).expect("one is left");
        orders.extend(node.tell(Event::Closed { link: other, error: SystemError::Reset }));
        let mut waited = Vec::new();
        for _ in 0..9 {
            assert_eq!(dials(&orders), [1]);
            assert_eq!(node.tell(refused(first_dial(&orders))), []);
            let wait = node.waits().expect("a dial will be due");
            waited.push(wait.as_millis());
            orders = node.pass(wait);
        }
        assert_eq!(waited, [250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
    }

    fn r12_at_once_again_after_a_link_that_was_of_use_only<S>() {
        let mut node = Node::<S>::new();
        let link = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) }));
        node.tell(Event::Connected { link });
        node.prove(link, LOWER);
        node.welcome(link, run(1, 1));
        node.live(millis(9_999));
        let orders = node.tell(Event::Closed { link, error: SystemError::Reset });
        assert_eq!(dials(&orders), [], "it lived less than ten seconds");
        let link = first_dial(&node.pass(millis(250)));
        node.tell(Event::Connected { link });
        node.prove(link, LOWER);
        node.welcome(link, run(1, 1));
        node.live(secs(10));
        assert_eq!(dials(&node.tell(Event::Closed { link, error: SystemError::Reset })), [1]);
        assert_eq!(node.mesh.explain(&LOWER).expect("known").failures, 0);
    }

    fn r12_a_link_that_was_of_no_use_starts_nothing_over<S>() {
        let mut node = Node::<S>::new();
        let mut link = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) }));
        for wait in [250, 500] {
            assert_eq!(node.tell(refused(link)), []);
            link = first_dial(&node.pass(millis(wait)));
        }
        node.tell(Event::Connected { link });
        node.prove(link, LOWER);
        node.welcome(link, run(1, 1));
        node.live(millis(9_999));
        assert_eq!(node.tell(Event::Closed { link, error: SystemError::Reset }), []);
        assert_eq!(node.waits(), Some(secs(1)), "it opened, and that is all");
    }

    fn r12_a_link_that_was_of_use_starts_the_waits_over<S>() {
        let mut node = Node::<S>::new();
        let mut link = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) }));
        for wait in [250, 500] {
            assert_eq!(node.tell(refused(link)), []);
            link = first_dial(&node.pass(millis(wait)));
        }
        node.tell(Event::Connected { link });
        node.prove(link, LOWER);
        node.welcome(link, run(1, 1));
        node.live(secs(10));
        node.frame(link, Frame::Close(Reason::Left));
        assert_eq!(node.waits(), Some(millis(250)));
    }

    fn r12_a_link_that_was_of_use_starts_the_long_pauses_over<S>() {
        let full = Reason::Refused(Refusal::Full);
        let mut node = Node::<S>::new();
        let mut link = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) }));
        for pause in [secs(300), secs(600)] {
            node.tell(Event::Connected { link });
            node.prove(link, LOWER);
            node.frame(link, Frame::Refused(full));
            assert_eq!(node.waits(), Some(pause));
            link = first_dial(&node.pass(pause));
        }
        node.tell(Event::Connected { link });
        node.prove(link, LOWER);
        node.welcome(link, run(1, 1));
        node.live(secs(10));
        node.frame(link, Frame::Close(full));
        assert_eq!(node.waits(), Some(secs(300)));
    }

    fn r12_a_refusal_that_will_not_change_earns_long_pauses<S>() {
        let mut node = Node::<S>::new();
        let mut link = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) }));
        let mut paused = Vec::new();
        for _ in 0..6 {
            node.tell(Event::Connected { link });
            node.prove(link, LOWER);
            node.frame(link, Frame::Refused(Reason::Refused(Refusal::NotListed)));
            assert!(!node.view(LOWER).conflict);
            let Dialing::PausedFor(pause) = node.mesh.explain(&LOWER).expect("known").dialing else { panic!("no pause") };
            paused.push(pause.as_secs() / 60);
            link = first_dial(&node.pass(pause));
        }
        assert_eq!(paused, [5, 10, 20, 40, 60, 60]);
    }

    fn r12_what_may_change_earns_ordinary_backoff<S>() {
        for reason in [Reason::Refused(Refusal::WrongMesh), Reason::Refused(Refusal::WrongVersion), Reason::Duplicate] {
            let mut node = Node::<S>::new();
            let link = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) }));
            node.tell(Event::Connected { link });
            node.prove(link, LOWER);
            node.frame(link, Frame::Refused(reason));
            assert_eq!(dials(&node.pass(secs(1))), [1], "{reason:?}");
        }
    }

    fn r12_a_refusal_ends_the_dials_beside_it_and_is_the_reason<S>() {
        let mut node = Node::<S>::new();
        let first = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1, 2]) }));
        let second = first_dial(&node.pass(millis(250)));
        node.tell(Event::Connected { link: first });
        node.prove(first, LOWER);
        let orders = node.frame(first, Frame::Refused(Reason::Conflict));
        assert_eq!(orders, [Order::Close(first, Reason::Conflict), Order::Close(second, Reason::Abandoned)]);
        assert_eq!(node.standing(LOWER), Standing::Down { reason: Some(Reason::Conflict) });
    }

    fn r12_a_duplicate_costs_an_address_no_trust<S>() {
        let mut node = Node::<S>::new();
        let first = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1, 2]) }));
        node.tell(Event::Connected { link: first });
        node.prove(first, LOWER);
        assert_eq!(node.frame(first, Frame::Refused(Reason::Duplicate)), [Order::Close(first, Reason::Duplicate)]);
        let second = first_dial(&node.pass(millis(250)));
        assert_eq!(node.tell(refused(second)), []);
        assert_eq!(dials(&node.pass(millis(250))), [1], "the other has lost some");
    }

    fn r12_a_dial_that_fails_is_no_reason_while_a_session_waits<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.dialed(LOWER, 1, run(1, 1));
        node.live(secs(11));
        let again = first_dial(&node.tell(Event::Closed { link, error: SystemError::Reset }));
        node.tell(refused(again));
        let reason = Reason::System(SystemError::Reset);
        assert_eq!(node.standing(LOWER), Standing::Away { reason });
    }

    fn r12_the_caller_ends_a_pause<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.greet(LOWER, 1);
        node.frame(link, Frame::Refused(Reason::Conflict));
        assert!(node.view(LOWER).conflict);
        assert_eq!(node.mesh.stats().met_clone, 0, "it is the other's key that lives twice");
        assert_eq!(dials(&node.tell(Event::Keep { peer: LOWER, routes: Routes::new() })), [1]);
        assert!(!node.view(LOWER).conflict, "the operator has acted");
    }

    fn r12_a_peer_that_comes_by_itself_ends_a_pause<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.greet(LOWER, 1);
        node.frame(link, Frame::Refused(Reason::Refused(Refusal::Full)));
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.live(secs(11));
        assert_eq!(dials(&node.tell(Event::Closed { link, error: SystemError::Reset })), [1]);
    }

    fn r12_dials_in_flight_are_bounded_and_the_others_wait_their_turn<S>() {
        let limits = Limits { dials_in_flight: 2, ..config().limits };
        let mut node = Node::<S>::with(Config { limits, ..config() });
        let first = first_dial(&node.tell(Event::Keep { peer: LOWEST, routes: routes(&[1]) }));
        node.tell(Event::Keep { peer: LOWER, routes: routes(&[2]) });
        assert_eq!(node.tell(Event::Keep { peer: HIGHER, routes: routes(&[3]) }), []);
        assert_eq!(node.tell(Event::Keep { peer: HIGHEST, routes: routes(&[4]) }), []);
        assert_eq!(node.mesh.explain(&HIGHER).expect("known").dialing, Dialing::WaitsForBudget);
        assert_eq!(node.mesh.explain(&LOWER).expect("known").dialing, Dialing::UnderWay);
        assert_eq!(dials(&node.tell(refused(first))), [3], "first come, first served");
    }

    fn r12_dials_in_a_second_are_bounded<S>() {
        let limits = Limits { dials_per_second: 2, ..config().limits };
        let mut node = Node::<S>::with(Config { limits, ..config() });
        for (host, peer) in [(1, LOWEST), (2, LOWER), (3, HIGHER), (4, HIGHEST)] {
            let expected: &[u8] = if host <= 2 { &[host] } else { &[] };
            assert_eq!(dials(&node.tell(Event::Keep { peer, routes: routes(&[host]) })), expected);
        }
        assert_eq!(dials(&node.pass(millis(999))), []);
        assert_eq!(dials(&node.pass(millis(126))), [3, 4]);
    }

    fn r18_no_wait_lies_behind_when_who_waited_to_dial_finds_no_place<S>() {
        let limits = Limits { dials_per_second: 1, ..config().limits };
        let mut node = Node::<S>::with(Config { limits, ..config() });
        assert_eq!(dials(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) })), [1]);
        assert_eq!(node.tell(Event::Keep { peer: HIGHER, routes: routes(&[2, 3]) }), [], "the budget is used up");
        // Nobody drains what is ordered, so the table of links fills up.
        let now = Now::single(Instant::START.after(node.now));
        for host in 1..20 {
            let turn = node.mesh.handle(now, Event::Incoming { from: Some(address(host)), class: PathClass::Direct });
            assert!(turn.answer().link().is_ok(), "link {host} of nineteen");
        }
        node.freeze(node.waits().expect("the budget is free again then"));
        let orders = node.tell(Event::Tick);
        assert_eq!(dials(&orders), [], "there was no place when the budget was free");
        assert_eq!(node.mesh.stats().no_room_for_link, 2, "for neither address");
        assert!(node.waits().is_some_and(|wait| !wait.is_zero()), "the next deadline lies ahead");
        assert!(dials(&node.pass(secs(10))).contains(&2), "and it is tried again");
    }

    fn r18_a_budget_that_nobody_waits_for_wakes_nobody<S>() {
        let limits = Limits { dials_per_second: 2, ..config().limits };
        let mut node = Node::<S>::with(Config { limits, ..config() });
        let first = first_dial(&node.tell(Event::Seek { peer: LOWER, routes: routes(&[1, 2]) }));
        let second = first_dial(&node.tell(refused(first)));
        assert_eq!(node.tell(refused(second)), []);
        assert_eq!(node.waits(), None);
    }

    fn r12_an_address_that_fails_loses_trust_and_what_is_heard_comes_first<S>() {
        let mut node = Node::<S>::new();
        let link = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1, 2]) }));
        let orders = node.tell(refused(link));
        assert_eq!(dials(&orders), [2]);
        let second = first_dial(&orders);
        node.tell(Event::Connected { link: second });
        node.prove(second, LOWER);
        node.welcome(second, run(1, 1));
        node.live(secs(11));
        assert_eq!(dials(&node.tell(Event::Closed { link: second, error: SystemError::Reset })), [2]);
    }

    fn r12_a_dial_that_gave_way_says_nothing_against_its_address<S>() {
        for (reason, blames) in [(Reason::Superseded, false), (Reason::Duplicate, false), (Reason::Silent, true)] {
            let mut node = Node::<S>::new();
            let orders = node.tell(Event::Keep { peer: LOWER, routes: routes(&[1, 2]) });
            let (ours, first) = (first_dial(&orders), dials(&orders));
            node.tell(Event::Connected { link: ours });
            let (tag, _) = node.prove(ours, LOWER);
            let (theirs, _) = node.accepted(LOWER, run(1, 1));
            // The other end has let it in and ended it before its welcome is read here.
            let orders = node.frame(theirs, Frame::Lost(losing(tag, reason).into()));
            assert_eq!(closes(&orders), [(ours, reason)]);
            node.live(secs(11));
            let next = dials(&node.tell(Event::Closed { link: theirs, error: SystemError::Reset }));
            assert_eq!(next != first, blames, "{reason:?}: first {first:?}, then {next:?}");
        }
    }

    fn r12_a_link_table_that_is_full_is_an_answer<S>() {
        let limits = Limits { peers: 2, links_per_peer: 2, half_open: 1, dials_in_flight: 1, ..config().limits };
        let mut node = Node::<S>::with(Config { limits, ..config() });
        for peer in [LOWER, HIGHER] {
            node.accepted(peer, run(1, 1));
            node.accepted(peer, run(1, 1));
        }
        let third = node.incoming(3);
        node.prove(third, HIGHEST);
        let first = first_dial(&node.tell(Event::Seek { peer: LOWER, routes: routes(&[1]) }));
        assert_eq!(node.tell(Event::Incoming { from: None, class: PathClass::Direct }), []);
        assert_eq!(node.answer.link(), Err(Unable::LinksFull));
        assert_eq!(node.tell(Event::Seek { peer: HIGHER, routes: routes(&[8]) }), []);
        node.tell(refused(first));
    }

    fn r12_nobody_to_dial_is_said<S>() {
        let mut node = Node::<S>::new();
        assert_eq!(node.tell(Event::Keep { peer: LOWER, routes: Routes::new() }), []);
        assert_eq!(node.mesh.explain(&LOWER).expect("known").dialing, Dialing::NoAddress);
        assert_eq!(node.waits(), None);
        assert_eq!(node.tell(Event::Keep { peer: ME, routes: routes(&[1]) }), []);
        assert_eq!(node.answer.link(), Err(Unable::OwnSelf));
    }

    fn r12_a_welcome_from_a_doubting_node_is_an_end_of_the_attempt_too<S>() {
        let mut node = Node::<S>::new();
        let link = first_dial(&node.tell(Event::Keep { peer: LOWER, routes: routes(&[1, 2]) }));
        node.tell(Event::Connected { link });
        node.prove(link, LOWER);
        node.frame(link, Frame::Welcome(Welcome { hello: hello(run(1, 1)), doubt: true }.into()));
        assert_eq!(dials(&node.live(secs(20))), [], "it waits to be believed");
    }

    fn r12_a_stranger_is_not_dialed_back<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(NodeId::new([7; 32]), run(1, 1));
        node.live(secs(11));
        assert_eq!(dials(&node.tell(Event::Closed { link, error: SystemError::Reset })), [], "nobody knows where it listens");
    }
}
