//! What can be wrong with the file, and what to do.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why an identity could not be opened. Nothing that was there is changed.
#[derive(Debug)]
pub struct IdentityFileError {
    path: PathBuf,
    problem: IdentityFileProblem,
}

/// What is wrong with an identity file.
#[derive(Debug)]
pub enum IdentityFileProblem {
    /// Others than its owner may read or write it.
    OpenToOthers {
        /// Its permissions.
        mode: u32,
    },
    /// Another process, or another node of this one, uses it.
    InUse {
        /// The number of that process, if it could be read.
        process: Option<u32>,
    },
    /// Its end is missing.
    HalfWritten,
    /// It is a file of this kind, but what stands in it is not what was written.
    Damaged,
    /// It is something else.
    OtherKind,
    /// A newer program wrote it.
    OtherVersion,
    /// The folder that it should be in is not there.
    NoFolder,
    /// The folder or the file may not be written to.
    NotWritable(io::Error),
    /// There was no secret to begin with.
    Entropy(io::Error),
    /// The system says something else.
    System(io::Error),
}

impl IdentityFileProblem {
    /// What a failed access to the folder or to a file in it means.
    pub(super) fn of_access(error: io::Error) -> Self {
        let kind = error.kind();
        if kind == io::ErrorKind::NotFound || kind == io::ErrorKind::NotADirectory {
            Self::NoFolder
        } else if kind == io::ErrorKind::PermissionDenied || kind == io::ErrorKind::ReadOnlyFilesystem {
            Self::NotWritable(error)
        } else {
            Self::System(error)
        }
    }
}

impl IdentityFileError {
    pub(super) const fn new(path: PathBuf, problem: IdentityFileProblem) -> Self {
        Self { path, problem }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn problem(&self) -> &IdentityFileProblem {
        &self.problem
    }
}

const KEPT: &str = "it is left as it is: put a copy back, or move it away to begin with a new identity, which others do not know";

impl fmt::Display for IdentityFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            IdentityFileProblem::OpenToOthers { mode } => write!(
                f,
                "the identity file {path} has mode {mode:04o}, so others may have its secret; if they have not, `chmod 600 {path}`, otherwise move it away to begin with a new identity"
            ),
            IdentityFileProblem::InUse { process } => {
                match process {
                    Some(process) => write!(f, "process {process} uses the identity file {path}")?,
                    None => write!(f, "another process uses the identity file {path}")?,
                }
                f.write_str("; end it, or give this node a file of its own: one identity is one node")
            }
            IdentityFileProblem::HalfWritten => {
                write!(f, "the identity file {path} has no end, as if it was half written; {KEPT}")
            }
            IdentityFileProblem::Damaged => write!(
                f,
                "the identity file {path} is damaged: what stands in it is not what was written; {KEPT}"
            ),
            IdentityFileProblem::OtherKind => write!(
                f,
                "{path} is not an identity file; it is left as it is: choose another path for the identity"
            ),
            IdentityFileProblem::OtherVersion => write!(
                f,
                "the identity file {path} was written by a newer version of this program; use that one, or another path"
            ),
            IdentityFileProblem::NoFolder => {
                write!(f, "the folder for the identity file {path} is not there; make it first")
            }
            IdentityFileProblem::NotWritable(error) => write!(
                f,
                "the identity file {path} cannot be kept ({error}); every start is written there, so this user needs the right to write to the file and its folder"
            ),
            IdentityFileProblem::Entropy(error) => {
                write!(f, "there is no secret for the identity file {path} to begin with: {error}")
            }
            IdentityFileProblem::System(error) => write!(f, "the identity file {path}: {error}"),
        }
    }
}

impl core::error::Error for IdentityFileError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.problem {
            IdentityFileProblem::NotWritable(error)
            | IdentityFileProblem::Entropy(error)
            | IdentityFileProblem::System(error) => Some(error),
            IdentityFileProblem::OpenToOthers { .. }
            | IdentityFileProblem::InUse { .. }
            | IdentityFileProblem::HalfWritten
            | IdentityFileProblem::Damaged
            | IdentityFileProblem::OtherKind
            | IdentityFileProblem::OtherVersion
            | IdentityFileProblem::NoFolder => None,
        }
    }
}
