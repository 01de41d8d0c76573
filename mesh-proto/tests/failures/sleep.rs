//! Sleep, freeze, network change.

use alloc::vec::Vec;
use core::time::Duration;

use mesh_proto::rules::Rules;
use mesh_proto::sim::{Direction, End, NodeName, Start, Stop, World};
use mesh_proto::storage::Storage;
use mesh_proto::{
    Announcement, AnnouncementKind, Cause, Config, Dialing, Event, Frame, Incarnation, Limits, LinkId,
    Reason, Refusal, Route, Standing, SystemError, Vouched, Wake,
};

use crate::failures;
use crate::scene::{
    always_up, announcements, carrying, closes, config, dials, elsewhere, holds, meet, millis, minted, pair,
    prove, secs, sent,
};

failures! {
    /// A node sleeps, or is frozen, past everyone's patience, and knows nobody's address: it must announce itself at
    /// once, and be found by all within a second.
    m1_a_node_that_wakes_says_so without AnnounceOnWake,
    /// It wakes with an old link that the other end gave up, and that end dials anew: the newcomer must take over at
    /// once, also at the follower.
    m2_a_fresh_dial_takes_over_from_the_link_that_slept without LossesReadByBoth,
    /// Both ends stand still for a minute, with a handshake under way, a link just admitted, or a peer heard a moment
    /// ago: nobody may be dropped.
    m3_nobody_is_stale_for_time_slept_through without WakeBeforeExpiry,
    /// The link breaks, and only one end knows where the other is: that end must dial, whichever it is.
    m15_whoever_can_dial_dials without BothMayDial,
    /// A node leaves on purpose: the other must know at once, by its reason, and dial no more.
    m17_a_leave_is_known_at_once without LeaveIsTold,
    /// The network changes while the other end redials: what hangs in the old network must not hold back the session.
    m18_a_network_change_during_a_redial without ProbeAfterGap,
    /// A node goes offline, fails to dial for minutes, and is told of its new network: coming back must not wait for what
    /// going away began.
    m19_coming_back_waits_for_nothing without NoBackoffAfterGap,
    /// The socket opens and the peer then ends it, each time: the dials must become rare.
    m22_a_socket_that_opens_is_no_success without ResetByUse,
    /// A peer that was thrown out comes back, and is thrown out each time: it must stay away for five minutes, doubling
    /// to an hour.
    m25_who_was_thrown_out_stays_away without LongPause,
    /// Every handshake fails, as with a wrong secret: the dials must become rare, and the reason be named.
    o11_a_handshake_that_fails_is_tried_ever_less without BackoffGrows,
    /// The wall clock is set by hours, back and forth: it may cost one round of probes, and nothing else.
    o12_a_step_of_the_wall_clock_ages_nobody without AgesByAwake,
    /// The first clock stands still in a suspend: the sleep must be noticed by the second, and everyone probed at once.
    o32_a_suspend_is_seen_by_the_second_clock without TwoClocks,
    /// Frames wait in a buffer through a freeze, and their sender is gone: they must not be taken for life.
    o34_frames_from_before_the_freeze_prove_nothing without OnlyAnswersAfterGap,
    /// The round trip takes three seconds: no probe may give up before that.
    o36_a_probe_waits_for_the_round_trip without ProbeFromRoundTrip,
    /// Answers to announcements arrive from strangers: nobody may be answered.
    o40_answers_are_not_answered without AnswersAreMarked,
    /// A peer proves who it is and never says hello: it must be timed out, from the open stream on.
    o41_waiting_to_be_let_in_has_a_deadline without AdmissionDeadline,
    /// A thousand peers restart in one moment: never more dials than the budget has, and all must be back when it has gone
    /// around once.
    x8_a_thousand_peers_return_at_once without DialBudget,
    /// A hears B, and B does not hear A: both must agree within `detect_within` that there is no session, and have it
    /// back when the network is whole.
    x9_a_loss_one_way_ends_the_link_at_both_ends without SilenceIsDeath,
}

/// The same, and announcements go out.
fn announcing() -> Config {
    Config { announce_every: Some(secs(120)), ..config() }
}

