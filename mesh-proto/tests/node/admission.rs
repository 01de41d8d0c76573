//! Who is let in, and what those who are not are told.

use mesh_proto::node::{Input, LetsIn, Settings, Verdict};
use mesh_proto::storage::{Array, Storage};
use mesh_proto::wire::{MeshSecrets, Network, Versions};
use mesh_proto::{Reason, Refusal, Route};

use crate::on_both;
use crate::world::*;

const NOT_LISTED: Reason = Reason::Refused(Refusal::NotListed);
const WRONG_MESH: Reason = Reason::Refused(Refusal::WrongMesh);

fn list<S: Storage>(names: &[u8]) -> LetsIn<S> {
    let mut list = S::Peers::default();
    names
        .iter()
        .for_each(|name| list.try_push(id(*name)).expect("there is room for as many as there are peers"));
    LetsIn::Listed(list)
}

fn listing<S: Storage>(settings: Settings<S>, names: &[u8]) -> Settings<S> {
    Settings { lets_in: list(names), ..settings }
}

fn asking<S: Storage>(settings: Settings<S>) -> Settings<S> {
    Settings { lets_in: LetsIn::Asked, ..settings }
}

/// Two that never come together: the reason at the dialer, and how often it dialed in a minute and in ten.
fn apart<S: Storage>(pair: [Settings<S>; 2]) -> (Option<Reason>, usize, usize) {
    let mut world = world_of(pair);
    let other = world.id(B);
    world.keep(A, B);
    world.run_for(secs(60));
    let (reason, minute) = (world.down(A, &other), world.dials(A));
    world.run_for(secs(540));
    assert!(!world.up(A, B) && !world.up(B, A));
    assert!(world.node(B).mesh().peer(&id(1)).is_none(), "nobody was heard of");
    (reason, minute, world.dials(A))
}

