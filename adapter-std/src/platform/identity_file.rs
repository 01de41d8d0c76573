//! The file that a node's identity is kept in: its secret, and a start number that rises with every start (R6).
//!
//! The file is text, readable by its owner alone. It is always written whole: into a new file beside it, which takes
//! its place once it is on the disk. A file that does not read as one of these is never written to. Beside it stands
//! a file with the ending `.lock`, which one process holds at a time.

mod content;
mod error;
mod place;

use core::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

pub use error::{IdentityFileError, IdentityFileProblem};

use content::Content;

/// The secret of a node: 32 bytes that say nothing in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// The secret with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A secret that nobody can guess.
    ///
    /// # Errors
    ///
    /// The system has no entropy to give.
    pub fn draw() -> io::Result<Self> {
        let mut bytes = [0; 32];
        super::entropy::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An identity that this process holds: no other can open its file until this is dropped.
#[derive(Debug)]
pub struct IdentityFile {
    secret: Secret,
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
    pub fn open(path: &Path, make: impl FnOnce() -> io::Result<Secret>) -> Result<Self, IdentityFileError> {
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
        let Content { secret, start } = content;
        Ok(Self { secret, start, _lock: lock })
    }

    /// The secret.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The number of this start: higher than that of any before.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.start
    }
}
