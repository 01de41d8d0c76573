//! Traces: what was recorded replays to the same, on any tables; what is damaged is told.
#![cfg(feature = "alloc")]

use core::net::SocketAddr;
use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;

use mesh_proto::trace::{
    Differs, MAGIC, Recorder, Replay, Report, Sink, Stopped, Through, Traced, Unreplayable, replay, segments,
};
use mesh_proto::{
    Action, Announcement, AnnouncementKind, Batch, Config, ConfigError, Event, Fixed, Frame, Heap, Hello,
    Incarnation, Instant, Limits, LinkId, LinkTag, Loss, Losses, Marks, Mesh, NodeId, Now, PathClass, Proof,
    Reason, Route, Routes, Seed, Shipped, Standing, Stats, SystemError, Tags, Takes, Vouched, Wait, Wake,
    Welcome, Window,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// Tables with room for the machines of these tests, and hardly more.
type Small = Fixed<4, 16>;

const ME: NodeId = NodeId::new([0x50; 32]);

/// What every peer takes.
const TAKES: Takes = Takes { message: 300, record: 512, window: Window { bytes: 1000, messages: 10 } };

fn config() -> Config {
    let limits = Limits {
        peers: 4,
        links_per_peer: 2,
        half_open: 4,
        half_open_per_source: 2,
        incoming_per_second: 8,
        dials_in_flight: 3,
        dials_per_second: 8,
        message: 300,
        record: 512,
        window: TAKES.window,
    };
    Config { idle_after: Some(Duration::from_secs(60)), limits, ..Config::lan() }
}

fn machine<S: mesh_proto::storage::Storage>(seed: u64) -> Mesh<S> {
    let mesh = Mesh::new(ME, Incarnation::new(3, 4), config(), Seed::Number(seed));
    mesh.expect("the configuration agrees with itself and fits")
}

/// One step of a random script: what kind of event, three numbers to make it from, and the time before it.
type Choice = (u8, u8, u8, u8, u32);

fn script(most: usize) -> impl Strategy<Value = Vec<Choice>> {
    let gap = prop_oneof![6 => 0..2_000_000u32, 2 => 0..20_000_000u32, 1 => Just(0)];
    prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>(), gap), 0..most)
}

/// Makes events that often mean something: about links that exist, in phases where they can be.
#[derive(Clone, Default)]
struct Author {
    links: Vec<Known>,
    awake: u64,
    asleep: u64,
    wait: Option<Instant>,
}

/// What the author remembers of a link.
#[derive(Clone, Copy)]
struct Known {
    link: LinkId,
    dialed: bool,
    expected: Option<NodeId>,
    /// How often it was moved on.
    stage: u8,
    /// The nonce of the last ping.
    asked: u32,
}

impl Author {
    fn next(&mut self, (what, a, b, c, gap): Choice) -> (Now, Event<'static>) {
        match (c, self.wait) {
            // In time, and so as to be neither late nor idle.
            (0..160, Some(wait)) => self.awake = wait.as_micros().min(self.awake + u64::from(gap)),
            (160..240, Some(wait)) => self.awake = wait.as_micros(),
            _ => self.awake += u64::from(gap),
        }
        if c == 255 {
            self.asleep += u64::from(gap);
        }
        let instant = Instant::from_micros;
        (Now::new(instant(self.awake), instant(self.awake + self.asleep)), self.event(what, a, b, c))
    }

