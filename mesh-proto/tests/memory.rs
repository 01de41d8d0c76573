//! How much memory a machine takes: nothing for a message in steady state, and never more than is said.

use core::time::Duration;

use allocation_counter::measure;
use mesh_proto::{
    Action, Body, Config, Event, Fixed, Frame, Heap, Hello, Incarnation, Instant, Lane, Limits, LinkId,
    LinkTag, Losses, Marks, Mesh, Message, NodeId, Now, PathClass, Piece, Proof, Seed, Shipped, Taken, Takes,
    Wait, Wants, Window,
};

const BYTES: &[u8] = &[7; 100_000];

fn id(number: u8) -> NodeId {
    NodeId::new([number; 32])
}

fn run() -> Incarnation {
    Incarnation::new(1, 1)
}

/// A machine and the frames that it ordered to be sent.
struct Node {
    mesh: Mesh<Heap>,
    out: Vec<(LinkId, Frame<'static>)>,
    came: usize,
    settled: usize,
}

impl Node {
    fn new(number: u8, config: Config) -> Self {
        let mesh = Mesh::new(id(number), run(), config, Seed::Number(1)).expect("the configuration is sound");
        Self { mesh, out: Vec::with_capacity(4096), came: 0, settled: 0 }
    }

    fn tell(&mut self, event: Event<'_>) -> Option<LinkId> {
        let now = Now::single(Instant::START.after(Duration::from_secs(1)));
        let turn = self.mesh.handle(now, event);
        let link = turn.answer().link().ok();
        let _until: Wait = turn.carry_out(|action| match action {
            Action::Send { link, frame } => self.out.push((link, frame.clone().into_owned())),
            Action::Deliver { .. } => self.came += 1,
            Action::Settled { .. } => self.settled += 1,
            Action::Dial { .. } | Action::Close { .. } | Action::Announce { .. } | Action::Roomy { .. } => {}
        });
        link
    }

