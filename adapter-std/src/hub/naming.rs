//! Peers that are kept by a name: looked up again and again, for addresses change.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::net::SocketAddr;
use core::time::Duration;

use mesh_proto::node::Input;
use mesh_proto::{Instant, MAX_ROUTES, NodeId, Route, Routes, Wait};

use super::happenings::Happening;
use super::jobs::sooner;
use super::{Hub, State};
use crate::platform::names::NameError;

/// How long an answer holds.
const HOLDS: Duration = Duration::from_secs(60);
/// How soon a name is tried again that was not found; the wait doubles up to [`HOLDS`].
const AGAIN: Duration = Duration::from_secs(1);

/// The names that are kept.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, Name>);

#[derive(Debug)]
struct Name {
    /// Who should be there, if that is known.
    expected: Option<NodeId>,
    /// When to look it up; never while that is under way.
    at: Wait,
    /// How long to wait after the next failure.
    again: Duration,
    /// What was found, and is kept.
    addresses: Vec<SocketAddr>,
}

impl Names {
    pub(super) fn deadline(&self) -> Wait {
        self.0.values().fold(Wait::Forever, |wait, name| sooner(wait, name.at))
    }

    /// The names to look up now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<String> {
        let due = self.0.iter_mut().filter(|(_, name)| matches!(name.at, Wait::Until(at) if at <= now));
        due.map(|(text, name)| {
            name.at = Wait::Forever;
            text.clone()
        })
        .collect()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl State {
    /// Keeps whoever is at this name, or this peer there.
    pub(crate) fn keep_name(&mut self, text: &str, expected: Option<NodeId>) {
        let at = Wait::Until(self.now().awake);
        let name = Name { expected, at, again: AGAIN, addresses: Vec::new() };
        self.names.0.insert(text.to_owned(), name);
        self.due_by(at);
    }

    /// Keeps whoever is at this name no more.
    pub(crate) fn forget_name(&mut self, text: &str) {
        let Some(name) = self.names.0.remove(text) else { return };
        for address in name.addresses {
            self.tell(Input::ForgetAt { address });
        }
    }

    fn found(&mut self, text: &str, found: Result<Vec<SocketAddr>, NameError>) {
        let now = self.now().awake;
        let Some(name) = self.names.0.get_mut(text) else { return };
        let addresses = match found {
            Ok(addresses) => {
                name.at = Wait::Until(now.after(HOLDS));
                name.again = AGAIN;
                addresses
            }
            Err(error) => {
                name.at = Wait::Until(now.after(name.again));
                name.again = (name.again * 2).min(HOLDS);
                let happening = Happening::NameFailed { name: text.to_owned(), error: error.to_string() };
                self.rest.note(happening);
                return;
            }
        };
        let expected = name.expected;
        let routes: Routes = addresses.iter().take(MAX_ROUTES).copied().map(Route::direct).collect();
        let kept: Vec<SocketAddr> =
            if expected.is_none() { routes.iter().map(|route| route.address).collect() } else { Vec::new() };
        let gone = core::mem::replace(&mut name.addresses, kept.clone());
        if let Some(peer) = expected {
            self.tell(Input::Keep { peer, routes });
        }
        for address in gone.into_iter().filter(|address| !kept.contains(address)) {
            self.tell(Input::ForgetAt { address });
        }
        for address in kept {
            self.tell(Input::KeepAt { route: Route::direct(address) });
        }
    }
}

impl Hub {
    /// Looks a name up, off this thread.
    pub(super) fn look_up(&self, name: String) {
        let weak = Arc::downgrade(&self.0);
        let text = name.clone();
        self.0.names.look_up(&name, move |found| {
            if let Some(inner) = weak.upgrade() {
                let hub = Self(inner);
                hub.with(|state| {
                    state.found(&text, found);
                    let wait = state.names.deadline();
                    state.due_by(wait);
                });
            }
        });
    }
}
