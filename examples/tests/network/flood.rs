//! A stranger on the wire that shouts.

use alloc::sync::Arc;
use core::time::Duration;
use std::fs;
use std::time::Instant;

use adapter_std::platform::beacon::{Beacon, Beacons, Group, MAX_DATAGRAM, Plane};
use adapter_std::platform::interfaces::list;

use crate::child::{Child, ran_by_another, say};
use crate::folder::Folder;
use crate::made::{Namespace, cannot};
use crate::nodes::{meet, node, secret, within};
use crate::program::{Node, RUNTIMES};
use crate::support::{PATIENCE, skip};
use crate::talk::{Talk, all_came, all_talk};
use crate::wire::{Addresses, Wire, alone, read};

/// How long the stranger shouts.
const SHOUTED: Duration = Duration::from_secs(3);
/// How many datagrams it sends in a second, if it can.
const RATE: u64 = 100_000;
/// By how much a node may grow meanwhile, in KiB.
const GROWN: u64 = 4 << 10;
/// How long messages may wait meanwhile.
const PAUSE: Duration = Duration::from_secs(2);

#[test]
fn forged_beacons_cost_no_dial_and_little_memory() {
    if let Some(why) = cannot() {
        return skip("a flood of forged beacons", &why);
    }
    let _machine = alone();
    let (folder, wire) = (Folder::new(), Wire::new(4, Addresses::Both));
    let secret = secret(&folder, "secret");
    let (stranger, hosts) = wire.hosts.split_last().expect("it is one of them");
    let started = hosts.iter().zip(RUNTIMES);
    let mut nodes: Vec<_> =
        started.map(|(host, runtime)| node(host, &folder, runtime, &secret, &[])).collect();
    let (ids, _) = meet(&mut nodes);
    let talks = all_talk(&mut nodes, &ids);
    for node in &mut nodes {
        node.event("message", |event| event["seq"] == 100);
    }

    let dialed: Vec<_> = nodes.iter_mut().zip(&talks).map(|(node, talk)| dials(node, talk)).collect();
    let before: Vec<_> = nodes.iter().zip(hosts).map(|(node, host)| (memory(node), taken_in(host))).collect();
    let child = Child::start(stranger.command(), "flood::a_stranger_that_shouts");
    child.says("listens");
    // It knows what beacons look like once a node has said again that it is there.
    talks.iter().for_each(|talk| talk.write(r#"{"do":"wake"}"#));
    child.says("begins");
    let shouted = child.says("sent ");
    println!("the stranger sent {shouted}");

    for (((node, host), runtime), (grown_from, taken_before)) in
        nodes.iter_mut().zip(hosts).zip(RUNTIMES).zip(before)
    {
        let (memory, taken) = (memory(node), taken_in(host) - taken_before);
        println!("{runtime}: took in {taken} datagrams, {grown_from} KiB before and {memory} KiB after");
        assert!(taken > 10_000, "{runtime} took in {taken} only");
        assert!(memory < grown_from + GROWN, "{runtime} grew from {grown_from} to {memory} KiB");
    }
    for ((node, talk), dialed) in nodes.iter_mut().zip(&talks).zip(dialed) {
        assert_eq!(dials(node, talk), dialed);
        let undisturbed = !node.has_told("refused") && !node.all().contains(r#""state":"away""#);
        assert!(undisturbed, "{}", node.all());
    }
    within("the longest pause in the flood", all_came(nodes, &ids, talks), PAUSE);
}

fn dials(node: &mut Node, talk: &Talk) -> u64 {
    talk.write(r#"{"do":"stats"}"#);
    node.event("stats", |_| true)["dials"].as_u64().expect("a count")
}

/// The memory that a node has now, in KiB.
fn memory(node: &Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("every process has it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// How many datagrams programs of a host have taken in, of both families.
fn taken_in(host: &Namespace) -> u64 {
    let v6 = read(host.command().args(["cat", "/proc/net/snmp6"]));
    let v6 = v6.lines().find_map(|line| line.strip_prefix("Udp6InDatagrams")).expect("it is counted");
    let v4 = read(host.command().args(["cat", "/proc/net/snmp"]));
    let v4 = v4.lines().filter_map(|line| line.strip_prefix("Udp: ")).nth(1).expect("it is counted");
    let number = |text: &str| text.trim().parse::<u64>().expect("a number");
    number(v6) + number(v4.split(' ').next().expect("the first of them"))
}

#[test]
#[ignore = "run by forged_beacons_cost_no_dial_and_little_memory"]
fn a_stranger_that_shouts() {
    ran_by_another();
    let mut beacons = Beacons::new(Group::COMMON);
    let followed = beacons.follow(&list().expect("every system tells"));
    assert!(followed.failed.is_empty(), "{followed:?}");
    let here = |beacon: &&Arc<Beacon>| match beacon.plane() {
        Plane::V4 { address, .. } => !address.is_loopback(),
        Plane::V6 { address, .. } => !address.is_loopback(),
    };
    let planes: Vec<_> = beacons.open().iter().filter(here).collect();
    assert_eq!(planes.len(), 2);
    say("listens");
    let real = hear(planes[0]);
    say("begins");

    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut noise = [0; MAX_DATAGRAM];
    let (began, mut sent, mut tried) = (Instant::now(), 0_u64, 0_u64);
    while began.elapsed() < SHOUTED {
        if u128::from(tried) * 1_000_000 > began.elapsed().as_micros() * u128::from(RATE) {
            std::thread::yield_now();
            continue;
        }
        tried += 1;
        let datagram = forge(&mut random, &mut noise, &real);
        sent += u64::from(planes[random.below(2)].send_to_all(datagram).is_ok());
    }
    say(&format!("sent {sent} datagrams in {:?}", began.elapsed()));
}

/// A real beacon that somebody sent to all.
fn hear(beacon: &Beacon) -> Vec<u8> {
    let [ear, _] = beacon.sockets();
    ear.set_nonblocking(false).and_then(|()| ear.set_read_timeout(Some(PATIENCE))).expect("it is open");
    let mut buffer = [0; MAX_DATAGRAM];
    let (length, _) = ear.recv_from(&mut buffer).expect("somebody says that it is there");
    buffer[..length].to_vec()
}

/// Random bytes, or a real beacon that is cut off, longer, or not as it was.
fn forge<'n>(random: &mut Random, noise: &'n mut [u8; MAX_DATAGRAM], real: &[u8]) -> &'n [u8] {
    let kind = random.below(4);
    if kind == 0 {
        let length = random.below(MAX_DATAGRAM + 1);
        noise[..length].chunks_mut(8).for_each(|eight| {
            let bytes = random.next().to_be_bytes();
            eight.copy_from_slice(&bytes[..eight.len()]);
        });
        return &noise[..length];
    }
    noise[..real.len()].copy_from_slice(real);
    match kind {
        1 => &noise[..random.below(real.len())],
        2 => {
            let longer = real.len() + 1 + random.below(64);
            &noise[..longer]
        }
        _ => {
            noise[random.below(real.len())] ^= 1 << random.below(8);
            &noise[..real.len()]
        }
    }
}

/// Numbers that look random, and are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("31 bits") % bound
    }
}
