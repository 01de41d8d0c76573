//! What can go wrong, and how it is put right.

use core::time::Duration;

use crate::event::Event;
use crate::rules::Rules;
use crate::sim::carrying::Arrival;
use crate::sim::harm::{Direction, End, LEAVING, Told};
use crate::sim::host::{Life, NodeName, Start, Stop};
use crate::sim::stream::{At, StreamName};
use crate::sim::{What, World};
use crate::storage::Storage;

impl<S: Storage, R: Rules> World<S, R> {
    /// A stream dies: the system tells the program at this end, or at both, that it was reset. An end that is not told
    /// learns it when it sends something. What is under way to an end that is told is lost.
    pub fn lose(&mut self, stream: StreamName, end: End) {
        for at in [At::Dialer, At::Acceptor] {
            let Some(Told(holder)) = self.net.reset(stream.0, at, end) else { continue };
            if let Some(node) = holder {
                self.note(node, What::StreamLost(stream));
                if self.net.runs(node) {
                    self.read_all(node);
                }
            }
        }
        self.net.retire(stream.0);
    }

    /// Nothing gets through between two nodes, on streams that exist and on new ones. Nobody is told. The systems go on
    /// trying: what was sent arrives when it is healed.
    pub fn black_hole(&mut self, a: NodeName, b: NodeName, direction: Direction) {
        self.net.black_hole(a.0, b.0, direction);
    }

    /// Everything gets through between two nodes again, on single streams too.
    pub fn heal(&mut self, a: NodeName, b: NodeName) {
        self.net.heal(a.0, b.0);
    }

    /// Nothing gets through on this stream. Nobody is told.
    pub fn black_hole_stream(&mut self, stream: StreamName, direction: Direction) {
        self.net.black_hole_stream(stream.0, direction);
    }

    /// Everything gets through on this stream again.
    pub fn heal_stream(&mut self, stream: StreamName) {
        self.net.heal_stream(stream.0);
    }

    /// Nothing gets through between nodes of different groups. Whoever is in none is in one more, together with all others
    /// that are.
    pub fn partition(&mut self, groups: &[&[NodeName]]) {
        self.net.partition(groups);
    }

    /// The network is whole: no partition, no hole anywhere.
    pub fn heal_all(&mut self) {
        self.net.heal_all();
    }

    /// The system of a node has room for no more streams: its dials fail at once, and what is dialed there is refused.
    pub fn exhaust(&mut self, n: NodeName) {
        self.net.hosts[n.0].exhausted = true;
    }

    /// The system of a node has room for streams again.
    pub fn relieve(&mut self, n: NodeName) {
        self.net.hosts[n.0].exhausted = false;
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
        let since = self.now();
        self.pause(n, span, Life::Suspended(since), What::Suspended(span));
    }

    fn pause(&mut self, n: NodeName, span: Duration, life: Life, what: What) {
        if !self.runs(n) {
            self.fail(format_args!("{n} does not run: it cannot stand still"));
        }
        self.net.pause(n.0, span, life);
        self.note(n.0, what);
    }

    pub(super) fn resume(&mut self, n: usize, pause: u64) {
        if self.net.resume(n, pause) {
            self.note(n, What::Resumed);
            self.net.release(Arrival::AtOnce);
            self.read_all(n);
            self.step(n, Event::Tick);
            self.give_missed_room(n);
        }
    }

    /// The second clock of a node, [`Now::elapsed`](crate::Now::elapsed), jumps. It is read with the next event.
    pub fn step_clock(&mut self, n: NodeName, micros: i64) {
        self.net.step_clock(n.0, micros);
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
        if stop == Stop::Leave {
            self.tell(n, Event::Leave);
            // One that is not done by then is killed.
            match self.run_until(LEAVING, |world| world.net.hosts[n.0].by_link.is_empty()) {
                Ok(_) | Err(_) => {}
            }
        }
        self.note(n.0, What::Stopped(stop));
        self.net.stop(n.0, stop);
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
        node.tidings.begin();
        self.net.start(n.0);
        self.begin(n.0);
    }
}
