//! The two clocks.

use core::time::Duration;
use std::time::Instant;

use adapter_std::platform::clock::{Clock, SuspendWatch, Time};
use mesh_proto::{Now, Wait};

#[test]
fn both_readings_go_on_together() {
    let clock = Clock::new();
    let before = clock.now();
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(20) {
        std::thread::yield_now();
    }
    let after = clock.now();
    let awake = after.awake.since(before.awake);
    let elapsed = after.elapsed.since(before.elapsed);
    assert!(awake >= Duration::from_millis(20), "{awake:?}");
    // Without a suspend in between they agree, on a busy machine too.
    assert!(awake.abs_diff(elapsed) < Duration::from_millis(50), "{awake:?} and {elapsed:?}");
}

#[test]
fn copies_agree() {
    let clock = Clock::new();
    let copy = clock;
    let (first, second) = (clock.now(), copy.now());
    assert!(second.awake >= first.awake && second.awake.since(first.awake) < Duration::from_secs(1));
}

#[test]
fn a_deadline_is_where_the_machine_wants_it() {
    let clock = Clock::new();
    let ahead = Duration::from_secs(3);
    let before = Instant::now();
    let at = clock.now().awake.after(ahead);
    let after = Instant::now();
    let deadline = clock.deadline(Wait::Until(at)).expect("it is not far off");
    let jitter = Duration::from_millis(1);
    assert!(deadline + jitter >= before + ahead && deadline <= after + ahead);
    assert_eq!(clock.deadline(Wait::Forever), None);
}

#[test]
fn r9_a_suspend_is_where_the_second_clock_runs_ahead() {
    let at = |awake: u64, elapsed: u64| {
        let instant = |millis: u64| mesh_proto::Instant::from_micros(millis * 1000);
        Now::new(instant(awake), instant(elapsed))
    };
    let mut watch = SuspendWatch::new(at(0, 5_000));
    assert_eq!(watch.look(at(1_000, 6_000)), None);
    // Frozen: both clocks went on.
    assert_eq!(watch.look(at(61_000, 66_000)), None);
    // Less than a second is how far readings may lie apart.
    assert_eq!(watch.look(at(62_000, 67_999)), None);
    assert_eq!(watch.look(at(63_000, 69_999)), Some(Duration::from_secs(1)));
    assert_eq!(watch.look(at(64_000, 70_999)), None);
    // A wall clock that goes back is no suspend.
    assert_eq!(watch.look(at(65_000, 10_000)), None);
    assert_eq!(watch.look(at(66_000, 14_000)), Some(Duration::from_secs(3)));
}
