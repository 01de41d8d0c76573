//! What a message costs the machine: sent and received, alone and in batches of 64.
//!
//! `cargo bench -p mesh-proto --bench messages` prints the median and the least nanoseconds, and what each further message
//! of a batch adds. Bodies are handles to memory that is never freed, so what is measured is the bookkeeping alone. The
//! four cases go in turn, so that whatever else the computer does hits all alike.

use core::hint::black_box;
use core::time::Duration;
use std::time::Instant;

use mesh_proto::{
    Action, Body, Config, Event, Frame, Heap, Hello, Incarnation, Lane, LaneMarks, LinkId, LinkTag, Losses,
    Marks, Mesh, Message, NodeId, Now, PathClass, PerLane, Piece, Place, Proof, Seed, Takes, Wait, Window,
};

const BATCH: usize = 64;
const ROUNDS: usize = 4_000;
const WINDOW: Window = Window { bytes: 4 << 20, messages: 16_384 };
const BYTES: &[u8] = &[7; 64];
const PEER: NodeId = NodeId::new([9; 32]);

fn main() {
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let mut sender = Side::new();
    let mut receiver = Side::new();
    let cases: [(&str, usize); 4] = [
        ("a send", 1),
        ("64 sends in one event", BATCH),
        ("a data frame in", 1),
        ("64 data frames in one event", BATCH),
    ];
    let mut samples = cases.map(|_| Vec::with_capacity(ROUNDS));
    for round in 0..ROUNDS + ROUNDS / 10 {
        for ((index, (_, many)), samples) in cases.iter().enumerate().zip(&mut samples) {
            let nanos = if index < 2 { sender.send(*many) } else { receiver.receive(*many) };
            if round >= ROUNDS / 10 {
                samples.push(nanos);
            }
        }
    }
    println!("{:<32} {:>10} {:>10} {:>12}", "", "median", "least", "a message");
    let medians = samples.each_mut().map(|samples| {
        samples.sort_by(f64::total_cmp);
        (samples[samples.len() / 2], samples[0])
    });
    for ((name, many), (median, least)) in cases.into_iter().zip(medians) {
        println!("{name:<32} {median:>7.0} ns {least:>7.0} ns {:>9.1} ns", median / many as f64);
    }
    for (what, one, batch) in [("sent", medians[0], medians[1]), ("received", medians[2], medians[3])] {
        let further = |one: f64, batch: f64| (batch - one) / (BATCH - 1) as f64;
        println!(
            "each further message {what:<10} {:>7.1} ns {:>7.1} ns",
            further(one.0, batch.0),
            further(one.1, batch.1)
        );
    }
}

/// A machine with one peer.
struct Side {
    mesh: Mesh<Heap>,
    link: LinkId,
    /// How many messages went over it.
    many: u64,
    frames: Vec<Frame<'static>>,
    messages: Vec<Message<'static>>,
}

fn now() -> Now {
    Now::single(mesh_proto::Instant::START.after(Duration::from_secs(1)))
}

impl Side {
    fn new() -> Self {
        let config = Config { announce_every: None, ..Config::lan() };
        let mesh = Mesh::new(NodeId::new([1; 32]), Incarnation::new(1, 1), config, Seed::Number(1));
        let mut mesh = mesh.expect("the configuration agrees with itself");
        let turn = mesh.handle(now(), Event::Incoming { from: None, class: PathClass::Direct });
        let link = turn.answer().link().expect("there is room");
        let _until: Wait = turn.carry_out(|_| {});
        let mut side = Self {
            mesh,
            link,
            many: 0,
            frames: Vec::with_capacity(BATCH),
            messages: Vec::with_capacity(BATCH),
        };
        let proof = Proof { peer: PEER, tag: LinkTag::new(1), round_trip: Duration::ZERO };
        side.tell(Event::Proven { link, proof });
        let hello = Hello {
            incarnation: Incarnation::new(1, 1),
            detect_within: Duration::from_secs(10),
            class: PathClass::Direct,
            keep: true,
            lost: Losses::new(),
            birth: 1,
            meant: None,
            marks: Marks { open: WINDOW, ..Marks::default() },
            takes: Takes { message: 1 << 20, record: 65_519, window: WINDOW },
        };
        side.tell(Event::Frames { link, frames: (&Frame::Hello(hello.into())).into() });
        side
    }

    fn tell(&mut self, event: Event<'_>) {
        let _until: Wait = self.mesh.handle(now(), event).carry_out(|_| {});
    }

    /// Sends so many in one event; the nanoseconds it takes.
    fn send(&mut self, many: usize) -> f64 {
        self.tell(Event::Room { link: self.link, bytes: 1 << 20 });
        let mut messages = core::mem::take(&mut self.messages);
        messages.clear();
        for _ in 0..many {
            messages.push(Message::plain(bytes::Bytes::from_static(BYTES).into()));
        }
        let mut sent = 0_u32;
        let begun = Instant::now();
        let turn =
            self.mesh.handle(now(), Event::Send { peer: PEER, messages: messages.as_mut_slice().into() });
        let _until: Wait = turn.carry_out(|action| {
            if let Action::Send { frame, .. } = action {
                black_box(frame);
                sent += 1;
            }
        });
        let nanos = begun.elapsed().as_nanos() as f64;
        assert_eq!(sent as usize, many);
        self.messages = messages;
        self.many += many as u64;
        let all = LaneMarks { received: Place { number: self.many, offset: 0 }, taken: self.many };
        let marks = Marks { lanes: PerLane { ordinary: all, urgent: LaneMarks::default() }, open: WINDOW };
        self.tell(Event::Frames { link: self.link, frames: (&Frame::Marks(marks)).into() });
        nanos
    }

    /// Receives so many in one event; the nanoseconds it takes.
    fn receive(&mut self, many: usize) -> f64 {
        self.frames.clear();
        for number in self.many..self.many + many as u64 {
            let body: Body<'static> = bytes::Bytes::from_static(BYTES).into();
            let piece =
                Piece { lane: Lane::Ordinary, kind: 0, number, offset: 0, total: BYTES.len() as u32, body };
            self.frames.push(Frame::Data(piece));
        }
        let mut came = 0_u32;
        let begun = Instant::now();
        let event = Event::Frames { link: self.link, frames: self.frames.as_mut_slice().into() };
        let _until: Wait = self.mesh.handle(now(), event).carry_out(|action| {
            if let Action::Deliver { message, .. } = action {
                black_box(message);
                came += 1;
            }
        });
        let nanos = begun.elapsed().as_nanos() as f64;
        assert_eq!(came as usize, many);
        self.many += many as u64;
        nanos
    }
}
