//! One machine and a clock, for tests that compare whole lists of orders.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use mesh_proto::storage::Storage;
use mesh_proto::{
    Action, Announcement, Answer, Audience, Batch, Cause, Config, Cursor, Event, Fixed, Frame, Hello,
    Incarnation, Instant, Lane, Limits, LinkId, LinkTag, Loss, Losses, Marks, Mesh, NodeId, Now, Outcome,
    PathClass, PeerView, Proof, Reason, Route, Routes, Seed, Standing, Takes, Wait, Welcome, Window,
};

/// Tables in place that hold what [`config`] asks for.
pub(crate) type InPlace = Fixed<4, 20>;

/// An order, kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Order {
    Dial(LinkId, Route, Option<NodeId>),
    Send(LinkId, Frame<'static>),
    Close(LinkId, Reason),
    Announce(Audience, Announcement, Cause),
    Deliver(NodeId, Lane, u8, Vec<u8>),
    Settled(NodeId, u64, Outcome),
    Roomy(NodeId),
}

/// A machine in the middle of the ids: there is room for lower and for higher ones.
pub(crate) struct Node<S: Storage> {
    pub(crate) mesh: Mesh<S>,
    pub(crate) now: Duration,
    pub(crate) elapsed: Duration,
    pub(crate) wait: Wait,
    pub(crate) answer: Answer,
    tags: u64,
}

/// The node under test.
pub(crate) const ME: NodeId = NodeId::new([5; 32]);
/// A peer that decides for the pair.
pub(crate) const LOWER: NodeId = NodeId::new([1; 32]);
/// Another.
pub(crate) const LOWEST: NodeId = NodeId::new([0; 32]);
/// A peer for which [`ME`] decides.
pub(crate) const HIGHER: NodeId = NodeId::new([8; 32]);
/// Another.
pub(crate) const HIGHEST: NodeId = NodeId::new([9; 32]);

pub(crate) fn config() -> Config {
    let limits = Limits {
        peers: 4,
        links_per_peer: 3,
        half_open: 4,
        half_open_per_source: 3,
        incoming_per_second: 100,
        dials_in_flight: 4,
        dials_per_second: 8,
        message: 300,
        record: 512,
        window: Window { bytes: 1000, messages: 10 },
    };
    Config { announce_every: None, limits, ..Config::lan() }
}

/// What every peer takes.
pub(crate) const TAKES: Takes =
    Takes { message: 200, record: 512, window: Window { bytes: 500, messages: 5 } };

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Where a peer listens.
pub(crate) fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], 7000))
}

pub(crate) fn route(host: u8) -> Route {
    Route::direct(address(host))
}

pub(crate) fn routes(hosts: &[u8]) -> Routes {
    hosts.iter().map(|host| route(*host)).collect()
}

pub(crate) fn run(start: u64, bits: u64) -> Incarnation {
    Incarnation::new(start, bits)
}

pub(crate) fn hello(incarnation: Incarnation) -> Hello {
    Hello {
        incarnation,
        detect_within: secs(10),
        class: PathClass::Direct,
        keep: false,
        lost: Losses::new(),
        birth: 1,
        meant: None,
        marks: Marks { open: TAKES.window, ..Marks::default() },
        takes: TAKES,
    }
}

/// What the node under test says when it has no session yet with its first peer.
pub(crate) fn own_hello() -> Hello {
    let Limits { message, record, window, .. } = config().limits;
    Hello {
        marks: Marks { open: window, ..Marks::default() },
        takes: Takes { message, record, window },
        ..hello(run(3, 33))
    }
}

pub(crate) fn losing(tag: u64, reason: Reason) -> Losses {
    [Loss { tag: LinkTag::new(tag), reason }].into_iter().collect()
}

