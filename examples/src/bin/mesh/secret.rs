//! `mesh secret`: the secret that all nodes of a mesh have.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use adapter_std::platform::entropy;
use clap::Subcommand;
use mesh_proto::wire::MeshSecret;

use crate::failure::Failure;
use crate::folder::{self, Before};

/// What to do with a secret.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Draw a new secret, into a file that only its owner can read. A file that is there is left as it is.
    New {
        /// The file.
        file: PathBuf,
    },
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::New { file } => new(file),
    }
}

fn new(path: &Path) -> Result<(), Failure> {
    let secret = entropy::mesh_secret()
        .map_err(|error| Failure::Running(format!("the system has no randomness to give: {error}")))?;
    let mut file = folder::private(path, Before::Absent).map_err(|error| {
        let path = path.display();
        if error.kind() == io::ErrorKind::AlreadyExists {
            Failure::Running(format!(
                "{path} is there and stays as it is; choose another name for the new secret"
            ))
        } else if error.kind() == io::ErrorKind::NotFound {
            Failure::Running(format!("the folder of {path} is not there; make it first"))
        } else {
            Failure::Running(format!("the secret {path} cannot be written: {error}"))
        }
    })?;
    writeln!(file, "{}", secret.to_text().as_str())
        .and_then(|()| file.sync_all())
        .map_err(|error| Failure::of_file("the secret", path, &error))
}

/// The secret in a file.
pub(crate) fn read(path: &Path) -> Result<MeshSecret, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            let path = path.display();
            Failure::Running(format!(
                "the secret {path} is not there; make one with `mesh secret new {path}`"
            ))
        } else {
            Failure::of_file("the secret", path, &error)
        }
    })?;
    text.parse().map_err(|error| {
        let path = path.display();
        Failure::Running(format!("what stands in {path} is no secret of a mesh: {error}; copy it once more"))
    })
}
