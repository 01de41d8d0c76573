//! Announcements, as datagrams.

use super::{member, pair, secret, secs, was_told};
use crate::announcement::Audience;
use crate::config::Config;
use crate::node::Settings;
use crate::sim::nodes::{Plane, Told, World};
use crate::wire::MeshSecrets;

fn announcing(name: u8) -> Settings {
    Settings { config: Config::lan(), ..member(name) }
}

fn heard(told: &Told) -> bool {
    matches!(told, Told::Datagram { .. })
}

#[test]
fn nodes_that_hear_each_other_come_together() {
    let mut world = World::new(1);
    let [a, b, c] = [1, 2, 3].map(|name| world.add(announcing(name)));
    let stranger = world.add(announcing(4));
    world.change_secrets(stranger, MeshSecrets::one(secret(9)));
    world
        .run_until(secs(200), |world| world.agreed(a, b) && world.agreed(b, c) && world.agreed(a, c))
        .expect("nobody was told of the others");
    world.run_for(secs(200));
    assert!([a, b, c].iter().all(|n| !world.up(stranger, *n)), "what it hears is noise to it");
    assert!(was_told(&world, stranger, secs(0), heard));
    let answers = [a, b, c].into_iter().flat_map(|n| world.announced(n));
    assert!(
        answers.filter(|(to, _)| matches!(to, Audience::One(_))).count() > 0,
        "to one alone, where it spoke from"
    );
}

#[test]
fn nobody_hears_what_is_swallowed() {
    let mut world = World::new(2);
    world.announcements(Plane::Swallows);
    let [a, b] = [1, 2].map(|name| world.add(announcing(name)));
    world.run_for(secs(600));
    assert!(!world.up(a, b) && !was_told(&world, a, secs(0), heard));
    assert!(world.announced(a).len() >= 4);
    assert!(world.take_announced(a).len() >= 4 && world.announced(a).is_empty());
}

#[test]
fn another_part_of_the_network_hears_nothing() {
    let mut world = World::new(3);
    let [a, b] = [1, 2].map(|name| world.add(announcing(name)));
    world.partition(&[&[a], &[b]]);
    world.run_for(secs(300));
    assert!(!world.up(a, b) && !was_told(&world, b, secs(0), heard));
    world.heal_all();
    world.run_until(secs(200), |world| world.agreed(a, b)).expect("they hear each other");
}

#[test]
fn a_frozen_node_hears_late_and_a_suspended_one_never() {
    for freezes in [true, false] {
        let (mut world, a, b) = pair(4);
        let n = world.add(announcing(3));
        world.partition(&[&[b]]);
        world.run_for(secs(1));
        let began = world.now();
        if freezes {
            world.freeze(a, secs(150))
        } else {
            world.suspend(a, secs(150))
        }
        world.run_for(secs(149));
        assert!(!world.announced(n).is_empty() && !was_told(&world, a, began, heard));
        world.run_for(secs(2));
        assert_eq!(was_told(&world, a, began, heard), freezes);
    }
}
