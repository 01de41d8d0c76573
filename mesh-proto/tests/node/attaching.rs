//! Two nodes joined by a stream that one of them opened by other means than a dial.

use mesh_proto::node::{LetsIn, Settings, Verdict};
use mesh_proto::storage::Storage;
use mesh_proto::wire::MeshSecrets;
use mesh_proto::{Outcome, PathClass, Reason};

use crate::on_both;
use crate::world::*;

fn pairs<S: Storage>() -> [[Settings<S>; 2]; 4] {
    [
        [open(1), outside(open(2))],
        [outside(closed(1)), closed(2)],
        [closed(1), closed(2)],
        [unprotected(1), outside(unprotected(2))],
    ]
}

on_both! {
    fn nodes_on_an_attached_stream_have_a_session<S>() {
        for (nth, pair) in pairs().into_iter().chain(pairs()).enumerate() {
            let mut world = world_of::<S>(pair);
            world.attach(A, B, (nth < 4).then_some(world.id(B)), PathClass::Direct).expect("there is room");
            world.send(A, B, b"there");
            world.send(B, A, b"and back");
            assert!(world.until(secs(5), |world| world.came(B) == [b"there"] && world.came(A) == [b"and back"]));
            world.run_for(secs(0));
            assert_eq!(world.settled(A), [(id(2), 0, Outcome::Taken)]);
            world.run_for(secs(60));
            assert!(world.are_up(A, B));
            assert_eq!((world.streams().len(), world.dials(A), world.dials(B)), (1, 0, 0));
            assert_eq!(world.stats(A).protocol_errors + world.stats(B).protocol_errors, 0);
        }
    }

    fn messages_wait_for_the_next_attached_stream<S>() {
        for pair in pairs() {
            let mut world = world_of::<S>(pair);
            let mut said = Vec::new();
            for round in 0..5_u8 {
                let (from, to) = if round % 2 == 0 { (A, B) } else { (B, A) };
                world.attach(from, to, None, PathClass::Direct).expect("there is room");
                for message in 0..10 {
                    let says = vec![round * 10 + message; fit::<S>(10_000, 50)];
                    world.send(A, B, &says);
                    said.push(says);
                }
                for _ in 0..20 {
                    world.carry();
                }
                world.cut_all(A);
            }
            world.attach(A, B, None, PathClass::Direct).expect("there is room");
            assert!(world.until(secs(5), |world| world.came(B).len() == said.len()));
            assert_eq!(world.came(B), said);
        }
    }

    fn another_than_the_one_expected_is_not_talked_to<S>() {
        let mut world = world_of::<S>([closed(1), closed(2)]);
        world.attach(A, B, Some(id(3)), PathClass::Direct).expect("there is room");
        world.run_for(secs(1));
        assert_eq!(world.closed(A), [Reason::WrongPeer]);
        assert!(world.node(B).mesh().peer(&id(1)).is_none(), "it has heard no name");
        assert!(world.node(A).mesh().peer(&id(2)).is_none());
    }

    fn who_attaches_asks_whether_to_let_in_whom_it_meets<S>() {
        let mut world = world_of::<S>([Settings { lets_in: LetsIn::Asked, ..closed(1) }, closed(2)]);
        world.attach(A, B, None, PathClass::Direct).expect("there is room");
        world.run_for(secs(1));
        assert_eq!(world.asked(A), [id(2)]);
        world.answer(A, id(2), Verdict::LetIn);
        assert!(world.until(secs(1), |world| world.are_up(A, B)));
    }

    fn an_attached_stream_begins_with_the_first_of_two_secrets<S>() {
        let both = || MeshSecrets::two(secret(0x77), secret(0x78));
        let mut world =
            world_of::<S>([closed_by(1, both()), closed(2), closed_by(3, MeshSecrets::one(secret(0x78)))]);
        for _ in 0..2 {
            world.attach(A, C, None, PathClass::Direct).expect("there is room");
            world.run_for(secs(1));
            assert!(!world.up(A, C));
        }
        world.attach(A, B, None, PathClass::Direct).expect("there is room");
        assert!(world.until(secs(1), |world| world.are_up(A, B)));
    }
}
