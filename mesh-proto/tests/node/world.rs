//! Nodes, the streams between them, and a clock: everything that a driver does, and nothing that is random.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::net::SocketAddr;
use core::time::Duration;

use mesh_proto::node::{
    Backlog, Door, Fresh, Halves, Input, Lot, MOST_UNWRITTEN, Node, Order, Reader, Settings, Verdict, Writer,
};
use mesh_proto::storage::Storage;
use mesh_proto::wire::{Identity, MeshSecret, MeshSecrets, Ports};
use mesh_proto::{
    Answer, Audience, Config, Fixed, Frame, Heap, Incarnation, Instant, Lane, Limits, LinkId, Message,
    NodeId, Now, Outcome, PathClass, Reason, Route, Routes, Seed, Standing, SystemError, Unable, Wait,
    Window,
};

/// What a node ordered, kept until its turn is over.
enum Kept {
    Dial(LinkId, SocketAddr),
    Write(LinkId, Vec<u8>),
    Up(LinkId, Box<Reader>, Box<Writer>),
    Send(LinkId, Box<Frame<'static>>),
    Close(LinkId, Reason),
    Announce(Audience, Vec<u8>),
}

/// The halves of a link that its driver has.
struct Own {
    reader: Box<Reader>,
    writer: Box<Writer>,
    backlog: Backlog,
}

pub(crate) struct Member<S: Storage = Heap> {
    pub(crate) node: Node<S>,
    pub(crate) address: SocketAddr,
    wait: Wait,
    /// Where each link is: its stream, and which end of it.
    links: BTreeMap<LinkId, (usize, usize)>,
    own: BTreeMap<LinkId, Own>,
    /// Every name that a link ever had.
    named: BTreeSet<LinkId>,
    /// The link that ended last.
    pub(crate) gone: Option<LinkId>,
    /// What came, and from whom.
    pub(crate) came: Vec<(NodeId, Lane, Vec<u8>)>,
    pub(crate) settled: Vec<(u64, Outcome)>,
    pub(crate) asked: Vec<NodeId>,
    /// How its links ended, by its own order.
    pub(crate) closed: Vec<Reason>,
    pub(crate) dials: usize,
    /// What it announced.
    pub(crate) datagrams: Vec<(Audience, Vec<u8>)>,
}

/// A stream of bytes: each end with what is on its way from it.
#[derive(Default)]
struct Stream {
    ends: [Option<(usize, LinkId)>; 2],
    pipes: [VecDeque<u8>; 2],
    /// What each end has written.
    wrote: [Vec<u8>; 2],
    ended: [bool; 2],
    /// The end that the test has.
    strange: Option<usize>,
}

pub(crate) struct World<S: Storage = Heap> {
    pub(crate) now: Duration,
    pub(crate) members: Vec<Member<S>>,
    streams: Vec<Stream>,
    dice: u64,
    /// Bytes are cut into at most so many.
    pub(crate) longest_cut: usize,
    /// The one bit that is altered on its way: of which stream, from which end, which byte, which bit.
    pub(crate) flip: Option<(usize, usize, usize, u8)>,
    fresh: u64,
    number: u64,
    /// The stream on which nothing arrives.
    pub(crate) held: Option<usize>,
    /// Whether streams are accepted.
    pub(crate) accepts: bool,
    /// The stream, and which end of it, that a node is about to name: its first words, or its end, come with the name.
    opening: Option<(usize, usize)>,
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn identity(name: u8) -> Identity {
    Identity::new([name; 32])
}

pub(crate) fn id(name: u8) -> NodeId {
    identity(name).id()
}

pub(crate) fn secret(name: u8) -> MeshSecret {
    MeshSecret::new([name; 32])
}

pub(crate) fn open<S: Storage>(name: u8) -> Settings<S> {
    settings(name, Door::Open(identity(name)))
}

pub(crate) fn closed<S: Storage>(name: u8) -> Settings<S> {
    closed_by(name, MeshSecrets::one(secret(0x77)))
}

pub(crate) fn closed_by<S: Storage>(name: u8, secrets: MeshSecrets) -> Settings<S> {
    settings(name, Door::Closed(identity(name), secrets))
}

pub(crate) fn unprotected<S: Storage>(name: u8) -> Settings<S> {
    settings(name, Door::Unprotected(id(name)))
}

fn settings<S: Storage>(name: u8, door: Door) -> Settings<S> {
    let incarnation = Incarnation::new(1, u64::from(name));
    let settings = Settings::new(door, "test", incarnation, Seed::Number(u64::from(name)));
    Settings { config: Config { announce_every: None, limits: limits::<S>(), ..Config::lan() }, ..settings }
}

/// Tables in place that have room for what [`limits`] asks for there.
pub(crate) type InPlace = Fixed<6, 40, 4096, 64>;

/// What is usual on the heap, and little in place.
pub(crate) fn limits<S: Storage>() -> Limits {
    let few = Limits {
        peers: 6,
        half_open: 8,
        half_open_per_source: 8,
        dials_in_flight: 8,
        message: 1024,
        record: 1000,
        window: Window { bytes: 4096, messages: 64 },
        ..Limits::default()
    };
    if S::PEERS.is_some() { few } else { Limits::default() }
}

pub(crate) fn outside<S: Storage>(settings: Settings<S>) -> Settings<S> {
    Settings { halves: Halves::Outside, ..settings }
}

pub(crate) fn address(n: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(n).expect("few nodes")], 7000))
}

