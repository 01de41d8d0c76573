//! R17: who has a place, and who gives way.

use crate::node::*;
use crate::on_both;
use mesh_proto::{
    Announcement, AnnouncementKind, Config, ConfigError, Event, Frame, Hello, Incarnation, Limits, LinkId,
    Mesh, NodeId, Reason, Refusal, Routes, Seed, Standing, Unable, Vouched,
};

const FULL: Reason = Reason::Refused(Refusal::Full);

fn peer(number: u8) -> NodeId {
    NodeId::new([number; 32])
}

fn wishing() -> Hello {
    Hello { keep: true, ..hello(run(1, 1)) }
}

/// Four sessions that nobody keeps.
fn full<S: mesh_proto::storage::Storage>(node: &mut Node<S>) -> [LinkId; 4] {
    [10, 11, 12, 13].map(|number| node.accepted(peer(number), run(1, 1)).0)
}

on_both! {
    fn r17_who_comes_when_all_places_are_held_is_refused<S>() {
        let mut node = Node::<S>::new();
        full(&mut node);
        let (link, _, orders) = node.accept(peer(20), hello(run(1, 1)));
        assert_eq!(orders, [Order::Send(link, Frame::Refused(FULL)), Order::Close(link, FULL)]);
        assert!(node.mesh.peer(&peer(20)).is_none());
        assert_eq!((node.mesh.stats().refused, node.mesh.stats().refused_full), (1, 1));
    }

    fn r17_a_peer_that_wishes_to_be_kept_comes_before_one_that_does_not<S>() {
        let mut node = Node::<S>::new();
        let [first, ..] = full(&mut node);
        let (link, _, orders) = node.accept(peer(20), wishing());
        assert_eq!(orders[..2], [Order::Send(first, Frame::Close(FULL)), Order::Close(first, FULL)], "idle for longest");
        assert_eq!(node.carrier(peer(20)), Some(link));
        assert!(node.mesh.peer(&peer(10)).is_none());
        assert_eq!(node.mesh.stats().gave_way, 1);
    }

    fn r17_what_this_side_keeps_comes_before_all_and_holds_its_place<S>() {
        let mut node = Node::<S>::new();
        for number in [10, 11, 12, 13] {
            node.accept(peer(number), wishing());
        }
        for number in [20, 21, 22, 23] {
            node.tell(Event::Keep { peer: peer(number), routes: Routes::new() });
            assert_eq!(node.answer.link(), Err(Unable::Unknown), "done");
            assert!(node.view(peer(number)).kept_here);
        }
        assert_eq!(node.mesh.stats().gave_way, 4);
        let (link, _, orders) = node.accept(peer(10), wishing());
        assert_eq!(closes(&orders), [(link, FULL)]);
        assert_eq!(node.tell(Event::Keep { peer: peer(24), routes: Routes::new() }), []);
        assert_eq!(node.answer.link(), Err(Unable::PeersFull { limit: 4 }));
        assert_eq!(node.tell(Event::KeepAt { route: route(9) }), []);
        assert_eq!(node.answer.link(), Err(Unable::PeersFull { limit: 4 }));
        assert_eq!(node.tell(Event::Seek { peer: peer(24), routes: Routes::new() }), []);
        assert_eq!(node.answer.link(), Err(Unable::PeersFull { limit: 4 }));
    }

    fn r17_a_session_that_was_idle_for_a_long_pause_gives_way<S>() {
        let mut node = Node::<S>::new();
        full(&mut node);
        node.live(millis(299_999));
        let (link, _, orders) = node.accept(peer(20), hello(run(1, 1)));
        assert_eq!(closes(&orders), [(link, FULL)]);
        node.live(millis(1));
        let (link, _, _) = node.accept(peer(20), hello(run(1, 1)));
        assert_eq!(node.carrier(peer(20)), Some(link));
    }

    fn r17_what_is_only_remembered_gives_way_first<S>() {
        let mut node = Node::<S>::new();
        let links = full(&mut node);
        node.frame(links[2], Frame::Close(Reason::Left));
        assert_eq!(node.standing(peer(12)), Standing::Down { reason: Some(Reason::Left) });
        let (link, _, _) = node.accept(peer(20), hello(run(1, 1)));
        assert_eq!(node.carrier(peer(20)), Some(link));
        assert!(node.mesh.peer(&peer(12)).is_none());
        assert!(node.mesh.peer(&peer(10)).is_some());
    }

    fn r17_a_hint_takes_no_place_from_a_session<S>() {
        let mut node = Node::<S>::new();
        let links = full(&mut node);
        node.live(secs(400));
        let announcement = Announcement { node: peer(20), incarnation: Incarnation::new(1, 1), kind: AnnouncementKind::Hail };
        let hint = Event::Heard { announcement, routes: routes(&[2]), vouched: Vouched::ByMember };
        assert_eq!(node.tell(hint.clone()), []);
        node.frame(links[0], Frame::Close(Reason::Left));
        assert_eq!(node.tell(hint.clone()), [], "nor from what was remembered a moment ago");
        node.live(secs(300));
        assert_eq!(dials(&node.tell(hint)), [2]);
    }

    fn r17_who_gave_way_stays_away_for_long<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        node.frame(link, Frame::Close(FULL));
        assert_eq!(dials(&node.pass(millis(299_999))), []);
        assert_eq!(dials(&node.pass(millis(1))), [1]);
    }

    fn r17_use_puts_a_session_behind_the_others<S>() {
        let mut node = Node::<S>::new();
        let [_, second, ..] = full(&mut node);
        node.tell(Event::Keep { peer: peer(10), routes: Routes::new() });
        node.tell(Event::Forget { peer: peer(10) });
        node.accepted(peer(10), run(1, 1));
        let (_, _, orders) = node.accept(peer(20), wishing());
        assert_eq!(closes(&orders), [(second, FULL)]);
    }

    fn r17_a_configuration_beyond_the_tables_is_refused_with_both_numbers<S>() {
        let limits = Limits { peers: 5, ..config().limits };
        let made = Mesh::<S>::new(ME, run(1, 1), Config { limits, ..config() }, Seed::Still);
        match (made, S::PEERS) {
            (Err(error), Some(4)) => {
                assert_eq!(error, ConfigError::Capacity { name: "peers", asked: 5, room: 4 });
            }
            (Ok(_), None) => {}
            (made, room) => panic!("{:?} with room for {room:?}", made.err()),
        }
        let limits = Limits { half_open: 5, ..config().limits };
        let made = Mesh::<S>::new(ME, run(1, 1), Config { limits, ..config() }, Seed::Still);
        assert_eq!(made.is_err(), S::LINKS == Some(20));
        let limits = Limits { links_per_peer: 9, peers: 1, ..config().limits };
        let made = Mesh::<S>::new(ME, run(1, 1), Config { limits, ..config() }, Seed::Still);
        assert_eq!(made.err(), Some(ConfigError::Capacity { name: "links per peer", asked: 9, room: 8 }));
    }
}

#[test]
fn more_links_than_can_be_named_are_refused() {
    let limits = Limits { peers: 1 << 22, links_per_peer: 4, half_open: 1, ..config().limits };
    let made = Mesh::<mesh_proto::Heap>::new(ME, run(1, 1), Config { limits, ..config() }, Seed::Still);
    let error = made.expect_err("the names do not suffice");
    assert!(matches!(error, ConfigError::Capacity { room: 0x100_0000, .. }), "{error}");
}
