//! Strangers and bad input.

use alloc::vec::Vec;
use core::time::Duration;

use mesh_proto::rules::Rules;
use mesh_proto::sim::{Direction, End, NodeName, Stop, StreamName, World};
use mesh_proto::storage::Storage;
use mesh_proto::{
    Announcement, AnnouncementKind, Config, Event, Frame, Incarnation, Limits, LinkId, Loss, Reason, Route,
    Standing, SystemError, Unable, Vouched,
};

use crate::failures;
use crate::scene::{
    announcements, carrying, closes, config, dials, elsewhere, frames, hello, holds, meet, millis, minted,
    pair, prove, route_to, secs, sent, welcome,
};

failures! {
    /// Somebody dials, proves nothing, and says hello in the name of a connected peer: that link must end, and the peer's
    /// carry on.
    o7_a_hello_in_anothers_name without NothingBeforeAdmission,
    /// The first frame is malformed, or none ever comes: the link must end at once, or at the deadline of the handshake.
    o9_a_bad_first_frame_and_none_at_all without HandshakeDeadline,
    /// Somebody listens where a connected peer is said to be, and answers in its name without proof: the peer's link must
    /// carry on.
    o25_a_welcome_in_anothers_name without NothingBeforeAdmission,
    /// A goodbye and a new run are announced in a peer's name: they may cause a probe, and no more.
    o38_forged_announcements_cause_a_probe_at_most without HintsOnlyHint,
    /// A peer is let in over as many links as it may have, and they die before it reads so: it must be let in again at
    /// once, for what counts is what both ends have.
    m23_let_in_and_never_told without EvidenceBeforeBounds,
    /// Somebody proves who it is and speaks before it is let in: what it says must not be read, only end its link.
    m24_frames_before_admission_are_not_read without ProvenIsNotAdmitted,
    /// One peer never answers the only dial that may be under way: the others must have their turn, and their links not
    /// notice.
    m27_one_slow_peer_does_not_stop_the_others without DialDeadline,
    /// Ten thousand sockets from one address say nothing, or nonsense: sessions and another's handshake must not notice,
    /// every bound must hold, and every socket be closed.
    x10_ten_thousand_sockets_that_say_nothing without RoomPerSource,
    /// One that is let in floods with pings, hellos out of place and announcements in minted names: pings must be answered
    /// once a batch, hellos end the link, and hints hold a quarter of everything.
    x12_a_flood_from_inside without HintsAreBounded,
}

/// What must not change about `b` at `a`, whatever strangers do.
fn undisturbed<S: Storage, R: Rules>(
    world: &World<S, R>,
    a: NodeName,
    b: NodeName,
) -> (StreamName, usize, usize, usize) {
    (carrying(world, a, b), world.changes(a, b).len(), dials(world, a).len(), dials(world, b).len())
}

fn reasons<S: Storage, R: Rules>(world: &World<S, R>, n: NodeName, link: LinkId) -> Vec<Reason> {
    closes(world, n).into_iter().filter(|(_, (closed, _))| *closed == link).map(|(_, (_, why))| why).collect()
}

fn o7_a_hello_in_anothers_name<S: Storage, R: Rules>(rules: R) {
    for swapped in [false, true] {
        let (mut world, mut a, mut b) = pair::<S, R>(1, &rules, millis(2));
        if swapped {
            (a, b) = (b, a);
        }
        meet(&mut world, a, b);
        world.run_for(secs(5));
        let before = undisturbed(&world, a, b);
        let run = world.mesh(b).incarnation();
        for first in [
            Frame::Hello(mesh_proto::Hello { incarnation: run, ..hello(1) }.into()),
            Frame::Hello(hello(9_999).into()),
            Frame::Close(Reason::Left),
            Frame::Lost(
                [Loss { tag: world.links(a, b)[0].tag, reason: Reason::Silent }].into_iter().collect(),
            ),
        ] {
            let link = world.accept_stranger(a, elsewhere(1)).expect("there is room");
            frames(&mut world, a, link, &[first]);
            assert_eq!(undisturbed(&world, a, b), before);
            assert_eq!(reasons(&world, a, link), [Reason::ProtocolError]);
        }
        world.run_for(secs(60));
        assert_eq!(undisturbed(&world, a, b), before);
        assert_eq!((world.mesh(a).stats().probes, world.mesh(a).peers().count()), (0, 1));
    }
}