fn m1_a_node_that_wakes_says_so<S: Storage, R: Rules>(rules: R) {
    for seed in 0..6 {
        for frozen in [false, true] {
            let mut world = crate::world::<S, R>(seed, rules.clone());
            world.announcements(None);
            let sleeper = world.add(announcing());
            let others = [0; 4].map(|_| world.add(announcing()));
            for other in others {
                meet(&mut world, other, sleeper);
            }
            world.run_for(secs(15));
            let before = announcements(&world, sleeper).len();
            if frozen {
                world.freeze(sleeper, secs(60));
            } else {
                world.suspend(sleeper, secs(60));
            }
            world.run_for(secs(60) - millis(1));
            holds(&world, others.iter().all(|other| !world.up(*other, sleeper)), "everyone gave it up");
            world.announcements(Some(Vouched::ByMember));
            let woke = world.now() + millis(1);

            let back = world
                .run_until(millis(1001), |world| others.iter().all(|other| world.agreed(*other, sleeper)));

            back.expect("all are back within a second");
            assert_eq!(announcements(&world, sleeper)[before..], [(woke, Cause::Woke)]);
        }
    }
}

fn m2_a_fresh_dial_takes_over_from_the_link_that_slept<S: Storage, R: Rules>(rules: R) {
    for seed in 0..4 {
        for sleeper_decides in [false, true] {
            let (mut world, mut a, mut b) = pair::<S, R>(seed, &rules, millis(2));
            if !sleeper_decides {
                (a, b) = (b, a);
            }
            world.dial(b, a);
            world.run_until(secs(1), |world| world.agreed(a, b)).expect("they meet");
            let old = carrying(&world, a, b);
            world.black_hole_stream(old, Direction::Both);
            world.suspend(a, secs(60));
            world.run_for(secs(60));
            holds(&world, world.up(a, b) && !world.up(b, a), "it still holds its old link");

            world.dial(b, a);
            world.run_until(millis(50), |world| world.agreed(a, b)).expect("the newcomer takes over at once");

            assert_ne!(carrying(&world, a, b), old);
            let changes = world.changes(a, b);
            assert!(changes.iter().all(|now| matches!(now, Standing::Up { .. })), "{changes:?}");
        }
    }
}

fn m3_nobody_is_stale_for_time_slept_through<S: Storage, R: Rules>(rules: R) {
    for (seed, after) in [3, 7, 12, 60, 3_000, 30_000].into_iter().enumerate() {
        for patient in [secs(10), secs(3)] {
            let mut world = crate::world::<S, R>(seed as u64, rules.clone());
            world.delay(millis(2));
            let config = Config { detect_within: patient, ..config() };
            let (a, b) = (world.add(config), world.add(config));
            world.keep(a, b);
            world.run_for(millis(after));
            let told = world.changes(a, b).len();
            world.freeze(a, secs(60));
            world.freeze(b, secs(60));
            world.run_for(secs(60));
            world.run_for(secs(20));

            holds(&world, world.agreed(a, b), "they are up");
            let changes = &world.changes(a, b)[told..];
            holds(&world, changes.len() <= 1 && always_up(changes), "nothing else was told");
            assert_eq!((dials(&world, a).len(), dials(&world, b).len()), (1, 0));
        }
    }
}

fn m15_whoever_can_dial_dials<S: Storage, R: Rules>(rules: R) {
    for seed in 0..4 {
        for swapped in [false, true] {
            let (mut world, mut a, mut b) = pair::<S, R>(seed, &rules, millis(2));
            if swapped {
                (a, b) = (b, a);
            }
            world.dial(b, a);
            world.run_until(secs(1), |world| world.agreed(a, b)).expect("they meet");
            world.run_for(secs(20));

            world.lose(carrying(&world, a, b), End::Both);
            world
                .run_until(millis(20), |world| world.agreed(a, b))
                .expect("at once, after a link that was of use");

            let explained = world.mesh(a).explain(&world.id(b)).expect("it is known");
            assert_eq!(explained.dialing, Dialing::NoAddress, "only the other could dial");
        }
    }
}

