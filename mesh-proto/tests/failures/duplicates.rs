//! Duplicates: more than one link between two nodes.

use alloc::collections::BTreeMap;
use core::net::SocketAddr;

use mesh_proto::rules::Rules;
use mesh_proto::sim::{Direction, End, NodeName, Stop, What, World};
use mesh_proto::storage::Storage;
use mesh_proto::{
    Chosen, Config, Event, Frame, Hello, LinkId, PathClass, Reason, Route, Standing, SystemError,
};

use crate::failures;
use crate::pair::{
    agree, carrying, changes, config, connect, dials, ended, millis, never_away, pair, pair_of, second_link,
    secs, sent,
};
use crate::scene::hello;

failures! {
    /// A link is healthy; the same dial arrives again and again. It replaced the incumbent, whose close was taken for a
    /// loss: join, leave, join. The newcomer is the duplicate, and no application sees a change.
    s2_the_same_dial_a_second_time without IncumbentStays,
    /// Both find each other within 50 ms and both dial; each refuses the other's: one link must stay, the same socket at
    /// both ends, whatever the delay, and never none in between.
    s3_both_dial_at_once without NewcomerWaits,
    /// A link was replaced; its close arrives late and deleted the new entry. Nothing happens to the new one.
    s5_the_late_close_of_a_replaced_link without LinkNames,
    /// A replacement carried no hello, and the next frame was a protocol error, every ping interval. Every link begins
    /// with its handshake, and one that does not ends alone.
    s6_a_link_without_a_handshake without NothingBeforeAdmission,
    /// A hello was answered by a hello, a hundred times in 26 ms. It comes once on each link.
    s13_a_hello_that_answers_a_hello without HelloOnce,
    /// Both dial and the round trip is longer than the patience: one end called the other's link stale, the other chose
    /// by the ids, and both links were closed.
    o2_both_dial_and_answers_take_seconds without ProbeFromRoundTrip,
    /// A link was replaced and sends still went to the closed one. The target is the link that lives, at both ends.
    o3_the_target_after_a_replacement without TargetIsDerived,
    /// After a replacement the heartbeat closed what was closed already, and the peer was listed for ever. Each end
    /// closes the loser once, and the peer is gone when it is.
    o4_a_replaced_link_is_closed_once without CloseIsAnswered,
    /// A relayed link is there, a direct one comes, and traffic stayed on the relay. The better way carries, the other is
    /// drained.
    o5_a_direct_link_beside_a_relayed_one without Preference,
    /// Who dialed was kept for the peer and not for the link, so later duplicates were judged by the wrong one.
    o6_each_link_is_judged_by_who_dialed_it without Preference,
    /// Many sends to a cold peer made as many dials. They make one.
    o17_many_wishes_make_one_dial without OneAttempt,
    /// Both dialed, and the loser's close never arrived: two sockets for ever. What was closed here is told on the
    /// survivor.
    o23_the_losers_close_is_lost without LossesReadByBoth,
    /// A link was dead and not yet removed: one that came was answered yes, and dropped. It stays, whenever it comes.
    o27_a_link_that_comes_while_another_dies without ProofBeforeClose,
    /// Two deliberate dials and no rule for the clash. The one of the lower id stays, and both ends can say why.
    o39_two_deliberate_dials without Preference,
    /// The close of a dead session came late and dropped its replacement, round after round.
    m9_late_closes_do_not_rebuild_for_ever without LinkNames,
    /// Each end watched by its own clock, and each tore down the link that the other had chosen.
    m10_two_watchdogs_with_different_clocks without OnlyDeciderActsOnRunOut,
    /// Three links, two of one side and one of the other, admitted in different orders at the two ends.
    x1_three_links_in_every_order without OneDecider,
    /// A slow dial that began long ago completes after a newer link is up. The incumbent stays.
    x2_a_slow_dial_completes_last without IncumbentStays,
    /// The link is a black hole and neither end knows; one is told to dial. The newcomer waits for the probe, then takes
    /// over.
    x3_a_black_hole_that_nobody_knows_of without NewcomerWaits,
}

