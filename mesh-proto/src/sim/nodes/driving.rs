//! How a node is driven: as any driver does it, one input at a time.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::log::What;
use super::member::Own;
use super::told::Told;
use super::{MOUTH, Plane, World};
use crate::action::Delivery;
use crate::announcement::Audience;
use crate::event::{Route, Routes};
use crate::frame::Frame;
use crate::id::{LinkId, NodeId};
use crate::machine::Answer;
use crate::message::Message;
use crate::node::{Backlog, Fresh, Input, Order, Reader, Verdict, Writer};
use crate::reason::SystemError;
use crate::sim::NodeName;
use crate::sim::net::{PORT, Passed};
use crate::sim::node::Received;
use crate::sim::stream::{At, State};
use crate::storage::Storage;
use crate::time::Wait;
use crate::trace::Delivered;

/// An order that was given, until its turn is over.
pub(super) enum Kept {
    Noted(What),
    Writes(LinkId, Vec<u8>),
    Up(LinkId, Box<Reader>, Box<Writer>),
    Announces(What, Audience, Vec<u8>),
}

impl<S: Storage> World<S> {
    /// Tells a node something, now.
    ///
    /// # Panics
    ///
    /// If the node does not run.
    pub fn tell(&mut self, n: NodeName, input: Input<'_>) -> Answer {
        self.must_run(n);
        if let Input::Closed { link, .. } = &input {
            self.lets_go(n.0, *link, State::Closed);
        }
        self.step(n.0, input, None)
    }

    /// The same, by a driver that stops before it has carried anything out: the orders stay with the node.
    ///
    /// # Panics
    ///
    /// If the node does not run.
    pub fn tell_and_drop(&mut self, n: NodeName, input: Input<'_>) {
        self.must_run(n);
        if let Input::Closed { link, .. } = &input {
            self.lets_go(n.0, *link, State::Closed);
        }
        self.note(n.0, What::Told(Told::from(&input)));
        let now = self.net.reading(n.0);
        drop(self.members[n.0].node.handle(now, input));
    }

    /// Tells `a` to keep a session with `b`, and where that is.
    pub fn keep(&mut self, a: NodeName, b: NodeName) -> Answer {
        let (peer, routes) = (self.id(b), self.routes_to(b));
        self.tell(a, Input::Keep { peer, routes })
    }

    /// Tells `a` to dial `b` now.
    pub fn dial(&mut self, a: NodeName, b: NodeName) -> Answer {
        let (peer, routes) = (self.id(b), self.routes_to(b));
        self.tell(a, Input::Seek { peer, routes })
    }

    /// Tells `a` to send this to `b`.
    pub fn post(&mut self, a: NodeName, b: NodeName, message: Message<'_>) -> Answer {
        let peer = self.id(b);
        self.tell(a, Input::Send { peer, messages: (&message).into() })
    }

    /// Tells `a` to expel `b`.
    pub fn expel(&mut self, a: NodeName, b: NodeName) -> Answer {
        let peer = self.id(b);
        self.tell(a, Input::Expel { peer })
    }

    /// Tells a node whether to let somebody in.
    pub fn answer(&mut self, n: NodeName, peer: NodeId, verdict: Verdict) -> Answer {
        self.tell(n, Input::Answer { peer, verdict })
    }

    /// The one direct way to where a node is.
    #[must_use]
    pub fn routes_to(&self, n: NodeName) -> Routes {
        [Route::direct(self.address(n))].into_iter().collect()
    }

    /// 32 bytes for a handshake, from the seed.
    pub(super) fn fresh(&mut self) -> Fresh {
        let mut bytes = [0; 32];
        for word in bytes.chunks_exact_mut(8) {
            word.copy_from_slice(&self.net.dice.below(u64::MAX).to_le_bytes());
        }
        Fresh::new(bytes)
    }

    /// One step of a driver: an input in, the orders carried out, the deadline remembered. `opening` is the end of a stream
    /// that the node is about to name: its first words are among the orders.
    pub(super) fn step(&mut self, n: usize, input: Input<'_>, opening: Option<(usize, At)>) -> Answer {
        self.note(n, What::Told(Told::from(&input)));
        let now = self.net.reading(n);
        let mut orders = Vec::new();
        let turn = self.members[n].node.handle(now, input);
        let answer = turn.answer();
        let wait = turn.carry_out(|order| orders.push(Kept::from(order)));
        if let Answer::Unable(why) = answer {
            self.note(n, What::Unable(why));
        }
        if let (Some((stream, at)), Ok(link)) = (opening, answer.link()) {
            self.named(n, link);
            self.net.name(stream, at, link);
        }
        let (mut filled, mut up) = (Vec::new(), Vec::new());
        for order in orders {
            match order {
                Kept::Noted(what) => {
                    self.perform(n, &what, &mut filled);
                    self.note(n, what);
                }
                Kept::Writes(link, bytes) => {
                    self.note(n, What::Writes { link, bytes: bytes.len() });
                    self.write(n, link, &bytes);
                }
                Kept::Up(link, reader, writer) => {
                    self.note(n, What::Up { link });
                    let own = Own { reader, writer, backlog: Backlog::default() };
                    self.members[n].own.insert(link, own);
                    up.push(link);
                }
                Kept::Announces(what, to, datagram) => {
                    self.note(n, what);
                    self.announce(n, to, datagram);
                }
            }
        }
        for link in filled {
            self.flush(n, link);
        }
        if self.audits
            && let Err(problem) = self.members[n].node.mesh().audit()
        {
            self.fail(format_args!("the machine of n{n} does not agree with itself: {problem}"));
        }
        let member = &mut self.members[n];
        for view in member.tidings.read(member.node.mesh()) {
            self.note(n, What::News(view));
        }
        self.set_timer(n, wait);
        for link in up {
            // Something may have come right behind the handshake.
            self.read_own(n, link, &[]);
        }
        answer
    }

