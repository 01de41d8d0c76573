//! Found by reading the design as an adversary.

use alloc::vec::Vec;
use core::time::Duration;

use mesh_proto::rules::Rules;
use mesh_proto::sim::{Direction, End, NodeName, Start, Stop, World};
use mesh_proto::storage::Storage;
use mesh_proto::{
    Announcement, AnnouncementKind, Config, Event, Frame, Incarnation, Limits, NodeId, Reason, Refusal,
    Route, Standing, Vouched, Wake,
};

use crate::failures;
use crate::scene::{
    always_up, announcements, carrying, closes, come, config, dials, elsewhere, hello, holds, meet, millis,
    minted, pair, secs, sent,
};

failures! {
    /// The preferred newcomer is admitted at the dialer, which decides, and falls silent in that moment: the incumbent
    /// must stay.
    y1_a_newcomer_that_falls_silent_displaces_nobody without ProofBeforeClose,
    /// The same key and start number live twice, with other bits: the second must be refused as conflict, at both ends by
    /// name, and the first not notice.
    y2_one_start_number_lives_twice without RandomBits,
    /// One side forgets, or needs the place for another: the session must end at both with the reason, and a new one begin
    /// only when somebody comes; who gave way stays away.
    y3_one_side_forgets_or_evicts without GivenWayStaysAway,
    /// The decider finds out that a link is dead, and the follower hears the decider's pings on it: it must be told on the
    /// link that stays, and drop the dead one at once.
    y7_the_follower_is_told_of_a_black_hole without LossesAreTold,
    /// Two probes are read at once and one is answered; the path takes three seconds; an answer lies behind bulk: the link
    /// must live through all of it.
    y8_an_answer_covers_the_probes_before_it without AnswerCoversEarlier,
    /// A thousand nodes announce themselves to one that has room for few, and come: answers must be few, nobody may give
    /// way for an equal, and who was refused must stay away.
    y9_a_thousand_nodes_and_room_for_few without AnswersAreBounded,
    /// Minted ids that wish to be kept fill the table: those that this side keeps must hold their places, and a minted one
    /// not displace another.
    y10_minted_wishes_displace_nobody_that_is_kept without KeptHoldsPlace,
    /// Eight addresses hold every half-open place, and take it again at once: a member must still get in within a second.
    y11_eight_addresses_hold_every_half_open_place without RandomGivesWay,
    /// A node freezes again and again, more often than a deadline: a dead link must still be found after as much running
    /// time as ever.
    y13_freezes_do_not_shelter_a_dead_link without DeadlinesMoveByGapOnly,
    /// A hello is under way when its node restarts, and arrives after the new run's: no conflict may be named, and the new
    /// session not notice.
    y14_a_hello_from_before_the_restart without IncarnationOrder,
    /// Two peers' ids differ in their last byte only: each must have its own session.
    y15_ids_that_differ_in_the_last_byte without WholeIds,
    /// Both ends forget each other and come again in turn, both at once, and before the last ending is answered: each time
    /// one ending and one new session must be told at each end.
    y17_endings_and_beginnings_in_turn without LeaveIsBelieved,
    /// At each end another of two links leaves a probe unanswered for a while: they must not close one each.
    y18_each_end_finds_another_link_unanswered without OnlyDeciderActsOnRunOut,
    /// A stall longer than a probe's time and shorter than a gap: the answer that lies unread must count.
    y19_a_stall_below_the_gap without LateStepGrace,
    /// A link is admitted and dies at once, for ever: the dials must become rare.
    y20_admitted_and_lost_at_once_for_ever without ImmediateOnlyAfterUse,
    /// A session is closed for lack of use: it must end at both ends, once; and if the other end keeps it, or has a new
    /// link, at that moment, it must go on.
    y24_an_idle_close_crosses_a_wish without CloseIsAnswered,
}

