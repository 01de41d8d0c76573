//! A node on plain threads: how they accept, dial, read, write and sleep, and a handle whose calls wait.

mod attaching;
mod dialing;
mod driver;
mod halves;
mod mesh;
mod park;
mod until;
mod waits;

pub use attaching::{Duplex, Split, attach};
pub use driver::Threads;
pub use mesh::Mesh;
pub use waits::{Happenings, Messages, Receipt, TimedOut, Watch};
