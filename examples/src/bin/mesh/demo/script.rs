//! What is done to the nodes, and how long they take to recover.

use alloc::sync::Arc;
use core::time::Duration;
use std::thread;
use std::time::Instant;

use serde_json::json;

use super::cast::{Cast, deadline};
use super::scene::{Fault, NAMES, PAIRS, Shared, Summary, Weight, lock};
use super::told::Teller;
use crate::failure::Failure;
use crate::signals::Stop;

/// How long a recovery may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long everything is left alone between two faults.
const QUIET: Duration = Duration::from_millis(800);
/// How long a node is frozen: longer than the others wait for it.
const FROZEN: Duration = Duration::from_millis(3500);
/// How long a killed node is gone.
const GONE: Duration = Duration::from_millis(1000);
/// How long a stranger knocks.
const KNOCKS: Duration = Duration::from_millis(1500);
/// What is kept of the time for the end.
const ENDING: Duration = Duration::from_secs(2);
const FLUSH: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(10);

/// What can be done to the nodes.
#[derive(Clone, Copy, Debug)]
enum Act {
    Cut,
    DuplicateDial,
    BlackHole,
    Freeze,
    Kill,
    Stranger,
}

impl Act {
    const ALL: [Self; 6] =
        [Self::Cut, Self::DuplicateDial, Self::BlackHole, Self::Freeze, Self::Kill, Self::Stranger];

    const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::DuplicateDial => "duplicate-dial",
            Self::BlackHole => "black-hole",
            Self::Freeze => "freeze",
            Self::Kill => "kill",
            Self::Stranger => "stranger",
        }
    }

    /// About how long it takes, with the recovery.
    const fn takes(self) -> Duration {
        match self {
            Self::Cut | Self::DuplicateDial => Duration::from_secs(1),
            Self::BlackHole | Self::Kill | Self::Stranger => Duration::from_secs(3),
            Self::Freeze => Duration::from_secs(5),
        }
    }
}

/// A play that goes on.
struct Play<'a> {
    cast: Arc<Cast>,
    scene: &'a Shared,
    teller: &'a Teller,
    stop: &'a Stop,
    dice: u64,
}

/// Plays it all, and says how it went.
pub(super) fn play(
    scene: &Shared,
    teller: &Teller,
    stop: &Stop,
    seed: u64,
    lasts: Option<Duration>,
) -> Result<Summary, Failure> {
    let cast = Cast::new(scene, *teller)?;
    let looker = Arc::clone(&cast);
    let looking = thread::Builder::new()
        .spawn(move || looker.keep_looking())
        .map_err(|error| Failure::Running(format!("there is no room for another thread: {error}")))?;
    let mut play = Play { cast, scene, teller, stop, dice: seed };
    play.begin()?;
    while !stop.is_asked() {
        for act in Act::ALL {
            let left = lasts.map(|lasts| lasts.saturating_sub(lock(scene).began.elapsed() + ENDING));
            if left.is_none_or(|left| left >= act.takes()) && !stop.is_asked() {
                play.act(act)?;
                play.rest(QUIET);
            }
        }
        let left = lasts.map(|lasts| lasts.saturating_sub(lock(scene).began.elapsed() + ENDING));
        if let Some(left) = left.filter(|left| *left < Act::Cut.takes()) {
            play.rest(left);
            break;
        }
    }
    let summary = play.end(seed);
    if looking.join().is_err() {
        return Err(Failure::Running("the demo lost sight of its nodes".to_owned()));
    }
    Ok(summary)
}

