//! Nodes that go, and nodes that only seem to.

use core::time::Duration;
use std::time::Instant;

use crate::folder::Folder;
use crate::made::cannot;
use crate::nodes::{BUSY, DETECTED, LOOPBACK, exchange, is, meet, next, node, nothing, secret, within};
use crate::program::RUNTIMES;
use crate::support::skip;
use crate::wire::{Addresses, Wire, shared};

/// How long a process is stopped.
const STOPPED: Duration = Duration::from_secs(4);
/// How soon whatever needs no waiting is seen.
const SOON: Duration = Duration::from_secs(1);

#[test]
fn a_process_that_was_stopped_is_back_when_it_goes_on() {
    if let Some(why) = cannot() {
        return skip("a process that is stopped", &why);
    }
    let _machine = shared();
    let (folder, wire) = (Folder::new(), Wire::new(3, Addresses::Both));
    let secret = secret(&folder, "secret");
    let started = wire.hosts.iter().zip(RUNTIMES);
    let mut nodes: Vec<_> =
        started.map(|(host, runtime)| node(host, &folder, runtime, &secret, &LOOPBACK)).collect();
    let (ids, _) = meet(&mut nodes);

    for (number, runtime) in RUNTIMES.into_iter().enumerate() {
        let others = || (0..ids.len()).filter(|other| *other != number);
        let stopped = Instant::now();
        nodes[number].signal("STOP");
        let mut away = stopped;
        for other in others() {
            let (at, event) = next(&mut nodes[other], &ids[number], "away");
            assert_eq!(event["reason"], "silent");
            away = away.max(at);
        }
        within(&format!("{runtime}: away after it was stopped"), away - stopped, DETECTED + BUSY);
        for other in others() {
            nothing(&mut nodes[other], stopped + STOPPED, "peer", |event| is(event, &ids[number], "up"));
        }
        let goes_on = Instant::now();
        nodes[number].signal("CONT");
        let mut back = goes_on;
        for other in others() {
            back = back.max(next(&mut nodes[other], &ids[number], "up").0);
        }
        within(&format!("{runtime}: back after it went on"), back - goes_on, SOON + BUSY);
        exchange(&mut nodes, &ids, &format!("again, {runtime}"));
    }
    nodes.into_iter().for_each(|node| drop(node.quit()));
}

#[test]
fn whoever_leaves_tells_the_others_at_once() {
    if let Some(why) = cannot() {
        return skip("a node that leaves", &why);
    }
    let _machine = shared();
    let (folder, wire) = (Folder::new(), Wire::new(3, Addresses::Both));
    let secret = secret(&folder, "secret");
    let started = wire.hosts.iter().zip(RUNTIMES);
    let mut nodes: Vec<_> =
        started.map(|(host, runtime)| node(host, &folder, runtime, &secret, &[])).collect();
    let (mut ids, _) = meet(&mut nodes);
    for runtime in RUNTIMES {
        let (mut leaver, id) = (nodes.remove(0), ids.remove(0));
        let asked = Instant::now();
        leaver.signal("TERM");
        for other in &mut nodes {
            let (at, event) = next(other, &id, "down");
            assert_eq!(event["reason"], "left");
            within(&format!("{runtime}: seen to leave"), at - asked, SOON + BUSY);
        }
        let ended = leaver.wait();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    }
}
