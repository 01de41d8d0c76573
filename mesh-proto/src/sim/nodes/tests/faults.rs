//! Each fault does what it says.

use alloc::format;
use core::net::SocketAddr;

use super::{closed, member, ms, outside, pair, say, secret, secs, was_told};
use crate::event::Route;
use crate::news::Standing;
use crate::node::{Input, LetsIn, Settings};
use crate::reason::{Reason, Refusal, SystemError};
use crate::sim::net::Job;
use crate::sim::nodes::{Told, What, World};
use crate::sim::{Direction, End, Start, Stop};
use crate::time::Now;
use crate::wire::MeshSecrets;

#[test]
fn a_stream_that_is_lost_at_one_end_is_learned_of_at_the_other_by_writing() {
    let (mut world, a, b) = pair(1);
    let (stream, began) = (world.streams_between(a, b)[0], world.now());
    world.lose(stream, End::Only(b));
    let is_closed = |told: &Told| matches!(told, Told::Closed { error: SystemError::Reset, .. });
    assert!(was_told(&world, b, began, is_closed) && !was_told(&world, a, began, is_closed));
    say(&mut world, a, b, 100);
    world.run_for(secs(2));
    assert!(was_told(&world, a, began, is_closed));
    assert!(world.agreed(a, b) && world.inbox(b).len() == 1, "{}", world.report());
}

#[test]
fn a_stream_that_is_lost_at_both_ends_is_lost_at_once() {
    let (mut world, a, b) = pair(2);
    let (stream, began) = (world.streams_between(a, b)[0], world.now());
    say(&mut world, a, b, 100);
    world.lose(stream, End::Both);
    for n in [a, b] {
        assert!(was_told(&world, n, began, |told| matches!(told, Told::Closed { .. })));
    }
    world.run_for(secs(2));
    assert_eq!((world.streams().len(), world.inbox(b).len()), (2, 1), "what was under way goes out again");
}

#[test]
fn a_black_hole_holds_everything_until_it_is_healed() {
    let (mut world, a, b) = pair(3);
    world.black_hole(a, b, Direction::Both);
    say(&mut world, a, b, 100);
    world.run_for(secs(3));
    assert!(world.inbox(b).is_empty() && world.up(a, b) && world.up(b, a));
    world.heal(a, b);
    world.run_for(secs(1));
    assert!(world.inbox(b).len() == 1 && world.streams().len() == 1);
    world.black_hole(a, b, Direction::Both);
    world.run_for(secs(20));
    assert!(!world.up(a, b) && !world.up(b, a), "nobody was told, and both have noticed");
}

#[test]
fn a_black_hole_may_swallow_one_way_only() {
    let (mut world, a, b) = pair(4);
    world.black_hole(a, b, Direction::From(a));
    say(&mut world, a, b, 100);
    say(&mut world, b, a, 100);
    world.run_for(secs(2));
    assert_eq!((world.inbox(a).len(), world.inbox(b).len()), (1, 0));
}

#[test]
fn a_black_hole_on_one_stream_leaves_the_others_alone() {
    let (mut world, a, b) = pair(5);
    let stream = world.streams_between(a, b)[0];
    world.black_hole_stream(stream, Direction::Both);
    world.run_until(secs(20), |world| world.agreed(a, b) && world.streams().len() > 1).expect("by another");
}

#[test]
fn a_partition_is_between_groups_and_heals() {
    let (mut world, a, b) = pair(6);
    let c = world.add(member(3));
    for n in [a, b] {
        world.keep(n, c);
    }
    world.run_until(secs(5), |world| world.agreed(a, c) && world.agreed(b, c)).expect("all agree");
    world.partition(&[&[a, c], &[b]]);
    world.run_for(secs(30));
    assert!(world.agreed(a, c) && !world.up(a, b) && !world.up(c, b));
    world.heal_all();
    world.run_until(secs(30), |world| world.agreed(a, b) && world.agreed(b, c)).expect("all agree again");
}

#[test]
fn a_frozen_node_reads_late_and_loses_nothing() {
    for frozen_first in [true, false] {
        let (mut world, a, b) = pair(7);
        let (n, other) = if frozen_first { (a, b) } else { (b, a) };
        world.freeze(n, secs(5));
        assert!(!world.runs(n) && !world.is_stopped(n));
        say(&mut world, other, n, 1000);
        world.run_for(secs(4));
        assert!(world.inbox(n).is_empty());
        world.run_for(secs(2));
        assert_eq!(world.inbox(n).len(), 1);
        assert!(world.up(n, other) && world.up(other, n));
    }
}

