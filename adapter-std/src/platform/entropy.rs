//! What is drawn at the start of a node.
//!
//! What is drawn belongs to one process: a child that was forked draws again before it speaks. Where memory is copied and
//! nobody notices (a snapshot that is run twice), both copies are one run of one node, and no rule can tell them apart.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use mesh_proto::wire::{Identity, MeshSecret};
use mesh_proto::{Incarnation, Seed};
use zeroize::Zeroizing;

/// Fills `bytes` with what nobody can guess.
///
/// # Errors
///
/// The system has no entropy to give.
pub fn fill(bytes: &mut [u8]) -> io::Result<()> {
    Ok(getrandom::fill(bytes)?)
}

/// A new identity.
///
/// # Errors
///
/// The system has no entropy to give.
pub fn identity() -> io::Result<Identity> {
    let mut secret = Zeroizing::new([0; 32]);
    fill(&mut *secret)?;
    Ok(Identity::new(*secret))
}

/// A new secret for a mesh.
///
/// # Errors
///
/// The system has no entropy to give.
pub fn mesh_secret() -> io::Result<MeshSecret> {
    let mut secret = Zeroizing::new([0; 32]);
    fill(&mut *secret)?;
    Ok(MeshSecret::new(*secret))
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