fn y1_a_newcomer_that_falls_silent_displaces_nobody<S: Storage, R: Rules>(rules: R) {
    for seed in 0..3 {
        for direction in [None, Some(())] {
            let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(2));
            let incumbent = meet(&mut world, b, a);
            world.run_for(secs(1));
            world.dial(a, b);
            let admitted = |world: &World<S, R>| {
                world.links(a, b).iter().any(|link| link.dialer.node == a && link.dialer.admitted())
            };
            world.run_until(millis(20), admitted).expect("it is admitted");
            let newcomer = world.links(a, b).pop().expect("it is there").stream;
            world.black_hole_stream(newcomer, direction.map_or(Direction::Both, |()| Direction::From(b)));

            world.run_until(secs(3), |world| world.agreed(a, b)).expect("one link stays");

            assert_eq!(carrying(&world, a, b), incumbent);
            assert_eq!((world.changes(a, b).len(), world.changes(b, a).len()), (1, 2), "{}", world.report());
            let reasons: Vec<_> = closes(&world, a).into_iter().map(|(_, (_, reason))| reason).collect();
            assert_eq!(reasons, [Reason::Silent]);
        }
    }
}

fn y2_one_start_number_lives_twice<S: Storage, R: Rules>(rules: R) {
    for (seed, delay) in [1, 20, 300].into_iter().enumerate() {
        for swapped in [false, true] {
            let (mut world, mut a, mut b) = pair::<S, R>(seed as u64, &rules, millis(delay));
            if swapped {
                (a, b) = (b, a);
            }
            let link = meet(&mut world, a, b);
            world.run_for(secs(12));
            let clone = world.clone_of(b);
            let told = world.changes(a, b).len();

            world.keep(clone, a);
            world.run_for(secs(8));

            let conflict =
                |n: NodeName, of: NodeName| world.mesh(n).peer(&world.id(of)).map(|view| view.conflict);
            assert_eq!((conflict(a, b), conflict(clone, a)), (Some(true), Some(true)), "both name it");
            assert_eq!(world.standing(clone, a), Some(Standing::Down { reason: Some(Reason::Conflict) }));
            assert_eq!(carrying(&world, a, b), link);
            let after = world.changes(a, b).split_off(told);
            holds(&world, always_up(&after), "the first one's session is not touched");
            world.run_for(secs(200));
            assert_eq!(dials(&world, clone).len(), 1, "and they do not fight");
        }
    }
}

fn y3_one_side_forgets_or_evicts<S: Storage, R: Rules>(rules: R) {
    for seed in 0..3 {
        // Forgotten: the other end knows at once, and may come again.
        let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(2));
        world.dial(b, a);
        world.run_until(secs(1), |world| world.agreed(a, b)).expect("they meet");
        let down = Standing::Down { reason: Some(Reason::Forgotten) };
        world.tell(a, Event::Forget { peer: world.id(b) });
        world.run_for(millis(10));
        assert_eq!((world.standing(a, b), world.standing(b, a)), (Some(down), Some(down)));
        world.run_for(secs(60));
        assert_eq!((dials(&world, a).len(), dials(&world, b).len()), (0, 1), "nobody wants it");
        world.dial(b, a);
        world.run_until(millis(20), |world| world.agreed(a, b)).expect("it may come again");

        // Its place is needed: it is told so, and does not come back soon.
        let limits = Limits { peers: 1, ..config().limits };
        let mut world = crate::world::<S, R>(seed, rules.clone());
        let small = world.add(Config { limits, ..config() });
        let [b, c] = [0; 2].map(|_| world.add(config()));
        meet(&mut world, b, small);
        world.run_for(secs(20));
        world.keep(small, c);
        world.run_until(millis(20), |world| world.agreed(small, c)).expect("it is kept, the other was not");
        let full = Standing::Down { reason: Some(Reason::Refused(Refusal::Full)) };
        assert_eq!((world.standing(small, b), world.standing(b, small)), (None, Some(full)));
        world.run_for(secs(299));
        assert_eq!(dials(&world, b).len(), 1, "five minutes");
        world.run_for(secs(899));
        assert_eq!(dials(&world, b).len(), 3, "then ten, then twenty");
        assert_eq!((world.mesh(small).stats().gave_way, world.changes(small, c).len()), (1, 2));
    }
}

