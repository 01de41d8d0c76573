//! One node, and all that share it: the tasks of its driver, and the handles of the application.
//!
//! A driver knows how its runtime accepts, dials, reads, writes and sleeps. Everything else is here, and waits on nothing but
//! a [`Waker`]:
//!
//! * one task asks for [jobs](Hub::job): streams to open, and times to [look](Hub::look) again;
//! * one task for each listener gives the streams that it accepts to [`Hub::accept`];
//! * streams that come from elsewhere go to [`Hub::attach`];
//! * two tasks for each link have its [halves](Link).
//!
//! Nothing is done under the lock that could wait: the records of a link are opened and sealed by its tasks.

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
mod state;
mod wakes;

use alloc::sync::Arc;
use core::any::Any;
use core::fmt;
use core::net::SocketAddr;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::panic::catch_unwind;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use mesh_proto::node::{Fresh, Input, Node, Reader, Verdict};
use mesh_proto::{Answer, LinkId, NodeId, PathClass, Reason, Side, SystemError, Unable, Wait};

pub use halves::{Incoming, Link, Outgoing, Over};
pub use happenings::{Happening, Paused};
pub use inbox::Received;
pub use jobs::{Dial, Job};
pub use post::Undelivered;
pub(crate) use state::State;
pub(crate) use wakes::Place;

use crate::platform::beacon::Sources;
use crate::platform::clock::Time;
use crate::platform::entropy;
use crate::platform::names::Resolver;
use crate::platform::surroundings::Surroundings;
use asks::ANSWER;
use halves::Signal;
use inbox::Inbox;
use links::Facts;
use outbox::{Outbox, Put};
use pen::Pen;

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

/// How many are there to answer questions.
#[derive(Debug, Default)]
pub(crate) struct Serving(pub(crate) AtomicUsize);

