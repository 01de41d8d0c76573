//! `mesh id`: who this node is.

use std::path::PathBuf;

use adapter_std::platform::entropy;
use adapter_std::platform::identity_file::{IdentityFile, IdentityFileError};
use clap::Args;

use crate::failure::Failure;
use crate::folder;

/// The file.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The identity file, made if it is not there. [default: in this user's data folder]
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let path = options.identity.clone().map_or_else(folder::identity, Ok)?;
    let wrong = |error: IdentityFileError| Failure::Running(error.to_string());
    let id = match IdentityFile::whose(&path).map_err(wrong)? {
        Some(id) => id,
        None => IdentityFile::open(&path, entropy::identity).map_err(wrong)?.identity().id(),
    };
    println!("{id}");
    Ok(())
}
