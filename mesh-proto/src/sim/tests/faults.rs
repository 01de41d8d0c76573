//! Each fault does what it says.

use super::{frames, kinds, ms, pair, quiet_lan, secs, told};
use crate::event::Event;
use crate::message::{Message, Outcome};
use crate::news::Standing;
use crate::reason::{Reason, SystemError};
use crate::sim::reading::Word;
use crate::sim::stream::{At, Packet};
use crate::sim::{Direction, End, NodeName, Start, Stop, StreamName, World};

/// The reason of the last close that a node was told by its system since a moment.
fn closed(world: &World, n: NodeName, since: core::time::Duration) -> Option<SystemError> {
    told(world, n, since)
        .iter()
        .rev()
        .find_map(|(_, event)| if let Event::Closed { error, .. } = event { Some(*error) } else { None })
}

fn is_open(world: &World, a: NodeName, b: NodeName, stream: StreamName) -> [bool; 2] {
    let links = world.links(a, b);
    let link = links.iter().find(|link| link.stream == stream);
    [a, b].map(|n| link.and_then(|link| link.at(n)).is_some_and(|end| end.open))
}

#[test]
fn a_stream_can_be_lost_at_both_ends() {
    let (mut world, a, b, stream) = pair(1, quiet_lan());
    let began = world.now();
    world.lose(stream, End::Both);
    assert_eq!([a, b].map(|n| closed(&world, n, began)), [Some(SystemError::Reset); 2]);
    assert_eq!(is_open(&world, a, b, stream), [false; 2]);
}

#[test]
fn a_stream_that_is_lost_at_one_end_is_noticed_at_the_other_by_sending() {
    let (mut world, a, b, stream) = pair(2, quiet_lan());
    let began = world.now();
    world.lose(stream, End::Only(b));
    assert_eq!([a, b].map(|n| closed(&world, n, began)), [None, Some(SystemError::Reset)]);
    assert_eq!(is_open(&world, a, b, stream), [true, false]);
    world.partition(&[&[a]]);
    world.run_for(secs(1));
    assert_eq!(is_open(&world, a, b, stream), [true, false]);
    world.heal_all();
    world
        .run_until(secs(3), |world| !is_open(world, a, b, stream)[0])
        .expect("its ping is answered with a reset");
}

#[test]
fn a_black_hole_holds_everything_until_it_is_healed() {
    let (mut world, a, b, stream) = pair(3, quiet_lan());
    let began = world.now();
    world.black_hole(a, b, Direction::Both);
    world.dial(b, a);
    world.run_for(secs(4));
    assert_eq!([a, b].map(|n| frames(&world, n, began).len()), [0, 0]);
    assert!(!kinds(&world, a, began).contains(&(began + ms(1), "incoming")));
    let healed = world.now();
    world.heal(a, b);
    world.run_for(ms(1));
    assert!(!frames(&world, b, healed).is_empty(), "the ping of before");
    assert!(kinds(&world, a, healed).iter().any(|(_, kind)| *kind == "incoming"), "the dial of before");
    assert_eq!(is_open(&world, a, b, stream), [true; 2]);
}

#[test]
fn a_black_hole_may_swallow_one_way_only() {
    let (mut world, a, b, _) = pair(4, quiet_lan());
    let began = world.now();
    world.black_hole(a, b, Direction::From(a));
    world.run_for(secs(3));
    assert!(frames(&world, b, began).is_empty());
    assert!(!frames(&world, a, began).is_empty());
}

#[test]
fn a_black_hole_on_one_stream_leaves_the_others_alone() {
    let (mut world, a, b, stream) = pair(5, quiet_lan());
    world.black_hole_stream(stream, Direction::Both);
    world.dial(b, a);
    world.run_for(ms(10));
    let admitted = |n: NodeName| {
        world.links(a, b).iter().filter(|link| link.at(n).is_some_and(|end| end.admitted())).count()
    };
    assert_eq!([a, b].map(admitted), [2, 2]);
    world.run_until(secs(11), |world| world.agreed(a, b)).expect("on the one that works");
    assert_ne!(world.links(a, b)[0].stream, stream);
}