#[test]
fn a_suspended_nodes_first_clock_stands_still() {
    let (mut world, a, b) = pair(8);
    let before = world.reading(a);
    world.suspend(a, secs(5));
    say(&mut world, b, a, 1000);
    world.run_for(secs(4));
    let Now { awake, elapsed } = world.reading(a);
    assert_eq!((awake.since(before.awake), elapsed.since(before.elapsed)), (secs(0), secs(4)));
    assert!(world.inbox(a).is_empty());
    world.run_for(secs(2));
    assert_eq!(world.inbox(a).len(), 1);
    assert_eq!(world.reading(a).awake.since(before.awake), secs(1));
}

#[test]
fn a_step_of_the_clock_costs_no_link() {
    let (mut world, a, b) = pair(9);
    let before = world.reading(a);
    world.step_clock(a, 3_600_000_000);
    assert_eq!(world.reading(a).elapsed.since(before.elapsed), secs(3600));
    world.run_for(secs(30));
    assert!(world.agreed(a, b) && world.streams().len() == 1);
}

#[test]
fn who_is_killed_resets_and_who_vanishes_is_silent() {
    for (stop, at_once) in [(Stop::Kill, true), (Stop::Vanish, false)] {
        let (mut world, a, b) = pair(10);
        let began = world.now();
        world.stop(b, stop);
        assert!(world.is_stopped(b) && !world.up(b, a));
        world.run_for(secs(1));
        let reset = was_told(&world, a, began, |told| matches!(told, Told::Closed { .. }));
        assert_eq!(reset, at_once, "{stop:?}");
        world.run_for(secs(20));
        assert!(!world.up(a, b));
        world.start(b, Start::Fresh);
        world.run_until(secs(30), |world| world.agreed(a, b)).expect("it is found again");
    }
}

#[test]
fn who_leaves_says_so() {
    let (mut world, a, b) = pair(11);
    world.stop(b, Stop::Leave);
    assert_eq!(world.standing(a, b), Some(Standing::Down { reason: Some(Reason::Left) }));
}

#[test]
fn a_fresh_run_counts_on_and_a_restored_one_does_not() {
    let (mut world, a, b) = pair(12);
    let first = world.node(b).mesh().incarnation();
    for (start, number) in [(Start::Fresh, 2), (Start::Restored, 2), (Start::Fresh, 3)] {
        world.stop(b, Stop::Kill);
        world.start(b, start);
        let run = world.node(b).mesh().incarnation();
        assert_eq!((run.start, run.bits == first.bits), (number, false));
        world.run_until(secs(60), |world| world.agreed(a, b)).expect("it is believed");
        let of_run = world.log().iter().rev().take_while(|one| !matches!(one.what, What::Started(_)));
        let news = of_run.filter(|one| one.node == b && matches!(one.what, What::News(_)));
        assert!(news.count() > 0, "its news are read from the first");
    }
}

#[test]
fn another_run_has_the_secrets_and_the_list_that_the_last_one_was_given() {
    let (mut world, a, b) = pair(13);
    for n in [a, b] {
        world.change_secrets(n, MeshSecrets::one(secret(78)));
    }
    world.change_admission(b, LetsIn::Listed([world.id(a)].into_iter().collect()));
    for n in [a, b] {
        world.stop(n, Stop::Kill);
        world.start(n, Start::Fresh);
    }
    world.keep(a, b);
    world.run_until(secs(5), |world| world.agreed(a, b)).expect("both have the new secret");
    let (old, new) = (world.add(member(3)), world.add(member(4)));
    world.change_secrets(new, MeshSecrets::one(secret(78)));
    for (n, refusal) in [(old, Refusal::WrongMesh), (new, Refusal::NotListed)] {
        world.keep(n, b);
        world.run_for(secs(2));
        let reason = Some(Reason::Refused(refusal));
        assert_eq!(world.standing(n, b), Some(Standing::Down { reason }));
    }
}

#[test]
fn who_is_expelled_is_refused() {
    let (mut world, a, b) = pair(14);
    world.expel(b, a);
    world.run_for(secs(1));
    let reason = Some(Reason::Refused(Refusal::NotListed));
    assert_eq!(world.standing(a, b), Some(Standing::Down { reason }));
}

#[test]
fn a_clone_is_a_conflict() {
    let (mut world, a, b) = pair(15);
    let (twin, began) = (world.clone_of(b), world.now());
    assert_eq!(world.id(twin), world.id(b));
    assert_ne!(world.address(twin), world.address(b));
    world.keep(twin, a);
    world.run_for(secs(10));
    assert!(closed(&world, a, began).contains(&Reason::Conflict), "{}", world.report());
}

#[test]
fn a_node_that_moves_keeps_its_streams() {
    let (mut world, a, b) = pair(16);
    let old = world.address(b);
    let new = world.move_address(b);
    assert_ne!(old, new);
    world.run_for(secs(30));
    assert!(world.agreed(a, b) && world.streams().len() == 1);
    let c = world.add(member(3));
    for (address, found) in [(old, false), (new, true)] {
        world.tell(c, Input::KeepAt { route: Route::direct(address) });
        world.run_for(secs(1));
        assert_eq!(world.up(c, b), found);
    }
}

