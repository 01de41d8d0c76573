//! Messages arrive once, whole, in the order of their lane (R13, R14).

use alloc::vec;
use alloc::vec::Vec;
use mesh_proto::storage::Storage;
use mesh_proto::{
    Action, Answer, Body, Config, Event, Frame, Hello, Lane, LaneMarks, LinkId, Marks, Message, NodeId,
    OnRestart, Outcome, PerLane, Piece, Place, Reason, Refusal, Taken, Takes, Unable, Wants, Welcome, Window,
};

use crate::node::*;
use crate::on_both;

const BYTES: &[u8] = &[7; 2000];

pub(crate) fn body(len: usize) -> Body<'static> {
    Body::from(&BYTES[..len])
}

pub(crate) fn plain(len: usize) -> Message<'static> {
    Message::plain(body(len))
}

pub(crate) fn piece(number: u64, offset: u32, len: usize, total: u32) -> Frame<'static> {
    piece_of_kind(0, number, offset, len, total)
}

pub(crate) fn piece_of_kind(kind: u8, number: u64, offset: u32, len: usize, total: u32) -> Frame<'static> {
    Frame::Data(Piece { lane: Lane::Ordinary, kind, number, offset, total, body: body(len) })
}

pub(crate) fn urgent(number: u64, len: usize) -> Frame<'static> {
    Frame::Data(Piece { lane: Lane::Urgent, kind: 0, number, offset: 0, total: len as u32, body: body(len) })
}

/// What is sent on a link, less anything but data and marks.
pub(crate) fn sent(orders: &[Order]) -> Vec<(LinkId, Frame<'static>)> {
    let data = |order: &Order| {
        let Order::Send(link, frame @ (Frame::Data(_) | Frame::Marks(_))) = order else { return None };
        Some((*link, frame.clone()))
    };
    orders.iter().filter_map(data).collect()
}

pub(crate) fn at(number: u64, offset: u32) -> Place {
    Place { number, offset }
}

/// The peer's marks for the ordinary lane.
pub(crate) fn marks(received: Place, taken: u64) -> Marks {
    let lanes = PerLane { ordinary: LaneMarks { received, taken }, ..PerLane::default() };
    Marks { lanes, open: TAKES.window }
}

/// The node's own.
pub(crate) fn own(received: Place, taken: u64) -> Frame<'static> {
    Frame::Marks(Marks { open: config().limits.window, ..marks(received, taken) })
}

impl<S: Storage> Node<S> {
    pub(crate) fn send(&mut self, peer: NodeId, messages: &[Message<'_>]) -> Vec<Order> {
        self.tell(Event::Send { peer, messages: messages.into() })
    }

    pub(crate) fn queued(&self) -> (u32, Option<Unable>) {
        match self.answer {
            Answer::Sent { queued, stopped } => (queued, stopped),
            Answer::Done | Answer::Link(_) | Answer::Unable(_) => panic!("{:?}", self.answer),
        }
    }

    pub(crate) fn room(&mut self, link: LinkId, bytes: u32) -> Vec<Order> {
        self.tell(Event::Room { link, bytes })
    }

    /// A session with a link that has room.
    pub(crate) fn up(&mut self, peer: NodeId) -> LinkId {
        let (link, _) = self.accepted(peer, run(1, 1));
        assert_eq!(self.room(link, 10_000), []);
        link
    }

    /// A link on which the peer says that it knows the session, and has these marks.
    pub(crate) fn again(&mut self, peer: NodeId, marks: Marks) -> (LinkId, Vec<Order>) {
        let meant = Some((run(3, 33), 1));
        let (link, _, mut orders) = self.accept(peer, Hello { meant, marks, ..hello(run(1, 1)) });
        orders.extend(self.room(link, 10_000));
        (link, orders)
    }
}

on_both! {
    fn r13_a_message_goes_out_and_is_kept_until_it_is_taken<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        let message = plain(5).with_receipt(77);
        assert_eq!(node.send(HIGHER, &[message]), [Order::Send(link, piece(0, 0, 5, 5))]);
        assert_eq!(node.queued(), (1, None));
        assert_eq!(node.frame(link, Frame::Marks(marks(at(1, 0), 0))), [], "received is not taken");
        let orders = node.frame(link, Frame::Marks(marks(at(1, 0), 1)));
        assert_eq!(orders, [Order::Settled(HIGHER, 77, Outcome::Taken)]);
    }