/// How much of something: as usual on the heap, less in place.
pub(crate) fn fit<S: Storage>(usual: usize, in_place: usize) -> usize {
    if S::PEERS.is_some() { in_place } else { usual }
}

impl<S: Storage> Member<S> {
    /// How many links it has.
    pub(crate) fn links(&self) -> usize {
        self.links.len()
    }
}

impl<S: Storage> World<S> {
    pub(crate) fn new(all: impl IntoIterator<Item = Settings<S>>) -> Self {
        let mut world = Self {
            now: secs(1),
            members: Vec::new(),
            streams: Vec::new(),
            dice: 1,
            longest_cut: 3000,
            flip: None,
            fresh: 0,
            number: 0,
            held: None,
            accepts: true,
            opening: None,
        };
        for settings in all {
            world.add(settings);
        }
        world
    }

    pub(crate) fn add(&mut self, settings: Settings<S>) -> usize {
        let n = self.members.len();
        let node = Node::new(settings).expect("the settings are sound");
        self.members.push(Member {
            node,
            address: address(n),
            wait: Wait::Forever,
            links: BTreeMap::new(),
            own: BTreeMap::new(),
            named: BTreeSet::new(),
            gone: None,
            came: Vec::new(),
            settled: Vec::new(),
            asked: Vec::new(),
            closed: Vec::new(),
            dials: 0,
            datagrams: Vec::new(),
        });
        self.tell(n, Input::Tick);
        n
    }

    pub(crate) fn id(&self, n: usize) -> NodeId {
        self.members[n].node.mesh().me()
    }

    pub(crate) fn keep(&mut self, n: usize, other: usize) {
        let (peer, routes) = (self.id(other), self.routes(other));
        self.tell(n, Input::Keep { peer, routes });
    }

    pub(crate) fn routes(&self, n: usize) -> Routes {
        [Route::direct(self.members[n].address)].into_iter().collect()
    }

    pub(crate) fn send(&mut self, n: usize, other: usize, says: &[u8]) -> Answer {
        let peer = self.id(other);
        let message = Message::plain(says.to_vec().into()).with_receipt(0);
        self.tell(n, Input::Send { peer, messages: (&message).into() })
    }

    pub(crate) fn answer(&mut self, n: usize, peer: NodeId, verdict: Verdict) {
        self.tell(n, Input::Answer { peer, verdict });
    }

    pub(crate) fn is_up(&self, n: usize, other: usize) -> bool {
        let peer = self.members[n].node.mesh().peer(&self.id(other));
        peer.is_some_and(|peer| matches!(peer.standing, Standing::Up { .. }))
    }

    pub(crate) fn are_up(&self, n: usize, other: usize) -> bool {
        self.is_up(n, other) && self.is_up(other, n)
    }

