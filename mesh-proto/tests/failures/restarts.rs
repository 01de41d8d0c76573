//! Restarts, and who is who: runs, identities, addresses, who may dial.

use mesh_proto::rules::Rules;
use mesh_proto::sim::{Direction, End, NodeName, Start, Stop, What, World};
use mesh_proto::storage::Storage;
use mesh_proto::{
    Announcement, AnnouncementKind, Config, Dialing, Event, Limits, NodeId, Reason, Route, Standing,
    SystemError, Unable, Vouched,
};

use crate::failures;
use crate::pair::{
    agree, carrying, changes, config, connect, dials, ended, millis, never_away, pair, pair_of, second_link,
    secs, stays_up,
};

failures! {
    /// One end still holds a link that the other has lost, and does not know; a redial was refused because an entry
    /// exists. The redial says what was lost.
    s1_the_old_link_is_not_yet_reaped without LossesAreTold,
    /// A process is killed, its old links stay established; it restarts and was refused as a duplicate. It is taken at
    /// once by its run, though every place for its links is held by the dead ones.
    s4_a_restart_while_the_old_links_look_established without EvidenceBeforeBounds,
    /// A process is killed and back while what it had just sent is still under way. The run tells, not the age: what
    /// comes late displaces nothing.
    s7_back_at_once_after_it_had_just_sent without IncarnationOrder,
    /// Only one side might dial, and what it knew of the other's address was stale: no link ever. Both may.
    s10_one_side_knows_a_stale_address without BothMayDial,
    /// A node restarts on another port, and the old one was dialed for ever. What is announced last is tried first, and
    /// addresses that fail sink.
    s11_a_restart_on_another_port without TrustMoves,
    /// Two processes with one identity kicked each other every second. The conflict is named at both, and there is no
    /// storm.
    s12_two_processes_with_one_identity without ConflictIsRefused,
    /// Stopped and started within a second, by a clock of seconds: the new run met links of the old one and was refused.
    s14_stopped_and_started_within_a_second without RandomBits,
    /// A dial to oneself became a peer. It is refused with its reason, and the address is not dialed again.
    o8_a_dial_to_oneself without OwnAddressRemembered,
    /// Two nodes behind one address: what was sent to one went out on a link of the other. The identity counts.
    o14_two_nodes_behind_one_address without DialWhatWasAsked,
    /// The survivor holds a dead link, and whoever restarted waits to be called. Both recover long before the dead link
    /// is given up.
    o24_the_survivor_holds_a_dead_link without SuspectsAreDialed,
    /// The comparison that breaks the tie was equal on both sides. Ids are compared whole, and equal ones are a conflict.
    o26_ids_that_are_nearly_or_quite_equal without OwnIdRefused,
    /// Each side waited for the other to start.
    m14_neither_waits_for_the_other without BothMayDial,
    /// A peer restarts without a goodbye, the survivor's link looks fine, and the announcement was ignored. It makes a
    /// probe, and the new run replaces the old one.
    m16_a_restart_that_only_an_announcement_tells without NewRunIsProbed,
    /// The decider restarts while the follower holds two links to its old run.
    x4_the_decider_restarts_while_two_links_are_there without NewerEndsOlder,
}

/// Stops a node without a word, and starts it again, for it to keep a session with `peer`.
fn restart<S: Storage, R: Rules>(world: &mut World<S, R>, n: NodeName, peer: NodeName) {
    world.stop(n, Stop::Vanish);
    world.start(n, Start::Fresh);
    world.keep(n, peer);
}

fn s1_the_old_link_is_not_yet_reaped<S: Storage, R: Rules>(rules: R) {
    for delay in [0, 5, 50] {
        for way in 0..2 {
            let (mut world, a, b) = pair::<S, R>(delay, &rules);
            let (holds, lost) = [(a, b), (b, a)][way];
            world.delay(millis(delay));
            connect(&mut world, lost, holds);
            let old = carrying(&world, a, b).expect("they are up");
            let before = world.changes(holds, lost).len();
            world.black_hole_stream(old, Direction::Both);
            world.lose(old, End::Only(lost));
            let took = agree(&mut world, a, b, secs(20));
            assert!(took <= millis(6 * delay), "at once: {took:?}\n{}", world.report());
            assert_eq!(ended(&world, holds), [Reason::System(SystemError::Reset)], "for the other's reason");
            assert_eq!(world.changes(holds, lost).len(), before + 1, "from the old link to the new one");
            world.run_for(secs(60));
            assert!(world.agreed(a, b), "{}", world.report());
            assert_eq!((dials(&world, lost), dials(&world, holds)), (2, 0));
        }
    }
}