    fn event(&mut self, what: u8, a: u8, b: u8, c: u8) -> Event<'static> {
        let class = if b.is_multiple_of(4) { PathClass::Relayed } else { PathClass::Direct };
        let address = address(c % 8);
        let routes: Routes = [Route { address, class }].into_iter().take(usize::from(b % 3)).collect();
        let newest = self.links.len().saturating_sub(1 + usize::from(a) % 4);
        match (what % 64, self.links.get_mut(newest)) {
            (20.., Some(known)) => known.event(what, a, b, c),
            (0 | 1, _) => Event::Attached { expected: (!c.is_multiple_of(4)).then_some(node(a)), class },
            (2..7, _) | (20.., None) => {
                Event::Incoming { from: (!a.is_multiple_of(8)).then_some(address), class }
            }
            (7..10, _) => Event::Keep { peer: node(a), routes },
            (10 | 11, _) => Event::Tick,
            (12, _) if a < 64 => Event::Wake(Wake::Moved),
            (12..15, _) => {
                let kind = [AnnouncementKind::Hail, AnnouncementKind::Answer, AnnouncementKind::Farewell];
                let kind = kind[usize::from(a / 7 % 3)];
                let announcement = Announcement { node: node(a), incarnation: run(b, c), kind };
                let vouched = if c.is_multiple_of(2) { Vouched::ByMember } else { Vouched::ByNobody };
                Event::Heard { announcement, routes, vouched }
            }
            (15, _) => Event::KeepAt { route: Route { address, class } },
            (16, _) => Event::Seek { peer: node(a), routes },
            (17, _) => Event::Forget { peer: node(a) },
            (18, _) => Event::ForgetAt { address },
            (19, _) if a < 2 => Event::Leave,
            (19, _) => Event::Expel { peer: node(a) },
        }
    }

    /// Takes note of what the machine made of the event.
    fn read(&mut self, action: Action<'_>) {
        match action {
            Action::Dial { link, expected, .. } => {
                self.links.push(Known { link, dialed: true, expected, stage: 0, asked: 1 });
            }
            Action::Send { frame: Frame::Ping { nonce }, link } => {
                for known in self.links.iter_mut().filter(|known| known.link == link) {
                    known.asked = *nonce;
                }
            }
            // A few are kept, to be spoken of when they are gone.
            Action::Close { link, .. } if !link.serial().is_multiple_of(4) => {
                self.links.retain(|known| known.link != link);
            }
            Action::Close { .. }
            | Action::Send { .. }
            | Action::Announce { .. }
            | Action::Deliver { .. }
            | Action::Settled { .. }
            | Action::Roomy { .. } => {}
        }
    }
}

impl Known {
    fn event(&mut self, what: u8, a: u8, b: u8, c: u8) -> Event<'static> {
        let link = self.link;
        let peer = self.expected.filter(|_| !a.is_multiple_of(16)).unwrap_or(node(b % 3));
        let proof = Proof {
            peer,
            tag: LinkTag::new(link.serial() - u64::from(a % 32 == 7)),
            round_trip: Duration::from_millis(u64::from(b)),
        };
        let lost: Losses = (0..b % 3).map(|nth| loss(c % 6 + nth)).collect();
        let hello = Hello {
            incarnation: run(b, c),
            detect_within: Duration::from_secs(u64::from(c % 4) * 5),
            class: if b.is_multiple_of(4) { PathClass::Relayed } else { PathClass::Direct },
            keep: a.is_multiple_of(2),
            lost: lost.clone(),
            birth: u64::from(c % 3),
            meant: a.is_multiple_of(3).then(|| (run(1, 1), u64::from(b % 3))),
            marks: Marks::default(),
            takes: TAKES,
        };
        let welcome = Welcome { hello: hello.clone(), doubt: a.is_multiple_of(16) };
        let stage = self.stage;
        self.stage = stage.saturating_add(1);
        let frame = match (what % 64, self.dialed, stage) {
            (20..24, ..) => return Event::Closed { link, error: SystemError::TimedOut },
            (24 | 25, ..) => Frame::Refused(Reason::OwnSelf),
            (26, ..) => Frame::Hello(hello.into()),
            (27, ..) => Frame::Welcome(welcome.into()),
            (_, true, 0) => return Event::Connected { link },
            (_, true, 1) | (_, false, 0) => return Event::Proven { link, proof },
            (_, true, 2) => Frame::Welcome(welcome.into()),
            (_, false, 1) => Frame::Hello(hello.into()),
            (28..31, ..) => Frame::Lost(lost.into()),
            (31, ..) => Frame::Noted(Tags::from_iter([LinkTag::new(u64::from(c % 6))]).into()),
            (32, ..) => Frame::Doubted,
            (33, ..) => Frame::Cleared { birth: u64::from(b % 3) },
            (34, ..) => Frame::Close(if c.is_multiple_of(2) { Reason::Left } else { Reason::Duplicate }),
            (35..45, ..) => Frame::Ping { nonce: u32::from(c) },
            _ => Frame::Pong { nonce: self.asked.saturating_sub(u32::from(b % 8 / 7)).max(1) },
        };
        let second = (b.is_multiple_of(5)).then_some(Frame::Ping { nonce: 9 });
        frames(link, [Some(frame), second].into_iter().flatten().collect())
    }
}

