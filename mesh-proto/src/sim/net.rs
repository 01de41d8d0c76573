//! Hosts, the streams between them, and one clock: all of a world but the programs. `W` is what programs say on streams,
//! `D` what they announce.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use crate::chance::{Dice, Seed};
use crate::sim::host::{Host, Life, NodeName};
use crate::sim::schedule::Schedule;
use crate::sim::stream::{At, Stream};
use crate::time::{Instant, Now, Wait};

/// The port that every node listens on.
pub(super) const PORT: u16 = 7000;

/// An address from which nothing ever comes back.
pub(super) const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), PORT);

#[derive(Clone)]
pub(super) struct Net<W, D> {
    pub(super) seed: u64,
    pub(super) dice: Dice,
    pub(super) schedule: Schedule<Job<D>>,
    pub(super) hosts: Vec<Host<D>>,
    /// Which host is at an address.
    pub(super) places: BTreeMap<SocketAddr, usize>,
    pub(super) streams: Vec<Stream<W>>,
    /// Streams that are not over.
    pub(super) live: BTreeSet<usize>,
    pub(super) delay: Duration,
    pub(super) delays: BTreeMap<(usize, usize), Duration>,
    pub(super) jitter: Duration,
    pub(super) timer_jitter: Duration,
    /// From whom to whom nothing gets through.
    pub(super) holes: BTreeSet<(usize, usize)>,
    /// The part of the network that each host is in.
    pub(super) parts: Vec<usize>,
}

#[derive(Clone)]
pub(super) enum Job<D> {
    /// What was sent to an end of a stream is there.
    Arrive(usize, At),
    /// The timer of a node rings, if it is still this one.
    Timer(usize, u64),
    /// A pause of a node is over, if it is still this one.
    Resume(usize, u64),
    /// An announcement of one node is there at another.
    Hear { from: usize, to: usize, says: D },
}

/// A deadline that does not lie ahead.
pub(super) struct Passed {
    pub(super) at: Instant,
    pub(super) now: Instant,
}

impl<W, D> Net<W, D> {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            dice: Dice::new(Seed::Number(seed)),
            schedule: Schedule::new(),
            hosts: Vec::new(),
            places: BTreeMap::new(),
            streams: Vec::new(),
            live: BTreeSet::new(),
            delay: Duration::from_millis(1),
            delays: BTreeMap::new(),
            jitter: Duration::ZERO,
            timer_jitter: Duration::ZERO,
            holes: BTreeSet::new(),
            parts: Vec::new(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.schedule.now()
    }

    pub(super) fn reading(&self, n: usize) -> Now {
        self.hosts[n].reading(self.now())
    }

    pub(super) fn runs(&self, n: usize) -> bool {
        self.hosts[n].life == Life::Running
    }

    pub(super) fn has_process(&self, n: usize) -> bool {
        self.hosts[n].life.has_process()
    }

    /// A host begins, with an address of its own.
    pub(super) fn add_host(&mut self) -> usize {
        let n = self.hosts.len();
        let address = address_of(n, 0);
        self.hosts.push(Host::new(address));
        self.parts.push(0);
        self.places.insert(address, n);
        n
    }

    pub(super) fn add_address(&mut self, n: usize) -> SocketAddr {
        let host = &mut self.hosts[n];
        let address = address_of(n, host.addresses);
        host.addresses = host.addresses.wrapping_add(1);
        self.places.insert(address, n);
        address
    }

    pub(super) fn move_address(&mut self, n: usize) -> SocketAddr {
        let old = self.hosts[n].address;
        self.places.remove(&old);
        let new = self.add_address(n);
        self.hosts[n].address = new;
        new
    }

    pub(super) fn delay_between(&mut self, a: NodeName, b: NodeName, one_way: Duration) {
        self.delays.insert((a.0.min(b.0), a.0.max(b.0)), one_way);
    }

    /// How long it takes now from one node to another.
    pub(super) fn time_between(&mut self, a: usize, b: usize) -> Duration {
        let fixed = self.delays.get(&(a.min(b), a.max(b))).copied().unwrap_or(self.delay);
        fixed + self.some_jitter()
    }

    pub(super) fn some_jitter(&mut self) -> Duration {
        if self.jitter.is_zero() { Duration::ZERO } else { self.dice.up_to(self.jitter) }
    }

    /// Sets the timer of a node to when its program wants to go on.
    ///
    /// # Errors
    ///
    /// That has passed.
    pub(super) fn set_timer(&mut self, n: usize, wait: Wait) -> Result<(), Passed> {
        let host = &self.hosts[n];
        let Wait::Until(at) = wait else {
            self.hosts[n].unset_timer();
            return Ok(());
        };
        if host.wake_at == Some(at) {
            return Ok(());
        }
        let now = host.reading(self.now()).awake;
        if at <= now {
            return Err(Passed { at, now });
        }
        let rings = self.now() + at.since(now) + self.dice.up_to(self.timer_jitter);
        let host = &mut self.hosts[n];
        host.wake_at = Some(at);
        host.timer += 1;
        let timer = host.timer;
        self.schedule.arrange(rings, Job::Timer(n, timer));
        Ok(())
    }

    /// A timer rings: whether it is the one that was set, and somebody hears it.
    pub(super) fn ring(&mut self, n: usize, timer: u64) -> bool {
        let host = &mut self.hosts[n];
        let rings = host.timer == timer && host.life == Life::Running;
        if rings {
            host.wake_at = None;
        }
        rings
    }

    /// Says something to hosts, as far as they are there: each hears it after as long as anything takes.
    pub(super) fn announce(&mut self, from: usize, to: impl Iterator<Item = usize>, says: &D)
    where
        D: Clone,
    {
        for to in to.filter(|to| *to != from) {
            let at = self.now() + self.time_between(from, to);
            self.schedule.arrange(at, Job::Hear { from, to, says: says.clone() });
        }
    }

    /// An announcement is there: gives it, and where it came from, if the program hears it now.
    pub(super) fn hear(&mut self, from: usize, to: usize, says: D) -> Option<(SocketAddr, D)> {
        if self.is_cut(from, to) {
            return None;
        }
        let source = self.hosts[from].address;
        match self.hosts[to].life {
            Life::Running => Some((source, says)),
            Life::Frozen => {
                self.hosts[to].unheard.push_back((source, says));
                None
            }
            Life::Suspended(_) | Life::Dead | Life::Vanished => None,
        }
    }

    /// Whether nothing is under way: what comes next comes from a timer.
    pub(super) fn quiet(&self) -> bool {
        let under_way = |stream: &usize| {
            self.streams[*stream].ends.iter().any(|end| {
                !end.unread.is_empty() || end.inbound.back().is_some_and(|(at, _)| *at >= self.now())
            })
        };
        !self.live.iter().any(under_way)
            && self.hosts.iter().all(|host| !matches!(host.life, Life::Frozen | Life::Suspended(_)))
    }
}

fn address_of(n: usize, moves: u8) -> SocketAddr {
    let [.., x, y] = (n + 1).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, moves, x, y)), PORT)
}