fn s4_a_restart_while_the_old_links_look_established<S: Storage, R: Rules>(rules: R) {
    let limits = Limits { links_per_peer: 2, ..config().limits };
    let narrow = Config { limits, ..config() };
    for delay in [0, 5, 50] {
        for way in 0..2 {
            let (mut world, a, b) = pair_of::<S, R>(delay, &rules, narrow, narrow);
            let (survivor, killed) = [(a, b), (b, a)][way];
            world.delay(millis(delay));
            connect(&mut world, killed, survivor);
            let first = carrying(&world, a, b).expect("they are up");
            world.black_hole_stream(first, Direction::Both);
            second_link(&mut world, killed, survivor);
            let before = world.changes(survivor, killed).len();
            restart(&mut world, killed, survivor);
            let took = agree(&mut world, a, b, secs(20));
            assert!(took <= millis(6 * delay), "at once: {took:?}\n{}", world.report());
            assert_eq!(ended(&world, survivor), [Reason::Restarted; 2]);
            assert_eq!(world.mesh(survivor).stats().refused, 0);
            assert_eq!(world.changes(survivor, killed).len(), before + 1);
        }
    }
}

fn s7_back_at_once_after_it_had_just_sent<S: Storage, R: Rules>(rules: R) {
    for age in [50, 1000, 2600, 5000, 9900] {
        for way in 0..2 {
            let (mut world, a, b) = pair::<S, R>(age, &rules);
            let (survivor, killed) = [(a, b), (b, a)][way];
            connect(&mut world, killed, survivor);
            world.run_for(millis(age));
            // Its hello goes out after four times the way, and arrives after the fifth.
            world.slow_next_dial(killed, millis(400));
            world.dial(killed, survivor);
            world.run_for(millis(1650));
            let before = world.changes(survivor, killed).len();
            restart(&mut world, killed, survivor);
            let took = agree_on_what_is_up(&mut world, a, b);
            assert!(took <= millis(10), "at once: {took:?}");
            let carrier = world.carrier(survivor, killed);
            world.run_for(secs(60));
            assert!(world.agreed(a, b), "{}", world.report());
            assert_eq!(world.carrier(survivor, killed), carrier);
            assert_eq!(world.changes(survivor, killed).len(), before + 1, "{}", world.report());
            assert_eq!(ended(&world, survivor), [Reason::Restarted, Reason::Silent]);
            let view = world.mesh(survivor).peer(&world.id(killed)).expect("it is known");
            assert!(!view.conflict, "a run that is over is no clone");
        }
    }
}

/// Waits until each end says that the present run of the other is up, and says how long that took.
fn agree_on_what_is_up<S: Storage, R: Rules>(
    world: &mut World<S, R>,
    a: NodeName,
    b: NodeName,
) -> core::time::Duration {
    let knows = |world: &World<S, R>, here: NodeName, there: NodeName| match world.standing(here, there) {
        Some(Standing::Up { incarnation, .. }) => incarnation == world.mesh(there).incarnation(),
        Some(Standing::Away { .. } | Standing::Down { .. }) | None => false,
    };
    world
        .run_until(secs(20), |world| knows(world, a, b) && knows(world, b, a))
        .expect("they know of each other")
}

fn s10_one_side_knows_a_stale_address<S: Storage, R: Rules>(rules: R) {
    for way in 0..2 {
        let (mut world, a, b) = pair::<S, R>(1, &rules);
        let (stale, fresh) = [(a, b), (b, a)][way];
        world.keep(stale, fresh);
        world.move_address(fresh);
        world.run_for(secs(5));
        assert!(!world.up(stale, fresh), "nobody is there");
        world.keep(fresh, stale);
        let took = agree(&mut world, a, b, secs(20));
        assert!(took <= millis(10), "at once: {took:?}");
        let refused = dials(&world, stale);
        world.run_for(secs(60));
        assert_eq!(dials(&world, stale), refused, "what is up is not dialed");
    }
}