/// The two ways in which a pair can be dialed.
fn both_ways(a: NodeName, b: NodeName) -> [(NodeName, NodeName); 2] {
    [(a, b), (b, a)]
}

fn s2_the_same_dial_a_second_time<S: Storage, R: Rules>(rules: R) {
    for delay in [0, 5, 50, 300, 1100] {
        for way in 0..2 {
            let (mut world, a, b) = pair::<S, R>(delay, &rules);
            let (from, to) = both_ways(a, b)[way];
            world.delay(millis(delay));
            connect(&mut world, from, to);
            let (carrier, before) = (carrying(&world, a, b), changes(&world, a, b));
            for again in 1..=3 {
                second_link(&mut world, from, to);
                agree(&mut world, a, b, secs(10));
                assert_eq!(ended(&world, a), vec![Reason::Duplicate; again]);
                assert_eq!(ended(&world, b), vec![Reason::Duplicate; again]);
            }
            world.run_for(secs(60));
            assert_eq!((dials(&world, from), dials(&world, to)), (4, 0));
            assert_eq!((carrying(&world, a, b), changes(&world, a, b)), (carrier, before));
        }
    }
}

fn s3_both_dial_at_once<S: Storage, R: Rules>(rules: R) {
    for delay in [0, 5, 50, 300, 1100, 1500] {
        for apart in [0, 10, 50] {
            for way in 0..2 {
                let (mut world, a, b) = pair::<S, R>(delay, &rules);
                let (first, second) = both_ways(a, b)[way];
                world.delay(millis(delay));
                world.keep(first, second);
                world.run_for(millis(apart));
                world.keep(second, first);
                agree(&mut world, a, b, secs(30));
                world.run_for(secs(60));
                assert!(world.agreed(a, b), "it stays so");
                never_away(&world, a, b);
                assert!(dials(&world, a) <= 1 && dials(&world, b) <= 1, "nobody dials again");
            }
        }
    }
}

fn s5_the_late_close_of_a_replaced_link<S: Storage, R: Rules>(rules: R) {
    for delay in [1, 20, 200] {
        let (mut world, a, b) = pair::<S, R>(delay, &rules);
        world.delay(millis(delay));
        connect(&mut world, b, a);
        let mut replaced = Vec::new();
        for _ in 0..4 {
            replaced.extend(world.carrier(a, b));
            world.stop(b, Stop::Vanish);
            world.start(b, mesh_proto::sim::Start::Fresh);
            world.keep(b, a);
            agree(&mut world, a, b, secs(2));
            let (carrier, before) = (world.carrier(a, b), changes(&world, a, b));
            let stale = world.mesh(a).stats().stale;
            for link in &replaced {
                world.tell(a, Event::Closed { link: *link, error: SystemError::Reset });
            }
            world.run_for(secs(3));
            assert!(world.agreed(a, b), "{}", world.report());
            assert_eq!((world.carrier(a, b), changes(&world, a, b)), (carrier, before));
            assert_eq!(world.mesh(a).stats().stale, stale + replaced.len() as u64);
        }
        assert_eq!(ended(&world, a), [Reason::Restarted; 4]);
    }
}

fn s6_a_link_without_a_handshake<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    connect(&mut world, b, a);
    world.dial(a, b);
    world.run_for(secs(60));
    assert!(world.agreed(a, b), "replaced, and no flap");
    assert_eq!((dials(&world, a), dials(&world, b)), (1, 1));
    let mut first = BTreeMap::<(NodeName, LinkId), &Frame>::new();
    for one in world.log() {
        if let What::Sends { link, frame } = &one.what {
            first.entry((one.node, *link)).or_insert(frame);
        }
    }
    assert_eq!(first.len(), 4);
    assert!(first.values().all(|frame| matches!(frame, Frame::Hello(_) | Frame::Welcome(_))), "{first:?}");

    let before = (carrying(&world, a, b), changes(&world, a, b));
    for frame in [Frame::Ping { nonce: 1 }, Frame::Close(Reason::Left)] {
        let from = SocketAddr::from(([10, 9, 9, 9], 9));
        let link = world.accept_stranger(a, from).expect("there is room");
        world.tell(a, Event::Frames { link, frames: vec![frame].into() });
        assert_eq!(ended(&world, a).last(), Some(&Reason::ProtocolError));
    }
    world.run_for(secs(10));
    assert_eq!((carrying(&world, a, b), changes(&world, a, b)), before);
    assert_eq!(world.mesh(a).stats().protocol_errors, 2);
}

