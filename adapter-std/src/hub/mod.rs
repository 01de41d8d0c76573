//! One node, and all that share it: the tasks of its driver, and the handles of the application.
//!
//! A driver knows how its runtime accepts, dials, reads, writes and sleeps. Everything else is here, and waits on nothing but
//! a [`Waker`](core::task::Waker):
//!
//! * one task asks for [jobs](Hub::job): streams to open, and times to [look](Hub::look) again;
//! * one task for each listener gives the streams that it accepts to [`Hub::accept`];
//! * streams that come from elsewhere go to [`Hub::attach`];
//! * two tasks for each link have its [halves](Link).
//!
//! Nothing is done under the lock that could wait: the records of a link are opened and sealed by its tasks.

mod admitting;
pub(crate) mod asks;
mod halves;
mod happenings;
mod inbox;
mod jobs;
mod links;
mod naming;
mod neighbourhood;
mod outbox;
mod pen;
mod post;
mod sending;
mod state;
mod streams;
mod taking;
mod wakes;

use alloc::sync::Arc;
use core::any::Any;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use mesh_proto::NodeId;
use mesh_proto::node::Node;

pub(crate) use admitting::Admits;
pub use admitting::Question;
pub(crate) use asks::Serving;
pub use halves::{Incoming, Link, Outgoing, Over};
pub use happenings::{Happening, Paused};
pub(crate) use inbox::Arrived;
pub use inbox::Received;
pub use jobs::{Dial, Job};
pub use post::Undelivered;
pub(crate) use state::State;
pub use streams::{Attached, Unattached};
pub(crate) use wakes::Place;

use crate::platform::beacon::Sources;
use crate::platform::clock::Time;
use crate::platform::names::Resolver;
use crate::platform::surroundings::Surroundings;
use inbox::Inbox;
use outbox::Outbox;

/// One node, and all that share it. Copies are the same node.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    me: NodeId,
    state: Mutex<State>,
    inbox: Inbox,
    /// Questions of others that wait to be taken.
    asked: Inbox,
    serving: Arc<Serving>,
    outbox: Outbox,
    /// Whether links hold something back.
    holds: AtomicBool,
    time: Arc<dyn Time>,
    names: Resolver,
    /// What hears the neighbourhood, until the node ends.
    surroundings: Mutex<Option<Surroundings>>,
    sources: Mutex<Sources>,
    admits: Option<Admits>,
    /// What the driver needs later.
    driver: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Hub {
    pub(crate) fn new(node: Node, time: Arc<dyn Time>, admits: Option<Admits>) -> Self {
        let serving = Arc::<Serving>::default();
        let outbox = Outbox::new(&node.mesh().config().limits);
        let inner = Inner {
            me: node.mesh().me(),
            state: Mutex::new(State::new(node, Arc::clone(&time), Arc::clone(&serving))),
            inbox: Inbox::default(),
            asked: Inbox::default(),
            serving,
            outbox,
            holds: AtomicBool::new(false),
            time,
            names: Resolver::new(),
            surroundings: Mutex::default(),
            sources: Mutex::default(),
            admits,
            driver: OnceLock::new(),
        };
        Self(Arc::new(inner))
    }

    /// The node's name.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.0.me
    }

    /// Comes when the node has ended.
    pub fn ended(&self) -> Over {
        self.with(State::ended)
    }

    /// Does something with the node once it knows all that was sent and taken, and then wakes whoever that concerns.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.with_untold(|state| {
            self.tell_all(state);
            act(state)
        })
    }

    /// Tells the node all that was sent and taken.
    fn tell_all(&self, state: &mut State) {
        for inbox in self.inboxes() {
            if inbox.has_taken() {
                state.tell_taken(inbox);
            }
        }
        if self.0.outbox.is_filled() {
            state.tell_put(&self.0.outbox);
        }
    }

    fn inboxes(&self) -> [&Inbox; 2] {
        [&self.0.inbox, &self.0.asked]
    }

    fn with_untold<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        state.forget_time();
        let done = act(&mut state);
        for peer in state.uncertain() {
            self.0.outbox.ask_about(&peer);
        }
        if state.has_come() {
            state.tell_soon();
        }
        self.0.holds.store(state.holds(), Ordering::Release);
        let mut wakes = state.wakes();
        let rest = &mut state.rest;
        self.0.inbox.push(&mut rest.came, &mut wakes);
        self.0.asked.push(&mut rest.questions, &mut wakes);
        let (datagrams, asked) = (state.datagrams(), state.asked());
        drop(state);
        wakes.wake();
        for peer in asked {
            self.ask(peer);
        }
        if !datagrams.is_empty() {
            self.announce(&datagrams);
        }
        done
    }

    /// Ends everything: links, jobs, and whoever waits.
    pub(crate) fn end(&self) {
        self.with(State::end);
        self.0.outbox.ask_about_all();
        let mut wakes = wakes::Wakes::default();
        self.0.inbox.end(&mut wakes);
        self.0.asked.end(&mut wakes);
        wakes.wake();
        // Its thread may wait for the node, which is not locked now.
        let surroundings = self.0.surroundings.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(surroundings);
    }

    /// Nothing panics while it holds the node, but for what is called back there.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hub").field(&self.0.me).finish()
    }
}
