//! The network: what is under way, in which order it arrives, and what the systems at both ends make of it.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::announcement::{Announcement, Vouched};
use crate::event::{Event, Proof, Route};
use crate::frame::Frame;
use crate::id::{LinkId, LinkTag};
use crate::message::Piece;
use crate::reason::SystemError;
use crate::rules::Rules;
use crate::sim::node::Life;
use crate::sim::stream::{At, Packet, State, StreamEnd};
use crate::sim::{Job, NOWHERE, World};
use crate::storage::Storage;

/// How many bytes of data a system takes ahead of what has arrived.
const BUFFER: usize = 64 * 1024;

/// When that arrives which was held.
#[derive(Clone, Copy)]
pub(super) enum Arrival {
    /// At once: it waited next door.
    AtOnce,
    /// After as long as anything takes.
    AfterDelay,
}

impl<S: Storage, R: Rules> World<S, R> {
    /// A node dials.
    pub(super) fn open_stream(&mut self, n: usize, link: LinkId, route: Route) {
        let port = 40_000 + u16::try_from(self.streams.len() % 20_000).unwrap_or(0);
        let from = SocketAddr::new(self.nodes[n].address.ip(), port);
        let dialer = StreamEnd::new(Some(n), State::Open, Some(link));
        let acceptor = StreamEnd::new(None, State::Opening, None);
        let delay = self.nodes[n].next_delay.take();
        let stream = self.add_stream(from, route.address, route.class, [dialer, acceptor]);
        self.streams[stream].delay = delay;
        self.send(stream, At::Acceptor, Packet::Open);
    }

    /// A tag that no other stream of this world has. Their order tells nothing.
    pub(super) fn fresh_tag(&mut self, stream: usize) -> LinkTag {
        LinkTag::new((self.dice.below(1 << 32) << 32) | stream as u64)
    }

    pub(super) fn send_frame(&mut self, n: usize, stream: usize, at: At, frame: Frame<'static>) {
        let end = self.streams[stream].end_mut(at);
        let packet = if at == At::Dialer && !core::mem::replace(&mut end.greeted, true) {
            Packet::Third { key: self.nodes[n].id, hello: frame }
        } else {
            Packet::Frame(frame)
        };
        self.send(stream, at.other(), packet);
    }

    /// The program gives up its end: what it sent arrives, and then the end does.
    pub(super) fn hang_up(&mut self, stream: usize, at: At, error: SystemError) {
        self.drop_end(stream, at, State::Closed);
        let one = &mut self.streams[stream];
        if one.end(at).opened || at == At::Acceptor {
            self.send(stream, at.other(), Packet::End(error));
        } else {
            // A system that is told to give up asks no more. What it asked may still arrive, if nothing holds it.
            let now = self.now;
            one.end_mut(at.other()).inbound.retain(|(arrives, _)| *arrives > now);
        }
        self.retire(stream);
    }

    /// The program holds its end no longer, and nothing goes out.
    pub(super) fn drop_end(&mut self, stream: usize, at: At, state: State) {
        let end = self.streams[stream].end_mut(at);
        end.state = state;
        end.unread.clear();
        if let (Some(node), Some(link)) = (end.node, end.link) {
            self.nodes[node].by_link.remove(&link);
        }
    }

    /// Takes a stream off the lists when nothing more can come of it.
    pub(super) fn retire(&mut self, stream: usize) {
        let one = &mut self.streams[stream];
        if one.retired || !one.is_over() {
            return;
        }
        one.retired = true;
        for node in one.ends.each_ref().map(|end| end.node).into_iter().flatten() {
            self.nodes[node].streams.retain(|other| *other != stream);
        }
        self.live.remove(&stream);
    }

    /// Who holds this end, or whom the stream is asked of.
    pub(super) fn host_of(&self, stream: usize, at: At) -> Option<usize> {
        let one = &self.streams[stream];
        let end = one.end(at);
        if end.state == State::Opening { self.hosts.get(&one.to).copied() } else { end.node }
    }

    /// How long it takes now from one node to another.
    pub(super) fn time_between(&mut self, a: usize, b: usize) -> Duration {
        let fixed = self.delays.get(&(a.min(b), a.max(b))).copied().unwrap_or(self.delay);
        fixed + self.some_jitter()
    }

    fn some_jitter(&mut self) -> Duration {
        if self.jitter.is_zero() { Duration::ZERO } else { self.dice.up_to(self.jitter) }
    }

    fn time_on(&mut self, stream: usize) -> Duration {
        if let Some(fixed) = self.streams[stream].delay {
            return fixed + self.some_jitter();
        }
        match (self.host_of(stream, At::Dialer), self.host_of(stream, At::Acceptor)) {
            (Some(a), Some(b)) => self.time_between(a, b),
            (None, _) | (_, None) => self.delay + self.some_jitter(),
        }
    }