fn o9_a_bad_first_frame_and_none_at_all<S: Storage, R: Rules>(rules: R) {
    let mut world = crate::world::<S, R>(1, rules);
    let n = world.add(config());
    world.run_for(secs(1));
    let opened = world.now();
    let [bad, silent] = [1, 2].map(|host| world.accept_stranger(n, elsewhere(host)).expect("there is room"));
    frames(&mut world, n, bad, &[Frame::Pong { nonce: 7 }, Frame::Hello(hello(1).into())]);

    world.run_for(secs(60));

    let expected = [(opened, (bad, Reason::ProtocolError)), (opened + secs(10), (silent, Reason::Silent))];
    assert_eq!(closes(&world, n), expected);
    assert_eq!(world.mesh(n).stats().protocol_errors, 1);
}

fn o25_a_welcome_in_anothers_name<S: Storage, R: Rules>(rules: R) {
    for claim in [welcome(1), welcome(9_999), Frame::Close(Reason::Left)] {
        let mut world = crate::world::<S, R>(1, rules.clone());
        let [a, b, forger] = [0; 3].map(|_| world.add(config()));
        meet(&mut world, b, a);
        world.run_for(secs(5));
        world.stop(forger, Stop::Vanish);
        world.tell(a, Event::Seek { peer: world.id(b), routes: world.routes_to(forger) });
        let before = undisturbed(&world, a, b);
        let (_, link) = *dials(&world, a).last().expect("it was told to dial");

        world.tell(a, Event::Connected { link });
        frames(&mut world, a, link, &[claim]);

        assert_eq!(undisturbed(&world, a, b), before);
        assert_eq!(reasons(&world, a, link), [Reason::ProtocolError]);
        world.run_for(secs(60));
        assert_eq!(undisturbed(&world, a, b), before);
        assert_eq!(world.mesh(a).stats().probes, 0);
    }
}

fn o38_forged_announcements_cause_a_probe_at_most<S: Storage, R: Rules>(rules: R) {
    for vouched in [Vouched::ByNobody, Vouched::ByMember] {
        let (mut world, a, b) = pair::<S, R>(1, &rules, millis(2));
        meet(&mut world, a, b);
        world.run_for(secs(5));
        let before = undisturbed(&world, a, b);
        let run = world.mesh(b).incarnation();
        for (kind, incarnation) in [
            (AnnouncementKind::Farewell, run),
            (AnnouncementKind::Hail, Incarnation::new(run.start + 1, 7)),
            (AnnouncementKind::Answer, Incarnation::new(run.start - 1, 7)),
        ] {
            let announcement = Announcement { node: world.id(b), incarnation, kind };
            for _ in 0..100 {
                world.announce(a, &route_to(elsewhere(9)), announcement, vouched);
                world.run_for(millis(100));
                assert_eq!(undisturbed(&world, a, b), before);
            }
        }
        let probes = world.mesh(a).stats().probes;
        assert!((1..=4).contains(&probes), "{probes} probes in half a minute, one in ten seconds");
    }
}

