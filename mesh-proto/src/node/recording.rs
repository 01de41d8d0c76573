//! The trace of a node: of everything that its machine is told from some moment on, and of what that orders.

extern crate alloc;

use alloc::boxed::Box;
use core::error::Error;

use super::Node;
use crate::action::Action;
use crate::event::Event;
use crate::machine::{Answer, Turn};
use crate::rules::Shipped;
use crate::storage::Storage;
use crate::time::Wait;
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
        self.recording = Some(Recorder::new(Box::new(Alike(sink))));
    }

    /// Ends the trace, if there is one, and drops its sink.
    pub fn stop_recording(&mut self) {
        self.recording = None;
    }

    /// The trace that was begun, also when its sink has failed: [`Recorder::stopped`] says why.
    #[must_use]
    pub fn recording(&self) -> Option<&Recording> {
        self.recording.as_ref()
    }

    /// Tells the machine, and leaves what it orders to the turn.
    pub(super) fn tell(&mut self, event: Event<'_>) -> Answer {
        match &mut self.recording {
            None => self.mesh.handle(self.now, event).answer(),
            Some(recording) => recording.handle(&mut self.mesh, self.now, event).answer(),
        }
    }
}

/// Carries out what the machine orders, and writes it down where there is a trace.
pub(super) fn carry_out<S: Storage>(
    recording: &mut Option<Recording>,
    turn: Turn<'_, S, Shipped>,
    perform: impl FnMut(Action<'_>),
) -> Wait {
    match recording {
        None => turn.carry_out(perform),
        Some(recording) => recording.carry_out(turn, perform),
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
