//! The order of things on the network.

use alloc::vec::Vec;

use super::{frames, kinds, ms, pair, quiet_lan, secs, told};
use crate::event::Event;
use crate::frame::{Frame, PathClass};
use crate::machine::Answer;
use crate::reason::{Reason, SystemError};
use crate::sim::reading::Word;
use crate::sim::stream::{At, Packet};
use crate::sim::{Direction, NodeName, Start, Stop, StreamName, What, World};

fn ping(nonce: u32) -> Frame<'static> {
    Frame::Ping { nonce }
}

fn sends_ping(world: &mut World, stream: StreamName, nonce: u32) {
    world.net.send(stream.0, At::Acceptor, Packet::Word(Word::Frame(ping(nonce))));
}

#[test]
fn a_dial_takes_its_delays_one_after_the_other() {
    let mut world = World::new(1);
    world.delay(ms(10));
    let (a, b) = (world.add(quiet_lan()), world.add(quiet_lan()));
    world.keep(a, b);
    world.run_for(ms(70));
    let at_a = [(0, "wish"), (20, "connected"), (40, "proven"), (60, "frames")];
    let at_b = [(10, "incoming"), (50, "proven"), (50, "frames")];
    assert_eq!(kinds(&world, a, ms(0)), at_a.map(|(at, kind)| (ms(at), kind)));
    assert_eq!(kinds(&world, b, ms(0)), at_b.map(|(at, kind)| (ms(at), kind)));
    for n in [a, b] {
        let proofs = told(&world, n, ms(0)).into_iter().filter_map(|(_, event)| {
            if let Event::Proven { proof, .. } = event { Some((proof.peer, proof.round_trip)) } else { None }
        });
        let peer = if n == a { b } else { a };
        assert_eq!(proofs.collect::<Vec<_>>(), [(world.id(peer), ms(20))]);
    }
    let link = world.links(a, b)[0];
    assert_eq!((link.dialer.node, link.acceptor.node), (a, b));
    assert!(link.dialer.admitted() && link.acceptor.admitted());
}

#[test]
fn frames_of_one_stream_never_overtake_each_other() {
    let (mut world, _, b, stream) = pair(2, quiet_lan());
    // The answers would be a breach: the machine that sent the pings did not ask for them.
    world.black_hole_stream(stream, Direction::From(b));
    world.jitter(ms(500));
    let began = world.now();
    for nonce in 100..200 {
        sends_ping(&mut world, stream, nonce);
        world.run_for(ms(7));
    }
    world.run_for(secs(1));
    let own = |frame: &Frame| matches!(frame, Frame::Ping { nonce } if *nonce >= 100);
    let arrived: Vec<_> = frames(&world, b, began).into_iter().filter(own).collect();
    assert_eq!(arrived, (100..200).map(ping).collect::<Vec<_>>());
}

#[test]
fn streams_have_nothing_to_do_with_each_other() {
    let mut world = World::new(3);
    let (a, b) = (world.add(quiet_lan()), world.add(quiet_lan()));
    world.slow_next_dial(a, ms(400));
    world.dial(a, b);
    world.dial(b, a);
    world.run_for(ms(6));
    assert_eq!(kinds(&world, b, ms(1)).len(), 3, "its own dial is through");
    world.run_for(ms(394));
    assert_eq!(kinds(&world, b, ms(400)), [(ms(400), "incoming")]);
}

#[test]
fn frames_of_one_moment_come_in_one_event() {
    let (mut world, _, b, stream) = pair(4, quiet_lan());
    let began = world.now();
    for nonce in 100..103 {
        sends_ping(&mut world, stream, nonce);
    }
    world.run_for(ms(1));
    let [(_, Event::Frames { frames, .. })] = &told(&world, b, began)[..] else { panic!("one event") };
    assert_eq!(**frames, [ping(100), ping(101), ping(102)]);
}

#[test]
fn an_end_arrives_behind_what_was_sent() {
    let (mut world, _, b, stream) = pair(5, quiet_lan());
    world.jitter(ms(300));
    let began = world.now();
    for nonce in 100..110 {
        sends_ping(&mut world, stream, nonce);
    }
    world.net.hang_up(stream.0, At::Dialer, SystemError::Ended);
    world.run_for(secs(1));
    assert_eq!(frames(&world, b, began), (100..110).map(ping).collect::<Vec<_>>());
    let last = told(&world, b, began).pop();
    assert!(matches!(last, Some((_, Event::Closed { error: SystemError::Ended, .. }))), "{last:?}");
}

