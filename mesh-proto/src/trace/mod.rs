//! Traces: every event that a machine was told, with its time, and what the machine made of it; and their replay.
//!
//! A machine is a function of its configuration, its seed and the events with their times. So a trace of these is
//! enough to see again, anywhere and at any time, what a node did, and a trace that also holds what was ordered shows
//! whether a machine still does the same. A difference is told with the number of the event, what the trace says and
//! what came instead.
//!
//! # Recording
//!
//! A [`Recorder`] stands beside the machine. A driver calls [`Recorder::handle`] instead of
//! [`Mesh::handle`](crate::Mesh::handle), and what it gets has the same two methods as a [`Turn`](crate::Turn), so the
//! loop stays as it is:
//!
//! ```
//! # #[cfg(feature = "alloc")] {
//! use mesh_proto::trace::{Recorder, replay};
//! use mesh_proto::{Action, Config, Event, Heap, Incarnation, Instant, Mesh, NodeId, Now, Seed, Shipped, Wait};
//!
//! let mut mesh: Mesh<Heap> =
//!     Mesh::new(NodeId::new([1; 32]), Incarnation::new(1, 77), Config::lan(), Seed::Number(5))?;
//! let mut recorder = Recorder::new(Vec::new());
//!
//! // The loop of a driver, here with a clock that does what it is told to.
//! let mut clock = Instant::START;
//! for _ in 0..3 {
//!     let turn = recorder.handle(&mut mesh, Now::single(clock), Event::Tick);
//!     let wait = turn.carry_out(|action| match action {
//!         Action::Announce { .. } => {}
//!         other => unreachable!("there is nobody yet, and it orders {other:?}"),
//!     });
//!     match wait {
//!         Wait::Until(at) => clock = at,
//!         Wait::Forever => break,
//!     }
//! }
//!
//! let trace = recorder.into_sink().expect("a list in memory takes it all");
//! let report = replay::<Heap, Shipped>(&trace)?;
//! assert_eq!((report.events, report.actions), (3, 3));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every event must go through the recorder, or the replay tells a difference at the first one that misses it. A driver
//! that records only sometimes holds a recorder that is [`Recorder::off`]. A whole node (feature `noise`) has one within
//! (`Node::record`).
//!
//! Where the bytes go is a [`Sink`]: a list in memory, or through a closure ([`Through`]) a file or a serial line. The
//! machine is never disturbed by it: when a sink fails, the trace ends and [`Recorder::stopped`] says so.
//!
//! # Segments
//!
//! A trace is made of segments. Each begins with the configuration and a snapshot of the whole machine, so each can
//! be cut out, kept and replayed alone ([`segments`]). A new one begins by itself when the events since the last
//! snapshot take more room than the snapshot did, so that snapshots are never more than half of a long trace; or when
//! [`Recorder::begin_segment`] asks for it. A sink is told ([`Sink::begin`]), so that it can keep the newest only. The
//! snapshot of a machine with very many peers takes its time, and some hundred bytes for each.
//!
//! # What is in it
//!
//! Ids and addresses of nodes are in a trace. Keys are not: the machine holds none. Of the body of a message a trace holds
//! the length, not the bytes, for nothing else about it changes what the machine does. A replay delivers messages that
//! are all zero.
//!
//! # The format
//!
//! Behind the magic number and the version of the format, a segment is a row of records:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | kind: start, snapshot, event, action, end of turn |
//! | 4 | length of the body, little-endian |
//! | 3 | the low bytes of the CRC-32 of these five |
//! | length | body, in postcard |
//! | 4 | CRC-32 of all that |
//!
//! So damage is told from a difference, and a last record that is cut short (the program was killed, the disk was
//! full) from damage. Reading never panics, and believes no length before the bytes are there: it allocates 1 MiB at most
//! ahead of them, and for each byte of a snapshot some hundreds, which is what an entry of a table takes.
//! The checksums are against accidents: who replays a trace that a stranger made up replays a machine that never was,
//! and that may go wrong in any way that safe code can.

#[cfg(feature = "alloc")]
mod difference;
mod format;
#[cfg(feature = "alloc")]
mod order;
#[cfg(feature = "alloc")]
mod reading;
mod recorder;
#[cfg(feature = "alloc")]
mod replay;

#[cfg(feature = "alloc")]
pub use difference::{Difference, Differs, Unreplayable};
pub use format::{FORMAT, MAGIC};
#[cfg(feature = "alloc")]
pub use order::{Delivered, Order};
pub use recorder::{Recorder, Sink, Stopped, Through, Traced};
#[cfg(feature = "alloc")]
pub use replay::{Replay, Report, Segment, Step, replay, segments};
