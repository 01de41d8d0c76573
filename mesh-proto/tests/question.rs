//! Two machines that ask each other, on tables of both kinds: nothing but messages goes between them.

use mesh_proto::question::{Head, Reply};
use mesh_proto::storage::Storage;
use mesh_proto::{
    Action, Body, Config, Event, Fixed, Frame, Heap, Incarnation, Instant, Limits, LinkId, LinkTag, Mesh,
    Message, NodeId, Now, PathClass, Proof, Route, Seed, Wait, Wants, Window,
};

/// One node, what it sends, and what came to it.
struct Node<S: Storage> {
    mesh: Mesh<S>,
    link: Option<LinkId>,
    out: Vec<Frame<'static>>,
    came: Vec<(u8, Vec<u8>)>,
}

impl<S: Storage> Node<S> {
    fn new(number: u8) -> Self {
        let window = Window { bytes: 512, messages: 8 };
        let few =
            Limits { peers: 4, links_per_peer: 2, half_open: 2, dials_in_flight: 2, ..Limits::default() };
        let limits = Limits { message: 64, record: 512, window, ..few };
        let config = Config { limits, announce_every: None, ..Config::lan() };
        let (me, run) = (NodeId::new([number; 32]), Incarnation::new(1, 1));
        let mesh = Mesh::new(me, run, config, Seed::Number(1)).expect("the configuration is sound");
        Self { mesh, link: None, out: Vec::new(), came: Vec::new() }
    }

    fn tell(&mut self, event: Event<'_>) {
        let Self { mesh, link: held, out, came } = self;
        let turn = mesh.handle(Now::single(Instant::START), event);
        *held = turn.answer().link().ok().or(*held);
        let _until: Wait = turn.carry_out(|action| match action {
            Action::Dial { link, .. } => *held = Some(link),
            Action::Send { frame, .. } => out.push(frame.clone().into_owned()),
            Action::Deliver { message, .. } => came.push((message.kind, message.body.to_vec())),
            Action::Close { .. }
            | Action::Announce { .. }
            | Action::Settled { .. }
            | Action::Roomy { .. } => {}
        });
    }

    fn link(&self) -> LinkId {
        self.link.expect("it dialed, or was dialed")
    }

    fn send(&mut self, peer: NodeId, message: &Message<'_>) {
        self.tell(Event::Send { peer, messages: message.into() });
    }

    fn read(&mut self, frames: Vec<Frame<'_>>) {
        for frame in frames {
            self.tell(Event::Frames { link: self.link(), frames: (&frame).into() });
        }
    }

    /// Answers all that came, as an application would that knows one question, and reads what it is told.
    fn answer_all(&mut self, peer: NodeId) {
        for (kind, body) in core::mem::take(&mut self.came) {
            let mut room = [0; 64];
            let read = Head::read(kind, &Body::from(&body[..])).expect("it is whole");
            let (head, said) = read.expect("it is not the application's own");
            let answer = match (head, &*said) {
                (Head::Question(number), b"how warm?") => {
                    Head::Answer(number, Reply::Given).message(&[21], &mut room)
                }
                (Head::Question(number), _) => Head::Answer(number, Reply::Nobody).message(&[], &mut room),
                (Head::Told(number), _) => Head::Answer(number, Reply::Unreadable).message(&[], &mut room),
                (Head::Answer(..), _) => panic!("nothing was asked here"),
            };
            self.send(peer, &answer.expect("there is room"));
        }
    }

    /// All that came, as it is read.
    fn read_all(&mut self) -> Vec<(Option<Head>, Vec<u8>)> {
        let read = |(kind, body): (u8, Vec<u8>)| match Head::read(kind, &Body::from(&body[..])) {
            Ok(Some((head, said))) => (Some(head), said.to_vec()),
            Ok(None) => (None, body),
            Err(error) => panic!("{body:?}: {error}"),
        };
        self.came.drain(..).map(read).collect()
    }
}

/// Two nodes with a session.
fn pair<S: Storage>() -> (Node<S>, Node<S>) {
    let (mut a, mut b) = (Node::new(1), Node::new(2));
    let routes = [Route::direct(([10, 0, 0, 2], 7000).into())].into_iter().collect();
    a.tell(Event::Keep { peer: b.mesh.me(), routes });
    b.tell(Event::Incoming { from: None, class: PathClass::Direct });
    a.tell(Event::Connected { link: a.link() });
    for (node, peer) in [(&mut a, NodeId::new([2; 32])), (&mut b, NodeId::new([1; 32]))] {
        let proof = Proof { peer, tag: LinkTag::new(9), round_trip: core::time::Duration::ZERO };
        node.tell(Event::Proven { link: node.link(), proof });
        node.tell(Event::Room { link: node.link(), bytes: 4096 });
    }
    carry(&mut a, &mut b);
    (a, b)
}

/// Carries frames to and fro until there are none.
fn carry<S: Storage>(a: &mut Node<S>, b: &mut Node<S>) {
    while !(a.out.is_empty() && b.out.is_empty()) {
        a.read(core::mem::take(&mut b.out));
        b.read(core::mem::take(&mut a.out));
    }
}

fn a_question_goes_there_and_its_answer_back<S: Storage>() {
    let (mut a, mut b) = pair::<S>();
    let (here, there) = (a.mesh.me(), b.mesh.me());
    let mut room = [0; 64];
    for (head, said) in
        [(Head::Question(7), &b"how warm?"[..]), (Head::Question(8), b"how late?"), (Head::Told(9), b"\xff")]
    {
        let message = head.message(said, &mut room).expect("there is room");
        assert_eq!(message.wants, Wants::Nothing);
        a.send(there, &message);
    }
    carry(&mut a, &mut b);
    let came =
        [(254, b"\x07\0\0\0\0\0\0\0how warm?".to_vec()), (254, b"\x08\0\0\0\0\0\0\0how late?".to_vec())];
    assert_eq!(b.came, [&came[..], &[(253, b"\x09\0\0\0\0\0\0\0\xff".to_vec())]].concat());

    b.answer_all(here);
    b.send(here, &Message::plain(b"by the way"[..].into()));
    carry(&mut a, &mut b);
    assert_eq!(
        a.read_all(),
        [
            (Some(Head::Answer(7, Reply::Given)), vec![21]),
            (Some(Head::Answer(8, Reply::Nobody)), vec![]),
            (Some(Head::Answer(9, Reply::Unreadable)), vec![]),
            (None, b"by the way".to_vec()),
        ]
    );
}

#[test]
fn a_machine_on_the_heap_asks_and_answers() {
    a_question_goes_there_and_its_answer_back::<Heap>();
}

#[test]
fn a_machine_in_place_asks_and_answers() {
    a_question_goes_there_and_its_answer_back::<Fixed<4, 12>>();
}
