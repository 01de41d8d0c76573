//! How a machine is driven: as any driver does it, one event at a time.

use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::announcement::{Announcement, Audience, Vouched};
use crate::event::{Batch, Event, Route, Routes};
use crate::frame::{Frame, PathClass};
use crate::id::{LinkId, NodeId};
use crate::machine::{Answer, Unable};
use crate::message::{Message, Outcome};
use crate::reason::SystemError;
use crate::rules::Rules;
use crate::sim::net::Passed;
use crate::sim::node::Received;
use crate::sim::reading::Word;
use crate::sim::stream::{At, Packet, State, StreamEnd};
use crate::sim::{NodeName, StreamName, What, World};
use crate::storage::Storage;
use crate::time::{Instant, Wait};
use crate::trace::Delivered;

impl<S: Storage, R: Rules> World<S, R> {
    /// Tells a node something, now.
    ///
    /// # Panics
    ///
    /// If the node does not run.
    pub fn tell(&mut self, n: NodeName, event: Event<'static>) -> Answer {
        if !self.runs(n) {
            self.fail(format_args!("{n} does not run: nothing can be told to it"));
        }
        if let Event::Closed { link, .. } = &event
            && let Some((stream, at)) = self.net.hosts[n.0].by_link.get(link).copied()
        {
            self.net.drop_end(stream, at, State::Closed);
        }
        self.step(n.0, event)
    }

    /// Tells `a` to keep a session with `b`, and where that is.
    pub fn keep(&mut self, a: NodeName, b: NodeName) -> Answer {
        let (peer, routes) = (self.id(b), self.routes_to(b));
        self.tell(a, Event::Keep { peer, routes })
    }

    /// Tells `a` to dial `b` now.
    pub fn dial(&mut self, a: NodeName, b: NodeName) -> Answer {
        let (peer, routes) = (self.id(b), self.routes_to(b));
        self.tell(a, Event::Seek { peer, routes })
    }

    /// Tells `a` to send this to `b`.
    pub fn post(&mut self, a: NodeName, b: NodeName, message: Message<'static>) -> Answer {
        let peer = self.id(b);
        self.tell(a, Event::Send { peer, messages: Vec::from([message]).into() })
    }

    /// The messages that a node was handed since this was called last.
    pub fn take_inbox(&mut self, n: NodeName) -> Vec<Received> {
        core::mem::take(&mut self.nodes[n.0].inbox)
    }

    /// What became of messages, as a node was told since this was called last: to whom, under which token, and what.
    pub fn take_settled(&mut self, n: NodeName) -> Vec<(NodeId, u64, Outcome)> {
        core::mem::take(&mut self.nodes[n.0].settled)
    }

    /// The one direct way to where a node is.
    #[must_use]
    pub fn routes_to(&self, n: NodeName) -> Routes {
        [Route::direct(self.address(n))].into_iter().collect()
    }

    /// Gives a node a frame as if it had come on this stream just now.
    ///
    /// # Panics
    ///
    /// If the node does not run, or never had a name for this stream.
    pub fn inject(&mut self, n: NodeName, stream: StreamName, frame: Frame<'static>) {
        let link = self.links_at(n, stream).next();
        let Some(link) = link else { self.fail(format_args!("{n} has no name for {stream}")) };
        let frames = Vec::from([frame]).into();
        self.tell(n, Event::Frames { link, frames });
    }

    /// Lets a node accept a stream from nowhere, on which nothing will ever come.
    ///
    /// # Errors
    ///
    /// What the machine says if it does not want it.
    pub fn accept_stranger(&mut self, n: NodeName, from: SocketAddr) -> Result<LinkId, Unable> {
        let link = self.tell(n, Event::Incoming { from: Some(from), class: PathClass::Direct }).link()?;
        let nobody = StreamEnd::new(None, State::Gone, None);
        let end = StreamEnd::new(Some(n.0), State::Open, Some(link));
        let to = self.address(n);
        let stream = self.net.add_stream(from, to, PathClass::Direct, [nobody, end]);
        self.shake(stream, Instant::START);
        Ok(link)
    }