fn s13_a_hello_that_answers_a_hello<S: Storage, R: Rules>(rules: R) {
    for delay in [1, 20] {
        let (mut world, a, b) = pair::<S, R>(delay, &rules);
        world.delay(millis(delay));
        connect(&mut world, b, a);
        let hello = Hello {
            incarnation: world.mesh(b).incarnation(),
            detect_within: config().detect_within,
            keep: true,
            ..hello(1)
        };
        let stream = carrying(&world, a, b).expect("they are up");
        world.inject(a, stream, Frame::Hello(hello.into()));
        assert_eq!(ended(&world, a), [Reason::ProtocolError]);
        world.run_for(secs(20));
        assert!(world.agreed(a, b), "a new link took over");
        for (from, to) in both_ways(a, b) {
            assert_eq!(sent(&world, from, |frame| matches!(frame, Frame::Hello(_))), dials(&world, from));
            let welcomes = sent(&world, from, |frame| matches!(frame, Frame::Welcome(_)));
            assert_eq!(welcomes, dials(&world, to));
        }
        assert_eq!(dials(&world, a) + dials(&world, b), 2);
    }
}

fn o2_both_dial_and_answers_take_seconds<S: Storage, R: Rules>(rules: R) {
    for delay in [1100, 1300, 1500] {
        for apart in [0, 500, 1000] {
            for way in 0..2 {
                let (mut world, a, b) = pair::<S, R>(apart, &rules);
                let (first, second) = both_ways(a, b)[way];
                world.delay(millis(delay));
                world.keep(first, second);
                world.run_for(millis(apart));
                world.keep(second, first);
                world.run_for(secs(40));
                assert!(world.agreed(a, b), "{}", world.report());
                never_away(&world, a, b);
                let [only] = world.links(a, b)[..] else { unreachable!("they agree") };
                assert_eq!(only.dialer.node, a, "the lower id's stays");
                for n in [a, b] {
                    let [Reason::Duplicate | Reason::Superseded] = ended(&world, n)[..] else {
                        panic!("{n} ended links for another reason\n{}", world.report())
                    };
                }
            }
        }
    }
}

fn o3_the_target_after_a_replacement<S: Storage, R: Rules>(rules: R) {
    for delay in [1, 50, 400] {
        let (mut world, a, b) = pair::<S, R>(delay, &rules);
        world.delay(millis(delay));
        connect(&mut world, b, a);
        let old = carrying(&world, a, b);
        second_link(&mut world, a, b);
        agree(&mut world, a, b, secs(10));
        let [only] = world.links(a, b)[..] else { unreachable!("they agree") };
        for (here, there) in both_ways(a, b) {
            assert_eq!(carrying(&world, here, there), Some(only.stream));
            assert!(only.at(here).is_some_and(|end| end.open && end.usable()));
            assert_ne!(carrying(&world, here, there), old);
            let told = world.changes(here, there);
            assert_eq!(told.last().copied(), world.standing(here, there), "and that is what the news told");
        }
        never_away(&world, a, b);
    }
}

