//! R15, R16, R5's telling, and idle sessions of R17.

use crate::node::*;
use crate::on_both;
use alloc::vec::Vec;
use mesh_proto::{
    AnnouncementKind, Batch, Cause, Config, Event, Frame, Hello, Instant, LinkTag, MAX_LOSSES, Now,
    PathClass, Reason, Refusal, Role, Routes, Standing, SystemError, Tags, Unable,
};

fn tags(tags: &[u64]) -> Tags {
    tags.iter().map(|tag| LinkTag::new(*tag)).collect()
}

fn losses_told(orders: &[Order]) -> Vec<Vec<u64>> {
    let told = |order: &Order| {
        let Order::Send(_, Frame::Lost(losses)) = order else { return None };
        Some(losses.iter().map(|loss| loss.tag.get()).collect())
    };
    orders.iter().filter_map(told).collect()
}

on_both! {
    fn r5_a_lost_link_is_told_on_every_other<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(LOWER, run(1, 1));
        let (second, _) = node.accepted(LOWER, run(1, 1));
        let (third, _) = node.accepted(LOWER, run(1, 1));
        let orders = node.tell(Event::Closed { link: second, error: SystemError::Reset });
        let lost = losing(2, Reason::System(SystemError::Reset));
        assert_eq!(orders, [Order::Send(first, Frame::Lost(lost.clone().into())), Order::Send(third, Frame::Lost(lost.into()))]);
    }

    fn r5_what_is_not_noted_is_told_again_in_the_next_hello<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Closed { link: first, error: SystemError::Reset });
        let lost = losing(1, Reason::System(SystemError::Reset));
        let (second, _, orders) = node.accept(LOWER, hello(run(1, 1)));
        let [Order::Send(_, Frame::Welcome(welcome))] = orders.as_slice() else { panic!("{orders:?}") };
        assert_eq!(welcome.hello.lost, lost);
        assert_eq!(node.frame(second, Frame::Noted(tags(&[1]).into())), []);
        let (_, _, orders) = node.accept(LOWER, hello(run(1, 1)));
        let [Order::Send(_, Frame::Welcome(welcome))] = orders.as_slice() else { panic!("{orders:?}") };
        assert_eq!(welcome.hello.lost.len(), 0);
    }

    fn r5_what_is_lost_while_a_hello_is_out_is_told_once_the_link_is_up<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(LOWER, run(1, 1));
        let (ours, _) = node.greet(LOWER, 1);
        assert_eq!(node.tell(Event::Closed { link: first, error: SystemError::Reset }), []);
        let orders = node.welcome(ours, run(1, 1));
        assert_eq!(orders, [Order::Send(ours, Frame::Lost(losing(1, Reason::System(SystemError::Reset)).into()))]);
    }

    fn r5_a_dial_that_ran_out_with_its_hello_out_is_told<S>() {
        let mut node = Node::<S>::new();
        let (theirs, _) = node.accepted(LOWER, run(1, 1));
        let (ours, tag) = node.greet(LOWER, 1);
        let orders = node.live(secs(10));
        assert!(closes(&orders).contains(&(ours, Reason::Silent)));
        assert_eq!(losses_told(&orders), [[tag]], "the other end may have admitted it");
        assert_eq!(node.carrier(LOWER), Some(theirs));
    }

    fn r5_what_the_other_end_has_lost_is_dropped_at_once<S>() {
        for peer in [LOWER, HIGHER] {
            let mut node = Node::<S>::new();
            let (first, tag) = node.accepted(peer, run(1, 1));
            let (second, _) = node.accepted(peer, run(1, 1));
            let orders = node.frame(second, Frame::Lost(losing(tag, Reason::Silent).into()));
            assert_eq!(
                orders,
                [Order::Close(first, Reason::Silent), Order::Send(second, Frame::Noted(tags(&[tag]).into()))],
                "decider or follower"
            );
            assert_eq!(node.carrier(peer), Some(second));
        }
    }

    fn r5_a_hello_and_a_welcome_are_evidence_too<S>() {
        let mut node = Node::<S>::new();
        let (first, tag) = node.accepted(LOWER, run(1, 1));
        let (second, second_tag, orders) =
            node.accept(LOWER, Hello { lost: losing(tag, Reason::Silent), ..hello(run(1, 1)) });
        assert_eq!(closes(&orders), [(first, Reason::Silent)]);
        assert!(orders.contains(&Order::Send(second, Frame::Noted(tags(&[tag]).into()))));
        let (ours, _) = node.greet(LOWER, 1);
        let lost = Hello { lost: losing(second_tag, Reason::Silent), ..hello(run(1, 1)) };
        let orders = node.frame(ours, Frame::Welcome(mesh_proto::Welcome { hello: lost, doubt: false }.into()));
        assert_eq!(closes(&orders), [(second, Reason::Silent)]);
        assert!(orders.contains(&Order::Send(ours, Frame::Noted(tags(&[second_tag]).into()))));
    }

    fn r5_a_welcome_that_says_its_own_link_is_lost_breaks_the_protocol<S>() {
        let mut node = Node::<S>::new();
        let (ours, tag) = node.greet(LOWER, 1);
        let lost = Hello { lost: losing(tag, Reason::Silent), ..hello(run(1, 1)) };
        let orders = node.frame(ours, Frame::Welcome(mesh_proto::Welcome { hello: lost, doubt: false }.into()));
        assert_eq!(closes(&orders), [(ours, Reason::ProtocolError)]);
        assert_eq!(node.standing(LOWER), Standing::Down { reason: Some(Reason::ProtocolError) });
    }

    fn r5_what_both_have_lost_need_not_be_told<S>() {
        let mut node = Node::<S>::new();
        let (first, tag) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Closed { link: first, error: SystemError::Reset });
        node.accept(LOWER, Hello { lost: losing(tag, Reason::Silent), ..hello(run(1, 1)) });
        let (_, _, orders) = node.accept(LOWER, hello(run(1, 1)));
        let Order::Send(_, Frame::Welcome(welcome)) = &orders[0] else { panic!("{orders:?}") };
        assert_eq!(welcome.hello.lost.len(), 0);
    }

    fn r5_the_list_is_bounded_and_keeps_the_newest<S>() {
        let mut node = Node::<S>::new();
        for _ in 0..MAX_LOSSES + 2 {
            let (link, _) = node.accepted(LOWER, run(1, 1));
            node.tell(Event::Closed { link, error: SystemError::Reset });
        }
        let (_, _, orders) = node.accept(LOWER, hello(run(1, 1)));
        let Order::Send(_, Frame::Welcome(welcome)) = &orders[0] else { panic!("{orders:?}") };
        let told: Vec<u64> = welcome.hello.lost.iter().map(|loss| loss.tag.get()).collect();
        assert_eq!(told, (3..=MAX_LOSSES as u64 + 2).collect::<Vec<_>>());
        assert_eq!(node.mesh.stats().losses_untold, 2);
    }

    fn r5_a_newer_run_is_told_what_the_older_one_did_not_note<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Closed { link, error: SystemError::Reset });
        let (_, _, orders) = node.accept(LOWER, hello(run(2, 2)));
        let Order::Send(_, Frame::Welcome(welcome)) = &orders[0] else { panic!("{orders:?}") };
        assert_eq!(welcome.hello.lost.len(), 1, "it may have admitted a dial whose welcome never came");
    }

    fn r5_a_newer_run_ends_every_link_of_the_older<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(LOWER, run(1, 1));
        let (second, _) = node.accepted(LOWER, run(1, 1));
        let (third, _, orders) = node.accept(LOWER, hello(run(2, 2)));
        assert_eq!(closes(&orders), [(first, Reason::Restarted), (second, Reason::Restarted)]);
        assert!(losses_told(&orders).is_empty(), "nobody is left who should know");
        assert_eq!(node.standing(LOWER), Standing::Up { link: third, incarnation: run(2, 2) });
    }

    fn r15_a_leave_is_told_on_every_link_and_answered<S>() {
        let mut node = Node::<S>::with(Config { announce_every: Some(secs(120)), ..config() });
        node.tell(Event::Tick);
        let (first, _) = node.accepted(LOWER, run(1, 1));
        let open = node.incoming(1);
        let orders = node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) });
        let [Order::Dial(dial, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        let orders = node.tell(Event::Leave);
        assert!(orders.contains(&Order::Send(first, Frame::Close(Reason::Left))));
        let mut closed = closes(&orders);
        closed.sort_by_key(|(link, _)| *link);
        assert_eq!(closed, [(open, Reason::Shutdown), (*dial, Reason::Shutdown)]);
        let farewell = orders.iter().any(|order| {
            matches!(order, Order::Announce(_, announcement, Cause::Farewell) if announcement.kind == AnnouncementKind::Farewell)
        });
        assert!(farewell);
        assert_eq!(node.standing(LOWER), Standing::Down { reason: Some(Reason::Shutdown) });
        assert_eq!(node.frame(first, Frame::Close(Reason::Left)), [Order::Close(first, Reason::Left)]);
        assert_eq!(node.waits(), None, "nothing is left to do");
        assert_eq!(node.tell(Event::Leave), [], "once");
        for event in [
            Event::Incoming { from: None, class: PathClass::Direct },
            Event::Keep { peer: LOWER, routes: Routes::new() },
            Event::KeepAt { route: route(1) },
            Event::Seek { peer: LOWER, routes: routes(&[1]) },
        ] {
            assert_eq!(node.tell(event), []);
            assert_eq!(node.answer.link(), Err(Unable::Leaving));
        }
        assert_eq!(node.tell(Event::Wake(mesh_proto::Wake::Moved)), []);
    }

    fn r15_a_leave_waits_a_probe_time_for_the_answer<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Leave);
        assert_eq!(node.waits(), Some(secs(1)));
        assert_eq!(node.pass(secs(1)), [Order::Close(link, Reason::Left)]);
        assert_eq!(node.waits(), None);
    }

    fn r15_who_left_is_gone_at_once_on_all_links<S>() {
        for reason in [Reason::Left, Reason::Shutdown, Reason::Forgotten] {
            let mut node = Node::<S>::new();
            let (first, _) = node.accepted(LOWER, run(1, 1));
            let (second, _) = node.accepted(LOWER, run(1, 1));
            let orders = node.frame(first, Frame::Close(reason));
            assert_eq!(
                orders,
                [Order::Send(first, Frame::Close(reason)), Order::Close(first, reason), Order::Close(second, reason)]
            );
            assert_eq!(node.standing(LOWER), Standing::Down { reason: Some(reason) });
        }
    }

    fn r15_who_left_and_is_kept_is_tried_again_not_at_once<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        node.live(secs(11));
        assert_eq!(dials(&node.frame(link, Frame::Close(Reason::Left))), []);
        assert_eq!(node.waits(), Some(millis(250)));
        assert_eq!(dials(&node.pass(millis(250))), [1]);
    }

    fn r15_forgetting_ends_session_and_dials_and_lets_it_come_again<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        let [Order::Dial(dial, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Seek { peer: LOWER, routes: routes(&[1]) });
        let orders = node.tell(Event::Forget { peer: LOWER });
        assert!(orders.contains(&Order::Send(link, Frame::Close(Reason::Forgotten))), "{orders:?}");
        assert_eq!(node.standing(LOWER), Standing::Down { reason: Some(Reason::Forgotten) });
        assert!(!node.view(LOWER).kept_here);
        assert_eq!(dials(&node.pass(secs(600))), []);
        assert_eq!(node.tell(Event::Closed { link: *dial, error: SystemError::Reset }), [], "that is gone");
        let (link, _) = node.accepted(LOWER, run(1, 1));
        assert_eq!(node.carrier(LOWER), Some(link));
        assert_eq!(node.tell(Event::Forget { peer: HIGHER }), []);
        assert_eq!(node.answer.link(), Err(Unable::Unknown));
        assert_eq!(node.tell(Event::ForgetAt { address: address(1) }), []);
        assert_eq!(node.answer.link(), Err(Unable::Unknown));
    }

    fn r15_the_answer_to_ones_own_close_ends_nothing_that_came_since<S>() {
        for (answer, standing) in [
            (Reason::Forgotten, None),
            (Reason::Left, Some(Standing::Down { reason: Some(Reason::Left) })),
        ] {
            let mut node = Node::<S>::new();
            let (link, _) = node.accepted(LOWER, run(1, 1));
            assert_eq!(node.tell(Event::Forget { peer: LOWER }), [Order::Send(link, Frame::Close(Reason::Forgotten))]);
            let (again, _) = node.accepted(LOWER, run(1, 1));
            node.frame(link, Frame::Close(answer));
            let up = Standing::Up { link: again, incarnation: run(1, 1) };
            assert_eq!(node.standing(LOWER), standing.unwrap_or(up), "{answer}");
        }
    }

    fn r15_expelling_ends_it_as_refused_and_the_other_stays_away<S>() {
        let not_listed = Reason::Refused(Refusal::NotListed);
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        let orders = node.tell(Event::Expel { peer: LOWER });
        assert_eq!(orders, [Order::Send(link, Frame::Close(not_listed))]);

        let mut other = Node::<S>::new();
        let (link, _) = other.accepted(HIGHER, run(1, 1));
        other.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) });
        other.frame(link, Frame::Close(not_listed));
        assert_eq!(other.standing(HIGHER), Standing::Down { reason: Some(not_listed) });
        assert_eq!(dials(&other.pass(millis(299_999))), []);
        assert_eq!(dials(&other.pass(millis(1))), [8]);
    }

    fn r15_a_nameless_wish_is_forgotten_with_its_dial<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::KeepAt { route: route(7) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        assert_eq!(node.tell(Event::KeepAt { route: route(7) }), [], "once");
        assert_eq!(node.tell(Event::ForgetAt { address: address(7) }), [Order::Close(*link, Reason::Abandoned)]);
        assert_eq!(node.waits(), None);
    }

    fn r17_a_session_without_a_link_that_nobody_keeps_ends_after_a_long_pause<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        let reset = Reason::System(SystemError::Reset);
        node.tell(Event::Closed { link, error: SystemError::Reset });
        assert_eq!(node.standing(LOWER), Standing::Away { reason: reset });
        node.pass(millis(299_999));
        assert_eq!(node.standing(LOWER), Standing::Away { reason: reset });
        node.pass(millis(1));
        assert_eq!(node.standing(LOWER), Standing::Down { reason: Some(reset) });
    }

    fn r17_a_session_that_the_peer_wants_to_keep_waits<S>() {
        let mut node = Node::<S>::new();
        let (link, _, _) = node.accept(LOWER, Hello { keep: true, ..hello(run(1, 1)) });
        node.tell(Event::Closed { link, error: SystemError::Reset });
        node.pass(secs(3600));
        assert!(matches!(node.standing(LOWER), Standing::Away { .. }));
    }

    fn r17_an_idle_session_is_closed_when_both_agree<S>() {
        let mut node = Node::<S>::with(Config { idle_after: Some(secs(60)), ..config() });
        let (link, _) = node.accepted(LOWER, run(1, 1));
        let orders = node.live(secs(60));
        assert_eq!(orders.last(), Some(&Order::Send(link, Frame::Close(Reason::Idle))));
        assert_eq!(node.standing(LOWER), Standing::Away { reason: Reason::Idle });
        assert_eq!(node.frame(link, Frame::Close(Reason::Idle)), [Order::Close(link, Reason::Idle)]);
        assert_eq!(node.standing(LOWER), Standing::Down { reason: Some(Reason::Idle) });
    }

    fn r17_an_idle_close_that_is_not_answered_ends_nothing<S>() {
        let mut node = Node::<S>::with(Config { idle_after: Some(secs(60)), ..config() });
        let (ours, _) = node.dialed(LOWER, 1, run(1, 1));
        node.live(secs(60));
        assert_eq!(node.mesh.explain(&LOWER).expect("known").links[0].role, Role::Ending(Reason::Idle));
        let orders = node.pass(secs(1));
        assert_eq!(closes(&orders), [(ours, Reason::Idle)]);
        assert_eq!(dials(&orders), [1], "the session goes on");
    }

    fn r17_an_idle_close_is_answered_by_whether_this_side_agrees<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        let orders = node.frame(link, Frame::Close(Reason::Idle));
        assert_eq!(orders, [Order::Send(link, Frame::Close(Reason::Idle)), Order::Close(link, Reason::Idle)]);
        assert_eq!(node.standing(LOWER), Standing::Down { reason: Some(Reason::Idle) });

        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Keep { peer: LOWER, routes: Routes::new() });
        let orders = node.frame(link, Frame::Close(Reason::Idle));
        assert_eq!(orders, [Order::Send(link, Frame::Close(Reason::Superseded)), Order::Close(link, Reason::Idle)]);
        assert_eq!(node.standing(LOWER), Standing::Away { reason: Reason::Idle });
    }

    fn r17_an_idle_close_that_crosses_a_message_ends_no_session<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        assert_eq!(node.send(LOWER, &[crate::delivery::plain(1)]), [], "the link has no room");
        let orders = node.frame(link, Frame::Close(Reason::Idle));
        assert_eq!(orders, [Order::Send(link, Frame::Close(Reason::Superseded)), Order::Close(link, Reason::Idle)]);
        assert_eq!(node.standing(LOWER), Standing::Away { reason: Reason::Idle });
    }

    fn r17_an_idle_close_of_one_of_two_links_or_beside_a_dial_ends_no_session<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(LOWER, run(1, 1));
        let (second, _) = node.accepted(LOWER, run(1, 1));
        let orders = node.frame(first, Frame::Close(Reason::Idle));
        assert_eq!(orders, [Order::Send(first, Frame::Close(Reason::Superseded)), Order::Close(first, Reason::Idle)]);
        assert_eq!(node.carrier(LOWER), Some(second));
        assert_eq!(dials(&node.tell(Event::Seek { peer: LOWER, routes: routes(&[1]) })), [1]);
        let orders = node.frame(second, Frame::Close(Reason::Idle));
        assert_eq!(orders, [Order::Send(second, Frame::Close(Reason::Superseded)), Order::Close(second, Reason::Idle)]);
        assert_eq!(node.standing(LOWER), Standing::Away { reason: Reason::Idle });
    }

    fn r17_an_idle_close_that_the_other_end_does_not_agree_to_is_dialed_after_at_once<S>() {
        let mut node = Node::<S>::with(Config { idle_after: Some(secs(60)), ..config() });
        let (link, _) = node.dialed(LOWER, 1, run(1, 1));
        assert_eq!(node.live(secs(60)).last(), Some(&Order::Send(link, Frame::Close(Reason::Idle))));
        let orders = node.frame(link, Frame::Close(Reason::Superseded));
        assert_eq!(closes(&orders), [(link, Reason::Superseded)]);
        assert_eq!(dials(&orders), [1]);
        assert_eq!(node.standing(LOWER), Standing::Away { reason: Reason::Idle });
    }

    fn r17_an_agreement_to_an_idle_close_ends_no_session_that_has_come_again<S>() {
        let mut node = Node::<S>::with(Config { idle_after: Some(secs(60)), ..config() });
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.live(secs(60));
        let (again, _) = node.accepted(LOWER, run(1, 1));
        assert_eq!(node.frame(link, Frame::Close(Reason::Idle)), [Order::Close(link, Reason::Idle)]);
        assert_eq!(node.carrier(LOWER), Some(again));
    }

    fn r17_a_session_that_somebody_keeps_is_not_idle<S>() {
        let mut node = Node::<S>::with(Config { idle_after: Some(secs(60)), ..config() });
        let (_, _, _) = node.accept(LOWER, Hello { keep: true, ..hello(run(1, 1)) });
        node.accepted(HIGHER, run(1, 1));
        node.tell(Event::Keep { peer: HIGHER, routes: Routes::new() });
        assert!(closes(&node.live(secs(600))).is_empty());
    }

    fn r17_a_session_with_messages_is_not_idle<S>() {
        let mut node = Node::<S>::with(Config { idle_after: Some(secs(60)), ..config() });
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.send(LOWER, &[crate::delivery::plain(1)]);
        assert_eq!(closes(&node.live(secs(600))), []);
        assert_eq!(node.carrier(LOWER), Some(link));
    }

    fn r17_messages_wait_for_a_session_for_a_long_pause_or_as_long_as_the_peer_is_kept<S>() {
        for kept in [false, true] {
            let mut node = Node::<S>::new();
            node.tell(if kept {
                Event::Keep { peer: LOWER, routes: Routes::new() }
            } else {
                Event::Seek { peer: LOWER, routes: Routes::new() }
            });
            node.send(LOWER, &[crate::delivery::plain(1).with_receipt(7)]);
            assert_eq!(node.pass(millis(299_999)), []);
            let settled = node.pass(millis(1)).iter().any(|order| matches!(order, Order::Settled(LOWER, 7, _)));
            assert_eq!(settled, !kept);
        }
    }

    fn an_event_for_a_link_that_is_gone_changes_nothing<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Closed { link: first, error: SystemError::Reset });
        let (second, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Wake(mesh_proto::Wake::Moved));
        assert_eq!(node.tell(Event::Closed { link: first, error: SystemError::Reset }), []);
        assert_eq!(node.frame(first, Frame::Close(Reason::Left)), []);
        assert_eq!(node.tell(Event::Connected { link: first }), []);
        assert_eq!(node.prove(first, LOWER).1, []);
        assert_eq!(node.carrier(LOWER), Some(second));
        assert_eq!(node.mesh.stats().stale, 4);
    }

    fn a_link_that_the_system_closes_before_it_is_told_to_is_not_closed_again<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        let now = Now::single(Instant::START.after(node.now));
        let close = Frame::Close(Reason::Left);
        drop(node.mesh.handle(now, Event::Frames { link, frames: Batch::from(&close) }));
        assert_eq!(node.tell(Event::Closed { link, error: SystemError::Ended }), []);
        assert_eq!(node.mesh.stats().stale, 0);
    }

    fn an_event_in_the_wrong_phase_changes_nothing<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        assert_eq!(node.tell(Event::Connected { link }), []);
        assert_eq!(node.prove(link, HIGHER).1, []);
        assert_eq!(node.mesh.stats().misplaced, 2);
        assert_eq!(node.carrier(LOWER), Some(link));
    }
}
