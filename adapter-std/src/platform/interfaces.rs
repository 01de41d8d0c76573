//! Which interfaces this host has, and what changed about them.

use alloc::collections::BTreeMap;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::io;

use getifaddrs::InterfaceFlags;

/// One interface that is up and has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The system's number of it: the scope of its link-local addresses.
    pub index: u32,
    /// The system's name of it.
    pub name: String,
    /// Its IPv4 addresses, in order.
    pub v4: Vec<Ipv4Addr>,
    /// Its IPv6 addresses, in order.
    pub v6: Vec<Ipv6Addr>,
    /// Which families can multicast there.
    pub multicast: Multicast,
}

/// Which families can multicast on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multicast {
    /// Both, as far as there are addresses.
    Both,
    /// IPv4 alone: a loopback interface without the flag, where IPv4 works all the same.
    V4,
    /// Neither.
    Neither,
}

impl Interface {
    /// The address that IPv4 multicast goes out from, if it can.
    #[must_use]
    pub fn multicast_v4(&self) -> Option<Ipv4Addr> {
        match self.multicast {
            Multicast::Both | Multicast::V4 => self.v4.first().copied(),
            Multicast::Neither => None,
        }
    }

    /// Where this host can be dialed there, with port 0; link-local addresses with their scope.
    pub fn dialable(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let v4 = self.v4.iter().map(|address| SocketAddr::from((*address, 0)));
        let v6 = self.v6.iter().map(|address| {
            let scope = if address.is_unicast_link_local() { self.index } else { 0 };
            SocketAddrV6::new(*address, 0, 0, scope).into()
        });
        v4.chain(v6)
    }

    /// The address that IPv6 multicast goes out from, if it can: a link-local one if there is one.
    #[must_use]
    pub fn multicast_v6(&self) -> Option<Ipv6Addr> {
        match self.multicast {
            Multicast::Both => {
                self.v6.iter().find(|address| address.is_unicast_link_local()).or(self.v6.first()).copied()
            }
            Multicast::V4 | Multicast::Neither => None,
        }
    }
}

/// The interfaces that are up and have an address, by their numbers.
///
/// # Errors
///
/// The system does not say.
pub fn list() -> io::Result<Vec<Interface>> {
    let mut found = BTreeMap::new();
    for seen in getifaddrs::getifaddrs()? {
        let (Some(index), Some(address)) = (seen.index, seen.address.ip_addr()) else {
            continue;
        };
        if !seen.flags.contains(InterfaceFlags::UP | InterfaceFlags::RUNNING) {
            continue;
        }
        let interface = found.entry(index).or_insert_with(|| Interface {
            index,
            name: seen.name,
            v4: Vec::new(),
            v6: Vec::new(),
            multicast: multicast(seen.flags),
        });
        match address {
            IpAddr::V4(v4) => interface.v4.push(v4),
            IpAddr::V6(v6) => interface.v6.push(v6),
        }
    }
    Ok(found.into_values().map(sorted).collect())
}

fn sorted(mut interface: Interface) -> Interface {
    interface.v4.sort_unstable();
    interface.v4.dedup();
    interface.v6.sort_unstable();
    interface.v6.dedup();
    interface
}

const fn multicast(flags: InterfaceFlags) -> Multicast {
    if flags.contains(InterfaceFlags::MULTICAST) {
        Multicast::Both
    } else if flags.contains(InterfaceFlags::LOOPBACK) {
        Multicast::V4
    } else {
        Multicast::Neither
    }
}

/// What is different from one list to a later one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Interfaces that were not there.
    pub came: Vec<Interface>,
    /// Interfaces that are there no more, as they were.
    pub went: Vec<Interface>,
    /// Interfaces that have other addresses, another name or other abilities, as they are now.
    pub changed: Vec<Interface>,
}

impl Change {
    /// What is different in `after` from `before`.
    #[must_use]
    pub fn between(before: &[Interface], after: &[Interface]) -> Self {
        let of = |list: &[Interface], index| list.iter().find(|other| other.index == index).cloned();
        let mut change = Self::default();
        for now in after {
            match of(before, now.index) {
                None => change.came.push(now.clone()),
                Some(then) if then != *now => change.changed.push(now.clone()),
                Some(_) => {}
            }
        }
        change.went = before.iter().filter(|then| of(after, then.index).is_none()).cloned().collect();
        change
    }

    /// Whether nothing is different.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.came.is_empty() && self.went.is_empty() && self.changed.is_empty()
    }
}

/// Remembers the interfaces from one look to the next.
#[derive(Clone, Debug)]
pub struct InterfaceWatch {
    known: Vec<Interface>,
}

impl InterfaceWatch {
    /// Begins with what there is now.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn new() -> io::Result<Self> {
        Ok(Self { known: list()? })
    }

    /// What changed since the last look.
    ///
    /// # Errors
    ///
    /// The system does not say; what is known stays as it was.
    pub fn look(&mut self) -> io::Result<Change> {
        let now = list()?;
        let change = Change::between(&self.known, &now);
        self.known = now;
        Ok(change)
    }

    /// What there was at the last look.
    #[must_use]
    pub fn known(&self) -> &[Interface] {
        &self.known
    }
}