/// The machine itself is one of them.
fn node(number: u8) -> NodeId {
    NodeId::new([0x4e + number % 7; 32])
}

fn run(b: u8, c: u8) -> Incarnation {
    Incarnation::new(1 + u64::from(b % 32 / 30), u64::from(c % 32 / 31))
}

/// An event that owns its frames.
fn frames(link: LinkId, frames: Vec<Frame<'static>>) -> Event<'static> {
    Event::Frames { link, frames: Batch::from(frames) }
}

fn loss(tag: u8) -> Loss {
    Loss { tag: LinkTag::new(u64::from(tag)), reason: Reason::Silent }
}

/// Some addresses; two of them differ in their scope only.
fn address(number: u8) -> SocketAddr {
    let text = ["[fe80::1%3]:7", "[fe80::1%4]:7", "10.0.0.1:7", "10.0.0.1:8", "[2001:db8::1]:7"];
    let text =
        text.get(usize::from(number)).map_or_else(|| format!("10.0.0.{number}:7"), ToString::to_string);
    text.parse().expect("an address")
}

/// Runs a script through a recorder. Some turns are dropped, and some segments begun by hand.
fn record<S: mesh_proto::storage::Storage, K: Sink>(
    mesh: &mut Mesh<S>,
    recorder: &mut Recorder<K>,
    author: &mut Author,
    script: &[Choice],
) {
    for choice in script {
        let (now, event) = author.next(*choice);
        if choice.4.is_multiple_of(13) {
            recorder.begin_segment();
        }
        // The stream that this node attaches is as far as a dialed one that is open.
        let attached = if let Event::Attached { expected, .. } = &event { Some(*expected) } else { None };
        let turn = recorder.handle(mesh, now, event);
        if let Ok(link) = turn.answer().link() {
            let (dialed, stage) = (attached.is_some(), u8::from(attached.is_some()));
            let expected = attached.flatten();
            author.links.push(Known { link, dialed, expected, stage, asked: 1 });
        }
        if choice.4.is_multiple_of(17) {
            author.wait = None;
            continue;
        }
        author.wait = match turn.carry_out(|action| author.read(action)) {
            Wait::Until(at) => Some(at),
            Wait::Forever => None,
        };
    }
}

/// A whole trace, and the state at its end.
fn recorded<S: mesh_proto::storage::Storage>(seed: u64, script: &[Choice]) -> (Vec<u8>, Mesh<S>) {
    let mut mesh = machine(seed);
    let mut recorder = Recorder::new(Vec::new());
    record(&mut mesh, &mut recorder, &mut Author::default(), script);
    (recorder.into_sink().expect("it was on"), mesh)
}

fn state<S: mesh_proto::storage::Storage>(mesh: &Mesh<S>) -> Vec<u8> {
    postcard::to_allocvec(mesh).expect("a machine can be written")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// What is recorded on the one kind of tables replays on the other, event by event and to the same state.
    #[test]
    fn random_events_replay_to_the_same_on_any_tables(seed: u64, script in script(400)) {
        let (trace, mesh) = recorded::<Heap>(seed, &script);
        let (same, in_place) = recorded::<Small>(seed, &script);
        prop_assert_eq!(state(&mesh), state(&in_place));
        if script.is_empty() {
            prop_assert!(trace.is_empty());
            return Ok(());
        }

        let heap = replay::<Heap, Shipped>(&trace);
        let report = heap.clone().unwrap_or_default();
        prop_assert_eq!(report.events, script.len() as u64);
        prop_assert_eq!(&replay::<Small, Shipped>(&trace), &heap);
        prop_assert_eq!(&replay::<Heap, Shipped>(&same), &heap);
        prop_assert_eq!(&replay::<Small, Shipped>(&same), &heap);

        let mut replayed = Replay::<Small, Shipped>::new(&trace).expect("it was replayed before");
        while replayed.step().expect("it was replayed before").is_some() {}
        prop_assert_eq!(state(replayed.mesh()), state(&mesh));
    }

    /// Every segment replays alone, and together they are the whole.
    #[test]
    fn random_segments_replay_alone(seed: u64, script in script(400)) {
        let (trace, _) = recorded::<Heap>(seed, &script);
        let whole = replay::<Heap, Shipped>(&trace).unwrap_or_default();
        let (mut events, mut actions, mut at) = (0, 0, 0);
        for segment in segments(&trace) {
            prop_assert_eq!((segment.at, segment.first_event), (at, events));
            let report = replay::<Small, Shipped>(segment.bytes).expect("the whole can be replayed");
            prop_assert_eq!((report.segments, report.cut_short), (1, None));
            (events, actions, at) = (events + report.events, actions + report.actions, at + segment.bytes.len());
        }
        prop_assert_eq!((events, actions, at), (whole.events, whole.actions, trace.len()));
    }

    /// A snapshot holds everything that behaviour depends on: a machine that was restored from one goes on alike.
    #[test]
    fn random_events_after_a_snapshot_lead_to_the_same(seed: u64, before in script(200), after in script(200)) {
        let mut mesh = machine::<Heap>(seed);
        let mut author = Author::default();
        record(&mut mesh, &mut Recorder::<Vec<u8>>::off(), &mut author, &before);
        let mut restored: Mesh<Small> = postcard::from_bytes(&state(&mesh)).expect("the snapshot fits");
        let mut sinks = [Vec::new(), Vec::new()];

        let [one, other] = &mut sinks;
        record(&mut mesh, &mut Recorder::new(one), &mut author.clone(), &after);
        record(&mut restored, &mut Recorder::new(other), &mut author, &after);

        let reports = sinks.map(|trace| steps(&trace));
        let [one, other] = &reports;
        prop_assert_eq!(one, other);
        prop_assert_eq!(state(&mesh), state(&restored));
    }

    /// A trace that is cut off anywhere replays up to there.
    #[test]
    fn random_cuts_are_told(seed: u64, script in script(60), at: prop::sample::Index) {
        let (trace, _) = recorded::<Heap>(seed, &script);
        let whole = steps(&trace);
        let at = at.index(trace.len() + 1);
        let trace = &trace[..at];

        match Replay::<Small, Shipped>::new(trace) {
            Err(error) => {
                prop_assert!(matches!(error, Unreplayable::NotATrace | Unreplayable::Damaged { .. }), "{}", error);
                prop_assert_eq!(segments(trace).filter(|segment| segment.at > 0).count(), 0);
            }
            Ok(mut replay) => {
                let mut nth = 0;
                loop {
                    match replay.step() {
                        Ok(Some(step)) => {
                            let same = &whole[nth];
                            prop_assert_eq!((&step.now, &step.event), (&same.now, &same.event));
                            prop_assert!(same.actions.starts_with(&step.actions));
                            nth += 1;
                        }
                        Ok(None) => {
                            let last = replay.report().cut_short.map(|begins| trace.len() - begins);
                            prop_assert!(last.is_none_or(|left| left > 0));
                            break;
                        }
                        // Within the beginning of a segment nothing can be replayed.
                        Err(error) => {
                            prop_assert!(matches!(error, Unreplayable::Damaged { .. }), "{}", error);
                            break;
                        }
                    }
                }
                prop_assert!(nth <= whole.len());
            }
        }
    }

    /// Bits that were changed anywhere are damage, never a difference and never a panic, and what is not touched is
    /// replayed all the same.
    #[test]
    fn random_damage_is_told(
        seed: u64, script in script(100), flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8u8), 1..4)
    ) {
        let (good, _) = recorded::<Heap>(seed, &script);
        prop_assume!(!good.is_empty());
        let mut trace = good.clone();
        for (at, bit) in &flips {
            trace[at.index(good.len())] ^= 1 << bit;
        }
        prop_assume!(trace != good);

        match replay::<Small, Shipped>(&trace) {
            Err(Unreplayable::Damaged { at }) => prop_assert!(at < trace.len()),
            // The first byte, or the version of the format.
            Err(error) => prop_assert!(
                matches!(error, Unreplayable::NotATrace | Unreplayable::OtherFormat { .. }), "{}", error
            ),
            Ok(report) => prop_assert!(false, "{report:?}"),
        }
        let whole: Vec<_> = segments(&good).collect();
        for segment in segments(&trace) {
            let end = segment.at + segment.bytes.len();
            if let Some(same) = whole.iter().find(|whole| whole.at == segment.at)
                && trace.get(segment.at..end) == good.get(segment.at..end)
            {
                prop_assert_eq!(segment.first_event, same.first_event);
                prop_assert!(replay::<Small, Shipped>(segment.bytes).is_ok());
            }
        }
    }

    /// Whatever the bytes, with the magic number in front or without.
    #[test]
    fn random_bytes_never_panic(mut bytes: Vec<u8>, magic: bool) {
        if magic {
            bytes.splice(0..0, MAGIC);
        }
        prop_assert!(replay::<Heap, Shipped>(&bytes).is_err());
        prop_assert_eq!(segments(&bytes).count(), 0);
    }
}

