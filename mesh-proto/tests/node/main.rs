//! Whole nodes over pipes of bytes, on a virtual clock: real keys and real ciphers, and bytes cut anywhere. What does not
//! ask for large tables runs over both kinds of them.

extern crate alloc;

mod admission;
mod anything;
mod attaching;
mod beacons;
mod chance;
mod failures;
mod life;
mod memory;
mod mixed;
#[path = "../rules/on_both.rs"]
mod on_both;
mod recording;
mod sessions;
mod world;

pub(crate) use on_both::on_both;
use world::InPlace;