#[test]
fn what_is_sent_to_a_closed_end_comes_back_as_a_reset() {
    let (mut world, a, b, stream) = pair(6, quiet_lan());
    world.black_hole_stream(stream, Direction::From(b));
    world.net.hang_up(stream.0, At::Acceptor, SystemError::Ended);
    world.run_for(ms(10));
    assert!(world.up(a, b), "the end is held");
    world.net.streams[stream.0].end_mut(At::Dialer).inbound.clear();
    world.heal_stream(stream);
    let began = world.now();
    sends_ping(&mut world, stream, 100);
    world.run_for(ms(2));
    let heard = told(&world, a, began);
    assert!(matches!(heard[..], [(_, Event::Closed { error: SystemError::Reset, .. })]), "{heard:?}");
}

#[test]
fn nobody_there_is_refused_and_nowhere_is_silent() {
    let mut world = World::new(7);
    let (a, b) = (world.add(quiet_lan()), world.add(quiet_lan()));
    let (id, gone) = (world.id(b), world.routes_to(b));
    let new = world.move_address(b);
    assert_eq!(world.address(b), new);
    world.tell(a, Event::Seek { peer: id, routes: gone });
    world.run_for(ms(2));
    let refused = Some(Reason::System(SystemError::Refused));
    assert_eq!(world.standing(a, b), Some(crate::news::Standing::Down { reason: refused }));

    let c = world.add(quiet_lan());
    let nowhere = [crate::event::Route::direct(world.nowhere())].into_iter().collect();
    let peer = world.id(b);
    world.tell(c, Event::Seek { peer, routes: nowhere });
    world.run_for(ms(5001));
    assert_eq!(kinds(&world, c, ms(0)).len(), 1, "nothing but the wish");
    let gave_up = |what: &What| matches!(what, What::Closes { .. });
    assert!(world.log().iter().any(|happening| happening.node == c && gave_up(&happening.what)));
}

#[test]
fn every_address_of_a_node_leads_to_it() {
    let mut world = World::new(8);
    let (a, b) = (world.add(quiet_lan()), world.add(quiet_lan()));
    let more = world.add_address(b);
    let routes = [crate::event::Route::relayed(more)].into_iter().collect();
    let peer = world.id(b);
    world.tell(a, Event::Seek { peer, routes });
    world.run_until(secs(1), |world| world.agreed(a, b)).expect("over the other address");
    assert!(kinds(&world, b, ms(0)).contains(&(ms(1), "incoming")));
    let class = |event: &Event<'_>| matches!(event, Event::Incoming { class: PathClass::Relayed, .. });
    assert!(told(&world, b, ms(0)).iter().any(|(_, event)| class(event)));
}

#[test]
fn a_stream_that_the_machine_does_not_want_is_reset() {
    let config = quiet_lan();
    let limits = crate::config::Limits { incoming_per_second: 1, ..config.limits };
    let mut world = World::new(9);
    let (a, b, c) = (world.add(config), world.add(config), world.add(crate::Config { limits, ..config }));
    world.dial(a, c);
    world.dial(b, c);
    world.run_for(ms(3));
    assert_eq!(kinds(&world, a, ms(1)), [(ms(2), "connected")]);
    assert_eq!(kinds(&world, b, ms(1)), [(ms(2), "connected"), (ms(2), "closed")]);
}

#[test]
fn a_dial_that_is_given_up_leaves_nothing_behind() {
    let mut world = World::new(10);
    let (a, b) = (world.add(quiet_lan()), world.add(quiet_lan()));
    world.partition(&[&[a], &[b]]);
    world.dial(a, b);
    world.run_for(secs(6));
    let peer = world.id(b);
    world.tell(a, Event::Forget { peer });
    world.run_for(secs(6));
    assert_eq!(world.links(a, b), []);
    world.heal_all();
    world.run_for(secs(6));
    assert_eq!(kinds(&world, b, ms(0)), []);
    assert!(world.net.live.is_empty());
}

