//! The file that a node's identity is kept in: its secret, and a start number that rises with every start (R6).
//!
//! The file is text, readable by its owner alone. It is always written whole: into a new file beside it, which takes
//! its place once it is on the disk. A file that does not read as one of these is never written to. Beside it stands
//! a file with the ending `.lock`, which one process holds at a time.

mod content;
mod error;
mod place;

use std::fs::File;
use std::io;
use std::path::Path;

pub use error::{IdentityFileError, IdentityFileProblem};

use mesh_proto::NodeId;
use mesh_proto::wire::Identity;

use content::Content;

/// An identity that this process holds: no other can open its file until this is dropped.
#[derive(Debug)]
pub struct IdentityFile {
    identity: Identity,
    start: u64,
    _lock: File,
}

impl IdentityFile {
    /// Opens the file, or makes it with what `make` gives if there is none, and counts this start.
    ///
    /// A link to a file is followed: what it points to is replaced, not the link.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, and what to do about it. A file that was there is as it was.
    pub fn open(path: &Path, make: impl FnOnce() -> io::Result<Identity>) -> Result<Self, IdentityFileError> {
        let path = place::resolved(path);
        let wrong = |problem| IdentityFileError::new(path.clone(), problem);
        let kept = || place::read(&path)?.map(|bytes| Content::parse(&bytes)).transpose();
        // Before anything is written: a file of another kind gets no lock beside it.
        kept().map_err(wrong)?;
        let lock = place::lock(&path).map_err(wrong)?;
        let content = match kept().map_err(wrong)? {
            Some(content) => content.next_start().map_err(wrong)?,
            None => Content::first(make().map_err(IdentityFileProblem::Entropy).map_err(wrong)?),
        };
        place::replace(&path, &content.text()).map_err(wrong)?;
        let Content { identity, start } = content;
        Ok(Self { identity, start, _lock: lock })
    }

    /// Whose file this is, or `None` if there is none. It is only read: no start is counted, and whoever holds it keeps it.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, and what to do about it.
    pub fn whose(path: &Path) -> Result<Option<NodeId>, IdentityFileError> {
        let path = place::resolved(path);
        place::read(&path)
            .and_then(|bytes| bytes.map(|bytes| Content::parse(&bytes)).transpose())
            .map(|content| content.map(|content| content.identity.id()))
            .map_err(|problem| IdentityFileError::new(path, problem))
    }

    /// The identity.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The number of this start: higher than that of any before.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.start
    }
}
