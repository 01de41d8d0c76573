//! What the field does to links, while messages go both ways.

use core::net::SocketAddr;
use core::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::folder::Folder;
use crate::made::{Namespace, cannot};
use crate::nodes::{BUSY, DETECTED, LOOPBACK, apart_or_together, exchange, meet, node, secret, within};
use crate::program::{Node, RUNTIMES, fitting};
use crate::support::{PATIENCE, skip};
use crate::talk::{Talk, all_came, all_talk};
use crate::wire::{Addresses, CARD, Wire, lacks, read, shared};

/// Nodes on three hosts that have met, one on each runtime.
fn met(wire: &Wire, folder: &Folder) -> (Vec<Node>, Vec<String>) {
    let secret = secret(folder, "secret");
    let started = wire.hosts.iter().zip(RUNTIMES);
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
    for addresses in [Addresses::Both, Addresses::LinkLocal] {
        let (folder, wire) = (Folder::new(), Wire::new(3, addresses));
        let (mut nodes, ids) = met(&wire, &folder);
        for (number, host) in wire.hosts.iter().enumerate() {
            let what = format!("{addresses:?}, {}", RUNTIMES[number]);
            let down = Instant::now();
            host.ip(&format!("link set {CARD} down"));
            let away = apart_or_together(&mut nodes, &ids, number, "away");
            within(&format!("{what}: away after the interface went"), away - down, DETECTED + BUSY);
            let up = Instant::now();
            host.ip(&format!("link set {CARD} up"));
            let back = apart_or_together(&mut nodes, &ids, number, "up");
            within(&format!("{what}: back after the interface came"), back - up, BACK + BUSY);
            exchange(&mut nodes, &ids, &format!("again, {number}"));
        }
        nodes.into_iter().for_each(|node| drop(node.quit()));
    }
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
    let (folder, wire) = (Folder::new(), Wire::new(3, Addresses::Both));
    let (mut nodes, ids) = met(&wire, &folder);
    let talks = all_talk(&mut nodes, &ids);
    for (number, host) in wire.hosts.iter().enumerate() {
        let runtime = RUNTIMES[number];
        let opened = Instant::now();
        let hole = Hole::open(host);
        let noticed = apart_or_together(&mut nodes, &ids, number, "away");
        within(&format!("{runtime}: a black hole was noticed"), noticed - opened, DETECTED + BUSY);
        has_tried_in_vain(&mut nodes);
        let closed = Instant::now();
        hole.close();
        let back = apart_or_together(&mut nodes, &ids, number, "up");
        within(&format!("{runtime}: back after a black hole"), back - closed, BACK + BUSY);
    }
    all_came(nodes, &ids, talks);
}

/// How long is listened to each node in turn.
const TURN: Duration = Duration::from_millis(20);

/// Waits until a dial of somebody has failed. Who of two dials is whoever knows an address of the other.
fn has_tried_in_vain(nodes: &mut [Node]) {
    let failed = |link: &Value| link["state"] == "closed" && link["peer"].is_null();
    let by = Instant::now() + PATIENCE;
    while !nodes.iter_mut().any(|node| node.line_by(Instant::now() + TURN, fitting("link", failed)).is_ok()) {
        assert!(Instant::now() < by, "nobody dials");
    }
}

/// How often each connection is killed.
const KILLED: usize = 20;

#[test]
fn connections_that_are_killed_one_by_one_lose_nothing() {
    if let Some(why) = cannot().or_else(|| lacks("ss")) {
        return skip("connections that are killed", &why);
    }
    let _machine = shared();
    let (folder, wire) = (Folder::new(), Wire::new(3, Addresses::Both));
    let (mut nodes, ids) = met(&wire, &folder);
    let talks = all_talk(&mut nodes, &ids);
    for _ in 0..KILLED {
        for (here, there) in [(0, 1), (1, 2), (2, 0)] {
            let up = until_up(&mut nodes[here], &talks[here], &ids[there]);
            let end = |name: &str| up[name].as_str().expect("an address").to_owned();
            let (local, remote) = (end("local"), end("remote"));
            let killed = Instant::now();
            kill(&wire.hosts[here], &local, &remote);
            for (at, remote) in [(here, &remote), (there, &local)] {
                let ended = |link: &Value| link["state"] == "closed" && link["remote"] == remote.as_str();
                nodes[at].event("link", ended);
            }
            until_up(&mut nodes[here], &talks[here], &ids[there]);
            until_up(&mut nodes[there], &talks[there], &ids[here]);
            let what = format!("{} to {}: back after a kill", RUNTIMES[here], RUNTIMES[there]);
            within(&what, killed.elapsed(), BACK + BUSY);
        }
    }
    all_came(nodes, &ids, talks);
}

/// Waits until a session is up, and gives what is known of it. Whoever is away for a moment need not be told of.
fn until_up(node: &mut Node, talk: &Talk, peer: &str) -> Value {
    let by = Instant::now() + PATIENCE;
    loop {
        talk.write(r#"{"do":"peers"}"#);
        let known = node.event("peers", |_| true);
        let known = known["peers"].as_array().into_iter().flatten().find(|known| known["peer"] == peer);
        match known {
            Some(known) if known["state"] == "up" => return known.clone(),
            Some(_) | None => assert!(Instant::now() < by, "{peer} is not up:\n{}", node.all()),
        }
    }
}

/// Kills the connection between these ends, on the host of the first.
fn kill(host: &Namespace, local: &str, remote: &str) {
    let port = |end: &str| end.parse::<SocketAddr>().expect("an address").port();
    let which = format!("( sport = :{} and dport = :{} )", port(local), port(remote));
    let mut kill = host.command();
    // Without the state in front nothing is killed.
    let killed = read(kill.args(["ss", "-K", "-H", "-t", "state", "established"]).arg(which));
    assert!(!killed.trim().is_empty(), "{local} is not connected to {remote}, or this kernel kills nothing");
}