    /// Why a node has no session with a peer.
    pub(crate) fn down(&self, n: usize, peer: &NodeId) -> Option<Reason> {
        match self.members[n].node.mesh().peer(peer)?.standing {
            Standing::Down { reason } => reason,
            Standing::Up { .. } | Standing::Away { .. } => None,
        }
    }

    pub(crate) fn stats(&self, n: usize) -> mesh_proto::Stats {
        *self.members[n].node.mesh().stats()
    }

    /// What came at a node, in order.
    pub(crate) fn came(&self, n: usize) -> Vec<&[u8]> {
        self.members[n].came.iter().map(|(_, _, body)| body.as_slice()).collect()
    }

    /// One step of a driver.
    pub(crate) fn tell(&mut self, n: usize, input: Input<'_>) -> Answer {
        let mut kept = Vec::new();
        let now = self.reading();
        let Member { node, wait, came, settled, asked, dials, named, .. } = &mut self.members[n];
        let turn = node.handle(now, input);
        let answer = turn.answer();
        let mut name = |link| assert!(named.insert(link), "{link} is named twice");
        if let Answer::Link(link) = answer {
            name(link);
        }
        *wait = turn.carry_out(|order| match order {
            Order::Dial { link, route, .. } => {
                name(link);
                *dials += 1;
                kept.push(Kept::Dial(link, route.address));
            }
            Order::Write { link, bytes } => kept.push(Kept::Write(link, bytes.to_vec())),
            Order::Up { link, reader, writer } => kept.push(Kept::Up(link, reader, writer)),
            Order::Send { link, frame } => kept.push(Kept::Send(link, Box::new(frame.clone().into_owned()))),
            Order::Close { link, reason } => kept.push(Kept::Close(link, reason)),
            Order::Announce { to, datagram, .. } => kept.push(Kept::Announce(to, datagram.to_vec())),
            Order::Deliver { peer, message } => came.push((peer, message.lane, message.body.to_vec())),
            Order::Settled { token, outcome, .. } => settled.push((token, outcome)),
            Order::Ask { peer } => asked.push(peer),
            Order::Roomy { .. } => {}
        });
        assert!(!matches!(*wait, Wait::Until(at) if at <= now.awake), "a hot loop");
        if let (Some((stream, end)), Ok(link)) = (self.opening.take(), answer.link()) {
            self.members[n].links.insert(link, (stream, end));
            self.streams[stream].ends[end] = Some((n, link));
        }
        for order in kept {
            self.perform(n, order);
        }
        answer
    }

    /// The same, of a driver that stops before it has carried anything out.
    pub(crate) fn tell_and_stop(&mut self, n: usize, input: Input<'_>) {
        let now = self.reading();
        drop(self.members[n].node.handle(now, input));
    }

    fn reading(&self) -> Now {
        Now::single(Instant::from_micros(self.now.as_micros() as u64))
    }

    /// Joins two nodes by a stream that `n` has opened by other means than a dial.
    pub(crate) fn attach(&mut self, n: usize, other: usize, expected: Option<NodeId>) {
        assert!(self.try_attach(n, other, expected).is_ok(), "there is room");
    }

    /// The same, where one of them may have no room for it.
    pub(crate) fn try_attach(
        &mut self,
        n: usize,
        other: usize,
        expected: Option<NodeId>,
    ) -> Result<(), Unable> {
        let (stream, class) = (self.streams.len(), PathClass::Direct);
        self.streams.push(Stream::default());
        self.opening = Some((stream, 1));
        let fresh = self.fresh();
        self.tell(other, Input::Accepted { from: None, class, fresh }).link()?;
        self.opening = Some((stream, 0));
        let fresh = self.fresh();
        let here = self.tell(n, Input::Attached { expected, class, fresh }).link();
        // Whoever has no room for it ends the stream itself.
        self.streams[stream].ended[0] |= here.is_err();
        here.map(|_| ())
    }