fn y7_the_follower_is_told_of_a_black_hole<S: Storage, R: Rules>(rules: R) {
    for (seed, after) in [0, 700, 1_400, 2_400].into_iter().enumerate() {
        let (mut world, a, b) = pair::<S, R>(seed as u64, &rules, millis(2));
        let dead = meet(&mut world, a, b);
        let link = world.carrier(a, b);
        world.run_for(secs(12) + millis(after));
        world.black_hole_stream(dead, Direction::From(b));
        let dialed = |world: &World<S, R>| {
            world.links(a, b).iter().any(|link| link.stream != dead && link.dialer.admitted())
        };
        world.run_until(secs(4), dialed).expect("the decider dials past the dead link");
        // From now on nothing goes the other way either: not even the end of the stream.
        world.black_hole_stream(dead, Direction::Both);
        let closed =
            |world: &World<S, R>| closes(world, a).iter().any(|(_, (closed, _))| Some(*closed) == link);
        world.run_until(millis(20), closed).expect("it closes it as silent");

        world.run_until(millis(3), |world| world.agreed(a, b)).expect("the follower reads so at once");

        let explained = world.mesh(b).explain(&world.id(a)).expect("it is known");
        let past: Vec<_> = explained.past.iter().map(|past| past.reason).collect();
        assert_eq!(past, [Reason::Silent]);
        holds(&world, always_up(&world.changes(b, a)), "the session was never away");
    }
}

fn y8_an_answer_covers_the_probes_before_it<S: Storage, R: Rules>(rules: R) {
    for seed in 0..3 {
        // Two probes in one read, and one answer.
        let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(2));
        let link = meet(&mut world, a, b);
        world.run_for(secs(12));
        world.freeze(b, millis(800));
        for _ in 0..3 {
            world.run_for(millis(100));
            world.tell(a, Event::Wake(Wake::Moved));
        }
        let asked = sent(&world, a).len();
        world.run_for(secs(1));
        let answers: Vec<_> =
            sent(&world, b).into_iter().filter(|(at, _)| *at + secs(1) > world.now()).collect();
        holds(&world, answers.len() <= 2 && asked > 3, "one answer for all, and perhaps a ping");
        world.run_for(secs(20));
        assert_eq!(carrying(&world, a, b), link);
        assert_eq!(dials(&world, a).len(), 1);

        // A path of three seconds there and back, and answers held up behind bulk for two more.
        let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(1_500));
        let link = meet(&mut world, a, b);
        for _ in 0..20 {
            world.run_for(secs(11));
            world.tell(a, Event::Wake(Wake::Moved));
            world.black_hole_stream(link, Direction::From(b));
            world.run_for(secs(2));
            world.heal_stream(link);
        }
        assert_eq!(carrying(&world, a, b), link);
        assert_eq!((dials(&world, a).len(), dials(&world, b).len()), (1, 0));
    }
}