fn m17_a_leave_is_known_at_once<S: Storage, R: Rules>(rules: R) {
    for (seed, delay) in [0, 1, 20, 200].into_iter().enumerate() {
        let (mut world, a, b) = pair::<S, R>(seed as u64, &rules, millis(delay));
        world.dial(a, b);
        world.run_until(secs(2), |world| world.agreed(a, b)).expect("they meet");
        world.run_for(secs(1));
        let leaves = world.now();
        let tried = dials(&world, a).len();

        world.stop(b, Stop::Leave);

        let took = world.now() - leaves;
        holds(&world, took <= millis(delay * 2 + 1), "leaving takes a round trip");
        assert_eq!(world.standing(a, b), Some(Standing::Down { reason: Some(Reason::Left) }));
        world.run_for(secs(600));
        assert_eq!(dials(&world, a).len(), tried, "who left is not dialed");
        assert_eq!(world.changes(a, b).len(), 3, "known, up, down: {:?}", world.changes(a, b));
    }
}

fn m18_a_network_change_during_a_redial<S: Storage, R: Rules>(rules: R) {
    for seed in 0..3 {
        for after in 0..12 {
            let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(2));
            meet(&mut world, a, b);
            world.run_for(secs(20));
            // The other end redials, and is somewhere in its handshake.
            world.dial(b, a);
            world.run_for(millis(after));
            for link in world.links(a, b) {
                world.black_hole_stream(link.stream, Direction::Both);
            }
            world.move_address(a);
            world.tell(a, Event::Wake(Wake::Moved));

            // A probe's time, with what a pong on its way adds to it, and a dial.
            let back = world.run_until(millis(1100), |world| {
                let new = |n, other| {
                    let stream = world.carrier(n, other).and_then(|link| world.stream_of(n, link));
                    stream.and_then(|stream| world.links(a, b).into_iter().find(|link| link.stream == stream))
                };
                new(a, b).is_some_and(|link| link.dialer.node == a && dials(world, a).len() > 1)
                    && new(a, b) == new(b, a)
            });

            back.expect("the session goes over a new link");
            world.run_until(secs(10), |world| world.agreed(a, b)).expect("and what hung is gone");
            holds(&world, dials(&world, a).len() + dials(&world, b).len() <= 6, "no storm");
        }
    }
}

fn m19_coming_back_waits_for_nothing<S: Storage, R: Rules>(rules: R) {
    let mut waited = Duration::ZERO;
    for seed in 0..8 {
        let mut world = crate::world::<S, R>(seed, rules.clone());
        let (a, b) = (world.add(announcing()), world.add(announcing()));
        meet(&mut world, a, b);
        world.run_for(secs(20));
        world.partition(&[&[a]]);
        world.tell(a, Event::Wake(Wake::Moved));
        world.run_for(secs(120) + millis(seed * 777));
        holds(&world, !world.up(a, b), "it is offline");
        let explained = world.mesh(a).explain(&world.id(b)).expect("it is known");
        if let Dialing::In(span) = explained.dialing {
            waited = waited.max(span);
        }
        // It is gone and back within the time between two announcements.
        world.tell(a, Event::Wake(Wake::Moved));
        world.run_for(millis(300));
        world.partition(&[]);
        world.announcements(None);
        let back = world.now();
        world.tell(a, Event::Wake(Wake::Moved));

        let under_way = matches!(explained.dialing, Dialing::UnderWay);
        let took = world.run_until(secs(6), |world| world.agreed(a, b)).expect("they are back");

        // A dial that was under way in the old network has its own deadline.
        holds(&world, under_way || took < millis(1200), "nothing holds it back");
        world.run_for(secs(1));
        let said = announcements(&world, a).iter().filter(|(at, _)| *at >= back).count();
        assert_eq!(said, 1, "it says once that it is back");
    }
    assert!(waited > secs(2), "some were to wait for long: {waited:?}");
}