    /// Puts something on its way to one end of a stream, behind all that is under way to it.
    pub(super) fn send(&mut self, stream: usize, to: At, packet: Packet) {
        let mut arrives = self.now + self.time_on(stream);
        let inbound = &mut self.streams[stream].end_mut(to).inbound;
        let before = inbound.back().map(|(before, _)| *before);
        arrives = before.map_or(arrives, |before| before.max(arrives));
        inbound.push_back((arrives, packet));
        if before != Some(arrives) {
            self.arrange(arrives, Job::Arrive(stream, to));
        }
    }

    /// Whether nothing gets from one node to the other.
    pub(super) fn is_cut(&self, from: usize, to: usize) -> bool {
        self.parts[from] != self.parts[to] || self.holes.contains(&(from, to))
    }

    fn is_held(&self, stream: usize, to: At) -> bool {
        let receiver = self.host_of(stream, to);
        let asleep = receiver.is_some_and(|node| matches!(self.nodes[node].life, Life::Suspended(_)));
        let cut = match (self.host_of(stream, to.other()), receiver) {
            (Some(a), Some(b)) => self.is_cut(a, b),
            (None, _) | (_, None) => false,
        };
        asleep || cut || self.streams[stream].end(to).hole
    }

    /// What is due at an end arrives, unless the network holds it; and is read, if the program runs.
    pub(super) fn arrive(&mut self, stream: usize, to: At) {
        let now = self.now;
        while self.streams[stream].end(to).inbound.front().is_some_and(|(at, _)| *at <= now)
            && !self.is_held(stream, to)
        {
            let end = self.streams[stream].end_mut(to);
            let Some((_, packet)) = end.inbound.pop_front() else { break };
            match end.state {
                State::Gone => {}
                State::Opening => self.asked_for_stream(stream),
                State::Closed => {
                    if !matches!(packet, Packet::End(_)) {
                        self.send(stream, to.other(), Packet::End(SystemError::Reset));
                    }
                }
                State::Open => {
                    let data = matches!(packet, Packet::Frame(Frame::Data(_)));
                    self.buffer(stream, to, packet);
                    if data {
                        self.give_room(stream, to.other());
                    }
                }
            }
        }
        let one = &mut self.streams[stream];
        if one.end(to).state == State::Opening && one.end(to.other()).state == State::Closed {
            // It was held when its dialer had given up: nobody asks again.
            one.end_mut(to).inbound.clear();
        }
        let reader = self.streams[stream].end(to).node;
        if reader.is_some_and(|node| self.nodes[node].life == Life::Running) {
            self.read(stream, to);
        }
        self.retire(stream);
    }

    /// The system of whoever is dialed answers.
    fn asked_for_stream(&mut self, stream: usize) {
        let to = self.streams[stream].to;
        let host = self.hosts.get(&to).copied();
        let nobody = if to == NOWHERE { Life::Vanished } else { Life::Dead };
        let life = host.map_or(nobody, |host| self.nodes[host].life);
        let acceptor = self.streams[stream].end_mut(At::Acceptor);
        match life {
            Life::Running | Life::Frozen | Life::Suspended(_) => {
                acceptor.node = host;
                acceptor.state = State::Open;
                acceptor.opened = true;
                if let Some(node) = host.map(|host| &mut self.nodes[host])
                    && !node.streams.contains(&stream)
                {
                    node.streams.push(stream);
                }
                self.buffer(stream, At::Acceptor, Packet::Accept);
                self.send(stream, At::Dialer, Packet::Opened);
            }
            Life::Dead => {
                acceptor.state = State::Closed;
                self.send(stream, At::Dialer, Packet::End(SystemError::Refused));
            }
            Life::Vanished => acceptor.state = State::Gone,
        }
    }

    /// The system keeps what arrived until the program reads it.
    pub(super) fn buffer(&mut self, stream: usize, at: At, packet: Packet) {
        let end = self.streams[stream].end_mut(at);
        end.unread.push_back(packet);
        if let Some(node) = end.node
            && end.unread.len() == 1
        {
            self.nodes[node].unread.push_back((stream, at));
        }
    }

    /// The program reads all that waits for it.
    pub(super) fn read_all(&mut self, n: usize) {
        while let Some((stream, at)) = self.nodes[n].unread.pop_front() {
            self.read(stream, at);
        }
        while let Some((announcement, routes, vouched)) = self.nodes[n].unheard.pop_front() {
            self.step(n, Event::Heard { announcement, routes, vouched });
        }
    }

    fn read(&mut self, stream: usize, at: At) {
        let Some(n) = self.streams[stream].end(at).node else { return };
        self.nodes[n].unread.retain(|other| *other != (stream, at));
        while let Some(packet) = self.streams[stream].end_mut(at).unread.pop_front() {
            self.take(n, stream, at, packet);
        }
        self.retire(stream);
    }

