//! Beacons that come and go with the interfaces.

use alloc::sync::Arc;
use std::io;

use super::{Beacon, Group, Plane, Whence};
use crate::platform::interfaces::Interface;

/// On how many interfaces a node is heard at most; the lowest numbers come first.
pub const MAX_INTERFACES: usize = 32;

/// The beacons on all interfaces that can, following what comes and goes.
#[derive(Debug)]
pub struct Beacons {
    group: Group,
    open: Vec<Arc<Beacon>>,
}

impl Beacons {
    /// None yet: [`Beacons::follow`] opens them.
    #[must_use]
    pub const fn new(group: Group) -> Self {
        Self { group, open: Vec::new() }
    }

    /// Opens what lacks on these interfaces and closes what is elsewhere. What cannot be opened is tried again at the
    /// next call, so this may be called with the same interfaces every few seconds: an IPv6 address cannot be used in
    /// its first second or two.
    pub fn follow(&mut self, interfaces: &[Interface]) -> Followed {
        let wanted: Vec<Plane> = interfaces.iter().take(MAX_INTERFACES).flat_map(Plane::of).collect();
        let mut followed = Followed::default();
        self.open.retain(|beacon| {
            let stays = wanted.contains(&beacon.plane);
            if !stays {
                followed.closed.push(beacon.plane);
            }
            stays
        });
        for plane in wanted {
            if self.open.iter().any(|beacon| beacon.plane == plane) {
                continue;
            }
            match Beacon::open(&self.group, plane) {
                Ok(beacon) => {
                    self.open.push(Arc::new(beacon));
                    followed.opened.push(plane);
                }
                Err(error) => {
                    log::debug!("no beacon on {plane:?}: {error}");
                    followed.failed.push((plane, error));
                }
            }
        }
        followed
    }

    /// Closes one that does not work any more; the next [`Beacons::follow`] opens it again.
    pub fn close(&mut self, plane: Plane) {
        self.open.retain(|beacon| beacon.plane != plane);
    }

    /// Those that are open.
    #[must_use]
    pub fn open(&self) -> &[Arc<Beacon>] {
        &self.open
    }

    /// Tells everybody on every plane. Returns on how many planes the system took it.
    pub fn send_to_all(&self, datagram: &[u8]) -> usize {
        self.open.iter().filter(|beacon| taken(beacon.plane, beacon.send_to_all(datagram))).count()
    }

    /// Tells one node, on the plane that it was heard on. Returns whether the system took it.
    pub fn send_to_one(&self, datagram: &[u8], whence: &Whence) -> bool {
        let mut there = self.open.iter().filter(|beacon| beacon.plane == whence.plane);
        there.any(|beacon| taken(beacon.plane, beacon.send_to_one(datagram, whence.source)))
    }
}

/// A beacon that is not sent is only noted: the next one comes in time.
fn taken(plane: Plane, sent: io::Result<()>) -> bool {
    match sent {
        Ok(()) => true,
        Err(error) => {
            log::debug!("a beacon is not sent on {plane:?}: {error}");
            false
        }
    }
}

/// What following the interfaces led to.
#[derive(Debug, Default)]
pub struct Followed {
    /// Planes that are heard from now on.
    pub opened: Vec<Plane>,
    /// Planes that are heard no more.
    pub closed: Vec<Plane>,
    /// Planes that the system does not open now.
    pub failed: Vec<(Plane, io::Error)>,
}
