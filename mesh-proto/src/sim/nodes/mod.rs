//! The simulator of whole nodes (features `sim` and `noise`): real handshakes and real ciphers on one virtual clock, and
//! streams of bytes that can be hurt.
//!
//! A [`World`] here is to [`Node`]s what [`sim::World`](super::World) is to machines, with the same names for the same
//! things. Use it to test what a machine alone does not have: secrets and their rotation, who is let in, expelling,
//! announcements as datagrams, bytes cut anywhere, and strangers who say what they like. Each handshake computes its keys, in
//! about a millisecond; what follows takes half as long again as it does among machines.
//!
//! # Your own test
//!
//! Three nodes change the secret of their mesh while messages go through, on links that die in each step; whoever has
//! only the old one is refused in the end, and told why.
//!
//! ```
//! use core::time::Duration;
//! use mesh_proto::node::{Door, Settings};
//! use mesh_proto::sim::{self, End, Ledger, nodes::World};
//! use mesh_proto::wire::{Identity, MeshSecret, MeshSecrets};
//! use mesh_proto::{Incarnation, Lane, Reason, Refusal, Seed, Standing};
//!
//! sim::check!("a mesh changes its secret while it runs", 0..5, |seed| {
//!     let (old, new) = (|| MeshSecret::new([1; 32]), || MeshSecret::new([2; 32]));
//!     let has_old = |name: u8| {
//!         let door = Door::Closed(Identity::new([name; 32]), MeshSecrets::one(old()));
//!         Settings::new(door, "example", Incarnation::new(1, seed), Seed::Number(seed))
//!     };
//!     let (mut world, mut ledger) = (World::new(seed), Ledger::new());
//!     let [a, b, c] = [1, 2, 3].map(|name| world.add(has_old(name)));
//!     let pairs = [(a, b), (b, c), (c, a)];
//!     pairs.map(|(from, to)| world.keep(from, to));
//!     for secrets in [MeshSecrets::two(old(), new()), MeshSecrets::two(new(), old()), MeshSecrets::one(new())] {
//!         for (n, to) in pairs {
//!             assert!(ledger.post(&mut world, n, to, Lane::Ordinary, 50_000));
//!             world.change_secrets(n, secrets.clone());
//!             world.streams_at(n).into_iter().for_each(|stream| world.lose(stream, End::Both));
//!             world.run_until(Duration::from_secs(60), |world| world.agreed(n, to)).expect("they meet again");
//!         }
//!     }
//!     world.run_for(Duration::from_secs(5));
//!     assert_eq!((ledger.read(&mut world), ledger.arrived()), (Ok(()), 9));
//!     let late = world.add(has_old(4));
//!     world.keep(late, a);
//!     let refused = Some(Standing::Down { reason: Some(Reason::Refused(Refusal::WrongMesh)) });
//!     world.run_until(Duration::from_secs(1), |world| world.standing(late, a) == refused).expect("it is told why");
//! });
//! ```
//!
//! # How it behaves
//!
//! As [the world of machines](super#how-it-behaves), but for what follows:
//!
//! * A **node** is made from [`Settings`], and driven as they say: with its [`Halves`] inside, or with a reader and a writer
//!   for each link. The run and the seed of the settings are those of its first run. It announces the port that it is
//!   dialed at.
//! * **Bytes** arrive in order, and the end of a stream behind all of them. A program reads them in pieces that have nothing
//!   to do with how they were written ([`World::pieces`]); with [`World::jitter`], pieces of one write come at times of
//!   their own.
//! * **Handshakes** take their randomness from the seed of the world, so the same seed with the same calls gives the same
//!   bytes. It follows that nothing here is secret.
//! * **Room**: a system takes 64 KiB on a stream ahead of what has arrived, or less if [`Settings::room`] says so.
//! * **Announcements** are datagrams: to everyone, all nodes of the same part of the network; to one, the node at that
//!   address. Whether somebody vouches for them is in their bytes. [`World::announcements`] turns them off.
//!
//! # What each fault means
//!
//! The faults have the names and the meaning that they have [among machines](super#what-each-fault-means), and these are
//! others:
//!
//! | fault | here |
//! |---|---|
//! | [`start`](World::start) | the next run has the secrets and the list that the last one was given by [`change_secrets`](World::change_secrets) and [`change_admission`](World::change_admission), and forgets answers and whom it expelled |
//! | [`clone_of`](World::clone_of) | the second process has them too |
//! | [`change_secrets`](World::change_secrets) in place of [`secret`](super::World::secret) | real secrets, one or two at a time |
//! | [`black_hole_stream`](World::black_hole_stream) | a stranger's stream can be held too |
//! | [`flip`](World::flip), [`alter`](World::alter) | bytes are changed on their way |
//! | [`let_through`](World::let_through) | so many bytes arrive now, whatever holds them |
//! | [`tell_and_drop`](World::tell_and_drop) | a driver stops before it carries anything out |
//!
//! A stranger is the test itself: [`accept_stranger`](World::accept_stranger) and
//! [`attach_stranger`](World::attach_stranger) give a stream, [`stranger_says`](World::stranger_says) and
//! [`stranger_hears`](World::stranger_hears) what is written on it. [`keep_written`](World::keep_written) keeps what nodes
//! write, for whoever says it again. [`tell`](World::tell) gives a node any input.
//!
//! # Bounds
//!
//! Those of [the world of machines](super#bounds). What a node was handed, and what it announced, is kept until somebody
//! takes it; what it wrote is kept only if that is asked for. A node that writes on a link which it does not have, or gives
//! a link a name that another had, panics.

mod driving;
mod faults;
mod log;
mod look;
mod member;
mod passing;
mod posting;
mod settings;
mod strangers;
#[cfg(test)]
mod tests;
mod told;
mod wire;

