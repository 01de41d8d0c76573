//! Bytes on streams: written and read by drivers, cut anywhere.

use alloc::vec::Vec;

use super::World;
use crate::id::LinkId;
use crate::node::Input;
use crate::reason::SystemError;
use crate::sim::carrying::BUFFER;
use crate::sim::stream::{At, Packet, State};
use crate::storage::Storage;

/// What is known of a stream beside what the network knows: of each thing two, the dialer's first.
#[derive(Default)]
pub(super) struct Wire {
    /// The end that the test has.
    pub(super) strange: Option<At>,
    /// How many bytes were written.
    pub(super) wrote: [usize; 2],
    /// What was written, if that is kept.
    pub(super) written: [Vec<u8>; 2],
    /// How many bytes were written, or were under way, since the node was last told how much room there is.
    spent: [usize; 2],
    /// Bits that are altered on their way: which byte from the first on, and which of its bits.
    pub(super) flips: [Vec<(usize, u8)>; 2],
}

impl<S: Storage> World<S> {
    pub(super) fn add_wire(&mut self, strange: Option<At>) {
        self.wires.push(Wire { strange, ..Wire::default() });
    }

    /// A node writes on a link.
    pub(super) fn write(&mut self, n: usize, link: LinkId, bytes: &[u8]) {
        match self.net.hosts[n].by_link.get(&link).copied() {
            Some((stream, at)) => self.write_from(stream, at, bytes),
            None => self.fail(format_args!("n{n} writes on link {link}, which it does not have")),
        }
    }

    /// Puts bytes on their way. Where things take longer by chance, parts of them do so each for itself.
    pub(super) fn write_from(&mut self, stream: usize, at: At, bytes: &[u8]) {
        let side = at as usize;
        let wire = &mut self.wires[stream];
        let began = wire.wrote[side];
        wire.wrote[side] += bytes.len();
        wire.spent[side] += bytes.len();
        if self.keeps_written {
            wire.written[side].extend_from_slice(bytes);
        }
        let mut goes = bytes.to_vec();
        for (at, bit) in &wire.flips[side] {
            if let Some(byte) = at.checked_sub(began).and_then(|at| goes.get_mut(at)) {
                *byte ^= 1 << bit;
            }
        }
        let mut rest = goes.as_slice();
        while !rest.is_empty() {
            let most = if self.net.jitter.is_zero() { rest.len() } else { self.piece() };
            let (piece, behind) = rest.split_at(most.min(rest.len()));
            self.net.send(stream, at.other(), Packet::Word(piece.to_vec()));
            rest = behind;
        }
    }

    /// How long the next piece may be.
    fn piece(&mut self) -> usize {
        let longest = self.longest_piece as u64;
        1 + usize::try_from(self.net.dice.below(longest)).unwrap_or(0)
    }

    /// What is due at an end arrives, and is read, if the program runs.
    pub(super) fn arrive(&mut self, stream: usize, to: At) {
        while self.net.arrives(stream, to) {}
        self.arrived(stream, to);
    }

    pub(super) fn arrived(&mut self, stream: usize, to: At) {
        let reader = self.net.arrived(stream, to);
        self.give_room(stream, to.other());
        if reader.is_some() {
            self.read(stream, to);
        }
        self.net.retire(stream);
    }

    /// The program reads all that waits for it.
    pub(super) fn read_all(&mut self, n: usize) {
        while let Some((stream, at)) = self.net.hosts[n].unread.pop_front() {
            self.read(stream, at);
        }
        while let Some((source, datagram)) = self.net.hosts[n].unheard.pop_front() {
            self.hears(n, source, &datagram);
        }
    }

    fn read(&mut self, stream: usize, at: At) {
        let Some(n) = self.net.begin_to_read(stream, at) else { return };
        while let Some(packet) = self.net.next_unread(stream, at) {
            self.take(n, stream, at, packet);
        }
        self.net.retire(stream);
    }

    /// What a driver does with what it reads.
    fn take(&mut self, n: usize, stream: usize, at: At, packet: Packet<Vec<u8>>) {
        let one = &mut self.net.streams[stream];
        let (from, class) = (Some(one.from), one.class);
        if let Packet::Accept = packet {
            let fresh = self.fresh();
            let accepted = self.step(n, Input::Accepted { from, class, fresh }, Some((stream, at)));
            if accepted.link().is_err() {
                self.net.hang_up(stream, at, SystemError::Reset);
            }
            return;
        }
        let end = one.end_mut(at);
        let Some(link) = end.link else { return };
        match packet {
            Packet::Open | Packet::Accept => {}
            Packet::Opened => {
                end.opened = true;
                let fresh = self.fresh();
                self.step(n, Input::Connected { link, fresh }, None);
            }
            Packet::Word(mut bytes) => {
                while let Some(Packet::Word(_)) = end.unread.front() {
                    if let Some(Packet::Word(more)) = end.unread.pop_front() {
                        bytes.extend(more);
                    }
                }
                self.take_bytes(n, stream, at, &bytes);
            }
            Packet::End(error) => {
                self.lets_go(n, link, State::Closed);
                self.step(n, Input::Closed { link, error }, None);
            }
        }
    }

    /// Takes bytes in pieces of any length, as long as the link is there.
    fn take_bytes(&mut self, n: usize, stream: usize, at: At, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = self.net.streams[stream].end(at);
            let Some(link) = end.link.filter(|_| end.state == State::Open) else { return };
            let (piece, rest) = bytes.split_at(self.piece().min(bytes.len()));
            if self.members[n].own.contains_key(&link) {
                self.read_own(n, link, piece);
            } else {
                self.step(n, Input::Bytes { link, bytes: piece }, None);
            }
            bytes = rest;
        }
    }

    /// What a reader's task does.
    pub(super) fn read_own(&mut self, n: usize, link: LinkId, mut bytes: &[u8]) {
        loop {
            let Some(own) = self.members[n].own.get_mut(&link) else { return };
            let space = own.reader.space();
            let (now, later) = bytes.split_at(space.len().min(bytes.len()));
            space[..now.len()].copy_from_slice(now);
            own.reader.filled(now.len());
            bytes = later;
            let mut frames = Vec::new();
            let opened = own.reader.open(|came| frames = came.to_vec());
            if !frames.is_empty() {
                self.step(n, Input::Frames { link, frames: frames.into() }, None);
            }
            if opened.is_err() {
                self.step(n, Input::Broken { link }, None);
                return;
            }
            if bytes.is_empty() {
                return;
            }
        }
    }

    /// Tells a node how much its link can take, once it may have used up a quarter of what it was told: no more lies on
    /// the way than a system's buffer holds.
    pub(super) fn give_room(&mut self, stream: usize, at: At) {
        let end = self.net.streams[stream].end(at);
        let (Some(n), Some(link), State::Open) = (end.node, end.link, end.state) else { return };
        let most = usize::try_from(self.members[n].settings.room).unwrap_or(BUFFER).min(BUFFER);
        let spent = &mut self.wires[stream].spent[at as usize];
        if !self.net.runs(n) || *spent < most / 4 {
            return;
        }
        let under_way = self.net.under_way(stream, at.other()).map(Vec::len).sum();
        let room = most.saturating_sub(under_way);
        if room >= most / 2 {
            *spent = under_way;
            self.step(n, Input::Room { link, bytes: u32::try_from(room).unwrap_or(u32::MAX) }, None);
        }
    }
}
