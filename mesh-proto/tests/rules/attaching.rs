//! R1, R3, R7 and R11 for streams that a node opened by other means than an order to dial.

use crate::node::*;
use crate::on_both;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use mesh_proto::storage::Storage;
use mesh_proto::{
    Chosen, Event, Frame, Hello, LinkId, LinkTag, PathClass, Proof, Reason, Refusal, Side, Standing,
    SystemError, Unable,
};

const FULL: Reason = Reason::Refused(Refusal::Full);

/// Two machines, and the streams that join them.
struct Pair<S: Storage> {
    nodes: [Node<S>; 2],
    /// The names of each stream: at the first node, and at the second.
    streams: Vec<[LinkId; 2]>,
    waiting: VecDeque<(usize, Order)>,
    tags: u64,
}

impl<S: Storage> Pair<S> {
    fn new() -> Self {
        let nodes = [Node::named(ME, config()), Node::named(HIGHER, config())];
        Self { nodes, streams: Vec::new(), waiting: VecDeque::new(), tags: 0 }
    }

    fn tell(&mut self, n: usize, event: Event<'_>) {
        let orders = self.nodes[n].tell(event);
        self.waiting.extend(orders.into_iter().map(|order| (n, order)));
    }

    /// A stream that one of them attaches, and the other accepts.
    fn attach(&mut self, n: usize, expected: Option<mesh_proto::NodeId>) {
        let link = self.nodes[n].attach(expected);
        self.join(n, link);
    }

    /// The other one accepts the stream of a link, and both learn who is there.
    fn join(&mut self, n: usize, link: LinkId) {
        let there = self.nodes[1 - n].incoming(9);
        self.streams.push(if n == 0 { [link, there] } else { [there, link] });
        self.tags += 1;
        let proof = |peer| Proof { peer, tag: LinkTag::new(self.tags), round_trip: millis(20) };
        let ids = [ME, HIGHER];
        let (at_acceptor, at_dialer) = (proof(ids[n]), proof(ids[1 - n]));
        self.tell(1 - n, Event::Proven { link: there, proof: at_acceptor });
        self.tell(n, Event::Proven { link, proof: at_dialer });
    }

    /// Carries out what is ordered, until nothing more is.
    fn settle(&mut self) {
        while let Some((n, order)) = self.waiting.pop_front() {
            let there = |link: LinkId| {
                let stream = self.streams.iter().find(|ends| ends[n] == link);
                stream.expect("the link is on a stream")[1 - n]
            };
            match order {
                Order::Send(link, frame) => {
                    let link = there(link);
                    self.tell(1 - n, Event::Frames { link, frames: (&frame).into() });
                }
                Order::Close(link, _) => {
                    let link = there(link);
                    self.tell(1 - n, Event::Closed { link, error: SystemError::Ended });
                }
                Order::Dial(link, ..) => {
                    self.tell(n, Event::Connected { link });
                    self.join(n, link);
                }
                Order::Announce(..) | Order::Deliver(..) | Order::Settled(..) | Order::Roomy(_) => {}
            }
        }
    }

    fn live(&mut self, seconds: u64) {
        for _ in 0..seconds * 10 {
            for n in 0..2 {
                let orders = self.nodes[n].pass(millis(100));
                self.waiting.extend(orders.into_iter().map(|order| (n, order)));
            }
            self.settle();
        }
    }

    /// The stream that both have as their only link.
    fn agreed(&self) -> Option<usize> {
        let only = |n: usize| {
            let peer = [HIGHER, ME][n];
            let links = self.nodes[n].mesh.explain(&peer).map_or(0, |explained| explained.links.len());
            self.nodes[n].carrier(peer).filter(|_| links == 1)
        };
        let ends = [only(0)?, only(1)?];
        self.streams.iter().position(|stream| *stream == ends)
    }
}

