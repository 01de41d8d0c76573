//! A node in place and one on the heap, which takes and sends far more than the other has room for.

use mesh_proto::node::{Fresh, Input, Node, Order, Settings};
use mesh_proto::storage::Storage;
use mesh_proto::{
    Answer, ConfigError, Fixed, Heap, Instant, Limits, LinkId, Message, Now, Outcome, PathClass, Reason,
    Route, Unable, Wait, Window,
};

use crate::world::{InPlace, closed, id, limits};

/// A node, what it has written, and what came of it.
struct End<S: Storage> {
    node: Node<S>,
    link: Option<LinkId>,
    wrote: Vec<u8>,
    came: Vec<Vec<u8>>,
    settled: Vec<Outcome>,
    closed: Vec<Reason>,
}

impl<S: Storage> End<S> {
    fn new(settings: Settings<S>) -> Self {
        let node = Node::new(settings).expect("the settings are sound");
        let (wrote, came, settled, closed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { node, link: None, wrote, came, settled, closed }
    }

    fn tell(&mut self, input: Input<'_>) -> Answer {
        let Self { node, link, wrote, came, settled, closed } = self;
        let turn = node.handle(Now::single(Instant::START), input);
        let answer = turn.answer();
        let _until: Wait = turn.carry_out(|order| match order {
            Order::Dial { link: dialed, .. } => *link = Some(dialed),
            Order::Write { bytes, .. } => {
                assert!(S::RECORD.is_none_or(|room| bytes.len() <= room), "{} bytes", bytes.len());
                wrote.extend_from_slice(bytes);
            }
            Order::Deliver { message, .. } => came.push(message.body.to_vec()),
            Order::Settled { outcome, .. } => settled.push(outcome),
            Order::Close { reason, .. } => closed.push(reason),
            Order::Announce { .. } | Order::Ask { .. } | Order::Roomy { .. } => {}
            Order::Up { .. } | Order::Send { .. } => panic!("its halves are inside"),
        });
        answer
    }

    fn reads(&mut self, bytes: &[u8]) {
        let link = self.link.expect("it has a link");
        self.tell(Input::Bytes { link, bytes });
    }

    fn sends(&mut self, name: u8, length: usize) -> Answer {
        let message = Message::plain(vec![7; length].into()).with_receipt(0);
        self.tell(Input::Send { peer: id(name), messages: (&message).into() })
    }
}

/// Two that are up.
fn joined<A: Storage, B: Storage>(pair: (Settings<A>, Settings<B>)) -> (End<A>, End<B>) {
    let (mut a, mut b) = (End::new(pair.0), End::new(pair.1));
    let routes = [Route::direct(([10, 0, 0, 2], 7000).into())].into_iter().collect();
    a.tell(Input::Keep { peer: id(2), routes });
    let accepted = Input::Accepted { from: None, class: PathClass::Direct, fresh: Fresh::new([1; 32]) };
    b.link = b.tell(accepted).link().ok();
    let link = a.link.expect("it dials");
    a.tell(Input::Connected { link, fresh: Fresh::new([2; 32]) });
    carry(&mut a, &mut b);
    (a, b)
}

fn carry<A: Storage, B: Storage>(a: &mut End<A>, b: &mut End<B>) {
    while !(a.wrote.is_empty() && b.wrote.is_empty()) {
        let (to_b, to_a) = (core::mem::take(&mut a.wrote), core::mem::take(&mut b.wrote));
        b.reads(&to_b);
        a.reads(&to_a);
    }
    assert_eq!((&a.closed[..], &b.closed[..]), (&[][..], &[][..]));
}

#[test]
fn a_node_in_place_talks_to_one_on_the_heap() {
    let (mut a, mut b) = joined::<InPlace, Heap>((closed(1), closed(2)));
    // One that is larger than a record here, and one that is larger than a message.
    b.sends(1, 1024);
    b.sends(1, 1025);
    a.sends(2, 1024);
    assert_eq!(a.sends(2, 1025), Answer::Sent { queued: 0, stopped: Some(Unable::TooLarge { limit: 1024 }) });
    carry(&mut a, &mut b);
    assert_eq!((a.came, b.came), (vec![vec![7; 1024]], vec![vec![7; 1024]]));
    assert_eq!(a.settled, [Outcome::Taken]);
    assert_eq!(b.settled, [Outcome::TooLarge { limit: 1024 }, Outcome::Taken]);
}

#[test]
fn the_other_way_round() {
    let (mut a, mut b) = joined::<Heap, InPlace>((closed(1), closed(2)));
    a.sends(2, 1024);
    for _ in 0..3 {
        b.sends(1, 1024);
    }
    carry(&mut a, &mut b);
    assert_eq!((a.came.len(), b.came.len()), (3, 1));
}

#[test]
fn records_that_have_no_room_are_a_contradiction() {
    type Small<const RECORD: usize> = Fixed<6, 40, 4096, 64, RECORD>;
    fn capacity<const RECORD: usize>(record: u32) -> Option<ConfigError> {
        let mut settings: Settings<Small<RECORD>> = closed(1);
        let window = Window { bytes: 4096, messages: 64 };
        settings.config.limits = Limits { record, window, ..limits::<InPlace>() };
        Node::new(settings).err()
    }
    let lacking = |asked, room| Some(ConfigError::Capacity { name: "bytes for a record", asked, room });
    assert_eq!(capacity::<1024>(1006), None);
    assert_eq!(capacity::<1024>(1007), lacking(1025, 1024));
    assert_eq!(capacity::<1023>(512), lacking(1024, 1023), "a handshake's records are as long");
}
