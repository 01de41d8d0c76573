//! Bytes on streams, and whoever has a hand on them.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{closed, member, ms, outside, pair, say, secs, was_told};
use crate::machine::Side;
use crate::message::Outcome;
use crate::node::{Input, Settings};
use crate::reason::Reason;
use crate::sim::nodes::{Told, What, World};
use crate::sim::{Direction, NodeName};

const NOISE: &[u8] = b"\x00\x08mesh what";

fn stranger() -> SocketAddr {
    SocketAddr::from(([10, 9, 0, 1], 5000))
}

/// The lengths of the pieces that a node was given.
fn pieces(world: &World, n: NodeName) -> Vec<usize> {
    let by = world.log().iter().filter(|happening| happening.node == n);
    by.filter_map(
        |happening| {
            if let What::Told(Told::Bytes { bytes, .. }) = happening.what { Some(bytes) } else { None }
        },
    )
    .collect()
}

#[test]
fn bytes_come_in_pieces_that_are_no_longer_than_is_said() {
    let mut world = World::new(1);
    world.pieces(10);
    let (a, b) = (world.add(member(1)), world.add(member(2)));
    world.keep(a, b);
    say(&mut world, a, b, 5000);
    world.run_until(secs(5), |world| world.inbox(b).len() == 1).expect("it comes");
    let pieces = pieces(&world, b);
    assert!(pieces.len() > 500 && pieces.iter().all(|length| (1..=10).contains(length)));
    assert!((1..=10).all(|length| pieces.contains(&length)), "of every length");
}

#[test]
fn one_read_may_have_parts_of_two_writes() {
    let (mut world, a, b) = pair(2);
    world.pieces(100_000);
    world.freeze(a, secs(1));
    let writes = |world: &World| {
        world
            .log()
            .iter()
            .filter(|one| one.node == b && matches!(one.what, What::Writes { .. } | What::Sends { .. }))
            .count()
    };
    let (before, reads) = (writes(&world), pieces(&world, a).len());
    for _ in 0..20 {
        say(&mut world, b, a, 10);
        world.run_for(ms(5));
    }
    world.run_for(secs(1));
    let (wrote, read) = (writes(&world) - before, pieces(&world, a).len() - reads);
    assert!(wrote >= 20 && read < 10, "{wrote} writes, {read} reads");
    assert_eq!(world.inbox(a).len(), 20);
}

#[test]
fn pieces_of_one_write_take_times_of_their_own() {
    let (mut world, a, b) = pair(3);
    world.jitter(ms(100));
    world.pieces(1000);
    say(&mut world, b, a, 50_000);
    let began = world.now();
    world.run_until(secs(5), |world| world.inbox(a).len() == 1).expect("it comes");
    let since = world.log().iter().filter(|one| one.node == a && one.at >= began);
    let bytes = since.filter(|one| matches!(one.what, What::Told(Told::Bytes { .. })));
    let mut times: Vec<_> = bytes.map(|one| one.at).collect();
    times.dedup();
    assert!(times.len() > 2, "{times:?}");
}

#[test]
fn a_link_takes_no_more_ahead_than_its_system_holds() {
    let mut world = World::new(4);
    let little = Settings { room: 8 * 1024, ..member(1) };
    let (a, b) = (world.add(little), world.add(member(2)));
    world.keep(a, b);
    world.run_until(secs(5), |world| world.agreed(a, b)).expect("they agree");
    world.run_for(secs(1));
    let stream = world.streams_between(a, b)[0];
    say(&mut world, a, b, 1_000_000);
    let mut most = 0;
    world
        .run_until(secs(60), |world| {
            most = most.max(world.under_way(stream, Side::Dialed));
            world.settled(a).len() == 1
        })
        .expect("it comes, little by little");
    assert!((4096..12_000).contains(&most), "{most} bytes were under way");
}

#[test]
fn what_a_frozen_sender_could_not_be_told_it_is_told_afterwards() {
    for from in [0, 1] {
        let (mut world, a, b) = pair(5);
        let (from, to) = if from == 0 { (a, b) } else { (b, a) };
        say(&mut world, from, to, 1_000_000);
        // No gap of its own: nothing that it asks would tell it sooner.
        world.freeze(from, ms(500));
        world.run_for(ms(700));
        assert_eq!(world.settled(from), [(world.id(to), 0, Outcome::Taken)], "{}", world.report());
    }
}

