//! What is drawn at the start of a node.
//!
//! A process that forks must draw again in the child, and a snapshot of a machine's memory that is run twice draws
//! the same: the two are then one run of one node, and the mesh reports a conflict only where their start numbers or
//! bits differ.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use mesh_proto::{Incarnation, Seed};

/// Fills `bytes` with what nobody can guess.
///
/// # Errors
///
/// The system has no entropy to give.
pub fn fill(bytes: &mut [u8]) -> io::Result<()> {
    Ok(getrandom::fill(bytes)?)
}

/// A seed for the machine's draws, which decide about delays.
///
/// # Errors
///
/// The system has no entropy to give.
pub fn seed() -> io::Result<Seed> {
    Ok(Seed::Number(getrandom::u64()?))
}

/// The run of a node whose start number is kept with its identity.
///
/// # Errors
///
/// The system has no entropy to give.
pub fn incarnation(start: u64) -> io::Result<Incarnation> {
    Ok(Incarnation::new(start, getrandom::u64()?))
}

/// The run of a node that keeps nothing: its start number comes from the wall clock, in microseconds. A clock that
/// goes back makes the next run doubtful to those who knew an earlier one (R6).
///
/// # Errors
///
/// The system has no entropy to give.
pub fn incarnation_by_clock() -> io::Result<Incarnation> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    incarnation(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