    /// A link that a peer dialed, up to its hello.
    fn accept(&mut self, peer: u8, tag: u64) -> LinkId {
        let link =
            self.tell(Event::Incoming { from: None, class: PathClass::Direct }).expect("there is room");
        let proof = Proof { peer: id(peer), tag: LinkTag::new(tag), round_trip: Duration::ZERO };
        self.tell(Event::Proven { link, proof });
        let window = Window { bytes: 4 << 20, messages: 16_384 };
        let hello = Hello {
            incarnation: run(),
            detect_within: Duration::from_secs(10),
            class: PathClass::Direct,
            keep: true,
            lost: Losses::new(),
            birth: 1,
            meant: None,
            marks: Marks { open: window, ..Marks::default() },
            takes: Takes { message: 1 << 20, record: 65_519, window },
        };
        self.tell(Event::Frames { link, frames: (&Frame::Hello(hello.into())).into() });
        self.tell(Event::Room { link, bytes: 1 << 30 });
        link
    }
}

/// Two machines with a link.
fn pair() -> (Node, Node, LinkId, LinkId) {
    let config = Config { announce_every: None, ..Config::lan() };
    let (mut a, mut b) = (Node::new(1, config), Node::new(2, config));
    let route = mesh_proto::Route::direct(([127, 0, 0, 1], 1).into());
    let mut dialed = None;
    let now = Now::single(Instant::START.after(Duration::from_secs(1)));
    let keep = Event::Keep { peer: id(2), routes: [route].into_iter().collect() };
    let _until: Wait = a.mesh.handle(now, keep).carry_out(|action| {
        if let Action::Dial { link, .. } = action {
            dialed = Some(link);
        }
    });
    let at_a = dialed.expect("it dials");
    let at_b = b.tell(Event::Incoming { from: None, class: PathClass::Direct }).expect("there is room");
    a.tell(Event::Connected { link: at_a });
    for (node, link, peer) in [(&mut b, at_b, 1), (&mut a, at_a, 2)] {
        let proof = Proof { peer: id(peer), tag: LinkTag::new(9), round_trip: Duration::ZERO };
        node.tell(Event::Proven { link, proof });
        node.tell(Event::Room { link, bytes: 1 << 30 });
    }
    settle(&mut a, &mut b, at_a, at_b);
    (a, b, at_a, at_b)
}

/// Carries frames to and fro until there are none.
fn settle(a: &mut Node, b: &mut Node, at_a: LinkId, at_b: LinkId) {
    while !(a.out.is_empty() && b.out.is_empty()) {
        carry(a, b, at_b);
        carry(b, a, at_a);
    }
}

fn carry(from: &mut Node, to: &mut Node, link: LinkId) {
    let mut frames = core::mem::take(&mut from.out);
    for (_, frame) in frames.drain(..) {
        to.tell(Event::Frames { link, frames: (&frame).into() });
    }
    from.out = frames;
}

#[test]
fn a_message_in_steady_state_allocates_nothing() {
    let (mut a, mut b, at_a, at_b) = pair();
    let body: Body<'static> = bytes::Bytes::from_static(&BYTES[..64]).into();
    let mut thousand = || {
        for _ in 0..1_000 {
            let message = Message::plain(body.clone()).with_receipt(1);
            a.tell(Event::Send { peer: id(2), messages: (&message).into() });
            settle(&mut a, &mut b, at_a, at_b);
        }
    };
    thousand();
    let cost = measure(&mut thousand);
    assert_eq!((b.came, a.settled), (2_000, 2_000));
    assert_eq!(cost.count_total, 0, "{cost:?}");
}

#[test]
fn a_message_in_pieces_allocates_what_it_is_put_together_in() {
    let (mut a, mut b, at_a, at_b) = pair();
    let body: Body<'static> = bytes::Bytes::from_static(BYTES).into();
    let mut hundred = || {
        for _ in 0..100 {
            a.tell(Event::Send { peer: id(2), messages: (&Message::plain(body.clone())).into() });
            settle(&mut a, &mut b, at_a, at_b);
        }
    };
    hundred();
    let cost = measure(&mut hundred);
    assert_eq!(b.came, 200);
    // The bytes of each, and the count of the handles to them.
    assert!(cost.count_total <= 200, "{cost:?}");
    assert!(cost.bytes_total <= 100 * (BYTES.len() as u64 + 100), "{cost:?}");
}

#[test]
fn a_flood_takes_no_more_memory_than_is_said() {
    let limits = Limits {
        peers: 8,
        links_per_peer: 4,
        half_open: 16,
        half_open_per_source: 16,
        incoming_per_second: 10_000,
        dials_in_flight: 8,
        dials_per_second: 8,
        message: 1000,
        record: 65_519,
        window: Window { bytes: 20_000, messages: 64 },
    };
    let config = Config { announce_every: None, taken: Taken::WhenSaid, limits, ..Config::lan() };
    let said = Mesh::<Heap>::most_memory(&config);
    let mut sent = 0;
    // What the test itself keeps is not the machine's.
    let mut node = Node::new(100, config);
    node.out = Vec::with_capacity(100_000);
    let cost = measure(|| {
        for peer in 0..40 {
            for dial in 0..5 {
                let link = node.accept(peer, u64::from(peer) * 10 + dial);
                for number in 0..70 {
                    let body = Body::from(&BYTES[..300]);
                    let piece = Piece { lane: Lane::Ordinary, kind: 0, number, offset: 0, total: 300, body };
                    node.tell(Event::Frames { link, frames: (&Frame::Data(piece)).into() });
                }
            }
            for _ in 0..100 {
                let message = Message { wants: Wants::Report, ..Message::plain(Body::from(&BYTES[..250])) };
                node.tell(Event::Send { peer: id(peer), messages: (&message).into() });
                sent += 1;
            }
            node.out.clear();
        }
        for _ in 0..100 {
            node.tell(Event::Incoming { from: None, class: PathClass::Direct });
        }
    });
    assert!(sent == 4_000 && node.came > 300, "{}", node.came);
    let most = cost.bytes_max + size_of::<Mesh<Heap>>() as u64;
    println!("{most} bytes were taken, {said} are said to be the most");
    assert!(most <= said, "{most} bytes were taken, {said} were said");
    assert!(most * 20 > said, "{said} is said, and a flood takes {most}: that says nothing");
}

#[test]
fn tables_in_place_take_what_they_are() {
    type Small = Mesh<Fixed<4, 24, 1024, 16>, Shipped>;
    assert_eq!(Small::most_memory(&Config::lan()), size_of::<Small>() as u64);
    println!("a machine in place for 4 peers with windows of 1 KiB takes {} bytes", size_of::<Small>());
    let wider = size_of::<Mesh<Fixed<4, 24, 2048, 16>, Shipped>>() - size_of::<Small>();
    assert_eq!(wider, 4 * 2 * 1024, "a window is there twice for each peer, and nothing else grows with it");
}