impl Play<'_> {
    fn begin(&self) -> Result<(), Failure> {
        let began = Instant::now();
        for (who, node) in NAMES.into_iter().enumerate() {
            self.cast.start(who)?;
            let id = self.cast.id(who).to_string();
            let object = json!({"event": "started", "node": node, "id": &id});
            self.tell(Weight::Well, format!("{node} starts: {id}"), object);
        }
        self.recovers("start", "all three".to_owned(), began);
        self.rest(QUIET);
        Ok(())
    }

    fn act(&mut self, act: Act) -> Result<(), Failure> {
        let (one, other) = PAIRS[self.draw(PAIRS.len())];
        let (from, to) = if self.draw(2) == 0 { (one, other) } else { (other, one) };
        let pair = format!("{} - {}", NAMES[from], NAMES[to]);
        let began = Instant::now();
        match act {
            Act::Cut => {
                self.happens(act, &pair, "the links between two nodes are cut");
                self.cast.cut(from, to);
                self.recovers(act.name(), pair, began);
            }
            Act::DuplicateDial => {
                self.happens(act, &pair, "a node dials another that it has a link to");
                self.cast.dial_again(from, to)?;
                self.recovers(act.name(), pair, began);
            }
            Act::BlackHole => {
                self.happens(act, &pair, "the links between two nodes look alive, and swallow everything");
                self.cast.swallow(from, to);
                self.recovers(act.name(), pair, began);
            }
            Act::Freeze => {
                self.happens(act, NAMES[from], "a node does not run for 3.5 s");
                self.cast.freeze(from, FROZEN);
                // From when it runs again.
                self.recovers(act.name(), NAMES[from].to_owned(), Instant::now());
            }
            Act::Kill => {
                self.happens(act, NAMES[from], "a node is killed, and started again after a second");
                self.cast.kill(from);
                self.rest(GONE);
                let began = Instant::now();
                self.cast.start(from)?;
                self.recovers(act.name(), NAMES[from].to_owned(), began);
            }
            Act::Stranger => {
                self.happens(act, NAMES[from], "a stranger with another secret dials a node");
                let stranger = self.cast.stranger(from)?;
                self.rest(KNOCKS);
                let turned_away = stranger
                    .peers()
                    .iter()
                    .all(|peer| !matches!(peer.standing, mesh_proto::Standing::Up { .. }));
                stranger.end();
                if turned_away {
                    // Nothing had to recover: how long it takes until everybody was heard once more.
                    self.recovers(act.name(), NAMES[from].to_owned(), Instant::now());
                } else {
                    self.is_over(act.name(), NAMES[from].to_owned(), None);
                }
            }
        }
        Ok(())
    }

    /// Waits until every node has a session with every other, and something that was said from now on has arrived on every
    /// way.
    fn recovers(&self, fault: &'static str, whom: String, began: Instant) {
        let marks = self.numbers();
        let by = deadline(PATIENCE);
        while Instant::now() < by {
            self.cast.look();
            let heard = marks.iter().all(|(way, sent)| lock(self.scene).ledger.next_to_arrive(*way) > *sent);
            if heard && lock(self.scene).sessions() == 3 {
                let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                self.is_over(fault, whom, Some(ms));
                return;
            }
            thread::sleep(STEP);
        }
        self.is_over(fault, whom, None);
    }

    /// How many messages were sent on every way so far.
    fn numbers(&self) -> Vec<(super::ledger::Way, u64)> {
        let scene = lock(self.scene);
        let ways = (0..3).flat_map(|from| (0..3).filter(move |to| *to != from).map(move |to| (from, to)));
        ways.map(|(from, to)| {
            let way = super::ledger::Way { from, life: scene.nodes[from].life, to };
            (way, scene.ledger.next(way))
        })
        .collect()
    }

    fn happens(&self, act: Act, whom: &str, what: &str) {
        let text = format!("-- {} ({whom}): {what}", act.name());
        self.tell(
            Weight::Fault,
            text,
            json!({"event": "fault", "fault": act.name(), "whom": whom, "what": what}),
        );
    }

    fn is_over(&self, fault: &'static str, whom: String, ms: Option<u64>) {
        let (weight, text) = match ms {
            Some(ms) => (Weight::Well, format!("== {fault}: all is well after {ms} ms")),
            None => (Weight::Bad, format!("!! {fault}: not well after {} s", PATIENCE.as_secs())),
        };
        self.tell(weight, text, json!({"event": "recovered", "fault": fault, "ms": ms}));
        let mut scene = lock(self.scene);
        let at = scene.began.elapsed();
        scene.faults.push(Fault { fault, ms, whom, at });
    }

    /// Ends it: nothing more is said, what was said is taken, and everybody leaves.
    fn end(self, seed: u64) -> Summary {
        self.cast.look();
        let sessions = lock(self.scene).sessions();
        self.cast.fall_silent();
        self.tell(Weight::Fault, "-- the end: everybody leaves".to_owned(), json!({"event": "leaving"}));
        // All are flushed before the first one goes, so that nobody misses the words of another.
        let by = deadline(FLUSH);
        while self.unacknowledged() > 0 && Instant::now() < by {
            thread::sleep(STEP);
        }
        thread::scope(|scope| {
            for who in 0..NAMES.len() {
                let cast = &self.cast;
                scope.spawn(move || cast.leave(who, FLUSH));
            }
        });
        let scene = lock(self.scene);
        let lives = [0, 1, 2].map(|who: usize| scene.nodes[who].life);
        Summary {
            sessions,
            counts: scene.ledger.counts,
            lost: scene.ledger.lost(&lives),
            links_lost: scene.links_lost,
            recoveries: scene.faults.clone(),
            seed,
        }
    }

    fn unacknowledged(&self) -> u32 {
        self.cast.look();
        let scene = lock(self.scene);
        scene.nodes.iter().flat_map(|node| &node.peers).map(|peer| peer.unacknowledged).sum()
    }

    fn tell(&self, weight: Weight, text: String, object: serde_json::Value) {
        self.teller.tell(self.scene, weight, text, object);
    }

    /// Lets time pass, unless somebody wants to stop.
    fn rest(&self, span: Duration) {
        let by = deadline(span);
        while Instant::now() < by && !self.stop.is_asked() {
            thread::sleep(STEP.min(by.saturating_duration_since(Instant::now())));
        }
    }

    fn draw(&mut self, sides: usize) -> usize {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.dice >> 33).unwrap_or_default() % sides
    }
}
