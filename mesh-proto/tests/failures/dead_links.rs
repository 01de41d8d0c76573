//! Dead links: when silence is death, and when it is not.

use core::time::Duration;

use mesh_proto::rules::Rules;
use mesh_proto::sim::{Direction, End, NodeName, World};
use mesh_proto::storage::Storage;
use mesh_proto::{Config, ConfigError, Event, Reason, Standing, SystemError};

use crate::failures;
use crate::pair::{
    agree, carrying, changes, config, connect, dials, ended, millis, never_away, pair, pair_of, second_link,
    secs, stays_up,
};

failures! {
    /// Two places judged silence by different numbers, and the two ends chose opposite winners. The smaller knob counts
    /// at both.
    s8_two_places_with_different_numbers without SmallerKnob,
    /// The dial timeout stayed armed after the connection, and idle links died of it.
    s9_an_idle_link_outlives_its_dial without PingsBeforeDeath,
    /// Ping times tight enough to drop what Wi-Fi loses for a while, and phones in the background. A probe that ran out
    /// drops nothing.
    s15_a_blip_shorter_than_the_knob without RunOutIsNotDeath,
    /// An idle healthy link was stale, because the threshold lay below the ping interval, and a duplicate replaced it.
    o1_a_duplicate_of_an_idle_link without NewcomerWaits,
    /// Life was noted for the peer, so traffic on one link kept a dead one fresh, and preferred.
    o10_traffic_beside_a_dead_link without LifePerLink,
    /// The sweep for silence ran before the wake was taken: everyone was dropped, and nobody was left to probe.
    o33_the_sweep_runs_before_the_wake without WakeBeforeExpiry,
    /// The sweep after a wake killed a session that was rebuilt meanwhile. What was asked on one link is its own affair.
    o35_a_session_rebuilt_while_the_sweep_is_due without LinkNames,
    /// The threshold of death lay below the ping interval. One follows from the other, for any pair of knobs, and what
    /// contradicts itself is refused.
    o37_a_threshold_below_the_ping_interval without PingsBeforeDeath,
    /// One end thought the session was up, the other did not, for days.
    x5_one_end_thinks_it_is_up without SilenceIsDeath,
}

/// The profiles, within the tables of these tests.
fn profiles() -> [Config; 4] {
    [Config::loopback(), Config::lan(), Config::wan(), Config::battery()]
        .map(|profile| Config { detect_within: profile.detect_within, ..config() })
}

/// Waits until neither says that the other is up, and says how long that took.
fn both_notice<S: Storage, R: Rules>(world: &mut World<S, R>, a: NodeName, b: NodeName) -> Duration {
    let noticed = |world: &World<S, R>| !world.up(a, b) && !world.up(b, a);
    world.run_until(secs(300), noticed).expect("both notice")
}

fn s8_two_places_with_different_numbers<S: Storage, R: Rules>(rules: R) {
    for here in profiles() {
        for there in profiles() {
            let smaller = here.detect_within.min(there.detect_within);
            let (mut world, a, b) = pair_of::<S, R>(1, &rules, here, there);
            connect(&mut world, b, a);
            let before = (carrying(&world, a, b), changes(&world, a, b));
            world.run_for(smaller * 10);
            assert_eq!((carrying(&world, a, b), changes(&world, a, b)), before, "it is healthy");
            world.black_hole(a, b, Direction::Both);
            let took = both_notice(&mut world, a, b);
            assert!(took <= smaller, "{smaller:?}: {took:?}");
            for (here, there) in [(a, b), (b, a)] {
                assert_eq!(world.standing(here, there), Some(Standing::Away { reason: Reason::Silent }));
            }
        }
    }
}

fn s9_an_idle_link_outlives_its_dial<S: Storage, R: Rules>(rules: R) {
    // Up to the last moment of the dial, and of the handshake.
    for delay in [1, 300, 2400] {
        for way in 0..2 {
            let (mut world, a, b) = pair::<S, R>(delay, &rules);
            let (from, to) = [(a, b), (b, a)][way];
            world.delay(millis(delay));
            connect(&mut world, from, to);
            let before = (carrying(&world, a, b), changes(&world, a, b));
            world.run_for(secs(3600));
            assert_eq!((carrying(&world, a, b), changes(&world, a, b)), before);
            assert_eq!((dials(&world, from), dials(&world, to)), (1, 0));
        }
    }
}