fn s11_a_restart_on_another_port<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    connect(&mut world, a, b);
    let old = world.address(b);
    world.stop(b, Stop::Kill);
    let new = world.move_address(b);
    world.start(b, Start::Fresh);
    world.run_for(secs(30));
    assert!(!world.up(a, b), "nobody is at the old address");
    let (node, incarnation) = (world.id(b), world.mesh(b).incarnation());
    let hail = Announcement { node, incarnation, kind: AnnouncementKind::Hail };
    world.announce(a, &[Route::direct(new)], hail, Vouched::ByMember);
    let took = agree(&mut world, a, b, secs(20));
    assert!(took <= millis(10), "what was announced last is tried first: {took:?}");

    world.run_for(secs(11));

    // Two places where nothing ever answers stand before the right one, until they have failed.
    let (dead, dark) = (world.add(config()), world.add(config()));
    world.stop(dead, Stop::Vanish);
    world.stop(dark, Stop::Vanish);
    world.stop(b, Stop::Kill);
    let routes = [dead, dark, b].map(|n| route_to(&world, n));
    world.tell(a, Event::Keep { peer: node, routes: routes.into_iter().collect() });
    let rests = |world: &World<S, R>| {
        let explanation = world.mesh(a).explain(&node).expect("it is kept");
        explanation.failures > 0 && matches!(explanation.dialing, Dialing::In(_))
    };
    world.run_until(secs(60), rests).expect("an attempt went through all of them");
    world.start(b, Start::Fresh);
    let began = world.now();
    agree(&mut world, a, b, secs(20));
    let dialed: Vec<_> = world
        .log()
        .iter()
        .filter(|one| one.at >= began && one.node == a)
        .filter_map(|one| if let What::Dials { route, .. } = one.what { Some(route.address) } else { None })
        .collect();
    assert!(dialed.len() <= 2 && dialed.last() == Some(&new), "{dialed:?}");
    assert!(!dialed.contains(&old));
}

fn s12_two_processes_with_one_identity<S: Storage, R: Rules>(rules: R) {
    for seed in 0..3 {
        let (mut world, a, b) = pair::<S, R>(seed, &rules);
        let (host, real) = [(a, b), (b, a)][seed as usize % 2];
        connect(&mut world, real, host);
        let before = changes(&world, host, real);
        let twin = world.clone_of(real);
        world.keep(twin, host);
        world.run_for(secs(600));
        assert!(world.agreed(host, real), "{}", world.report());
        assert_eq!(changes(&world, host, real).1, before.1, "the one that was there noticed nothing");
        never_away(&world, host, real);
        assert!(dials(&world, twin) <= 3, "a long pause after each: {}", dials(&world, twin));
        assert_eq!((dials(&world, host), dials(&world, real)), (0, 1));
        assert!(!world.up(twin, host));
        for n in [host, twin] {
            let other = if n == host { real } else { host };
            let view = world.mesh(n).peer(&world.id(other)).expect("it is known");
            assert!(view.conflict, "{n} names it\n{}", world.report());
            assert!(world.mesh(n).stats().conflicts > 0);
            let told = |what: &What| matches!(what, What::News(view) if view.conflict);
            assert!(world.log().iter().any(|one| one.node == n && told(&one.what)), "and its news told it");
            assert!(ended(&world, n).iter().all(|reason| *reason == Reason::Conflict));
        }
    }
}

fn s14_stopped_and_started_within_a_second<S: Storage, R: Rules>(rules: R) {
    for (stop, patience) in [(Stop::Leave, 20), (Stop::Kill, 20), (Stop::Vanish, 1100)] {
        for start in [Start::Fresh, Start::Restored] {
            for way in 0..2 {
                let (mut world, a, b) = pair::<S, R>(1, &rules);
                let (met, restarted) = [(a, b), (b, a)][way];
                connect(&mut world, restarted, met);
                world.stop(restarted, stop);
                world.start(restarted, start);
                world.keep(restarted, met);
                let took = agree(&mut world, a, b, secs(20));
                assert!(took <= millis(patience), "{stop:?} {start:?}: {took:?}\n{}", world.report());
                world.run_for(secs(60));
                assert!(world.agreed(a, b), "{}", world.report());
                assert_eq!((world.mesh(met).stats().refused, world.mesh(met).stats().conflicts), (0, 0));
                assert_eq!((dials(&world, restarted), dials(&world, met)), (2, 0));
            }
        }
    }
    // The links that are still draining are one's own.
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    connect(&mut world, b, a);
    let peer = world.id(b);
    world.delay(millis(200));
    world.tell(a, Event::Forget { peer });
    restart(&mut world, b, a);
    let took = agree_on_what_is_up(&mut world, a, b);
    assert!(took <= millis(1200), "{took:?}");
    world.run_for(secs(5));
    assert!(world.agreed(a, b), "{}", world.report());
    assert_eq!((dials(&world, b), dials(&world, a)), (2, 0));
}

