//! What is under way on streams, in which order it arrives, and what the systems at both ends make of it.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::event::Route;
use crate::frame::PathClass;
use crate::id::LinkId;
use crate::reason::SystemError;
use crate::sim::host::Life;
use crate::sim::net::{Job, NOWHERE, Net};
use crate::sim::stream::{At, Packet, State, Stream, StreamEnd};

/// How many bytes of data a system takes ahead of what has arrived.
pub(super) const BUFFER: usize = 64 * 1024;

/// When that arrives which was held.
#[derive(Clone, Copy)]
pub(super) enum Arrival {
    /// At once: it waited next door.
    AtOnce,
    /// After as long as anything takes.
    AfterDelay,
}

impl<W, D> Net<W, D> {
    /// Puts a stream into the tables, under the names that its ends have.
    pub(super) fn add_stream(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        class: PathClass,
        ends: [StreamEnd<W>; 2],
    ) -> usize {
        let stream = self.streams.len();
        for (end, at) in ends.iter().zip([At::Dialer, At::Acceptor]) {
            if let (Some(node), Some(link)) = (end.node, end.link) {
                self.hosts[node].streams.push(stream);
                self.hosts[node].by_link.insert(link, (stream, at));
            }
        }
        self.streams.push(Stream { class, to, from, delay: None, ends, retired: false });
        self.live.insert(stream);
        stream
    }

    /// A node dials.
    pub(super) fn dial(&mut self, n: usize, link: LinkId, route: Route) -> usize {
        let port = 40_000 + u16::try_from(self.streams.len() % 20_000).unwrap_or(0);
        let from = SocketAddr::new(self.hosts[n].address.ip(), port);
        let dialer = StreamEnd::new(Some(n), State::Open, Some(link));
        let acceptor = StreamEnd::new(None, State::Opening, None);
        let delay = self.hosts[n].next_delay.take();
        let stream = self.add_stream(from, route.address, route.class, [dialer, acceptor]);
        self.streams[stream].delay = delay;
        stream
    }

    /// The system of a dialer asks for the stream, if it has room for one.
    pub(super) fn ask(&mut self, stream: usize) {
        let dialer = self.streams[stream].end(At::Dialer).node;
        if dialer.is_none_or(|n| !self.hosts[n].exhausted) {
            return self.send(stream, At::Acceptor, Packet::Open);
        }
        let now = self.now();
        let one = &mut self.streams[stream];
        one.end_mut(At::Acceptor).state = State::Closed;
        one.end_mut(At::Dialer).inbound.push_back((now, Packet::End(SystemError::Exhausted)));
        self.schedule.arrange(now, Job::Arrive(stream, At::Dialer));
    }

    /// The program at an end has named it.
    pub(super) fn name(&mut self, stream: usize, at: At, link: LinkId) {
        let end = self.streams[stream].end_mut(at);
        end.link = Some(link);
        if let Some(node) = end.node {
            self.hosts[node].by_link.insert(link, (stream, at));
        }
    }

    /// The program gives up its end: what it sent arrives, and then the end does.
    pub(super) fn hang_up(&mut self, stream: usize, at: At, error: SystemError) {
        self.drop_end(stream, at, State::Closed);
        let now = self.now();
        let one = &mut self.streams[stream];
        if one.end(at).opened || at == At::Acceptor {
            self.send(stream, at.other(), Packet::End(error));
        } else {
            // A system that is told to give up asks no more. What it asked may still arrive, if nothing holds it.
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
            self.hosts[node].by_link.remove(&link);
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
            self.hosts[node].streams.retain(|other| *other != stream);
        }
        self.live.remove(&stream);
    }

    /// Who holds this end, or whom the stream is asked of.
    pub(super) fn host_of(&self, stream: usize, at: At) -> Option<usize> {
        let one = &self.streams[stream];
        let end = one.end(at);
        if end.state == State::Opening { self.places.get(&one.to).copied() } else { end.node }
    }

