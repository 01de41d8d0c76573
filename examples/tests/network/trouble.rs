//! What the field does to links, while messages go both ways.

use core::net::SocketAddr;
use core::time::Duration;
use std::time::Instant;

use crate::folder::Folder;
use crate::made::{Namespace, cannot};
use crate::nodes::{BUSY, DETECTED, LOOPBACK, exchange, meet, next, node, secret, within};
use crate::program::{Node, RUNTIMES};
use crate::support::skip;
use crate::talk::{all_came, all_talk};
use crate::wire::{CARD, Wire, lacks, read, shared};

/// Nodes on the hosts of a wire that have met.
fn met(wire: &Wire, folder: &Folder, runtimes: &[&str]) -> (Vec<Node>, Vec<String>) {
    let secret = secret(folder, "secret");
    let started = wire.hosts.iter().zip(runtimes);
    let mut nodes: Vec<_> =
        started.map(|(host, runtime)| node(host, folder, runtime, &secret, &LOOPBACK)).collect();
    let (ids, _) = meet(&mut nodes);
    (nodes, ids)
}

/// How soon a session is back once there is a network.
const BACK: Duration = Duration::from_secs(3);

#[test]
fn an_interface_that_goes_down_and_up_brings_the_sessions_back() {
    if let Some(why) = cannot() {
        return skip("an interface that goes down and up", &why);
    }
    let _machine = shared();
    let (folder, wire) = (Folder::new(), Wire::new(3));
    let (mut nodes, ids) = met(&wire, &folder, &RUNTIMES);
    for (number, host) in wire.hosts.iter().enumerate() {
        let others = || (0..ids.len()).filter(|other| *other != number);
        let down = Instant::now();
        host.ip(&format!("link set {CARD} down"));
        let mut away = down;
        for other in others() {
            for (here, there) in [(number, other), (other, number)] {
                away = away.max(next(&mut nodes[here], &ids[there], "away").0);
            }
        }
        let runtime = RUNTIMES[number];
        within(&format!("{runtime}: away after the interface went"), away - down, DETECTED + BUSY);
        host.ip(&format!("link set {CARD} up"));
        let up = Instant::now();
        let mut back = up;
        for other in others() {
            for (here, there) in [(number, other), (other, number)] {
                back = back.max(next(&mut nodes[here], &ids[there], "up").0);
            }
        }
        within(&format!("{runtime}: back after the interface came"), back - up, BACK + BUSY);
        exchange(&mut nodes, &ids, &format!("again, {runtime}"));
    }
    nodes.into_iter().for_each(|node| drop(node.quit()));
}

/// A host that hears nothing and says nothing, and does not notice.
struct Hole<'h>(&'h Namespace);

impl<'h> Hole<'h> {
    /// Why none can be made, if so.
    fn cannot() -> Option<String> {
        cannot().or_else(|| lacks("nft"))
    }

    fn open(host: &'h Namespace) -> Self {
        let hole = Self(host);
        hole.nft(
            "table inet hole {
                chain in { type filter hook input priority 0; policy drop; }
                chain out { type filter hook output priority 0; policy drop; }
            }",
        );
        hole
    }

    fn close(self) {
        self.nft("delete table inet hole");
    }

    fn nft(&self, words: &str) {
        read(self.0.command().args(["nft", words]));
    }
}

#[test]
fn a_black_hole_is_noticed_and_nothing_is_lost_in_it() {
    if let Some(why) = Hole::cannot() {
        return skip("a black hole", &why);
    }
    let _machine = shared();
    let (folder, wire) = (Folder::new(), Wire::new(3));
    let (mut nodes, ids) = met(&wire, &folder, &RUNTIMES);
    let talks = all_talk(&mut nodes, &ids);
    for (number, host) in wire.hosts.iter().enumerate() {
        let pairs = || {
            let others = (0..ids.len()).filter(move |other| *other != number);
            others.flat_map(move |other| [(number, other), (other, number)])
        };
        let opened = Instant::now();
        let hole = Hole::open(host);
        let mut noticed = opened;
        for (here, there) in pairs() {
            let (at, away) = next(&mut nodes[here], &ids[there], "away");
            noticed = noticed.max(at);
            assert!(
                ["silent", "system_timed_out"].contains(&away["reason"].as_str().unwrap_or_default()),
                "{away}"
            );
        }
        let runtime = RUNTIMES[number];
        within(&format!("{runtime}: a black hole was noticed"), noticed - opened, DETECTED + BUSY);
        hole.close();
        let closed = Instant::now();
        let mut back = closed;
        for (here, there) in pairs() {
            back = back.max(next(&mut nodes[here], &ids[there], "up").0);
        }
        within(&format!("{runtime}: back after a black hole"), back - closed, BACK + BUSY);
    }
    all_came(nodes, &ids, talks);
}

/// How often each connection is killed.
const KILLED: usize = 2;

#[test]
fn connections_that_are_killed_one_by_one_lose_nothing() {
    if let Some(why) = cannot().or_else(|| lacks("ss")) {
        return skip("connections that are killed", &why);
    }
    let _machine = shared();
    let (folder, wire) = (Folder::new(), Wire::new(3));
    let (mut nodes, ids) = met(&wire, &folder, &RUNTIMES);
    let talks = all_talk(&mut nodes, &ids);
    for _ in 0..KILLED {
        for (here, there) in [(0, 1), (1, 2), (2, 0)] {
            talks[here].write(r#"{"do":"peers"}"#);
            let peers = nodes[here].event("peers", |_| true);
            let peer =
                peers["peers"].as_array().into_iter().flatten().find(|peer| peer["peer"] == ids[there]);
            let peer = peer.expect("it is known");
            assert_eq!(peer["state"], "up");
            let local = peer["local"].as_str().expect("its address");
            let killed = Instant::now();
            kill(&wire.hosts[here], local.parse::<SocketAddr>().expect("an address").port());
            let mut back = killed;
            for (here, there) in [(here, there), (there, here)] {
                next(&mut nodes[here], &ids[there], "away");
                back = back.max(next(&mut nodes[here], &ids[there], "up").0);
            }
            let what = format!("{} to {}: back after a kill", RUNTIMES[here], RUNTIMES[there]);
            within(&what, back - killed, BACK + BUSY);
        }
    }
    all_came(nodes, &ids, talks);
}

/// Kills the connections from this port of a host.
fn kill(host: &Namespace, port: u16) {
    let mut kill = host.command();
    // Without the state in front nothing is killed.
    kill.args(["ss", "-K", "-H", "-t", "state", "established"]).arg(format!("( sport = :{port} )"));
    let killed = read(&mut kill);
    assert!(!killed.trim().is_empty(), "there is no connection from port {port}, or this kernel kills none");
}