on_both! {
    fn hints_in_the_clear_earn_ordinary_backoff<S>() {
        let network = |settings: Settings<S>| Settings { network: Network::named("another"), ..settings };
        let version =
            |settings: Settings<S>| Settings { versions: Versions::new(7, 9).expect("a range"), ..settings };
        let secret = || closed_by(2, MeshSecrets::one(secret(0x99)));
        let wrong_version = Reason::Refused(Refusal::WrongVersion);
        for (pair, expected) in [
            ([open(1), network(open(2))], WRONG_MESH),
            ([unprotected(1), network(unprotected(2))], WRONG_MESH),
            ([closed(1), version(closed(2))], wrong_version),
            ([open(1), closed(2)], WRONG_MESH),
            ([closed(1), unprotected(2)], WRONG_MESH),
            ([closed(1), secret()], WRONG_MESH),
            ([outside(closed(1)), outside(secret())], WRONG_MESH),
        ] {
            let (reason, minute, all) = apart::<S>(pair);
            assert_eq!(reason, Some(expected));
            assert!(minute > 3 && all > 40, "{minute} dials in a minute, {all} in ten");
        }
    }

    fn who_is_not_on_the_list_is_told_and_stays_away_for_long<S>() {
        for pair in [[open(1), listing(open(2), &[3])], [outside(closed(1)), listing(outside(closed(2)), &[])]] {
            let (reason, minute, all) = apart::<S>(pair);
            assert_eq!(reason, Some(NOT_LISTED));
            assert_eq!((minute, all), (1, 2), "a pause of five minutes, then one of ten");
        }
    }

    fn who_dials_keeps_to_its_own_list<S>() {
        let (reason, minute, all) = apart::<S>([listing(open(1), &[3]), open(2)]);
        assert_eq!((reason, minute, all), (Some(NOT_LISTED), 1, 2));
    }

    fn who_is_on_the_list_is_let_in_until_it_is_taken_off<S>() {
        let mut world = world_of::<S>([open(1), listing(open(2), &[1])]);
        world.keep(A, B);
        assert!(world.until(secs(5), |world| world.are_up(A, B)));
        let (peer, other) = (world.id(A), world.id(B));
        world.tell(B, Input::Expel { peer });
        assert!(world.until(secs(1), |world| world.down(A, &other) == Some(NOT_LISTED)));
        assert_eq!(world.down(B, &peer), Some(NOT_LISTED));
    }

    fn who_was_expelled_is_let_in_again_once_it_is_wanted<S>() {
        let mut world = world_of::<S>([open(1), open(2)]);
        let (peer, other) = (world.id(A), world.id(B));
        world.keep(A, B);
        assert!(world.until(secs(5), |world| world.are_up(A, B)));
        world.tell(B, Input::Expel { peer });
        assert!(world.until(secs(1), |world| world.down(A, &other) == Some(NOT_LISTED)));
        world.keep(B, A);
        assert!(world.until(secs(5), |world| world.are_up(A, B)));
    }

    fn another_list_counts_for_those_who_come_from_then_on<S>() {
        let mut world = world_of::<S>([open(1), listing(open(2), &[1])]);
        world.keep(A, B);
        assert!(world.until(secs(5), |world| world.are_up(A, B)));
        world.change_admission(B, list(&[3]));
        world.run_for(secs(30));
        assert!(world.are_up(A, B), "sessions stay as they are");
        world.cut_all(A);
        assert!(world.until(secs(5), |world| world.closed(A).contains(&NOT_LISTED)));
        world.change_admission(B, LetsIn::Anyone);
        let (peer, routes) = (world.id(B), world.routes_to(B));
        world.tell(A, Input::Seek { peer, routes });
        assert!(world.until(secs(5), |world| world.are_up(A, B)));
    }

    fn a_dial_to_itself_is_refused_as_that<S>() {
        for settings in [open(1), outside(closed(1)), listing(open(1), &[])] {
            let mut world = world_of::<S>([settings, open(2)]);
            let route = Route::direct(world.address(A));
            world.tell(A, Input::KeepAt { route });
            world.run_for(secs(5));
            assert!(world.closed(A).contains(&Reason::OwnSelf), "{:?}", world.closed(A));
            assert!(world.stats(A).met_self > 0);
        }
    }

    fn somebody_else_at_the_address_is_not_who_was_dialed<S>() {
        let mut world = world_of::<S>([open(1), open(2)]);
        let routes = world.routes_to(B);
        world.tell(A, Input::Keep { peer: id(3), routes });
        world.run_for(secs(2));
        assert!(world.closed(A).contains(&Reason::WrongPeer));
        assert!(world.node(B).mesh().peer(&id(1)).is_none(), "it was not told who dialed");
    }

    fn an_answer_may_come_late<S>() {
        for pair in [
            [open(1), asking(open(2))],
            [outside(closed(1)), asking(outside(closed(2)))],
            [unprotected(1), asking(unprotected(2))],
        ] {
            let mut world = world_of::<S>(pair);
            world.keep(A, B);
            world.send(A, B, b"before");
            world.run_for(secs(55));
            assert_eq!(world.asked(B), [id(1)], "one question, longer than the deadline of a handshake");
            assert!(!world.up(A, B) && world.node(B).mesh().peer(&id(1)).is_none());
            world.answer(B, id(1), Verdict::LetIn);
            assert!(world.until(secs(1), |world| world.are_up(A, B)));
            assert_eq!(world.dials(A), 1);
            assert!(world.until(secs(1), |world| world.came(B) == [b"before"]));
            // The answer is remembered.
            world.cut_all(A);
            assert!(world.until(secs(20), |world| world.are_up(A, B)));
            assert_eq!(world.asked(B).len(), 1);
        }
    }

    fn an_answer_that_never_comes_ends_the_link_after_a_minute<S>() {
        let mut world = world_of::<S>([open(1), asking(open(2))]);
        world.keep(A, B);
        world.run_for(secs(59));
        assert_eq!(world.closed(A), []);
        world.run_for(secs(2));
        assert_eq!(world.closed(A), [Reason::Silent]);
        world.run_for(secs(20));
        assert_eq!(world.asked(B).len(), 2, "the next link asks again");
    }

    fn a_refusal_by_answer_is_told_and_remembered<S>() {
        let mut world = world_of::<S>([open(1), asking(open(2))]);
        let other = world.id(B);
        world.keep(A, B);
        world.run_for(secs(3));
        world.answer(B, id(1), Verdict::TurnAway);
        assert!(world.until(secs(1), |world| world.down(A, &other) == Some(NOT_LISTED)));
        world.run_for(secs(400));
        assert_eq!(world.dials(A), 2);
        assert_eq!(world.asked(B).len(), 1);
    }

    fn a_dialer_asks_before_it_says_who_it_is<S>() {
        for verdict in [Verdict::LetIn, Verdict::TurnAway] {
            let mut world = world_of::<S>([asking(open(1)), open(2)]);
            let other = world.id(B);
            world.keep(A, B);
            world.run_for(secs(5));
            assert_eq!(world.asked(A), [other]);
            assert!(world.node(B).mesh().peer(&id(1)).is_none());
            world.answer(A, other, verdict);
            world.run_for(secs(1));
            assert_eq!(world.are_up(A, B), verdict == Verdict::LetIn);
            if verdict == Verdict::TurnAway {
                assert_eq!(world.down(A, &other), Some(NOT_LISTED));
                assert_eq!(world.closed(A), [NOT_LISTED]);
            }
        }
    }

    fn secrets_change_while_the_mesh_runs<S>() {
        let (old, new) = (|| secret(1), || secret(2));
        let mut world = world_of::<S>((1..=3).map(|name| closed_by(name, MeshSecrets::one(old()))));
        let change = |world: &mut World<S>, n: NodeName, secrets: MeshSecrets| {
            world.change_secrets(n, secrets);
            world.cut_all(n);
            let all = |world: &World<S>| world.are_up(A, B) && world.are_up(B, C) && world.are_up(A, C);
            assert!(world.until(secs(60), all), "node {n}");
        };
        for (n, other) in [(A, B), (B, C), (C, A)] {
            world.keep(n, other);
        }
        world.run_for(secs(5));
        for n in [A, B, C] {
            change(&mut world, n, MeshSecrets::two(old(), new()));
        }
        for n in [A, B, C] {
            change(&mut world, n, MeshSecrets::two(new(), old()));
        }
        for n in [A, B, C] {
            change(&mut world, n, MeshSecrets::one(new()));
        }
    }
}
