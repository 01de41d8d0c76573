//! Random faults in small meshes: whatever happened, once it is over every pair agrees on one link, and nothing moves
//! any more. And the same without one clause, to see that somebody notices.

use core::time::Duration;

use mesh_proto::rules::{Clause, Rules, Without};
use mesh_proto::sim::{self, Direction, End, NodeName, Start, Stop, StreamName, What, World};
use mesh_proto::storage::Storage;
use mesh_proto::{Config, Event, Heap, Limits, PathClass, Route, Shipped, Standing, Unable};

/// Every wait of a redial and a probe after it, with room for slow dials.
const OVER: Duration = Duration::from_secs(60);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One mesh, one life.
struct Chaos<S: Storage, R: Rules> {
    world: World<S, R>,
    nodes: Vec<NodeName>,
}

impl<S: Storage, R: Rules> Chaos<S, R> {
    fn new(seed: u64, rules: R) -> Self {
        let mut world = World::with_rules(seed, rules);
        let delay = ms(one_of(&mut world, &[0, 1, 20, 200, 700]));
        world.delay(delay);
        // With more of it a round trip can take longer than a probe waits, and somebody dials.
        let jitter = ms(one_of(&mut world, &[0, 0, 1, 50, 300]));
        world.jitter(jitter);
        let lateness = ms(one_of(&mut world, &[0, 0, 5, 200, 3000]));
        world.timer_jitter(lateness);
        if world.draw(2) == 0 {
            world.announcements(None);
        }
        let limits = Limits { peers: 8, half_open: 8, dials_in_flight: 8, ..Limits::default() };
        let nodes =
            (0..one_of(&mut world, &[2, 2, 3, 4])).map(|_| world.add(Config { limits, ..Config::lan() }));
        let nodes = nodes.collect();
        let mut chaos = Self { world, nodes };
        for n in chaos.nodes.clone() {
            chaos.keep_all(n);
        }
        chaos
    }

    fn pairs(&self) -> Vec<(NodeName, NodeName)> {
        let all =
            |a: &NodeName| self.nodes.iter().filter(move |b| a != *b).map(|b| (*a, *b)).collect::<Vec<_>>();
        self.nodes.iter().flat_map(all).collect()
    }

    fn keep_all(&mut self, n: NodeName) {
        for other in self.nodes.clone() {
            if other != n {
                self.world.keep(n, other);
            }
        }
    }

    fn some_stream(&mut self, a: NodeName, b: NodeName) -> Option<StreamName> {
        let links = self.world.links(a, b);
        let drawn = self.world.draw(links.len() as u64);
        links.get(usize::try_from(drawn).ok()?).map(|link| link.stream)
    }

    /// One fault, or the end of one, if it fits.
    fn happen(&mut self) {
        let pairs = self.pairs();
        let (a, b) = one_of(&mut self.world, &pairs);
        let (runs, stopped) = (self.world.runs(a), self.world.is_stopped(a));
        let span = ms(self.world.draw(60_000) + 1);
        let direction = one_of(&mut self.world, &[Direction::Both, Direction::From(a)]);
        match self.world.draw(20) {
            0 | 1 if runs => {
                let stop = one_of(&mut self.world, &[Stop::Kill, Stop::Vanish, Stop::Leave]);
                self.world.stop(a, stop);
            }
            2..=4 if stopped => {
                let start = one_of(&mut self.world, &[Start::Fresh, Start::Fresh, Start::Restored]);
                self.world.start(a, start);
                self.keep_all(a);
            }
            5 if runs => self.world.freeze(a, span),
            6 if runs => self.world.suspend(a, span),
            7 => self.world.black_hole(a, b, direction),
            8 => self.world.heal(a, b),
            9 | 10 => {
                let end = one_of(&mut self.world, &[End::Both, End::Only(a)]);
                if let Some(stream) = self.some_stream(a, b) {
                    self.world.lose(stream, end);
                }
            }
            11 => {
                if let Some(stream) = self.some_stream(a, b) {
                    self.world.black_hole_stream(stream, direction);
                }
            }
            12 | 13 if runs => {
                let slow = ms(self.world.draw(2000));
                self.world.slow_next_dial(a, slow);
                self.world.dial(a, b);
            }
            14 if runs => {
                let address = self.world.add_address(b);
                let routes = [Route { address, class: PathClass::Relayed }].into_iter().collect();
                let peer = self.world.id(b);
                self.world.tell(a, Event::Seek { peer, routes });
            }
            15 if runs => {
                let peer = self.world.id(b);
                self.world.tell(a, Event::Forget { peer });
                self.world.keep(a, b);
            }
            16 | 17 if runs && self.world.runs(b) => self.attach(a, b),
            18 => {
                let group: Vec<_> = self.nodes.iter().copied().filter(|_| self.world.draw(2) == 0).collect();
                self.world.partition(&[&group]);
            }
            _ => {
                let step = i64::try_from(self.world.draw(100_000_000)).unwrap_or(0) - 50_000_000;
                self.world.step_clock(a, step);
            }
        }
    }

    /// A stream that was opened by other means than a dial: sometimes for somebody else than the one who is there.
    fn attach(&mut self, a: NodeName, b: NodeName) {
        let class = one_of(&mut self.world, &[PathClass::Direct, PathClass::Relayed]);
        let (there, other) = (self.world.id(b), self.world.id(self.nodes[0]));
        let expected = one_of(&mut self.world, &[None, None, Some(there), Some(other)]);
        if let Err(why) = self.world.attach(a, b, expected, class) {
            assert_eq!((why, expected), (Unable::OwnSelf, Some(self.world.id(a))));
        }
    }

