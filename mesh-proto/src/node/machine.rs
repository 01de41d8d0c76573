//! The machine of a node, which is told everything here: so nothing misses the trace.

#[cfg(feature = "alloc")]
use super::recording::Recording;
use crate::action::Action;
use crate::event::Event;
use crate::machine::{Answer, Mesh, Turn};
use crate::storage::Storage;
use crate::time::{Now, Wait};

/// A machine, the time, and a trace where there is one.
pub(super) struct Machine<S: Storage> {
    pub(super) mesh: Mesh<S>,
    /// When the last input came.
    pub(super) now: Now,
    /// The trace, if one was begun.
    #[cfg(feature = "alloc")]
    pub(super) recording: Option<Recording>,
}

impl<S: Storage> Machine<S> {
    pub(super) fn new(mesh: Mesh<S>) -> Self {
        Self {
            mesh,
            now: Now::default(),
            #[cfg(feature = "alloc")]
            recording: None,
        }
    }

    /// Tells it, and leaves what it orders to the turn.
    pub(super) fn tell(&mut self, event: Event<'_>) -> Answer {
        #[cfg(feature = "alloc")]
        if let Some(recording) = &mut self.recording {
            return recording.handle(&mut self.mesh, self.now, event).answer();
        }
        self.mesh.handle(self.now, event).answer()
    }

    /// Carries out what it orders.
    pub(super) fn carry_out(&mut self, perform: impl FnMut(Action<'_>)) -> Wait {
        let turn = Turn::new(&mut self.mesh, Answer::Done);
        #[cfg(feature = "alloc")]
        if let Some(recording) = &mut self.recording {
            return recording.carry_out(turn, perform);
        }
        turn.carry_out(perform)
    }
}
