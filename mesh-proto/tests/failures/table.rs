//! Every entry of the field failures, and where it is held.

extern crate std;

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use crate::{dead_links, duplicates, lost_events, messages, reading, restarts, sleep, strangers};

/// Entries that are about the bytes of links: whole nodes hold them.
const HELD_BY_NODES: &[&str] = &["x11", "x13", "y22", "y25"];

/// Where they do.
const OF_NODES: &str = include_str!("../node/failures.rs");

/// Entries that cannot be written down: the proof is a test that must not compile.
const CANNOT_BE_WRITTEN: &[(&str, &str)] = &[];

/// The ids of the list, in its order.
const ALL: &[&str] = &[
    "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "o1",
    "o2", "o3", "o4", "o5", "o6", "o8", "o10", "o14", "o17", "o20", "o23", "o24", "o26", "o27", "o33", "o35",
    "o37", "o39", "m9", "m10", "m14", "m16", "x1", "x2", "x3", "x4", "x5", "t1", "t2", "t3", "t4", "t9",
    "t11", "t20", "a1", "a2", "a3", "o15", "o16", "o18", "o19", "o22", "o31", "s22", "x6", "x7", "m1", "m2",
    "m3", "m15", "m17", "m18", "m19", "m22", "m25", "o11", "o12", "o32", "o34", "o36", "o40", "o41", "x8",
    "x9", "o7", "o9", "o25", "o38", "m23", "m24", "m27", "x10", "x11", "x12", "x13", "y1", "y2", "y3", "y4",
    "y5", "y6", "y7", "y8", "y9", "y10", "y11", "y12", "y13", "y14", "y15", "y16", "y17", "y18", "y19",
    "y20", "y21", "y22", "y23", "y24", "y25",
];

#[test]
fn every_field_failure_is_held_somewhere() {
    let tables = [
        duplicates::TABLE,
        restarts::TABLE,
        dead_links::TABLE,
        lost_events::TABLE,
        messages::TABLE,
        sleep::TABLE,
        strangers::TABLE,
        reading::TABLE,
    ];
    let mut held: Vec<String> = Vec::new();
    for (name, _) in tables.into_iter().flatten() {
        held.push(String::from(name.split('_').next().unwrap_or_default()));
    }
    for id in HELD_BY_NODES {
        assert!(OF_NODES.contains(&alloc::format!("fn {id}_")), "nodes do not hold {id}");
        held.push(String::from(*id));
    }
    held.extend(CANNOT_BE_WRITTEN.iter().map(|(id, _)| String::from(*id)));
    let once: BTreeSet<&str> = held.iter().map(String::as_str).collect();
    assert_eq!(once.len(), held.len(), "an entry is held twice: {held:?}");
    let all: BTreeSet<&str> = ALL.iter().copied().collect();
    assert_eq!(once, all, "some entries are missing, or unknown");
}
