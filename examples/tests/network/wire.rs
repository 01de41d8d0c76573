//! Hosts on one wire.

use core::net::IpAddr;
use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use serde_json::Value;

use crate::made::{Namespace, ip};
use crate::support::PATIENCE;

/// The one interface of a host, besides loopback.
pub(crate) const CARD: &str = "eth0";

/// A namespace for each host, and one for the bridge between them.
pub(crate) struct Wire {
    pub(crate) hosts: Vec<Namespace>,
    _bridge: Namespace,
}

/// What addresses hosts have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// Of both families.
    Both,
    /// Only what the system gives each interface by itself.
    LinkLocal,
}

impl Wire {
    /// A wire whose hosts can use their addresses.
    pub(crate) fn new(hosts: u8, addresses: Addresses) -> Self {
        let bridge = Namespace::new();
        bridge.ip("link add name wire type bridge mcast_snooping 0 forward_delay 0");
        bridge.ip("link set wire up");
        let hosts: Vec<_> = (1..=hosts)
            .map(|number| {
                let host = Namespace::new();
                ip(&format!(
                    "link add name {CARD} netns {host} type veth peer name p{number} netns {bridge}"
                ));
                bridge.ip(&format!("link set p{number} master wire up"));
                if addresses == Addresses::Both {
                    host.ip(&format!("addr add 10.77.0.{number}/24 dev {CARD}"));
                }
                host.ip("link set lo up");
                host.ip(&format!("link set {CARD} up"));
                host
            })
            .collect();
        for host in &hosts {
            has_addresses(host);
        }
        Self { hosts, _bridge: bridge }
    }
}

/// Waits until a host may use its IPv6 address: at first the system asks whether somebody else has it.
fn has_addresses(host: &Namespace) {
    let by = Instant::now() + PATIENCE;
    let is_listed =
        |which: &str| !addresses(host, &format!("-6 addr show dev {CARD} scope link {which}")).is_empty();
    while !is_listed("") || is_listed("tentative") {
        assert!(Instant::now() < by, "{CARD} gets no address");
    }
}

/// All addresses of a host but those of loopback.
pub(crate) fn addresses_of(host: &Namespace) -> Vec<IpAddr> {
    addresses(host, &format!("addr show dev {CARD}"))
}

fn addresses(host: &Namespace, words: &str) -> Vec<IpAddr> {
    let listed =
        read(Command::new("ip").args(["-n", &host.to_string(), "-j"]).args(words.split_whitespace()));
    let listed: Value = serde_json::from_str(&listed).expect("it is JSON");
    let interfaces = listed.as_array().into_iter().flatten();
    let addresses = interfaces.filter_map(|interface| interface["addr_info"].as_array()).flatten();
    addresses.filter_map(|address| address["local"].as_str()?.parse().ok()).collect()
}

/// What a command prints, which must succeed.
pub(crate) fn read(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

/// Why this program cannot be used here, if so.
pub(crate) fn lacks(program: &str) -> Option<String> {
    let tried = Command::new(program).arg("-V").output();
    tried.err().map(|error| format!("`{program}` does not run: {error}"))
}

/// Tests that measure share the machine; one that takes all of it is alone.
static MACHINE: RwLock<()> = RwLock::new(());

pub(crate) fn shared() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}