/// All the steps of a trace that is whole.
fn steps(trace: &[u8]) -> Vec<mesh_proto::trace::Step> {
    let Ok(mut replay) = Replay::<Heap, Shipped>::new(trace) else { return Vec::new() };
    core::iter::from_fn(|| replay.step().expect("the trace is whole")).collect()
}

/// A short trace that reaches an admitted link.
fn short() -> (Vec<u8>, Mesh<Heap>) {
    let mut mesh = machine::<Heap>(1);
    let mut recorder = Recorder::new(Vec::new());
    meet(&mut mesh, &mut recorder);
    (recorder.into_sink().expect("it was on"), mesh)
}

fn at(micros: u64) -> Now {
    Now::single(Instant::from_micros(micros))
}

/// One event, whose orders nobody needs; gives the time to wait until.
fn tell<K: Sink>(
    recorder: &mut Recorder<K>,
    mesh: &mut Mesh<Heap>,
    now: Now,
    event: Event<'_>,
) -> Option<Instant> {
    ended(recorder.handle(mesh, now, event))
}

fn ended<K: Sink>(turn: Traced<'_, Heap, Shipped, K>) -> Option<Instant> {
    match turn.carry_out(|_| {}) {
        Wait::Until(at) => Some(at),
        Wait::Forever => None,
    }
}

