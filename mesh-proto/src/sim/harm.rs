//! What goes wrong with streams, networks and hosts, whatever the programs are.

use alloc::vec::Vec;
use core::time::Duration;

use crate::reason::SystemError;
use crate::sim::carrying::Arrival;
use crate::sim::host::{Life, NodeName, Stop};
use crate::sim::net::{Job, Net};
use crate::sim::stream::{At, Packet, State};

/// How long a node that leaves is given to say so.
pub(super) const LEAVING: Duration = Duration::from_secs(60);

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

/// An end of a stream died: who is told, if it is a node's.
pub(super) struct Told(pub(super) Option<usize>);

impl<W, D> Net<W, D> {
    /// An end of a stream dies, if it is meant and its program holds it.
    pub(super) fn reset(&mut self, stream: usize, at: At, end: End) -> Option<Told> {
        let one = self.streams[stream].end_mut(at);
        let meant = match end {
            End::Both => true,
            End::Only(node) => one.node == Some(node.0),
        };
        if !meant || one.state != State::Open {
            return None;
        }
        let holder = one.node;
        one.inbound.clear();
        self.buffer(stream, at, Packet::End(SystemError::Reset));
        Some(Told(holder))
    }

    pub(super) fn black_hole(&mut self, a: usize, b: usize, direction: Direction) {
        for (from, to) in [(a, b), (b, a)] {
            if direction.goes(from) {
                self.holes.insert((from, to));
            }
        }
    }

    pub(super) fn heal(&mut self, a: usize, b: usize) {
        self.holes.remove(&(a, b));
        self.holes.remove(&(b, a));
        let between: Vec<usize> = self.between(a, b).collect();
        for stream in between {
            self.fill_holes_of(stream);
        }
        self.release(Arrival::AfterDelay);
    }

    pub(super) fn black_hole_stream(&mut self, stream: usize, direction: Direction) {
        for at in [At::Dialer, At::Acceptor] {
            let sender = self.host_of(stream, at);
            if sender.is_none_or(|node| direction.goes(node)) {
                self.streams[stream].end_mut(at.other()).hole = true;
            }
        }
    }

    pub(super) fn heal_stream(&mut self, stream: usize) {
        self.fill_holes_of(stream);
        self.release(Arrival::AfterDelay);
    }

    fn fill_holes_of(&mut self, stream: usize) {
        for end in &mut self.streams[stream].ends {
            end.hole = false;
        }
    }

    pub(super) fn partition(&mut self, groups: &[&[NodeName]]) {
        self.parts.fill(0);
        for (number, group) in groups.iter().enumerate() {
            for node in *group {
                self.parts[node.0] = number + 1;
            }
        }
        self.release(Arrival::AfterDelay);
    }

    pub(super) fn heal_all(&mut self) {
        self.parts.fill(0);
        self.holes.clear();
        for stream in &self.live {
            for end in &mut self.streams[*stream].ends {
                end.hole = false;
            }
        }
        self.release(Arrival::AfterDelay);
    }

    /// A node that runs does not for a while.
    pub(super) fn pause(&mut self, n: usize, span: Duration, life: Life) {
        let until = self.now() + span;
        let host = &mut self.hosts[n];
        host.life = life;
        host.pauses += 1;
        host.unset_timer();
        let pause = host.pauses;
        self.schedule.arrange(until, Job::Resume(n, pause));
    }

    /// A pause is over: whether it is the last that was begun.
    pub(super) fn resume(&mut self, n: usize, pause: u64) -> bool {
        let now = self.now();
        let host = &mut self.hosts[n];
        if host.pauses != pause {
            return false;
        }
        if let Life::Suspended(since) = host.life {
            host.slept += now - since;
        }
        host.life = Life::Running;
        true
    }

    pub(super) fn step_clock(&mut self, n: usize, micros: i64) {
        let host = &mut self.hosts[n];
        host.stepped = host.stepped.saturating_add(micros);
    }

    /// A node ends, and what its program held with it.
    pub(super) fn stop(&mut self, n: usize, stop: Stop) {
        let host = &mut self.hosts[n];
        host.life = if stop == Stop::Vanish { Life::Vanished } else { Life::Dead };
        host.pauses += 1;
        host.unset_timer();
        host.unheard.clear();
        for stream in core::mem::take(&mut host.streams) {
            for at in self.streams[stream].sides_of(n) {
                if self.streams[stream].end(at).state != State::Open {
                    continue;
                }
                match stop {
                    Stop::Vanish => self.drop_end(stream, at, State::Gone),
                    Stop::Leave | Stop::Kill => self.hang_up(stream, at, SystemError::Reset),
                }
            }
            self.retire(stream);
        }
        self.hosts[n].unread.clear();
    }

    /// A node that was stopped begins again.
    pub(super) fn start(&mut self, n: usize) {
        let host = &mut self.hosts[n];
        host.life = Life::Running;
        host.by_link.clear();
    }
}
