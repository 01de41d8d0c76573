//! Leaving: what can still be sent goes out, then everybody is told.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use mesh_proto::node::Input;
use mesh_proto::{Instant, PeerView, Wait, Window};

use super::Mesh;
use crate::hub::{Place, State, Undelivered};

/// How long goodbyes may take when there is nothing more to send.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a node that left had not delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// How much was not taken, of all messages together.
    pub unflushed: Window,
    /// What was not taken and asked for a report. Who asked for a receipt gets it there.
    pub undelivered: Vec<Undelivered>,
}

impl Left {
    /// Whether everything was taken.
    #[must_use]
    pub const fn is_flushed(&self) -> bool {
        self.unflushed.messages == 0
    }
}

/// A node that leaves.
#[derive(Debug)]
pub(super) struct Leaving<'m> {
    mesh: &'m Mesh,
    step: Step,
    place: Place,
}

impl<'m> Leaving<'m> {
    pub(super) const fn new(mesh: &'m Mesh, within: Duration) -> Self {
        Self { mesh, step: Step::Begins(within), place: Place::NONE }
    }
}

impl Future for Leaving<'_> {
    type Output = Left;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Left> {
        let Self { mesh, step, place } = &mut *self;
        let left = mesh.hub().with(|state| step.take(state, place, context));
        if left.is_ready() {
            mesh.hub().end();
        }
        left
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if self.place.is_taken() {
            let gone = self.mesh.hub().with(|state| state.post().leaves_the_end(&mut self.place));
            drop(gone);
        }
        if let Step::Farewell(..) = self.step {
            // What is still to be written is, as far as that needs no waiting.
            self.mesh.hub().end();
        }
    }
}

/// How far leaving is.
#[derive(Debug)]
enum Step {
    /// It has not begun.
    Begins(Duration),
    /// What was sent is being taken.
    Flushes(Instant),
    /// Goodbyes go out.
    Farewell(Instant, Left),
    /// It is done.
    Gone,
}

impl Step {
    fn take(&mut self, state: &mut State, place: &mut Place, context: &Context<'_>) -> Poll<Left> {
        let now = state.now().awake;
        loop {
            *self = match core::mem::replace(self, Self::Gone) {
                Self::Begins(within) => Self::Flushes(now.after(within)),
                Self::Flushes(by) => {
                    let unflushed = unflushed(state);
                    if unflushed.messages > 0 && now < by && !state.is_over() {
                        state.leave_by(Wait::Until(by), place, context.waker());
                        *self = Self::Flushes(by);
                        return Poll::Pending;
                    }
                    state.tell(Input::Leave);
                    Self::Farewell(now.after(FAREWELL), Left { unflushed, undelivered: Vec::new() })
                }
                Self::Farewell(by, left) => {
                    if !state.has_no_links() && now < by && !state.is_over() {
                        state.leave_by(Wait::Until(by), place, context.waker());
                        *self = Self::Farewell(by, left);
                        return Poll::Pending;
                    }
                    let undelivered = collect(state);
                    return Poll::Ready(Left { undelivered, ..left });
                }
                Self::Gone => return Poll::Ready(Left::default()),
            };
        }
    }
}

/// What was sent and is not known to be taken.
fn unflushed(state: &State) -> Window {
    let mesh = state.node().mesh();
    let of = |peer: PeerView| mesh.unacknowledged(&peer.id).unwrap_or_default();
    mesh.peers().map(of).fold(Window::default(), |sum, one| Window {
        bytes: sum.bytes.saturating_add(one.bytes),
        messages: sum.messages.saturating_add(one.messages),
    })
}

/// The reports that wait.
pub(super) fn collect(state: &mut State) -> Vec<Undelivered> {
    let peers: Vec<_> = state.node().mesh().peers().map(|peer| peer.id).collect();
    for peer in peers {
        state.tell(Input::Collect { peer });
    }
    state.post().take_reports()
}
