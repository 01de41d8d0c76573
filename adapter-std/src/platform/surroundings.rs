//! One thread that watches what is around a node: the interfaces, the clocks, and the beacons of others.
//!
//! It waits for all of them at once, so a driver of any runtime gets by without a task for each socket: what the
//! thread notices, it tells through one function, which hands it to the driver and must not wait.

use alloc::sync::Arc;
use core::time::Duration;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

use super::beacon::{Beacon, Beacons, Buffer, Followed, Group, Heard, Whence};
use super::clock::{Clock, SuspendWatch, Time};
use super::interfaces::{Change, Interface, InterfaceWatch};
use super::waiting::{self, Stop, Waiting};

/// How many datagrams of one beacon are told before the others have their turn.
const AT_ONCE: usize = 64;
/// How often is looked while a beacon waits to be opened soon after a change: a fresh IPv6 address takes a second or two.
const SOON: Duration = Duration::from_millis(250);
/// How many looks of that kind follow a change; after that it fails for another reason.
const SOON_LOOKS: u32 = 16;

/// What is watched.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    /// Where the neighbourhood listens; `None` for a node without beacons.
    pub group: Option<Group>,
    /// How often the interfaces and the clocks are looked at.
    pub every: Duration,
}

impl Default for Watched {
    /// The group of all, and a look every second.
    fn default() -> Self {
        Self { group: Some(Group::COMMON), every: Duration::from_secs(1) }
    }
}

/// What was noticed.
#[derive(Debug)]
pub enum Sign<'a> {
    /// Somebody's beacon, or one's own.
    Heard(Heard<'a>),
    /// The node's addresses changed, or beacons can go out where they could not: the machine is told
    /// [`Wake::Moved`](mesh_proto::Wake::Moved).
    Moved {
        /// What is different about the interfaces.
        change: &'a Change,
        /// What became of the beacons.
        followed: &'a Followed,
    },
    /// The system was suspended for so long: the machine sees that by itself when it is called now.
    Slept(Duration),
}

/// The thread and what it watches. Dropping it closes the sockets and ends the thread.
#[derive(Debug)]
pub struct Surroundings {
    shared: Arc<Shared>,
    stop: Option<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    beacons: Mutex<Beacons>,
    interfaces: Mutex<Vec<Interface>>,
}

