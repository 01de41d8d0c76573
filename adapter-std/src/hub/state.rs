//! What is locked: the node, and what its orders touch.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::mem;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::time::SystemTime;

use mesh_proto::node::{Input, Node, Order};
use mesh_proto::{
    Answer, Cursor, Delivery, Instant, LinkId, Message, NodeId, Now, Outcome, Route, Standing, Unable, Wait,
};

use super::asks::{self, ANSWER, ASK, Asks};
use super::halves::{Over, Signal};
use super::happenings::{Happening, Log, Paused};
use super::inbox::{Received, Took};
use super::links::Links;
use super::naming::Names;
use super::neighbourhood::Datagram;
use super::outbox::Outbox;
use super::post::Post;
use super::wakes::{Place, Waiters, Wakes};
use super::{Serving, sooner};
use crate::platform::clock::Time;

/// How long the machine is left in the dark about what was taken, and what can wait is held back.
const SOON: Duration = Duration::from_millis(2);

/// The node, and what its orders touch.
#[derive(Debug)]
pub(crate) struct State {
    node: Node,
    time: Arc<dyn Time>,
    /// What the clocks said since the node was locked: what happens under one lock happens at one moment.
    read: Option<Now>,
    pub(super) names: Names,
    rest: Rest,
    /// What the readers of news were woken for.
    told: Cursor,
    last: Now,
}

/// What the orders of a node touch.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub(super) links: Links,
    pub(super) dials: VecDeque<(LinkId, Route)>,
    pub(super) post: Post,
    pub(super) asks: Asks,
    pub(super) log: Log,
    pub(super) came: Vec<(u64, Received)>,
    pub(super) questions: Vec<(u64, Received)>,
    /// What the node itself took, and the machine is to be told.
    taken: Vec<Took>,
    /// Questions that nobody is there to answer.
    unserved: Vec<(NodeId, u64)>,
    serving: Arc<Serving>,
    pub(super) datagrams: Vec<Datagram>,
    pub(super) asked: Vec<NodeId>,
    pub(super) wakes: Wakes,
    /// Whether somebody may hear what the node announces.
    pub(super) announces: bool,
    driver: Driver,
    watchers: Waiters,
    /// Peers to which it is not known any more how much can be sent.
    uncertain: Vec<NodeId>,
    /// Whoever does something as long as the node lives.
    enders: Vec<Arc<Signal>>,
    pub(super) over: bool,
}

/// The task that looks after the node.
#[derive(Debug)]
struct Driver {
    waits: Option<Waker>,
    /// Until when the machine can be left alone.
    machine: Wait,
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
        let machine = Wait::Until(Instant::START);
        Self { waits: None, machine, soon: Wait::Forever, sleeps: Wait::Forever, nudged: true }
    }
}