fn y9_a_thousand_nodes_and_room_for_few<S: Storage, R: Rules>(rules: R) {
    let room = S::PEERS.unwrap_or(128).min(128) as u32;
    let limits = Limits { peers: room, ..config().limits };
    let mut world = crate::world::<S, R>(1, rules.clone());
    let hub = world.add(Config { limits, announce_every: Some(secs(120)), ..config() });
    world.run_for(secs(2));
    let hail = |world: &mut World<S, R>, number: u32| {
        let kind = AnnouncementKind::Hail;
        let announcement = Announcement { node: minted(number), incarnation: Incarnation::new(1, 1), kind };
        world.announce(hub, &[Route::direct(elsewhere(1))], announcement, Vouched::ByMember);
    };

    // All of them start in two seconds.
    for number in 0..1_000 {
        hail(&mut world, number);
        world.run_for(millis(2));
    }
    let said = announcements(&world, hub).len();
    assert!(said <= 1 + 3, "one a second at most: {said}");

    // All of them come, and those that are refused do not give up.
    for _ in 0..2 {
        for number in 0..1_000 {
            let link = come(&mut world, hub, minted(number), hello(1));
            let full = Frame::Refused(Reason::Refused(Refusal::Full));
            let refused = sent(&world, hub).pop() == Some((world.now(), (link, full)));
            assert_eq!(refused, number >= room, "{number}: those that came first stay");
            world.run_for(millis(2));
        }
        world.mesh(hub).audit().expect("every bound holds");
        assert_eq!(world.mesh(hub).stats().gave_way_half_open, 0);
    }
    let said = announcements(&world, hub).len();
    hail(&mut world, 5_000);
    world.run_for(secs(3));
    assert_eq!(announcements(&world, hub).len(), said, "without room nobody is answered");

    // Many nodes with real rules, and room for a third of them each: it settles.
    let limits = Limits { peers: 4, dials_in_flight: 2, ..config().limits };
    let mut world = crate::world::<S, R>(1, rules);
    let nodes: Vec<_> =
        (0..12).map(|_| world.add(Config { limits, announce_every: Some(secs(120)), ..config() })).collect();
    world.run_for(secs(60));
    let evicted = |world: &World<S, R>| -> u64 {
        nodes
            .iter()
            .flat_map(|n| closes(world, *n))
            .filter(|(_, (_, reason))| *reason == Reason::Refused(Refusal::Full))
            .count() as u64
    };
    let (early, pairs) = (evicted(&world), up_pairs(&world, &nodes));
    world.run_for(secs(240));
    assert!(pairs >= 12, "{pairs} sessions");
    holds(&world, up_pairs(&world, &nodes) >= pairs, "no session gives way");
    let late = evicted(&world) - early;
    assert!(late <= 24, "{late} refusals in four minutes");
}

/// How many sessions there are among these.
fn up_pairs<S: Storage, R: Rules>(world: &World<S, R>, nodes: &[NodeName]) -> usize {
    let pairs = nodes.iter().flat_map(|a| nodes.iter().map(move |b| (*a, *b)));
    pairs.filter(|(a, b)| a < b && world.agreed(*a, *b)).count()
}

fn y10_minted_wishes_displace_nobody_that_is_kept<S: Storage, R: Rules>(rules: R) {
    for kept in [3, 8] {
        let mut world = crate::world::<S, R>(1, rules.clone());
        let n = world.add(config());
        let peers: Vec<_> = (0..kept).map(|_| world.add(config())).collect();
        for peer in &peers {
            meet(&mut world, n, *peer);
        }
        // One that nobody keeps gives way to a wish; that is what a wish is for.
        let loose = config().limits.peers as usize - kept;
        for number in 0..loose {
            come(&mut world, n, minted(number as u32), hello(1));
        }
        let told: Vec<_> = peers.iter().map(|peer| world.changes(n, *peer)).collect();

        for number in 100..300 {
            come(&mut world, n, minted(number), mesh_proto::Hello { keep: true, ..hello(1) });
            world.run_for(millis(5));
        }

        world.mesh(n).audit().expect("every bound holds");
        assert_eq!(told, peers.iter().map(|peer| world.changes(n, *peer)).collect::<Vec<_>>());
        holds(&world, peers.iter().all(|peer| world.agreed(n, *peer)), "those that are kept are up");
        let stats = world.mesh(n).stats();
        assert_eq!((stats.gave_way, stats.refused_full), (loose as u64, 200 - loose as u64));
    }
}

fn y11_eight_addresses_hold_every_half_open_place<S: Storage, R: Rules>(rules: R) {
    for seed in 0..8 {
        let limits = Limits { half_open_per_source: 2, ..config().limits };
        let mut world = crate::world::<S, R>(seed, rules.clone());
        let n = world.add(Config { limits, ..config() });
        let member = world.add(config());
        world.delay(millis(2));
        let flood = |world: &mut World<S, R>| {
            for host in 0..8 {
                world.accept_stranger(n, elsewhere(host)).expect("one gives way to it");
            }
            world.run_for(millis(10));
        };
        for _ in 0..20 {
            flood(&mut world);
        }
        world.keep(member, n);
        let began = world.now();
        while !world.agreed(member, n) && world.now() - began < secs(1) {
            flood(&mut world);
        }
        holds(&world, world.agreed(member, n), "a member gets in within a second");
        world.mesh(n).audit().expect("every bound holds");
    }
}

