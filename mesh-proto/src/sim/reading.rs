//! What a machine's driver does with what arrives on streams: it reads, and goes through handshakes.

use alloc::vec::Vec;

use crate::announcement::{Announcement, Vouched};
use crate::event::{Event, Proof, Route};
use crate::frame::Frame;
use crate::id::{LinkId, LinkTag, NodeId};
use crate::message::Piece;
use crate::reason::SystemError;
use crate::rules::Rules;
use crate::sim::World;
use crate::sim::carrying::BUFFER;
use crate::sim::stream::{At, Packet, State};
use crate::storage::Storage;
use crate::time::Instant;

/// What a machine's driver says on a stream.
#[derive(Clone, Debug)]
pub(super) enum Word {
    /// The first message of the handshake, under the secret of the mesh.
    First {
        /// Which.
        secret: u64,
    },
    /// The second one, which proves who the acceptor is.
    Second {
        /// Who.
        key: NodeId,
    },
    /// The third one, which proves who the dialer is and carries its hello.
    Third {
        /// Who.
        key: NodeId,
        /// The hello.
        hello: Frame<'static>,
    },
    /// A frame on the channel.
    Frame(Frame<'static>),
}

/// How far the handshake on a stream is, and the name that it gives the link.
#[derive(Clone, Copy)]
pub(super) struct Handshake {
    pub(super) tag: LinkTag,
    /// When each end sent its message, by its own clock.
    pub(super) asked: [Instant; 2],
    /// Whether the third message went out.
    pub(super) greeted: bool,
}

impl<S: Storage, R: Rules> World<S, R> {
    /// A node dials.
    pub(super) fn open_stream(&mut self, n: usize, link: LinkId, route: Route) {
        let stream = self.net.dial(n, link, route);
        self.shake(stream, Instant::START);
        self.net.ask(stream);
    }

    /// The handshake of a new stream, which gets a tag that no other stream of this world has. Their order tells nothing.
    pub(super) fn shake(&mut self, stream: usize, asked: Instant) {
        let tag = LinkTag::new((self.net.dice.below(1 << 32) << 32) | stream as u64);
        self.handshakes.push(Handshake { tag, asked: [asked; 2], greeted: false });
    }

    pub(super) fn send_frame(&mut self, n: usize, stream: usize, at: At, frame: Frame<'static>) {
        let greeted = &mut self.handshakes[stream].greeted;
        let word = if at == At::Dialer && !core::mem::replace(greeted, true) {
            Word::Third { key: self.nodes[n].id, hello: frame }
        } else {
            Word::Frame(frame)
        };
        self.net.send(stream, at.other(), Packet::Word(word));
    }

    /// What is due at an end arrives, and is read, if the program runs.
    pub(super) fn arrive(&mut self, stream: usize, to: At) {
        while self.net.arrives(stream, to) {
            let last = self.net.streams[stream].end(to).unread.back();
            if matches!(last, Some(Packet::Word(Word::Frame(Frame::Data(_))))) {
                self.give_room(stream, to.other());
            }
        }
        if self.net.arrived(stream, to).is_some() {
            self.read(stream, to);
        }
        self.net.retire(stream);
    }

