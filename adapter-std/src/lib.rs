//! The mesh on plain threads, and what every adapter stands on.
//!
//! ```
//! use adapter_std::Message;
//! use mesh_proto::wire::MeshSecret;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let secret = MeshSecret::new([7; 32]); // the same for all: from a file, in real use
//!     let a = adapter_std::builder().secret(secret.clone()).discover_nobody().start()?;
//!     let b = adapter_std::builder().secret(secret).discover_nobody().start()?;
//!     a.keep((b.me(), b.addresses()[0]))?;
//!     let receipt = a.send_with_receipt(b.me(), Message::from("hello"))?;
//!     let received = b.messages().next().expect("the node runs");
//!     assert_eq!(&received.body[..], b"hello");
//!     println!("{}: {:?}", received.from, receipt.wait());
//!     a.leave(std::time::Duration::from_secs(1));
//!     Ok(())
//! }
//! ```
//!
//! # When to pick it
//!
//! When the program has no async code, and some dozens of links. `adapter-tokio` and `adapter-smol` do the same with tasks,
//! for programs that have some, or need many links.
//!
//! # What it does
//!
//! One thread looks after the node, one watches its surroundings, one accepts at each listener, and each link has two: one that
//! reads (and dials, if this end does) and one that writes. So there are at most twice
//! [`Limits::links`](mesh_proto::Limits::links) of these, 1,600 by default: set lower limits where threads are dear. Names are
//! looked up on up to four more. A link that the system has no thread for ends as exhausted; the others go on. A stream that
//! the program [attaches](attach) has a third, which shuts it.
//!
//! All threads end when the last [`Mesh`] is dropped: at once but for those that are in the middle of a write that waits,
//! which see it within a second. It builds on Windows and macOS, and is tested on Linux.
//!
//! # What others stand on
//!
//! [`platform`] has what does not wait on a runtime: sockets and their options, clocks, entropy, the identity file,
//! interfaces, beacons, names. [`hub`] is the node as a driver's tasks share it, and [`handle`] what async code holds of it.
#![forbid(unsafe_code)]

extern crate alloc;

pub mod handle;
pub mod hub;
pub mod platform;
mod threads;

pub use handle::{
    Change, Contact, ContactError, Happened, Happening, Left, Message, Paused, Question, Received, SendError,
    StartError, Undelivered, WishError,
};
pub use hub::{Attached, Unattached};
pub use threads::{Duplex, Happenings, Mesh, Messages, Receipt, Split, Threads, TimedOut, Watch, attach};

/// Makes a node.
pub type Builder = handle::Builder<Threads>;

/// Begins to make a node.
#[must_use]
pub fn builder() -> Builder {
    Builder::new(Threads::new())
}
