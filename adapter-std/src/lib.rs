//! The mesh on plain threads, and the platform half that every adapter stands on.
//!
//! [`platform`] has what does not wait on a runtime: sockets and their options, clocks, entropy, the identity file,
//! interfaces, beacons, names.
#![forbid(unsafe_code)]

extern crate alloc;

pub mod handle;
pub mod hub;
pub mod platform;
