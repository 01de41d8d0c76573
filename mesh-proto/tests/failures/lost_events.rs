//! Lost events, lost messages.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use mesh_proto::rules::Rules;
use mesh_proto::sim::{End, Start, Stop};
use mesh_proto::storage::Storage;
use mesh_proto::{
    Cursor, Event, Frame, Incarnation, Instant, Mesh, NodeId, Now, PeerView, Reason, Seed, Standing,
    SystemError, Tags, Wait,
};

use crate::failures;
use crate::scene::{
    always_up, carrying, closes, come, config, dials, elsewhere, hello, holds, meet, millis, minted, pair,
    route_to, secs, sent,
};

failures! {
    /// The session is up before anybody listens, and 'connected' was told to nobody: a reader that comes half a minute
    /// later must read that it is up, once.
    t1_up_before_anybody_listens without NewsIsState,
    /// The dial fails before anybody listens: the late reader must read that the peer is down, and why.
    t2_failed_before_anybody_listens without NewsIsState,
    /// Readers register between any two events of a session that comes, is lost, comes again and is forgotten: each must
    /// end with exactly the state that holds, and be told nothing twice.
    t3_readers_that_register_while_it_happens without NewsIsState,
    /// Both dial at once; the loser of the tie is torn down, and its close comes late: the winner must carry on, and no
    /// reader may see the session gone.
    t9_the_end_of_the_loser_leaves_the_winner_alone without NewcomerWaits,
    /// A dial is never carried out, or leads nowhere: it must become a timeout, and the next one must be free to go.
    t20_a_dial_that_leads_nowhere_leaves_nothing_behind without DialDeadline,
    /// A has only a dead address of B, but B dialed A: the session must use that link, and A must not dial.
    a1_the_other_ends_dial_serves_both_ways without AnyLinkServes,
    /// The link becomes a black hole without a reset: it must be called silent within `detect_within`, and a new one
    /// carry the session.
    a2_a_link_drops_without_a_reset without SuspectsAreDialed,
    /// B is asked for at an address where C listens, and B's own link comes in later: the first must be ended before
    /// anybody hears of C, the second proves B and must be used.
    o15_every_link_proves_the_same without DialWhatWasAsked,
    /// An answer takes eight seconds while other frames come: the link must live, and nobody may be dialed.
    o19_a_late_answer_among_frames_kills_nothing without FramesExtendProbe,
    /// A peer opens link after link and notes no loss: what is over the bound must be refused and counted.
    o22_what_one_peer_can_pile_up_is_bounded_and_counted without LinksAreBounded,
}

fn read<S: Storage, R: Rules>(mesh: &Mesh<S, R>, cursor: &mut Cursor) -> Vec<PeerView> {
    mesh.news(cursor).collect()
}

fn t1_up_before_anybody_listens<S: Storage, R: Rules>(rules: R) {
    for seed in 0..4 {
        let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(1));
        meet(&mut world, a, b);
        world.run_for(secs(30));

        for (here, there) in [(a, b), (b, a)] {
            let mut late = Cursor::default();
            let told = read(world.mesh(here), &mut late);
            let [view] = told.as_slice() else { panic!("told {told:?}") };
            assert_eq!((view.id, Some(view.standing)), (world.id(there), world.standing(here, there)));
            assert!(matches!(view.standing, Standing::Up { .. }), "{view:?}");
            assert_eq!(read(world.mesh(here), &mut late), [], "it is told once");
        }
    }
}

fn t2_failed_before_anybody_listens<S: Storage, R: Rules>(rules: R) {
    for (stop, error) in [(Stop::Kill, SystemError::Refused), (Stop::Vanish, SystemError::TimedOut)] {
        let (mut world, a, b) = pair::<S, R>(1, &rules, millis(1));
        world.stop(b, stop);
        world.dial(a, b);
        world.run_for(secs(30));

        let mut late = Cursor::default();
        let told = read(world.mesh(a), &mut late);
        let standings: Vec<_> = told.iter().map(|view| (view.id, view.standing)).collect();
        assert_eq!(standings, [(world.id(b), Standing::Down { reason: Some(Reason::System(error)) })]);
        assert_eq!(read(world.mesh(a), &mut late), []);
    }
}

/// What a reader knows.
#[derive(Default)]
struct Reader {
    cursor: Cursor,
    knows: BTreeMap<NodeId, Standing>,
}

impl Reader {
    fn catch_up<S: Storage, R: Rules>(&mut self, mesh: &Mesh<S, R>) {
        for view in mesh.news(&mut self.cursor) {
            let before = self.knows.insert(view.id, view.standing);
            assert_ne!(before, Some(view.standing), "told twice");
        }
    }
}

