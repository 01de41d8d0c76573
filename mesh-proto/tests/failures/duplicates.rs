//! Duplicates, dead links, restarts.

use core::time::Duration;

use mesh_proto::Config;
use mesh_proto::rules::Rules;
use mesh_proto::storage::Storage;

use crate::{failures, world};

failures! {
    /// Both find each other within 50 ms and both dial; each refuses the other's: one link must stay, the same socket at
    /// both ends, whatever the delay.
    s3_both_dial_at_once without OneDecider,
}

fn config() -> Config {
    let limits = mesh_proto::Limits { peers: 8, half_open: 16, dials_in_flight: 8, ..Default::default() };
    Config { announce_every: None, limits, ..Config::lan() }
}

fn s3_both_dial_at_once<S: Storage, R: Rules>(rules: R) {
    for delay in [0, 5, 50, 300, 1100, 1500] {
        let mut world = world::<S, R>(1, rules.clone());
        let (a, b) = (world.add(config()), world.add(config()));
        world.delay(Duration::from_millis(delay));
        world.keep(a, b);
        world.keep(b, a);
        world.run_until(Duration::from_secs(30), |world| world.agreed(a, b)).expect("one link stays");
    }
}