/// What a dial of a node leads to, each time, for this long.
fn each_dial<S: Storage, R: Rules>(
    world: &mut World<S, R>,
    n: NodeName,
    span: Duration,
    mut leads_to: impl FnMut(&mut World<S, R>, LinkId),
) {
    let end = world.now() + span;
    let mut seen = 0;
    // The bound is for a rule that is taken away: it would go on for ever.
    while world.now() < end && seen < 2_000 {
        let left = end - world.now();
        let came = world.run_until(left, |world| world.mesh(n).stats().dials > seen as u64);
        if came.is_ok()
            && let Some((_, link)) = dials(world, n).get(seen)
        {
            seen += 1;
            leads_to(world, *link);
        }
    }
}

fn m22_a_socket_that_opens_is_no_success<S: Storage, R: Rules>(rules: R) {
    for seed in 0..3 {
        let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(1));
        world.stop(b, Stop::Vanish);
        world.keep(a, b);
        let an_hour = secs(3600);
        each_dial(&mut world, a, an_hour, |world, link| {
            world.tell(a, Event::Connected { link });
            world.run_for(millis(1));
            world.tell(a, Event::Closed { link, error: SystemError::Reset });
        });
        // A wait of up to ten seconds between two: 720 on the average.
        let many = dials(&world, a).len();
        assert!((600..850).contains(&many), "{many} dials in an hour");
    }
}

fn m25_who_was_thrown_out_stays_away<S: Storage, R: Rules>(rules: R) {
    for seed in 0..2 {
        let mut world = crate::world::<S, R>(seed, rules.clone());
        let patient = Config { detect_within: secs(60), ..config() };
        let (a, b) = (world.add(patient), world.add(patient));
        meet(&mut world, b, a);
        let mut came = Vec::new();
        while world.now() < secs(5 * 3600) && came.len() < 20 {
            came.push(world.now());
            world.tell(a, Event::Expel { peer: world.id(b) });
            world.run_for(millis(100));
            let refused = Reason::Refused(Refusal::NotListed);
            assert_eq!(world.standing(b, a), Some(Standing::Down { reason: Some(refused) }));
            if world.run_until(secs(2 * 3600), |world| world.agreed(a, b)).is_err() {
                break;
            }
        }
        let away: Vec<u64> = came.windows(2).map(|two| (two[1] - two[0]).as_secs() / 60).take(6).collect();
        assert_eq!(away, [5, 10, 20, 40, 60, 60], "minutes between two visits");
        assert_eq!(
            dials(&world, b).len(),
            came.len() + usize::from(world.agreed(a, b)),
            "one dial for each visit"
        );
    }
}

fn o11_a_handshake_that_fails_is_tried_ever_less<S: Storage, R: Rules>(rules: R) {
    for seed in 0..3 {
        let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(1));
        world.stop(b, Stop::Vanish);
        world.keep(a, b);
        each_dial(&mut world, a, secs(600), |world, link| {
            world.tell(a, Event::Connected { link });
            world.tell(a, Event::Closed { link, error: SystemError::Ended });
        });
        let times = dials(&world, a);
        let waits: Vec<_> = times.windows(2).map(|two| two[1].0 - two[0].0).collect();
        for (failures, wait) in waits.iter().enumerate() {
            let bound = (millis(500) * (1 << failures.min(5))).min(secs(10));
            assert!(*wait <= bound, "{wait:?} after {} failures", failures + 1);
        }
        assert!((80..180).contains(&times.len()), "{} dials in ten minutes", times.len());
        let ended = Reason::System(SystemError::Ended);
        assert_eq!(world.standing(a, b), Some(Standing::Down { reason: Some(ended) }));
        let explained = world.mesh(a).explain(&world.id(b)).expect("it is known");
        assert!(explained.failures >= 10, "{explained}");
    }
}