fn t3_readers_that_register_while_it_happens<S: Storage, R: Rules>(rules: R) {
    for seed in 0..4 {
        let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(2));
        let mut readers: Vec<Reader> = Vec::new();
        let mut happened = 0;
        for act in 0..4 {
            match act {
                0 => drop(world.keep(a, b)),
                1 | 2 => world.lose(carrying(&world, a, b), if act == 1 { End::Both } else { End::Only(b) }),
                _ => drop(world.tell(a, Event::Forget { peer: world.id(b) })),
            }
            let watched = world.run_until(secs(8), |world| {
                readers.push(Reader::default());
                // Some read after each event, some now and then.
                happened += 1;
                for (number, reader) in readers.iter_mut().enumerate() {
                    if happened % (number % 5 + 1) == 0 {
                        reader.catch_up(world.mesh(a));
                    }
                }
                false
            });
            assert!(watched.is_err(), "time is up");
        }
        let holds_now = world.mesh(a).peers().map(|view| (view.id, view.standing)).collect();
        for mut reader in readers {
            reader.catch_up(world.mesh(a));
            assert_eq!(reader.knows, holds_now);
        }
    }
}

fn t9_the_end_of_the_loser_leaves_the_winner_alone<S: Storage, R: Rules>(rules: R) {
    for (seed, delay) in [0, 1, 5, 50, 300].into_iter().enumerate() {
        let (mut world, a, b) = pair::<S, R>(seed as u64, &rules, millis(delay));
        world.dial(a, b);
        world.dial(b, a);
        world.run_until(secs(20), |world| world.agreed(a, b)).expect("one link stays");
        for (here, there) in [(a, b), (b, a)] {
            let up = world.standing(here, there);
            for (_, (link, _)) in closes(&world, here) {
                world.tell(here, Event::Closed { link, error: SystemError::Reset });
            }
            assert_eq!(world.standing(here, there), up);
            let changes = world.changes(here, there);
            let first = changes.iter().position(|standing| matches!(standing, Standing::Up { .. }));
            holds(&world, always_up(&changes[first.expect("it was up")..]), "the session was never gone");
        }
    }
}

fn t20_a_dial_that_leads_nowhere_leaves_nothing_behind<S: Storage, R: Rules>(rules: R) {
    // The order is never carried out.
    let me = NodeId::new([1; 32]);
    let (id, run) = (NodeId::new([2; 32]), Incarnation::new(1, 1));
    let mut mesh =
        Mesh::<S, R>::with_rules(me, run, config(), Seed::Number(1), rules.clone()).expect("it is sound");
    let began = Instant::from_micros(1_000_000);
    let seek = Event::Seek { peer: id, routes: route_to(elsewhere(1)) };
    let mut wait = mesh.handle(Now::single(began), seek).carry_out(|_| {});
    while let Wait::Until(at) = wait {
        assert!(at <= began.after(secs(6)), "still waiting at {at:?}");
        wait = mesh.handle(Now::single(at), Event::Tick).carry_out(|_| {});
    }
    let timed_out = Reason::System(SystemError::TimedOut);
    let standing = mesh.peer(&id).expect("it is known").standing;
    assert_eq!(standing, Standing::Down { reason: Some(timed_out) });

    // It leads nowhere.
    let (mut world, a, b) = pair::<S, R>(1, &rules, millis(1));
    world.stop(b, Stop::Vanish);
    world.dial(a, b);
    world.run_for(secs(6));
    assert_eq!(world.standing(a, b), Some(Standing::Down { reason: Some(timed_out) }));
    let explained = world.mesh(a).explain(&world.id(b)).expect("it is known");
    assert!(explained.links.is_empty(), "{explained}");
    world.start(b, Start::Fresh);
    world.dial(a, b);
    world.run_until(millis(10), |world| world.agreed(a, b)).expect("the next dial goes at once");
}

fn a1_the_other_ends_dial_serves_both_ways<S: Storage, R: Rules>(rules: R) {
    for seed in 0..4 {
        for swapped in [false, true] {
            let (mut world, mut a, mut b) = pair::<S, R>(seed, &rules, millis(3));
            if swapped {
                (a, b) = (b, a);
            }
            world.tell(a, Event::Keep { peer: world.id(b), routes: route_to(elsewhere(1)) });
            world.run_for(secs(7));
            holds(&world, !dials(&world, a).is_empty(), "A tried its own way first");
            meet(&mut world, b, a);
            let link = world.carrier(a, b);
            let tried = dials(&world, a).len();

            world.run_for(secs(600));

            assert_eq!(dials(&world, a).len(), tried, "A dials no more");
            assert_eq!(world.carrier(a, b), link);
            holds(&world, world.agreed(a, b), "the session lives");
        }
    }
}