    /// The program reads all that waits for it.
    pub(super) fn read_all(&mut self, n: usize) {
        while let Some((stream, at)) = self.net.hosts[n].unread.pop_front() {
            self.read(stream, at);
        }
        while let Some((source, (announcement, vouched))) = self.net.hosts[n].unheard.pop_front() {
            let routes = [Route::direct(source)].into_iter().collect();
            self.step(n, Event::Heard { announcement, routes, vouched });
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
    fn take(&mut self, n: usize, stream: usize, at: At, packet: Packet<Word>) {
        let now = self.net.reading(n).awake;
        if let Packet::Accept = packet {
            let (from, class) = (self.net.streams[stream].from, self.net.streams[stream].class);
            match self.step(n, Event::Incoming { from: Some(from), class }).link() {
                Ok(link) => {
                    self.net.name(stream, at, link);
                    self.give_room(stream, at);
                }
                Err(_) => self.net.hang_up(stream, at, SystemError::Reset),
            }
            return;
        }
        let end = self.net.streams[stream].end_mut(at);
        let Some(link) = end.link else { return };
        let Handshake { tag, asked, .. } = &mut self.handshakes[stream];
        let (tag, asked) = (*tag, &mut asked[at as usize]);
        match packet {
            Packet::Open | Packet::Accept => {}
            Packet::Opened => {
                end.opened = true;
                *asked = now;
                self.step(n, Event::Connected { link });
                if self.net.streams[stream].end(at).state == State::Open {
                    let secret = self.nodes[n].secret;
                    self.net.send(stream, at.other(), Packet::Word(Word::First { secret }));
                    self.give_room(stream, at);
                }
            }
            Packet::Word(Word::First { secret }) if secret == self.nodes[n].secret => {
                *asked = now;
                let key = self.nodes[n].id;
                self.net.send(stream, at.other(), Packet::Word(Word::Second { key }));
            }
            Packet::Word(Word::First { .. }) => {
                self.net.hang_up(stream, at, SystemError::Ended);
                self.step(n, Event::Closed { link, error: SystemError::Ended });
            }
            Packet::Word(Word::Second { key }) => {
                let proof = Proof { peer: key, tag, round_trip: now.since(*asked) };
                self.step(n, Event::Proven { link, proof });
            }
            Packet::Word(Word::Third { key, hello }) => {
                let proof = Proof { peer: key, tag, round_trip: now.since(*asked) };
                self.step(n, Event::Proven { link, proof });
                self.take_frames(n, stream, at, hello);
            }
            Packet::Word(Word::Frame(frame)) => self.take_frames(n, stream, at, frame),
            Packet::End(error) => {
                self.net.drop_end(stream, at, State::Closed);
                self.step(n, Event::Closed { link, error });
            }
        }
    }

    /// What the system at an end can take, it tells: no more lies on the way than its buffer holds.
    pub(super) fn give_room(&mut self, stream: usize, at: At) {
        let end = self.net.streams[stream].end(at);
        let (Some(n), Some(link), State::Open) = (end.node, end.link, end.state) else { return };
        let runs = self.net.runs(n);
        self.net.streams[stream].end_mut(at).room_untold = !runs;
        let under_way = self.net.under_way(stream, at.other()).map(|word| match word {
            Word::Frame(Frame::Data(piece)) => piece.body.len() + Piece::OVERHEAD as usize,
            Word::First { .. } | Word::Second { .. } | Word::Third { .. } | Word::Frame(_) => 0,
        });
        let room = BUFFER.saturating_sub(under_way.sum());
        if runs && room >= BUFFER / 2 {
            self.step(n, Event::Room { link, bytes: u32::try_from(room).unwrap_or(u32::MAX) });
        }
    }

    /// A node that runs again is told of the room that there came to be meanwhile.
    pub(super) fn give_missed_room(&mut self, n: usize) {
        for stream in self.net.hosts[n].streams.clone() {
            for at in [At::Dialer, At::Acceptor] {
                let end = self.net.streams[stream].end(at);
                if end.node == Some(n) && end.room_untold {
                    self.give_room(stream, at);
                }
            }
        }
    }

    /// Takes a frame and all that lie behind it in one event.
    fn take_frames(&mut self, n: usize, stream: usize, at: At, first: Frame<'static>) {
        let end = self.net.streams[stream].end_mut(at);
        let Some(link) = end.link.filter(|_| end.state == State::Open) else { return };
        let mut frames = Vec::from([first]);
        while let Some(Packet::Word(Word::Frame(_))) = end.unread.front() {
            if let Some(Packet::Word(Word::Frame(frame))) = end.unread.pop_front() {
                frames.push(frame);
            }
        }
        self.step(n, Event::Frames { link, frames: frames.into() });
    }

    /// An announcement arrives.
    pub(super) fn hear(&mut self, from: usize, to: usize, says: (Announcement, Vouched)) {
        if let Some((source, (announcement, vouched))) = self.net.hear(from, to, says) {
            let routes = [Route::direct(source)].into_iter().collect();
            self.step(to, Event::Heard { announcement, routes, vouched });
        }
    }
}