fn o8_a_dial_to_oneself<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    let own = route_to(&world, a);
    world.tell(a, Event::KeepAt { route: own });
    world.run_for(secs(600));
    assert_eq!(ended(&world, a), [Reason::OwnSelf; 2], "at both of its ends");
    assert_eq!((dials(&world, a), world.mesh(a).stats().met_self), (1, 1));
    assert_eq!(world.mesh(a).peers().count(), 0);

    let unable = Err(Unable::OwnSelf);
    assert_eq!(world.tell(a, Event::KeepAt { route: own }).link(), unable);
    let (me, peer) = (world.id(a), world.id(b));
    assert_eq!(world.tell(a, Event::Keep { peer: me, routes: [own].into_iter().collect() }).link(), unable);
    // Nor does it help to call it somebody else's.
    world.tell(a, Event::Keep { peer, routes: [own].into_iter().collect() });
    world.run_for(secs(60));
    assert_eq!(dials(&world, a), 1);
    assert!(matches!(world.standing(a, b), Some(Standing::Down { .. })));
}

fn o14_two_nodes_behind_one_address<S: Storage, R: Rules>(rules: R) {
    for seed in 0..3 {
        let (mut world, a, b) = pair::<S, R>(seed, &rules);
        let c = world.add(config());
        connect(&mut world, a, b);
        let (carrier, before) = (world.carrier(a, b), changes(&world, a, b));
        let shared = route_to(&world, b);
        let peer = world.id(c);
        world.tell(a, Event::Keep { peer, routes: [shared].into_iter().collect() });
        world.run_for(secs(60));
        assert_eq!(world.standing(a, c), Some(Standing::Down { reason: Some(Reason::WrongPeer) }));
        assert!(ended(&world, a).iter().all(|reason| *reason == Reason::WrongPeer));
        assert!(dials(&world, a) <= 61, "with backoff: {}", dials(&world, a));
        world.keep(a, c);
        agree(&mut world, a, c, secs(1));
        world.run_for(secs(60));
        assert!(world.agreed(a, b) && world.agreed(a, c), "{}", world.report());
        assert_ne!(world.carrier(a, b), world.carrier(a, c));
        assert_eq!((world.carrier(a, b), changes(&world, a, b)), (carrier, before));
    }
}

fn o24_the_survivor_holds_a_dead_link<S: Storage, R: Rules>(rules: R) {
    for age in (0..2500).step_by(400) {
        for way in 0..2 {
            let (mut world, a, b) = pair::<S, R>(age, &rules);
            let (survivor, restarted) = [(a, b), (b, a)][way];
            connect(&mut world, survivor, restarted);
            world.run_for(millis(age));
            world.stop(restarted, Stop::Vanish);
            world.start(restarted, Start::Fresh);
            let took = agree(&mut world, a, b, secs(20));
            // The ping that is due, and its probe time.
            assert!(took <= millis(2500 + 1000 + 20), "{took:?}\n{}", world.report());
            assert_eq!(ended(&world, survivor), [Reason::Restarted]);
            stays_up(&world, survivor, restarted);
        }
    }
}