fn a2_a_link_drops_without_a_reset<S: Storage, R: Rules>(rules: R) {
    for (seed, after) in [0, 1_000, 2_400, 30_000].into_iter().enumerate() {
        for swapped in [false, true] {
            let (mut world, mut a, mut b) = pair::<S, R>(seed as u64, &rules, millis(2));
            if swapped {
                (a, b) = (b, a);
            }
            let dead = meet(&mut world, a, b);
            let link = world.carrier(a, b).expect("it is up");
            world.run_for(millis(after));
            world.black_hole_stream(dead, mesh_proto::sim::Direction::Both);

            let took = world.run_until(secs(10), |world| world.agreed(a, b) && carrying(world, a, b) != dead);

            let took = took.expect("a new link carries the session");
            holds(&world, took < secs(5), "a ping, its answer's time, and a dial");
            holds(&world, always_up(&world.changes(b, a)), "the session was never away");
            let closed = closes(&world, a).into_iter().find(|(_, (old, _))| *old == link);
            let reason = closed.map(|(_, (_, reason))| reason);
            assert_eq!(reason, Some(Reason::Silent), "{}", world.report());
            assert_eq!(dials(&world, a).len() + dials(&world, b).len(), 2, "one dial for each link");
        }
    }
}

fn o15_every_link_proves_the_same<S: Storage, R: Rules>(rules: R) {
    let mut world = crate::world::<S, R>(1, rules);
    let [a, b, c] = [0; 3].map(|_| world.add(config()));
    world.tell(a, Event::Keep { peer: world.id(b), routes: world.routes_to(c) });
    world.run_for(secs(5));

    assert_eq!(world.standing(a, b), Some(Standing::Down { reason: Some(Reason::WrongPeer) }));
    assert_eq!((world.standing(a, c), world.standing(c, a)), (None, None), "nobody hears of the stranger");
    let tried = dials(&world, a).len();
    assert!((2..=8).contains(&tried), "{tried} dials in five seconds");
    let reasons = closes(&world, a);
    holds(&world, reasons.iter().all(|(_, (_, reason))| *reason == Reason::WrongPeer), "each for its reason");

    world.dial(b, a);
    world.run_until(millis(20), |world| world.agreed(a, b)).expect("B's own link is B's");
    let tried = dials(&world, a).len();
    world.run_for(secs(60));
    assert_eq!(dials(&world, a).len(), tried);
}

fn o19_a_late_answer_among_frames_kills_nothing<S: Storage, R: Rules>(rules: R) {
    for seed in 0..4 {
        let (mut world, a, b) = pair::<S, R>(seed, &rules, millis(5));
        let stream = meet(&mut world, a, b);
        let link = world.carrier(a, b).expect("it is up");
        world.run_for(secs(12));
        world.black_hole_stream(stream, mesh_proto::sim::Direction::From(b));
        let pings = |world: &mesh_proto::sim::World<S, R>| {
            sent(world, a).iter().filter(|(_, (_, frame))| matches!(frame, Frame::Ping { .. })).count()
        };
        let before = pings(&world);
        world.run_until(secs(3), |world| pings(world) > before).expect("a ping is due");
        for _ in 0..16 {
            world.run_for(millis(500));
            world.inject(a, stream, Frame::Noted(Tags::new().into()));
        }
        world.heal_stream(stream);
        world.run_for(secs(60));

        assert_eq!(world.carrier(a, b), Some(link));
        let told = [world.changes(a, b), world.changes(b, a)];
        assert_eq!(told.map(|changes| changes.len()), [2, 1], "nobody is told anything after the beginning");
        assert_eq!((dials(&world, a).len(), dials(&world, b).len()), (1, 0));
    }
}

fn o22_what_one_peer_can_pile_up_is_bounded_and_counted<S: Storage, R: Rules>(rules: R) {
    let mut world = crate::world::<S, R>(1, rules);
    let n = world.add(config());
    let peer = minted(1);
    let most = config().limits.links_per_peer as usize;

    let links: Vec<_> = (0..20).map(|_| come(&mut world, n, peer, hello(1))).collect();

    world.mesh(n).audit().expect("the bounds are kept");
    let refused: Vec<_> = sent(&world, n)
        .into_iter()
        .filter_map(|(_, (link, frame))| (frame == Frame::Refused(Reason::Duplicate)).then_some(link))
        .collect();
    assert_eq!(refused, &links[most..]);
    assert_eq!(world.mesh(n).stats().refused, refused.len() as u64);

    // It takes no note of what is lost, link after link.
    for link in &links[..most] {
        world.tell(n, Event::Closed { link: *link, error: SystemError::Reset });
    }
    for _ in most..12 {
        let link = come(&mut world, n, peer, hello(1));
        world.tell(n, Event::Closed { link, error: SystemError::Reset });
    }
    world.mesh(n).audit().expect("the bounds are kept");
    assert_eq!(world.mesh(n).stats().losses_untold, 12 - mesh_proto::MAX_LOSSES as u64);
}
