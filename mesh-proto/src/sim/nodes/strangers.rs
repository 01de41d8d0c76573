//! What only an attacker does, or a broken system: streams whose other end is the test, and hands on the bytes of others.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::World;
use crate::frame::PathClass;
use crate::id::NodeId;
use crate::machine::{Side, Unable};
use crate::node::Input;
use crate::reason::SystemError;
use crate::sim::stream::{At, Packet, State, StreamEnd};
use crate::sim::{NodeName, StreamName};
use crate::storage::Storage;

/// The end that did this.
pub(super) const fn end_of(side: Side) -> At {
    match side {
        Side::Dialed => At::Dialer,
        Side::Accepted => At::Acceptor,
    }
}

impl<S: Storage> World<S> {
    /// Lets a node accept a stream whose other end is the test.
    ///
    /// # Errors
    ///
    /// What the node says if it does not want it.
    ///
    /// # Panics
    ///
    /// If the node does not run.
    pub fn accept_stranger(&mut self, n: NodeName, from: SocketAddr) -> Result<StreamName, Unable> {
        self.must_run(n);
        let (stream, fresh) = (self.add_strange(n, At::Dialer, from), self.fresh());
        let accepted = Input::Accepted { from: Some(from), class: PathClass::Direct, fresh };
        self.begin_strange(n, stream, At::Acceptor, accepted)
    }

    /// Lets a node open a stream to the test, by other means than a dial.
    ///
    /// # Errors
    ///
    /// What the node says if it does not want it.
    ///
    /// # Panics
    ///
    /// If the node does not run.
    pub fn attach_stranger(&mut self, n: NodeName, expected: Option<NodeId>) -> Result<StreamName, Unable> {
        self.must_run(n);
        let (stream, fresh) = (self.add_strange(n, At::Acceptor, self.nowhere()), self.fresh());
        let attached = Input::Attached { expected, class: PathClass::Direct, fresh };
        self.begin_strange(n, stream, At::Dialer, attached)
    }

    fn add_strange(&mut self, n: NodeName, strange: At, other: SocketAddr) -> usize {
        let own = self.address(n);
        let (from, to) = if strange == At::Dialer { (other, own) } else { (own, other) };
        let end = |at: At| {
            let node = (at != strange).then_some(n.0);
            StreamEnd { opened: true, ..StreamEnd::new(node, State::Open, None) }
        };
        let ends = [end(At::Dialer), end(At::Acceptor)];
        let stream = self.net.add_stream(from, to, PathClass::Direct, ends);
        self.net.hosts[n.0].streams.push(stream);
        self.add_wire(Some(strange));
        stream
    }

    fn begin_strange(
        &mut self,
        n: NodeName,
        stream: usize,
        at: At,
        input: Input<'_>,
    ) -> Result<StreamName, Unable> {
        let link = self.step(n.0, input, Some((stream, at))).link();
        if link.is_err() {
            for at in [At::Dialer, At::Acceptor] {
                self.net.drop_end(stream, at, State::Closed);
            }
            self.net.retire(stream);
        }
        link.map(|_| StreamName(stream))
    }

    /// A stranger writes on its stream.
    ///
    /// # Panics
    ///
    /// If the stream is no stranger's.
    pub fn stranger_says(&mut self, stream: StreamName, bytes: &[u8]) {
        let at = self.strange_end(stream);
        if self.net.streams[stream.0].end(at).state == State::Open {
            self.write_from(stream.0, at, bytes);
        }
    }

    /// A stranger takes all that arrived for it.
    ///
    /// # Panics
    ///
    /// If the stream is no stranger's.
    pub fn stranger_hears(&mut self, stream: StreamName) -> Vec<u8> {
        let at = self.strange_end(stream);
        let mut heard = Vec::new();
        while let Some(packet) = self.net.next_unread(stream.0, at) {
            match packet {
                Packet::Word(bytes) => heard.extend(bytes),
                Packet::End(_) => self.net.drop_end(stream.0, at, State::Closed),
                Packet::Open | Packet::Opened | Packet::Accept => {}
            }
        }
        self.net.retire(stream.0);
        heard
    }