fn y13_freezes_do_not_shelter_a_dead_link<S: Storage, R: Rules>(rules: R) {
    for (seed, running) in [200, 500, 900].into_iter().enumerate() {
        let (mut world, a, b) = pair::<S, R>(seed as u64, &rules, millis(2));
        world.dial(b, a);
        world.run_until(secs(1), |world| world.agreed(a, b)).expect("they meet");
        world.run_for(secs(12));
        world.stop(b, Stop::Vanish);
        let mut ran = Duration::ZERO;
        while world.up(a, b) && ran < secs(60) {
            world.freeze(a, secs(7));
            world.run_for(secs(7));
            world.run_for(millis(running));
            ran += millis(running);
        }
        assert_eq!(world.standing(a, b), Some(Standing::Away { reason: Reason::Silent }));
        // Each freeze may cost one further probe's time, once.
        assert!(ran <= secs(12), "after {ran:?} of running time");
        holds(&world, closes(&world, a).len() == 1, "ended once");
    }
}

fn y14_a_hello_from_before_the_restart<S: Storage, R: Rules>(rules: R) {
    for stop in [Stop::Kill, Stop::Vanish] {
        for late in [20, 300, 2_000] {
            for swapped in [false, true] {
                let (mut world, mut a, mut b) = pair::<S, R>(1, &rules, millis(2));
                if swapped {
                    (a, b) = (b, a);
                }
                world.dial(b, a);
                let shaken = |world: &World<S, R>| {
                    sent(world, b).iter().any(|(_, (_, frame))| matches!(frame, Frame::Hello(_)))
                };
                // Its hello takes longer than the restart.
                let opened = |world: &World<S, R>| {
                    world.links(a, b).first().is_some_and(|link| link.acceptor.link.is_some())
                };
                world.run_until(secs(1), opened).expect("it is open");
                world.run_for(millis(4));
                let old = world.links(a, b)[0].stream;
                world.delay_stream(old, millis(late));
                world.run_until(secs(1), shaken).expect("its hello is out");
                world.stop(b, stop);
                world.start(b, Start::Fresh);
                world.keep(b, a);
                let is_new = |world: &World<S, R>| match world.standing(a, b) {
                    Some(Standing::Up { incarnation, .. }) => incarnation == world.mesh(b).incarnation(),
                    _ => false,
                };
                world
                    .run_until(millis(15), |world| is_new(world) && world.up(b, a))
                    .expect("the new run is in");
                let told = (world.changes(a, b).len(), world.changes(b, a).len());
                let link = carrying(&world, a, b);

                world.run_for(secs(30));

                assert_eq!(carrying(&world, a, b), link);
                holds(&world, world.agreed(a, b), "the old link is gone");
                assert_eq!(
                    (world.changes(a, b).len(), world.changes(b, a).len()),
                    told,
                    "{}",
                    world.report()
                );
                assert_eq!(world.mesh(a).stats().conflicts, 0, "no false conflict");
                assert_eq!(world.mesh(a).stats().doubts, 1, "the old hello was in doubt");
            }
        }
    }
}

fn y15_ids_that_differ_in_the_last_byte<S: Storage, R: Rules>(rules: R) {
    let mut world = crate::world::<S, R>(1, rules);
    let id = |last| {
        let mut bytes = [7; 32];
        bytes[31] = last;
        NodeId::new(bytes)
    };
    let [low, mid, high] = [1, 2, 3].map(|last| world.add_with_id(config(), id(last)));
    for (a, b) in [(low, mid), (mid, high), (high, low)] {
        world.keep(a, b);
        world.keep(b, a);
    }
    world.run_for(secs(60));
    for (a, b) in [(low, mid), (mid, high), (low, high)] {
        holds(&world, world.agreed(a, b), "each has its own session");
        let decides = |n, of| world.mesh(n).explain(&world.id(of)).map(|explained| explained.decides_here);
        assert_eq!((decides(a, b), decides(b, a)), (Some(true), Some(false)));
    }
    assert_eq!(world.mesh(mid).peers().count(), 2);

    world.tell(mid, Event::Forget { peer: id(3) });
    world.run_for(millis(1));
    holds(&world, world.agreed(low, mid) && !world.up(high, mid), "the one is forgotten, the other is not");
}