#[test]
fn a_partition_separates_groups_and_the_rest() {
    let mut world = World::new(6);
    let nodes = [(); 4].map(|()| world.add(quiet_lan()));
    let [a, b, c, d] = nodes;
    for (from, to) in [(a, b), (b, c), (c, d)] {
        world.keep(from, to);
    }
    let pairs = [(a, b), (b, c), (c, d)];
    world.run_until(secs(2), |world| pairs.iter().all(|(x, y)| world.agreed(*x, *y))).expect("all agree");
    world.partition(&[&[a, b]]);
    world.run_for(secs(12));
    assert_eq!(pairs.map(|(x, y)| world.up(x, y)), [true, false, true]);
    world.heal_all();
    world.run_until(secs(11), |world| world.agreed(b, c)).expect("whole again");
}

#[test]
fn a_frozen_process_reads_late_what_its_system_took() {
    let (mut world, a, b, _) = pair(7, quiet_lan());
    let c = world.add(quiet_lan());
    let began = world.now();
    let before = world.reading(b);
    world.freeze(b, secs(7));
    world.dial(c, b);
    world.run_for(secs(6));
    assert_eq!(kinds(&world, b, began), []);
    assert_eq!(
        kinds(&world, c, began).last().map(|(_, kind)| *kind),
        Some("connected"),
        "its system grants streams"
    );
    world.run_for(secs(1));
    let late = kinds(&world, b, began);
    assert!(late.iter().all(|(at, _)| *at == began + secs(7)), "{late:?}");
    assert!(late.iter().any(|(_, kind)| *kind == "incoming"));
    assert_eq!(late.iter().filter(|(_, kind)| *kind == "frames").count(), 1, "all pings in one read");
    assert_eq!(world.reading(b).awake.since(before.awake), secs(7));
    assert_eq!(world.reading(b).elapsed.since(before.elapsed), secs(7));
    assert!(world.mesh(a).peer(&world.id(b)).is_some());
}

#[test]
fn a_suspended_host_answers_nobody_and_stops_one_clock() {
    let (mut world, a, b, _) = pair(8, quiet_lan());
    let c = world.add(quiet_lan());
    let began = world.now();
    let before = world.reading(b);
    world.suspend(b, secs(4));
    world.dial(c, b);
    let announcement = crate::Announcement {
        node: world.id(c),
        incarnation: world.mesh(c).incarnation(),
        kind: crate::AnnouncementKind::Answer,
    };
    world.send_announcement(c.0, crate::Audience::Everyone, announcement);
    world.run_for(secs(3));
    assert_eq!(world.reading(b).awake, before.awake);
    let granted = |world: &World| kinds(world, c, began).iter().any(|(_, kind)| *kind == "connected");
    assert!(!granted(&world), "nobody grants the stream");
    world.run_for(secs(1));
    assert_eq!(world.reading(b).awake, before.awake);
    assert_eq!(world.reading(b).elapsed.since(before.elapsed), secs(4));
    let woke = kinds(&world, b, began);
    assert!(woke.iter().all(|(at, kind)| *at == began + secs(4) && *kind != "heard"), "{woke:?}");
    assert!(
        woke.iter().any(|(_, kind)| *kind == "frames") && woke.iter().any(|(_, kind)| *kind == "incoming")
    );
    world.run_for(secs(1));
    assert!(granted(&world));
    assert!(world.agreed(a, b));
    assert_eq!(world.reading(b).awake.since(before.awake), secs(1));
}

#[test]
fn a_step_moves_one_clock_only() {
    let (mut world, _, b, _) = pair(9, quiet_lan());
    let before = world.reading(b);
    world.step_clock(b, 3_600_000_000);
    assert_eq!(world.reading(b).awake, before.awake);
    assert_eq!(world.reading(b).elapsed.since(before.elapsed), secs(3600));
    world.step_clock(b, -7_200_000_000);
    assert_eq!(before.elapsed.since(world.reading(b).elapsed), secs(3600));
}

#[test]
fn a_node_that_leaves_says_so() {
    let (mut world, a, b, _) = pair(10, quiet_lan());
    world.stop(b, Stop::Leave);
    assert_eq!(world.standing(a, b), Some(Standing::Down { reason: Some(Reason::Left) }));
    assert_eq!(world.links(a, b), []);
    assert!(!world.up(b, a));
}