use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

pub use log::What;
pub use told::Told;

use crate::chance::Seed;
use crate::frame::PathClass;
use crate::id::{Incarnation, NodeId};
use crate::machine::Unable;
#[cfg(doc)]
use crate::node::Halves;
use crate::node::{Input, Node, Settings};
use crate::sim::NodeName;
use crate::sim::StreamName;
use crate::sim::log::Log;
use crate::sim::net::Net;
use crate::sim::stream::{At, Packet, State, StreamEnd};
use crate::storage::{Heap, Storage};
use crate::time::Now;

use member::Member;
use wire::Wire;

/// The port that datagrams come from.
const MOUTH: u16 = 33_333;

/// Whether announcements arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plane {
    /// They do, at all nodes of the same part of the network.
    Carries,
    /// They do not, anywhere.
    Swallows,
}

/// Nodes, the streams of bytes between them, and one clock.
pub struct World<S: Storage = Heap> {
    net: Net<Vec<u8>, Vec<u8>>,
    members: Vec<Member<S>>,
    /// One for each stream.
    wires: Vec<Wire>,
    longest_piece: usize,
    keeps_written: bool,
    plane: Plane,
    log: Log<What>,
    audits: bool,
}

impl World {
    /// An empty world, for nodes with tables on the heap.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_storage(seed)
    }
}

impl<S: Storage> World<S> {
    /// An empty world, for nodes with tables of this kind.
    #[must_use]
    pub fn with_storage(seed: u64) -> Self {
        Self {
            net: Net::new(seed),
            members: Vec::new(),
            wires: Vec::new(),
            longest_piece: 3000,
            keeps_written: false,
            plane: Plane::Carries,
            log: Log::new(),
            audits: false,
        }
    }

    /// Starts a node.
    ///
    /// # Panics
    ///
    /// If the configuration contradicts itself.
    pub fn add(&mut self, settings: Settings<S>) -> NodeName {
        self.members.push(Member::new(settings));
        let n = self.net.add_host();
        self.begin(n);
        NodeName(n)
    }

    /// Starts a second process with the key, the settings and the start number of this node, other bits, and its own
    /// address.
    pub fn clone_of(&mut self, n: NodeName) -> NodeName {
        let settings = self.members[n.0].settings.clone();
        let start = settings.incarnation.start;
        let settings = self.another_run(&settings, start);
        self.add(settings)
    }

    /// The settings of another run: its bits and its seed are drawn.
    fn another_run(&mut self, settings: &Settings<S>, start: u64) -> Settings<S> {
        let incarnation = Incarnation::new(start, self.net.dice.below(u64::MAX));
        let seed = Seed::Number(self.net.dice.below(u64::MAX));
        Settings { incarnation, seed, ..settings.clone() }
    }

    /// What a new process does first.
    fn begin(&mut self, n: usize) {
        let run = self.members[n].settings.incarnation;
        self.note(n, What::Started(run));
        self.step(n, Input::Tick, None);
    }

    /// Joins two nodes by a stream that `a` has opened by other means than an order to dial.
    ///
    /// # Errors
    ///
    /// What `a` says if it does not want it. If `b` does not, the stream is reset.
    ///
    /// # Panics
    ///
    /// If `a` does not run.
    pub fn attach(
        &mut self,
        a: NodeName,
        b: NodeName,
        expected: Option<NodeId>,
        class: PathClass,
    ) -> Result<StreamName, Unable> {
        self.must_run(a);
        let end =
            |node: NodeName| StreamEnd { opened: true, ..StreamEnd::new(Some(node.0), State::Open, None) };
        let stream = self.net.add_stream(self.address(a), self.address(b), class, [end(a), end(b)]);
        self.add_wire(None);
        for n in [a, b].into_iter().take(if a == b { 1 } else { 2 }) {
            self.net.hosts[n.0].streams.push(stream);
        }
        let fresh = self.fresh();
        let attached = Input::Attached { expected, class, fresh };
        if let Err(why) = self.step(a.0, attached, Some((stream, At::Dialer))).link() {
            for at in [At::Dialer, At::Acceptor] {
                self.net.drop_end(stream, at, State::Closed);
            }
            self.net.retire(stream);
            return Err(why);
        }
        self.net.buffer(stream, At::Acceptor, Packet::Accept);
        self.arrive(stream, At::Acceptor);
        Ok(StreamName(stream))
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
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeName> + use<S> {
        (0..self.members.len()).map(NodeName)
    }

    /// A node; of one that was stopped, as it was then.
    #[must_use]
    pub fn node(&self, n: NodeName) -> &Node<S> {
        &self.members[n.0].node
    }

    /// A node, to be told what is no input: a trace, or ports. Another run of it knows nothing of that.
    pub fn node_mut(&mut self, n: NodeName) -> &mut Node<S> {
        &mut self.members[n.0].node
    }

    /// Who a node is.
    #[must_use]
    pub fn id(&self, n: NodeName) -> NodeId {
        self.members[n.0].settings.door.id()
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

    #[track_caller]
    fn must_run(&self, n: NodeName) {
        if !self.runs(n) {
            self.fail(format_args!("{n} does not run"));
        }
    }

    /// Fails with everything that tells why.
    #[track_caller]
    fn fail(&self, what: fmt::Arguments<'_>) -> ! {
        panic!("{what}\n{}", self.report())
    }
}

impl<S: Storage> fmt::Debug for World<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.net.seed)
            .field("now", &self.net.now())
            .field("nodes", &self.members.len())
            .field("live streams", &self.net.live.len())
            .finish_non_exhaustive()
    }
}
