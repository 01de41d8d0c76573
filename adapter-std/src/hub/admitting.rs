//! Whether to let somebody in: the application is asked, and answers when it likes.

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use mesh_proto::NodeId;
use mesh_proto::node::{Input, Verdict};

use super::Hub;
use super::happenings::Happening;

/// Asked about everybody who is not known to be let in.
pub(crate) type Admits = Box<dyn Fn(Question) + Send + Sync>;

/// Somebody has proven who it is, and waits to be let in. Whoever drops this turns nobody away: the other end waits a minute
/// at most, and may come again.
#[derive(Debug)]
pub struct Question {
    hub: Hub,
    peer: NodeId,
}

impl Question {
    /// About whom.
    #[must_use]
    pub const fn peer(&self) -> NodeId {
        self.peer
    }

    /// It is let in.
    pub fn let_in(self) {
        self.answer(Verdict::LetIn);
    }

    /// It is turned away, and stays away for long.
    pub fn turn_away(self) {
        self.answer(Verdict::TurnAway);
    }

    fn answer(self, verdict: Verdict) {
        let peer = self.peer;
        self.hub.with(|state| state.tell(Input::Answer { peer, verdict }));
    }
}

impl Hub {
    /// Asks the application whether to let somebody in. This task may be anybody's: a panic of the application's goes no
    /// further, and counts as a refusal.
    pub(super) fn ask(&self, peer: NodeId) {
        let Some(admits) = &self.0.admits else { return };
        let question = Question { hub: self.clone(), peer };
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| admits(question))) else { return };
        let told = panic.downcast_ref::<String>().map(String::as_str);
        let message = told.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned();
        log::error!("{peer} is turned away: what was asked about it panicked: {message}");
        self.with(|state| {
            state.tell(Input::Answer { peer, verdict: Verdict::TurnAway });
            state.rest.note(Happening::AdmitPanicked { peer, message });
        });
    }
}