/// Asked about everybody who is not known to be let in.
pub(crate) type Admits = Box<dyn Fn(Question) + Send + Sync>;

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

    /// Does what is due, and says until when a driver may sleep if no job comes; `None` for ever. To be called again then,
    /// and after every job.
    pub fn look(&self) -> Option<Instant> {
        let (wait, names) = self.with(|state| {
            let now = state.now();
            state.look(now);
            let names = state.names.due(now.awake);
            (state.awaited(), names)
        });
        for name in names {
            self.look_up(name);
        }
        self.0.time.deadline(wait)
    }

    /// Comes when the node has ended.
    pub fn ended(&self) -> Over {
        self.with(State::ended)
    }

    /// A stream was accepted. `None` if there is no place for it: the driver ends it.
    #[must_use]
    pub fn accept(
        &self,
        remote: Option<SocketAddr>,
        local: Option<SocketAddr>,
        class: PathClass,
    ) -> Option<Link> {
        let fresh = fresh()?;
        self.with(|state| {
            let answer = state.tell(Input::Accepted { from: remote, class, fresh });
            let link = answer.link().inspect_err(|why| log::debug!("a stream is not taken: {why}")).ok()?;
            let signal = state.open(link, Facts { side: Side::Accepted, remote, local, class });
            Some(Link::new(self, link, &signal))
        })
    }

    /// Takes a stream of any kind, opened or accepted by whatever means: of a WebSocket, TLS, a Unix socket, a serial line,
    /// memory. It has no address.
    ///
    /// # Errors
    ///
    /// There is no place for it: the driver ends it. Nothing has changed.
    pub fn attach(&self, side: Attached, class: PathClass) -> Result<Link, Unattached> {
        let fresh = fresh().ok_or(Unattached::NoEntropy)?;
        let (input, side) = match side {
            Attached::Dialed { expected } => (Input::Attached { expected, class, fresh }, Side::Dialed),
            Attached::Accepted => (Input::Accepted { from: None, class, fresh }, Side::Accepted),
        };
        self.with(|state| {
            let link = state.tell(input).link().map_err(Unattached::Unable)?;
            let signal = state.open(link, Facts { side, remote: None, local: None, class });
            Ok(Link::new(self, link, &signal))
        })
    }

    /// Keeps what a driver needs when it is to attach a stream: for as long as the hub, and the first that is kept.
    pub fn keep_driver(&self, driver: impl Any + Send + Sync) {
        if self.0.driver.set(Box::new(driver)).is_err() {
            log::debug!("a node is driven once");
        }
    }

    /// What a driver of this kind keeps here; nothing if another drives the node.
    #[must_use]
    pub fn driver<T: Any>(&self) -> Option<&T> {
        self.0.driver.get()?.downcast_ref()
    }

    /// A dialed stream is open; `None` if it is not wanted any more.
    fn connected(&self, link: LinkId, local: Option<SocketAddr>, remote: Option<SocketAddr>) -> Option<Link> {
        let Some(fresh) = fresh() else {
            self.closed(link, SystemError::Exhausted);
            return None;
        };
        self.with(|state| {
            let signal = state.connected(link, local, remote)?;
            state.tell(Input::Connected { link, fresh });
            Some(Link::new(self, link, &signal))
        })
    }

    /// A link ended by itself, or a dial failed. Once it is over this means nothing. Always says not to go on.
    fn closed(&self, link: LinkId, error: SystemError) -> bool {
        self.with(|state| {
            if state.ends_now(link) {
                state.tell(Input::Closed { link, error });
                state.told_closed(link, Reason::System(error));
            }
        });
        false
    }

    /// The task that writes is done with a link.
    fn written_out(&self, link: LinkId) {
        self.with(|state| state.release(link));
    }

    /// Bytes came on a link that has no reader yet. The reader, if it has one now.
    fn shake(&self, link: LinkId, bytes: &[u8]) -> Option<Box<Reader>> {
        self.with(|state| {
            if let Some(mut reader) = state.reader(link) {
                // It came up between two reads.
                reader.push(bytes);
                return Some(reader);
            }
            state.tell(Input::Bytes { link, bytes });
            state.reader(link)
        })
    }

    /// The next message, if there is one now.
    pub(crate) fn take(&self) -> Option<Received> {
        let mut first = false;
        let taken = self.0.inbox.take(&mut first);
        self.taken(&self.0.inbox, taken.is_some(), first);
        taken
    }

    /// The next message; `None` once no more will come.
    pub(crate) fn poll_take(&self, place: &mut Place, context: &Context<'_>) -> Poll<Option<Received>> {
        self.poll_inbox(&self.0.inbox, place, context)
    }

    /// Somebody waits for messages no more.
    pub(crate) fn leave_take(&self, place: &mut Place) {
        self.0.inbox.leave(place);
    }

    /// The next question; `None` once no more will come.
    pub(crate) fn poll_asked(&self, place: &mut Place, context: &Context<'_>) -> Poll<Option<Received>> {
        self.poll_inbox(&self.0.asked, place, context)
    }

    /// Somebody waits for questions no more.
    pub(crate) fn leave_asked(&self, place: &mut Place) {
        self.0.asked.leave(place);
    }

    fn poll_inbox(&self, inbox: &Inbox, place: &mut Place, context: &Context<'_>) -> Poll<Option<Received>> {
        let mut first = false;
        let taken = inbox.poll(place, context, &mut first);
        self.taken(inbox, taken.is_ready(), first);
        taken
    }

    /// How many are there to answer questions.
    pub(crate) fn serving(&self) -> &Arc<Serving> {
        &self.0.serving
    }

    /// The machine is told what was taken with whatever it is told next, in a moment, or once whoever takes waits for more:
    /// then what was held back is written, too.
    fn taken(&self, inbox: &Inbox, any: bool, first: bool) {
        if first {
            self.with_untold(State::tell_soon);
        } else if !any && (inbox.has_taken() || self.0.holds.load(Ordering::Acquire)) {
            self.with(State::let_go);
        }
    }

    /// Sends a message, which is gone then, or says why not; with a place and a waker it is noted who waits for room.
    pub(crate) fn post(
        &self,
        peer: NodeId,
        message: &mut Option<mesh_proto::Message<'static>>,
        waits: Option<(&mut Place, &Waker)>,
    ) -> Result<(), Unable> {
        match self.0.outbox.put(&peer, message) {
            Put::Unknown => self.with(|state| {
                let sent = state.send(peer, message, waits);
                state.know_room(peer, &self.0.outbox);
                sent
            }),
            put @ (Put::Waits | Put::Nudge { .. }) => {
                self.nudge(put);
                Ok(())
            }
        }
    }

    /// Whether there is a session. One that has ended took its questions with it: a word about one would begin another.
    pub(crate) fn goes_on(&self, peer: NodeId) -> bool {
        self.with(|state| state.goes_on(&peer))
    }

    /// Answers a question, now or once there is room.
    pub(crate) fn answer(&self, peer: NodeId, number: u64, answer: &asks::Answer) {
        let message = mesh_proto::Message::plain(answer.body(number).into()).of_kind(ANSWER);
        self.with(|state| {
            if state.goes_on(&peer) {
                let now = state.now();
                state.owe(now, peer, message);
                state.know_room(peer, &self.0.outbox);
            }
        });
    }

    /// Sees to it that what waits is told: at once if nobody writes to that peer, so that nobody has to be woken for it.
    fn nudge(&self, put: Put) {
        let Put::Nudge { writer, link } = put else { return };
        match writer.lend() {
            Some(mut pen) => {
                self.fetch(&mut pen, link, &writer);
                pen.write_at_once();
                writer.give_back(pen);
            }
            None => writer.nudge(),
        }
        if writer.is_over() {
            // Nobody may be there any more to be nudged.
            self.with(|_| ());
        }
    }

    /// Gives a pen what lies with the node for its link.
    fn fetch(&self, pen: &mut Pen, link: LinkId, signal: &Signal) {
        self.with(|state| {
            pen.fetch(link, state);
            signal.sees();
        });
        if self.0.outbox.is_filled() {
            // Put in a moment ago, when it was known already that there is something to write: nobody was nudged.
            signal.asks();
        }
        if pen.seal().is_err() {
            self.with(|state| state.tell(Input::Broken { link }));
        }
    }

    /// Sends a message to all that have a session: to how many.
    pub(crate) fn post_to_all(&self, message: mesh_proto::Message<'_>) -> Answer {
        self.0.outbox.ask_about_all();
        self.with(|state| state.tell(Input::SendAll { message }))
    }

    /// Does something with the node once it knows all that was sent and taken, and then wakes whoever that concerns.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.with_untold(|state| {
            for inbox in [&self.0.inbox, &self.0.asked] {
                if inbox.has_taken() {
                    inbox.taken().into_iter().for_each(|took| state.tell_took(took));
                }
            }
            if self.0.outbox.is_filled() {
                for (peer, messages) in self.0.outbox.take() {
                    state.tell_sent(peer, messages);
                    state.know_room(peer, &self.0.outbox);
                }
            }
            act(state)
        })
    }

    fn with_untold<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        state.forget_time();
        let done = act(&mut state);
        for peer in state.uncertain() {
            self.0.outbox.ask_about(&peer);
        }
        self.0.holds.store(state.holds(), Ordering::Release);
        let mut wakes = state.wakes();
        let rest = state.rest();
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

    /// Asks the application whether to let somebody in. This task may be anybody's: a panic of the application's goes no
    /// further, and counts as a refusal.
    fn ask(&self, peer: NodeId) {
        let Some(admits) = &self.0.admits else { return };
        let question = Question { hub: self.clone(), peer };
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| admits(question))) else { return };
        let told = panic.downcast_ref::<String>().map(String::as_str);
        let message = told.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned();
        log::error!("{peer} is turned away: what was asked about it panicked: {message}");
        self.with(|state| {
            state.tell(Input::Answer { peer, verdict: Verdict::TurnAway });
            state.rest().note(Happening::AdmitPanicked { peer, message });
        });
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

