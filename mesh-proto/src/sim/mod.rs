//! The simulator: any number of real machines on one virtual clock, and a network that can be hurt.
//!
//! Nothing in a [`World`] waits: ten minutes of a mesh pass in a few milliseconds, and the same seed with the same calls
//! gives the same log, happening by happening. Use it to test a protocol of your own without a socket, as this crate
//! tests its rules.
//!
//! # Your own protocol, tested in thirty lines
//!
//! A protocol that stands on the machine reads [`Mesh::news`]. This one elects a leader: the lowest id among those that
//! are up. The test cuts the leader off, sees the others agree on the next one within
//! [`detect_within`](Config::detect_within), and the old one lead again when the network is whole.
//!
//! ```
//! use std::collections::BTreeSet;
//! use core::time::Duration;
//! use mesh_proto::{Config, Cursor, Heap, Mesh, NodeId, Standing};
//! use mesh_proto::sim::{self, World};
//!
//! #[derive(Default)]
//! struct Election { cursor: Cursor, up: BTreeSet<NodeId> }
//!
//! impl Election {
//!     fn leader(&mut self, mesh: &Mesh<Heap>) -> NodeId {
//!         for peer in mesh.news(&mut self.cursor) {
//!             match peer.standing {
//!                 Standing::Up { .. } => self.up.insert(peer.id),
//!                 Standing::Away { .. } | Standing::Down { .. } => self.up.remove(&peer.id),
//!             };
//!         }
//!         self.up.first().copied().unwrap_or(mesh.me()).min(mesh.me())
//!     }
//! }
//!
//! sim::check!("the lowest id that can be reached leads", 0..20, |seed| {
//!     let mut world = World::new(seed);
//!     world.jitter(Duration::from_millis(20));
//!     let nodes = [(); 3].map(|()| world.add(Config::lan()));
//!     let [a, b, c] = nodes;
//!     for (from, to) in [(a, b), (b, c), (c, a)] {
//!         world.keep(from, to);
//!     }
//!     let mut elections = nodes.map(|_| Election::default());
//!     let mut leaders = |world: &World| nodes.map(|n| elections[n.0].leader(world.mesh(n)));
//!
//!     let all_follow_a = [world.id(a); 3];
//!     world.run_until(Duration::from_secs(5), |world| leaders(world) == all_follow_a).expect("one leader");
//!
//!     world.partition(&[&[a], &[b, c]]);
//!     let without_a = [world.id(a), world.id(b), world.id(b)];
//!     world.run_until(Duration::from_secs(11), |world| leaders(world) == without_a).expect("the next one");
//!
//!     world.heal_all();
//!     world.run_until(Duration::from_secs(11), |world| leaders(world) == all_follow_a).expect("the old one");
//! });
//! ```
//!
//! When a condition does not come to hold, [`TimedOut`] prints the seed, the end of the log, and what every machine has
//! to say of each of its peers. [`check!`](macro@check) names the seed that failed.
//!
//! With the feature `noise`, the module `nodes` has the same for whole nodes: keys, secrets, who is let in, and bytes on
//! streams instead of frames. Every handshake computes keys there: until three nodes have met takes some milliseconds, until
//! three machines have, some microseconds. So test here what needs no bytes.
//!
//! # How it behaves
//!
//! Every machine is driven as any driver does it: one event, all its orders, and a tick when the wait is over.
//!
//! * A **stream** is one TCP connection. What is sent on it arrives in order, its end included; different streams have
//!   nothing to do with each other. Frames that arrive at one moment come in one event.
//! * A **dial** takes as long as a real one: the request and the grant of the stream, then the three messages of the
//!   handshake. The acceptor hears of the stream after one delay, the dialer that it is open after two, of the proof
//!   after four, and the acceptor has the proof and the hello after five. A dial to an address that nobody has is
//!   refused after two.
//! * **Closing**: what was sent before arrives, then the other end hears that the stream ended. Whatever is sent to an
//!   end that is closed already is answered with a reset.
//! * **Announcements** to everyone arrive at all nodes of the same part of the network, those to one address at the node
//!   there, after one delay. [`World::announcements`] says whether anybody vouches for them, or turns them off.
//! * **Time**: a node's two clocks begin at different readings. Delays are 1 ms unless set; [`World::jitter`] varies them
//!   from the seed, and [`World::timer_jitter`] makes timers late.
//!
//! # What each fault means
//!
//! | fault | the node it happens to | the others |
//! |---|---|---|
//! | [`lose`](World::lose) | its system says 'reset' on one stream | the other end hears the same at once, or a reset when it sends something |
//! | [`black_hole`](World::black_hole), [`black_hole_stream`](World::black_hole_stream) | nothing: nobody is told | nothing; the systems go on trying, so what was sent arrives after [`heal`](World::heal) |
//! | [`partition`](World::partition) | the same between all nodes of different groups, announcements included | |
//! | [`exhaust`](World::exhaust) | no file descriptor is left: its dials fail at once, until [`relieve`](World::relieve) | dials to it are refused |
//! | [`freeze`](World::freeze) | its process stands still; then it reads all that its system took for it, late | its system still grants streams, and takes what comes |
//! | [`suspend`](World::suspend) | its host sleeps: [`Now::awake`] stands still, [`Now::elapsed`] goes on | nobody answers; what was sent on streams arrives when it wakes, announcements are lost |
//! | [`step_clock`](World::step_clock) | [`Now::elapsed`] jumps | nothing |
//! | [`stop`](World::stop) with [`Leave`](Stop::Leave) | it is told to leave, and ends when its links are closed | goodbyes |
//! | with [`Kill`](Stop::Kill) | the process is gone | resets; dials are refused |
//! | with [`Vanish`](Stop::Vanish) | the power is cut | nothing: what they send is swallowed, dials hang; streams of that time stay so even after [`start`](World::start) |
//! | [`start`](World::start) with [`Fresh`](Start::Fresh) | a new run with a higher start number | |
//! | with [`Restored`](Start::Restored) | a new run with the start number it had, and other bits | |
//! | [`clone_of`](World::clone_of) | a second process with its key and start number | two of one name |
//! | [`move_address`](World::move_address) | it listens elsewhere; its streams live on | dials to the old address are refused |
//! | [`secret`](World::secret) | it believes to be in another mesh | handshakes fail at their first message |
//! | [`slow_next_dial`](World::slow_next_dial), [`delay_stream`](World::delay_stream) | one stream is slower than the others | |
//!
//! For what only an attacker or a broken peer does, there is raw access: [`tell`](World::tell) gives a machine any event,
//! [`inject`](World::inject) any frame, [`accept_stranger`](World::accept_stranger) a stream from nowhere on which nothing
//! comes, [`announce`](World::announce) any announcement.
//!
//! # Bounds
//!
//! The log keeps the last 65,536 happenings at least, twice as many at most ([`World::keep_log`]). A million happenings
//! in one moment are taken for a storm, and panic, as does a machine that orders something on a link that it does not
//! have or that wants to wait until a moment that has passed.

