//! How much memory a node in place takes: what its type says, and nothing from the heap. And how much a link keeps that has
//! nothing to do.

use allocation_counter::measure;
use mesh_proto::node::{Door, Fresh, Halves, Input, Node, Order, Reader, Settings, Writer};
use mesh_proto::wire::Identity;
use mesh_proto::{
    Answer, Body, Fixed, Frame, Incarnation, Instant, Lane, LinkId, Mesh, Now, PathClass, Piece, Route, Seed,
    Wait,
};

/// Four peers with two links each and four more, windows of 1 KiB, and the smallest records that there are.
type Small = Fixed<4, 12>;

#[test]
fn a_node_for_four_peers_takes_a_few_tens_of_kibibytes() {
    let (node, machine) = (size_of::<Node<Small>>(), size_of::<Mesh<Small>>());
    println!("a node takes {node} bytes, its machine {machine} of them");
    assert!(node < 80 * 1024, "{node} bytes");
}

/// A node with its halves outside, what it writes, and the halves of its only link.
struct End {
    node: Node,
    dialed: Option<LinkId>,
    writes: Vec<u8>,
    halves: Option<(Box<Reader>, Box<Writer>)>,
}

impl End {
    fn new(name: u8) -> Self {
        let door = Door::Open(Identity::new([name; 32]));
        let settings = Settings::new(door, "memory", Incarnation::new(1, 7), Seed::Number(1));
        let node = Node::new(Settings { halves: Halves::Outside, ..settings }).expect("it is sound");
        Self { node, dialed: None, writes: Vec::new(), halves: None }
    }

    fn tell(&mut self, input: Input<'_>) -> Answer {
        let turn = self.node.handle(Now::single(Instant::START), input);
        let answer = turn.answer();
        let _until: Wait = turn.carry_out(|order| match order {
            Order::Dial { link, .. } => self.dialed = Some(link),
            Order::Write { bytes, .. } => self.writes.extend_from_slice(bytes),
            Order::Up { reader, writer, .. } => self.halves = Some((reader, writer)),
            Order::Close { reason, .. } => panic!("closed: {reason}"),
            Order::Send { .. }
            | Order::Announce { .. }
            | Order::Deliver { .. }
            | Order::Settled { .. }
            | Order::Roomy { .. }
            | Order::Ask { .. } => {}
        });
        answer
    }
}

/// The half that writes at one end of a link, and the one that reads at the other.
fn halves() -> (Box<Writer>, Box<Reader>) {
    let (mut a, mut b) = (End::new(1), End::new(2));
    let peer = b.node.mesh().me();
    let route = Route::direct(([10, 0, 0, 2], 7000).into());
    a.tell(Input::Keep { peer, routes: [route].into_iter().collect() });
    let at_a = a.dialed.expect("it dials");
    let fresh = |byte: u8| Fresh::new([byte; 32]);
    let accepted = b.tell(Input::Accepted { from: None, class: PathClass::Direct, fresh: fresh(1) });
    let at_b = accepted.link().expect("there is a place");
    a.tell(Input::Connected { link: at_a, fresh: fresh(2) });
    for _ in 0..2 {
        b.tell(Input::Bytes { link: at_b, bytes: &core::mem::take(&mut a.writes) });
        a.tell(Input::Bytes { link: at_a, bytes: &core::mem::take(&mut b.writes) });
    }
    let (of_a, of_b) = (a.halves.expect("it is up"), b.halves.expect("it is up before"));
    (of_a.1, of_b.0)
}

/// A record with so many messages of this length in it.
fn sealed(writer: &mut Writer, messages: usize, length: usize) -> Vec<u8> {
    let body = vec![7; length];
    let piece = Piece {
        lane: Lane::Ordinary,
        kind: 0,
        number: 1,
        offset: 0,
        total: u32::try_from(length).expect("few bytes"),
        body: Body::from(body.as_slice()),
    };
    let frame = Frame::Data(piece);
    for _ in 0..messages {
        writer.push(&frame).expect("a record holds them");
    }
    writer.seal().expect("there are numbers");
    let record = writer.bytes().to_vec();
    writer.wrote(record.len());
    record
}

/// Reads all of it; the frames go to whoever is slow, if there is one.
fn read(reader: &mut Reader, mut bytes: &[u8], mut slow: Option<&mut Vec<Frame<'static>>>) {
    while !bytes.is_empty() {
        let space = reader.space();
        let (now, later) = bytes.split_at(space.len().min(bytes.len()));
        space[..now.len()].copy_from_slice(now);
        reader.filled(now.len());
        let opened = reader.open(|frames| {
            if let Some(slow) = &mut slow {
                slow.extend_from_slice(frames);
            }
        });
        opened.expect("as it was sealed");
        bytes = later;
    }
}

#[test]
fn a_link_that_was_busy_keeps_little_when_little_comes() {
    let less: [&[usize]; 7] = [
        &[],
        &[40_000],
        &[20_000, 5000, 2500],
        &[25_000, 25_000, 25_000, 25_000, 25_000, 12_000, 12_000],
        &[15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 15_000, 5000, 5000],
        &[17_000, 17_000, 10_000, 10_000, 5000, 5000],
        &[60_000, 40_000, 20_000, 10_000, 5000, 3000],
    ];
    for (less, bulk) in less.into_iter().flat_map(|less| [(less, 0), (less, 64)]) {
        for is_slow in [false, true] {
            let (mut writer, mut reader) = halves();
            let mut busy: Vec<u8> = (0..bulk).flat_map(|_| sealed(&mut writer, 1, 60_000)).collect();
            busy.extend(sealed(&mut writer, 800, 50));
            let less: Vec<_> = less.iter().map(|length| sealed(&mut writer, 1, *length)).collect();
            let little: Vec<_> = (0..60).map(|_| sealed(&mut writer, 1, 50)).collect();
            let kept = measure(|| {
                let mut slow = Vec::new();
                for record in [&busy].into_iter().chain(&less) {
                    read(&mut reader, record, is_slow.then_some(&mut slow));
                }
                little.iter().for_each(|record| read(&mut reader, record, None));
            });
            assert!(kept.bytes_max > 40_000, "it was busy: {} bytes", kept.bytes_max);
            assert!(kept.bytes_current < 50_000, "{} bytes are kept", kept.bytes_current);
        }
    }
}