fn meet<K: Sink>(mesh: &mut Mesh<Heap>, recorder: &mut Recorder<K>) {
    let incoming = Event::Incoming { from: None, class: PathClass::Direct };
    let turn = recorder.handle(mesh, at(10), incoming);
    let link = turn.answer().link().expect("there is room");
    ended(turn);
    let proof =
        Proof { peer: NodeId::new([9; 32]), tag: LinkTag::new(5), round_trip: Duration::from_millis(1) };
    tell(recorder, mesh, at(20), Event::Proven { link, proof });
    let hello = Hello {
        incarnation: Incarnation::new(1, 1),
        detect_within: Duration::from_secs(10),
        class: PathClass::Direct,
        keep: true,
        lost: Losses::new(),
        birth: 1,
        meant: None,
        marks: Marks::default(),
        takes: TAKES,
    };
    let hello = Frame::Hello(hello.into());
    let event = Event::Frames { link, frames: Batch::from(&hello) };
    tell(recorder, mesh, at(30), event);
}

#[test]
fn a_difference_says_where_and_what() {
    let (trace, _) = short();
    assert_eq!(
        replay::<Heap, Shipped>(&trace),
        Ok(Report { segments: 1, events: 3, actions: 2, cut_short: None })
    );
    // The machine is told something behind the recorder's back, and hands out what comes of it with the next event.
    let mut mesh = machine::<Heap>(1);
    let mut recorder = Recorder::new(Vec::new());
    tell(&mut recorder, &mut mesh, at(10), Event::Tick);
    drop(mesh.handle(at(20), Event::Keep { peer: NodeId::new([7; 32]), routes: routes() }));
    tell(&mut recorder, &mut mesh, at(30), Event::Tick);
    let trace = recorder.into_sink().expect("it was on");

    let Err(Unreplayable::Different(difference)) = replay::<Heap, Shipped>(&trace) else {
        panic!("an event that was not recorded makes a difference");
    };
    assert_eq!(difference.event, 1);
    assert_eq!(difference.told, Some((at(30), Event::Tick)));
    let Differs::Action { nth: 0, expected: Some(expected), got: None } = &difference.differs else {
        panic!("{difference}");
    };
    assert_eq!(
        difference.to_string(),
        format!("event 1 (at 0.000030s: Tick), action 0: expected {expected:?}, got none")
    );
}

