//! The same seed and the same calls give the same log.

use core::hash::{Hash, Hasher};

use super::{ms, secs};
use crate::body::Body;
use crate::config::{Config, Limits};
use crate::message::{Message, Window};
use crate::rules::{Rules, Shipped};
use crate::sim::{Direction, End, Happening, Start, Stop, World};
use crate::storage::{Fixed, Heap, Storage};

/// FNV-1a.
struct Digest(u64);

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn digest(log: &[Happening]) -> u64 {
    let mut digest = Digest(0xcbf2_9ce4_8422_2325);
    log.hash(&mut digest);
    digest.finish()
}

/// Some of everything.
fn play<S: Storage, R: Rules>(mut world: World<S, R>) -> World<S, R> {
    let window = Window { bytes: 1024, messages: 16 };
    let few = Limits { peers: 6, half_open: 8, dials_in_flight: 8, ..Limits::default() };
    let limits = Limits { message: 512, record: 512, window, ..few };
    let config = Config { limits, ..Config::lan() };
    let nodes = [(); 4].map(|()| world.add(config));
    let [a, b, c, d] = nodes;
    world.jitter(ms(30));
    world.timer_jitter(ms(3));
    world.audit_every_step();
    for (from, to) in [(a, b), (b, c), (c, d), (d, a), (b, a)] {
        world.keep(from, to);
    }
    world.run_for(secs(20));
    for to in [a, b, c] {
        world.post(d, to, Message::plain(Body::from(&[7; 500])).with_receipt(1));
    }
    world.freeze(a, secs(12));
    world.suspend(b, secs(7));
    world.run_for(secs(15));
    for link in world.links(c, d) {
        world.lose(link.stream, End::Only(c));
    }
    world.stop(a, Stop::Kill);
    world.black_hole(b, c, Direction::From(b));
    world.run_for(secs(15));
    world.start(a, Start::Fresh);
    world.partition(&[&[a, c]]);
    world.run_for(secs(15));
    world.stop(d, Stop::Leave);
    world.heal_all();
    world.start(d, Start::Restored);
    let twin = world.clone_of(d);
    world.keep(twin, a);
    world.run_for(secs(60));
    world
}

#[test]
fn the_same_seed_gives_the_same_log() {
    let one = play(World::new(7));
    let other = play(World::new(7));
    assert!(one.log().len() > 500);
    assert_eq!(digest(one.log()), digest(other.log()));
    assert_eq!(one.log(), other.log());
    assert_ne!(digest(one.log()), digest(play(World::new(8)).log()));
}

#[test]
fn a_copy_of_a_world_goes_on_as_the_world_does() {
    let mut one = play(World::new(9));
    let mut other = one.clone();
    one.run_for(secs(100));
    other.run_for(secs(100));
    assert_eq!(one.log(), other.log());
}

#[test]
fn tables_in_place_and_on_the_heap_give_the_same_log() {
    let heap = play(World::<Heap, Shipped>::with_rules(7, Shipped));
    let fixed = play(World::<Fixed<8, 64>, Shipped>::with_rules(7, Shipped));
    assert_eq!(heap.log(), fixed.log());
}