#[test]
fn a_stranger_is_heard_and_hears() {
    let (mut world, _, b) = pair(6);
    let stream = world.accept_stranger(b, stranger()).expect("there is room");
    world.stranger_says(stream, NOISE);
    assert!(!world.is_hung_up(stream), "it takes its time");
    world.run_for(ms(1));
    assert!(world.is_hung_up(stream));
    let other = world.attach_stranger(b, None).expect("there is room");
    world.run_for(ms(1));
    let first = world.stranger_hears(other);
    assert!(first.len() > 40 && world.stranger_hears(other).is_empty(), "the first words of a handshake");
    world.stranger_hangs_up(other);
    world.run_for(ms(1));
    assert!(world.is_hung_up(other) && world.is_strange(other));
    assert_eq!(world.stranger_hears(stream).len(), 8, "a hint in the clear, and then the end");
    assert_eq!(world.net.live.len(), 1, "of the others nothing is left");
}

#[test]
fn a_strangers_stream_can_be_held() {
    let (mut world, _, b) = pair(7);
    let stream = world.accept_stranger(b, stranger()).expect("there is room");
    world.black_hole_stream(stream, Direction::Both);
    world.stranger_says(stream, NOISE);
    world.run_for(secs(1));
    assert!(!world.is_hung_up(stream));
    world.heal_stream(stream);
    world.run_for(secs(1));
    assert!(world.is_hung_up(stream));
}

#[test]
fn one_bit_ends_the_link_that_it_was_on() {
    let (mut world, a, b) = pair(8);
    let (stream, began) = (world.streams_between(a, b)[0], world.now());
    let at = world.wires[stream.0].wrote[0];
    world.flip(stream, Side::Dialed, at + 30, 3);
    say(&mut world, a, b, 100);
    world
        .run_until(secs(5), |world| world.inbox(b).len() == 1 && world.streams().len() == 2)
        .expect("by the next");
    assert_eq!(closed(&world, b, began), [Reason::ProtocolError]);
}

#[test]
fn what_is_altered_arrives_as_it_was_altered() {
    let (mut world, a, b) = pair(9);
    let (stream, began) = (world.streams_between(a, b)[0], world.now());
    say(&mut world, a, b, 100);
    let length = world.under_way(stream, Side::Dialed);
    assert!(length > 100);
    world.alter(stream, Side::Dialed, |bytes| {
        assert_eq!(bytes.len(), length);
        bytes.clear();
    });
    assert_eq!(world.under_way(stream, Side::Dialed), 0);
    world.run_for(secs(1));
    assert!(world.inbox(b).is_empty() && world.up(b, a), "nobody knows of it yet");
    say(&mut world, a, b, 100);
    world.run_for(secs(5));
    assert_eq!(closed(&world, b, began), [Reason::ProtocolError], "a record is missing");
    assert_eq!(world.inbox(b).len(), 2);
}

#[test]
fn what_is_let_through_arrives_now_and_no_more() {
    let (mut world, a, b) = pair(10);
    let stream = world.streams_between(a, b)[0];
    world.black_hole_stream(stream, Direction::Both);
    say(&mut world, b, a, 1000);
    let length = world.under_way(stream, Side::Accepted);
    for left in (1..=length).rev() {
        assert!(world.inbox(a).is_empty());
        assert_eq!(world.under_way(stream, Side::Accepted), left);
        assert!(world.let_through(stream, Side::Accepted, 1));
    }
    assert_eq!(world.inbox(a).len(), 1, "with its last byte");
    assert!(!world.let_through(stream, Side::Accepted, 1));
}

#[test]
fn what_is_written_is_kept_only_if_that_is_asked_for() {
    let (mut world, a, b) = pair(11);
    let stream = world.streams_between(a, b)[0];
    say(&mut world, a, b, 1000);
    assert!(world.written(stream, Side::Dialed).is_empty());
    world.keep_written();
    say(&mut world, a, b, 1000);
    assert!(world.written(stream, Side::Dialed).len() > 1000);
}

#[test]
fn orders_of_a_turn_that_was_dropped_come_with_the_next() {
    let mut world = World::new(12);
    let (a, b) = (world.add(member(1)), world.add(outside(member(2))));
    let (peer, routes) = (world.id(b), world.routes_to(b));
    world.tell_and_drop(a, Input::Keep { peer, routes });
    assert_eq!(world.streams().len(), 0);
    world.tell(a, Input::Tick);
    assert_eq!(world.streams().len(), 1);
    world.run_until(secs(5), |world| world.agreed(a, b)).expect("they agree");
    assert!(was_told(&world, a, ms(0), |told| matches!(told, Told::Connected { .. })));
}

#[test]
#[should_panic(expected = "is no stranger's")]
fn nobody_speaks_on_the_stream_of_others() {
    let (mut world, a, b) = pair(13);
    let stream = world.streams_between(a, b)[0];
    world.stranger_says(stream, NOISE);
}