fn routes() -> Routes {
    Routes::from_iter([Route::direct(address(2))])
}

#[test]
fn a_change_that_no_action_shows_is_found_at_the_next_segment() {
    let mut mesh = machine::<Heap>(1);
    let mut recorder = Recorder::new(Vec::new());
    tell(&mut recorder, &mut mesh, at(10), Event::Tick);
    tell(&mut Recorder::<Vec<u8>>::off(), &mut mesh, at(10), Event::Forget { peer: ME });
    tell(
        &mut Recorder::<Vec<u8>>::off(),
        &mut mesh,
        at(10),
        Event::Keep { peer: NodeId::new([7; 32]), routes: Routes::new() },
    );
    recorder.begin_segment();
    tell(&mut recorder, &mut mesh, at(11), Event::Tick);
    let trace = recorder.into_sink().expect("it was on");

    let Err(Unreplayable::Different(difference)) = replay::<Heap, Shipped>(&trace) else {
        panic!("the states differ");
    };
    assert_eq!((difference.event, &difference.told), (1, &None));
    assert!(matches!(difference.differs, Differs::State { .. }));
    assert!(segments(&trace).all(|segment| replay::<Heap, Shipped>(segment.bytes).is_ok()));
}

#[test]
fn what_does_not_fit_says_how_much_is_missing() {
    let (trace, _) = short();
    let error = ConfigError::Capacity { name: "peers", asked: 4, room: 3 };
    assert_eq!(replay::<Fixed<3, 16>, Shipped>(&trace), Err(Unreplayable::DoesNotFit(error)));
}

#[test]
fn a_sink_that_fails_ends_the_trace_and_not_the_machine() {
    let (whole, mesh) = short();
    for room in 0..whole.len() {
        let mut taken = Vec::new();
        let sink = Through(|bytes: &[u8]| {
            // As much as there is room for, as a disk would.
            taken.extend(bytes.iter().take(room - taken.len()));
            if taken.len() < room { Ok(()) } else { Err("no room") }
        });
        let mut recorder = Recorder::new(sink);
        let mut same = machine::<Heap>(1);
        meet(&mut same, &mut recorder);

        assert_eq!(recorder.stopped(), Some(&Stopped::BySink("no room")));
        assert!(!recorder.is_recording());
        assert_eq!(recorder.events(), 3);
        assert_eq!(state(&same), state(&mesh));
        assert!(whole.starts_with(&taken));
        match replay::<Heap, Shipped>(&taken) {
            Ok(report) => assert!(report.events <= 3),
            Err(error) => {
                assert!(matches!(error, Unreplayable::NotATrace | Unreplayable::Damaged { .. }), "{error}");
            }
        }
    }
}

#[test]
fn a_sink_in_place_ends_the_trace_when_it_is_full() {
    let mut mesh = machine::<Heap>(1);
    let mut recorder = Recorder::new(heapless::Vec::<u8, 4096>::new());
    let mut clock = at(1);
    while recorder.is_recording() {
        if let Some(next) = tell(&mut recorder, &mut mesh, clock, Event::Tick) {
            clock = Now::single(next);
        }
    }
    let why = recorder.stopped().expect("it has stopped").to_string();
    assert_eq!(why, "the trace ended because its sink failed: there is no room");
}

