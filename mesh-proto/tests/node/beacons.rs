//! Announcements as datagrams.

use mesh_proto::Config;
use mesh_proto::node::{Input, Settings};
use mesh_proto::storage::Storage;
use mesh_proto::wire::MeshSecrets;

use crate::on_both;
use crate::world::*;

fn announcing<S: Storage>(settings: Settings<S>) -> Settings<S> {
    Settings { config: Config { limits: limits::<S>(), ..Config::lan() }, ..settings }
}

/// The first datagram of a node that listens on these ports.
fn hail<S: Storage>(settings: Settings<S>) -> Vec<u8> {
    let mut world = world_of([settings]);
    world.node_mut(A).listens_on([7000, 7001].into_iter().collect());
    world.run_for(secs(150));
    world.announced(A).last().expect("it announces itself").1.clone()
}

/// What a node makes of a datagram: how many announcements it heard, and whether it dialed.
fn heard<S: Storage>(settings: Settings<S>, datagram: &[u8]) -> (u64, usize) {
    let mut world = world_of([settings]);
    world.tell(A, Input::Datagram { from: host(5), bytes: datagram });
    world.run_for(secs(2));
    (world.stats(A).heard, world.dials(A))
}

on_both! {
    fn nodes_find_each_other<S>() {
        for pair in [[open(1), open(2)], [closed(1), outside(closed(2))], [unprotected(1), unprotected(2)]] {
            let mut world = world_of::<S>(pair.map(announcing));
            for n in [A, B] {
                world.take_announced(n);
            }
            world.run_for(secs(150));
            let (_, datagram) = world.announced(A).first().expect("it announces itself").clone();
            let mut from = world.address(A);
            from.set_port(33_333);
            world.tell(B, Input::Datagram { from, bytes: &datagram });
            assert!(world.until(secs(5), |world| world.are_up(A, B)));
        }
    }

    fn a_stranger_can_neither_make_one_nor_read_one<S>() {
        let other_secret = || closed_by::<S>(2, MeshSecrets::one(secret(9)));
        let other_network =
            |settings: Settings<S>| Settings { network: mesh_proto::wire::Network::named("another"), ..settings };
        for (from, to) in [
            (closed(1), other_secret()),
            (open(1), closed(2)),
            (closed(1), open(2)),
            (unprotected(1), open(2)),
            (closed(1), other_network(closed(2))),
            (open(1), other_network(open(2))),
        ] {
            assert_eq!(heard::<S>(to, &hail::<S>(announcing(from))), (0, 0));
        }
        assert_eq!(heard::<S>(closed(2), &hail::<S>(announcing(closed(1)))), (1, 2), "both ports are tried");
        assert_eq!(heard::<S>(open(2), &hail::<S>(announcing(open(1)))), (1, 1), "nobody vouches for it: one of them");
    }

    fn a_sealed_one_looks_like_noise_and_no_two_are_alike<S>() {
        let mut world = world_of::<S>([announcing(closed(1))]);
        world.run_for(secs(600));
        let all = &world.announced(A);
        assert!(all.len() >= 3);
        for (at, (_, datagram)) in all.iter().enumerate() {
            assert!(!datagram.windows(4).any(|bytes| bytes == b"mesh" || bytes == &id(1).as_bytes()[..4]));
            assert!(all[..at].iter().all(|(_, other)| other[..12] != datagram[..12]));
        }
    }

    fn every_bit_of_a_sealed_one_counts<S>() {
        let datagram = hail::<S>(announcing(closed(1)));
        for bit in 0..datagram.len() * 8 {
            let mut altered = datagram.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(heard::<S>(closed(2), &altered), (0, 0), "bit {bit}");
        }
        for length in 0..datagram.len() {
            assert_eq!(heard::<S>(closed(2), &datagram[..length]), (0, 0), "{length} bytes");
        }
    }

    fn either_secret_opens_one_during_a_change<S>() {
        let (old, new) = (|| secret(1), || secret(2));
        let datagram = hail::<S>(announcing(closed_by(1, MeshSecrets::two(new(), old()))));
        assert_eq!(heard::<S>(closed_by(2, MeshSecrets::two(old(), new())), &datagram), (1, 2));
        assert_eq!(heard::<S>(closed_by(2, MeshSecrets::one(old())), &datagram), (0, 0));
    }
}
