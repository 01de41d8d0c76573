//! What can go wrong, and how it is put right.

use core::time::Duration;

use crate::event::Event;
use crate::reason::SystemError;
use crate::rules::Rules;
use crate::sim::network::Arrival;
use crate::sim::node::Life;
use crate::sim::stream::{At, Packet, State};
use crate::sim::{Job, NodeName, Start, Stop, StreamName, What, World};
use crate::storage::Storage;

/// How long a node that leaves is given to say so.
const LEAVING: Duration = Duration::from_secs(60);

/// Which end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Both.
    Both,
    /// The one that this node holds.
    Only(NodeName),
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    Both,
    /// What this node sends.
    From(NodeName),
}

impl Direction {
    fn goes(self, from: usize) -> bool {
        match self {
            Self::Both => true,
            Self::From(node) => node.0 == from,
        }
    }
}

impl<S: Storage, R: Rules> World<S, R> {
    /// A stream dies: the system tells the program at this end, or at both, that it was reset. An end that is not told
    /// learns it when it sends something. What is under way to an end that is told is lost.
    pub fn lose(&mut self, stream: StreamName, end: End) {
        for at in [At::Dialer, At::Acceptor] {
            let one = &mut self.streams[stream.0];
            let holder = one.end(at).node;
            let meant = match end {
                End::Both => true,
                End::Only(node) => holder == Some(node.0),
            };
            if !meant || one.end(at).state != State::Open {
                continue;
            }
            one.end_mut(at).inbound.clear();
            self.buffer(stream.0, at, Packet::End(SystemError::Reset));
            if let Some(node) = holder {
                self.note(node, What::StreamLost(stream));
                if self.nodes[node].life == Life::Running {
                    self.read_all(node);
                }
            }
        }
        self.retire(stream.0);
    }

    /// Nothing gets through between two nodes, on streams that exist and on new ones. Nobody is told. The systems go on
    /// trying: what was sent arrives when it is healed.
    pub fn black_hole(&mut self, a: NodeName, b: NodeName, direction: Direction) {
        for (from, to) in [(a.0, b.0), (b.0, a.0)] {
            if direction.goes(from) {
                self.holes.insert((from, to));
            }
        }
    }

    /// Everything gets through between two nodes again, on single streams too.
    pub fn heal(&mut self, a: NodeName, b: NodeName) {
        self.holes.remove(&(a.0, b.0));
        self.holes.remove(&(b.0, a.0));
        for link in self.links(a, b) {
            for end in &mut self.streams[link.stream.0].ends {
                end.hole = false;
            }
        }
        self.release(Arrival::AfterDelay);
    }

    /// Nothing gets through on this stream. Nobody is told.
    pub fn black_hole_stream(&mut self, stream: StreamName, direction: Direction) {
        for at in [At::Dialer, At::Acceptor] {
            let sender = self.host_of(stream.0, at);
            if sender.is_none_or(|node| direction.goes(node)) {
                self.streams[stream.0].end_mut(at.other()).hole = true;
            }
        }
    }

    /// Everything gets through on this stream again.
    pub fn heal_stream(&mut self, stream: StreamName) {
        for end in &mut self.streams[stream.0].ends {
            end.hole = false;
        }
        self.release(Arrival::AfterDelay);
    }

    /// Nothing gets through between nodes of different groups. Whoever is in none is in one more, together with all others
    /// that are.
    pub fn partition(&mut self, groups: &[&[NodeName]]) {
        self.parts.fill(0);
        for (number, group) in groups.iter().enumerate() {
            for node in *group {
                self.parts[node.0] = number + 1;
            }
        }
        self.release(Arrival::AfterDelay);
    }

    /// The network is whole: no partition, no hole anywhere.
    pub fn heal_all(&mut self) {
        self.parts.fill(0);
        self.holes.clear();
        for stream in &self.live {
            for end in &mut self.streams[*stream].ends {
                end.hole = false;
            }
        }
        self.release(Arrival::AfterDelay);
    }

