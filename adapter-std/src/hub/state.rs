//! What is locked: the node, and what its orders touch.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::mem;
use core::task::{Context, Poll, Waker};
use std::time::SystemTime;

use mesh_proto::node::{Input, Node, Order};
use mesh_proto::question::{Head, Reply};
use mesh_proto::{Answer, Cursor, LinkId, Message, NodeId, Now, Outcome, Route, Standing, Unable, Wait};

use super::Serving;
use super::asks::{self, Asks};
use super::halves::{Over, Signal};
use super::happenings::{Happening, Log, Paused};
use super::inbox::{Arrived, Took};
use super::jobs::Driver;
use super::links::Links;
use super::naming::Names;
use super::neighbourhood::Datagram;
use super::post::Post;
use super::wakes::{Place, Waiters, Wakes};
use crate::platform::clock::Time;

/// The node, and what its orders touch.
#[derive(Debug)]
pub(crate) struct State {
    node: Node,
    time: Arc<dyn Time>,
    /// What the clocks said since the node was locked: what happens under one lock happens at one moment.
    read: Option<Now>,
    pub(super) names: Names,
    pub(super) rest: Rest,
    pub(super) spare: Spare,
    /// What the readers of news were woken for.
    told: Cursor,
    last: Now,
}

/// Lists that are empty but while they are told, and kept so that none is made for each turn.
#[derive(Debug, Default)]
pub(super) struct Spare {
    pub(super) taken: Vec<Took>,
    pub(super) put: Vec<(NodeId, Vec<Message<'static>>)>,
}

/// What the orders of a node touch.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub(super) links: Links,
    pub(super) dials: VecDeque<(LinkId, Route)>,
    pub(super) post: Post,
    pub(super) asks: Asks,
    pub(super) log: Log,
    pub(super) came: VecDeque<(u64, Arrived)>,
    pub(super) questions: VecDeque<(u64, Arrived)>,
    /// What the node itself took, and the machine is to be told.
    pub(super) taken: Vec<Took>,
    /// Questions that nobody is there to answer.
    pub(super) unserved: Vec<(NodeId, u64)>,
    pub(super) serving: Arc<Serving>,
    pub(super) datagrams: Vec<Datagram>,
    pub(super) asked: Vec<NodeId>,
    pub(super) wakes: Wakes,
    /// Whether somebody may hear what the node announces.
    pub(super) announces: bool,
    pub(super) driver: Driver,
    watchers: Waiters,
    /// Peers to which it is not known any more how much can be sent.
    pub(super) uncertain: Vec<NodeId>,
    /// Whoever does something as long as the node lives.
    enders: Vec<Arc<Signal>>,
    pub(super) over: bool,
}

impl State {
    pub(super) fn new(node: Node, time: Arc<dyn Time>, serving: Arc<Serving>) -> Self {
        let last = time.now();
        let asks = Asks::beginning_at(node.mesh().incarnation().bits);
        let rest = Rest { serving, asks, ..Rest::default() };
        let (names, spare, told) = (Names::default(), Spare::default(), Cursor::default());
        Self { node, time, read: None, names, rest, spare, told, last }
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
            self.owe(now, peer, asks::bare(Head::Answer(number, Reply::Nobody)));
        }
        while let Some((peer, mut messages)) = self.rest.post.retried() {
            let answer = self.turn(now, Input::Send { peer, messages: messages.as_mut_slice().into() });
            self.rest.post.answered(peer, &mut messages, answer, &mut self.rest.wakes);
        }
        if self.gaps() != gaps {
            let paused = Paused::between(self.last, now);
            self.rest.note(Happening::Woke(paused));
        }
        self.last = now;
        self.settle();
        answer
    }

    pub(super) fn turn(&mut self, now: Now, input: Input<'_>) -> Answer {
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
        self.look_in_time();
    }

    fn gaps(&self) -> u64 {
        let stats = self.node.mesh().stats();
        stats.gaps + stats.wakes
    }

    /// What the links hold back is to be written.
    pub(super) fn let_go(&mut self) {
        self.rest.links.let_go(&mut self.rest.wakes);
    }

    /// Whether the links hold something back.
    pub(super) fn holds(&self) -> bool {
        self.rest.links.hold()
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
            order @ (Order::Dial { .. }
            | Order::Write { .. }
            | Order::Up { .. }
            | Order::Close { .. }
            | Order::Announce { .. }
            | Order::Settled { .. }
            | Order::Roomy { .. }
            | Order::Ask { .. }) => self.carry_out_any(order),
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

    pub(super) fn note(&mut self, happening: Happening) {
        self.log.note(SystemTime::now(), happening, &mut self.wakes);
    }
}