    fn perform(&mut self, n: usize, order: Kept) {
        match order {
            Kept::Dial(link, to) => self.dial(n, link, to),
            Kept::Write(link, bytes) => self.write(n, link, &bytes),
            Kept::Up(link, reader, writer) => {
                let own = Own { reader, writer, backlog: Backlog::default() };
                self.members[n].own.insert(link, own);
                self.read(n, link, &[]);
            }
            Kept::Send(link, frame) => {
                let Member { own, links, .. } = &mut self.members[n];
                if let Some(own) = own.get_mut(&link) {
                    own.backlog.push(&frame);
                    self.flush(n, link);
                } else {
                    // It may have ended since that was ordered.
                    assert!(!links.contains_key(&link), "frames are sent on links that are up");
                }
            }
            Kept::Close(link, reason) => {
                self.members[n].closed.push(reason);
                self.members[n].own.remove(&link);
                self.members[n].gone = Some(link);
                let (stream, end) = self.members[n].links.remove(&link).expect("a link is closed once");
                self.streams[stream].ends[end] = None;
                self.streams[stream].ended[end] = true;
            }
            Kept::Announce(to, datagram) => self.members[n].datagrams.push((to, datagram)),
        }
    }

    fn dial(&mut self, n: usize, link: LinkId, to: SocketAddr) {
        let stream = self.streams.len();
        self.streams.push(Stream { ends: [Some((n, link)), None], ..Stream::default() });
        self.members[n].links.insert(link, (stream, 0));
        let listens = self.members.iter().position(|member| member.address == to);
        let accepted = listens.filter(|_| self.accepts).is_some_and(|other| {
            let (from, class, fresh) = (Some(self.members[n].address), PathClass::Direct, self.fresh());
            self.opening = Some((stream, 1));
            self.tell(other, Input::Accepted { from, class, fresh }).link().is_ok()
        });
        if accepted {
            let fresh = self.fresh();
            self.tell(n, Input::Connected { link, fresh });
        } else {
            let error = if self.accepts { SystemError::Refused } else { SystemError::Exhausted };
            self.hang_up(stream, 0, error);
        }
    }

    /// Lets a stranger dial a node: gives the stream, whose other end is the test.
    pub(crate) fn stranger(&mut self, n: usize, from: SocketAddr) -> Option<usize> {
        let (stream, fresh) = (self.streams.len(), self.fresh());
        self.streams.push(Stream { strange: Some(0), ..Stream::default() });
        self.opening = Some((stream, 1));
        let accepted = Input::Accepted { from: Some(from), class: PathClass::Direct, fresh };
        self.tell(n, accepted).link().is_ok().then_some(stream)
    }

    /// Lets a node open a stream to a stranger by other means than a dial: gives the stream, whose other end is the test.
    pub(crate) fn attach_stranger(&mut self, n: usize, expected: Option<NodeId>) -> usize {
        let (stream, fresh) = (self.streams.len(), self.fresh());
        self.streams.push(Stream { strange: Some(1), ..Stream::default() });
        self.opening = Some((stream, 0));
        let attached = Input::Attached { expected, class: PathClass::Direct, fresh };
        self.tell(n, attached).link().expect("there is room");
        stream
    }

    fn strange_end(&self, stream: usize) -> usize {
        self.streams[stream].strange.expect("it is a stranger's")
    }

    /// A stranger writes to its stream.
    pub(crate) fn write_as_stranger(&mut self, stream: usize, bytes: &[u8]) {
        let end = self.strange_end(stream);
        self.streams[stream].pipes[end].extend(bytes);
    }

    /// What a node has written to a stranger since it last read.
    pub(crate) fn read_as_stranger(&mut self, stream: usize) -> Vec<u8> {
        let end = self.strange_end(stream);
        self.streams[stream].pipes[1 - end].drain(..).collect()
    }

    /// Whether a node has ended a stranger's stream.
    pub(crate) fn hung_up(&self, stream: usize) -> bool {
        self.streams[stream].ended[1 - self.strange_end(stream)]
    }

    /// A node's process ends, and another run of it begins: nobody is told.
    pub(crate) fn restart(&mut self, n: usize, settings: Settings<S>) {
        for end in self.streams.iter_mut().flat_map(|stream| &mut stream.ends) {
            *end = end.filter(|(node, _)| *node != n);
        }
        let member = &mut self.members[n];
        member.node = Node::new(settings).expect("the settings are sound");
        member.links.clear();
        member.own.clear();
        member.named.clear();
        self.tell(n, Input::Tick);
    }