mod carrying;
mod check;
mod driving;
mod faults;
mod harm;
mod host;
mod ledger;
mod log;
mod look;
mod net;
mod node;
#[cfg(feature = "noise")]
pub mod nodes;
mod passing;
mod reading;
mod running;
mod schedule;
mod settings;
mod stream;
#[cfg(test)]
mod tests;
mod tidings;

use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

#[doc(inline)]
pub use crate::__check as check;
pub use harm::{Direction, End};
pub use host::{NodeName, Start, Stop};
pub use ledger::{Ledger, Posting};
pub use log::{Happening, What};
pub use look::{LinkEnd, LinkInfo};
pub use node::Received;
pub use running::TimedOut;
pub use stream::StreamName;

use crate::announcement::{Announcement, Vouched};
use crate::chance::Seed;
use crate::config::Config;
use crate::event::Event;
use crate::id::{Incarnation, NodeId};
use crate::machine::Mesh;
use crate::rules::{Rules, Shipped};
use crate::storage::{Heap, Storage};
use crate::time::Now;

use log::Log;
use net::Net;
use node::Node;
use reading::{Handshake, Word};

/// Machines, the streams between them, and one clock.
#[derive(Clone)]
pub struct World<S: Storage = Heap, R: Rules = Shipped> {
    rules: R,
    net: Net<Word, (Announcement, Vouched)>,
    nodes: Vec<Node<S, R>>,
    /// One for each stream.
    handshakes: Vec<Handshake>,
    plane: Option<Vouched>,
    log: Log,
    audits: bool,
    orders: Vec<What>,
}

impl World {
    /// An empty world with the rules that ship, on tables from the heap.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_rules(seed, Shipped)
    }
}

