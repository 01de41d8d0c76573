//! R1, R7, and the beginnings of R5 and R6.

use crate::node::*;
use crate::on_both;
use alloc::vec::Vec;
use mesh_proto::{
    Config, Event, Frame, Hello, Incarnation, Instant, Limits, LinkId, Now, PathClass, Reason, Refusal,
    Standing, SystemError, Unable, Welcome,
};

fn welcome_to(keep: bool) -> Frame<'static> {
    let meant = Some((run(1, 1), 1));
    Frame::Welcome(Welcome { hello: Hello { keep, meant, ..own_hello() }, doubt: false }.into())
}

on_both! {
    fn r1_an_acceptor_admits_with_the_hello<S>() {
        let mut node = Node::<S>::new();
        let link = node.incoming(9);
        assert_eq!(node.prove(link, HIGHER).1, []);
        assert!(node.mesh.peer(&HIGHER).is_none(), "proven is not admitted");
        let orders = node.frame(link, Frame::Hello(hello(run(1, 1)).into()));
        assert_eq!(orders, [Order::Send(link, welcome_to(false))]);
        assert_eq!(node.standing(HIGHER), Standing::Up { link, incarnation: run(1, 1) });
    }

    fn r1_a_dialer_admits_with_the_welcome<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) });
        let [Order::Dial(link, dialed, Some(HIGHER))] = orders.as_slice() else { panic!("{orders:?}") };
        assert_eq!(*dialed, route(8));
        let link = *link;
        assert_eq!(node.tell(Event::Connected { link }), []);
        let (_, orders) = node.prove(link, HIGHER);
        let greeting = Hello { keep: true, ..own_hello() };
        assert_eq!(orders, [Order::Send(link, Frame::Hello(greeting.into()))]);
        assert_eq!(node.standing(HIGHER), Standing::Down { reason: None });
        assert_eq!(node.welcome(link, run(1, 1)), []);
        assert_eq!(node.carrier(HIGHER), Some(link));
    }

    fn r1_nothing_is_read_before_admission<S>() {
        for frame in [Frame::Ping { nonce: 1 }, Frame::Close(Reason::Left), Frame::Hello(hello(run(1, 1)).into())] {
            let mut node = Node::<S>::new();
            let link = node.incoming(9);
            assert_eq!(node.frame(link, frame), [Order::Close(link, Reason::ProtocolError)]);
            assert_eq!(node.mesh.stats().protocol_errors, 1);
        }
    }

    fn r1_a_proven_link_reads_only_what_admits_it<S>() {
        for frame in [Frame::Ping { nonce: 1 }, Frame::Close(Reason::Left), Frame::Refused(Reason::Conflict)] {
            let mut node = Node::<S>::new();
            let link = node.incoming(9);
            node.prove(link, HIGHER);
            assert_eq!(node.frame(link, frame), [Order::Close(link, Reason::ProtocolError)]);
        }
        for frame in [Frame::Pong { nonce: 1 }, Frame::Hello(hello(run(1, 1)).into())] {
            let mut node = Node::<S>::new();
            let (link, _) = node.greet(HIGHER, 8);
            assert_eq!(node.frame(link, frame), [Order::Close(link, Reason::ProtocolError)]);
        }
    }

    fn r1_a_handshake_has_a_deadline<S>() {
        let mut node = Node::<S>::new();
        let silent = node.incoming(9);
        let proven = node.incoming(9);
        node.prove(proven, HIGHER);
        assert_eq!(node.waits(), Some(secs(10)));
        assert_eq!(node.pass(millis(9_999)), []);
        let orders = node.pass(millis(1));
        assert_eq!(orders, [Order::Close(silent, Reason::Silent), Order::Close(proven, Reason::Silent)]);
        assert_eq!(node.mesh.stats().ended, 2);
        assert_eq!(node.waits(), None);
    }

    fn r1_a_dial_has_a_deadline_and_so_has_its_handshake<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        assert_eq!(node.pass(millis(4_999)), []);
        let orders = node.pass(millis(1));
        assert_eq!(orders, [Order::Close(*link, Reason::System(SystemError::TimedOut))]);
        let (link, _) = node.greet(LOWER, 1);
        assert_eq!(closes(&node.pass(millis(9_999))).iter().filter(|(closed, _)| *closed == link).count(), 0);
        assert!(closes(&node.pass(millis(1))).contains(&(link, Reason::Silent)));
    }

    fn r1_when_half_open_room_is_full_a_random_one_gives_way<S>() {
        let mut node = Node::<S>::new();
        let open: Vec<LinkId> = (1..=4).map(|host| node.incoming(host)).collect();
        let orders = node.tell(Event::Incoming { from: Some(address(5)), class: PathClass::Direct });
        let newcomer = node.answer.link().expect("one gives way");
        // Still water picks the middle one.
        assert_eq!(orders, [Order::Close(open[2], Reason::Refused(Refusal::Full))]);
        node.prove(newcomer, HIGHER);
        assert_eq!(node.frame(newcomer, Frame::Hello(hello(run(1, 1)).into())).len(), 1, "it is welcome");
        assert_eq!(node.mesh.stats().gave_way_half_open, 1);
    }

    fn r1_one_source_does_not_take_the_room_of_others<S>() {
        let mut node = Node::<S>::new();
        let stranger = node.incoming(1);
        let same: Vec<LinkId> = (0..3).map(|_| node.incoming(2)).collect();
        let orders = node.tell(Event::Incoming { from: Some(address(2)), class: PathClass::Direct });
        assert_eq!(orders, [Order::Close(same[1], Reason::Refused(Refusal::Full))]);
        assert_eq!(node.prove(stranger, HIGHER).1, []);
    }

    fn r1_proven_links_do_not_give_way<S>() {
        let mut node = Node::<S>::new();
        let proven: Vec<LinkId> = (1..=4).map(|host| node.incoming(host)).collect();
        for (link, peer) in proven.iter().zip([LOWEST, LOWER, HIGHER, HIGHEST]) {
            node.prove(*link, peer);
        }
        assert_eq!(node.tell(Event::Incoming { from: Some(address(5)), class: PathClass::Direct }), []);
        assert_eq!(node.answer.link(), Err(Unable::LinksFull));
        assert_eq!(node.mesh.stats().no_room_for_link, 1);
    }

    fn r17_a_table_of_links_that_nobody_drains_is_full_at_last<S>() {
        let mut node = Node::<S>::new();
        let now = Now::single(Instant::START.after(node.now));
        // Every newcomer beyond the half-open room ends another, and the order to close that stays in the table.
        for host in 1..=20 {
            let turn = node.mesh.handle(now, Event::Incoming { from: Some(address(host)), class: PathClass::Direct });
            assert!(turn.answer().link().is_ok(), "link {host} of twenty");
        }
        let turn = node.mesh.handle(now, Event::Incoming { from: Some(address(21)), class: PathClass::Direct });
        assert_eq!(turn.answer().link(), Err(Unable::LinksFull));
        drop(turn);
        assert_eq!(node.mesh.stats().no_room_for_link, 1);
        let orders = node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        assert_eq!((closes(&orders).len(), dials(&orders).len()), (17, 0));
        assert_eq!(node.mesh.stats().no_room_for_link, 2);
        assert_eq!(dials(&node.pass(millis(250))), [1], "a dial without a place is one that failed");
    }

    fn r1_an_ipv6_source_is_its_first_half<S>() {
        let mut node = Node::<S>::new();
        let mut orders = Vec::new();
        for host in 1..=4_u16 {
            let from = core::net::SocketAddr::from(([0x2001, 0xdb8, 0, 1, 0, 0, 0, host], 9));
            orders.extend(node.tell(Event::Incoming { from: Some(from), class: PathClass::Direct }));
        }
        assert_eq!(closes(&orders).len(), 1, "the fourth from one /64 takes the place of another");
        let other = core::net::SocketAddr::from(([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1], 9));
        assert_eq!(node.tell(Event::Incoming { from: Some(other), class: PathClass::Direct }), []);
    }

    fn r1_streams_that_come_too_fast_are_not_taken<S>() {
        let limits = Limits { incoming_per_second: 2, ..config().limits };
        let mut node = Node::<S>::with(Config { limits, ..config() });
        node.incoming(1);
        node.incoming(2);
        assert_eq!(node.tell(Event::Incoming { from: None, class: PathClass::Direct }), []);
        assert_eq!(node.answer.link(), Err(Unable::TooFast { limit: 2 }));
        assert_eq!(node.mesh.stats().incoming_too_fast, 1);
        node.pass(millis(1_125));
        node.incoming(3);
    }

    fn r5_evidence_counts_though_the_bound_refuses_the_link<S>() {
        let mut node = Node::<S>::new();
        let old: Vec<LinkId> = (0..3).map(|_| node.accepted(LOWER, run(1, 1)).0).collect();
        let (newest, _, orders) = node.accept(LOWER, hello(run(2, 2)));
        assert_eq!(closes(&orders), old.iter().map(|link| (*link, Reason::Restarted)).collect::<Vec<_>>());
        assert_eq!(node.standing(LOWER), Standing::Up { link: newest, incarnation: run(2, 2) });
    }

    fn r6_ones_own_id_is_refused<S>() {
        let mut node = Node::<S>::new();
        let (link, _, orders) = node.accept(ME, hello(run(3, 33)));
        assert_eq!(orders, [Order::Send(link, Frame::Refused(Reason::OwnSelf)), Order::Close(link, Reason::OwnSelf)]);
        assert_eq!((node.mesh.stats().met_self, node.mesh.stats().met_clone), (1, 0));
        let (link, _, orders) = node.accept(ME, hello(run(3, 34)));
        assert_eq!(orders, [Order::Send(link, Frame::Refused(Reason::Conflict)), Order::Close(link, Reason::Conflict)]);
        assert_eq!((node.mesh.stats().met_self, node.mesh.stats().met_clone), (1, 1));
        assert!(node.mesh.peer(&ME).is_none());
    }

    fn r6_an_own_address_is_dialed_once<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::KeepAt { route: route(7) });
        let [Order::Dial(link, _, None)] = orders.as_slice() else { panic!("{orders:?}") };
        node.tell(Event::Connected { link: *link });
        let (_, orders) = node.prove(*link, ME);
        assert!(matches!(orders.as_slice(), [Order::Send(_, Frame::Hello(_))]));
        let orders = node.frame(*link, Frame::Refused(Reason::OwnSelf));
        assert_eq!(orders, [Order::Close(*link, Reason::OwnSelf)]);
        assert_eq!(node.mesh.stats().met_clone, 0);
        assert_eq!(dials(&node.pass(secs(600))), []);
        assert_eq!(node.tell(Event::KeepAt { route: route(7) }), []);
        assert_eq!(node.answer.link(), Err(Unable::OwnSelf));
        assert_eq!(node.tell(Event::Keep { peer: HIGHER, routes: routes(&[7]) }), [], "not for anybody else either");
    }

    fn r6_a_clone_at_a_peers_address_costs_that_address_only<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8, 7]) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        node.tell(Event::Connected { link: *link });
        node.prove(*link, ME);
        let orders = node.frame(*link, Frame::Refused(Reason::Conflict));
        assert_eq!(closes(&orders), [(*link, Reason::Conflict)]);
        assert_eq!(dials(&orders), [7], "the next address at once");
        assert!(!node.view(HIGHER).conflict, "it has not said so");
        assert_eq!(node.mesh.stats().met_clone, 1);
    }

    fn r6_ones_own_welcome_is_a_protocol_error<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::KeepAt { route: route(7) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        node.tell(Event::Connected { link: *link });
        node.prove(*link, ME);
        assert_eq!(closes(&node.welcome(*link, run(3, 33))), [(*link, Reason::ProtocolError)]);
    }

    fn r7_another_than_the_one_dialed_is_not_met<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8, 7]) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        node.tell(Event::Connected { link: *link });
        let (_, orders) = node.prove(*link, LOWER);
        assert_eq!(closes(&orders), [(*link, Reason::WrongPeer)]);
        assert_eq!(dials(&orders), [7], "the next address at once");
        assert!(node.mesh.peer(&LOWER).is_none(), "nobody heard of it");
        assert_eq!(node.standing(HIGHER), Standing::Down { reason: Some(Reason::WrongPeer) });
    }

    fn r7_whoever_is_at_a_kept_address_becomes_the_peer<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::KeepAt { route: route(7) });
        let [Order::Dial(link, _, None)] = orders.as_slice() else { panic!("{orders:?}") };
        assert_eq!(node.mesh.peers().count(), 0, "nobody yet");
        node.tell(Event::Connected { link: *link });
        node.prove(*link, HIGHER);
        node.welcome(*link, run(1, 1));
        assert_eq!(node.carrier(HIGHER), Some(*link));
        assert!(node.view(HIGHER).kept_here);
    }

    fn r7_a_wish_for_an_address_moves_to_a_peer_that_is_known<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(HIGHER, run(1, 1));
        let orders = node.tell(Event::KeepAt { route: route(7) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        node.tell(Event::Connected { link: *link });
        node.prove(*link, HIGHER);
        node.welcome(*link, run(1, 1));
        assert_eq!(node.mesh.peers().count(), 1);
        assert!(node.view(HIGHER).kept_here);
        assert_eq!(node.carrier(HIGHER), Some(first));
        assert_eq!(node.tell(Event::ForgetAt { address: address(7) }), []);
        assert!(!node.view(HIGHER).kept_here);
    }

    fn r7_somebody_else_at_a_kept_address_takes_the_wish_over<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::KeepAt { route: route(7) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        node.tell(Event::Connected { link: *link });
        node.prove(*link, HIGHER);
        node.welcome(*link, run(1, 1));
        node.live(secs(11));
        let orders = node.tell(Event::Closed { link: *link, error: SystemError::Reset });
        let [Order::Dial(again, _, Some(HIGHER))] = orders.as_slice() else { panic!("{orders:?}") };
        node.tell(Event::Connected { link: *again });
        let (_, orders) = node.prove(*again, LOWER);
        assert_eq!(closes(&orders), [(*again, Reason::WrongPeer)]);
        let [.., Order::Dial(third, _, None)] = orders.as_slice() else { panic!("{orders:?}") };
        node.tell(Event::Connected { link: *third });
        node.prove(*third, LOWER);
        node.welcome(*third, run(1, 1));
        assert_eq!(node.carrier(LOWER), Some(*third));
        assert!(node.view(LOWER).kept_here && !node.view(HIGHER).kept_here);
    }

    fn r7_a_wish_for_an_address_that_proves_to_be_ones_own_is_lost_and_counted<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::KeepAt { route: route(7) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        node.tell(Event::Connected { link: *link });
        node.prove(*link, HIGHER);
        node.welcome(*link, run(1, 1));
        node.live(secs(11));
        let orders = node.tell(Event::Closed { link: *link, error: SystemError::Reset });
        let [Order::Dial(again, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        let orders = node.tell(Event::Keep { peer: LOWEST, routes: routes(&[7]) });
        let [Order::Dial(other, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        node.tell(Event::Connected { link: *other });
        node.prove(*other, ME);
        node.frame(*other, Frame::Refused(Reason::OwnSelf));
        node.tell(Event::Connected { link: *again });
        assert_eq!(node.prove(*again, LOWER).1, [Order::Close(*again, Reason::WrongPeer)]);
        assert!(!node.view(HIGHER).kept_here);
        assert_eq!(node.mesh.stats().wishes_lost, 1);
    }

    fn r17_a_link_too_many_is_a_duplicate_without_a_pause<S>() {
        let mut node = Node::<S>::new();
        for _ in 0..3 {
            node.accepted(LOWER, run(1, 1));
        }
        let (link, _, orders) = node.accept(LOWER, hello(run(1, 1)));
        assert_eq!(orders, [Order::Send(link, Frame::Refused(Reason::Duplicate)), Order::Close(link, Reason::Duplicate)]);
        assert!(!Reason::Duplicate.lasts());
    }

    fn r17_links_on_their_way_out_make_room_as_far_as_it_is_needed<S>() {
        let mut node = Node::<S>::new();
        let [first, second, _] = [(); 3].map(|()| node.accepted(HIGHER, run(1, 1)).0);
        assert_eq!(node.frame(first, Frame::Pong { nonce: 1 }), []);
        assert_eq!(node.frame(first, Frame::Pong { nonce: 2 }).len(), 2, "the two others are closed");
        let (fourth, _, orders) = node.accept(HIGHER, hello(run(1, 1)));
        let lost = losing(2, Reason::Abandoned);
        let hello = Hello { lost: lost.clone(), meant: Some((run(1, 1), 1)), ..own_hello() };
        let welcome = Welcome { hello, doubt: false };
        assert_eq!(
            orders,
            [
                Order::Send(first, Frame::Lost(lost.into())),
                Order::Send(first, Frame::Ping { nonce: 3 }),
                Order::Close(second, Reason::Abandoned),
                Order::Send(fourth, Frame::Welcome(welcome.into())),
            ]
        );
    }

    fn r17_a_dial_too_many_ends_before_its_hello<S>() {
        let mut node = Node::<S>::new();
        for _ in 0..3 {
            node.accepted(LOWER, run(1, 1));
        }
        let orders = node.tell(Event::Seek { peer: LOWER, routes: routes(&[1]) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        node.tell(Event::Connected { link: *link });
        assert_eq!(node.prove(*link, LOWER).1, [Order::Close(*link, Reason::Abandoned)]);
    }

    fn r6_the_first_run_of_a_peer_is_believed<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, Incarnation::new(0, 0));
        assert_eq!(node.standing(LOWER), Standing::Up { link, incarnation: run(0, 0) });
        assert_eq!(node.mesh.stats().doubts, 0);
    }

    fn r1_who_waits_for_an_answer_has_a_minute<S>() {
        let mut node = Node::<S>::new();
        let link = node.incoming(9);
        node.prove(link, HIGHER);
        assert_eq!(node.tell(Event::Waits { link }), []);
        assert_eq!(node.pass(secs(59)), [], "the deadline of the handshake has moved");
        assert!(node.mesh.peer(&HIGHER).is_none(), "and nothing is known of whoever waits");
        assert_eq!(node.pass(secs(1)), [Order::Close(link, Reason::Silent)]);
    }

    fn r1_a_dialer_waits_as_long<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.greet(HIGHER, 8);
        node.tell(Event::Waits { link });
        assert_eq!(closes(&node.pass(secs(59))), []);
        assert_eq!(closes(&node.pass(secs(1))), [(link, Reason::Silent)]);
    }

    fn r1_who_is_not_proven_cannot_wait<S>() {
        let mut node = Node::<S>::new();
        let link = node.incoming(9);
        node.tell(Event::Waits { link });
        assert_eq!(node.mesh.stats().misplaced, 1);
        assert_eq!(node.pass(secs(10)), [Order::Close(link, Reason::Silent)]);
    }

    fn r12_who_is_not_wanted_here_is_left_alone_for_long<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        let link = *link;
        node.tell(Event::Connected { link });
        node.prove(link, HIGHER);
        let reason = Reason::Refused(Refusal::NotListed);
        assert_eq!(node.tell(Event::Failed { link, reason }), [Order::Close(link, reason)]);
        assert_eq!(node.standing(HIGHER), Standing::Down { reason: Some(reason) });
        assert_eq!(dials(&node.live(secs(299))), [], "five minutes");
        assert_eq!(dials(&node.live(secs(2))), [8]);
    }

    fn r12_a_hint_in_the_clear_earns_no_long_pause<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        let link = *link;
        node.tell(Event::Connected { link });
        let reason = Reason::Refused(Refusal::WrongMesh);
        assert_eq!(node.tell(Event::Failed { link, reason }), [Order::Close(link, reason)]);
        assert_eq!(node.standing(HIGHER), Standing::Down { reason: Some(reason) });
        assert_eq!(dials(&node.live(secs(1))), [8]);
    }

    fn r12_only_who_was_met_is_left_alone_for_long_and_only_for_what_lasts<S>() {
        for (proven, why) in [(true, Refusal::WrongVersion), (false, Refusal::NotListed)] {
            let mut node = Node::<S>::new();
            let orders = node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) });
            let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
            let link = *link;
            node.tell(Event::Connected { link });
            if proven {
                node.prove(link, HIGHER);
            }
            node.tell(Event::Failed { link, reason: Reason::Refused(why) });
            assert_eq!(dials(&node.live(secs(1))), [8], "{why:?}");
        }
    }

    fn r16_who_is_turned_away_is_told_why<S>() {
        let mut node = Node::<S>::new();
        let link = node.incoming(9);
        node.prove(link, HIGHER);
        let reason = Reason::Refused(Refusal::NotListed);
        assert_eq!(
            node.tell(Event::Failed { link, reason }),
            [Order::Send(link, Frame::Refused(reason)), Order::Close(link, reason)]
        );
        assert!(node.mesh.peer(&HIGHER).is_none());
    }

    fn r16_who_is_not_proven_is_told_nothing<S>() {
        let mut node = Node::<S>::new();
        let link = node.incoming(9);
        let reason = Reason::Refused(Refusal::WrongMesh);
        assert_eq!(node.tell(Event::Failed { link, reason }), [Order::Close(link, reason)]);
    }

    fn x13_a_broken_channel_ends_the_link_as_protocol_error<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(HIGHER, run(1, 1));
        let reason = Reason::ProtocolError;
        assert_eq!(
            node.tell(Event::Failed { link, reason }),
            [Order::Send(link, Frame::Close(reason)), Order::Close(link, reason)]
        );
        assert_eq!(node.standing(HIGHER), Standing::Away { reason });
    }
}