    fn fresh(&mut self) -> Fresh {
        self.fresh += 1;
        let mut bytes = [0x42; 32];
        // The curve clears the lowest bits of a key: not there.
        bytes[8..16].copy_from_slice(&self.fresh.to_le_bytes());
        Fresh::new(bytes)
    }

    fn write(&mut self, n: usize, link: LinkId, bytes: &[u8]) {
        let Some((stream, end)) = self.members[n].links.get(&link).copied() else { return };
        let flip = self.flip.filter(|(at, from, ..)| (*at, *from) == (stream, end));
        let stream = &mut self.streams[stream];
        for byte in bytes {
            let altered = match flip {
                Some((_, _, offset, bit)) if offset == stream.wrote[end].len() => byte ^ (1 << bit),
                Some(_) | None => *byte,
            };
            stream.wrote[end].push(*byte);
            stream.pipes[end].push_back(altered);
        }
    }

    /// What was written on a stream, from an end.
    pub(crate) fn wrote(&self, stream: usize, end: usize) -> &[u8] {
        &self.streams[stream].wrote[end]
    }

    /// Alters the whole records that are on their way from an end.
    pub(crate) fn tamper(&mut self, stream: usize, end: usize, how: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let pipe = &mut self.streams[stream].pipes[end];
        let mut records = Vec::new();
        while let [Some(high), Some(low)] = [pipe.front().copied(), pipe.get(1).copied()] {
            let length = 2 + usize::from(u16::from_be_bytes([high, low]));
            records.push(pipe.drain(..length).collect());
        }
        how(&mut records);
        pipe.extend(records.concat());
    }

    pub(crate) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Alters one byte of what is on its way from an end; whether there was any.
    pub(crate) fn flip_on_the_way(&mut self, stream: usize, end: usize, at: u64, mask: u8) -> bool {
        let pipe = &mut self.streams[stream].pipes[end];
        let at = usize::try_from(at % (pipe.len() as u64).max(1)).expect("it is on its way");
        pipe.get_mut(at).map(|byte| *byte ^= mask).is_some()
    }

    /// The most bytes that are on their way from any node on one stream.
    pub(crate) fn longest_on_the_way(&self) -> usize {
        let pipes = self.streams.iter().flat_map(|stream| stream.pipes.iter().zip(&stream.ends));
        pipes.filter(|(_, end)| end.is_some()).map(|(pipe, _)| pipe.len()).max().unwrap_or(0)
    }

    /// The name of a stream at a node, if it has that end of it.
    pub(crate) fn link_at(&self, stream: usize, n: usize) -> Option<LinkId> {
        self.streams[stream].ends.iter().flatten().find(|(node, _)| *node == n).map(|(_, link)| *link)
    }

    /// Whether the test has one end of a stream.
    pub(crate) fn is_strange(&self, stream: usize) -> bool {
        self.streams[stream].strange.is_some()
    }

    /// How many strangers a node has not hung up on.
    pub(crate) fn strangers_at(&self, n: usize) -> usize {
        let of_node =
            |stream: &&Stream| stream.strange == Some(0) && stream.ends[1].is_some_and(|(node, _)| node == n);
        self.streams.iter().filter(of_node).count()
    }

    /// A number that rises.
    pub(crate) fn number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// What a writer's task does.
    fn flush(&mut self, n: usize, link: LinkId) {
        let Some(own) = self.members[n].own.get_mut(&link) else { return };
        let mut lot = Lot::default();
        own.backlog.take(&mut lot);
        own.writer.push_all(&mut lot).expect("every frame fits");
        own.writer.seal().expect("few records");
        let bytes = own.writer.bytes().to_vec();
        own.writer.wrote(bytes.len());
        self.write(n, link, &bytes);
    }

    /// What a reader's task does.
    fn read(&mut self, n: usize, link: LinkId, mut bytes: &[u8]) {
        loop {
            let Some(own) = self.members[n].own.get_mut(&link) else { return };
            let space = own.reader.space();
            let length = space.len().min(bytes.len());
            space[..length].copy_from_slice(&bytes[..length]);
            own.reader.filled(length);
            bytes = &bytes[length..];
            let mut frames = Vec::new();
            let opened =
                own.reader.open(|came| frames = came.iter().cloned().map(Frame::into_owned).collect());
            if !frames.is_empty() {
                self.tell(n, Input::Frames { link, frames: frames.into() });
            }
            if opened.is_err() {
                self.tell(n, Input::Broken { link });
                return;
            }
            if bytes.is_empty() {
                return;
            }
        }
    }

