//! Whole nodes over pipes of bytes, on a virtual clock: real keys and real ciphers, and bytes cut anywhere.

extern crate alloc;

mod admission;
mod anything;
mod attaching;
mod beacons;
mod failures;
mod life;
mod recording;
mod sessions;
mod world;