fn s15_a_blip_shorter_than_the_knob<S: Storage, R: Rules>(rules: R) {
    for profile in profiles() {
        for direction in 0..3 {
            let (mut world, a, b) = pair_of::<S, R>(1, &rules, profile, profile);
            connect(&mut world, b, a);
            let before = (carrying(&world, a, b), changes(&world, a, b));
            let direction = [Direction::Both, Direction::From(a), Direction::From(b)][direction];
            for _ in 0..3 {
                // It begins up to an interval after something was heard, and ends before that is too long ago.
                world.black_hole(a, b, direction);
                world.run_for(profile.detect_within * 7 / 10);
                world.heal(a, b);
                world.run_for(profile.detect_within);
                assert!(world.agreed(a, b), "{}", world.report());
                assert_eq!((carrying(&world, a, b), changes(&world, a, b)), before);
            }
            // The process of a phone in the background stands still.
            world.freeze(b, profile.detect_within * 7 / 10);
            world.run_for(profile.detect_within * 2);
            assert!(world.agreed(a, b), "{}", world.report());
            assert_eq!((carrying(&world, a, b), changes(&world, a, b)), before);
        }
    }
}

fn o1_a_duplicate_of_an_idle_link<S: Storage, R: Rules>(rules: R) {
    for idle in [0, 1000, 2400, 2600, 9900, 60_000, 3_600_000] {
        for way in 0..2 {
            let (mut world, a, b) = pair::<S, R>(idle, &rules);
            let (from, to) = [(a, b), (b, a)][way];
            connect(&mut world, from, to);
            let before = (carrying(&world, a, b), changes(&world, a, b));
            world.run_for(millis(idle));
            second_link(&mut world, from, to);
            agree(&mut world, a, b, secs(2));
            assert_eq!(
                (ended(&world, a), ended(&world, b)),
                (vec![Reason::Duplicate], vec![Reason::Duplicate])
            );
            assert_eq!((carrying(&world, a, b), changes(&world, a, b)), before);
        }
    }
}

fn o10_traffic_beside_a_dead_link<S: Storage, R: Rules>(rules: R) {
    // Pings go more often than a probe waits.
    let quick = Config { detect_within: secs(3), ..config() };
    for way in 0..2 {
        let (mut world, a, b) = pair_of::<S, R>(1, &rules, quick, quick);
        let (from, to) = [(a, b), (b, a)][way];
        connect(&mut world, from, to);
        let dead = carrying(&world, a, b).expect("they are up");
        world.black_hole_stream(dead, Direction::Both);
        second_link(&mut world, from, to);
        let took = agree(&mut world, a, b, secs(20));
        assert!(took <= millis(1020), "a probe time: {took:?}\n{}", world.report());
        assert_eq!((ended(&world, a), ended(&world, b)), (vec![Reason::Silent], vec![Reason::Silent]));
        never_away(&world, a, b);
    }
}

fn o33_the_sweep_runs_before_the_wake<S: Storage, R: Rules>(rules: R) {
    for asleep in [secs(3), secs(30), secs(3600)] {
        for suspend in [false, true] {
            let (mut world, a, b) = pair::<S, R>(1, &rules);
            let c = world.add(config());
            for (from, to) in [(a, b), (b, c), (c, a)] {
                connect(&mut world, from, to);
            }
            let pairs = [(a, b), (b, c), (a, c)];
            let held =
                |world: &World<S, R>| pairs.map(|(x, y)| (carrying(world, x, y), changes(world, x, y)));
            let before = held(&world);
            // All at once, so that what each remembers of the others is all there is.
            for n in [a, b, c] {
                if suspend {
                    world.suspend(n, asleep);
                } else {
                    world.freeze(n, asleep);
                }
            }
            world.run_for(asleep + secs(30));
            assert_eq!(held(&world), before, "nobody was dropped");
            for n in [a, b, c] {
                assert_eq!(ended(&world, n), [], "{}", world.report());
                assert!(world.mesh(n).stats().gaps <= 1, "one pause, one wake");
            }
        }
    }
}

