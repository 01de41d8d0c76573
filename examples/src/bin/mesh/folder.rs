//! Where a user's data is kept, and files that only their owner may read.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The identity file of this user, whose folder is made if it is not there.
pub(crate) fn identity() -> Result<PathBuf, Failure> {
    let folder = data().ok_or_else(|| {
        Failure::Running(
            "this user has no folder for data; say where the identity is kept with --identity FILE"
                .to_owned(),
        )
    })?;
    make(&folder).map_err(|error| Failure::of_file("the folder", &folder, &error))?;
    Ok(folder.join("identity"))
}

#[cfg(target_os = "macos")]
fn data() -> Option<PathBuf> {
    Some(in_variable("HOME")?.join("Library/Application Support/mesh"))
}

#[cfg(windows)]
fn data() -> Option<PathBuf> {
    Some(in_variable("APPDATA")?.join("mesh"))
}

#[cfg(not(any(target_os = "macos", windows)))]
fn data() -> Option<PathBuf> {
    // The convention has it that a relative path there means nothing.
    let data = in_variable("XDG_DATA_HOME").filter(|path| path.is_absolute());
    Some(data.or_else(|| Some(in_variable("HOME")?.join(".local/share")))?.join("mesh"))
}

fn in_variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn make(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// Whether a file may be there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// What was there is written over.
    Replaced,
    /// It must not be.
    Absent,
}

/// A file to write to that only its owner may read.
pub(crate) fn private(path: &Path, before: Before) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true);
    match before {
        Before::Replaced => options.create(true).truncate(true),
        Before::Absent => options.create_new(true),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
