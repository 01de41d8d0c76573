//! The file that a trace goes to.

use alloc::sync::Arc;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh_proto::trace::{Sink, Through};

use crate::failure::Failure;
use crate::folder::{self, Before};

/// A trace that is written. Every record is in the file before its orders are carried out, so that nothing is missing when the
/// node ends in some other way than it should.
#[derive(Clone, Debug)]
pub(crate) struct Trace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// What is in the way of going on, if something is.
    stopped: Mutex<Option<io::Error>>,
    file: File,
}

impl Trace {
    /// Begins a file, in place of one that is there.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let file = folder::private(path, Before::Replaced)
            .map_err(|error| Failure::of_file("the trace", path, &error))?;
        Ok(Self(Arc::new(Inner { path: path.to_owned(), stopped: Mutex::default(), file })))
    }

    /// What the node writes to.
    pub(crate) fn sink(&self) -> impl Sink<Error = io::Error> + Send + 'static {
        let Self(inner) = self.clone();
        Through(move |bytes: &[u8]| {
            (&inner.file).write_all(bytes).inspect_err(|error| {
                *inner.stopped() = Some(io::Error::new(error.kind(), error.to_string()));
            })
        })
    }

    /// Whether all is in the file.
    pub(crate) fn end(self) -> Result<(), Failure> {
        let Self(inner) = self;
        let stopped = inner.stopped().take();
        stopped.map_or(Ok(()), |error| {
            let path = inner.path.display();
            Err(Failure::Running(format!("the trace {path} is not whole ({error}); make room for it")))
        })
    }
}

impl Inner {
    fn stopped(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
