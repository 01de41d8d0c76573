//! Two nodes that are joined by their bytes, on the heap or in place, among everything that can happen to them: both keep
//! every promise of the interface, and what one says comes to the other once and in order.
#![no_main]

extern crate alloc;

#[path = "../../tests/node/life.rs"]
mod life;
#[path = "../../tests/node/world.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod world;

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use life::life;
use mesh_proto::Heap;
use mesh_proto::storage::Storage;
use world::InPlace;

/// A life is no longer than this, whatever is left of the bytes.
const MOST_STEPS: u32 = 128;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Unstructured::new(bytes);
    if bytes.arbitrary().unwrap_or(false) { live::<InPlace>(bytes) } else { live::<Heap>(bytes) }
});

fn live<S: Storage>(mut bytes: Unstructured<'_>) {
    let choose = |bound: u64| {
        if bytes.is_empty() { None } else { bytes.int_in_range(0..=bound - 1).ok() }
    };
    life::<S>(choose, MOST_STEPS, |node| node.mesh().audit().expect("the tables agree with the state"));
}
