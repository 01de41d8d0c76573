//! A whole node: handshakes, admission and the machine in one, so that no driver has any protocol in it (feature `noise`).
//!
//! A driver knows how its runtime accepts, dials, reads, writes and sleeps. It tells the [`Node`] what happened
//! ([`Input`]), carries out what it orders ([`Order`]), and comes back when the [`Wait`] is over.
//!
//! # A whole driver
//!
//! Two nodes and a pipe between them.
//!
//! ```
//! use mesh_proto::node::*;
//! use mesh_proto::{Incarnation, Instant, LinkId, Now, PathClass, Route, Seed, Standing, Wait};
//!
//! struct Driver {
//!     node: Node,
//!     dialed: Option<LinkId>,
//!     pipe: Vec<u8>,
//!     came: Vec<Vec<u8>>,
//! }
//!
//! impl Driver {
//!     fn tell(&mut self, input: Input<'_>) -> mesh_proto::Answer {
//!         let turn = self.node.handle(Now::single(Instant::START), input);
//!         let answer = turn.answer();
//!         let _until: Wait = turn.carry_out(|order| match order {
//!             Order::Dial { link, .. } => self.dialed = Some(link),
//!             Order::Write { bytes, .. } => self.pipe.extend_from_slice(bytes),
//!             Order::Close { reason, .. } => panic!("closed: {reason}"),
//!             Order::Deliver { message, .. } => self.came.push(message.body.to_vec()),
//!             _ => {}
//!         });
//!         answer
//!     }
//! }
//!
//! let driver = |name: u8| {
//!     let door = Door::Open(mesh_proto::wire::Identity::new([name; 32]));
//!     let settings = Settings::new(door, "example", Incarnation::new(1, 7), Seed::Number(1));
//!     Driver { node: Node::new(settings).unwrap(), dialed: None, pipe: Vec::new(), came: Vec::new() }
//! };
//! let (mut a, mut b) = (driver(1), driver(2));
//! let fresh = |byte: u8| Fresh::new([byte; 32]); // from the system's randomness, in a real driver
//! let peer = b.node.mesh().me();
//! a.tell(Input::Keep { peer, routes: [Route::direct("10.0.0.2:7000".parse().unwrap())].into_iter().collect() });
//! let at_a = a.dialed.take().unwrap();
//! let at_b = b.tell(Input::Accepted { from: None, class: PathClass::Direct, fresh: fresh(1) }).link().unwrap();
//! a.tell(Input::Connected { link: at_a, fresh: fresh(2) });
//! a.tell(Input::Send { peer, messages: (&mesh_proto::Message::plain("hello".into())).into() });
//! while !(a.pipe.is_empty() && b.pipe.is_empty()) {
//!     let (to_b, to_a) = (std::mem::take(&mut a.pipe), std::mem::take(&mut b.pipe));
//!     b.tell(Input::Bytes { link: at_b, bytes: &to_b });
//!     a.tell(Input::Bytes { link: at_a, bytes: &to_a });
//! }
//! assert!(matches!(a.node.mesh().peer(&peer).unwrap().standing, Standing::Up { .. }));
//! assert_eq!(b.came, [b"hello"]);
//! ```
//!
//! # Without a heap
//!
//! `Node<Fixed<..>>` is the same node with all that it keeps in the value itself, for builds without the feature `alloc`:
//!
//! | what it keeps | how much of it |
//! |---|---|
//! | a handshake, or both halves of a link and a record that has not come whole | one for each link |
//! | the record that is being filled | one for all |
//! | the list of who is let in, answers that are remembered, who was expelled | as many as there are peers |
//! | where announcements came from, secrets that did not fit somewhere | as many as there are links; the oldest gives way |
//!
//! Whatever is full is an answer: a list gives back what does not fit, a link has no name, a configuration that asks for
//! more than there is gives an error. A message longer than a record comes and goes in pieces. No order to write is longer
//! than a record, and [`Settings::room`] bounds how many come at a time. A node for four peers with windows of 1 KiB,
//! `Node<Fixed<4, 12>>`, takes 57 kB on a Cortex-M0: 31 for its machine and 2 for each link.
//!
//! ```
//! use mesh_proto::node::*;
//! use mesh_proto::{Config, Fixed, Incarnation, Limits, Seed, Window};
//!
//! let links = Limits { peers: 4, links_per_peer: 2, half_open: 2, dials_in_flight: 2, ..Limits::default() };
//! let window = Window { bytes: 1024, messages: 16 };
//! let limits = Limits { message: 256, record: 512, window, ..links };
//! let door = Door::Open(mesh_proto::wire::Identity::new([1; 32]));
//! let settings = Settings::new(door, "example", Incarnation::new(1, 7), Seed::Number(1));
//! let node = Node::<Fixed<4, 12>>::new(Settings { config: Config { limits, ..Config::lan() }, ..settings })?;
//! # drop(node);
//! # Ok::<(), mesh_proto::ConfigError>(())
//! ```
//!
//! Halves outside and traces, which come next, take a heap: they are there with the feature `alloc`, whichever tables a
//! node has.
//!
//! # With several tasks
//!
//! A node whose [`Halves`] are outside hands its driver a [`Reader`] and a [`Writer`] for each link that is up. A task with
//! the one reads, opens, and gives the frames to the node ([`Input::Frames`]); a task with the other takes what was
//! ordered from the link's [`Backlog`], seals, writes, and says how much room there is ([`Input::Room`]). Only `handle` and
//! the backlog need the lock.
//!
//! # A trace
//!
//! [`Node::record`] begins a trace of the machine in a node, at any time: it holds the machine as it is then, and from then
//! on all that it is told, with what it orders. So [`trace::replay`](crate::trace::replay) goes through what happened
//! again, without keys, streams or peers. [`trace`](crate::trace) says what is in it: no key, and no byte of a message. A
//! sink that fails ends the trace and disturbs nothing else. A node without a trace pays one comparison for each event.
//!
//! ```
//! use mesh_proto::node::*;
//! use mesh_proto::{Heap, Incarnation, Instant, Now, Seed, Shipped, Wait};
//! use mesh_proto::trace::{Through, replay};
//!
//! let door = Door::Open(mesh_proto::wire::Identity::new([1; 32]));
//! let mut node: Node = Node::new(Settings::new(door, "example", Incarnation::new(1, 7), Seed::Number(1)))?;
//! let (to, from) = std::sync::mpsc::channel(); // a file, in a real driver
//! node.record(Through(move |bytes: &[u8]| to.send(bytes.to_vec())));
//! let _until: Wait = node.handle(Now::single(Instant::START), Input::Tick).carry_out(|_| {});
//! assert!(node.recording().is_some_and(Recording::is_recording));
//! node.stop_recording();
//! let trace: Vec<u8> = from.iter().flatten().collect();
//! assert_eq!(replay::<Heap, Shipped>(&trace)?.events, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod admission;
mod channels;
mod input;
mod inside;
mod machine;
mod order;
mod performing;
#[cfg(feature = "alloc")]
mod reader;
#[cfg(feature = "alloc")]
mod recording;
mod rotation;
mod settings;
mod shaking;
mod sources;
#[cfg(feature = "alloc")]
mod spare;
mod taking;
#[cfg(feature = "alloc")]
mod writer;

