//! R10.

use crate::node::*;
use crate::on_both;
use alloc::vec::Vec;
use core::time::Duration;
use mesh_proto::{
    Announcement, AnnouncementKind, Audience, Cause, Config, Event, Frame, Incarnation, Limits, NodeId,
    Reason, Standing, Vouched, Wake,
};

fn announcing() -> Config {
    Config { announce_every: Some(secs(120)), ..config() }
}

fn announcement(node: NodeId, incarnation: Incarnation, kind: AnnouncementKind) -> Announcement {
    Announcement { node, incarnation, kind }
}

fn heard(node: NodeId, host: u8, kind: AnnouncementKind, vouched: Vouched) -> Event<'static> {
    Event::Heard { announcement: announcement(node, run(1, 1), kind), routes: routes(&[host]), vouched }
}

fn hail(node: NodeId, host: u8) -> Event<'static> {
    heard(node, host, AnnouncementKind::Hail, Vouched::ByMember)
}

fn announced(orders: &[Order]) -> Vec<(Audience, AnnouncementKind, Cause)> {
    let told = |order: &Order| {
        let Order::Announce(to, announcement, cause) = order else { return None };
        Some((*to, announcement.kind, *cause))
    };
    orders.iter().filter_map(told).collect()
}

on_both! {
    fn r10_announces_at_the_start_and_then_every_two_minutes<S>() {
        let mut node = Node::<S>::with(announcing());
        let everyone = Audience::Everyone;
        let orders = node.tell(Event::Tick);
        let hail = announcement(ME, run(3, 33), AnnouncementKind::Hail);
        assert_eq!(orders, [Order::Announce(everyone, hail, Cause::Start)]);
        for _ in 0..3 {
            assert_eq!(node.pass(millis(119_999)), []);
            assert_eq!(announced(&node.pass(millis(1))), [(everyone, AnnouncementKind::Hail, Cause::Regular)]);
        }
        assert_eq!(node.mesh.stats().announced, 4);
    }

    fn r10_of_two_causes_that_wait_the_newer_is_told<S>() {
        let mut node = Node::<S>::with(announcing());
        node.tell(Event::Tick);
        for wake in [Wake::Frozen, Wake::Moved] {
            assert_eq!(announced(&node.tell(Event::Wake(wake))), []);
        }
        let told = [(Audience::Everyone, AnnouncementKind::Hail, Cause::Moved)];
        assert_eq!(announced(&node.pass(secs(1))), told);
    }

    fn r10_a_node_that_may_not_announce_says_nothing<S>() {
        let mut node = Node::<S>::new();
        assert_eq!(announced(&node.tell(Event::Wake(Wake::Moved))), []);
        assert_eq!(announced(&node.tell(hail(LOWER, 1))), []);
        assert_eq!(announced(&node.pass(secs(200))), []);
        assert_eq!(announced(&node.tell(Event::Leave)), []);
    }

    fn r10_somebody_new_is_dialed_and_answered_after_a_while<S>() {
        let mut node = Node::<S>::with(announcing());
        node.tell(Event::Tick);
        let orders = node.tell(hail(LOWER, 1));
        assert_eq!(dials(&orders), [1]);
        assert_eq!(announced(&orders), []);
        assert_eq!(announced(&node.pass(millis(499))), []);
        let to = Audience::One(address(1));
        assert_eq!(announced(&node.pass(millis(2))), [(to, AnnouncementKind::Answer, Cause::Answer)]);
        assert_eq!((node.mesh.stats().heard, node.mesh.stats().answered), (1, 1));
    }

    fn r10_a_peer_that_has_a_place_is_answered_though_no_other_is_left<S>() {
        let mut node = Node::<S>::with(announcing());
        node.tell(Event::Tick);
        for (host, peer) in [(1, LOWEST), (2, LOWER), (3, HIGHER), (4, HIGHEST)] {
            node.tell(Event::Keep { peer, routes: routes(&[host]) });
        }
        node.tell(hail(LOWER, 2));
        let to = Audience::One(address(2));
        assert_eq!(announced(&node.pass(secs(1))), [(to, AnnouncementKind::Answer, Cause::Answer)]);
    }

    fn r10_answers_are_not_answered<S>() {
        let mut node = Node::<S>::with(announcing());
        node.tell(Event::Tick);
        let orders = node.tell(heard(LOWER, 1, AnnouncementKind::Answer, Vouched::ByMember));
        assert_eq!(dials(&orders), [1], "though they are hints like any other");
        assert_eq!(announced(&node.pass(secs(30))), []);
    }

    fn r10_answers_go_out_once_a_second_at_most<S>() {
        let mut node = Node::<S>::with(announcing());
        node.tell(Event::Tick);
        let mut answers = 0;
        for step in 0..40_u8 {
            node.tell(hail(NodeId::new([10 + step % 4; 32]), 1 + step % 4));
            answers += announced(&node.pass(millis(250))).len();
        }
        assert!((8..=11).contains(&answers), "{answers} in ten seconds");
    }

    fn r10_who_is_up_is_not_answered<S>() {
        let mut node = Node::<S>::with(announcing());
        node.tell(Event::Tick);
        node.accepted(LOWER, run(1, 1));
        assert_eq!(node.tell(hail(LOWER, 1)), []);
        assert_eq!(announced(&node.pass(secs(2))), []);
    }

    fn r10_without_room_there_is_no_answer<S>() {
        let mut node = Node::<S>::with(announcing());
        node.tell(Event::Tick);
        for (host, peer) in [(1, LOWEST), (2, LOWER), (3, HIGHER), (4, HIGHEST)] {
            node.tell(Event::Keep { peer, routes: routes(&[host]) });
        }
        let orders = node.tell(hail(NodeId::new([7; 32]), 7));
        assert_eq!(dials(&orders), []);
        assert_eq!(announced(&node.pass(secs(2))), []);
        assert_eq!(node.mesh.stats().hints_dropped, 1);
    }

    fn r10_ones_own_announcement_is_nothing<S>() {
        let mut node = Node::<S>::with(announcing());
        node.tell(Event::Tick);
        assert_eq!(node.tell(hail(ME, 7)), []);
        assert_eq!(node.mesh.peers().count(), 0);
    }

    fn r10_a_hint_is_followed_once_in_ten_seconds<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(hail(LOWER, 1));
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        let fails = Event::Closed { link: *link, error: mesh_proto::SystemError::Refused };
        assert_eq!(node.tell(fails), []);
        node.pass(millis(9_999));
        assert_eq!(dials(&node.tell(hail(LOWER, 1))), []);
        node.pass(millis(1));
        assert_eq!(dials(&node.tell(hail(LOWER, 1))), [1]);
    }

    fn r10_another_run_makes_the_link_answer_for_itself<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        let announcement = announcement(LOWER, run(2, 2), AnnouncementKind::Hail);
        let event = Event::Heard { announcement, routes: routes(&[1]), vouched: Vouched::ByMember };
        assert_eq!(pings(&node.tell(event.clone())), [(link, 1)]);
        assert_eq!(node.tell(event), [], "once in a while");
        assert_eq!(node.carrier(LOWER), Some(link), "and nothing else");
    }

    fn r10_a_farewell_is_only_a_hint<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        let orders = node.tell(heard(LOWER, 1, AnnouncementKind::Farewell, Vouched::ByMember));
        assert_eq!(pings(&orders), [(link, 1)]);
        assert_eq!(node.carrier(LOWER), Some(link));
        assert_eq!(node.tell(heard(HIGHER, 8, AnnouncementKind::Farewell, Vouched::ByMember)), []);
        assert!(node.mesh.peer(&HIGHER).is_none());
        node.frame(link, Frame::Close(Reason::Left));
        assert_eq!(node.tell(heard(LOWER, 1, AnnouncementKind::Farewell, Vouched::ByMember)), [], "nor is it dialed");
    }

    fn r10_a_hint_during_an_attempt_asks_for_no_other<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::Seek { peer: LOWER, routes: routes(&[1]) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        assert_eq!(node.tell(hail(LOWER, 1)), []);
        node.tell(Event::Closed { link: *link, error: mesh_proto::SystemError::Refused });
        assert_eq!(dials(&node.pass(secs(100))), []);
    }

    fn r10_who_leaves_hears_nobody<S>() {
        let mut node = Node::<S>::new();
        node.tell(Event::Leave);
        assert_eq!(node.tell(hail(LOWER, 1)), []);
        assert_eq!(node.mesh.peers().count(), 0);
        assert_eq!(node.mesh.stats().heard, 1);
    }

    fn r10_a_link_that_was_silent_for_a_ping_and_its_answer_is_asked<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.pass(millis(3_499));
        assert_eq!(node.tell(hail(LOWER, 1)), []);
        node.pass(millis(2));
        let orders = node.tell(hail(LOWER, 1));
        assert_eq!(pings(&orders), [(link, 2)], "an interval and a probe time");
    }

    fn r10_a_hint_does_not_end_a_long_pause<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.greet(LOWER, 1);
        let full = Reason::Refused(mesh_proto::Refusal::Full);
        node.frame(link, Frame::Refused(full));
        node.pass(secs(100));
        assert_eq!(dials(&node.tell(hail(LOWER, 1))), []);
        node.pass(secs(200));
        assert_eq!(dials(&node.tell(hail(LOWER, 1))), [1]);
    }

    fn r10_hints_that_nobody_vouches_for_get_a_quarter<S>() {
        let mut node = Node::<S>::new();
        for step in 0..20_u8 {
            node.tell(heard(NodeId::new([50 + step; 32]), step, AnnouncementKind::Hail, Vouched::ByNobody));
        }
        assert_eq!(node.mesh.peers().count(), 1, "of four places");
        assert_eq!(node.mesh.stats().dials, 1, "of four dials in flight");
        assert_eq!(node.mesh.stats().hints_dropped, 19);
        assert_eq!(dials(&node.tell(hail(LOWER, 1))), [1], "others have theirs");
    }

    fn r10_a_hint_of_a_peer_that_was_met_takes_no_hinted_place<S>() {
        let mut node = Node::<S>::new();
        node.tell(heard(LOWER, 1, AnnouncementKind::Hail, Vouched::ByNobody));
        node.accepted(LOWER, run(1, 1));
        node.tell(heard(HIGHER, 8, AnnouncementKind::Hail, Vouched::ByNobody));
        assert_eq!(node.mesh.peers().count(), 2);
    }

    fn r10_a_hint_ends_an_ordinary_wait<S>() {
        let mut node = Node::<S>::new();
        let mut orders = node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        for wait in [250, 500, 1_000] {
            let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
            assert_eq!(node.tell(Event::Closed { link: *link, error: mesh_proto::SystemError::Refused }), []);
            assert_eq!(node.waits(), Some(millis(wait)));
            orders = if wait < 1_000 { node.pass(millis(wait)) } else { node.tell(hail(LOWER, 1)) };
        }
        assert_eq!(dials(&orders), [1]);
    }

    fn r10_of_four_dials_in_flight_one_is_for_hints<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(heard(LOWEST, 1, AnnouncementKind::Hail, Vouched::ByNobody));
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        node.tell(Event::Connected { link: *link });
        node.prove(*link, LOWEST);
        // It comes by itself too: then it is no hint any more, though the dial to it is still under way.
        node.accepted(LOWEST, run(1, 1));
        assert_eq!(node.tell(heard(LOWER, 2, AnnouncementKind::Hail, Vouched::ByNobody)), []);
        assert_eq!(node.mesh.stats().hints_dropped, 1);
    }

    fn r10_of_eight_dials_in_a_second_two_are_for_hints<S>() {
        let mut node = Node::<S>::new();
        for (host, peer, dialed) in [(1, LOWEST, 1), (2, LOWER, 1), (3, HIGHER, 0)] {
            let orders = node.tell(heard(peer, host, AnnouncementKind::Hail, Vouched::ByNobody));
            assert_eq!(dials(&orders).len(), dialed, "of host {host}");
            if let [Order::Dial(link, ..)] = orders.as_slice() {
                node.tell(Event::Closed { link: *link, error: mesh_proto::SystemError::Refused });
            }
            // Whoever was met is no hint any more, and leaves its place to the next.
            node.accepted(peer, run(1, 1));
        }
        assert_eq!(node.mesh.stats().hints_dropped, 1);
    }

    fn r10_hinted_dials_get_a_quarter_of_what_goes_in_a_second<S>() {
        let limits = Limits { peers: 4, dials_in_flight: 4, dials_per_second: 4, ..config().limits };
        let mut node = Node::<S>::with(Config { limits, ..config() });
        let mut dialed = 0;
        for _ in 0..30 {
            let orders = node.tell(heard(LOWER, 1, AnnouncementKind::Hail, Vouched::ByNobody));
            if let [Order::Dial(link, ..)] = orders.as_slice() {
                dialed += 1;
                node.tell(Event::Closed { link: *link, error: mesh_proto::SystemError::Refused });
                node.tell(Event::Forget { peer: LOWER });
            }
            node.pass(secs(10) + Duration::from_millis(1));
        }
        assert_eq!(dialed, 30, "one every ten seconds is within the quarter");
        assert_eq!(node.standing(LOWER), Standing::Down { reason: Some(Reason::Forgotten) });
    }
}