fn o12_a_step_of_the_wall_clock_ages_nobody<S: Storage, R: Rules>(rules: R) {
    const HOUR: i64 = 3_600_000_000;
    for step in [HOUR, -HOUR, 30 * 24 * HOUR, 3_000_000, -3_000_000] {
        let (mut world, a, b) = pair::<S, R>(1, &rules, millis(2));
        let link = meet(&mut world, a, b);
        world.run_for(secs(20));
        let probes = world.mesh(a).stats().probes;

        world.step_clock(a, step);
        world.run_for(secs(60));

        let cost = u64::from(step > 0);
        assert_eq!(world.mesh(a).stats().probes, probes + cost, "one round of probes at most");
        assert_eq!(carrying(&world, a, b), link);
        assert_eq!(world.changes(a, b).len(), 2, "{}", world.report());

        // Nobody is young for ever either.
        world.stop(b, Stop::Vanish);
        world.run_until(secs(11), |world| !world.up(a, b)).expect("silence is found as ever");
    }
}

fn o32_a_suspend_is_seen_by_the_second_clock<S: Storage, R: Rules>(rules: R) {
    for (seed, asleep) in [2, 60, 86_400].into_iter().enumerate() {
        let mut world = crate::world::<S, R>(seed as u64, rules.clone());
        let (a, b) = (world.add(announcing()), world.add(announcing()));
        meet(&mut world, a, b);
        world.run_for(secs(21));
        world.black_hole(a, b, Direction::Both);
        let before = sent(&world, a).len();
        world.suspend(a, secs(asleep));
        world.run_for(secs(asleep));
        let woke = world.now();

        let asked = |frame: &Frame| matches!(frame, Frame::Ping { .. });
        let probed = sent(&world, a)[before..].iter().any(|(at, (_, frame))| *at == woke && asked(frame));
        holds(&world, probed, "it asks in the moment in which it wakes");
        assert_eq!(announcements(&world, a).last(), Some(&(woke, Cause::Woke)));
        assert_eq!(world.mesh(a).stats().gaps, 1);
        world.run_for(millis(1001));
        let last = dials(&world, a).last().map(|(at, _)| *at);
        assert_eq!(last, Some(woke + secs(1)), "who does not answer is dialed after a probe's time");
    }
}

fn o34_frames_from_before_the_freeze_prove_nothing<S: Storage, R: Rules>(rules: R) {
    for seed in 0..4 {
        let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(2));
        world.dial(b, a);
        world.run_until(secs(1), |world| world.agreed(a, b)).expect("they meet");
        let stream = carrying(&world, a, b);
        world.run_for(millis(20_100));
        // For three seconds the network holds what B sends.
        world.black_hole_stream(stream, Direction::From(b));
        world.run_for(millis(3_200));
        world.freeze(a, secs(6));
        world.run_for(secs(1));
        world.heal_stream(stream);
        world.run_for(secs(1));
        world.stop(b, Stop::Vanish);
        world.run_for(secs(4));
        holds(&world, world.up(a, b), "it does not know yet");

        let took = world.run_until(secs(11), |world| !world.up(a, b)).expect("silence is found");

        holds(&world, took < secs(7), "the silence counts from before the freeze");
        assert_eq!(world.standing(a, b), Some(Standing::Away { reason: Reason::Silent }));
    }
}

fn o36_a_probe_waits_for_the_round_trip<S: Storage, R: Rules>(rules: R) {
    for seed in 0..3 {
        let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(1_500));
        let stream = meet(&mut world, a, b);
        for n in [a, b] {
            world.tell(n, Event::Wake(Wake::Moved));
        }
        world.run_for(secs(600));
        assert_eq!(carrying(&world, a, b), stream);
        assert_eq!((dials(&world, a).len(), dials(&world, b).len()), (1, 0));
    }
}

fn o40_answers_are_not_answered<S: Storage, R: Rules>(rules: R) {
    let mut world = crate::world::<S, R>(1, rules);
    let n = world.add(announcing());
    world.run_for(secs(5));
    let said = announcements(&world, n).len();
    let tell = |world: &mut World<S, R>, number: u32, kind| {
        let announcement = Announcement { node: minted(number), incarnation: Incarnation::new(1, 1), kind };
        let host = u8::try_from(number).unwrap_or(u8::MAX);
        world.announce(n, &[Route::direct(elsewhere(host))], announcement, Vouched::ByMember);
    };
    for number in 1..=6 {
        tell(&mut world, number, AnnouncementKind::Answer);
        world.run_for(millis(700));
    }
    assert_eq!(announcements(&world, n).len(), said, "answers are not answered");

    tell(&mut world, 7, AnnouncementKind::Hail);
    world.run_for(secs(3));
    let answers = &announcements(&world, n)[said..];
    assert!(matches!(answers, [(_, Cause::Answer)]), "one who hails is: {answers:?}");
}

