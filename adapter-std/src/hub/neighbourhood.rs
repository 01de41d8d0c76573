//! Hearing the neighbourhood, and speaking to it.

use alloc::sync::Arc;
use std::sync::PoisonError;

use mesh_proto::node::Input;
use mesh_proto::{Audience, Wake};

use super::Hub;
use crate::platform::beacon::Sources;
use crate::platform::clock::Clock;
use crate::platform::surroundings::{Sign, Surroundings, Watched};

/// A datagram that the node ordered.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) to: Audience,
    pub(super) bytes: Vec<u8>,
}

impl Hub {
    /// Watches the surroundings from now on, on a thread of its own. What is announced before this is heard by nobody.
    pub(crate) fn watch_surroundings(&self, watched: Watched, clock: Clock) -> std::io::Result<()> {
        self.with(|state| state.rest.announces = watched.group.is_some());
        let weak = Arc::downgrade(&self.0);
        // Whoever is heard at once makes the node say that it is there: that waits until it can be said.
        let mut place = self.0.surroundings.lock().unwrap_or_else(PoisonError::into_inner);
        let surroundings = Surroundings::watch(watched, clock, move |sign| {
            if let Some(inner) = weak.upgrade() {
                Self(inner).notice(&sign);
            }
        })?;
        *place = Some(surroundings);
        Ok(())
    }

    fn notice(&self, sign: &Sign<'_>) {
        match sign {
            Sign::Heard(heard) => {
                let from = heard.whence.source;
                self.sources(|sources| sources.heard(heard.whence));
                self.with(|state| state.tell(Input::Datagram { from, bytes: heard.datagram }));
            }
            Sign::Moved { .. } => {
                self.with(|state| state.tell(Input::Wake(Wake::Moved)));
            }
            // The machine sees it by the two clocks.
            Sign::Slept(_) => {
                self.with(|state| state.tell(Input::Tick));
            }
        }
    }

    /// Sends what the node ordered. What the system does not take now is lost: an announcement is a hint.
    pub(super) fn announce(&self, datagrams: &[Datagram]) {
        let surroundings = self.0.surroundings.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(surroundings) = surroundings.as_ref() else { return };
        for Datagram { to, bytes } in datagrams {
            match to {
                Audience::Everyone => {
                    let planes = surroundings.send_to_all(bytes);
                    log::trace!("announced on {planes} planes");
                }
                Audience::One(source) => {
                    let whence = self.sources(|sources| sources.of(source));
                    let told = whence.is_some_and(|whence| surroundings.send_to_one(bytes, &whence));
                    log::trace!("answered {source}: {told}");
                }
            }
        }
    }

    fn sources<T>(&self, act: impl FnOnce(&mut Sources) -> T) -> T {
        act(&mut self.0.sources.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
