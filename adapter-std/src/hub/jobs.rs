//! What the driver's task has to do.

use alloc::sync::Arc;
use core::net::SocketAddr;
use core::task::{Context, Poll};
use std::io;

use mesh_proto::{LinkId, PathClass, Route, SystemError};

use super::Hub;
use super::halves::{Link, Over, Signal};
use crate::platform::errors::system_error;

/// What the driver's task has to do.
#[derive(Debug)]
pub enum Job {
    /// Open a stream, in a task of its own.
    Dial(Dial),
    /// [Look](Hub::look) again.
    Look,
    /// Everything has ended: stop.
    Stop,
}

impl Hub {
    /// The next job. For one task at a time; dropping it loses nothing.
    pub async fn job(&self) -> Job {
        core::future::poll_fn(|context| self.poll_job(context)).await
    }

    /// As [`job`](Self::job).
    pub fn poll_job(&self, context: &mut Context<'_>) -> Poll<Job> {
        let job = self.with(|state| {
            state.poll_driver(context).map(|dial| match dial {
                _ if state.is_over() => Ok(Job::Stop),
                None => Ok(Job::Look),
                Some((link, route)) => Err((link, route, state.signal(link))),
            })
        });
        job.map(|job| {
            job.unwrap_or_else(|(link, route, signal)| {
                let signal = signal.unwrap_or_default();
                Job::Dial(Dial { hub: self.clone(), link, route, signal, told: false })
            })
        })
    }
}

/// A stream that is to be opened. Dropped, it counts as abandoned by this system.
#[derive(Debug)]
pub struct Dial {
    hub: Hub,
    link: LinkId,
    route: Route,
    signal: Arc<Signal>,
    told: bool,
}

impl Dial {
    /// Where to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.route.address
    }

    /// The kind of way that it goes.
    #[must_use]
    pub const fn class(&self) -> PathClass {
        self.route.class
    }

    /// The stream is open, between these addresses. `None` if it is not wanted any more: the driver ends it.
    #[must_use]
    pub fn connected(mut self, local: Option<SocketAddr>, remote: Option<SocketAddr>) -> Option<Link> {
        self.told = true;
        self.hub.connected(self.link, local, remote)
    }

    /// It could not be opened.
    pub fn failed(mut self, error: &io::Error) {
        self.told = true;
        self.hub.closed(self.link, system_error(error));
    }

    /// Comes when it is not wanted any more.
    pub fn over(&self) -> Over {
        self.signal.over()
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        if !self.told {
            self.hub.closed(self.link, SystemError::Exhausted);
        }
    }
}