    /// Joins two nodes by a stream that `a` has opened by other means than an order to dial.
    ///
    /// # Errors
    ///
    /// What the machine of `a` says if it does not want it.
    ///
    /// # Panics
    ///
    /// If `a` does not run.
    pub fn attach(
        &mut self,
        a: NodeName,
        b: NodeName,
        expected: Option<NodeId>,
        class: PathClass,
    ) -> Result<StreamName, Unable> {
        let link = self.tell(a, Event::Attached { expected, class }).link()?;
        let asked = self.reading(a).awake;
        let opened = |node: NodeName, link| StreamEnd {
            opened: true,
            ..StreamEnd::new(Some(node.0), State::Open, link)
        };
        let ends = [opened(a, Some(link)), opened(b, None)];
        let stream = self.net.add_stream(self.address(a), self.address(b), class, ends);
        self.shake(stream, asked);
        if a != b {
            self.net.hosts[b.0].streams.push(stream);
        }
        self.net.buffer(stream, At::Acceptor, Packet::Accept);
        let secret = self.nodes[a.0].secret;
        self.net.send(stream, At::Acceptor, Packet::Word(Word::First { secret }));
        self.give_room(stream, At::Dialer);
        self.arrive(stream, At::Acceptor);
        Ok(StreamName(stream))
    }

    /// Lets a node hear this announcement now, as if it came from whoever is at these routes.
    pub fn announce(&mut self, n: NodeName, from: &[Route], announcement: Announcement, vouched: Vouched) {
        let routes = from.iter().copied().collect();
        self.tell(n, Event::Heard { announcement, routes, vouched });
    }

    /// One step of a driver: an event in, the orders carried out, the deadline remembered.
    pub(super) fn step(&mut self, n: usize, event: Event<'static>) -> Answer {
        let mut orders = core::mem::take(&mut self.orders);
        let now = self.net.reading(n);
        // What is logged is what was told, so it is lent to the machine.
        let lent = if let Event::Frames { link, frames } = &event {
            Event::Frames { link: *link, frames: Batch::from(&**frames) }
        } else {
            event.clone()
        };
        let turn = self.nodes[n].mesh.handle(now, lent);
        let answer = turn.answer();
        let wait = turn.carry_out(|action| orders.push(What::ordered(action)));
        self.note(n, What::Told(event));
        if let Answer::Unable(why) = answer {
            self.note(n, What::Unable(why));
        }
        for order in orders.drain(..) {
            self.perform(n, &order);
            self.note(n, order);
        }
        self.orders = orders;
        if self.audits
            && let Err(problem) = self.nodes[n].mesh.audit()
        {
            self.fail(format_args!("the machine of n{n} does not agree with itself: {problem}"));
        }
        self.read_news(n);
        self.set_timer(n, wait);
        answer
    }

    fn perform(&mut self, n: usize, order: &What) {
        match order {
            What::Dials { link, route, .. } => self.open_stream(n, *link, *route),
            What::Sends { link, frame } => match self.net.hosts[n].by_link.get(link).copied() {
                Some((stream, at)) => self.send_frame(n, stream, at, frame.clone()),
                None => {
                    self.fail(format_args!("n{n} sends {frame:?} on link {link}, which it does not have"))
                }
            },
            What::Closes { link, .. } => match self.net.hosts[n].by_link.get(link).copied() {
                Some((stream, at)) => self.net.hang_up(stream, at, SystemError::Ended),
                None => self.fail(format_args!("n{n} closes link {link}, which it does not have")),
            },
            What::Announces { to, announcement, .. } => self.send_announcement(n, *to, *announcement),
            What::Delivers { peer, message } => {
                let Delivered { lane, kind, serial: _, body } = message.clone();
                self.nodes[n].inbox.push(Received { from: *peer, lane, kind, body });
            }
            What::Settles { peer, token, outcome } => {
                self.nodes[n].settled.push((*peer, *token, *outcome));
            }
            What::Told(_)
            | What::Unable(_)
            | What::Roomy { .. }
            | What::News(_)
            | What::Started(_)
            | What::Stopped(_)
            | What::Frozen(_)
            | What::Suspended(_)
            | What::Resumed
            | What::ClockStepped(_)
            | What::StreamLost(_) => {}
        }
    }

    pub(super) fn send_announcement(&mut self, n: usize, to: Audience, announcement: Announcement) {
        let Some(vouched) = self.plane else { return };
        let listeners = match to {
            Audience::Everyone => 0..self.nodes.len(),
            Audience::One(address) => match self.net.places.get(&address) {
                Some(one) => *one..*one + 1,
                None => return,
            },
        };
        self.net.announce(n, listeners, &(announcement, vouched));
    }

    fn read_news(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        for view in node.tidings.read(&node.mesh) {
            self.note(n, What::News(view));
        }
    }

    fn set_timer(&mut self, n: usize, wait: Wait) {
        if let Err(Passed { at, now }) = self.net.set_timer(n, wait) {
            self.fail(format_args!("n{n} must wait until {at:?}, which is not ahead of {now:?}"));
        }
    }

    pub(super) fn ring(&mut self, n: usize, timer: u64) {
        if self.net.ring(n, timer) {
            self.step(n, Event::Tick);
        }
    }
}