on_both! {
    fn r1_an_attached_stream_is_admitted_with_the_welcome<S>() {
        let mut node = Node::<S>::new();
        let link = node.attach(None);
        assert_eq!(node.mesh.peers().count(), 0, "nobody yet");
        assert_eq!(node.prove(link, HIGHER).1, [Order::Send(link, Frame::Hello(own_hello().into()))]);
        assert_eq!(node.standing(HIGHER), Standing::Down { reason: None });
        assert_eq!(node.welcome(link, run(1, 1)), []);
        assert_eq!(node.carrier(HIGHER), Some(link));
        let explained = node.mesh.explain(&HIGHER).expect("known");
        assert_eq!((explained.links[0].side, explained.links[0].remote), (Side::Dialed, None));
        assert_eq!(node.mesh.stats().dials, 0);
    }

    fn r1_an_attached_stream_has_a_deadline<S>() {
        let mut node = Node::<S>::new();
        let silent = node.attach(None);
        let proven = node.attach(Some(HIGHER));
        node.prove(proven, HIGHER);
        assert_eq!(node.pass(millis(9_999)), []);
        let orders = node.pass(millis(1));
        assert_eq!(orders, [Order::Close(silent, Reason::Silent), Order::Close(proven, Reason::Silent)]);
        assert_eq!(node.waits(), None);
    }

    fn r1_attached_streams_share_half_open_room_with_accepted_ones<S>() {
        let mut node = Node::<S>::new();
        let open = [node.attach(None), node.incoming(1), node.attach(Some(HIGHER)), node.incoming(2)];
        let orders = node.tell(Event::Attached { expected: None, class: PathClass::Direct });
        let newcomer = node.answer.link().expect("one gives way");
        // Still water picks the middle one.
        assert_eq!(orders, [Order::Close(open[2], FULL)]);
        for (link, peer) in [(open[0], LOWEST), (open[1], LOWER), (newcomer, HIGHER), (open[3], HIGHEST)] {
            node.prove(link, peer);
        }
        assert_eq!(node.tell(Event::Attached { expected: None, class: PathClass::Direct }), []);
        assert_eq!(node.answer.link(), Err(Unable::LinksFull), "proven links do not give way");
        assert_eq!(node.welcome(newcomer, run(1, 1)), []);
        node.attach(None);
    }

    fn r1_streams_that_come_too_fast_keep_no_attached_one_off<S>() {
        let limits = mesh_proto::Limits { incoming_per_second: 1, ..config().limits };
        let mut node = Node::<S>::with(mesh_proto::Config { limits, ..config() });
        node.attach(None);
        node.incoming(1);
        assert_eq!(node.tell(Event::Incoming { from: None, class: PathClass::Direct }), []);
        assert_eq!(node.answer.link(), Err(Unable::TooFast { limit: 1 }));
        node.attach(None);
    }

    fn r6_an_attached_stream_to_oneself_is_ones_own<S>() {
        let mut node = Node::<S>::new();
        assert_eq!(node.tell(Event::Attached { expected: Some(ME), class: PathClass::Direct }), []);
        assert_eq!(node.answer.link(), Err(Unable::OwnSelf));
        let (ours, theirs) = (node.attach(None), node.incoming(9));
        let (_, orders) = node.prove(ours, ME);
        let [Order::Send(_, Frame::Hello(hello))] = orders.as_slice() else { panic!("{orders:?}") };
        node.prove(theirs, ME);
        let orders = node.frame(theirs, Frame::Hello(hello.clone()));
        let refused = Order::Send(theirs, Frame::Refused(Reason::OwnSelf));
        assert_eq!(orders, [refused, Order::Close(theirs, Reason::OwnSelf)]);
        let orders = node.frame(ours, Frame::Refused(Reason::OwnSelf));
        assert_eq!(orders, [Order::Close(ours, Reason::OwnSelf)]);
        assert_eq!(node.mesh.peers().count(), 0);
    }

    fn r7_another_than_the_one_expected_is_not_met<S>() {
        let mut node = Node::<S>::new();
        let link = node.attach(Some(HIGHER));
        assert_eq!(node.prove(link, LOWER).1, [Order::Close(link, Reason::WrongPeer)]);
        assert_eq!(node.mesh.peers().count(), 0, "nobody heard of it");
        let link = node.attach(Some(HIGHER));
        node.prove(link, HIGHER);
        node.welcome(link, run(1, 1));
        assert_eq!(node.carrier(HIGHER), Some(link));
    }

    fn r11_no_dial_begins_while_an_attached_stream_may_become_a_link<S>() {
        let mut node = Node::<S>::new();
        let link = node.attach(None);
        node.prove(link, HIGHER);
        assert_eq!(node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) }), []);
        // Its end says nothing of any address: the dial begins at once.
        let orders = node.tell(Event::Closed { link, error: SystemError::Reset });
        assert_eq!(dials(&orders), [8]);
        assert_eq!(node.mesh.stats().dials, 1);
    }

    fn r12_an_attached_stream_is_not_in_the_dial_budget<S>() {
        let mut node = Node::<S>::new();
        let attached: Vec<LinkId> = (0..4).map(|_| node.attach(None)).collect();
        let begun: Vec<u8> = [(LOWEST, 0), (LOWER, 1), (HIGHER, 8), (HIGHEST, 9)]
            .into_iter()
            .flat_map(|(peer, host)| dials(&node.tell(Event::Keep { peer, routes: routes(&[host]) })))
            .collect();
        assert_eq!(begun, [0, 1, 8, 9]);
        for link in attached {
            node.tell(Event::Closed { link, error: SystemError::Ended });
        }
    }

    fn r12_an_attached_stream_that_ends_is_not_dialed_again<S>() {
        let mut node = Node::<S>::new();
        let link = node.attach(None);
        node.prove(link, HIGHER);
        node.welcome(link, run(1, 1));
        node.live(secs(20));
        assert_eq!(node.tell(Event::Closed { link, error: SystemError::Ended }), []);
        let reason = Reason::System(SystemError::Ended);
        assert_eq!(node.standing(HIGHER), Standing::Away { reason });
        assert_eq!(dials(&node.pass(secs(200))), []);
        let next = node.attach(Some(HIGHER));
        node.prove(next, HIGHER);
        node.welcome(next, run(1, 1));
        assert_eq!(node.carrier(HIGHER), Some(next));
    }

    fn r3_an_attached_stream_was_dialed_by_this_node<S>() {
        let mut node = Node::<S>::new();
        let (theirs, _) = node.accepted(HIGHER, run(1, 1));
        let ours = node.attach(Some(HIGHER));
        node.prove(ours, HIGHER);
        assert_eq!(node.welcome(ours, run(1, 1)), [Order::Send(ours, Frame::Ping { nonce: 1 })]);
        let orders = node.frame(ours, Frame::Pong { nonce: 1 });
        assert_eq!(orders, [Order::Send(theirs, Frame::Close(Reason::Superseded))]);
        assert_eq!(node.mesh.explain(&HIGHER).expect("known").chosen, Chosen::DialedByLower);
    }

    fn r3_a_relayed_attached_stream_keeps_no_direct_dial_off<S>() {
        let mut node = Node::<S>::new();
        assert_eq!(node.tell(Event::Attached { expected: None, class: PathClass::Relayed }), []);
        let link = node.answer.link().expect("there is room");
        let (_, orders) = node.prove(link, HIGHER);
        let hello = Hello { class: PathClass::Relayed, ..own_hello() };
        assert_eq!(orders, [Order::Send(link, Frame::Hello(hello.into()))]);
        assert_eq!(node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) }), []);
        assert_eq!(dials(&node.welcome(link, run(1, 1))), [8]);
        // One that is admitted while a direct dial is under way does not end that.
        let late = node.tell(Event::Attached { expected: None, class: PathClass::Relayed });
        assert_eq!(late, []);
        let late = node.answer.link().expect("there is room");
        node.prove(late, HIGHER);
        assert_eq!(closes(&node.welcome(late, run(1, 1))), []);
    }

    fn r17_an_attached_stream_too_many_is_given_up_and_one_without_a_place_too<S>() {
        let mut node = Node::<S>::new();
        for _ in 0..3 {
            let link = node.attach(None);
            node.prove(link, LOWER);
            node.welcome(link, run(1, 1));
        }
        let fourth = node.attach(None);
        assert_eq!(node.prove(fourth, LOWER).1, [Order::Close(fourth, Reason::Abandoned)]);
        for peer in [LOWER, LOWEST, HIGHER, HIGHEST] {
            node.tell(Event::Keep { peer, routes: routes(&[]) });
        }
        let fifth = node.attach(None);
        let nobody = mesh_proto::NodeId::new([7; 32]);
        assert_eq!(node.prove(fifth, nobody).1, [Order::Close(fifth, FULL)]);
        assert_eq!(node.mesh.stats().refused_full, 1);
    }

    fn r15_nothing_is_attached_to_a_node_that_leaves<S>() {
        let mut node = Node::<S>::new();
        let link = node.attach(None);
        assert_eq!(node.tell(Event::Leave), [Order::Close(link, Reason::Shutdown)]);
        assert_eq!(node.tell(Event::Attached { expected: None, class: PathClass::Direct }), []);
        assert_eq!(node.answer.link(), Err(Unable::Leaving));
    }

    fn r2_attached_ends_make_one_session<S>() {
        for expected in [None, Some(HIGHER)] {
            let mut pair = Pair::<S>::new();
            pair.attach(0, expected);
            pair.settle();
            assert_eq!(pair.agreed(), Some(0));
            pair.live(30);
            assert_eq!(pair.agreed(), Some(0));
        }
    }

    fn r2_of_streams_attached_at_both_ends_one_stays<S>() {
        let mut pair = Pair::<S>::new();
        pair.attach(1, None);
        pair.attach(0, None);
        pair.attach(1, Some(ME));
        pair.live(30);
        assert_eq!(pair.agreed(), Some(1), "the one that the lower id opened");
    }

    fn r2_an_attached_stream_and_a_dial_leave_one_link<S>() {
        for (attaches, dials) in [(0, 1), (1, 0), (0, 0), (1, 1)] {
            let mut pair = Pair::<S>::new();
            pair.tell(dials, Event::Keep { peer: [HIGHER, ME][dials], routes: routes(&[1]) });
            pair.attach(attaches, None);
            pair.live(30);
            assert!(pair.agreed().is_some(), "{attaches} attaches, {dials} dials");
            assert_eq!(pair.streams.len(), 2);
        }
    }
}