#[test]
fn a_process_that_is_killed_leaves_its_system_to_answer() {
    let (mut world, a, b, _) = pair(11, quiet_lan());
    world.run_for(secs(10));
    let began = world.now();
    world.stop(b, Stop::Kill);
    world.run_for(ms(1));
    assert_eq!(closed(&world, a, began), Some(SystemError::Reset));
    world.run_for(ms(2));
    assert_eq!(closed(&world, a, began), Some(SystemError::Refused), "it dials at once");
}

#[test]
fn a_host_that_vanishes_tells_nobody_even_when_it_is_back() {
    let (mut world, a, b, stream) = pair(12, quiet_lan());
    let began = world.now();
    world.stop(b, Stop::Vanish);
    world.run_for(secs(3));
    world.start(b, Start::Fresh);
    let ping = crate::Frame::Ping { nonce: 100 };
    world.net.send(stream.0, At::Acceptor, Packet::Word(Word::Frame(ping)));
    world.run_for(ms(10));
    assert_eq!(closed(&world, a, began), None);
    assert_eq!(is_open(&world, a, b, stream), [true, false]);
    world.run_for(secs(7));
    assert!(!is_open(&world, a, b, stream)[0], "its machine found out");
    assert_eq!(closed(&world, a, began), None);
}

#[test]
fn a_start_is_another_run_of_the_same_node() {
    let mut world = World::new(13);
    let a = world.add(quiet_lan());
    let (id, first) = (world.id(a), world.mesh(a).incarnation());
    world.stop(a, Stop::Kill);
    world.start(a, Start::Fresh);
    let second = world.mesh(a).incarnation();
    assert_eq!((world.id(a), second.start), (id, first.start + 1));
    assert_ne!(second.bits, first.bits);
    world.stop(a, Stop::Vanish);
    world.start(a, Start::Restored);
    let third = world.mesh(a).incarnation();
    assert_eq!((world.id(a), third.start), (id, second.start));
    assert_ne!(third.bits, second.bits);
}

#[test]
fn a_clone_has_the_key_and_the_number_but_its_own_bits_and_address() {
    let mut world = World::new(14);
    let a = world.add(quiet_lan());
    let twin = world.clone_of(a);
    assert_eq!(world.id(twin), world.id(a));
    assert_eq!(world.mesh(twin).incarnation().start, world.mesh(a).incarnation().start);
    assert_ne!(world.mesh(twin).incarnation().bits, world.mesh(a).incarnation().bits);
    assert_ne!(world.address(twin), world.address(a));
}

#[test]
fn what_did_not_come_to_be_says_everything() {
    let (mut world, a, b, _) = pair(4711, quiet_lan());
    let error = world.run_until(secs(1), |_| false).expect_err("never");
    let error = alloc::format!("{error}");
    let (id, tag) = (world.id(b), world.links(a, b)[0].tag);
    for part in [
        "within 1s",
        "seed 4711",
        "Welcome",
        "is up",
        "--- n0",
        &alloc::format!("{id:?}"),
        &alloc::format!("{tag:?}"),
    ] {
        assert!(error.contains(part), "{part} is missing in {error}");
    }
    assert_eq!(world.now(), ms(16) + secs(1));
}

#[test]
fn the_log_is_bounded() {
    let mut world = World::new(16);
    world.keep_log(100);
    let (a, b) = (world.add(quiet_lan()), world.add(quiet_lan()));
    world.keep(a, b);
    world.run_for(secs(600));
    assert!((100..=200).contains(&world.log().len()));
    assert_eq!(world.log().last().map(|happening| happening.at >= secs(597)), Some(true));
}

#[test]
fn what_a_frozen_sender_could_not_be_told_it_is_told_afterwards() {
    let (mut world, a, b, _) = pair(17, quiet_lan());
    world.post(a, b, Message::plain(alloc::vec![7; 1_000_000].into()).with_receipt(0));
    world.freeze(a, secs(2));
    world.run_for(secs(10));
    assert_eq!(world.take_settled(a), [(world.id(b), 0, Outcome::Taken)], "{}", world.report());
}

#[test]
fn what_the_news_told_is_kept_from_run_to_run() {
    let (mut world, a, b, _) = pair(31, quiet_lan());
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