    /// What a driver does with what it reads.
    fn take(&mut self, n: usize, stream: usize, at: At, packet: Packet) {
        let now = self.nodes[n].reading(self.now).awake;
        if let Packet::Accept = packet {
            let (from, class) = (self.streams[stream].from, self.streams[stream].class);
            match self.step(n, Event::Incoming { from: Some(from), class }).link() {
                Ok(link) => {
                    self.streams[stream].end_mut(at).link = Some(link);
                    self.nodes[n].by_link.insert(link, (stream, at));
                    self.give_room(stream, at);
                }
                Err(_) => self.hang_up(stream, at, SystemError::Reset),
            }
            return;
        }
        let one = &mut self.streams[stream];
        let tag = one.tag;
        let end = one.end_mut(at);
        let Some(link) = end.link else { return };
        match packet {
            Packet::Open | Packet::Accept => {}
            Packet::Opened => {
                end.opened = true;
                end.asked = now;
                self.step(n, Event::Connected { link });
                if self.streams[stream].end(at).state == State::Open {
                    let secret = self.nodes[n].secret;
                    self.send(stream, at.other(), Packet::First { secret });
                    self.give_room(stream, at);
                }
            }
            Packet::First { secret } if secret == self.nodes[n].secret => {
                end.asked = now;
                let key = self.nodes[n].id;
                self.send(stream, at.other(), Packet::Second { key });
            }
            Packet::First { .. } => {
                self.hang_up(stream, at, SystemError::Ended);
                self.step(n, Event::Closed { link, error: SystemError::Ended });
            }
            Packet::Second { key } => {
                let proof = Proof { peer: key, tag, round_trip: now.since(end.asked) };
                self.step(n, Event::Proven { link, proof });
            }
            Packet::Third { key, hello } => {
                let proof = Proof { peer: key, tag, round_trip: now.since(end.asked) };
                self.step(n, Event::Proven { link, proof });
                self.take_frames(n, stream, at, hello);
            }
            Packet::Frame(frame) => self.take_frames(n, stream, at, frame),
            Packet::End(error) => {
                self.drop_end(stream, at, State::Closed);
                self.step(n, Event::Closed { link, error });
            }
        }
    }

    /// What the system at an end can take, it tells: no more lies on the way than its buffer holds.
    pub(super) fn give_room(&mut self, stream: usize, at: At) {
        let one = &self.streams[stream];
        let end = one.end(at);
        let (Some(n), Some(link), State::Open) = (end.node, end.link, end.state) else { return };
        let under_way = one.end(at.other()).inbound.iter().map(|(_, packet)| match packet {
            Packet::Frame(Frame::Data(piece)) => piece.body.len() + Piece::OVERHEAD as usize,
            Packet::Open
            | Packet::Opened
            | Packet::Accept
            | Packet::First { .. }
            | Packet::Second { .. }
            | Packet::Third { .. }
            | Packet::Frame(_)
            | Packet::End(_) => 0,
        });
        let room = BUFFER.saturating_sub(under_way.sum());
        if self.nodes[n].life == Life::Running && room >= BUFFER / 2 {
            self.step(n, Event::Room { link, bytes: u32::try_from(room).unwrap_or(u32::MAX) });
        }
    }

    /// Takes a frame and all that lie behind it in one event.
    fn take_frames(&mut self, n: usize, stream: usize, at: At, first: Frame<'static>) {
        let end = self.streams[stream].end_mut(at);
        let Some(link) = end.link.filter(|_| end.state == State::Open) else { return };
        let mut frames = Vec::from([first]);
        while let Some(Packet::Frame(_)) = end.unread.front() {
            if let Some(Packet::Frame(frame)) = end.unread.pop_front() {
                frames.push(frame);
            }
        }
        self.step(n, Event::Frames { link, frames: frames.into() });
    }

    /// An announcement arrives.
    pub(super) fn hear(&mut self, from: usize, to: usize, announcement: Announcement, vouched: Vouched) {
        if self.is_cut(from, to) {
            return;
        }
        let routes = [Route::direct(self.nodes[from].address)].into_iter().collect();
        match self.nodes[to].life {
            Life::Running => {
                self.step(to, Event::Heard { announcement, routes, vouched });
            }
            Life::Frozen => self.nodes[to].unheard.push_back((announcement, routes, vouched)),
            Life::Suspended(_) | Life::Dead | Life::Vanished => {}
        }
    }

    /// What the network held and holds no longer goes on.
    pub(super) fn release(&mut self, arrival: Arrival) {
        let held: Vec<usize> = self.live.iter().copied().collect();
        for stream in held {
            for to in [At::Dialer, At::Acceptor] {
                let now = self.now;
                let waits = |(at, _): &(Duration, Packet)| *at <= now;
                if !self.streams[stream].end(to).inbound.front().is_some_and(waits)
                    || self.is_held(stream, to)
                {
                    continue;
                }
                let arrives = match arrival {
                    Arrival::AtOnce => now,
                    Arrival::AfterDelay => now + self.time_on(stream),
                };
                for (at, _) in &mut self.streams[stream].end_mut(to).inbound {
                    *at = arrives.max(*at);
                }
                self.arrange(arrives, Job::Arrive(stream, to));
            }
        }
    }
}
