//! Events that no reasonable world would send, by thousands of seeds: the promises of the interface hold all the same,
//! and both kinds of tables do the same.

mod life;

use life::{Dice, life};
use mesh_proto::{Fixed, Heap, storage::Storage};

type InPlace = Fixed<3, 14>;

/// Numbers that look random, the same for each seed.
struct Seeded(u64);

impl Seeded {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
}

impl Dice for Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn is_over(&self) -> bool {
        false
    }
}

/// Everything that a machine ordered in one life.
fn told<S: Storage>(seed: u64, steps: u32) -> Vec<String> {
    let mut told = Vec::new();
    life::<S>(&mut Seeded::new(seed), seed, steps, |step| told.push(step.to_string()));
    told
}

#[test]
fn random_events_keep_every_promise() {
    for seed in 0..20_000 {
        life::<Heap>(&mut Seeded::new(seed), seed, 120, |_| {});
    }
}

#[test]
fn random_events_do_the_same_on_both_kinds_of_tables() {
    for seed in 0..500 {
        assert_eq!(told::<Heap>(seed, 150), told::<InPlace>(seed, 150), "seed {seed}");
    }
}