#[test]
fn a_node_can_dial_itself() {
    let mut world = World::new(11);
    let a = world.add(quiet_lan());
    let route = crate::event::Route::direct(world.address(a));
    world.tell(a, Event::KeepAt { route });
    world.run_for(secs(1));
    assert_eq!(world.mesh(a).stats().met_self, 1);
    assert!(world.net.live.is_empty());
}

#[test]
fn announcements_reach_whom_they_are_for() {
    let mut world = World::new(12);
    let nodes = [(); 3].map(|()| world.add(quiet_lan()));
    let [a, b, c] = nodes;
    let heard = |world: &World, n: NodeName| kinds(world, n, world.now()).len();
    let announcement = crate::Announcement {
        node: world.id(a),
        incarnation: world.mesh(a).incarnation(),
        kind: crate::AnnouncementKind::Farewell,
    };
    let everyone = crate::Audience::Everyone;
    world.send_announcement(a.0, everyone, announcement);
    world.run_for(ms(1));
    assert_eq!(nodes.map(|n| heard(&world, n)), [0, 1, 1]);

    let one = crate::Audience::One(world.address(c));
    world.send_announcement(a.0, one, announcement);
    world.run_for(ms(1));
    assert_eq!(nodes.map(|n| heard(&world, n)), [0, 0, 1]);

    world.partition(&[&[a, b]]);
    world.send_announcement(a.0, everyone, announcement);
    world.run_for(ms(1));
    assert_eq!(nodes.map(|n| heard(&world, n)), [0, 1, 0]);

    world.announcements(None);
    world.send_announcement(a.0, everyone, announcement);
    world.run_for(ms(1));
    assert_eq!(nodes.map(|n| heard(&world, n)), [0, 0, 0]);
}

#[test]
fn a_stranger_says_nothing_and_is_told_what_it_is_told() {
    let mut world = World::new(13);
    let a = world.add(quiet_lan());
    let from = world.nowhere();
    let link = world.accept_stranger(a, from).expect("there is room");
    assert!(world.stream_of(a, link).is_some());
    world.run_for(secs(11));
    assert_eq!(kinds(&world, a, ms(0)), [(ms(0), "incoming")]);
    assert!(world.net.live.is_empty(), "closed at the deadline of the handshake");
}

#[test]
fn a_frame_is_given_as_if_it_came_on_the_stream() {
    let (mut world, a, b, stream) = pair(14, quiet_lan());
    world.inject(b, stream, ping(77));
    world.run_for(ms(1));
    assert_eq!(frames(&world, a, world.now()), [Frame::Pong { nonce: 77 }]);
}

#[test]
fn another_secret_ends_the_handshake_at_its_first_message() {
    let mut world = World::new(15);
    let (a, b) = (world.add(quiet_lan()), world.add(quiet_lan()));
    world.secret(b, 1);
    world.dial(a, b);
    world.run_for(ms(4));
    assert_eq!(kinds(&world, a, ms(1)), [(ms(2), "connected"), (ms(4), "closed")]);
    assert_eq!(kinds(&world, b, ms(1)), [(ms(1), "incoming"), (ms(3), "closed")]);
}

#[test]
fn a_wish_that_fails_says_so() {
    let mut world = World::new(16);
    let a = world.add(quiet_lan());
    let peer = world.id(a);
    let answer = world.tell(a, Event::Forget { peer });
    assert_eq!(answer, Answer::Unable(crate::Unable::Unknown));
    let last = world
        .log()
        .iter()
        .rev()
        .map(|happening| &happening.what)
        .find(|what| matches!(what, What::Unable(_)));
    assert_eq!(last, Some(&What::Unable(crate::Unable::Unknown)));
}

#[test]
fn quiet_means_that_nothing_is_under_way() {
    let (mut world, a, b, _) = pair(17, quiet_lan());
    world.run_for(ms(10));
    assert!(world.quiet());
    world.dial(a, b);
    assert!(!world.quiet());
    world.stop(b, Stop::Vanish);
    world.run_for(secs(30));
    assert!(world.quiet(), "{}", world.report());
    world.start(b, Start::Fresh);
    world.freeze(b, secs(1));
    assert!(!world.quiet());
}
