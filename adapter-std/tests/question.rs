//! A device without a heap, and a node of this crate on its line: they ask each other, and know nothing of each other but how
//! questions are laid out.

extern crate alloc;

mod by_hand;

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use adapter_std::handle::{Builder, Mesh, RequestError, TypedError};
use adapter_std::hub::{Attached, Hub, Link};
use adapter_std::platform::clock::Time;
use mesh_proto::node::{Door, Fresh, Input, Node, Order, Settings};
use mesh_proto::question::{Head, Reply};
use mesh_proto::wire::{Identity, MeshSecret, MeshSecrets};
use mesh_proto::{
    Body, Config, Fixed, Incarnation, Limits, LinkId, Message, NodeId, Now, Outcome, PathClass, Seed, Wait,
    Window,
};

use by_hand::ByHand;

/// A node in place, and what the test sees of it.
struct Device {
    node: Node<Fixed<4, 12>>,
    link: Option<LinkId>,
    out: Vec<u8>,
    came: Vec<(u8, Vec<u8>)>,
    settled: Vec<Outcome>,
}

impl Device {
    fn new() -> Self {
        let window = Window { bytes: 1024, messages: 16 };
        let few =
            Limits { peers: 4, links_per_peer: 2, half_open: 2, dials_in_flight: 2, ..Limits::default() };
        let limits = Limits { message: 64, record: 512, window, ..few };
        let door = Door::Closed(Identity::new([9; 32]), MeshSecrets::one(MeshSecret::new([7; 32])));
        let settings = Settings::new(door, "questions", Incarnation::new(1, 1), Seed::Number(1));
        let config = Config { limits, announce_every: None, ..Config::lan() };
        let node = Node::new(Settings { config, room: 4096, ..settings }).expect("it fits the tables");
        Self { node, link: None, out: Vec::new(), came: Vec::new(), settled: Vec::new() }
    }

    fn tell(&mut self, now: Now, input: Input<'_>) {
        let Self { node, link, out, came, settled } = self;
        let turn = node.handle(now, input);
        *link = turn.answer().link().ok().or(*link);
        let _until: Wait = turn.carry_out(|order| match order {
            Order::Write { bytes, .. } => out.extend_from_slice(bytes),
            Order::Deliver { message, .. } => came.push((message.kind, message.body.to_vec())),
            Order::Settled { outcome, .. } => settled.push(outcome),
            Order::Close { reason, .. } => panic!("the link ended: {reason}"),
            Order::Dial { .. }
            | Order::Up { .. }
            | Order::Send { .. }
            | Order::Announce { .. }
            | Order::Roomy { .. }
            | Order::Ask { .. } => {}
        });
    }

    fn me(&self) -> NodeId {
        self.node.mesh().me()
    }

    /// All that came, as it is read.
    fn heads(&mut self) -> Vec<(Head, Vec<u8>)> {
        let read = |(kind, body): (u8, Vec<u8>)| {
            let read = Head::read(kind, &Body::from(&body[..])).expect("it is whole");
            let (head, said) = read.expect("it is not the application's own");
            (head, said.to_vec())
        };
        self.came.drain(..).map(read).collect()
    }
}

/// Both, and the line between them.
struct Line {
    clock: ByHand,
    device: Device,
    mesh: Mesh,
    hub: Hub,
    link: Link,
}

impl Line {
    fn new() -> Self {
        let clock = ByHand::default();
        let builder = Builder::new(clock.clone()).secret(MeshSecret::new([7; 32])).network("questions");
        let (mesh, hub) = builder.discover_nobody().listen_nowhere().start().expect("it starts");
        let link =
            hub.attach(Attached::Dialed { expected: None }, PathClass::Direct).expect("there is a place");
        let mut line = Self { clock, device: Device::new(), mesh, hub, link };
        let accepted = Input::Accepted { from: None, class: PathClass::Direct, fresh: Fresh::new([3; 32]) };
        line.device.tell(line.clock.now(), accepted);
        line.talk();
        line
    }

    /// Carries everything to the other end until nothing is left, with what waits for a moment.
    fn talk(&mut self) {
        self.clock.pass(Duration::from_millis(10));
        let now = self.clock.now();
        self.hub.look();
        self.device.tell(now, Input::Tick);
        loop {
            let link = self.device.link.expect("it was accepted");
            let written = self.written();
            if written.is_empty() && self.device.out.is_empty() {
                return;
            }
            self.device.tell(now, Input::Bytes { link, bytes: &written });
            self.device.tell(now, Input::Room { link, bytes: 4096 });
            let mut bytes = &core::mem::take(&mut self.device.out)[..];
            while !bytes.is_empty() {
                let space = self.link.incoming.space();
                let (now, later) = bytes.split_at(space.len().min(bytes.len()));
                space[..now.len()].copy_from_slice(now);
                assert!(self.link.incoming.came(Ok(now.len())), "the link is over");
                bytes = later;
            }
        }
    }

    fn written(&mut self) -> Vec<u8> {
        let mut written = Vec::new();
        while self.link.outgoing.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready() {
            let bytes = self.link.outgoing.bytes();
            written.extend_from_slice(bytes);
            let length = bytes.len();
            assert!(self.link.outgoing.wrote(Ok(length)), "the link is over");
        }
        written
    }

    /// The device sends this, and hears whether it was taken.
    fn device_sends(&mut self, message: Message<'_>) {
        let (peer, message) = (self.mesh.me(), message.with_receipt(1));
        self.device.tell(self.clock.now(), Input::Send { peer, messages: (&message).into() });
        self.talk();
    }

