//! What a frame may be in which phase, and that an impossible one ends its own link only.

use crate::node::*;
use crate::on_both;
use alloc::boxed::Box;
use mesh_proto::{Batch, Event, Frame, Losses, Reason, Tags, Welcome};

on_both! {
    fn an_impossible_frame_ends_its_own_link_only<S>() {
        let welcome = Welcome { hello: hello(run(1, 1)), doubt: false };
        for frame in [
            Frame::Hello(hello(run(2, 2)).into()),
            Frame::Welcome(welcome.into()),
            Frame::Refused(Reason::Conflict),
            Frame::Pong { nonce: 5 },
        ] {
            let mut node = Node::<S>::new();
            let (first, _) = node.accepted(LOWER, run(1, 1));
            let (other, _) = node.accepted(HIGHER, run(1, 1));
            let orders = node.frame(first, frame);
            assert_eq!(
                orders,
                [Order::Send(first, Frame::Close(Reason::ProtocolError)), Order::Close(first, Reason::ProtocolError)]
            );
            assert_eq!(node.carrier(HIGHER), Some(other));
            assert_eq!(node.mesh.stats().protocol_errors, 1);
        }
    }

    fn frames_of_one_event_are_read_in_order<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        let frames = [Frame::Ping { nonce: 1 }, Frame::Ping { nonce: 2 }, Frame::Noted(Tags::new().into()), Frame::Lost(Losses::new().into())];
        let orders = node.tell(Event::Frames { link, frames: Batch::from(frames.as_slice()) });
        assert_eq!(orders, [Order::Send(link, Frame::Pong { nonce: 2 })], "one answer covers both");
        let frames = [Frame::Close(Reason::Superseded), Frame::Ping { nonce: 3 }];
        let orders = node.tell(Event::Frames { link, frames: Batch::from(frames.as_slice()) });
        assert_eq!(orders.len(), 2, "nothing is read behind a close: {orders:?}");
        assert_eq!(node.mesh.stats().stale, 1);
    }

    fn a_driver_that_stops_half_way_finds_the_rest<S>() {
        let mut node = Node::<S>::new();
        let (link, _) = node.accepted(LOWER, run(1, 1));
        let now = mesh_proto::Now::single(mesh_proto::Instant::START.after(node.now));
        let frame = Frame::Ping { nonce: 1 };
        drop(node.mesh.handle(now, Event::Frames { link, frames: Batch::from(&frame) }));
        let frame = Frame::Close(Reason::Left);
        drop(node.mesh.handle(now, Event::Frames { link, frames: Batch::from(&frame) }));
        let orders = node.tell(Event::Tick);
        assert_eq!(orders, [Order::Send(link, Frame::Close(Reason::Left)), Order::Close(link, Reason::Left)]);
    }

    fn a_driver_that_panics_half_way_finds_the_rest<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(LOWER, run(1, 1));
        let (second, _) = node.accepted(HIGHER, run(1, 1));
        let now = mesh_proto::Now::single(mesh_proto::Instant::START.after(node.now));
        let mut mesh = core::panic::AssertUnwindSafe(&mut node.mesh);
        let panicked = std::panic::catch_unwind(move || {
            mesh.handle(now, Event::Wake(mesh_proto::Wake::Moved)).carry_out(|_| std::panic::resume_unwind(Box::new("no")))
        });
        assert!(panicked.is_err());
        assert_eq!(node.tell(Event::Tick), [Order::Send(second, Frame::Ping { nonce: 1 })], "but not {first} again");
    }
}
