//! What the driver's task has to do, and when.

use alloc::sync::Arc;
use core::net::SocketAddr;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;
use std::time::Instant;

use mesh_proto::node::Input;
use mesh_proto::{LinkId, Now, PathClass, Route, SystemError, Wait};

use super::halves::{Link, Over, Signal};
use super::inbox::Inbox;
use super::state::Rest;
use super::{Hub, State};
use crate::platform::errors::system_error;

/// How long the machine is left in the dark about what was taken, and what can wait is held back.
const SOON: Duration = Duration::from_millis(2);

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

    /// Does what is due, and says until when a driver may sleep if no job comes; `None` for ever. To be called again then,
    /// and after every job.
    pub fn look(&self) -> Option<Instant> {
        let (wait, names) = self.with_untold(|state| {
            let now = state.now();
            if state.tells_now(now) {
                // First, so that what is taken meanwhile is told now, or by whoever takes it.
                self.inboxes().into_iter().for_each(Inbox::is_told_now);
            }
            self.tell_all(state);
            state.look(now);
            let names = state.names.due(now.awake);
            (state.awaited(), names)
        });
        for name in names {
            self.look_up(name);
        }
        self.0.time.deadline(wait)
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

/// The task that looks after the node.
#[derive(Debug)]
pub(super) struct Driver {
    waits: Option<Waker>,
    /// Until when the machine can be left alone.
    pub(super) machine: Wait,
    /// When something else is due.
    soon: Wait,
    /// Until when the task sleeps.
    sleeps: Wait,
    /// Whether it is to look although it sleeps longer.
    nudged: bool,
}

impl Default for Driver {
    fn default() -> Self {
        // The machine has something to do at the start, and says until when it can be left alone once it is told something.
        let machine = Wait::Until(mesh_proto::Instant::START);
        Self { waits: None, machine, soon: Wait::Forever, sleeps: Wait::Forever, nudged: true }
    }
}

impl State {
    /// Whether what was taken, and what is held back, is to be told now.
    fn tells_now(&self, now: Now) -> bool {
        is_due(self.rest.driver.soon, now)
    }

    /// Does what is due.
    pub(super) fn look(&mut self, now: Now) {
        if is_due(self.rest.driver.machine, now) {
            self.tell_at(now, Input::Tick);
        }
        if self.tells_now(now) {
            self.rest.driver.soon = Wait::Forever;
            self.let_go();
            self.rest.post.look_again(&mut self.rest.wakes);
        }
        self.rest.driver.nudged = false;
    }

    /// Until when the driver's task may sleep.
    pub(super) fn awaited(&mut self) -> Wait {
        let driver = &mut self.rest.driver;
        driver.sleeps = sooner(sooner(driver.machine, driver.soon), self.names.deadline());
        driver.sleeps
    }

    /// Something came and may be taken, was taken, or is held back: the driver's task sees to all of that in a moment.
    pub(super) fn tell_soon(&mut self) {
        let at = self.now().awake.after(SOON);
        self.due_by(Wait::Until(at));
    }

    /// Something else than the machine is due then.
    pub(super) fn due_by(&mut self, wait: Wait) {
        let driver = &mut self.rest.driver;
        driver.soon = sooner(driver.soon, wait);
        if sooner(driver.soon, driver.sleeps) != driver.sleeps {
            self.rest.nudge();
        }
    }

    /// The driver's task is to look in time for what is due.
    pub(super) fn look_in_time(&mut self) {
        let driver = &self.rest.driver;
        let awaited = sooner(driver.machine, driver.soon);
        if sooner(awaited, driver.sleeps) != driver.sleeps {
            self.rest.nudge();
        }
    }

    /// Ready when the driver's task is to look, or has a link to dial.
    pub(super) fn poll_driver(&mut self, context: &Context<'_>) -> Poll<Option<(LinkId, Route)>> {
        if let Some(dial) = self.rest.dials.pop_front() {
            return Poll::Ready(Some(dial));
        }
        if self.rest.driver.nudged || self.rest.over {
            self.rest.driver.nudged = false;
            return Poll::Ready(None);
        }
        self.rest.wakes.park(&mut self.rest.driver.waits, context.waker());
        Poll::Pending
    }
}

impl Rest {
    /// The driver's task is to look.
    pub(super) fn nudge(&mut self) {
        self.driver.nudged = true;
        self.wakes.take(&mut self.driver.waits);
    }
}

fn is_due(wait: Wait, now: Now) -> bool {
    matches!(wait, Wait::Until(at) if at <= now.awake)
}

/// The earlier of two times to wait until.
pub(super) fn sooner(one: Wait, other: Wait) -> Wait {
    match (one, other) {
        (Wait::Until(one), Wait::Until(other)) => Wait::Until(one.min(other)),
        (Wait::Forever, other) => other,
        (one, Wait::Forever) => one,
    }
}
