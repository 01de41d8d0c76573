//! What is drawn at a start.

use adapter_std::platform::entropy::{incarnation, incarnation_by_clock, seed};

#[test]
fn r6_two_runs_differ_in_their_bits_and_keep_their_number() {
    let (first, second) = (incarnation(7).expect("entropy"), incarnation(7).expect("entropy"));
    assert_eq!((first.start, second.start), (7, 7));
    assert_ne!(first.bits, second.bits);
}

#[test]
fn r6_the_clock_gives_a_number_that_does_not_fall() {
    let first = incarnation_by_clock().expect("entropy");
    let second = incarnation_by_clock().expect("entropy");
    assert!(second.start >= first.start);
    // Later than any number that counts starts from one.
    assert!(first.start > 1_700_000_000_000_000);
}

#[test]
fn two_seeds_differ() {
    assert_ne!(seed().expect("entropy"), seed().expect("entropy"));
}