use core::fmt;
use core::mem;

pub use input::Input;
pub use order::Order;
#[cfg(feature = "alloc")]
pub use reader::Reader;
#[cfg(feature = "alloc")]
pub use recording::{Recording, SinkError};
pub use settings::{Door, Fresh, Halves, LetsIn, Settings, Verdict};
#[cfg(feature = "alloc")]
pub use writer::{Backlog, Lot, Writer};

use crate::chance::{Dice, Seed};
use crate::config::{Config, ConfigError};
use crate::event::Event;
use crate::machine::{Answer, Mesh};
#[cfg(feature = "alloc")]
use crate::storage::Heap;
use crate::storage::Storage;
use crate::time::{Instant, Now, Wait};
use crate::wire::{MAX_OPENING, MeshSecrets, Ports};

use admission::Admission;
use channels::Channels;
use inside::{Outlet, record_length};
use machine::Machine;
use performing::{Later, Rest};
use rotation::Rotation;
use settings::Site;
use sources::Sources;

/// How many bytes of messages may lie unwritten, so that what is urgent never waits behind more than that (R8).
pub const MOST_UNWRITTEN: u32 = 64 * 1024;

/// A node: it keeps exactly one session with every peer, from bytes to messages.
///
/// The contract is the machine's, which [`Mesh`] tells: one input at a time, time with each, a turn that is dropped loses
/// nothing, and whatever comes from outside makes nothing panic or grow beyond the configuration. `S` is where it keeps
/// its tables, as for the machine: on the heap, or all in the node itself.
pub struct Node<#[cfg(feature = "alloc")] S: Storage = Heap, #[cfg(not(feature = "alloc"))] S: Storage> {
    machine: Machine<S>,
    rest: Rest<S>,
}

