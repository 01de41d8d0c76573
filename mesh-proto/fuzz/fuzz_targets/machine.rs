//! Arbitrary events, in an order and at times that the fuzzer chooses: the machine keeps every promise of its interface.
#![no_main]

#[path = "../../tests/random_events/life.rs"]
mod life;

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use life::{Dice, life};
use mesh_proto::Heap;

/// A life is no longer than this, whatever is left of the bytes.
const MOST_STEPS: u64 = 256;

/// Each choice is the next of these bytes.
struct Chosen<'b>(Unstructured<'b>);

impl Dice for Chosen<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.int_in_range(0..=bound - 1).unwrap_or(0)
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut dice = Chosen(Unstructured::new(bytes));
    let (seed, steps) = (dice.below(4), 1 + dice.below(MOST_STEPS));
    let steps = u32::try_from(steps).expect("a small number");
    life::<Heap>(&mut dice, seed, steps, |_| {});
});