    /// The live streams between two nodes that at least one of them still holds, oldest first. One that is being dialed
    /// counts as going to whoever listens there.
    pub(super) fn between(&self, a: usize, b: usize) -> impl Iterator<Item = usize> + '_ {
        self.live.iter().copied().filter(move |stream| {
            let ends = [At::Dialer, At::Acceptor].map(|at| self.host_of(*stream, at));
            let open = self.streams[*stream].ends.iter().any(|end| end.state == State::Open);
            open && (ends == [Some(a), Some(b)] || ends == [Some(b), Some(a)])
        })
    }

    /// The stream that a link of a node goes over, or went.
    pub(super) fn stream_of(&self, n: usize, link: LinkId) -> Option<usize> {
        let held = self.hosts[n].by_link.get(&link).map(|(stream, _)| *stream);
        let past = || {
            self.streams.iter().position(|stream| {
                stream.ends.iter().any(|end| end.node == Some(n) && end.link == Some(link))
            })
        };
        held.or_else(past)
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
    pub(super) fn send(&mut self, stream: usize, to: At, packet: Packet<W>) {
        let mut arrives = self.now() + self.time_on(stream);
        let inbound = &mut self.streams[stream].end_mut(to).inbound;
        let before = inbound.back().map(|(before, _)| *before);
        arrives = before.map_or(arrives, |before| before.max(arrives));
        inbound.push_back((arrives, packet));
        if before != Some(arrives) {
            self.schedule.arrange(arrives, Job::Arrive(stream, to));
        }
    }

    /// The words that are on their way to an end.
    pub(super) fn under_way(&self, stream: usize, to: At) -> impl Iterator<Item = &W> {
        self.streams[stream].end(to).inbound.iter().filter_map(|(_, packet)| match packet {
            Packet::Word(word) => Some(word),
            Packet::Open | Packet::Opened | Packet::Accept | Packet::End(_) => None,
        })
    }

    /// Whether nothing gets from one node to the other.
    pub(super) fn is_cut(&self, from: usize, to: usize) -> bool {
        self.parts[from] != self.parts[to] || self.holes.contains(&(from, to))
    }

    fn is_held(&self, stream: usize, to: At) -> bool {
        let receiver = self.host_of(stream, to);
        let asleep = receiver.is_some_and(|node| matches!(self.hosts[node].life, Life::Suspended(_)));
        let cut = match (self.host_of(stream, to.other()), receiver) {
            (Some(a), Some(b)) => self.is_cut(a, b),
            (None, _) | (_, None) => false,
        };
        asleep || cut || self.streams[stream].end(to).hole
    }

    /// The next that is due at an end arrives, unless the network holds it; whether there was anything.
    pub(super) fn arrives(&mut self, stream: usize, to: At) -> bool {
        let now = self.now();
        let due = self.streams[stream].end(to).inbound.front().is_some_and(|(at, _)| *at <= now);
        if !due || self.is_held(stream, to) {
            return false;
        }
        let Some((_, packet)) = self.streams[stream].end_mut(to).inbound.pop_front() else { return false };
        self.land(stream, to, packet);
        true
    }

    /// Something is there: what the system at that end makes of it.
    pub(super) fn land(&mut self, stream: usize, to: At, packet: Packet<W>) {
        match self.streams[stream].end(to).state {
            State::Gone => {}
            State::Opening => self.asked_for_stream(stream),
            State::Closed => {
                if !matches!(packet, Packet::End(_)) {
                    self.send(stream, to.other(), Packet::End(SystemError::Reset));
                }
            }
            State::Open => self.buffer(stream, to, packet),
        }
    }

    /// All that is due at an end has arrived: who is to read it, if it is a node that runs.
    pub(super) fn arrived(&mut self, stream: usize, to: At) -> Option<usize> {
        let one = &mut self.streams[stream];
        if one.end(to).state == State::Opening && one.end(to.other()).state == State::Closed {
            // It was held when its dialer had given up: nobody asks again.
            one.end_mut(to).inbound.clear();
        }
        self.streams[stream].end(to).node.filter(|node| self.runs(*node))
    }

    /// The system of whoever is dialed answers.
    fn asked_for_stream(&mut self, stream: usize) {
        let to = self.streams[stream].to;
        let host = self.places.get(&to).copied();
        let nobody = if to == NOWHERE { Life::Vanished } else { Life::Dead };
        let exhausted = host.is_some_and(|host| self.hosts[host].exhausted);
        let life = host.map_or(nobody, |host| self.hosts[host].life);
        let acceptor = self.streams[stream].end_mut(At::Acceptor);
        match life {
            Life::Running | Life::Frozen | Life::Suspended(_) if !exhausted => {
                acceptor.node = host;
                acceptor.state = State::Open;
                acceptor.opened = true;
                if let Some(host) = host.map(|host| &mut self.hosts[host])
                    && !host.streams.contains(&stream)
                {
                    host.streams.push(stream);
                }
                self.buffer(stream, At::Acceptor, Packet::Accept);
                self.send(stream, At::Dialer, Packet::Opened);
            }
            Life::Running | Life::Frozen | Life::Suspended(_) | Life::Dead => {
                acceptor.state = State::Closed;
                self.send(stream, At::Dialer, Packet::End(SystemError::Refused));
            }
            Life::Vanished => acceptor.state = State::Gone,
        }
    }

    /// The system keeps what arrived until the program reads it.
    pub(super) fn buffer(&mut self, stream: usize, at: At, packet: Packet<W>) {
        let end = self.streams[stream].end_mut(at);
        end.unread.push_back(packet);
        if let Some(node) = end.node
            && end.unread.len() == 1
        {
            self.hosts[node].unread.push_back((stream, at));
        }
    }

    /// The program at an end begins to read what waits there.
    pub(super) fn begin_to_read(&mut self, stream: usize, at: At) -> Option<usize> {
        let node = self.streams[stream].end(at).node?;
        self.hosts[node].unread.retain(|other| *other != (stream, at));
        Some(node)
    }

    /// The next that waits to be read at an end.
    pub(super) fn next_unread(&mut self, stream: usize, at: At) -> Option<Packet<W>> {
        self.streams[stream].end_mut(at).unread.pop_front()
    }

    /// What the network held and holds no longer goes on.
    pub(super) fn release(&mut self, arrival: Arrival) {
        let held: Vec<usize> = self.live.iter().copied().collect();
        for stream in held {
            for to in [At::Dialer, At::Acceptor] {
                let now = self.now();
                let waits = self.streams[stream].end(to).inbound.front().is_some_and(|(at, _)| *at <= now);
                if !waits || self.is_held(stream, to) {
                    continue;
                }
                let arrives = match arrival {
                    Arrival::AtOnce => now,
                    Arrival::AfterDelay => now + self.time_on(stream),
                };
                for (at, _) in &mut self.streams[stream].end_mut(to).inbound {
                    *at = arrives.max(*at);
                }
                self.schedule.arrange(arrives, Job::Arrive(stream, to));
            }
        }
    }
}
