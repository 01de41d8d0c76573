//! Sessions come up and messages go through, whoever opens the records and wherever the bytes are cut.

use mesh_proto::node::{Input, Settings};
use mesh_proto::storage::Storage;
use mesh_proto::{Config, Limits, Message, Outcome, Reason, Takes, Window};

use crate::on_both;
use crate::world::*;

/// Every kind of door, with the halves on either side.
fn pairs<S: Storage>() -> Vec<[Settings<S>; 2]> {
    vec![
        [open(1), open(2)],
        [outside(open(1)), outside(open(2))],
        [closed(1), outside(closed(2))],
        [outside(closed(1)), closed(2)],
        [unprotected(1), unprotected(2)],
        [outside(unprotected(1)), outside(unprotected(2))],
    ]
}

/// Some bytes that tell where they stand.
fn says(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

on_both! {
    fn messages_of_every_size_go_through_once<S>() {
        for pair in pairs() {
            let mut world = world_of::<S>(pair);
            world.pieces(50_000);
            world.keep(A, B);
            let sizes = &[0, 1, 64, 1000, 1024, 16_384, 16_385, 70_000, 1 << 20][..fit::<S>(9, 5)];
            for &size in sizes {
                world.send(A, B, &says(size));
            }
            assert!(world.until(secs(60), |world| world.settled(A).len() == sizes.len()));
            for &size in sizes {
                world.send(B, A, &says(size));
            }
            assert!(world.until(secs(60), |world| world.settled(B).len() == sizes.len()));
            for n in [A, B] {
                let came: Vec<usize> = world.came(n).iter().map(|body| body.len()).collect();
                assert_eq!(came, sizes);
                assert!(world.came(n).iter().all(|came| *came == says(came.len())));
                assert!(world.settled(n).iter().all(|(_, _, outcome)| *outcome == Outcome::Taken));
                assert_eq!(world.stats(n).protocol_errors, 0);
            }
            assert_eq!(world.streams().len(), 1);
        }
    }

    fn bytes_may_be_cut_anywhere<S>() {
        for longest in [1, 2, 3, 7, 100] {
            for pair in pairs() {
                let mut world = world_of::<S>(pair);
                world.pieces(longest);
                world.keep(A, B);
                world.send(A, B, &says(300));
                world.send(B, A, &says(10));
                assert!(world.until(secs(5), |world| !world.came(B).is_empty()));
                assert_eq!(world.came(B), [says(300)]);
            }
        }
    }

    fn what_comes_right_behind_the_welcome_is_read<S>() {
        for pair in pairs() {
            let mut world = world_of::<S>(pair);
            world.pieces(200_000);
            world.send(B, A, &says(fit::<S>(70_000, 1000)));
            world.keep(A, B);
            assert!(world.until(secs(1), |world| world.came(A) == [says(fit::<S>(70_000, 1000))]));
            assert_eq!(world.streams().len(), 1);
        }
    }

    fn both_may_dial_at_once_and_a_third_may_join<S>() {
        let mut world = world_of::<S>([closed(1), outside(closed(2)), closed(3)]);
        for (n, other) in [(A, B), (B, A), (B, C), (C, A)] {
            world.keep(n, other);
        }
        let all = |world: &World<S>| world.are_up(A, B) && world.are_up(B, C) && world.are_up(C, A);
        assert!(world.until(secs(5), all));
        let tell = Message::plain("to all".into());
        world.tell(A, Input::SendAll { message: tell });
        assert!(world.until(secs(5), |world| world.came(B).len() + world.came(C).len() == 2));
    }

    fn a_session_goes_on_over_the_next_link<S>() {
        for pair in pairs() {
            let mut world = world_of::<S>(pair);
            world.keep(A, B);
            assert!(world.until(secs(5), |world| world.are_up(A, B)));
            let mut said = Vec::new();
            for round in 0..10_u8 {
                for message in 0..20_u8 {
                    let says = vec![round.wrapping_mul(20) + message; fit::<S>(10_000, 100)];
                    world.send(A, B, &says);
                    said.push(says);
                }
                for _ in 0..round {
                    world.carry();
                }
                // In the middle of whatever is on its way.
                world.cut_all(A);
                assert!(world.until(secs(60), |world| world.are_up(A, B)));
                assert!(world.until(secs(60), |world| world.settled(A).len() == said.len()));
            }
            assert_eq!(world.came(B), said);
            assert!(world.streams().len() > 10);
        }
    }

    fn a_record_is_no_larger_than_the_reader_takes<S>() {
        let limits = Limits {
            record: Takes::LEAST_RECORD,
            message: 1000,
            window: Window { bytes: 4000, messages: 8 },
            ..limits::<S>()
        };
        let small = |settings: Settings<S>| Settings {
            config: Config { limits, announce_every: None, ..Config::lan() },
            ..settings
        };
        for pair in [[open(1), small(open(2))], [outside(open(1)), small(outside(open(2)))]] {
            let mut world = world_of::<S>(pair);
            world.keep(A, B);
            for _ in 0..3 {
                world.send(A, B, &says(1000));
            }
            assert!(world.until(secs(60), |world| world.came(B).len() == 3));
            assert_eq!(world.stats(B).protocol_errors, 0);
        }
    }

    fn short_and_long_messages_keep_their_order_in_records_of_any_size<S>() {
        for record in [Takes::LEAST_RECORD, limits::<S>().record] {
            let message = u32::try_from(fit::<S>(4000, 1000)).expect("few bytes");
            let window = Window { bytes: 4 * limits::<S>().message, messages: 64 };
            let limits = Limits { record, message, window, ..limits::<S>() };
            let takes = |settings: Settings<S>| Settings {
                config: Config { limits, announce_every: None, ..Config::lan() },
                ..settings
            };
            for pair in [[takes(open(1)), takes(open(2))], [outside(open(1)), takes(outside(open(2)))]] {
                let mut world = world_of::<S>(pair);
                let said: Vec<Vec<u8>> = (0..40)
                    .map(|n: u8| vec![n; if n % 7 == 3 { fit::<S>(3000, 300) } else { usize::from(n) }])
                    .collect();
                for says in &said {
                    world.send(A, B, says);
                }
                world.keep(A, B);
                assert!(world.until(secs(60), |world| world.came(B).len() == said.len()));
                assert_eq!(world.came(B), said);
                assert_eq!(world.stats(B).protocol_errors, 0);
            }
        }
    }

    fn a_clean_leave_is_told<S>() {
        let mut world = world_of::<S>([open(1), outside(open(2))]);
        world.keep(A, B);
        assert!(world.until(secs(5), |world| world.are_up(A, B)));
        world.tell(B, Input::Leave);
        let leaver = world.id(B);
        assert!(world.until(secs(1), |world| world.down(A, &leaver) == Some(Reason::Left)));
    }

    fn what_is_expelled_stays_away_until_it_is_wanted_again<S>() {
        let mut world = world_of::<S>([open(1), open(2)]);
        let expelled = world.id(B);
        world.keep(B, A);
        assert!(world.until(secs(5), |world| world.are_up(A, B)));
        world.tell(A, Input::Expel { peer: expelled });
        assert!(world.until(secs(1), |world| !world.up(B, A)));
        let dialed = world.dials(B);
        world.run_for(secs(240));
        assert_eq!(world.dials(B), dialed, "it was told, and leaves this one alone for long");
        world.run_for(secs(300));
        assert!(world.dials(B) > dialed);
        assert!(!world.up(B, A), "it is turned away again");
        world.keep(A, B);
        assert!(world.until(secs(10), |world| world.are_up(A, B)));
    }
}