fn y17_endings_and_beginnings_in_turn<S: Storage, R: Rules>(rules: R) {
    let down = Standing::Down { reason: Some(Reason::Forgotten) };
    for (seed, delay) in [0, 2, 50].into_iter().enumerate() {
        let (mut world, a, b) = pair::<S, R>(seed as u64, &rules, millis(delay));
        let mut told = [0; 2];
        for turn in 0..9 {
            let (begins, other) = if turn % 2 == 0 { (a, b) } else { (b, a) };
            world.dial(begins, other);
            world.run_until(secs(1), |world| world.agreed(a, b)).expect("a session begins");
            world.run_for(millis(delay * 4));
            let ends = match turn % 3 {
                0 => Vec::from([a]),
                1 => Vec::from([b]),
                _ => Vec::from([a, b]),
            };
            for n in ends {
                world.tell(n, Event::Forget { peer: world.id(if n == a { b } else { a }) });
            }
            world.run_for(millis(delay * 4));

            for ((n, of), told) in [(a, b), (b, a)].into_iter().zip(&mut told) {
                let new = world.changes(n, of).split_off(*told);
                *told += new.len();
                let up = new.iter().filter(|now| matches!(now, Standing::Up { .. })).count();
                let ended = new.iter().filter(|now| **now == down).count();
                assert_eq!((up, ended), (1, 1), "turn {turn}: {new:?}");
            }
            assert!(world.links(a, b).is_empty(), "nothing is left of it");
        }
        world.run_for(secs(60));
        assert_eq!(dials(&world, a).len() + dials(&world, b).len(), 9);

        // The answer to an ending is slow, and comes when the next session is there: it says nothing of that.
        world.dial(b, a);
        world.run_until(secs(1), |world| world.agreed(a, b)).expect("a session begins");
        let slow = carrying(&world, a, b);
        world.tell(a, Event::Forget { peer: world.id(b) });
        world.run_for(millis(delay));
        world.black_hole_stream(slow, Direction::From(b));
        world.run_until(millis(1), |world| !world.up(b, a)).expect("it is told");
        world.dial(b, a);
        world.run_for(millis(delay * 8));
        world.heal_stream(slow);
        let told = (world.changes(a, b).len(), world.changes(b, a).len());
        holds(&world, world.up(a, b) && world.up(b, a), "the next one has begun");
        world.run_for(secs(60));
        assert_eq!((world.changes(a, b).len(), world.changes(b, a).len()), told, "{}", world.report());
    }
}

fn y18_each_end_finds_another_link_unanswered<S: Storage, R: Rules>(rules: R) {
    for seed in 0..3 {
        let mut world = crate::world::<S, R>(seed, rules.clone());
        world.delay(millis(2));
        // The decider is the more patient one.
        let a = world.add(Config { probe_floor: secs(4), ..config() });
        let b = world.add(config());
        world.dial(a, b);
        world.run_until(secs(1), |world| world.agreed(a, b)).expect("they meet");
        // What the follower sends on the preferred link takes two seconds, and a newcomer comes.
        let preferred = carrying(&world, a, b);
        world.black_hole_stream(preferred, Direction::From(b));
        world.dial(b, a);
        world.run_for(secs(2));
        world.heal_stream(preferred);

        world.run_until(secs(2), |world| world.agreed(a, b)).expect("one link stays");

        assert_eq!(carrying(&world, a, b), preferred);
        let first_up = |changes: Vec<Standing>| {
            changes.into_iter().skip_while(|now| !matches!(now, Standing::Up { .. })).collect::<Vec<_>>()
        };
        for (n, of) in [(a, b), (b, a)] {
            holds(&world, always_up(&first_up(world.changes(n, of))), "the session was never away");
        }
        assert_eq!((dials(&world, a).len(), dials(&world, b).len()), (1, 1));
    }
}

