//! X6 at length: twenty seeds of ten simulated minutes, links killed every 50 ms. More of them:
//! `cargo run --release -p mesh-proto --features sim --example soak -- --seeds 1000`.

#[path = "../examples/soak/life.rs"]
mod life;

use core::time::Duration;

use life::soak;

/// Ten minutes, with a seed each for every test, so that they run side by side.
fn ten_minutes(seeds: core::ops::Range<u64>) {
    for seed in seeds {
        match soak(seed, Duration::from_secs(600)) {
            Ok(summary) => {
                assert!(summary.killed > 5_000, "{summary:?}");
                assert!(summary.arrived > 20_000, "{summary:?}");
                assert!(summary.resent > 100, "{summary:?}");
            }
            Err(problem) => panic!("{problem}"),
        }
    }
}

#[test]
fn nothing_is_lost_doubled_or_reordered_in_seeds_0_to_9() {
    ten_minutes(0..10);
}

#[test]
fn nothing_is_lost_doubled_or_reordered_in_seeds_10_to_19() {
    ten_minutes(10..20);
}