/// Which end of a stream is attached. One end dialed, and the other accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// This node opened it, and speaks first.
    Dialed {
        /// Who is to be at the other end, if that is known: another is not talked to.
        expected: Option<NodeId>,
    },
    /// The other node opened it.
    Accepted,
}

/// Why a stream was not attached. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unattached {
    /// The node has no place for it.
    Unable(Unable),
    /// The system has no entropy to give for its handshake.
    NoEntropy,
    /// Another runtime drives the node, and this one does not run here.
    NoRuntime,
    /// The stream cannot be used: what the system said.
    System(SystemError),
}

impl fmt::Display for Unattached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unable(why) => why.fmt(f),
            Self::NoEntropy => f.write_str("the system has no entropy to give"),
            Self::NoRuntime => f.write_str(
                "another runtime drives the node, and this one does not run here: attach it as that one does",
            ),
            Self::System(error) => write!(f, "the stream cannot be used: {error}"),
        }
    }
}

impl core::error::Error for Unattached {}

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

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hub").field(&self.0.me).finish()
    }
}

/// What a handshake is made from; `None` when the system has no entropy to give.
fn fresh() -> Option<Fresh> {
    let mut bytes = [0; 32];
    match entropy::fill(&mut bytes) {
        Ok(()) => Some(Fresh::new(bytes)),
        Err(error) => {
            log::error!("no link can be made: {error}");
            None
        }
    }
}

/// The earlier of two times to wait until.
fn sooner(one: Wait, other: Wait) -> Wait {
    match (one, other) {
        (Wait::Until(one), Wait::Until(other)) => Wait::Until(one.min(other)),
        (Wait::Forever, other) => other,
        (one, Wait::Forever) => one,
    }
}