#[test]
fn a_sink_is_told_of_each_segment_and_may_keep_the_last() {
    #[derive(Default)]
    struct Last(Vec<u8>, u32);
    impl Sink for Last {
        type Error = core::convert::Infallible;
        fn write(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
        fn begin(&mut self) -> Result<(), Self::Error> {
            self.0.clear();
            self.1 += 1;
            Ok(())
        }
    }
    let mut mesh = machine::<Heap>(1);
    let mut recorder = Recorder::new(Last::default());
    let mut clock = at(1);
    for _ in 0..5_000 {
        if let Some(next) = tell(&mut recorder, &mut mesh, clock, Event::Tick) {
            clock = Now::single(next);
        }
    }
    let Last(trace, begun) = recorder.into_sink().expect("it was on");

    // 64 KiB hold some hundreds of these events.
    assert!((3..50).contains(&begun), "{begun}");
    let segment = segments(&trace).next().expect("there is one");
    let report = replay::<Heap, Shipped>(segment.bytes).expect("a segment replays alone");
    assert_eq!(segment.first_event + report.events, 5_000);
}

#[test]
fn a_turn_that_did_not_get_to_its_end_begins_a_segment() {
    let mut mesh = machine::<Heap>(1);
    let mut recorder = Recorder::new(Vec::new());
    let keep = |number| Event::Keep { peer: NodeId::new([number; 32]), routes: routes() };
    let broken = catch_unwind(AssertUnwindSafe(|| {
        recorder.handle(&mut mesh, at(10), keep(7)).carry_out(|action| match action {
            Action::Dial { .. } => panic!("the driver breaks here"),
            Action::Send { .. }
            | Action::Close { .. }
            | Action::Announce { .. }
            | Action::Deliver { .. }
            | Action::Settled { .. }
            | Action::Roomy { .. } => {}
        })
    }));
    assert!(broken.is_err());
    drop(recorder.handle(&mut mesh, at(20), keep(8)));
    tell(&mut recorder, &mut mesh, at(30), Event::Tick);
    let trace = recorder.into_sink().expect("it was on");

    let report = Report { segments: 2, events: 3, actions: 3, cut_short: None };
    assert_eq!(replay::<Heap, Shipped>(&trace), Ok(report));
    let firsts: Vec<_> = segments(&trace).map(|segment| segment.first_event).collect();
    assert_eq!(firsts, [0, 1]);
}

#[test]
fn traces_of_two_runs_in_a_row_are_one() {
    let (one, _) = short();
    let mut cut = one.clone();
    cut.truncate(one.len() - 3);
    let both = [&one[..], &one].concat();
    assert_eq!(
        replay::<Heap, Shipped>(&both),
        Ok(Report { segments: 2, events: 6, actions: 4, cut_short: None })
    );
    // The first was cut short when its program was killed, and the second written behind it.
    let both = [&cut[..], &one].concat();
    assert!(matches!(replay::<Heap, Shipped>(&both), Err(Unreplayable::Damaged { .. })));
    let reports: Vec<_> = segments(&both).map(|segment| replay::<Heap, Shipped>(segment.bytes)).collect();
    assert!(
        matches!(
            reports[..],
            [Ok(Report { cut_short: Some(_), .. }), Ok(Report { events: 3, cut_short: None, .. })]
        ),
        "{reports:?}"
    );
}

#[test]
fn other_versions_and_other_rules_are_told() {
    let (mut trace, _) = short();
    #[cfg(feature = "sim")]
    assert_eq!(replay::<Heap, mesh_proto::rules::Without>(&trace), Err(Unreplayable::OtherRules));
    trace[MAGIC.len()] += 1;
    assert_eq!(replay::<Heap, Shipped>(&trace), Err(Unreplayable::OtherFormat { found: 2 }));
    assert_eq!(replay::<Heap, Shipped>(b"mesh"), Err(Unreplayable::NotATrace));
}

/// The scripts would show little if they never got anywhere.
#[test]
fn random_events_reach_what_matters() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut up, mut stats) = (0, Vec::new());
    for seed in 0..200 {
        let script = script(400).new_tree(&mut runner).expect("a script can be made").current();
        let (_, mesh) = recorded::<Heap>(seed, &script);
        up += mesh.peers().filter(|peer| matches!(peer.standing, Standing::Up { .. })).count();
        stats.push(*mesh.stats());
    }
    let sum = |count: fn(&Stats) -> u64| stats.iter().map(count).sum::<u64>();
    let counts = [
        up as u64,
        sum(|stats| stats.ended),
        sum(|stats| stats.dials),
        sum(|stats| stats.probes),
        sum(|stats| stats.refused),
        sum(|stats| stats.refused_full),
        sum(|stats| stats.gave_way),
        sum(|stats| stats.gave_way_half_open),
        sum(|stats| stats.answered),
        sum(|stats| stats.doubts),
        sum(|stats| stats.gaps),
    ];
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
}