impl State {
    pub(super) fn new(node: Node, time: Arc<dyn Time>, serving: Arc<Serving>) -> Self {
        let last = time.now();
        let asks = Asks::beginning_at(node.mesh().incarnation().bits);
        let rest = Rest { serving, asks, ..Rest::default() };
        let (names, told) = (Names::default(), Cursor::default());
        Self { node, time, read: None, names, rest, told, last }
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// Tells the node, and carries its orders out as far as they need no driver. Once everything has ended, nothing can be
    /// done.
    pub(crate) fn tell(&mut self, input: Input<'_>) -> Answer {
        let now = self.now();
        self.tell_at(now, input)
    }

    /// The node was locked a moment ago: the clocks are to be read again.
    pub(super) fn forget_time(&mut self) {
        self.read = None;
    }

    pub(super) fn tell_at(&mut self, now: Now, input: Input<'_>) -> Answer {
        if self.rest.over {
            return Answer::Unable(Unable::Leaving);
        }
        let gaps = self.gaps();
        let answer = self.turn(now, input);
        while let Some(early) = self.rest.links.early() {
            // What lay behind the handshake when the channel came up.
            let link = early.link;
            self.turn(now, Input::Frames { link, frames: early.frames.into() });
            if early.broken {
                self.turn(now, Input::Broken { link });
            }
        }
        while let Some(Took { peer, lane, serial }) = self.rest.taken.pop() {
            self.turn(now, Input::Took { peer, lane, serial });
        }
        while let Some((peer, number)) = self.rest.unserved.pop() {
            let message = Message::plain(asks::Answer::Nobody.body(number).into()).of_kind(ANSWER);
            self.owe(now, peer, message);
        }
        while let Some((peer, messages)) = self.rest.post.retried() {
            let answer = self.turn(now, Input::Send { peer, messages: messages.as_slice().into() });
            self.rest.post.answered(peer, messages, answer, &mut self.rest.wakes);
        }
        if self.gaps() != gaps {
            let paused = Paused::between(self.last, now);
            self.rest.note(Happening::Woke(paused));
        }
        self.last = now;
        self.settle();
        answer
    }

    fn turn(&mut self, now: Now, input: Input<'_>) -> Answer {
        let attaches = if let Input::Attached { class, .. } = input { Some(class) } else { None };
        let turn = self.node.handle(now, input);
        let answer = turn.answer();
        let rest = &mut self.rest;
        if let (Answer::Link(link), Some(class)) = (answer, attaches) {
            // Its first words are among the orders of this very turn.
            rest.links.attaching(link, class);
        }
        rest.driver.machine = turn.carry_out(|order| rest.carry_out(order));
        answer
    }

    /// Whatever a turn may have changed is noticed by those who wait for it.
    fn settle(&mut self) {
        for link in self.rest.links.came_up() {
            let peer = self.node.mesh().whose(link);
            if let Some(happening) = self.rest.links.is_up(link, peer) {
                self.rest.note(happening);
            }
        }
        if self.node.mesh().has_news(&self.told) {
            let news = self.node.mesh().news(&mut self.told);
            for peer in news {
                self.rest.asks.changed(&peer, &mut self.rest.wakes);
                // It may be gone, and somebody waits for room there.
                self.rest.post.roomy(&peer.id, &mut self.rest.wakes);
                if !matches!(peer.standing, Standing::Up { .. }) {
                    self.rest.uncertain.push(peer.id);
                }
            }
            self.rest.wakes.take_all(&mut self.rest.watchers);
        }
        self.rest.post.look_again(&mut self.rest.wakes);
        if self.holds() {
            self.tell_soon();
        }
        let driver = &mut self.rest.driver;
        let awaited = sooner(driver.machine, driver.soon);
        if sooner(awaited, driver.sleeps) != driver.sleeps {
            self.rest.nudge();
        }
    }

    fn gaps(&self) -> u64 {
        let stats = self.node.mesh().stats();
        stats.gaps + stats.wakes
    }

    /// Does what is due.
    pub(super) fn look(&mut self, now: Now) {
        let due = |wait: Wait| matches!(wait, Wait::Until(at) if at <= now.awake);
        if due(self.rest.driver.machine) {
            self.tell_at(now, Input::Tick);
        }
        if due(self.rest.driver.soon) {
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

    /// What the links hold back is to be written.
    pub(super) fn let_go(&mut self) {
        self.rest.links.let_go(&mut self.rest.wakes);
    }

    /// Whether the links hold something back.
    pub(super) fn holds(&self) -> bool {
        self.rest.links.hold()
    }

    /// Something was taken, or is held back: the driver's task sees to all of that in a moment.
    pub(super) fn tell_soon(&mut self) {
        if self.rest.driver.soon == Wait::Forever {
            let at = self.now().awake.after(SOON);
            self.due_by(Wait::Until(at));
        }
    }

    /// Something else than the machine is due then.
    pub(super) fn due_by(&mut self, wait: Wait) {
        let driver = &mut self.rest.driver;
        driver.soon = sooner(driver.soon, wait);
        if sooner(driver.soon, driver.sleeps) != driver.sleeps {
            self.rest.nudge();
        }
    }

    /// Sends a message, which is gone then, or says why not; with a place and a waker it is noted who waits for room.
    pub(super) fn send(
        &mut self,
        peer: NodeId,
        sent: &mut Option<Message<'static>>,
        waits: Option<(&mut Place, &Waker)>,
    ) -> Result<(), Unable> {
        let Some(message) = &*sent else { return Ok(()) };
        let why = if self.rest.post.has_unsent(&peer) {
            Unable::NoRoom
        } else {
            match self.tell(Input::Send { peer, messages: message.into() }) {
                Answer::Sent { stopped: Some(why), .. } | Answer::Unable(why) => why,
                Answer::Sent { stopped: None, .. } | Answer::Done | Answer::Link(_) => {
                    *sent = None;
                    return Ok(());
                }
            }
        };
        if let (Unable::NoRoom, Some((place, waker))) = (why, waits) {
            self.rest.post.waits_for_room(peer, place, waker, &mut self.rest.wakes);
        }
        Err(why)
    }

    /// Tells of messages that were sent a moment ago, when they fitted.
    pub(super) fn tell_sent(&mut self, peer: NodeId, messages: Vec<Message<'static>>) {
        let answer = if self.rest.post.has_unsent(&peer) {
            Answer::Sent { queued: 0, stopped: Some(Unable::NoRoom) }
        } else {
            self.tell(Input::Send { peer, messages: messages.as_slice().into() })
        };
        self.rest.post.answered(peer, messages, answer, &mut self.rest.wakes);
    }

    /// Whether there is a session with a peer.
    pub(super) fn goes_on(&self, peer: &NodeId) -> bool {
        self.node.mesh().peer(peer).is_some_and(|peer| match peer.standing {
            Standing::Up { .. } | Standing::Away { .. } => true,
            Standing::Down { .. } => false,
        })
    }

    /// Sends a word that nobody waits for and somebody at the other end does. Where there is no room it is kept until there
    /// is; of such words no more are kept than the window has messages.
    pub(super) fn owe(&mut self, now: Now, peer: NodeId, message: Message<'static>) {
        let full = Answer::Sent { queued: 0, stopped: Some(Unable::NoRoom) };
        let answer = if self.rest.post.has_unsent(&peer) {
            full
        } else {
            self.turn(now, Input::Send { peer, messages: (&message).into() })
        };
        let most = self.node.mesh().config().limits.window.messages;
        if answer == full && self.rest.post.unsent(&peer) >= most as usize {
            log::debug!("a question of {peer} stays without an answer: there is no room for one");
            return;
        }
        self.rest.post.answered(peer, vec![message], answer, &mut self.rest.wakes);
    }

    /// What can be sent to a peer without asking again.
    pub(super) fn know_room(&self, peer: NodeId, outbox: &Outbox) {
        let mesh = self.node.mesh();
        let link = mesh.peer(&peer).and_then(|view| match view.standing {
            Standing::Up { link, .. } => Some(link),
            Standing::Away { .. } | Standing::Down { .. } => None,
        });
        let writer = link.and_then(|link| Some((self.rest.links.signal(link)?, link)));
        match (writer, mesh.room_to(&peer)) {
            (Some((writer, link)), Some(room)) if !self.rest.over && !self.rest.post.has_unsent(&peer) => {
                outbox.fits(peer, room, writer, link);
            }
            (Some(_) | None, _) => outbox.ask_about(&peer),
        }
    }

    /// Peers to which it is not known any more how much can be sent.
    pub(super) fn uncertain(&mut self) -> Vec<NodeId> {
        mem::take(&mut self.rest.uncertain)
    }

    pub(super) fn tell_took(&mut self, took: Took) {
        self.tell(Input::Took { peer: took.peer, lane: took.lane, serial: took.serial });
    }

    pub(super) fn rest(&mut self) -> &mut Rest {
        &mut self.rest
    }

    pub(crate) fn log(&self) -> &Log {
        &self.rest.log
    }

    /// Whoever waits for a happening.
    pub(crate) fn watch_log(&mut self, place: &mut Place, waker: &Waker) {
        self.rest.log.waits(place, waker, &mut self.rest.wakes);
    }

    /// Somebody waits for happenings no more. What is given back is to be dropped where nothing is locked.
    pub(crate) fn leave_log(&mut self, place: &mut Place) -> Option<Waker> {
        self.rest.log.leaves(place)
    }

    /// Somebody waits, until then at most, for the node to be done: it looks after every turn, and at the end.
    pub(crate) fn leave_by(&mut self, by: Wait, place: &mut Place, waker: &Waker) {
        self.rest.post.waits_for_the_end(place, waker, &mut self.rest.wakes);
        self.due_by(by);
    }

    /// Whether no link is left, not even one with something to write.
    pub(crate) fn has_no_links(&self) -> bool {
        self.rest.links.are_gone()
    }

    /// What became of a message; `None` if the node ended before that was known.
    pub(crate) fn poll_receipt(&mut self, token: u64, context: &Context<'_>) -> Poll<Option<Outcome>> {
        self.rest.post.poll_receipt(token, context, &mut self.rest.wakes)
    }

    /// The answer to a question.
    pub(crate) fn poll_answer(&mut self, number: u64, context: &Context<'_>) -> Poll<asks::Answer> {
        self.rest.asks.poll(number, context, &mut self.rest.wakes)
    }

    pub(crate) fn asks(&mut self) -> &mut Asks {
        &mut self.rest.asks
    }

    pub(crate) fn post(&mut self) -> &mut Post {
        &mut self.rest.post
    }

    /// Waits for news: ready when there are some for this reader, `false` when none will come.
    pub(crate) fn poll_news(
        &mut self,
        cursor: &Cursor,
        place: &mut Place,
        context: &Context<'_>,
    ) -> Poll<bool> {
        if self.node.mesh().has_news(cursor) {
            Poll::Ready(true)
        } else if self.rest.over {
            Poll::Ready(false)
        } else {
            self.rest.wakes.seat(&mut self.rest.watchers, place, context.waker());
            Poll::Pending
        }
    }

    /// Somebody waits for news no more. What is given back is to be dropped where nothing is locked.
    pub(crate) fn leave_news(&mut self, place: &mut Place) -> Option<Waker> {
        self.rest.watchers.leave(place)
    }

    /// Comes when the node has ended.
    pub(super) fn ended(&mut self) -> Over {
        let signal = Arc::<Signal>::default();
        if self.rest.over {
            signal.end();
        }
        // Whoever waited and does not any more is not told.
        self.rest.enders.retain(|signal| Arc::strong_count(signal) > 1);
        self.rest.enders.push(Arc::clone(&signal));
        signal.over()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.rest.over
    }

    /// What the clocks say.
    pub(crate) fn now(&mut self) -> Now {
        let time = &self.time;
        *self.read.get_or_insert_with(|| time.now())
    }

    pub(super) fn wakes(&mut self) -> Wakes {
        self.rest.wakes.gathered()
    }

    pub(super) fn datagrams(&mut self) -> Vec<Datagram> {
        mem::take(&mut self.rest.datagrams)
    }

    pub(super) fn asked(&mut self) -> Vec<NodeId> {
        mem::take(&mut self.rest.asked)
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

    /// Ends everything that the node has.
    pub(super) fn end(&mut self) {
        let rest = &mut self.rest;
        if mem::replace(&mut rest.over, true) {
            return;
        }
        rest.links.end(&mut rest.wakes);
        rest.dials.clear();
        rest.post.end(&mut rest.wakes);
        rest.asks.end(&mut rest.wakes);
        rest.log.end(&mut rest.wakes);
        rest.wakes.take_all(&mut rest.watchers);
        rest.enders.drain(..).for_each(|signal| rest.wakes.end(&signal));
        rest.nudge();
        self.names.clear();
    }
}

impl Rest {
    /// What is ordered for each message is done where it is ordered: to put an order together and take it apart again costs
    /// as much as carrying it out.
    #[inline(always)]
    fn carry_out(&mut self, order: Order<'_>) {
        match order {
            Order::Send { link, frame } => self.links.send(link, frame, &mut self.wakes),
            Order::Deliver { peer, message } => self.deliver(peer, message),
            other => self.carry_out_any(other),
        }
    }

    #[inline(never)]
    fn carry_out_any(&mut self, order: Order<'_>) {
        match order {
            Order::Dial { link, route, .. } => {
                self.links.dialing(link, route);
                self.dials.push_back((link, route));
                self.nudge();
            }
            Order::Write { link, bytes } => self.links.write(link, bytes, &mut self.wakes),
            Order::Up { link, reader, writer } => self.links.up(link, reader, writer, &mut self.wakes),
            Order::Send { link, frame } => self.links.send(link, frame, &mut self.wakes),
            Order::Close { link, reason } => {
                if let Some(closed) = self.links.close(link, reason, &mut self.wakes) {
                    self.note(closed);
                }
                self.dials.retain(|(dialed, _)| *dialed != link);
            }
            Order::Announce { .. } if !self.announces => {}
            Order::Announce { to, cause, datagram, .. } => {
                self.datagrams.push(Datagram { to, bytes: datagram.to_vec() });
                self.note(Happening::Announced(cause));
            }
            Order::Deliver { peer, message } => self.deliver(peer, message),
            Order::Settled { peer, token, wants, outcome } => {
                self.post.settled(peer, token, wants, outcome, &mut self.wakes);
            }
            Order::Roomy { peer } => self.post.roomy(&peer, &mut self.wakes),
            Order::Ask { peer } => self.asked.push(peer),
        }
    }

    fn deliver(&mut self, peer: NodeId, message: Delivery<'_>) {
        let (lane, kind, body) = (message.lane, message.kind, message.body.to_bytes());
        let took = Took { peer, lane, serial: message.serial };
        match kind {
            ANSWER => {
                self.asks.answered(peer, &body, &mut self.wakes);
                self.taken.push(took);
            }
            ASK if self.serving.0.load(Ordering::Acquire) == 0 => {
                self.taken.push(took);
                self.unserved.extend(asks::number(&body).map(|number| (peer, number)));
            }
            ASK => self.questions.push((took.serial, Received { from: peer, lane, kind, body })),
            _ => self.came.push((took.serial, Received { from: peer, lane, kind, body })),
        }
    }

    /// The driver's task is to look.
    fn nudge(&mut self) {
        self.driver.nudged = true;
        self.wakes.take(&mut self.driver.waits);
    }

    pub(super) fn note(&mut self, happening: Happening) {
        self.log.note(SystemTime::now(), happening, &mut self.wakes);
    }
}