    /// The process of a node stands still: its clocks go on, its system takes what arrives, and it reads all of it when it
    /// runs again.
    ///
    /// # Panics
    ///
    /// If the node does not run.
    pub fn freeze(&mut self, n: NodeName, span: Duration) {
        self.pause(n, span, Life::Frozen, What::Frozen(span));
    }

    /// The host of a node sleeps: the first of its clocks stands still, the second goes on, its system answers nobody, and
    /// what was sent on streams arrives when it wakes. Announcements are lost.
    ///
    /// # Panics
    ///
    /// If the node does not run.
    pub fn suspend(&mut self, n: NodeName, span: Duration) {
        let since = self.now;
        self.pause(n, span, Life::Suspended(since), What::Suspended(span));
    }

    fn pause(&mut self, n: NodeName, span: Duration, life: Life, what: What) {
        if !self.runs(n) {
            self.fail(format_args!("{n} does not run: it cannot stand still"));
        }
        let until = self.now + span;
        let node = &mut self.nodes[n.0];
        node.life = life;
        node.pauses += 1;
        node.wake_at = None;
        node.timer += 1;
        let pause = node.pauses;
        self.note(n.0, what);
        self.arrange(until, Job::Resume(n.0, pause));
    }

    pub(super) fn resume(&mut self, n: usize, pause: u64) {
        let node = &mut self.nodes[n];
        if node.pauses != pause {
            return;
        }
        if let Life::Suspended(since) = node.life {
            node.slept += self.now - since;
        }
        node.life = Life::Running;
        self.note(n, What::Resumed);
        self.release(Arrival::AtOnce);
        self.read_all(n);
        self.step(n, Event::Tick);
    }

    /// The second clock of a node, [`Now::elapsed`](crate::Now::elapsed), jumps. It is read with the next event.
    pub fn step_clock(&mut self, n: NodeName, micros: i64) {
        self.nodes[n.0].stepped = self.nodes[n.0].stepped.saturating_add(micros);
        self.note(n.0, What::ClockStepped(micros));
    }

    /// A node ends. A leave lets time pass until it is done; the others are done at once.
    ///
    /// # Panics
    ///
    /// If there is no process; for a leave, also if it stands still.
    pub fn stop(&mut self, n: NodeName, stop: Stop) {
        if self.is_stopped(n) {
            self.fail(format_args!("{n} is stopped already"));
        }
        let state = match stop {
            Stop::Leave => {
                self.tell(n, Event::Leave);
                // One that is not done by then is killed.
                match self.run_until(LEAVING, |world| world.nodes[n.0].by_link.is_empty()) {
                    Ok(_) | Err(_) => State::Closed,
                }
            }
            Stop::Kill => State::Closed,
            Stop::Vanish => State::Gone,
        };
        self.note(n.0, What::Stopped(stop));
        let node = &mut self.nodes[n.0];
        node.life = if stop == Stop::Vanish { Life::Vanished } else { Life::Dead };
        node.pauses += 1;
        node.timer += 1;
        node.wake_at = None;
        node.unheard.clear();
        for stream in core::mem::take(&mut node.streams) {
            for at in self.streams[stream].sides_of(n.0) {
                if self.streams[stream].end(at).state != State::Open {
                    continue;
                }
                match state {
                    State::Gone => self.drop_end(stream, at, State::Gone),
                    State::Closed | State::Open | State::Opening => {
                        self.hang_up(stream, at, SystemError::Reset);
                    }
                }
            }
            self.retire(stream);
        }
        self.nodes[n.0].unread.clear();
    }

    /// A node begins again, with the same key and at its address.
    ///
    /// # Panics
    ///
    /// If it was not stopped.
    pub fn start(&mut self, n: NodeName, start: Start) {
        if !self.is_stopped(n) {
            self.fail(format_args!("{n} runs already"));
        }
        let node = &mut self.nodes[n.0];
        if start == Start::Fresh {
            node.start += 1;
        }
        let (config, id, number) = (node.config, node.id, node.start);
        let mesh = self.machine(config, id, number);
        let node = &mut self.nodes[n.0];
        node.mesh = mesh;
        node.life = Life::Running;
        node.cursor = Default::default();
        node.by_link.clear();
        self.begin(n.0);
    }
}