    /// Everybody runs, in time, and the network is whole.
    fn calm_down(&mut self) {
        self.world.run_for(OVER);
        for n in self.nodes.clone() {
            if self.world.is_stopped(n) {
                self.world.start(n, Start::Fresh);
                self.keep_all(n);
            }
        }
        self.world.heal_all();
        // A node that is late asks on all its links at once, and may dial whoever answers after a probe time.
        self.world.timer_jitter(Duration::ZERO);
    }

    fn all_agree(&self, world: &World<S, R>) -> bool {
        self.pairs().into_iter().all(|(a, b)| world.agreed(a, b))
    }

    /// How often anything changed for an application, and how often anybody dialed.
    fn moves(&self) -> (usize, usize) {
        let changes = self.pairs().into_iter().map(|(a, b)| self.world.changes(a, b).len()).sum();
        let dials = self.world.log().iter().filter(|happening| matches!(happening.what, What::Dials { .. }));
        (changes, dials.count())
    }

    fn live(mut self) {
        for _ in 0..self.world.draw(30) {
            self.happen();
            let span = ms(one_of(&mut self.world, &[0, 1, 10, 100, 1000, 5000, 20_000]));
            self.world.run_for(span);
        }
        self.calm_down();
        let mut world = self.world.clone();
        world.run_until(OVER, |world| self.all_agree(world)).expect("every pair agrees");
        self.world = world;
        // Round trips that were measured before it was over tell nothing of how long they take now.
        self.world.run_for(OVER);
        let before = self.moves();
        self.world.run_for(5 * OVER);
        assert_eq!(self.moves(), before, "nothing moves any more\n{}", self.world.report());
        assert!(self.all_agree(&self.world), "{}", self.world.report());
    }
}

fn one_of<T: Clone, S: Storage, R: Rules>(world: &mut World<S, R>, all: &[T]) -> T {
    let drawn = world.draw(all.len() as u64);
    all[usize::try_from(drawn).unwrap_or(0)].clone()
}

#[test]
fn every_pair_agrees_when_it_is_over() {
    sim::check!("every pair agrees when it is over", 0..300, |seed| {
        let mut chaos = Chaos::<Heap, _>::new(seed, Shipped);
        if seed % 4 == 0 {
            chaos.world.audit_every_step();
        }
        chaos.live();
    });
}

/// Dials on top of dials, slow ones and relayed ones, and not a single fault: once a session is up it never goes away.
fn crowd<S: Storage, R: Rules>(seed: u64, rules: R) {
    let mut chaos = Chaos::<S, R>::new(seed, rules);
    let (a, b) = (chaos.nodes[0], chaos.nodes[1]);
    for _ in 0..chaos.world.draw(40) + 10 {
        let (from, to) = one_of(&mut chaos.world, &[(a, b), (b, a)]);
        let slow = ms(one_of(&mut chaos.world, &[0, 1, 50, 500, 2000]));
        chaos.world.slow_next_dial(from, slow);
        if chaos.world.draw(4) == 0 {
            chaos.attach(from, to);
        } else if chaos.world.draw(4) == 0 {
            let address = chaos.world.add_address(to);
            let routes = [Route { address, class: PathClass::Relayed }].into_iter().collect();
            let peer = chaos.world.id(to);
            chaos.world.tell(from, Event::Seek { peer, routes });
        } else {
            chaos.world.dial(from, to);
        }
        let span = ms(one_of(&mut chaos.world, &[0, 0, 1, 10, 100, 1000, 20_000]));
        chaos.world.run_for(span);
    }
    chaos.world.run_for(OVER);
    for (x, y) in [(a, b), (b, a)] {
        let changes = chaos.world.changes(x, y);
        let mut rest = changes.iter().skip_while(|standing| !matches!(standing, Standing::Up { .. }));
        assert!(
            rest.all(|standing| matches!(standing, Standing::Up { .. })),
            "{changes:?}\n{}",
            chaos.world.report()
        );
    }
    assert!(chaos.all_agree(&chaos.world), "{}", chaos.world.report());
}

#[test]
fn no_session_is_interrupted_by_dials() {
    sim::check!("no session is interrupted by dials", 0..300, |seed| crowd::<Heap, _>(seed, Shipped));
}

/// The first seed at which a body fails without a clause.
fn noticed(clause: Clause, body: fn(u64, Without)) -> Option<u64> {
    (0..50).find(|seed| std::panic::catch_unwind(|| body(*seed, Without(clause))).is_err())
}

#[test]
fn a_clause_that_is_missing_is_noticed() {
    let lives = |seed, rules| Chaos::<Heap, _>::new(seed, rules).live();
    for clause in
        [Clause::HandshakeDeadline, Clause::Preference, Clause::RandomBits, Clause::PingsBeforeDeath]
    {
        assert!(noticed(clause, lives).is_some(), "nobody notices that '{clause}' is missing");
    }
    for clause in [Clause::Preference, Clause::NewcomerWaits] {
        assert!(noticed(clause, crowd::<Heap, _>).is_some(), "nobody notices that '{clause}' is missing");
    }
}