fn o35_a_session_rebuilt_while_the_sweep_is_due<S: Storage, R: Rules>(rules: R) {
    for asleep in [3000, 5000, 9000] {
        for way in 0..2 {
            let (mut world, a, b) = pair::<S, R>(asleep, &rules);
            let (sleeper, other) = [(a, b), (b, a)][way];
            connect(&mut world, other, sleeper);
            let link = world.carrier(sleeper, other).expect("they are up");
            let old = carrying(&world, a, b).expect("they are up");
            world.freeze(sleeper, millis(asleep));
            world.run_for(millis(asleep / 2));
            world.lose(old, End::Both);
            world.run_for(millis(asleep / 2));
            agree(&mut world, a, b, millis(50));
            let rebuilt = (carrying(&world, a, b), changes(&world, a, b));
            // The verdict on what was asked of the old link comes now, and again when its silence is too long.
            for _ in 0..3 {
                world.tell(sleeper, Event::Closed { link, error: SystemError::TimedOut });
                world.run_for(secs(6));
            }
            assert!(world.agreed(a, b), "{}", world.report());
            assert_eq!((carrying(&world, a, b), changes(&world, a, b)), rebuilt);
            assert_eq!((dials(&world, other), dials(&world, sleeper)), (2, 0));
        }
    }
}

fn o37_a_threshold_below_the_ping_interval<S: Storage, R: Rules>(rules: R) {
    let contradicting = [
        Config { detect_within: millis(1900), ..config() },
        Config { probe_floor: secs(6), ..config() },
        Config { handshake_within: millis(900), ..config() },
        Config { idle_after: Some(secs(9)), ..config() },
    ];
    for config in contradicting {
        assert!(matches!(config.check(), Err(ConfigError::Contradiction { .. })), "{config:?}");
    }
    for here in [2000, 3000, 10_000, 120_000] {
        for there in [2000, 2500, 30_000] {
            let knob = |knob| Config { detect_within: millis(knob), ..config() };
            let (mut world, a, b) = pair_of::<S, R>(1, &rules, knob(here), knob(there));
            connect(&mut world, a, b);
            let before = (carrying(&world, a, b), changes(&world, a, b));
            let smaller = millis(here.min(there));
            for _ in 0..40 {
                world.run_for(smaller / 4);
                for (x, y) in [(a, b), (b, a)] {
                    let explanation = world.mesh(x).explain(&world.id(y)).expect("it is known");
                    let silent = explanation.links.first().and_then(|link| link.silent_for);
                    assert!(silent.is_some_and(|silent| silent <= smaller / 2), "{silent:?} of {smaller:?}");
                }
            }
            assert_eq!((carrying(&world, a, b), changes(&world, a, b)), before);
        }
    }
}

fn x5_one_end_thinks_it_is_up<S: Storage, R: Rules>(rules: R) {
    for phase in (0..2500).step_by(500) {
        for way in 0..2 {
            let (mut world, a, b) = pair::<S, R>(phase, &rules);
            let (thinks, knows) = [(a, b), (b, a)][way];
            connect(&mut world, thinks, knows);
            world.run_for(millis(phase));
            let old = carrying(&world, a, b).expect("they are up");
            // The one that knows cannot say so, and has no address to dial; nor is it where it was.
            world.black_hole_stream(old, Direction::Both);
            world.lose(old, End::Only(knows));
            world.move_address(knows);
            stays_up(&world, thinks, knows);
            let took = both_notice(&mut world, a, b);
            assert!(took <= config().detect_within, "{took:?}");
            let silent = Standing::Away { reason: Reason::Silent };
            assert_eq!(world.standing(thinks, knows), Some(silent));
            world.keep(thinks, knows);
            agree(&mut world, a, b, secs(6));
        }
    }
}
