//! What can be set of a world: where its nodes are, how long things take, what is kept of what happened.

use core::net::SocketAddr;
use core::time::Duration;

use crate::announcement::Vouched;
use crate::rules::Rules;
use crate::sim::net::NOWHERE;
use crate::sim::{NodeName, StreamName, World};
use crate::storage::Storage;

impl<S: Storage, R: Rules> World<S, R> {
    /// Gives a node an address where it was never seen. Nobody is at the old one any more; its streams live on.
    pub fn move_address(&mut self, n: NodeName) -> SocketAddr {
        self.net.move_address(n.0)
    }

    /// Gives a node one more address, at which it can be dialed too: a second interface, or a relay that leads to it.
    pub fn add_address(&mut self, n: NodeName) -> SocketAddr {
        self.net.add_address(n.0)
    }

    /// An address from which nothing ever comes back. At all others that no node has, dials are refused.
    #[must_use]
    pub fn nowhere(&self) -> SocketAddr {
        NOWHERE
    }

    /// Sets the secret of the mesh that a node believes to be in, 0 unless set. Between two with different ones the
    /// acceptor ends the handshake at its first message.
    pub fn secret(&mut self, n: NodeName, secret: u64) {
        self.nodes[n.0].secret = secret;
    }

    /// Sets how long everything takes from node to node: 1 ms unless set.
    pub fn delay(&mut self, one_way: Duration) {
        self.net.delay = one_way;
    }

    /// Sets how long it takes between these two.
    pub fn delay_between(&mut self, a: NodeName, b: NodeName, one_way: Duration) {
        self.net.delay_between(a, b, one_way);
    }

    /// Sets how long it takes on one stream.
    pub fn delay_stream(&mut self, stream: StreamName, one_way: Duration) {
        self.net.streams[stream.0].delay = Some(one_way);
    }

    /// Sets how long it takes on the stream that this node dials next, and on no other.
    pub fn slow_next_dial(&mut self, a: NodeName, one_way: Duration) {
        self.net.hosts[a.0].next_delay = Some(one_way);
    }

    /// Makes everything take longer by chance, by this at most. What is on one stream stays in order.
    pub fn jitter(&mut self, most: Duration) {
        self.net.jitter = most;
    }

    /// Makes timers ring later by chance, by this at most.
    pub fn timer_jitter(&mut self, most: Duration) {
        self.net.timer_jitter = most;
    }

    /// Sets how announcements arrive; `None` for not at all. Unless set, a member vouches for each.
    pub fn announcements(&mut self, arrive: Option<Vouched>) {
        self.plane = arrive;
    }

    /// Sets how many happenings the log keeps at least: 65,536 unless set.
    pub fn keep_log(&mut self, happenings: usize) {
        self.log.limit = happenings;
    }

    /// From now on, holds every machine's tables against each other after each of its steps: slow, and thorough.
    pub fn audit_every_step(&mut self) {
        self.audits = true;
    }
}
