//! The trace of a node: of everything that its machine is told from some moment on, and of what that orders.

use alloc::boxed::Box;
use core::error::Error;

use super::Node;
use crate::storage::Storage;
use crate::trace::{Recorder, Sink};

/// What stopped a sink of any kind.
pub type SinkError = Box<dyn Error + Send + Sync>;

/// The trace of a node, to look at: whether it is still written, why not, and how many events went through.
pub type Recording = Recorder<Box<dyn Sink<Error = SinkError> + Send>>;

impl<S: Storage> Node<S> {
    /// Begins a trace: with the machine as it is now, and then with all that it is told and orders.
    /// [`replay`](crate::trace::replay) reads what was written. A trace that was begun before ends, and its sink is dropped.
    pub fn record<K>(&mut self, sink: K)
    where
        K: Sink<Error: Into<SinkError>> + Send + 'static,
    {
        self.machine.recording = Some(Recorder::new(Box::new(Alike(sink))));
    }

    /// Ends the trace, if there is one, and drops its sink.
    pub fn stop_recording(&mut self) {
        self.machine.recording = None;
    }

    /// The trace that was begun, also when its sink has failed: [`Recorder::stopped`] says why.
    #[must_use]
    pub fn recording(&self) -> Option<&Recording> {
        self.machine.recording.as_ref()
    }
}

/// A sink whose errors are of the same type as those of all others.
struct Alike<K>(K);

impl<K: Sink<Error: Into<SinkError>>> Sink for Alike<K> {
    type Error = SinkError;

    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.0.write(bytes).map_err(Into::into)
    }

    fn begin(&mut self) -> Result<(), SinkError> {
        self.0.begin().map_err(Into::into)
    }
}