fn o4_a_replaced_link_is_closed_once<S: Storage, R: Rules>(rules: R) {
    for delay in [1, 50, 400] {
        let (mut world, a, b) = pair::<S, R>(delay, &rules);
        world.delay(millis(delay));
        world.dial(b, a);
        agree(&mut world, a, b, secs(10));
        world.run_for(secs(11));
        world.dial(a, b);
        world.run_for(secs(60));
        assert!(world.agreed(a, b), "{}", world.report());
        for n in [a, b] {
            assert_eq!(ended(&world, n), [Reason::Superseded]);
            assert_eq!(sent(&world, n, |frame| matches!(frame, Frame::Close(_))), 1);
            assert_eq!(sent(&world, n, |frame| matches!(frame, Frame::Lost(_))), 0, "both know");
            assert_eq!(world.mesh(n).stats().stale, 0);
        }
        world.stop(b, Stop::Vanish);
        let gone = world.run_until(secs(11), |world| !world.up(a, b)).expect("it is noticed");
        assert!(gone <= config().detect_within, "{gone:?}");
        assert_eq!(world.standing(a, b), Some(Standing::Away { reason: Reason::Silent }));
        world.run_for(config().pause_first);
        assert!(matches!(world.standing(a, b), Some(Standing::Down { .. })), "{}", world.report());
    }
}

fn o5_a_direct_link_beside_a_relayed_one<S: Storage, R: Rules>(rules: R) {
    for way in 0..2 {
        let (mut world, a, b) = pair::<S, R>(1, &rules);
        let (from, to) = both_ways(a, b)[way];
        let peer = world.id(to);
        let relayed = Route::relayed(world.address(to));
        world.tell(from, Event::Keep { peer, routes: [relayed].into_iter().collect() });
        agree(&mut world, a, b, secs(1));
        world.run_for(secs(20));
        world.keep(from, to);
        let class = |world: &World<S, R>, here: NodeName, there: NodeName| {
            let explanation = world.mesh(here).explain(&world.id(there));
            explanation.and_then(|explanation| explanation.links.first().map(|link| link.class))
        };
        world.run_for(secs(2));
        assert!(world.agreed(a, b), "{}", world.report());
        for (here, there) in both_ways(a, b) {
            assert_eq!(class(&world, here, there), Some(PathClass::Direct));
            assert_eq!(ended(&world, here), [Reason::Superseded]);
        }
        let explanation = world.mesh(a).explain(&world.id(b)).expect("it is known");
        assert_eq!(explanation.chosen, Chosen::BetterPath);
        never_away(&world, a, b);
        let before = changes(&world, a, b);
        world.tell(from, Event::Seek { peer, routes: [relayed].into_iter().collect() });
        world.run_for(secs(300));
        assert_eq!(
            (class(&world, a, b), class(&world, b, a)),
            (Some(PathClass::Direct), Some(PathClass::Direct))
        );
        assert_eq!(changes(&world, a, b), before, "what is worse does not displace it");
        assert!(dials(&world, from) <= 4 && dials(&world, to) == 0, "no storm");
    }
}

fn o6_each_link_is_judged_by_who_dialed_it<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    connect(&mut world, b, a);
    let expected = [Reason::Superseded, Reason::Duplicate, Reason::Duplicate, Reason::Duplicate];
    for (number, (from, to)) in [(a, b), (b, a), (a, b), (b, a)].into_iter().enumerate() {
        world.dial(from, to);
        world.run_for(secs(5));
        assert!(world.agreed(a, b), "{}", world.report());
        assert_eq!(world.links(a, b)[0].dialer.node, a, "the lower id's, once there is one");
        assert_eq!(ended(&world, a), expected[..=number]);
        assert_eq!(ended(&world, b), expected[..=number]);
    }
    never_away(&world, a, b);
}

fn o17_many_wishes_make_one_dial<S: Storage, R: Rules>(rules: R) {
    for delay in [0, 20, 300] {
        for way in 0..2 {
            let (mut world, a, b) = pair::<S, R>(delay, &rules);
            let (from, to) = both_ways(a, b)[way];
            world.delay(millis(delay));
            for wish in 0..100 {
                if wish % 2 == 0 && !world.up(from, to) {
                    world.dial(from, to);
                } else {
                    world.keep(from, to);
                }
                world.run_for(millis(delay / 50));
            }
            world.run_for(secs(30));
            assert!(world.agreed(a, b), "{}", world.report());
            assert_eq!((dials(&world, from), dials(&world, to)), (1, 0));
            assert_eq!((ended(&world, a), ended(&world, b)), (vec![], vec![]));
            never_away(&world, a, b);
        }
    }
}