fn o41_waiting_to_be_let_in_has_a_deadline<S: Storage, R: Rules>(rules: R) {
    for late in [0, 1, 5_000, 9_999] {
        let mut world = crate::world::<S, R>(1, rules.clone());
        let n = world.add(config());
        world.run_for(secs(1));
        let opened = world.now();
        let link = world.accept_stranger(n, elsewhere(1)).expect("there is room");
        world.run_for(millis(late));
        prove(&mut world, n, link, minted(1));
        world.run_for(secs(30));
        assert_eq!(closes(&world, n), [(opened + secs(10), (link, Reason::Silent))]);
        assert_eq!(world.mesh(n).peers().count(), 0);
    }
}

fn x8_a_thousand_peers_return_at_once<S: Storage, R: Rules>(rules: R) {
    let many = S::PEERS.unwrap_or(1_000).min(1_000);
    let limits = Limits {
        peers: many as u32,
        dials_in_flight: (many / 32).max(2) as u32,
        dials_per_second: (many / 16).max(3) as u32,
        ..config().limits
    };
    let patient = Config { detect_within: secs(120), ..config() };
    let mut world = crate::world::<S, R>(1, rules);
    world.keep_log(1 << 20);
    let hub = world.add(Config { limits, ..patient });
    let small = Limits { peers: 1, half_open: 4, dials_in_flight: 1, ..limits };
    let peers: Vec<_> = (0..many).map(|_| world.add(Config { limits: small, ..patient })).collect();
    for peer in &peers {
        world.keep(hub, *peer);
    }
    let budget = limits.dials_per_second as usize;
    // The budget counts by eighths of a second, and is never exceeded: nine of them hold what a second may.
    let round = secs(1) + millis(1_125) * (many / budget) as u32;
    world.run_for(round + secs(11));
    let before = dials(&world, hub).len();
    assert_eq!(before, many, "one dial for each");

    for peer in &peers {
        world.stop(*peer, Stop::Kill);
        world.start(*peer, Start::Fresh);
    }
    let returned = world.now();
    while world.now() < returned + round {
        world.run_for(millis(100));
        world.mesh(hub).audit().expect("no more dials are in flight than may be");
    }

    let away: Vec<_> = peers.iter().filter(|peer| !world.up(hub, **peer)).collect();
    assert_eq!(away.len(), 0, "all are back");
    let times: Vec<Duration> = dials(&world, hub).iter().map(|(at, _)| *at).collect();
    for (last, at) in times.iter().enumerate() {
        let second = times[..=last].iter().rev().take_while(|before| *at - **before < secs(1)).count();
        assert!(second <= budget, "{second} dials within a second");
    }
    let dialed = times.len() - before;
    assert_eq!(dialed, many, "one dial for each");
}

fn x9_a_loss_one_way_ends_the_link_at_both_ends<S: Storage, R: Rules>(rules: R) {
    for seed in 0..3 {
        for swapped in [false, true] {
            let (mut world, mut a, mut b) = pair::<S, R>(seed, &rules, millis(2));
            if swapped {
                (a, b) = (b, a);
            }
            meet(&mut world, b, a);
            world.run_for(secs(20));

            world.black_hole(a, b, Direction::From(a));
            let agree = world.run_until(millis(10_010), |world| !world.up(a, b) && !world.up(b, a));

            agree.expect("both see within detect_within that there is no session");
            assert_eq!(world.standing(b, a), Some(Standing::Away { reason: Reason::Silent }));
            world.run_for(secs(30));
            holds(&world, !world.up(a, b) && !world.up(b, a), "and say so as long as it lasts");
            world.heal_all();
            world.run_until(secs(16), |world| world.agreed(a, b)).expect("it is back");
        }
    }
}