fn y19_a_stall_below_the_gap<S: Storage, R: Rules>(rules: R) {
    for seed in 0..3 {
        for stall in [1_100, 1_600, 2_400] {
            let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(2));
            let link = meet(&mut world, a, b);
            world.run_for(secs(12));
            let pings = |world: &World<S, R>| {
                sent(world, a).iter().filter(|(_, (_, frame))| matches!(frame, Frame::Ping { .. })).count()
            };
            let before = pings(&world);
            world.run_until(secs(3), |world| pings(world) > before).expect("a ping is due");
            world.freeze(a, millis(stall));
            let told = (world.changes(a, b).len(), world.changes(b, a).len());

            world.run_for(secs(30));

            assert_eq!(world.mesh(a).stats().gaps, 0, "it was no gap");
            assert_eq!(world.mesh(a).stats().dials, 1, "no dial was even begun");
            assert_eq!(carrying(&world, a, b), link);
            assert_eq!((world.changes(a, b).len(), world.changes(b, a).len()), told);
        }
    }
}

fn y20_admitted_and_lost_at_once_for_ever<S: Storage, R: Rules>(rules: R) {
    for (seed, end) in [End::Both, End::Both].into_iter().enumerate() {
        let (mut world, a, b) = pair::<S, R>(seed as u64, &rules, millis(1));
        world.keep(a, b);
        while world.now() < secs(600) && dials(&world, a).len() < 500 {
            let left = secs(600) - world.now();
            if world.run_until(left, |world| world.agreed(a, b)).is_ok() {
                world.lose(carrying(&world, a, b), end);
            }
        }
        // A wait of up to ten seconds between two: 120 on the average, and the first ones closer.
        let times = dials(&world, a);
        assert!((90..170).contains(&times.len()), "{} dials in ten minutes", times.len());
        assert_eq!(dials(&world, b).len(), 0);
        let within_a_minute = times.iter().filter(|(at, _)| *at < secs(60)).count();
        assert!(within_a_minute <= 30, "{within_a_minute} dials in the first minute");
    }
}

fn y24_an_idle_close_crosses_a_wish<S: Storage, R: Rules>(rules: R) {
    let idle = Config { idle_after: Some(secs(60)), ..config() };
    let down = Standing::Down { reason: Some(Reason::Idle) };
    for (seed, both_close) in [false, true].into_iter().enumerate() {
        for wish in ["none", "keep", "new link"] {
            let mut world = crate::world::<S, R>(seed as u64, rules.clone());
            world.delay(millis(20));
            let a = world.add(idle);
            let b = world.add(if both_close { idle } else { config() });
            world.dial(a, b);
            world.run_until(secs(1), |world| world.agreed(a, b)).expect("they meet");
            let closing = |world: &World<S, R>| {
                sent(world, a).iter().any(|(_, (_, frame))| *frame == Frame::Close(Reason::Idle))
            };
            world.run_until(secs(61), closing).expect("nobody needs it");
            match wish {
                "keep" => drop(world.keep(b, a)),
                "new link" => drop(world.dial(b, a)),
                _ => {}
            }
            world.run_for(secs(30));

            let [here, there] = [world.changes(a, b), world.changes(b, a)];
            if wish == "none" {
                assert_eq!((here.last(), there.last()), (Some(&down), Some(&down)));
                assert!(world.links(a, b).is_empty());
                for changes in [&here, &there] {
                    let ended = changes.iter().filter(|now| **now == down).count();
                    let up = changes.iter().filter(|now| matches!(now, Standing::Up { .. })).count();
                    assert_eq!((up, ended), (1, 1), "{changes:?}");
                }
                assert_eq!(dials(&world, a).len() + dials(&world, b).len(), 1, "and nobody dials");
            } else {
                holds(&world, world.agreed(a, b), "it is wanted, and there");
                // Where both have said that they do not need it, it has ended before the wish could be known.
                let most = usize::from(both_close);
                for changes in [&here, &there] {
                    let ended = changes.iter().filter(|now| **now == down).count();
                    assert!(ended <= most, "the session goes on: {changes:?}\n{}", world.report());
                }
                world.run_for(secs(200));
                holds(&world, wish == "new link" || world.agreed(a, b), "what is kept is not closed again");
            }
        }
    }
}