    fn device_says(&mut self, head: Head, said: &[u8]) {
        let mut room = [0; 64];
        self.device_sends(head.message(said, &mut room).expect("there is room"));
    }

    /// What the node asks the device, and what comes of the device's reply to it.
    fn asks<T>(&mut self, asked: impl Future<Output = T>, reply: Reply, said: &[u8]) -> (Vec<u8>, T) {
        let mut asked = pin!(asked);
        assert!(poll(asked.as_mut()).is_pending(), "nobody has answered");
        self.talk();
        let [(Head::Question(number) | Head::Told(number), question)] = &self.device.heads()[..] else {
            panic!("it was not asked");
        };
        self.device_says(Head::Answer(*number, reply), said);
        let Poll::Ready(answer) = poll(asked) else { panic!("it was answered") };
        (question.clone(), answer)
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    let Poll::Ready(ready) = poll(pin!(future)) else { panic!("it has come") };
    ready
}

#[test]
fn a_device_asks_a_node() {
    let mut line = Line::new();
    line.device_says(Head::Question(7), &[5]);
    assert_eq!(line.device.heads(), [(Head::Answer(7, Reply::Nobody), vec![])]);

    let mut requests = line.mesh.requests();
    line.device_says(Head::Question(8), &[5]);
    let mut request = ready(requests.next()).expect("the node lives");
    assert_eq!((request.from(), request.read::<u8>()), (line.device.me(), Ok(5)));
    ready(request.answer(&21_u8)).expect("there is a session");
    line.talk();
    assert_eq!(line.device.heads(), [(Head::Answer(8, Reply::Given), vec![21])]);

    line.device_says(Head::Question(9), &[5, 6]);
    let mut request = ready(requests.next()).expect("the node lives");
    let unread = request.read::<(u8, u8, u8)>().expect_err("it is too short").0;
    assert_eq!((unread.kind, &unread.body[..]), (0, &[5, 6][..]), "it is what was asked, and no more");
    ready(request.answer(&21_u8)).expect("it is answered already");
    line.device_says(Head::Question(10), &[5]);
    drop(ready(requests.next()));
    line.talk();
    let answers = [(Head::Answer(9, Reply::Unreadable), vec![]), (Head::Answer(10, Reply::Declined), vec![])];
    assert_eq!(line.device.heads(), answers);
}

#[test]
fn a_device_tells_a_node() {
    let mut line = Line::new();
    let mut typed = line.mesh.typed::<u16>();
    let mut messages = line.mesh.messages();
    line.device_says(Head::Told(7), &[5]);
    assert_eq!(ready(typed.next()), Some(Ok((line.device.me(), 5))));
    line.device_says(Head::Told(8), &[]);
    let unread = ready(typed.next()).expect("the node lives").expect_err("it is too short").0;
    assert_eq!((unread.kind, &unread.body[..]), (0, &[][..]));
    line.device_says(Head::Told(9), b"as bytes");
    let told = messages.try_next().expect("it came");
    assert_eq!((told.kind, &told.body[..]), (0, &b"as bytes"[..]));
    line.talk();
    assert_eq!(
        line.device.heads(),
        [
            (Head::Answer(7, Reply::Given), vec![]),
            (Head::Answer(8, Reply::Unreadable), vec![]),
            (Head::Answer(9, Reply::Given), vec![]),
        ]
    );
}

#[test]
fn a_node_asks_a_device() {
    let mut line = Line::new();
    let (mesh, to) = (line.mesh.clone(), line.device.me());
    let ask = || mesh.request::<(u8, &str), u8>(to, &(5, "ab"));
    let asked = b"\x05\x02ab".to_vec();
    assert_eq!(line.asks(ask(), Reply::Given, &[21]), (asked.clone(), Ok(21)));
    for (reply, said, error) in [
        (Reply::Given, &[][..], RequestError::OtherType),
        (Reply::Unreadable, &[], RequestError::Unreadable),
        (Reply::Declined, &[], RequestError::Declined),
        (Reply::Nobody, &[], RequestError::Nobody),
        (Reply::Other(9), &[], RequestError::Declined),
    ] {
        assert_eq!(line.asks(ask(), reply, said), (asked.clone(), Err(error)));
    }
    let typed = line.mesh.typed::<u8>();
    let tell = || typed.send_with_receipt(to, &5);
    assert_eq!(line.asks(tell(), Reply::Given, &[]), (vec![5], Ok(())));
    assert_eq!(line.asks(tell(), Reply::Unreadable, &[]), (vec![5], Err(TypedError::Unreadable)));
}

#[test]
fn what_is_not_what_its_kind_says_is_taken_and_dropped() {
    let mut line = Line::new();
    let mut requests = line.mesh.requests();
    let mut messages = line.mesh.messages();
    let bodies: [(u8, &[u8]); 5] =
        [(253, &[1; 7]), (254, &[1; 7]), (255, &[1; 7]), (255, &[1; 8]), (255, &[1, 0, 0, 0, 0, 0, 0, 0, 4])];
    for (kind, body) in bodies {
        line.device_sends(Message::plain(body.into()).of_kind(kind));
    }
    assert!(poll(pin!(requests.next())).is_pending());
    assert_eq!(messages.try_next(), None);
    line.talk();
    assert_eq!(line.device.settled, [Outcome::Taken; 5]);
    assert_eq!(line.device.came, []);
}