    /// A stranger ends its stream, behind all that it said.
    ///
    /// # Panics
    ///
    /// If the stream is no stranger's.
    pub fn stranger_hangs_up(&mut self, stream: StreamName) {
        let at = self.strange_end(stream);
        if self.net.streams[stream.0].end(at).state == State::Open {
            self.net.hang_up(stream.0, at, SystemError::Ended);
        }
    }

    /// Whether the node has ended a stranger's stream, or never took it.
    ///
    /// # Panics
    ///
    /// If the stream is no stranger's.
    #[must_use]
    pub fn is_hung_up(&self, stream: StreamName) -> bool {
        let at = self.strange_end(stream);
        self.net.streams[stream.0].end(at.other()).state != State::Open
    }

    /// Whether one end of a stream is the test's.
    #[must_use]
    pub fn is_strange(&self, stream: StreamName) -> bool {
        self.wires[stream.0].strange.is_some()
    }

    fn strange_end(&self, stream: StreamName) -> At {
        match self.wires[stream.0].strange {
            Some(at) => at,
            None => self.fail(format_args!("{stream} is no stranger's")),
        }
    }

    /// Alters one bit on its way: of the byte with this number, counted from the first that this end of the stream writes.
    /// What was written before stays as it is.
    pub fn flip(&mut self, stream: StreamName, from: Side, byte: usize, bit: u8) {
        self.wires[stream.0].flips[end_of(from) as usize].push((byte, bit));
    }

    /// How many bytes of this end of a stream are on their way.
    #[must_use]
    pub fn under_way(&self, stream: StreamName, from: Side) -> usize {
        self.net.under_way(stream.0, end_of(from).other()).map(Vec::len).sum()
    }

    /// Changes the bytes of this end of a stream that are on their way: what was cut from them arrives not at all, what
    /// was added arrives with the first of them.
    pub fn alter(&mut self, stream: StreamName, from: Side, how: impl FnOnce(&mut Vec<u8>)) {
        let inbound = &mut self.net.streams[stream.0].end_mut(end_of(from).other()).inbound;
        let (mut bytes, mut first) = (Vec::new(), None);
        for at in 0..inbound.len() {
            if let Some((_, Packet::Word(word))) = inbound.get_mut(at) {
                bytes.append(word);
                first = first.or(Some(at));
            }
        }
        how(&mut bytes);
        if let Some((_, Packet::Word(word))) = first.and_then(|at| inbound.get_mut(at)) {
            *word = bytes;
        }
    }

    /// Lets so many bytes of this end of a stream arrive now, whatever holds them; and what the systems say to each other,
    /// as far as it comes before. Whether anything did.
    pub fn let_through(&mut self, stream: StreamName, from: Side, bytes: usize) -> bool {
        let (to, mut left) = (end_of(from).other(), bytes);
        let mut any = false;
        while left > 0 {
            let inbound = &mut self.net.streams[stream.0].end_mut(to).inbound;
            let packet = match inbound.front_mut() {
                Some((_, Packet::Word(word))) if word.len() > left => {
                    Some(Packet::Word(word.drain(..core::mem::take(&mut left)).collect()))
                }
                Some((_, Packet::Word(word))) => {
                    left -= word.len();
                    inbound.pop_front().map(|(_, packet)| packet)
                }
                Some(_) => inbound.pop_front().map(|(_, packet)| packet),
                None => None,
            };
            let Some(packet) = packet else { break };
            any = true;
            self.net.land(stream.0, to, packet);
        }
        self.arrived(stream.0, to);
        any
    }

    /// From now on, keeps all bytes that are written.
    pub fn keep_written(&mut self) {
        self.keeps_written = true;
    }

    /// What this end of a stream has written since [`keep_written`](Self::keep_written), as it was before anything altered
    /// it.
    #[must_use]
    pub fn written(&self, stream: StreamName, from: Side) -> &[u8] {
        &self.wires[stream.0].written[end_of(from) as usize]
    }
}
