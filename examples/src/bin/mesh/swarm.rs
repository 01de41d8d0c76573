//! `mesh swarm`: many nodes in this process.

use std::time::Instant;

use clap::Args;

use crate::failure::Failure;

/// How many, and what they do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many nodes.
    nodes: usize,
}

pub(crate) fn run(_options: &Options, _began: Instant) -> Result<(), Failure> {
    Ok(())
}