fn m23_let_in_and_never_told<S: Storage, R: Rules>(rules: R) {
    for seed in 0..4 {
        for swapped in [false, true] {
            let limits = Limits { links_per_peer: 2, ..config().limits };
            let mut world = crate::world::<S, R>(seed, rules.clone());
            world.delay(millis(2));
            let [mut a, mut b] = [0; 2].map(|_| world.add(Config { limits, ..config() }));
            if swapped {
                (a, b) = (b, a);
            }
            world.dial(b, a);
            world.run_until(millis(20), |world| world.agreed(a, b)).expect("they meet");
            world.dial(b, a);
            let both = |world: &World<S, R>| {
                let links = world.links(a, b);
                links.iter().filter(|link| link.acceptor.admitted()).count() == 2
            };
            world.run_until(millis(20), both).expect("it is let in a second time");
            // The welcome is under way. Both links die at the one end, and the other is not told.
            for link in world.links(a, b) {
                world.black_hole_stream(link.stream, Direction::Both);
                world.lose(link.stream, End::Only(b));
            }
            holds(&world, world.up(a, b) && !world.up(b, a), "one end says up, and the other does not");

            world.dial(b, a);
            world.run_until(millis(20), |world| world.agreed(a, b)).expect("both agree with the next link");

            assert_eq!(dials(&world, b).len(), 3);
            assert_eq!(world.mesh(a).stats().refused, 0);
        }
    }
}

fn m24_frames_before_admission_are_not_read<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules, millis(2));
    meet(&mut world, a, b);
    world.run_for(secs(5));
    let (before, id) = (undisturbed(&world, a, b), world.id(b));
    let tag = world.links(a, b)[0].tag;
    let lost: mesh_proto::Losses = [Loss { tag, reason: Reason::Silent }].into_iter().collect();
    for early in [
        Frame::Lost(lost.into()),
        Frame::Close(Reason::Left),
        Frame::Ping { nonce: 1 },
        Frame::Pong { nonce: 1 },
        Frame::Noted([tag].into_iter().collect()),
        Frame::Doubted,
        welcome(1),
    ] {
        let link = world.accept_stranger(a, elsewhere(1)).expect("there is room");
        prove(&mut world, a, link, id);
        let frames_before = sent(&world, a).len();
        frames(&mut world, a, link, &[early, Frame::Hello(hello(1).into())]);
        assert_eq!(undisturbed(&world, a, b), before);
        assert_eq!(reasons(&world, a, link), [Reason::ProtocolError]);
        assert_eq!(sent(&world, a).len(), frames_before, "and nothing is answered");
    }
    world.run_for(secs(60));
    assert_eq!(undisturbed(&world, a, b), before);
}

fn m27_one_slow_peer_does_not_stop_the_others<S: Storage, R: Rules>(rules: R) {
    for accepts in [false, true] {
        let limits = Limits { dials_in_flight: 1, ..config().limits };
        let mut world = crate::world::<S, R>(1, rules.clone());
        let n = world.add(Config { limits, ..config() });
        let [served, slow, waits] = [0; 3].map(|_| world.add(config()));
        let link = meet(&mut world, n, served);
        world.stop(slow, Stop::Vanish);
        world.keep(n, slow);
        world.keep(n, waits);
        if accepts {
            let (_, link) = *dials(&world, n).last().expect("the slow one is dialed");
            world.tell(n, Event::Connected { link });
        }
        let turn = if accepts { secs(10) } else { secs(5) };

        let took = world.run_until(secs(30), |world| world.agreed(n, waits)).expect("it has its turn");

        holds(&world, took <= turn + millis(10), "as soon as the slow one's time is up");
        world.run_for(secs(300));
        assert_eq!(carrying(&world, n, served), link);
        assert_eq!((world.changes(n, served).len(), world.changes(n, waits).len()), (2, 2));
    }
}