fn o23_the_losers_close_is_lost<S: Storage, R: Rules>(rules: R) {
    for delay in [5, 50, 100] {
        let (mut world, a, b) = pair::<S, R>(delay, &rules);
        world.delay(millis(delay));
        world.keep(a, b);
        world.keep(b, a);
        let closing = |world: &World<S, R>| sent(world, a, |frame| matches!(frame, Frame::Close(_))) == 1;
        world.run_until(secs(10), closing).expect("the one that decides closes a link");
        let loser =
            world.links(a, b).into_iter().find(|link| link.dialer.node == b).expect("it is the other's");
        world.black_hole_stream(loser.stream, Direction::Both);
        agree(&mut world, a, b, secs(2));
        world.run_for(secs(600));
        assert!(world.agreed(a, b), "{}", world.report());
        never_away(&world, a, b);
        assert_eq!((dials(&world, a), dials(&world, b)), (1, 1));
        assert_eq!(ended(&world, a), ended(&world, b));
    }
}

fn o27_a_link_that_comes_while_another_dies<S: Storage, R: Rules>(rules: R) {
    for after in [0, 500, 1000, 2400, 2600, 3400, 3600, 5000, 9900, 10_000, 10_100, 15_000] {
        for way in 0..2 {
            let (mut world, a, b) = pair::<S, R>(after, &rules);
            let (from, to) = both_ways(a, b)[way];
            connect(&mut world, b, a);
            let old = carrying(&world, a, b).expect("they are up");
            world.black_hole_stream(old, Direction::Both);
            world.run_for(millis(after));
            world.dial(from, to);
            let taken = agree(&mut world, a, b, millis(2200));
            assert_ne!(carrying(&world, a, b), Some(old), "after {taken:?}");
            let now = world.carrier(a, b);
            world.run_for(secs(30));
            assert!(world.agreed(a, b), "{}", world.report());
            assert_eq!(world.carrier(a, b), now, "it was not dropped again");
        }
    }
}

fn o39_two_deliberate_dials<S: Storage, R: Rules>(rules: R) {
    for delay in [0, 5, 50, 300] {
        let (mut world, a, b) = pair::<S, R>(delay, &rules);
        world.delay(millis(delay));
        world.dial(b, a);
        world.dial(a, b);
        world.run_for(secs(20));
        assert!(world.agreed(a, b), "{}", world.report());
        assert_eq!(world.links(a, b)[0].dialer.node, a);
        assert_eq!(ended(&world, a).len(), 1);
        assert_eq!(ended(&world, a), ended(&world, b));
        let explain =
            |here: NodeName, there| world.mesh(here).explain(&world.id(there)).expect("it is known");
        assert_eq!(explain(a, b).chosen, Chosen::DialedByLower);
        assert_eq!(explain(b, a).chosen, Chosen::DeciderChose);
        assert_eq!((dials(&world, a), dials(&world, b)), (1, 1));
        never_away(&world, a, b);
    }
}

fn m9_late_closes_do_not_rebuild_for_ever<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    connect(&mut world, a, b);
    for round in 1..=10 {
        let dead = [(a, world.carrier(a, b)), (b, world.carrier(b, a))];
        let stream = carrying(&world, a, b).expect("they are up");
        world.lose(stream, End::Both);
        agree(&mut world, a, b, secs(1));
        for (n, link) in dead {
            let link = link.expect("it was up");
            world.tell(n, Event::Closed { link, error: SystemError::TimedOut });
        }
        world.run_for(secs(15));
        assert!(world.agreed(a, b), "{}", world.report());
        assert_eq!((dials(&world, a), dials(&world, b)), (1 + round, 0), "one for each loss");
    }
}

fn m10_two_watchdogs_with_different_clocks<S: Storage, R: Rules>(rules: R) {
    for slow in (1000..1100).step_by(5) {
        let patient = Config { probe_floor: secs(3), ..config() };
        let (mut world, a, b) = pair_of::<S, R>(slow, &rules, patient, config());
        world.delay(millis(20));
        connect(&mut world, a, b);
        let first = carrying(&world, a, b).expect("they are up");
        world.delay_stream(first, millis(slow));
        second_link(&mut world, b, a);
        world.run_for(secs(30));
        assert!(world.agreed(a, b), "{}", world.report());
        assert_eq!(carrying(&world, a, b), Some(first), "it answered the one that decides");
        never_away(&world, a, b);
    }
}

