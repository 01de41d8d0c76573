//! The mesh on smol, on a thread of its own: for programs on any runtime, or on none.
//!
//! ```
//! use adapter_smol::Message;
//! use mesh_proto::wire::MeshSecret;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let secret = MeshSecret::new([7; 32]); // the same for all: from a file, in real use
//!     let a = adapter_smol::builder().secret(secret.clone()).discover_nobody().start()?;
//!     let b = adapter_smol::builder().secret(secret).discover_nobody().start()?;
//!     a.keep((b.me(), b.addresses()[0]))?;
//!     futures_lite::future::block_on(async {
//!         let receipt = a.send_with_receipt(b.me(), Message::from("hello")).await?;
//!         let received = b.messages().next().await.expect("the node runs");
//!         assert_eq!(&received.body[..], b"hello");
//!         println!("{}: {:?}", received.from, receipt.await);
//!         a.leave(std::time::Duration::from_secs(1)).await;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # When to pick it
//!
//! When the program has async code, and its runtime is smol, another than tokio, or none in particular: the node needs nothing
//! of it. `adapter-tokio` is for programs on tokio, `adapter-std` for those without async code.
//!
//! # What it does
//!
//! Each node has one thread, which runs its tasks: one looks after the node, one accepts at each listener, and each link has
//! one that reads and one that writes. With [`builder_on`] an executor of the program runs them, on as many threads as it has.
//! All of them end when the last [`Mesh`] is dropped, the thread too; tasks on an executor also end when that is dropped.
//! Sockets and timers are those of async-io, whose one thread is shared by all nodes and stays.
//!
//! It builds on Windows and macOS, and is tested on Linux.
#![forbid(unsafe_code)]

extern crate alloc;

mod driver;

use alloc::sync::Arc;

pub use adapter_std::handle::*;
pub use adapter_std::hub::{Attached, Unattached};
pub use async_executor::Executor;
pub use driver::{Smol, attach};

/// Makes a node.
pub type Builder = adapter_std::handle::Builder<Smol>;

/// Begins to make a node that runs on a thread of its own.
#[must_use]
pub fn builder() -> Builder {
    Builder::new(Smol::new())
}

/// Begins to make a node that runs on this executor. Nothing happens while nobody runs it.
#[must_use]
pub fn builder_on(executor: Arc<Executor<'static>>) -> Builder {
    Builder::new(Smol::on(executor))
}
