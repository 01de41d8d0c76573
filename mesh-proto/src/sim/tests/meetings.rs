//! That the machines do in a world what they are for.

use super::{ms, pair, quiet_lan, secs};
use crate::config::Config;
use crate::sim::{self, Start, Stop, World};

#[test]
fn two_nodes_keep_each_other() {
    sim::check!("two nodes keep each other", 0..50, |seed| {
        let mut world = World::new(seed);
        let (a, b) = (world.add(Config::lan()), world.add(Config::lan()));
        world.audit_every_step();
        world.keep(a, b);
        world.keep(b, a);
        world.run_until(secs(2), |world| world.agreed(a, b)).expect("they agree");
        let changes = world.changes(a, b).len();
        world.run_for(secs(600));
        assert!(world.agreed(a, b));
        assert_eq!(world.changes(a, b).len(), changes);
    });
}

#[test]
fn both_dial_at_once_over_any_delay() {
    for delay in [0, 5, 50, 300, 1100, 1500] {
        sim::check!("both dial at once", 0..20, |seed| {
            let mut world = World::new(seed);
            world.delay(ms(delay));
            let (a, b) = (world.add(quiet_lan()), world.add(quiet_lan()));
            world.keep(a, b);
            world.keep(b, a);
            world.run_until(secs(30), |world| world.agreed(a, b)).expect("one link");
            world.run_for(secs(120));
            assert!(world.agreed(a, b), "{}", world.report());
        });
    }
}

#[test]
fn a_node_that_was_killed_is_taken_back() {
    let (mut world, a, b, _) = pair(3, Config::lan());
    world.stop(b, Stop::Kill);
    world.run_for(secs(30));
    assert!(!world.up(a, b));
    world.start(b, Start::Fresh);
    world.run_until(secs(11), |world| world.agreed(a, b)).expect("taken back");
}

#[test]
fn a_node_that_lost_its_power_is_taken_back_before_its_silence_is_noticed() {
    let (mut world, a, b, _) = pair(4, quiet_lan());
    world.stop(b, Stop::Vanish);
    world.run_for(ms(500));
    world.start(b, Start::Fresh);
    world.keep(b, a);
    let took = world.run_until(secs(1), |world| world.agreed(a, b)).expect("taken back");
    assert_eq!(took, ms(6));
}

#[test]
fn a_node_that_was_frozen_for_a_minute_is_back_within_a_second() {
    let (mut world, a, b, _) = pair(5, Config::lan());
    world.freeze(b, secs(60));
    world.run_for(secs(60));
    world.run_until(secs(1), |world| world.agreed(a, b)).expect("back");
}