/// Lets `x` dial `y` twice at nearly the same time: the first dial takes `slow` one way, and `y` moves before the second,
/// which is due after 250 ms. At `other` after the first one `y` dials too.
fn three_dials<S: Storage, R: Rules>(
    world: &mut World<S, R>,
    x: NodeName,
    y: NodeName,
    slow: u64,
    other: Option<u64>,
) {
    world.slow_next_dial(x, millis(slow));
    world.keep(x, y);
    let moves = 100;
    let mut dials_too = other;
    for at in 0..450 {
        if at == moves {
            world.move_address(y);
            world.keep(x, y);
        }
        if dials_too.take_if(|due| *due == at).is_some() {
            world.dial(y, x);
        }
        world.run_for(millis(1));
    }
}

fn x1_three_links_in_every_order<S: Storage, R: Rules>(rules: R) {
    for slow in [57, 62, 64, 66, 68, 75] {
        for other in [0, 100, 200, 250, 310, 330, 350, 370, 400] {
            for way in 0..2 {
                let (mut world, a, b) = pair::<S, R>(slow, &rules);
                let (x, y) = both_ways(a, b)[way];
                world.delay(millis(20));
                three_dials(&mut world, x, y, slow, Some(other));
                world.run_for(secs(10));
                assert!(world.agreed(a, b), "{}", world.report());
                never_away(&world, a, b);
                assert!(dials(&world, a) + dials(&world, b) <= 3, "nothing was there to repair");
            }
        }
    }
}

fn x2_a_slow_dial_completes_last<S: Storage, R: Rules>(rules: R) {
    for slow in [52, 55, 60, 62] {
        for way in 0..2 {
            let (mut world, a, b) = pair::<S, R>(slow, &rules);
            let (x, y) = both_ways(a, b)[way];
            three_dials(&mut world, x, y, slow, None);
            world.run_for(secs(10));
            assert!(world.agreed(a, b), "{}", world.report());
            let first = |here: NodeName, there| {
                world.changes(here, there).into_iter().find(|told| matches!(told, Standing::Up { .. }))
            };
            assert_eq!(world.standing(a, b), first(a, b), "what was up first stayed");
            assert_eq!(world.standing(b, a), first(b, a));
            assert_eq!((dials(&world, x), dials(&world, y)), (2, 0));
            assert_eq!(
                (ended(&world, a), ended(&world, b)),
                (vec![Reason::Duplicate], vec![Reason::Duplicate])
            );
        }
    }
}

fn x3_a_black_hole_that_nobody_knows_of<S: Storage, R: Rules>(rules: R) {
    for way in 0..4 {
        let (mut world, a, b) = pair::<S, R>(way, &rules);
        let ways = both_ways(a, b);
        let ((from, to), (x, y)) = (ways[way as usize % 2], ways[way as usize / 2]);
        connect(&mut world, from, to);
        let dead = carrying(&world, a, b).expect("they are up");
        world.black_hole_stream(dead, Direction::Both);
        second_link(&mut world, x, y);
        assert_eq!(carrying(&world, a, b), Some(dead), "the newcomer waits");
        let took = agree(&mut world, a, b, secs(2));
        assert!(took >= millis(900), "for the whole probe: {took:?}");
        // A dial of the lower id comes first anyway; any other takes over because the incumbent did not answer.
        let reason = if (from, x) == (b, a) { Reason::Superseded } else { Reason::Silent };
        assert_eq!((ended(&world, a), ended(&world, b)), (vec![reason], vec![reason]));
        never_away(&world, a, b);
        world.run_for(secs(30));
        assert!(world.agreed(a, b), "{}", world.report());
        assert_eq!(dials(&world, a) + dials(&world, b), 2);
    }
}
