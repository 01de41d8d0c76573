//! A pure state machine that keeps exactly one session between any two nodes of a mesh.
//!
//! A driver tells a [`Mesh`] what happened ([`Event`]) and when ([`Now`]), carries out what it orders ([`Action`]), and
//! comes back when the [`Wait`] is over. The machine decides who is let in, which of several links to a peer stays, when a
//! silent one is dead, when to dial again and when to announce. It has no socket, no clock, no thread and no randomness of
//! its own, so the same events always give the same orders.
//!
//! # A whole driver
//!
//! Two machines and a wire between them: everything that a driver does, on any runtime.
//!
//! ```
//! use mesh_proto::*;
//!
//! struct Node {
//!     mesh: Mesh<Fixed<4, 40>>,
//!     out: Vec<Frame<'static>>,
//!     dialed: Option<LinkId>,
//!     came: Vec<Vec<u8>>,
//! }
//!
//! impl Node {
//!     fn tell(&mut self, event: Event<'_>) -> Answer {
//!         let turn = self.mesh.handle(Now::single(Instant::START), event);
//!         let answer = turn.answer();
//!         let _until: Wait = turn.carry_out(|action| match action {
//!             Action::Dial { link, .. } => self.dialed = Some(link),
//!             Action::Send { frame, .. } => self.out.push(frame.clone().into_owned()),
//!             Action::Close { link, reason } => panic!("{link} was closed: {reason}"),
//!             Action::Announce { .. } | Action::Settled { .. } | Action::Roomy { .. } => {}
//!             Action::Deliver { message, .. } => self.came.push(message.body.to_vec()),
//!         });
//!         answer
//!     }
//! }
//!
//! let node = |name: u8| {
//!     let limits = Limits { peers: 4, half_open: 8, dials_in_flight: 8, ..Limits::default() };
//!     let config = Config { limits, ..Config::lan() };
//!     let mesh = Mesh::new(NodeId::new([name; 32]), Incarnation::new(1, 7), config, Seed::Number(1)).unwrap();
//!     Node { mesh, out: Vec::new(), dialed: None, came: Vec::new() }
//! };
//! let (mut a, mut b) = (node(1), node(2));
//! let (a_id, b_id) = (a.mesh.me(), b.mesh.me());
//!
//! // The application wants a session; the machine orders a dial, and the driver makes one.
//! let routes = [Route::direct("10.0.0.2:7000".parse().unwrap())].into_iter().collect();
//! a.tell(Event::Keep { peer: b_id, routes });
//! let at_a = a.dialed.take().unwrap();
//! let at_b = b.tell(Event::Incoming { from: None, class: PathClass::Direct }).link().unwrap();
//! a.tell(Event::Connected { link: at_a });
//!
//! // The channel proves who is there.
//! let proof = |peer| Proof { peer, tag: LinkTag::new(99), round_trip: core::time::Duration::ZERO };
//! a.tell(Event::Proven { link: at_a, proof: proof(b_id) });
//! b.tell(Event::Proven { link: at_b, proof: proof(a_id) });
//!
//! // Frames go back and forth: a hello and a welcome.
//! while !(a.out.is_empty() && b.out.is_empty()) {
//!     for frame in std::mem::take(&mut a.out) {
//!         b.tell(Event::Frames { link: at_b, frames: (&frame).into() });
//!     }
//!     for frame in std::mem::take(&mut b.out) {
//!         a.tell(Event::Frames { link: at_a, frames: (&frame).into() });
//!     }
//! }
//! assert!(matches!(a.mesh.peer(&b_id).unwrap().standing, Standing::Up { .. }));
//! assert!(matches!(b.mesh.peer(&a_id).unwrap().standing, Standing::Up { .. }));
//! println!("{}", a.mesh.explain(&b_id).unwrap());
//! ```
//!
//! # Where to look
//!
//! * [`Mesh`]: the contract of the machine. [`Turn`]: what a step leads to.
//! * [`Event`], [`Action`]: what goes in and what comes out. [`Frame`]: what travels.
//! * [`Config`]: everything that can be set, and what is refused.
//! * [`Mesh::news`], [`Mesh::explain`], [`Mesh::stats`]: what holds, why, and how often.
//! * [`question`]: how questions and their answers are laid out in messages.
//! * `wire` (feature `noise`): the channel that a link's frames go through.
//! * `node` (feature `noise`): handshakes, admission and the machine in one, for drivers.
//! * `sim` (feature `sim`): many machines on one virtual clock, to test what is built on them; with `noise`, whole nodes.
//!
//! # Features
//!
//! * `alloc` (default): tables on the heap (`Heap`). Without it there is [`Fixed`], with capacities known when
//!   compiled, and nothing in this crate allocates.
//! * `noise`: the channel, `wire`: bytes to trusted frames and back; and whole nodes, `node`. It allocates nothing either.
//! * `aws-lc`: the channel's curve and ciphers by AWS-LC. The bytes are the same.
//! * `sim`: the simulator, the explorer, and rules with one clause missing. It adds code and changes no behaviour.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(all(test, feature = "sim"))]
extern crate std;

mod action;
mod address;
mod announcement;
mod apart;
mod body;
mod bounded;
mod chance;
mod config;
mod event;
mod explain;
#[cfg(feature = "sim")]
pub mod explore;
mod frame;
mod id;
mod letters;
mod machine;
mod message;
mod news;
#[cfg(feature = "noise")]
pub mod node;
pub mod question;
mod rate;
mod reason;
pub mod rules;
#[cfg(feature = "sim")]
pub mod sim;
pub mod storage;
mod time;
pub mod trace;
#[cfg(feature = "noise")]
pub mod wire;

pub use action::{Action, Delivery};
pub use announcement::{Announcement, AnnouncementKind, Audience, Cause, Vouched};
pub use apart::Apart;
pub use body::{Body, Handed};
pub use chance::Seed;
pub use config::{Config, ConfigError, Limits, Taken};
pub use event::{Batch, Event, MAX_ROUTES, Outlives, Proof, Route, Routes, Wake};
pub use explain::{Chosen, Dialing, Explanation, LinkView, Past, Role};
pub use frame::{Frame, Hello, Loss, Losses, MAX_LOSSES, PathClass, Tags, Welcome};
pub use id::{Incarnation, LinkId, LinkTag, NodeId};
pub use machine::{Answer, MAX_PAST, MAX_SIBLINGS, Mesh, Side, Stats, Turn, Unable};
pub use message::{
    Lane, LaneMarks, Marks, Message, OnRestart, Outcome, PerLane, Piece, Place, Takes, Wants, Window,
};
pub use news::{Cursor, News, PeerView, Standing};
pub use reason::{Reason, Refusal, SystemError};
pub use rules::Shipped;
pub use storage::Fixed;
#[cfg(feature = "alloc")]
pub use storage::Heap;
pub use time::{Instant, Now, Wait};