impl Surroundings {
    /// Opens the beacons and begins to watch. `tell` is called on a thread of its own and must not wait.
    ///
    /// # Errors
    ///
    /// The system does not tell its interfaces, or has no room for a thread. A beacon that cannot be opened is no
    /// error: it is tried again at every look.
    pub fn watch(
        watched: Watched,
        clock: Clock,
        tell: impl FnMut(Sign<'_>) + Send + 'static,
    ) -> io::Result<Self> {
        let interfaces = InterfaceWatch::new()?;
        let mut beacons = Beacons::new(watched.group.unwrap_or_default());
        if watched.group.is_some() {
            beacons.follow(interfaces.known());
        }
        let (stop, waiting) = waiting::pair()?;
        let shared = Arc::new(Shared {
            beacons: Mutex::new(beacons),
            interfaces: Mutex::new(interfaces.known().to_vec()),
        });
        let watcher = Watcher {
            watched,
            clock,
            shared: Arc::clone(&shared),
            interfaces,
            suspends: SuspendWatch::new(clock.now()),
            soon_looks: SOON_LOOKS,
            tell,
        };
        let thread = thread::Builder::new()
            .name("mesh surroundings".to_owned())
            .spawn(move || watcher.run(&waiting))?;
        Ok(Self { shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Tells everybody. Returns on how many planes the system took it; it never waits.
    pub fn send_to_all(&self, datagram: &[u8]) -> usize {
        self.shared.beacons().send_to_all(datagram)
    }

    /// Tells one node that was heard. Returns whether the system took it; it never waits.
    pub fn send_to_one(&self, datagram: &[u8], whence: &Whence) -> bool {
        self.shared.beacons().send_to_one(datagram, whence)
    }

    /// The interfaces at the last look.
    #[must_use]
    pub fn interfaces(&self) -> Vec<Interface> {
        self.shared.interfaces.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// On how many planes this node hears and speaks.
    #[must_use]
    pub fn planes(&self) -> usize {
        self.shared.beacons().open().len()
    }
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        self.stop = None;
        let Some(thread) = self.thread.take() else { return };
        // Whoever drops this from what it tells is on that thread, which ends when it returns.
        if thread.thread().id() != thread::current().id() && thread.join().is_err() {
            log::error!("the thread that watched the surroundings panicked");
        }
    }
}

impl Shared {
    fn beacons(&self) -> MutexGuard<'_, Beacons> {
        self.beacons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Watcher<F> {
    watched: Watched,
    clock: Clock,
    shared: Arc<Shared>,
    interfaces: InterfaceWatch,
    suspends: SuspendWatch,
    soon_looks: u32,
    tell: F,
}

impl<F: FnMut(Sign<'_>)> Watcher<F> {
    fn run(mut self, waiting: &Waiting) {
        let mut buffer = Buffer::new();
        let mut look_at = Instant::now();
        loop {
            let now = Instant::now();
            if now >= look_at {
                look_at = now + self.look();
            }
            let open = self.shared.beacons().open().to_vec();
            let mut sockets = sockets_of(&open);
            if !waiting.wait(&mut sockets, Some(look_at.saturating_duration_since(now))) {
                return;
            }
            for beacon in ready_of(&open, &sockets) {
                self.listen(beacon, &mut buffer);
            }
        }
    }

    /// Returns when to look again.
    fn look(&mut self) -> Duration {
        let every = self.watched.every;
        if let Some(slept) = self.suspends.look(self.clock.now()) {
            (self.tell)(Sign::Slept(slept));
        }
        let change = match self.interfaces.look() {
            Ok(change) => change,
            Err(error) => {
                log::debug!("the interfaces are not known: {error}");
                return every;
            }
        };
        let followed = if self.watched.group.is_some() {
            self.shared.beacons().follow(self.interfaces.known())
        } else {
            Followed::default()
        };
        if !change.is_empty() {
            self.soon_looks = SOON_LOOKS;
            *self.shared.interfaces.lock().unwrap_or_else(PoisonError::into_inner) =
                self.interfaces.known().to_vec();
        }
        if !(change.is_empty() && followed.opened.is_empty()) {
            (self.tell)(Sign::Moved { change: &change, followed: &followed });
        }
        if followed.failed.is_empty() || self.soon_looks == 0 {
            every
        } else {
            self.soon_looks -= 1;
            every.min(SOON)
        }
    }

    fn listen(&mut self, beacon: &Beacon, buffer: &mut Buffer) {
        for _ in 0..AT_ONCE {
            match beacon.receive(buffer) {
                Ok(Some(heard)) => (self.tell)(Sign::Heard(heard)),
                Ok(None) => return,
                Err(error) => {
                    log::debug!("the beacon on {:?} is opened again: {error}", beacon.plane());
                    self.shared.beacons().close(beacon.plane());
                    return;
                }
            }
        }
    }
}

/// Both sockets of each, in order.
fn sockets_of(open: &[Arc<Beacon>]) -> Vec<PollFd<'_>> {
    let sockets = open.iter().flat_map(|beacon| beacon.sockets());
    sockets.map(|socket| PollFd::new(socket, PollFlags::IN)).collect()
}

/// Those of which a socket can be read.
fn ready_of<'o>(open: &'o [Arc<Beacon>], sockets: &[PollFd<'_>]) -> impl Iterator<Item = &'o Beacon> {
    let two = sockets.chunks(2).map(|two| two.iter().any(|socket| !socket.revents().is_empty()));
    open.iter().zip(two).filter(|(_, ready)| *ready).map(|(beacon, _)| &**beacon)
}