    fn perform(&mut self, n: usize, order: &What, filled: &mut Vec<LinkId>) {
        match order {
            What::Dials { link, route, .. } => {
                self.named(n, *link);
                let stream = self.net.dial(n, *link, *route);
                self.add_wire(None);
                self.net.ask(stream);
            }
            What::Sends { link, frame } => match self.members[n].own.get_mut(link) {
                Some(own) => {
                    own.backlog.push(frame);
                    filled.push(*link);
                }
                None => self.fail(format_args!("n{n} sends {frame:?} on link {link}, which is not up")),
            },
            What::Closes { link, .. } => {
                self.flush(n, *link);
                match self.net.hosts[n].by_link.get(link).copied() {
                    Some((stream, at)) => self.net.hang_up(stream, at, SystemError::Ended),
                    None => self.fail(format_args!("n{n} closes link {link}, which it does not have")),
                }
                self.members[n].own.remove(link);
            }
            What::Delivers { peer, message } => {
                let Delivered { lane, kind, serial: _, body } = message.clone();
                self.members[n].inbox.push(Received { from: *peer, lane, kind, body });
            }
            What::Settles { peer, token, outcome } => {
                self.members[n].settled.push((*peer, *token, *outcome));
            }
            What::Asks { peer } => self.members[n].asked.push(*peer),
            What::Told(_)
            | What::Unable(_)
            | What::Writes { .. }
            | What::Up { .. }
            | What::Announces { .. }
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

    /// A link has this name, and none had it before.
    fn named(&mut self, n: usize, link: LinkId) {
        if !self.members[n].named.insert(link) {
            self.fail(format_args!("n{n} names link {link} twice"));
        }
    }

    /// What a writer's task does.
    fn flush(&mut self, n: usize, link: LinkId) {
        let Some(own) = self.members[n].own.get_mut(&link) else { return };
        if !own.backlog.is_empty() {
            let bytes = own.seal();
            self.write(n, link, &bytes);
        }
    }

    fn announce(&mut self, n: usize, to: Audience, datagram: Vec<u8>) {
        if self.plane == Plane::Carries {
            let listeners = match to {
                Audience::Everyone => 0..self.members.len(),
                Audience::One(ear) => match self.net.places.get(&SocketAddr::new(ear.ip(), PORT)) {
                    Some(one) => *one..*one + 1,
                    None => 0..0,
                },
            };
            self.net.announce(n, listeners, &datagram);
        }
        self.members[n].announced.push((to, datagram));
    }

    /// A datagram arrives.
    pub(super) fn hear(&mut self, from: usize, to: usize, datagram: Vec<u8>) {
        if let Some((source, datagram)) = self.net.hear(from, to, datagram) {
            self.hears(to, source, &datagram);
        }
    }

    pub(super) fn hears(&mut self, n: usize, source: SocketAddr, bytes: &[u8]) {
        self.step(n, Input::Datagram { from: SocketAddr::new(source.ip(), MOUTH), bytes }, None);
    }

    fn set_timer(&mut self, n: usize, wait: Wait) {
        if let Err(Passed { at, now }) = self.net.set_timer(n, wait) {
            self.fail(format_args!("n{n} must wait until {at:?}, which is not ahead of {now:?}"));
        }
    }

    pub(super) fn ring(&mut self, n: usize, timer: u64) {
        if self.net.ring(n, timer) {
            self.step(n, Input::Tick, None);
        }
    }

    /// A node holds a link no longer, and nothing goes out.
    pub(super) fn lets_go(&mut self, n: usize, link: LinkId, state: State) {
        self.members[n].own.remove(&link);
        if let Some((stream, at)) = self.net.hosts[n].by_link.get(&link).copied() {
            self.net.drop_end(stream, at, state);
        }
    }
}

impl From<Order<'_>> for Kept {
    fn from(order: Order<'_>) -> Self {
        Self::Noted(match order {
            Order::Write { link, bytes } => return Self::Writes(link, bytes.to_vec()),
            Order::Up { link, reader, writer } => return Self::Up(link, reader, writer),
            Order::Announce { to, announcement, cause, datagram } => {
                return Self::Announces(What::Announces { to, announcement, cause }, to, datagram.to_vec());
            }
            Order::Dial { link, route, expected } => What::Dials { link, route, expected },
            Order::Send { link, frame } => What::Sends { link, frame: Frame::into_owned(frame.clone()) },
            Order::Close { link, reason } => What::Closes { link, reason },
            Order::Deliver { peer, message } => {
                let Delivery { lane, kind, serial, body } = message;
                let body = body.into_bytes().into();
                What::Delivers { peer, message: Delivered { lane, kind, serial, body } }
            }
            Order::Settled { peer, token, outcome, .. } => What::Settles { peer, token, outcome },
            Order::Roomy { peer } => What::Roomy { peer },
            Order::Ask { peer } => What::Asks { peer },
        })
    }
}
