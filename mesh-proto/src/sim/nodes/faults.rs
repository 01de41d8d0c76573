//! What can go wrong among nodes, and how it is put right: as among machines.

use core::time::Duration;

use super::World;
use super::log::What;
use crate::id::Incarnation;
use crate::node::Input;
use crate::sim::carrying::Arrival;
use crate::sim::harm::{Direction, End, LEAVING, Told};
use crate::sim::host::{Life, NodeName, Start, Stop};
use crate::sim::stream::{At, StreamName};
use crate::storage::Storage;

impl<S: Storage> World<S> {
    /// A stream dies: the system tells the program at this end, or at both, that it was reset. An end that is not told
    /// learns it when it writes something. What is under way to an end that is told is lost.
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
    /// trying: what was written arrives when it is healed.
    pub fn black_hole(&mut self, a: NodeName, b: NodeName, direction: Direction) {
        self.net.black_hole(a.0, b.0, direction);
    }

    /// Everything gets through between two nodes again, on single streams too.
    pub fn heal(&mut self, a: NodeName, b: NodeName) {
        self.net.heal(a.0, b.0);
    }

    /// Nothing gets through on this stream, which may be a stranger's. Nobody is told.
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
        self.must_run(n);
        self.net.pause(n.0, span, Life::Frozen);
        self.note(n.0, What::Frozen(span));
    }

    /// The host of a node sleeps: the first of its clocks stands still, the second goes on, its system answers nobody, and
    /// what was written on streams arrives when it wakes. Announcements are lost.
    ///
    /// # Panics
    ///
    /// If the node does not run.
    pub fn suspend(&mut self, n: NodeName, span: Duration) {
        self.must_run(n);
        self.net.pause(n.0, span, Life::Suspended(self.now()));
        self.note(n.0, What::Suspended(span));
    }

    pub(super) fn resume(&mut self, n: usize, pause: u64) {
        if self.net.resume(n, pause) {
            self.note(n, What::Resumed);
            self.net.release(Arrival::AtOnce);
            self.read_all(n);
            self.step(n, Input::Tick, None);
            for stream in self.net.hosts[n].streams.clone() {
                for at in [At::Dialer, At::Acceptor] {
                    if self.net.streams[stream].end(at).node == Some(n) {
                        self.give_room(stream, at);
                    }
                }
            }
        }
    }

    /// The second clock of a node, [`Now::elapsed`](crate::Now::elapsed), jumps. It is read with the next input.
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
            self.tell(n, Input::Leave);
            // One that is not done by then is killed.
            match self.run_until(LEAVING, |world| world.net.hosts[n.0].by_link.is_empty()) {
                Ok(_) | Err(_) => {}
            }
        }
        self.note(n.0, What::Stopped(stop));
        self.net.stop(n.0, stop);
        self.members[n.0].own.clear();
    }

    /// A node begins again, with the same key, at its address, and with what it was last told of secrets and of whom to let
    /// in. The bits of its run and its seed are drawn.
    ///
    /// # Panics
    ///
    /// If it was not stopped.
    pub fn start(&mut self, n: NodeName, start: Start) {
        if !self.is_stopped(n) {
            self.fail(format_args!("{n} runs already"));
        }
        let Incarnation { start: last, .. } = self.members[n.0].settings.incarnation;
        let number = match start {
            Start::Fresh => last + 1,
            Start::Restored => last,
        };
        let drawn = self.another_run(&self.members[n.0].settings.clone(), number);
        let member = &mut self.members[n.0];
        member.settings = drawn;
        member.begin_again();
        self.net.start(n.0);
        self.begin(n.0);
    }
}