impl<S: Storage> Node<S> {
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self::named(ME, config)
    }

    pub(crate) fn named(me: NodeId, config: Config) -> Self {
        let mesh = Mesh::new(me, run(3, 33), config, Seed::Still).expect("the configuration is sound");
        let now = secs(100);
        let mut node = Self { mesh, now, elapsed: now, wait: Wait::Forever, answer: Answer::Done, tags: 0 };
        if config.announce_every.is_none() {
            assert_eq!(node.tell(Event::Tick), []);
        }
        node
    }

    /// Takes an event in at the time that it is, and gives what is ordered.
    pub(crate) fn tell(&mut self, event: Event<'_>) -> Vec<Order> {
        let reading = |span: Duration| Instant::START.after(span);
        let turn = self.mesh.handle(Now::new(reading(self.now), reading(self.elapsed)), event);
        self.answer = turn.answer();
        let mut orders = Vec::new();
        self.wait = turn.carry_out(|action| {
            orders.push(match action {
                Action::Dial { link, route, expected } => Order::Dial(link, route, expected),
                Action::Send { link, frame } => Order::Send(link, frame.clone().into_owned()),
                Action::Close { link, reason } => Order::Close(link, reason),
                Action::Announce { to, announcement, cause } => Order::Announce(to, announcement, cause),
                Action::Deliver { peer, message } => {
                    Order::Deliver(peer, message.lane, message.kind, message.body.to_vec())
                }
                Action::Settled { peer, token, outcome, .. } => Order::Settled(peer, token, outcome),
                Action::Roomy { peer } => Order::Roomy(peer),
            });
        });
        self.mesh.audit().expect("the tables agree");
        orders
    }

    /// Takes an event in, and carries the orders out until that panics, which it must.
    pub(crate) fn tell_until_it_panics(&mut self, event: Event<'_>, perform: impl FnMut(Action<'_>)) {
        let turn = self.mesh.handle(Now::single(Instant::START.after(self.now)), event);
        let carry_out = core::panic::AssertUnwindSafe(|| turn.carry_out(perform));
        assert!(std::panic::catch_unwind(carry_out).is_err());
    }

    /// Lets time pass, with a tick at every deadline, to this long from now; gives all that is ordered meanwhile.
    pub(crate) fn pass(&mut self, span: Duration) -> Vec<Order> {
        let end = self.now + span;
        let mut orders = Vec::new();
        while let Wait::Until(at) = self.wait {
            let at = at.since(Instant::START);
            if at > end {
                break;
            }
            self.elapsed += at - self.now;
            self.now = at;
            orders.extend(self.tell(Event::Tick));
        }
        self.elapsed += end - self.now;
        self.now = end;
        orders
    }

    /// The same, and every ping is answered at once.
    pub(crate) fn live(&mut self, span: Duration) -> Vec<Order> {
        let end = self.now + span;
        let mut orders = Vec::new();
        loop {
            let due = self.waits().map(|wait| self.now + wait).filter(|at| *at <= end);
            let mut new = self.pass(due.unwrap_or(end) - self.now);
            for (link, nonce) in pings(&new) {
                new.extend(self.frame(link, Frame::Pong { nonce }));
            }
            orders.extend(new);
            if due.is_none() {
                return orders;
            }
        }
    }

    /// Lets time pass without a tick: the node is late if something was due.
    pub(crate) fn freeze(&mut self, span: Duration) {
        self.now += span;
        self.elapsed += span;
    }

    /// How long the machine would wait now.
    pub(crate) fn waits(&self) -> Option<Duration> {
        match self.wait {
            Wait::Until(at) => Some(at.since(Instant::START) - self.now),
            Wait::Forever => None,
        }
    }

    pub(crate) fn frame(&mut self, link: LinkId, frame: Frame<'_>) -> Vec<Order> {
        self.tell(Event::Frames { link, frames: Batch::from(&frame) })
    }

    /// Accepts a stream.
    pub(crate) fn incoming(&mut self, host: u8) -> LinkId {
        let orders = self.tell(Event::Incoming { from: Some(address(host)), class: PathClass::Direct });
        assert_eq!(orders, []);
        self.answer.link().expect("there is room")
    }

    /// Attaches a stream that this node opened.
    pub(crate) fn attach(&mut self, expected: Option<NodeId>) -> LinkId {
        assert_eq!(self.tell(Event::Attached { expected, class: PathClass::Direct }), []);
        self.answer.link().expect("there is room")
    }

    /// Proves who is at the other end of a link; gives the tag of the link and what is ordered.
    pub(crate) fn prove(&mut self, link: LinkId, peer: NodeId) -> (u64, Vec<Order>) {
        self.tags += 1;
        let proof = Proof { peer, tag: LinkTag::new(self.tags), round_trip: millis(20) };
        let orders = self.tell(Event::Proven { link, proof });
        (self.tags, orders)
    }

    /// A link that a peer dialed, up to its hello; gives its tag and what the hello led to.
    pub(crate) fn accept(&mut self, peer: NodeId, hello: Hello) -> (LinkId, u64, Vec<Order>) {
        let link = self.incoming(9);
        let (tag, orders) = self.prove(link, peer);
        assert_eq!(orders, []);
        (link, tag, self.frame(link, Frame::Hello(hello.into())))
    }

    /// The same, and all goes well.
    pub(crate) fn accepted(&mut self, peer: NodeId, incarnation: Incarnation) -> (LinkId, u64) {
        let (link, tag, _) = self.accept(peer, hello(incarnation));
        (link, tag)
    }

    /// Dials a peer at a host, up to the hello; gives the link and its tag.
    pub(crate) fn greet(&mut self, peer: NodeId, host: u8) -> (LinkId, u64) {
        let orders = self.tell(Event::Seek { peer, routes: routes(&[host]) });
        let [.., Order::Dial(link, ..)] = orders.as_slice() else { panic!("no dial in {orders:?}") };
        let link = *link;
        assert_eq!(self.tell(Event::Connected { link }), []);
        let (tag, orders) = self.prove(link, peer);
        assert!(matches!(orders.as_slice(), [Order::Send(_, Frame::Hello(_))]), "{orders:?}");
        (link, tag)
    }

    /// Answers the hello of a dialed link.
    pub(crate) fn welcome(&mut self, link: LinkId, incarnation: Incarnation) -> Vec<Order> {
        self.frame(link, Frame::Welcome(Welcome { hello: hello(incarnation), doubt: false }.into()))
    }

    /// A link that this node dialed.
    pub(crate) fn dialed(&mut self, peer: NodeId, host: u8, incarnation: Incarnation) -> (LinkId, u64) {
        let (link, tag) = self.greet(peer, host);
        self.welcome(link, incarnation);
        (link, tag)
    }

    pub(crate) fn view(&self, peer: NodeId) -> PeerView {
        self.mesh.peer(&peer).expect("the peer is known")
    }

    pub(crate) fn standing(&self, peer: NodeId) -> Standing {
        self.view(peer).standing
    }

    /// The link that carries the session with a peer.
    pub(crate) fn carrier(&self, peer: NodeId) -> Option<LinkId> {
        match self.standing(peer) {
            Standing::Up { link, .. } => Some(link),
            Standing::Away { .. } | Standing::Down { .. } => None,
        }
    }

    pub(crate) fn news(&self, cursor: &mut Cursor) -> (Vec<(NodeId, Standing)>, u64) {
        let news = self.mesh.news(cursor);
        let missed = news.missed();
        (news.map(|view| (view.id, view.standing)).collect(), missed)
    }
}

/// The pings among some orders, as link and nonce.
pub(crate) fn pings(orders: &[Order]) -> Vec<(LinkId, u32)> {
    let ping = |order: &Order| {
        if let Order::Send(link, Frame::Ping { nonce }) = order { Some((*link, *nonce)) } else { None }
    };
    orders.iter().filter_map(ping).collect()
}

/// The dials among some orders, by host.
pub(crate) fn dials(orders: &[Order]) -> Vec<u8> {
    let host = |order: &Order| {
        let Order::Dial(_, Route { address: SocketAddr::V4(v4), .. }, _) = order else { return None };
        v4.ip().octets().last().copied()
    };
    orders.iter().filter_map(host).collect()
}

/// The orders to close among some orders.
pub(crate) fn closes(orders: &[Order]) -> Vec<(LinkId, Reason)> {
    let close = |order: &Order| {
        if let Order::Close(link, reason) = order { Some((*link, *reason)) } else { None }
    };
    orders.iter().filter_map(close).collect()
}
