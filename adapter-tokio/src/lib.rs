//! The mesh on tokio, current-thread or multi-thread.
//!
//! ```
//! use adapter_tokio::Message;
//! use mesh_proto::wire::MeshSecret;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let secret = MeshSecret::new([7; 32]); // the same for all: from a file, in real use
//!     let a = adapter_tokio::builder().secret(secret.clone()).discover_nobody().start()?;
//!     let b = adapter_tokio::builder().secret(secret).discover_nobody().start()?;
//!     a.keep((b.me(), b.addresses()[0]))?;
//!     let receipt = a.send_with_receipt(b.me(), Message::from("hello")).await?;
//!     let received = b.messages().next().await.expect("the node runs");
//!     assert_eq!(&received.body[..], b"hello");
//!     println!("{}: {:?}", received.from, receipt.await);
//!     a.leave(std::time::Duration::from_secs(1)).await;
//!     Ok(())
//! }
//! ```
//!
//! # When to pick it
//!
//! When the program runs on tokio already, or needs many links and more than one core. `adapter-smol` does the same where
//! the program's runtime is another one, `adapter-std` where there is none.
//!
//! # What it does
//!
//! A task looks after the node, one accepts at each listener, and each link has one that reads and one that writes. All of
//! them end when the last [`Mesh`] is dropped, or when the runtime ends. It builds on Windows and macOS, and is tested on
//! Linux.
#![forbid(unsafe_code)]

extern crate alloc;

mod driver;
mod time;

pub use adapter_std::handle::*;
pub use adapter_std::hub::{Attached, Unattached};
pub use driver::{Tokio, attach};

/// Makes a node.
pub type Builder = adapter_std::handle::Builder<Tokio>;

/// Begins to make a node: it has to be started inside a runtime.
#[must_use]
pub fn builder() -> Builder {
    Builder::new(Tokio::new())
}