fn o26_ids_that_are_nearly_or_quite_equal<S: Storage, R: Rules>(rules: R) {
    let [mut low, mut high] = [[7; 32]; 2];
    (low[31], high[31]) = (1, 2);
    for delay in [0, 50, 300] {
        let mut world = crate::world::<S, R>(delay, rules.clone());
        let (a, b) =
            (world.add_with_id(config(), NodeId::new(low)), world.add_with_id(config(), NodeId::new(high)));
        world.delay(millis(delay));
        world.keep(a, b);
        world.keep(b, a);
        agree(&mut world, a, b, secs(10));
        world.run_for(secs(10));
        assert_eq!(world.links(a, b)[0].dialer.node, a);
        never_away(&world, a, b);

        let twin = world.clone_of(a);
        let route = route_to(&world, a);
        world.tell(twin, Event::KeepAt { route });
        world.run_for(secs(600));
        for n in [a, twin] {
            assert!(world.mesh(n).stats().met_clone > 0, "{n} names it\n{}", world.report());
            assert!(world.mesh(n).peer(&world.id(a)).is_none(), "nobody is its own peer");
        }
        assert!(ended(&world, twin).iter().all(|reason| *reason == Reason::Conflict));
        assert!(dials(&world, twin) <= 3, "a long pause after each: {}", dials(&world, twin));
        assert!(world.agreed(a, b), "{}", world.report());

        // Nor is it the fault of whoever was looked for where the twin is.
        let c = world.add(config());
        let (peer, routes) = (world.id(c), [route_to(&world, twin), route_to(&world, c)]);
        world.tell(a, Event::Keep { peer, routes: routes.into_iter().collect() });
        agree(&mut world, a, c, secs(5));
        assert!(world.mesh(a).peer(&peer).is_some_and(|view| !view.conflict));
    }
}

fn route_to<S: Storage, R: Rules>(world: &World<S, R>, n: NodeName) -> Route {
    Route::direct(world.address(n))
}

fn m14_neither_waits_for_the_other<S: Storage, R: Rules>(rules: R) {
    for seed in 0..5 {
        for way in 0..3 {
            let (mut world, a, b) = pair::<S, R>(seed, &rules);
            // One of them knows where the other is, or both do.
            let ways = [(a, b), (b, a)];
            for (from, to) in [&ways[..1], &ways[1..], &ways[..]][way] {
                world.keep(*from, *to);
            }
            agree(&mut world, a, b, secs(5));
            world.run_for(secs(11));
            for end in [End::Both, End::Only(a), End::Only(b)] {
                let stream = carrying(&world, a, b).expect("they are up");
                world.lose(stream, end);
                // An end that was not told learns it from its next ping.
                let took = agree(&mut world, a, b, secs(20));
                assert!(took <= millis(2600), "{end:?}: {took:?}\n{}", world.report());
                world.run_for(secs(11));
            }
        }
    }
}

fn m16_a_restart_that_only_an_announcement_tells<S: Storage, R: Rules>(rules: R) {
    for phase in (0..2500).step_by(300) {
        for way in 0..2 {
            let announces = Config { announce_every: Some(secs(120)), ..config() };
            let (mut world, a, b) = pair_of::<S, R>(phase, &rules, announces, announces);
            let (survivor, restarted) = [(a, b), (b, a)][way];
            world.announcements(None);
            connect(&mut world, survivor, restarted);
            world.announcements(Some(Vouched::ByMember));
            world.run_for(millis(phase));
            let before = ended(&world, survivor).len();
            world.stop(restarted, Stop::Vanish);
            world.start(restarted, Start::Fresh);
            let took = agree(&mut world, a, b, secs(20));
            assert!(took <= millis(1020), "a probe, then a dial: {took:?}\n{}", world.report());
            assert_eq!(ended(&world, survivor)[before..], [Reason::Restarted]);
            stays_up(&world, survivor, restarted);
        }
    }
}

fn x4_the_decider_restarts_while_two_links_are_there<S: Storage, R: Rules>(rules: R) {
    for delay in [0, 5, 50] {
        for way in 0..2 {
            let (mut world, a, b) = pair::<S, R>(delay, &rules);
            let (from, to) = [(a, b), (b, a)][way];
            world.delay(millis(delay));
            connect(&mut world, from, to);
            let first = carrying(&world, a, b).expect("they are up");
            world.black_hole_stream(first, Direction::Both);
            second_link(&mut world, from, to);
            restart(&mut world, a, b);
            let took = agree(&mut world, a, b, secs(20));
            assert!(took <= millis(6 * delay), "at once: {took:?}\n{}", world.report());
            assert_eq!(ended(&world, b), [Reason::Restarted; 2]);
            stays_up(&world, b, a);
            world.run_for(secs(30));
            assert!(world.agreed(a, b), "{}", world.report());
        }
    }
}