impl<S: Storage> Node<S> {
    /// A node for one run.
    ///
    /// # Errors
    ///
    /// The first contradiction in the configuration.
    pub fn new(settings: Settings<S>) -> Result<Self, ConfigError> {
        let Settings { config, door, network, lets_in, incarnation, seed, halves, room, versions, ciphers } =
            settings;
        has_room_for_records::<S>(&config)?;
        let mesh = Mesh::new(door.id(), incarnation, config, seed)?;
        let limits = &config.limits;
        // The machine draws from the seed too, and neither is to guess the other's draws.
        let dice = Dice::new(match seed {
            Seed::Number(number) => Seed::Number(!number),
            Seed::Still => Seed::Still,
        });
        let rest = Rest {
            site: Site { door, network, versions, ciphers },
            halves,
            admission: Admission::new(lets_in, limits.peers),
            rotation: Rotation::new(),
            dice,
            channels: Channels::new(),
            outlet: Outlet::new(),
            later: Default::default(),
            now: Instant::START,
            ports: Ports::new(),
            sources: Sources::new(),
            announced: 0,
            record: limits.record,
            room,
            most_in_question: usize::try_from(limits.half_open / 4).unwrap_or(usize::MAX).max(1),
        };
        Ok(Self { machine: Machine::new(mesh), rest })
    }

    /// The machine, to look at: news, explanations, counts.
    #[must_use]
    pub fn mesh(&self) -> &Mesh<S> {
        &self.machine.mesh
    }

    /// The ports to announce, the one to try first in front; none at first.
    pub fn listens_on(&mut self, ports: Ports) {
        self.rest.ports = ports;
    }

    /// Other secrets, while the mesh changes from one to another. A node whose door is not closed has none.
    pub fn change_secrets(&mut self, renewed: MeshSecrets) {
        if let Door::Closed(_, secrets) = &mut self.rest.site.door {
            *secrets = renewed;
        }
    }

    /// Another list, or another way to decide who is let in, for those who come from now on. What was answered and who
    /// was expelled is forgotten; sessions stay as they are.
    pub fn change_admission(&mut self, lets_in: LetsIn<S>) {
        self.rest.admission.replace(lets_in);
    }

    /// Takes one input in, at this time. Everything that was due before is done first.
    pub fn handle(&mut self, now: Now, input: Input<'_>) -> NodeTurn<'_, S> {
        self.machine.now = now;
        self.rest.now = now.awake;
        let answer = self.take_in(input);
        NodeTurn { node: self, answer }
    }
}

/// Whether the records of this configuration, and those of a handshake, have room in place.
fn has_room_for_records<S: Storage>(config: &Config) -> Result<(), ConfigError> {
    let asked = record_length(config.limits.record).max(MAX_OPENING);
    match S::RECORD {
        Some(room) if room < asked => {
            Err(ConfigError::Capacity { name: "bytes for a record", asked: asked as u64, room: room as u64 })
        }
        Some(_) | None => Ok(()),
    }
}

/// What one input leads to. It borrows the node, so nothing else can happen until it is carried out.
#[must_use = "orders are pending: carry them out"]
pub struct NodeTurn<'n, S: Storage> {
    node: &'n mut Node<S>,
    answer: Answer,
}

impl<S: Storage> NodeTurn<'_, S> {
    /// What the wish came to, where the input was one.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// Hands every pending order to `perform`, in the order in which they must be carried out, and gives the time to
    /// wait until. That lies strictly ahead.
    pub fn carry_out(self, mut perform: impl FnMut(Order<'_>)) -> Wait {
        let Node { machine, rest } = self.node;
        loop {
            rest.hand_out(&mut perform);
            let wait = machine.carry_out(|action| rest.perform(action, &mut perform));
            rest.hand_out(&mut perform);
            let later = mem::take(&mut rest.later);
            for Later { link, failed } in later.iter().copied() {
                machine.tell(match failed {
                    Some(reason) => Event::Failed { link, reason },
                    None => Event::Room { link, bytes: rest.room },
                });
            }
            if later.is_empty() {
                match wait {
                    // Not every input is told to the machine, and something may have become due meanwhile.
                    Wait::Until(at) if at <= machine.now.awake => machine.tell(Event::Tick),
                    Wait::Until(_) | Wait::Forever => return wait,
                };
            }
        }
    }
}

impl<S: Storage> fmt::Debug for Node<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("me", &self.mesh().me()).finish_non_exhaustive()
    }
}

impl<S: Storage> fmt::Debug for NodeTurn<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeTurn").field("answer", &self.answer).finish_non_exhaustive()
    }
}