fn x10_ten_thousand_sockets_that_say_nothing<S: Storage, R: Rules>(rules: R) {
    let mut world = crate::world::<S, R>(1, rules);
    let [n, served, member] = [0; 3].map(|_| world.add(config()));
    meet(&mut world, n, served);
    world.delay_between(n, member, millis(400));
    world.run_for(secs(5));
    let before = undisturbed(&world, n, served);
    let already = closes(&world, n).len();

    world.keep(member, n);
    let mut taken = 0;
    for number in 0_u32..10_000 {
        match world.accept_stranger(n, elsewhere(66)) {
            Ok(link) => {
                taken += 1;
                match number % 3 {
                    0 => frames(&mut world, n, link, &[Frame::Noted(mesh_proto::Tags::new().into())]),
                    1 => drop(world.tell(n, Event::Closed { link, error: SystemError::Reset })),
                    _ => {}
                }
            }
            Err(why) => assert_eq!(why, Unable::TooFast { limit: config().limits.incoming_per_second }),
        }
        if number % 8 == 0 {
            world.run_for(Duration::from_micros(7_500));
        }
        if number % 100 == 0 {
            world.mesh(n).audit().expect("every bound holds");
        }
    }

    holds(&world, world.agreed(member, n), "a member got in meanwhile");
    assert_eq!(dials(&world, member).len(), 1, "with its first dial");
    world.run_for(secs(11));
    assert_eq!(undisturbed(&world, n, served), before);
    let closed = closes(&world, n).len() - already;
    let closed_there = world.mesh(n).stats().ended as usize - closed;
    assert_eq!(closed + closed_there, taken, "every socket was closed, once, by one end or the other");
    assert!(taken > 5_000, "most were taken: {taken}");
    assert!(closed_there < taken / 2, "{closed_there} of them by the other end");
}

fn x12_a_flood_from_inside<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules, millis(2));
    let n = world.add(Config { announce_every: Some(secs(120)), ..config() });
    meet(&mut world, a, n);
    world.run_for(secs(12));
    let before = (carrying(&world, a, n), world.changes(a, n).len(), dials(&world, a).len());

    // Pings: one answer for all that are read at once.
    let stream = meet(&mut world, b, n);
    let link = world.carrier(n, b).expect("it is up");
    let answers = sent(&world, n).len();
    let flood: Vec<Frame> = (0..10_000).map(|nonce| Frame::Ping { nonce: nonce + 1 }).collect();
    frames(&mut world, n, link, &flood);
    let (_, last) = sent(&world, n).pop().expect("an answer");
    assert_eq!((sent(&world, n).len(), last), (answers + 1, (link, Frame::Pong { nonce: 10_000 })));

    // The other end never asked, so the answer ends the link; the next one has a hello out of place.
    world.run_until(millis(10), |world| !world.up(n, b)).expect("it is a protocol error there");
    world.run_until(secs(2), |world| world.agreed(n, b)).expect("it comes again");
    assert_ne!(carrying(&world, n, b), stream);
    let link = world.carrier(n, b).expect("it is up");
    frames(&mut world, n, link, &[Frame::Hello(hello(5).into()), Frame::Ping { nonce: 1 }]);
    assert_eq!(reasons(&world, n, link), [Reason::ProtocolError]);
    let reason = Reason::ProtocolError;
    assert_eq!(world.standing(n, b), Some(Standing::Away { reason }));

    // Announcements in minted names that nobody vouches for.
    world.run_for(secs(20));
    let (tried, said) = (dials(&world, n).len(), announcements(&world, n).len());
    for number in 0..1_000 {
        let kind = AnnouncementKind::Hail;
        let announcement = Announcement { node: minted(number), incarnation: Incarnation::new(1, 1), kind };
        world.announce(n, &[Route::direct(elsewhere(1))], announcement, Vouched::ByNobody);
        world.run_for(millis(2));
        let hinted = world.mesh(n).peers().count() - 2;
        assert!(hinted <= 2, "{hinted} of eight places are held by hints");
    }
    let spent = dials(&world, n).len() - tried;
    assert!(spent <= 16 * 3, "{spent} dials for hints in two seconds, a quarter of the budget");
    let answered = announcements(&world, n).len() - said;
    assert!(answered <= 3, "{answered} answers in two seconds");
    world.mesh(n).audit().expect("every bound holds");
    let after = (carrying(&world, a, n), world.changes(a, n).len(), dials(&world, a).len());
    assert_eq!(after, before, "the other peer noticed nothing");
}
