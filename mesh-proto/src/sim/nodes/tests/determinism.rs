//! The same seed and the same calls give the same happenings, and the same bytes.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{member, ms, outside, say, secret, secs};
use crate::config::{Config, Limits};
use crate::machine::Side;
use crate::message::Window;
use crate::node::{LetsIn, Settings, Verdict};
use crate::sim::nodes::World;
use crate::sim::{Direction, End, Start, Stop};
use crate::storage::{Fixed, Heap, Storage};
use crate::wire::MeshSecrets;
use crate::{Message, PathClass};

/// A member whose tables have room in place too.
fn small<S: Storage>(settings: Settings) -> Settings<S> {
    let window = Window { bytes: 4096, messages: 64 };
    let few = Limits { peers: 6, half_open: 8, dials_in_flight: 8, ..Limits::default() };
    let config = Config { limits: Limits { message: 1024, record: 1000, window, ..few }, ..Config::lan() };
    let Settings { door, network, incarnation, seed, halves, room, versions, ciphers, .. } = settings;
    Settings {
        config,
        door,
        network,
        lets_in: LetsIn::Asked,
        incarnation,
        seed,
        halves,
        room,
        versions,
        ciphers,
    }
}

/// Some of everything.
fn play<S: Storage>(seed: u64) -> World<S> {
    let mut world = World::with_storage(seed);
    world.keep_written();
    world.jitter(ms(30));
    world.timer_jitter(ms(3));
    world.pieces(500);
    let [a, b, c] = [member(1), outside(member(2)), member(3)].map(|settings| world.add(small(settings)));
    let pairs = [(a, b), (b, c), (c, a)];
    for (from, to) in pairs {
        world.keep(from, to);
        for (n, other) in [(from, to), (to, from)] {
            let other = world.id(other);
            world.answer(n, other, Verdict::LetIn);
        }
    }
    world.run_for(secs(5));
    for (from, to) in pairs {
        world.post(from, to, Message::plain((&[7; 900]).into()).with_receipt(1));
    }
    world.freeze(a, secs(12));
    world.suspend(b, secs(7));
    world.run_for(secs(15));
    for n in [a, b, c] {
        world.change_secrets(n, MeshSecrets::two(secret(77), secret(78)));
    }
    world.streams_at(c).into_iter().for_each(|stream| world.lose(stream, End::Only(c)));
    world.black_hole(b, c, Direction::From(b));
    let stranger = world.accept_stranger(a, SocketAddr::from(([10, 9, 0, 1], 5000))).expect("there is room");
    world.stranger_says(stranger, b"\x00\x3amesh");
    world.run_for(secs(15));
    world.stop(a, Stop::Kill);
    world.partition(&[&[a, c]]);
    world.start(a, Start::Fresh);
    world.keep(a, b);
    world.run_for(secs(15));
    world.heal_all();
    world.attach(c, b, None, PathClass::Relayed).expect("there is room");
    world.run_for(secs(60));
    let twin = world.clone_of(c);
    world.keep(twin, a);
    world.run_for(secs(15));
    world
}

/// All bytes that were written.
fn written<S: Storage>(world: &World<S>) -> Vec<Vec<u8>> {
    let sides = [Side::Dialed, Side::Accepted];
    world.streams().flat_map(|stream| sides.map(|from| world.written(stream, from).to_vec())).collect()
}

#[test]
fn the_same_seed_gives_the_same_happenings_and_the_same_bytes() {
    let (one, other) = (play::<Heap>(7), play::<Heap>(7));
    assert!(one.log().len() > 500);
    assert!(written(&one).concat().len() > 10_000);
    assert_eq!(one.log(), other.log());
    assert!(written(&one) == written(&other), "the bytes differ");
}

#[test]
fn another_seed_gives_others() {
    let (one, other) = (play::<Heap>(7), play::<Heap>(8));
    assert_ne!(one.log(), other.log());
    assert!(written(&one) != written(&other));
}

#[test]
fn tables_in_place_and_on_the_heap_give_the_same_happenings() {
    let (heap, fixed) = (play::<Heap>(9), play::<Fixed<6, 40, 4096, 64>>(9));
    assert_eq!(heap.log().len(), fixed.log().len());
    assert_eq!(heap.log(), fixed.log());
}

#[test]
fn what_is_not_shared_is_not_alike() {
    let mut world = World::new(3);
    world.keep_written();
    let (a, b) = (world.add(member(1)), world.add(member(2)));
    for _ in 0..2 {
        world.dial(a, b);
        world.run_for(secs(1));
        say(&mut world, a, b, 100);
        world.run_for(secs(1));
        world.streams_at(a).into_iter().for_each(|stream| world.lose(stream, End::Both));
        world.run_for(secs(30));
    }
    let all: Vec<_> = world.streams().map(|stream| world.written(stream, Side::Dialed)).collect();
    assert!(all.len() >= 2);
    assert!(all[0].len() > 100 && all[1].len() > 100 && all[0][60..100] != all[1][60..100], "fresh keys");
}
