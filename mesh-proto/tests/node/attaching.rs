//! Two nodes joined by a stream that one of them opened by other means than a dial.

use mesh_proto::node::{LetsIn, Settings, Verdict};
use mesh_proto::storage::Storage;
use mesh_proto::wire::MeshSecrets;
use mesh_proto::{Outcome, Reason};

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
            let mut world = World::<S>::new(pair);
            world.attach(0, 1, (nth < 4).then_some(world.id(1)));
            world.send(0, 1, b"there");
            world.send(1, 0, b"and back");
            assert!(world.until(secs(5), |world| world.came(1) == [b"there"] && world.came(0) == [b"and back"]));
            assert_eq!(world.members[0].settled, [(0, Outcome::Taken)]);
            world.pass(secs(60));
            assert!(world.are_up(0, 1));
            assert_eq!((world.streams(), world.members[0].dials, world.members[1].dials), (1, 0, 0));
            assert_eq!(world.stats(0).protocol_errors + world.stats(1).protocol_errors, 0);
        }
    }

    fn messages_wait_for_the_next_attached_stream<S>() {
        for pair in pairs() {
            let mut world = World::<S>::new(pair);
            let mut said = Vec::new();
            for round in 0..5_u8 {
                world.attach(usize::from(round % 2), usize::from(1 - round % 2), None);
                for message in 0..10 {
                    let says = vec![round * 10 + message; fit::<S>(10_000, 50)];
                    world.send(0, 1, &says);
                    said.push(says);
                }
                for _ in 0..20 {
                    world.carry();
                }
                world.cut_all(0);
            }
            world.attach(0, 1, None);
            assert!(world.until(secs(5), |world| world.came(1).len() == said.len()));
            assert_eq!(world.came(1), said);
        }
    }

    fn another_than_the_one_expected_is_not_talked_to<S>() {
        let mut world = World::<S>::new([closed(1), closed(2)]);
        world.attach(0, 1, Some(id(3)));
        world.pass(secs(1));
        assert_eq!(world.members[0].closed, [Reason::WrongPeer]);
        assert!(world.members[1].node.mesh().peer(&id(1)).is_none(), "it has heard no name");
        assert!(world.members[0].node.mesh().peer(&id(2)).is_none());
    }

    fn who_attaches_asks_whether_to_let_in_whom_it_meets<S>() {
        let mut world = World::<S>::new([Settings { lets_in: LetsIn::Asked, ..closed(1) }, closed(2)]);
        world.attach(0, 1, None);
        world.pass(secs(1));
        assert_eq!(world.members[0].asked, [id(2)]);
        world.answer(0, id(2), Verdict::LetIn);
        assert!(world.until(secs(1), |world| world.are_up(0, 1)));
    }

    fn an_attached_stream_begins_with_the_first_of_two_secrets<S>() {
        let both = || MeshSecrets::two(secret(0x77), secret(0x78));
        let mut world =
            World::<S>::new([closed_by(1, both()), closed(2), closed_by(3, MeshSecrets::one(secret(0x78)))]);
        for _ in 0..2 {
            world.attach(0, 2, None);
            world.pass(secs(1));
            assert!(!world.is_up(0, 2));
        }
        world.attach(0, 1, None);
        assert!(world.until(secs(1), |world| world.are_up(0, 1)));
    }
}