impl<S: Storage, R: Rules> World<S, R> {
    /// An empty world with these rules.
    #[must_use]
    pub fn with_rules(seed: u64, rules: R) -> Self {
        Self {
            rules,
            net: Net::new(seed),
            nodes: Vec::new(),
            handshakes: Vec::new(),
            plane: Some(Vouched::ByMember),
            log: Log::new(),
            audits: false,
            orders: Vec::new(),
        }
    }

    /// Starts a node. Ids rise with the names: of two nodes the one that was added first decides (R2).
    ///
    /// # Panics
    ///
    /// If the configuration contradicts itself.
    pub fn add(&mut self, config: Config) -> NodeName {
        let number = u32::try_from(self.nodes.len() + 1).unwrap_or(u32::MAX);
        let mut bytes = [0; 32];
        let [a, b, c, d] = number.to_be_bytes();
        bytes[..4].copy_from_slice(&[a, b, c, d]);
        bytes[31] = 1;
        self.add_with_id(config, NodeId::new(bytes))
    }

    /// Starts a node with this id.
    ///
    /// # Panics
    ///
    /// If the configuration contradicts itself.
    pub fn add_with_id(&mut self, config: Config, id: NodeId) -> NodeName {
        self.add_run(config, id, 1000)
    }

    /// Starts a second process with the key and the start number of this node, other bits, and its own address.
    pub fn clone_of(&mut self, n: NodeName) -> NodeName {
        let Node { config, id, start, .. } = self.nodes[n.0];
        self.add_run(config, id, start)
    }

    fn add_run(&mut self, config: Config, id: NodeId, start: u64) -> NodeName {
        let mesh = self.machine(config, id, start);
        let n = self.net.add_host();
        self.nodes.push(Node {
            id,
            config,
            start,
            mesh,
            tidings: Default::default(),
            secret: 0,
            inbox: Vec::new(),
            settled: Vec::new(),
        });
        self.begin(n);
        NodeName(n)
    }

    /// What a new process does first.
    fn begin(&mut self, n: usize) {
        let run = self.nodes[n].mesh.incarnation();
        self.note(n, What::Started(run));
        self.step(n, Event::Tick);
    }

    fn machine(&mut self, config: Config, id: NodeId, start: u64) -> Mesh<S, R> {
        let run = Incarnation::new(start, self.net.dice.below(u64::MAX));
        let seed = Seed::Number(self.net.dice.below(u64::MAX));
        match Mesh::with_rules(id, run, config, seed, self.rules.clone()) {
            Ok(mesh) => mesh,
            Err(error) => panic!("{error}"),
        }
    }

    /// The seed that this world was made from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.net.seed
    }

    /// A number below `bound`, from the seed: for what a test leaves to chance.
    pub fn draw(&mut self, bound: u64) -> u64 {
        self.net.dice.below(bound)
    }

    /// Whether a node runs: not stopped, and not standing still.
    #[must_use]
    pub fn runs(&self, n: NodeName) -> bool {
        self.net.runs(n.0)
    }

    /// Whether a node is stopped.
    #[must_use]
    pub fn is_stopped(&self, n: NodeName) -> bool {
        !self.net.has_process(n.0)
    }

    /// The time since the world began.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.net.now()
    }

    /// All nodes that were added.
    pub fn nodes(&self) -> impl Iterator<Item = NodeName> + use<S, R> {
        (0..self.nodes.len()).map(NodeName)
    }

    /// The machine of a node; of one that was stopped, as it was then.
    #[must_use]
    pub fn mesh(&self, n: NodeName) -> &Mesh<S, R> {
        &self.nodes[n.0].mesh
    }

    /// Who a node is.
    #[must_use]
    pub fn id(&self, n: NodeName) -> NodeId {
        self.nodes[n.0].id
    }

    /// Where a node listens.
    #[must_use]
    pub fn address(&self, n: NodeName) -> SocketAddr {
        self.net.hosts[n.0].address
    }

    /// What the clocks of a node say.
    #[must_use]
    pub fn reading(&self, n: NodeName) -> Now {
        self.net.reading(n.0)
    }

    fn note(&mut self, n: usize, what: What) {
        self.log.note(self.net.now(), n, what);
    }

    /// Fails with everything that tells why.
    #[track_caller]
    fn fail(&self, what: fmt::Arguments<'_>) -> ! {
        panic!("{what}\n{}", self.report())
    }
}

impl<S: Storage, R: Rules> fmt::Debug for World<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.net.seed)
            .field("now", &self.net.now())
            .field("nodes", &self.nodes.len())
            .field("live streams", &self.net.live.len())
            .finish_non_exhaustive()
    }
}
