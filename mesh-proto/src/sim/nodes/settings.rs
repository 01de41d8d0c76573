//! What can be set of a world of nodes, and of its nodes while they run.

use core::net::SocketAddr;
use core::time::Duration;

use super::{Plane, World};
use crate::node::{Door, LetsIn};
use crate::sim::net::NOWHERE;
use crate::sim::{NodeName, StreamName};
use crate::storage::Storage;
use crate::wire::MeshSecrets;

impl<S: Storage> World<S> {
    /// Changes the secrets of a node, in this run and those that follow.
    pub fn change_secrets(&mut self, n: NodeName, renewed: MeshSecrets) {
        let member = &mut self.members[n.0];
        if let Door::Closed(_, secrets) = &mut member.settings.door {
            *secrets = renewed.clone();
        }
        member.node.change_secrets(renewed);
    }

    /// Changes whom a node lets in, in this run and those that follow.
    pub fn change_admission(&mut self, n: NodeName, lets_in: LetsIn<S>) {
        let member = &mut self.members[n.0];
        member.settings.lets_in = lets_in.clone();
        member.node.change_admission(lets_in);
    }

    /// Gives a node an address where it was never seen. Nobody is at the old one any more; its streams live on.
    pub fn move_address(&mut self, n: NodeName) -> SocketAddr {
        self.net.move_address(n.0)
    }

    /// Gives a node one more address, at which it can be dialed too.
    pub fn add_address(&mut self, n: NodeName) -> SocketAddr {
        self.net.add_address(n.0)
    }

    /// An address from which nothing ever comes back. At all others that no node has, dials are refused.
    #[must_use]
    pub fn nowhere(&self) -> SocketAddr {
        NOWHERE
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

    /// Makes everything take longer by chance, by this at most: also single pieces of what is written. What is on one
    /// stream stays in order.
    pub fn jitter(&mut self, most: Duration) {
        self.net.jitter = most;
    }

    /// Makes timers ring later by chance, by this at most.
    pub fn timer_jitter(&mut self, most: Duration) {
        self.net.timer_jitter = most;
    }

    /// Cuts bytes by chance into pieces that are no longer than this: 3,000 unless set, and never less than 1.
    pub fn pieces(&mut self, longest: usize) {
        self.longest_piece = longest.max(1);
    }

    /// Sets whether announcements arrive; they do unless set.
    pub fn announcements(&mut self, plane: Plane) {
        self.plane = plane;
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
