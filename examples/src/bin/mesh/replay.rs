//! `mesh replay`: a trace again, with every action compared.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use mesh_proto::trace::{Report, replay};
use mesh_proto::{Heap, Shipped};

use crate::failure::Failure;

/// The trace.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What `mesh up --trace FILE` wrote.
    file: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let path = &options.file;
    let trace = fs::read(path).map_err(|error| Failure::of_file("the trace", path, &error))?;
    let Report { segments, events, actions, cut_short } = replay::<Heap, Shipped>(&trace)
        .map_err(|error| Failure::Running(format!("{}: {error}", path.display())))?;
    println!("{events} events in {segments} segments: all {actions} actions are as they were");
    if let Some(at) = cut_short {
        println!("the last record, at byte {at}, is cut short: the node ended while it wrote");
    }
    Ok(())
}