    fn r13_what_comes_is_handed_out_once_and_the_marks_are_told<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        let orders = node.frame(link, piece(0, 0, 5, 5));
        let told = Order::Send(link, own(at(1, 0), 1));
        assert_eq!(orders, [Order::Deliver(HIGHER, Lane::Ordinary, 0, BYTES[..5].to_vec()), told.clone()]);
        assert_eq!(node.frame(link, piece(0, 0, 5, 5)), [told], "old: ignored, and answered with the marks");
        assert_eq!(node.mesh.stats().duplicates, 1);
    }

    fn r13_a_piece_that_came_before_is_old_while_its_message_is_not_whole<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        let told = [Order::Send(link, own(at(0, 100), 0))];
        assert_eq!(node.frame(link, piece(0, 0, 100, 250)), told);
        assert_eq!(node.mesh.stats().duplicates, 0);
        for (offset, len) in [(0, 100), (20, 30)] {
            assert_eq!(node.frame(link, piece(0, offset, len, 250)), told, "answered with the marks");
        }
        assert_eq!(node.mesh.stats().duplicates, 2);
    }

    fn r13_all_frames_of_an_event_are_answered_once<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        let frames: Vec<_> = (0..4).map(|number| piece(number, 0, 3, 3)).collect();
        let orders = node.tell(Event::Frames { link, frames: frames.as_slice().into() });
        let came = Order::Deliver(HIGHER, Lane::Ordinary, 0, BYTES[..3].to_vec());
        assert_eq!(orders, [came.clone(), came.clone(), came.clone(), came, Order::Send(link, own(at(4, 0), 4))]);
    }

    fn r13_a_gap_is_a_protocol_error<S>() {
        for frame in [
            piece(1, 0, 5, 5),
            piece(0, 1, 4, 5),
            piece(0, 0, 6, 5),
            piece(0, 0, 0, 5),
            piece(0, 0, 5, 301),
        ] {
            let mut node = Node::<S>::new();
            let link = node.up(HIGHER);
            let close = Order::Send(link, Frame::Close(Reason::ProtocolError));
            assert_eq!(node.frame(link, frame)[..2], [close, Order::Close(link, Reason::ProtocolError)]);
        }
    }

    fn r14_a_large_message_goes_in_pieces_that_fit_the_peers_records<S>() {
        let mut node = Node::<S>::with(Config {
            limits: mesh_proto::Limits { message: 500, ..config().limits },
            ..config()
        });
        let takes = Takes { message: 500, record: 512, window: Window { bytes: 1000, messages: 5 } };
        let open = takes.window;
        let greeting = Hello { takes, marks: Marks { open, ..Marks::default() }, ..hello(run(1, 1)) };
        let (link, _, _) = node.accept(HIGHER, greeting);
        node.room(link, 10_000);
        assert_eq!(
            node.send(HIGHER, &[plain(500)]),
            [Order::Send(link, piece(0, 0, 480, 500)), Order::Send(link, piece(0, 480, 20, 500))]
        );
    }

    fn r14_pieces_become_one_message<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        assert_eq!(node.frame(link, piece(0, 0, 100, 250)), [Order::Send(link, own(at(0, 100), 0))]);
        assert_eq!(node.frame(link, piece(0, 60, 100, 250)), [Order::Send(link, own(at(0, 160), 0))], "it straddles the mark");
        assert_eq!(
            node.frame(link, piece(0, 160, 90, 250)),
            [
                Order::Deliver(HIGHER, Lane::Ordinary, 0, BYTES[..250].to_vec()),
                Order::Send(link, own(at(1, 0), 1)),
            ]
        );
    }

    fn r14_the_kind_of_a_message_stands_in_each_of_its_pieces<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(HIGHER, run(1, 1));
        assert_eq!(node.send(HIGHER, &[plain(100).of_kind(255), plain(0).of_kind(1), plain(5)]), []);
        assert_eq!(node.room(link, 92), [Order::Send(link, piece_of_kind(255, 0, 0, 60, 100))]);
        let rest = [
            Order::Send(link, piece_of_kind(255, 0, 60, 40, 100)),
            Order::Send(link, piece_of_kind(1, 1, 0, 0, 0)),
            Order::Send(link, piece(2, 0, 5, 5)),
        ];
        assert_eq!(node.room(link, 1000), rest);
        node.tell(Event::Closed { link, error: mesh_proto::SystemError::Reset });
        let (_, orders) = node.again(HIGHER, marks(at(0, 0), 0));
        let frames: Vec<_> = sent(&orders).into_iter().map(|(_, frame)| frame).collect();
        assert_eq!(frames, [
            piece_of_kind(255, 0, 0, 100, 100), piece_of_kind(1, 1, 0, 0, 0), piece(2, 0, 5, 5),
        ]);
    }

    fn r13_the_kind_of_a_message_comes_with_it<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        let orders = node.frame(link, piece_of_kind(255, 0, 0, 5, 5));
        assert_eq!(orders[0], Order::Deliver(HIGHER, Lane::Ordinary, 255, BYTES[..5].to_vec()));
        assert_eq!(node.frame(link, piece_of_kind(7, 1, 0, 100, 250)), [Order::Send(link, own(at(1, 100), 1))]);
        let orders = node.frame(link, piece_of_kind(7, 1, 100, 150, 250));
        assert_eq!(orders[0], Order::Deliver(HIGHER, Lane::Ordinary, 7, BYTES[..250].to_vec()));
        let orders = node.frame(link, piece(2, 0, 0, 0));
        assert_eq!(orders[0], Order::Deliver(HIGHER, Lane::Ordinary, 0, Vec::new()));
    }

    fn r13_pieces_of_one_message_agree_on_what_it_is<S>() {
        for frame in [piece_of_kind(8, 0, 100, 150, 250), piece_of_kind(7, 0, 100, 140, 240)] {
            let mut node = Node::<S>::new();
            let link = node.up(HIGHER);
            node.frame(link, piece_of_kind(7, 0, 0, 100, 250));
            let close = Order::Send(link, Frame::Close(Reason::ProtocolError));
            assert_eq!(node.frame(link, frame)[..2], [close, Order::Close(link, Reason::ProtocolError)]);
        }
    }

    fn r14_a_piece_takes_more_room_than_its_bytes<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(HIGHER, run(1, 1));
        node.room(link, 2 * (5 + Piece::OVERHEAD) - 1);
        let orders = node.send(HIGHER, &[plain(5), plain(5), plain(0)]);
        assert_eq!(sent(&orders), [(link, piece(0, 0, 5, 5)), (link, piece(1, 0, 4, 5))]);
        assert_eq!(sent(&node.room(link, Piece::OVERHEAD)), [], "a piece with nothing in it helps nobody");
        let orders = node.room(link, Piece::OVERHEAD + 2);
        assert_eq!(sent(&orders), [(link, piece(1, 4, 1, 5)), (link, piece(2, 0, 0, 0))]);
    }

    fn r13_of_messages_that_are_given_up_those_that_find_no_room_keep_their_bodies<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        let owned = |len: u8| Message::plain(Body::from(vec![len; usize::from(len)]));
        let mut messages: Vec<_> = (1..=20).map(owned).collect();
        let mut orders = node.tell(Event::Send { peer: HIGHER, messages: messages.as_mut_slice().into() });
        let (queued, why) = node.queued();
        assert_eq!((queued, why), (9, Some(Unable::NoRoom)));
        orders.extend(node.frame(link, Frame::Marks(marks(at(4, 0), 4))));
        orders.extend(node.frame(link, Frame::Marks(marks(at(8, 0), 8))));
        let said = |order: &Order| {
            let Order::Send(at, Frame::Data(piece)) = order else { return None };
            (*at == link).then(|| piece.body.to_vec())
        };
        let bodies: Vec<_> = orders.iter().filter_map(said).collect();
        assert_eq!(bodies, (1..=9).map(|len| vec![len; usize::from(len)]).collect::<Vec<_>>());
        for (message, len) in messages.iter().zip(1..).skip(queued as usize) {
            assert_eq!(*message, owned(len), "nothing of it is lost");
        }
    }

    fn r13_a_message_is_handed_out_once_though_whoever_takes_it_panics<S>() {
        for taken in [Taken::WhenSaid, Taken::WhenDelivered] {
            let mut node = Node::<S>::with(Config { taken, ..config() });
            let link = node.up(HIGHER);
            let said = |number, body: &'static [u8; 4]| {
                let (lane, body) = (Lane::Ordinary, Body::from(body));
                Frame::Data(Piece { lane, kind: 0, number, offset: 0, total: 4, body })
            };
            let frames = [said(0, b"once"), said(1, b"this"), said(2, b"then")];
            let mut came = Vec::new();
            node.tell_until_it_panics(Event::Frames { link, frames: frames.as_slice().into() }, |action| {
                if let Action::Deliver { message, .. } = action {
                    came.push(message.body.to_vec());
                    assert_eq!(came.len(), 1, "the second is too much");
                }
            });
            assert_eq!(came, [b"once", b"this"]);
            let orders = node.tell(Event::Tick);
            let rest: Vec<_> = orders.iter().filter(|order| matches!(order, Order::Deliver(..))).collect();
            assert_eq!(rest, [&Order::Deliver(HIGHER, Lane::Ordinary, 0, b"then".to_vec())]);
            let all = if taken == Taken::WhenDelivered { 3 } else { 0 };
            assert_eq!(sent(&orders), [(link, own(at(3, 0), all))]);
        }
    }

    fn r13_what_went_out_before_a_driver_panics_has_gone_out<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(HIGHER, run(1, 1));
        node.send(HIGHER, &[plain(3), plain(4), plain(5)]);
        let mut out = 0;
        node.tell_until_it_panics(Event::Room { link, bytes: 10_000 }, |action| {
            if let Action::Send { frame: Frame::Data(_), .. } = action {
                out += 1;
                assert_eq!(out, 1, "the second is too much");
            }
        });
        assert_eq!(node.frame(link, Frame::Marks(marks(at(2, 0), 1))), [Order::Send(link, piece(2, 0, 5, 5))]);
        assert_eq!(node.frame(link, Frame::Marks(marks(at(3, 0), 3))), []);
    }

    fn r13_frames_that_are_given_up_are_read_like_lent_ones<S>() {
        let frames = || [
            piece(0, 0, 100, 250), piece(0, 60, 190, 250), piece(1, 0, 5, 5), urgent(0, 7),
            Frame::Ping { nonce: 1 }, piece(1, 0, 5, 5), piece(1, 0, 5, 5), piece(2, 0, 9, 9), piece(3, 0, 20, 30),
            piece(3, 20, 10, 30), piece(4, 0, 0, 0), piece(6, 0, 5, 5), piece(5, 0, 5, 5),
        ].map(Frame::into_owned);
        let read = |tell: fn(&mut Node<S>, LinkId, [Frame<'static>; 13]) -> Vec<Order>| {
            let mut node = Node::<S>::new();
            let link = node.up(HIGHER);
            let orders = tell(&mut node, link, frames());
            (orders, node.mesh.stats().duplicates)
        };
        let lent = read(|node, link, frames| node.tell(Event::Frames { link, frames: frames.as_slice().into() }));
        let given = read(|node, link, mut frames| {
            node.tell(Event::Frames { link, frames: frames.as_mut_slice().into() })
        });
        let came = lent.0.iter().filter(|order| matches!(order, Order::Deliver(..))).count();
        assert_eq!((came, lent.1), (6, 2), "up to the gap, each once");
        assert_eq!(given, lent);
        let owned = read(|node, link, frames| node.tell(Event::Frames { link, frames: Vec::from(frames).into() }));
        assert_eq!(owned, lent);
    }

    fn r14_an_empty_message_is_one<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        assert_eq!(node.send(HIGHER, &[plain(0)]), [Order::Send(link, piece(0, 0, 0, 0))]);
        let orders = node.frame(link, piece(0, 0, 0, 0));
        assert_eq!(orders[0], Order::Deliver(HIGHER, Lane::Ordinary, 0, Vec::new()));
    }

    fn r13_urgent_overtakes_and_has_its_own_numbers<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(HIGHER, run(1, 1));
        node.send(HIGHER, &[plain(9), plain(3).urgent(), plain(8), plain(4).urgent()]);
        let orders = node.room(link, 10_000);
        assert_eq!(sent(&orders), [
            (link, urgent(0, 3)), (link, urgent(1, 4)), (link, piece(0, 0, 9, 9)), (link, piece(1, 0, 8, 8)),
        ]);
        let orders = node.frame(link, urgent(0, 3));
        assert_eq!(orders[0], Order::Deliver(HIGHER, Lane::Urgent, 0, BYTES[..3].to_vec()));
        let orders = node.frame(link, piece(0, 0, 9, 9));
        assert_eq!(orders[0], Order::Deliver(HIGHER, Lane::Ordinary, 0, BYTES[..9].to_vec()));
    }

    fn r13_data_waits_for_room_on_the_link<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(HIGHER, run(1, 1));
        assert_eq!(node.send(HIGHER, &[plain(100)]), []);
        assert_eq!(node.room(link, 32), [], "not even the head of a piece");
        assert_eq!(node.room(link, 92), [Order::Send(link, piece(0, 0, 60, 100))]);
        assert_eq!(node.room(link, 1000), [Order::Send(link, piece(0, 60, 40, 100))]);
    }

    fn r13_a_message_without_bytes_needs_hardly_any_room_but_some<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(HIGHER, run(1, 1));
        assert_eq!(node.send(HIGHER, &[plain(0), plain(1)]), []);
        assert_eq!(node.room(link, 32), [Order::Send(link, piece(0, 0, 0, 0))]);
        assert_eq!(node.room(link, 33), [Order::Send(link, piece(1, 0, 1, 1))]);
    }

    fn r13_no_more_lies_untaken_than_the_peers_window<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        // Of 500 bytes, one largest message of 200 is kept for what is urgent.
        let orders = node.send(HIGHER, &[plain(200), plain(100), plain(1)]);
        assert_eq!(sent(&orders), [(link, piece(0, 0, 200, 200)), (link, piece(1, 0, 100, 100))]);
        assert_eq!(sent(&node.send(HIGHER, &[plain(200).urgent()])), [(link, urgent(0, 200))]);
        assert_eq!(node.send(HIGHER, &[plain(1).urgent()]), []);
        assert_eq!(node.frame(link, Frame::Marks(marks(at(2, 0), 0))), [], "received opens nothing");
        let orders = node.frame(link, Frame::Marks(marks(at(2, 0), 1)));
        assert_eq!(sent(&orders), [(link, urgent(1, 1))], "what is kept for the urgent stays free");
        let lanes = PerLane { urgent: LaneMarks { received: at(2, 0), taken: 2 }, ..marks(at(2, 0), 1).lanes };
        let orders = node.frame(link, Frame::Marks(Marks { lanes, open: TAKES.window }));
        assert_eq!(sent(&orders), [(link, piece(2, 0, 1, 1))]);
    }

    fn r13_the_peers_window_counts_messages_too<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        let orders = node.send(HIGHER, &[plain(1), plain(1), plain(1), plain(1), plain(1)]);
        assert_eq!(sent(&orders).len(), 4, "one of five is kept for what is urgent");
        assert_eq!(sent(&node.frame(link, Frame::Marks(marks(at(4, 0), 1)))).len(), 1);
    }

    fn r13_who_overruns_the_window_breaks_the_protocol<S>() {
        let mut node = Node::<S>::with(Config { taken: Taken::WhenSaid, ..config() });
        let link = node.up(HIGHER);
        for number in 0..3 {
            assert_eq!(closes(&node.frame(link, piece(number, 0, 300, 300))), []);
        }
        assert_eq!(closes(&node.frame(link, piece(3, 0, 101, 101))), [(link, Reason::ProtocolError)]);
    }

    fn r13_a_send_that_does_not_fit_says_so_and_is_told_of_room<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        // Of 1,000 bytes, one largest message of 300 is kept for what is urgent.
        node.send(HIGHER, &[plain(200), plain(200), plain(200), plain(200), plain(1)]);
        assert_eq!(node.queued(), (3, Some(Unable::NoRoom)));
        node.send(HIGHER, &[plain(200).urgent(), plain(200).urgent(), plain(1).urgent()]);
        assert_eq!(node.queued(), (2, Some(Unable::NoRoom)));
        node.send(HIGHER, &[plain(301)]);
        assert_eq!(node.queued(), (0, Some(Unable::TooLarge { limit: 300 })));
        let mut taken = marks(at(1, 0), 1);
        let mut roomy = |urgent| {
            taken.lanes.urgent = LaneMarks { received: at(urgent, 0), taken: urgent };
            node.frame(link, Frame::Marks(taken)).contains(&Order::Roomy(HIGHER))
        };
        assert!(!roomy(0), "a largest message does not fit beside 800 bytes");
        assert!(!roomy(1), "nor beside 600");
        assert!(roomy(2), "it does beside 400");
    }

    fn r13_room_is_told_when_half_of_what_a_lane_may_use_is_free<S>() {
        let limits = mesh_proto::Limits { message: 500, ..config().limits };
        let mut node = Node::<S>::with(Config { limits, ..config() });
        let link = node.up(HIGHER);
        // A largest message needs all 500 bytes that are not kept for what is urgent.
        node.send(HIGHER, &[plain(130), plain(120), plain(200), plain(51)]);
        assert_eq!(node.queued(), (3, Some(Unable::NoRoom)));
        let mut roomy = |taken| {
            node.frame(link, Frame::Marks(marks(at(taken, 0), taken))).contains(&Order::Roomy(HIGHER))
        };
        assert!(!roomy(1), "320 bytes are left");
        assert!(roomy(2), "200 are");
    }

    fn r13_what_the_peer_can_never_take_is_reported_and_skipped<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        let orders = node.send(HIGHER, &[plain(201).with_receipt(1), plain(2)]);
        assert_eq!(sent(&orders), [(link, piece(0, 0, 2, 2))], "it leaves no gap");
        let later = node.tell(Event::Tick);
        let settled = Order::Settled(HIGHER, 1, Outcome::TooLarge { limit: 200 });
        assert!(orders.contains(&settled) || later.contains(&settled), "{orders:?} {later:?}");
    }

    fn r13_what_the_peer_can_never_take_is_counted_where_nobody_asked<S>() {
        let mut node = Node::<S>::new();
        node.up(HIGHER);
        node.send(HIGHER, &[plain(201), plain(202), plain(203).with_receipt(1)]);
        assert_eq!(node.mesh.stats().undelivered, 2);
    }

    fn r13_sending_before_the_first_link_makes_one_and_waits<S>() {
        let mut node = Node::<S>::new();
        assert_eq!(dials(&node.tell(Event::Seek { peer: HIGHER, routes: routes(&[8]) })), [8]);
        assert_eq!(node.send(HIGHER, &[plain(5)]), []);
        let (link, _) = node.accepted(HIGHER, run(1, 1));
        assert_eq!(sent(&node.room(link, 1000)), [(link, piece(0, 0, 5, 5))]);
    }

    fn r11_many_sends_to_a_cold_peer_make_one_dial<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) });
        node.frame(link, Frame::Close(Reason::Left));
        node.tell(Event::Forget { peer: HIGHER });
        node.pass(secs(400));
        let mut orders = Vec::new();
        for _ in 0..4 {
            orders.extend(node.send(HIGHER, &[plain(1)]));
        }
        assert_eq!(dials(&orders), [8]);
    }

    fn r13_a_new_link_goes_on_from_what_the_peer_has_received<S>() {
        let mut node = Node::<S>::new();
        let first = node.up(HIGHER);
        node.send(HIGHER, &[plain(100), plain(50)]);
        assert_eq!(node.mesh.stats().resent, 0);
        node.tell(Event::Closed { link: first, error: mesh_proto::SystemError::Reset });
        let (second, orders) = node.again(HIGHER, marks(at(0, 40), 0));
        assert_eq!(sent(&orders), [(second, piece(0, 40, 60, 100)), (second, piece(1, 0, 50, 50))]);
        assert_eq!(node.mesh.stats().resent, 2);
    }

    fn r13_marks_for_another_session_are_void<S>() {
        for meant in [None, Some((run(3, 33), 9)), Some((run(3, 1), 1))] {
            let mut node = Node::<S>::new();
            let first = node.up(HIGHER);
            node.send(HIGHER, &[plain(100)]);
            node.tell(Event::Closed { link: first, error: mesh_proto::SystemError::Reset });
            let greeting = Hello { meant, marks: marks(at(0, 40), 0), ..hello(run(1, 1)) };
            let (second, _, mut orders) = node.accept(HIGHER, greeting);
            orders.extend(node.room(second, 1000));
            assert_eq!(sent(&orders), [(second, piece(0, 0, 100, 100))], "{meant:?}");
        }
    }

    fn r13_marks_that_cannot_be_are_a_protocol_error<S>() {
        for wrong in [
            marks(at(2, 0), 0),
            marks(at(0, 100), 0),
            marks(at(0, 101), 0),
            marks(at(0, 0), 1),
            marks(at(1, 1), 0),
        ] {
            let mut node = Node::<S>::new();
            let link = node.up(HIGHER);
            node.send(HIGHER, &[plain(100)]);
            let orders = node.frame(link, Frame::Marks(wrong));
            assert_eq!(closes(&orders), [(link, Reason::ProtocolError)], "{wrong:?}");
        }
    }

    fn r13_marks_only_rise_on_a_link<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        node.send(HIGHER, &[plain(100)]);
        node.frame(link, Frame::Marks(marks(at(0, 40), 0)));
        let orders = node.frame(link, Frame::Marks(marks(at(0, 30), 0)));
        assert_eq!(closes(&orders), [(link, Reason::ProtocolError)]);
    }

    fn r13_a_welcome_below_what_the_hello_knew_contradicts_it<S>() {
        for (said, closed) in [(at(0, 40), false), (at(0, 39), true)] {
            let mut node = Node::<S>::new();
            let first = node.up(HIGHER);
            node.send(HIGHER, &[plain(100)]);
            node.frame(first, Frame::Marks(marks(at(0, 40), 0)));
            let (second, _) = node.greet(HIGHER, 8);
            let meant = Some((run(3, 33), 1));
            let greeting = Hello { meant, marks: marks(said, 0), ..hello(run(1, 1)) };
            let orders = node.frame(second, Frame::Welcome(Welcome { hello: greeting, doubt: false }.into()));
            assert_eq!(!closes(&orders).is_empty(), closed, "{said:?}");
        }
    }

    fn r13_an_end_of_the_session_reports_what_was_not_taken<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        let report = Message { wants: Wants::Report, token: 2, ..plain(3) };
        node.send(HIGHER, &[plain(3).with_receipt(1), report, plain(3)]);
        let orders = node.frame(link, Frame::Close(Reason::Left));
        let ended = Outcome::Ended(Reason::Left);
        assert_eq!(orders[0], Order::Settled(HIGHER, 1, ended));
        assert_eq!(node.mesh.stats().undelivered, 1, "who asked for neither finds it counted");
        node.pass(secs(4000));
        assert_eq!(node.tell(Event::Collect { peer: HIGHER }), [Order::Settled(HIGHER, 2, ended)]);
        assert_eq!(node.tell(Event::Collect { peer: HIGHER }), [], "once");
    }

    fn r13_who_asked_for_a_report_hears_nothing_of_what_was_taken<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        node.send(HIGHER, &[Message { wants: Wants::Report, ..plain(3) }]);
        assert_eq!(node.frame(link, Frame::Marks(marks(at(1, 0), 1))), []);
        assert_eq!(node.tell(Event::Collect { peer: HIGHER }), []);
        assert_eq!(node.mesh.stats().undelivered, 0);
    }

    fn r13_a_restart_reports_or_sends_again<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        let again = Message { on_restart: OnRestart::SendAgain, ..plain(4).with_receipt(2) };
        node.send(HIGHER, &[plain(3).with_receipt(1), again]);
        node.frame(link, Frame::Marks(marks(at(2, 0), 0)));
        let (second, _, mut orders) = node.accept(HIGHER, hello(run(2, 2)));
        orders.extend(node.room(second, 1000));
        let reported = Order::Settled(HIGHER, 1, Outcome::Ended(Reason::Restarted));
        assert!(orders.contains(&reported), "{orders:?}");
        assert_eq!(sent(&orders), [(second, piece(0, 0, 4, 4))]);
    }

    fn r13_what_the_old_run_sent_stays_to_be_taken_and_narrows_the_window<S>() {
        let mut node = Node::<S>::with(Config { taken: Taken::WhenSaid, ..config() });
        let link = node.up(HIGHER);
        node.frame(link, piece(0, 0, 300, 300));
        node.frame(link, piece(1, 0, 100, 200));
        let (second, _, orders) = node.accept(HIGHER, hello(run(2, 2)));
        let narrow = Window { bytes: 700, messages: 9 };
        let welcomes = orders.iter().filter(|order| {
            matches!(order, Order::Send(_, Frame::Welcome(welcome)) if welcome.hello.marks.open == narrow)
        });
        assert_eq!(welcomes.count(), 1, "half a message is dropped, a whole one stays: {orders:?}");
        let orders = node.tell(Event::Took { peer: HIGHER, lane: Lane::Ordinary, serial: 1 });
        let told = Marks { open: config().limits.window, ..Marks::default() };
        assert_eq!(orders, [Order::Send(second, Frame::Marks(told))], "nothing of this session is taken by that");
    }

    fn r13_a_higher_birth_ends_the_session_and_keeps_ones_own<S>() {
        let mut node = Node::<S>::new();
        let first = node.up(HIGHER);
        node.send(HIGHER, &[plain(3).with_receipt(1)]);
        let meant = Some((run(3, 33), 1));
        let (second, _, orders) = node.accept(HIGHER, Hello { birth: 2, meant, ..hello(run(1, 1)) });
        assert_eq!(orders[0], Order::Settled(HIGHER, 1, Outcome::Ended(Reason::Forgotten)));
        assert_eq!(closes(&orders), [(first, Reason::Forgotten)]);
        let said = orders.iter().filter_map(|order| {
            let Order::Send(_, Frame::Welcome(welcome)) = order else { return None };
            Some((welcome.hello.birth, welcome.hello.lost.len()))
        });
        assert_eq!(said.collect::<Vec<_>>(), [(1, 1)], "and tells that the link of the old one is gone");
        assert_eq!(node.carrier(HIGHER), Some(second));
    }

    fn r13_a_lower_birth_is_old_news<S>() {
        let mut node = Node::<S>::new();
        let (first, _, _) = node.accept(HIGHER, Hello { birth: 2, ..hello(run(1, 1)) });
        let (second, _, orders) = node.accept(HIGHER, hello(run(1, 1)));
        assert_eq!(closes(&orders), [(second, Reason::Forgotten)]);
        assert_eq!(node.carrier(HIGHER), Some(first));
    }

    fn r13_births_rise_with_every_session_that_this_node_ends<S>() {
        let mut node = Node::<S>::new();
        let births = |orders: &[Order]| -> Vec<u64> {
            let said = |order: &Order| {
                if let Order::Send(_, Frame::Welcome(welcome)) = order { Some(welcome.hello.birth) } else { None }
            };
            orders.iter().filter_map(said).collect()
        };
        let (_, _, orders) = node.accept(HIGHER, hello(run(1, 1)));
        assert_eq!(births(&orders), [1]);
        node.tell(Event::Forget { peer: HIGHER });
        let (_, _, orders) = node.accept(HIGHER, hello(run(1, 1)));
        assert_eq!(births(&orders), [2]);
    }

    fn r13_a_message_to_all_goes_to_every_session<S>() {
        let mut node = Node::<S>::new();
        let (low, high) = (node.up(LOWER), node.up(HIGHER));
        node.send(HIGHER, &[plain(200), plain(200), plain(200)]);
        let orders = node.tell(Event::SendAll { message: plain(200).with_receipt(5) });
        assert_eq!(node.queued(), (1, None));
        assert_eq!(sent(&orders), [(low, piece(0, 0, 200, 200))]);
        assert!(orders.contains(&Order::Settled(HIGHER, 5, Outcome::NoRoom)), "{orders:?} {high}");
    }

    fn r13_a_message_to_all_is_as_large_as_this_node_sends_at_most<S>() {
        let mut node = Node::<S>::new();
        node.up(HIGHER);
        node.tell(Event::SendAll { message: plain(301) });
        assert_eq!(node.answer, Answer::Unable(Unable::TooLarge { limit: 300 }));
        node.tell(Event::SendAll { message: plain(300) });
        assert_eq!(node.queued(), (1, None));
    }

    fn r17_reports_of_what_found_no_room_are_bounded<S>() {
        let mut node = Node::<S>::new();
        node.up(HIGHER);
        node.send(HIGHER, &[plain(200), plain(200), plain(200)]);
        let message = Message { wants: Wants::Report, ..plain(200) };
        for _ in 0..30 {
            node.tell(Event::SendAll { message: message.clone() });
        }
        let reports = node.tell(Event::Collect { peer: HIGHER });
        let told = vec![Order::Settled(HIGHER, 0, Outcome::NoRoom); 7];
        assert_eq!(reports, told, "the window counts ten messages, and three are kept");
        assert_eq!(node.mesh.stats().undelivered, 23, "the others are counted");
    }

    fn r17_reports_that_wait_take_the_room_of_messages<S>() {
        let mut node = Node::<S>::new();
        node.up(HIGHER);
        node.send(HIGHER, &[plain(200), plain(200), plain(200)]);
        for _ in 0..7 {
            node.tell(Event::SendAll { message: Message { wants: Wants::Report, ..plain(200) } });
        }
        node.send(HIGHER, &[plain(1)]);
        assert_eq!(node.queued(), (0, Some(Unable::NoRoom)), "three are kept, and seven reports");
        node.tell(Event::Collect { peer: HIGHER });
        node.send(HIGHER, &[plain(1)]);
        assert_eq!(node.queued(), (1, None));
    }

    fn r17_there_is_room_to_report_all_that_is_kept<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        let report = Message { wants: Wants::Report, ..plain(1) };
        node.send(HIGHER, &[(); 9].map(|()| report.clone()));
        for _ in 0..10 {
            node.tell(Event::SendAll { message: report.clone() });
        }
        let receipt = plain(1).with_receipt(5);
        assert_eq!(
            node.tell(Event::SendAll { message: receipt }),
            [Order::Settled(HIGHER, 5, Outcome::NoRoom)],
            "a receipt goes out at once, and takes no room"
        );
        node.frame(link, Frame::Close(Reason::Left));
        let ended = Order::Settled(HIGHER, 0, Outcome::Ended(Reason::Left));
        let reports = node.tell(Event::Collect { peer: HIGHER });
        assert_eq!(reports.iter().filter(|report| **report == ended).count(), 9);
        assert_eq!(node.mesh.stats().undelivered, 9, "of ten to all, one report found room beside them");
    }

    fn r17_a_peer_with_messages_holds_its_place<S>() {
        let mut node = Node::<S>::with(Config { taken: Taken::WhenSaid, ..config() });
        for peer in [LOWEST, LOWER, HIGHER, HIGHEST] {
            let link = node.up(peer);
            node.frame(link, piece(0, 0, 1, 1));
        }
        let stranger = NodeId::new([6; 32]);
        let (link, _, orders) = node.accept(stranger, Hello { keep: true, ..hello(run(1, 1)) });
        assert_eq!(closes(&orders), [(link, Reason::Refused(Refusal::Full))]);
        node.tell(Event::Took { peer: HIGHER, lane: Lane::Ordinary, serial: 3 });
        let (_, _, orders) = node.accept(stranger, Hello { keep: true, ..hello(run(1, 1)) });
        assert!(closes(&orders).iter().all(|(_, reason)| *reason == Reason::Refused(Refusal::Full)));
        assert!(node.carrier(stranger).is_some(), "{orders:?}");
    }

    fn r17_what_is_not_acknowledged_and_what_is_not_collected_hold_a_place<S>() {
        for ended in [false, true] {
            let mut node = Node::<S>::new();
            let links = [LOWEST, LOWER, HIGHEST, HIGHER].map(|peer| {
                let link = node.up(peer);
                node.send(peer, &[Message { wants: Wants::Report, ..plain(1) }]);
                if ended {
                    node.frame(link, Frame::Close(Reason::Left));
                }
                link
            });
            let stranger = NodeId::new([6; 32]);
            let (link, _, orders) = node.accept(stranger, Hello { keep: true, ..hello(run(1, 1)) });
            assert_eq!(closes(&orders), [(link, Reason::Refused(Refusal::Full))]);
            if ended {
                node.tell(Event::Collect { peer: HIGHER });
            } else {
                node.frame(links[3], Frame::Marks(marks(at(1, 0), 1)));
            }
            node.accept(stranger, Hello { keep: true, ..hello(run(1, 1)) });
            assert!(node.carrier(stranger).is_some());
        }
    }

    fn r12_a_mark_that_moves_makes_a_link_one_that_was_of_use<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) });
        node.send(HIGHER, &[plain(1)]);
        node.frame(link, Frame::Marks(marks(at(1, 0), 1)));
        let orders = node.tell(Event::Closed { link, error: mesh_proto::SystemError::Reset });
        assert_eq!(dials(&orders), [8], "at once");
    }

    fn r12_a_link_is_of_use_once_a_piece_was_received<S>() {
        // How far the marks go that the peer tells, and whether it is dialed at once when the link is lost.
        for (received, at_once) in [(None, false), (Some(at(0, 0)), false), (Some(at(0, 40)), true)] {
            let mut node = Node::<S>::new();
            let link = node.up(HIGHER);
            node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) });
            node.send(HIGHER, &[plain(100)]);
            if let Some(received) = received {
                node.frame(link, Frame::Marks(marks(received, 0)));
            }
            let orders = node.tell(Event::Closed { link, error: mesh_proto::SystemError::Reset });
            assert_eq!(!dials(&orders).is_empty(), at_once, "{received:?}");
        }
    }

    fn r13_a_window_that_cannot_hold_two_largest_messages_is_refused<S>() {
        let mut node = Node::<S>::new();
        for takes in [
            Takes { message: 300, ..TAKES },
            Takes { record: 100, ..TAKES },
            Takes { window: Window { bytes: 500, messages: 1 }, ..TAKES },
        ] {
            let (link, _, orders) = node.accept(HIGHER, Hello { takes, ..hello(run(1, 1)) });
            assert_eq!(closes(&orders), [(link, Reason::ProtocolError)], "{takes:?}");
        }
    }
}

#[test]
fn r14_no_piece_is_longer_than_16_kib() {
    const PIECE: u32 = 16 * 1024;
    let takes = Takes { message: 40_000, record: 65_519, window: Window { bytes: 100_000, messages: 5 } };
    let Takes { message, record, window } = takes;
    let limits = mesh_proto::Limits { message, record, window, ..config().limits };
    let mut node = Node::<mesh_proto::Heap>::with(Config { limits, ..config() });
    let greeting = Hello { takes, marks: Marks { open: window, ..Marks::default() }, ..hello(run(1, 1)) };
    let (link, _, _) = node.accept(HIGHER, greeting);
    node.room(link, 100_000);
    let pieces = node.send(HIGHER, &[Message::plain(vec![7; 40_000].into())]);
    let places = sent(&pieces).into_iter().filter_map(|(_, frame)| {
        let Frame::Data(piece) = frame else { return None };
        Some((piece.offset, piece.body.len()))
    });
    let rest = 40_000 - 2 * PIECE as usize;
    assert_eq!(places.collect::<Vec<_>>(), [(0, PIECE as usize), (PIECE, PIECE as usize), (2 * PIECE, rest)]);
}