    /// Ends every stream of a node, at both of its ends, with whatever is on its way.
    pub(crate) fn cut_all(&mut self, n: usize) {
        for stream in 0..self.streams.len() {
            if self.streams[stream].ends.iter().flatten().any(|(node, _)| *node == n) {
                self.cut(stream);
            }
        }
    }

    pub(crate) fn cut(&mut self, stream: usize) {
        self.streams[stream].pipes = Default::default();
        for end in 0..2 {
            self.hang_up(stream, end, SystemError::Reset);
        }
    }

    fn hang_up(&mut self, stream: usize, end: usize, error: SystemError) {
        if let Some((node, link)) = self.streams[stream].ends[end].take() {
            self.members[node].links.remove(&link);
            self.members[node].own.remove(&link);
            self.members[node].gone = Some(link);
            self.streams[stream].ended[end] = true;
            self.tell(node, Input::Closed { link, error });
        }
    }

    /// Moves what is on its way by one cut of each direction; `false` when nothing moves any more.
    pub(crate) fn carry(&mut self) -> bool {
        let mut moved = false;
        for stream in 0..self.streams.len() {
            for from in 0..2 {
                self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let longest = 1 + (self.dice >> 33) as usize % self.longest_cut;
                moved |= self.carry_from(stream, from, longest);
            }
        }
        moved
    }

    /// Moves so much of what is on its way from one end of a stream; `false` when there is nothing.
    pub(crate) fn carry_from(&mut self, stream: usize, from: usize, longest: usize) -> bool {
        let Stream { ends, pipes, ended, .. } = &mut self.streams[stream];
        if self.held == Some(stream) || (ends[1 - from].is_none() && !ended[1 - from]) {
            // A stranger reads when it likes, and who is gone reads no more.
            return false;
        }
        let length = pipes[from].len().min(longest);
        let bytes: Vec<u8> = pipes[from].drain(..length).collect();
        let (emptied, over) = (pipes[from].is_empty(), ended[from]);
        let (sender, receiver) = (ends[from], ends[1 - from]);
        if let (Some((node, link)), false) = (receiver, bytes.is_empty()) {
            if self.members[node].own.contains_key(&link) {
                self.read(node, link, &bytes);
            } else {
                self.tell(node, Input::Bytes { link, bytes: &bytes });
            }
        }
        if let (Some((node, link)), true, false) = (sender, emptied, bytes.is_empty()) {
            self.tell(node, Input::Room { link, bytes: MOST_UNWRITTEN });
        }
        let ends = emptied && over && self.streams[stream].ends[1 - from].is_some();
        if ends {
            self.hang_up(stream, 1 - from, SystemError::Ended);
        }
        ends || !bytes.is_empty()
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        assert!(self.pass_until(end, |_| false) || self.now == end);
    }

    /// Lets time pass until something holds; whether it came to hold.
    pub(crate) fn until(&mut self, within: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        self.pass_until(self.now + within, holds)
    }

    fn pass_until(&mut self, end: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        loop {
            if holds(self) {
                return true;
            }
            if self.carry() {
                continue;
            }
            let due = |member: &Member<S>| match member.wait {
                Wait::Until(at) => Some(Duration::from_micros(at.as_micros())),
                Wait::Forever => None,
            };
            let next = self.members.iter().filter_map(due).min().filter(|at| *at <= end);
            let Some(next) = next else {
                self.now = end;
                return false;
            };
            self.now = self.now.max(next);
            for n in 0..self.members.len() {
                if due(&self.members[n]).is_some_and(|at| at <= self.now) {
                    self.tell(n, Input::Tick);
                }
            }
        }
    }

    pub(crate) fn listens_on(&mut self, n: usize, ports: &[u16]) {
        self.members[n].node.listens_on(ports.iter().copied().collect::<Ports>());
    }
}
