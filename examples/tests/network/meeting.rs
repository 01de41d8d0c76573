//! Nodes that find each other, and nodes that do not.

use core::net::SocketAddr;
use core::time::Duration;
use std::time::Instant;

use crate::folder::Folder;
use crate::made::{Namespace, cannot};
use crate::nodes::{BUSY, count, exchange, meet, node, nothing, secret, within};
use crate::program::{Node, RUNTIMES};
use crate::support::skip;
use crate::wire::{Addresses, Wire, addresses_of, shared};

/// How soon nodes have found each other.
const MET: Duration = Duration::from_secs(3);
/// How often three nodes are started at the same time: each says that it is there while others begin to listen.
const STARTS: u32 = 20;

#[test]
fn three_hosts_on_one_wire_meet_without_an_address() {
    if let Some(why) = cannot() {
        return skip("three hosts on one wire", &why);
    }
    let _machine = shared();
    for addresses in [Addresses::Both, Addresses::LinkLocal] {
        let (folder, wire) = (Folder::new(), Wire::new(3, addresses));
        let secret = secret(&folder, "secret");
        let mut slowest = Duration::ZERO;
        for _ in 0..STARTS {
            let mut began = Instant::now();
            let mut nodes = Vec::new();
            for (host, runtime) in wire.hosts.iter().zip(RUNTIMES) {
                began = Instant::now();
                nodes.push(node(host, &folder, runtime, &secret, &[]));
            }
            let (ids, met) = meet(&mut nodes);
            slowest = slowest.max(met - began);
            exchange(&mut nodes, &ids, "hello");
            nodes.into_iter().for_each(|node| drop(node.quit()));
        }
        let what = format!("{addresses:?}: met after the last start, at worst of {STARTS} times");
        within(&what, slowest, MET + BUSY);
    }
}

#[test]
fn two_nodes_on_one_host_meet_with_no_network_up() {
    if let Some(why) = cannot() {
        return skip("a host with no network up", &why);
    }
    let _machine = shared();
    let host = Namespace::new();
    host.ip("link set lo up");
    for (runtime, other) in RUNTIMES.into_iter().zip(RUNTIMES.into_iter().cycle().skip(1)) {
        let folder = Folder::new();
        let secret = secret(&folder, "secret");
        let first = node(&host, &folder, runtime, &secret, &[]);
        let began = Instant::now();
        let mut nodes = vec![first, node(&host, &folder, other, &secret, &[])];
        let (ids, met) = meet(&mut nodes);
        let what = format!("{runtime} and {other} met over loopback");
        within(&what, met - began, MET + BUSY);
        exchange(&mut nodes, &ids, "hello");
        nodes.into_iter().for_each(|node| drop(node.quit()));
    }
}

/// How long nodes of two meshes leave each other alone.
const APART: Duration = Duration::from_secs(5);

#[test]
fn nodes_of_two_meshes_on_one_wire_never_dial_each_other() {
    if let Some(why) = cannot() {
        return skip("two meshes on one wire", &why);
    }
    let _machine = shared();
    let (folder, wire) = (Folder::new(), Wire::new(4, Addresses::Both));
    let secrets = [secret(&folder, "one"), secret(&folder, "two")];
    let mut meshes: [Vec<Node>; 2] = Default::default();
    let runtimes = ["tokio", "smol", "std", "tokio"];
    for (number, (host, runtime)) in wire.hosts.iter().zip(runtimes).enumerate() {
        let mesh = number % 2;
        meshes[mesh].push(node(host, &folder, runtime, &secrets[mesh], &[]));
    }
    let began = Instant::now();
    for mesh in &mut meshes {
        meet(mesh);
    }
    for (number, mesh) in meshes.iter_mut().enumerate() {
        let own: Vec<_> = wire.hosts.iter().skip(number).step_by(2).flat_map(addresses_of).collect();
        for node in mesh {
            nothing(node.rewind(), began + APART, "link", |event| {
                let remote = event["remote"].as_str().expect("it has an address");
                let remote: SocketAddr = remote.parse().expect("an address");
                !own.contains(&remote.ip())
            });
            assert!(!node.has_told("refused"), "{}", node.all());
            // Each has one peer alone, which either of them may have dialed, by both its addresses.
            assert!(count(node, "dials") <= 2, "{}", node.all());
        }
    }
    meshes.into_iter().flatten().for_each(|node| drop(node.quit()));
}