#[test]
fn a_system_without_room_opens_and_takes_no_stream() {
    let (mut world, a, b) = pair(17);
    let (c, began) = (world.add(outside(member(3))), world.now());
    world.exhaust(b);
    world.keep(c, b);
    world.keep(b, c);
    world.run_for(secs(5));
    let told = |n, error| {
        was_told(&world, n, began, |told| matches!(told, Told::Closed { error: why, .. } if *why == error))
    };
    assert!(told(c, SystemError::Refused) && told(b, SystemError::Exhausted));
    assert!(world.agreed(a, b) && !world.up(c, b), "what is there stays");
    world.relieve(b);
    world.run_until(secs(30), |world| world.agreed(b, c)).expect("there is room again");
}

#[test]
fn nobody_answers_from_nowhere_and_where_nobody_is_dials_are_refused() {
    let mut world = World::new(18);
    let a = world.add(member(1));
    let nobody = SocketAddr::from(([10, 8, 0, 1], 7000));
    for (address, refused) in [(world.nowhere(), false), (nobody, true)] {
        let began = world.now();
        world.tell(a, Input::KeepAt { route: Route::direct(address) });
        world.run_for(secs(1));
        let told = was_told(&world, a, began, |told| {
            matches!(told, Told::Closed { error: SystemError::Refused, .. })
        });
        assert_eq!(told, refused);
    }
}

#[test]
fn a_slow_dial_is_slow_alone() {
    let (mut world, a, b) = pair(19);
    world.slow_next_dial(a, ms(700));
    world.dial(a, b);
    let began = world.now();
    world
        .run_until(secs(10), |world| was_told(world, a, began, |told| matches!(told, Told::Connected { .. })))
        .expect("it opens");
    assert_eq!(world.now() - began, ms(1400));
}

#[test]
fn what_did_not_come_to_be_says_everything() {
    let (mut world, a, b) = pair(20);
    world.partition(&[&[a]]);
    let said = format!(
        "{:?}",
        world.run_until(secs(30), |world| !world.up(b, b) && world.up(b, b)).expect_err("never")
    );
    for part in ["it did not come to be within 30s", "seed 20, at", "Tick", "--- n0", "--- n1", "is away"] {
        assert!(said.contains(part), "'{part}' is not in\n{said}");
    }
}

#[test]
fn the_log_is_bounded() {
    let (mut world, a, b) = pair(21);
    world.keep_log(50);
    for _ in 0..200 {
        say(&mut world, a, b, 10);
        world.run_for(ms(10));
    }
    assert!((50..=100).contains(&world.log().len()));
    assert!(world.log().iter().all(|one| !matches!(one.what, What::Started(_))), "the oldest are gone");
}

#[test]
fn every_step_can_be_audited() {
    let mut world = World::new(22);
    world.audit_every_step();
    let asked = Settings { lets_in: LetsIn::Asked, ..member(1) };
    let (a, b) = (world.add(asked), world.add(member(2)));
    world.keep(b, a);
    world.run_for(secs(1));
    assert_eq!(world.asked(a), [world.id(b)]);
    let peer = world.id(b);
    world.answer(a, peer, crate::node::Verdict::LetIn);
    world.run_until(secs(1), |world| world.agreed(a, b)).expect("it was let in");
}

#[test]
#[should_panic(expected = "n0 does not run")]
fn a_node_that_does_not_run_cannot_be_told_anything() {
    let (mut world, a, b) = pair(23);
    world.freeze(a, secs(1));
    world.keep(a, b);
}

#[test]
#[should_panic(expected = "more than 1000000 things happen in one moment")]
fn a_storm_that_never_ends_is_one() {
    let (mut world, a, _) = pair(24);
    for _ in 0..=1_000_000 {
        // Of a timer that is set no more.
        world.net.schedule.arrange(world.net.now(), Job::Timer(a.0, 0));
    }
    world.run_for(secs(1));
}

#[test]
fn what_the_news_told_is_kept_from_run_to_run() {
    let (mut world, a, b) = pair(31);
    let told = world.changes(a, b);
    assert!(matches!(told.as_slice(), [.., Standing::Up { .. }]), "{told:?}");
    world.stop(a, Stop::Kill);
    world.start(a, Start::Fresh);
    world.keep(a, b);
    world.run_until(secs(9), |world| world.agreed(a, b)).expect("they agree again");
    let in_all = world.changes(a, b);
    let (before, since) = in_all.split_at(told.len());
    assert_eq!(before, told);
    assert!(matches!(since, [.., Standing::Up { .. }]), "{since:?}");
}
