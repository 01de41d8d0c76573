//! What a node's machine is told can be written down from any moment on, and replays to the same state.

use alloc::sync::Arc;
use core::convert::Infallible;
use std::sync::Mutex;

use mesh_proto::node::{Input, LetsIn, Node, Order, Recording, Settings, Verdict};
use mesh_proto::trace::{Replay, Report, Stopped, Through, replay, segments};
use mesh_proto::{Heap, Instant, Mesh, Message, Now, Route, Shipped, Wait};

use crate::world::*;

/// What a sink was given: the test keeps one handle, the node the other.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl Tape {
    fn begin(world: &mut World, n: NodeName) -> Self {
        let tape = Self::default();
        tape.begin_at(world.node_mut(n));
        tape
    }

    fn begin_at(&self, node: &mut Node) {
        let Self(written) = self.clone();
        node.record(Through(move |bytes: &[u8]| {
            written.lock().expect("nobody panics with it").extend_from_slice(bytes);
            Ok::<(), Infallible>(())
        }));
    }

    fn written(&self) -> Vec<u8> {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

/// An input that the machine is not told of.
fn nothing() -> Input<'static> {
    Input::Answer { peer: id(9), verdict: Verdict::LetIn }
}

fn state(mesh: &Mesh<Heap>) -> Vec<u8> {
    postcard::to_allocvec(mesh).expect("a machine can be written")
}

/// Replays what is on the tape of a node: bit by bit the same, and to the state that the node is in.
fn replays(tape: &Tape, node: &Node) -> Report {
    let recording = node.recording().expect("a trace was begun");
    assert!(recording.is_recording() && recording.stopped().is_none());
    let trace = tape.written();
    let mut replay = Replay::<Heap, Shipped>::new(&trace).unwrap_or_else(|error| panic!("{error}"));
    while replay.step().unwrap_or_else(|error| panic!("{error}")).is_some() {}
    assert!(state(replay.mesh()) == state(node.mesh()), "the states differ");
    let report = replay.report();
    assert_eq!((report.events, report.cut_short), (recording.events(), None));
    report
}

/// Messages of some sizes in both directions, round by round, and a wait until those of a round are taken.
fn talk(world: &mut World, rounds: usize) {
    const SIZES: [usize; 4] = [0, 1, 1000, 20_000];
    for _ in 0..rounds {
        let settled = |world: &World| [A, B].map(|n| world.settled(n).len());
        let before = settled(world);
        for size in SIZES {
            world.send(A, B, &vec![1; size]);
            world.send(B, A, &vec![2; size]);
        }
        let all = |world: &World| (0..2).all(|n| settled(world)[n] >= before[n] + SIZES.len());
        assert!(world.until(secs(60), all));
    }
}

fn pairs() -> [[Settings; 2]; 3] {
    [[closed(1), closed(2)], [open(1), outside(open(2))], [outside(unprotected(1)), unprotected(2)]]
}

#[test]
fn a_whole_life_replays() {
    for pair in pairs() {
        let mut world = world_of(pair);
        world.pieces(100);
        let tapes = [A, B].map(|n| Tape::begin(&mut world, n));
        world.keep(A, B);
        assert!(world.until(secs(5), |world| world.are_up(A, B)));
        world.pieces(3000);
        talk(&mut world, 30);
        world.send(A, B, &[3; 50_000]);
        world.carry();
        world.cut_all(A);
        assert!(world.until(secs(60), |world| world.are_up(A, B)));
        assert!(world.streams().len() > 1);
        talk(&mut world, 30);
        world.run_for(secs(60));
        for (n, tape) in world.nodes().zip(&tapes) {
            let report = replays(tape, world.node(n));
            assert!(report.events > 500 && report.actions > 200, "{report:?}");
        }
    }
}

#[test]
fn a_trace_that_begins_in_the_middle_of_a_life_replays() {
    for pair in pairs() {
        let mut world = world_of(pair);
        world.keep(A, B);
        assert!(world.until(secs(5), |world| world.are_up(A, B)));
        talk(&mut world, 1);
        // Something is on its way in both directions, and more of it waits.
        for _ in 0..10 {
            world.send(A, B, &[4; 100_000]);
            world.send(B, A, &[5; 100_000]);
            world.carry();
        }
        let tapes = [A, B].map(|n| Tape::begin(&mut world, n));
        talk(&mut world, 200);
        world.cut_all(A);
        assert!(world.until(secs(60), |world| world.are_up(A, B)));
        talk(&mut world, 200);
        let told = world.id(B);
        world.tell(A, Input::Forget { peer: told });
        world.tell(B, Input::Leave);
        world.run_for(secs(60));
        for (n, tape) in world.nodes().zip(&tapes) {
            let report = replays(tape, world.node(n));
            // At each further one the states are compared.
            assert!(report.events > 2000 && report.segments > 1, "{report:?}");
            for segment in segments(&tape.written()) {
                assert!(replay::<Heap, Shipped>(segment.bytes).is_ok());
            }
        }
    }
}

#[test]
fn handshakes_questions_and_expulsions_replay() {
    let asked = Settings { lets_in: LetsIn::Asked, ..outside(open(1)) };
    let mut world = world_of([asked, open(2), open(3)]);
    world.pieces(7);
    let tape = Tape::begin(&mut world, A);
    let (one, other) = (world.id(B), world.id(C));
    world.keep(B, A);
    world.keep(A, C);
    assert!(world.until(secs(5), |world| world.asked(A).len() == 2));
    world.answer(A, one, Verdict::LetIn);
    world.answer(A, other, Verdict::TurnAway);
    assert!(world.until(secs(5), |world| world.are_up(A, B)));
    // Whoever talks nonsense, is cut off in a word, or comes to a link that is gone.
    let stranger = world.accept_stranger(A, host(9)).expect("there is room");
    world.stranger_says(stranger, &[0xff; 300]);
    world.cut_all(B);
    world.tell(A, Input::SendAll { message: Message::plain("to all".into()) });
    assert!(world.until(secs(60), |world| world.are_up(A, B) && world.came(B).len() == 1));
    world.tell(A, Input::Expel { peer: one });
    world.run_for(secs(60));
    replays(&tape, world.node(A));
}

#[test]
fn turns_that_were_dropped_replay() {
    let at = |seconds| Now::single(Instant::START.after(secs(seconds)));
    let ordered = |node: &mut Node, seconds, input: Input<'_>| {
        let mut dials = 0;
        let _until: Wait = node
            .handle(at(seconds), input)
            .carry_out(|order| dials += u32::from(matches!(order, Order::Dial { .. })));
        dials
    };
    let keep = |name: u8| {
        let routes = [Route::direct(host(name.into()))].into_iter().collect();
        Input::Keep { peer: id(name), routes }
    };
    let mut node: Node = Node::new(open(1)).expect("the settings are sound");
    drop(node.handle(at(1), keep(2)));
    let tape = Tape::default();
    tape.begin_at(&mut node);

    // What was pending when the trace began is not of it, as long as the machine is told nothing.
    assert_eq!(ordered(&mut node, 2, nothing()), 1);
    drop(node.handle(at(3), keep(3)));
    drop(node.handle(at(3), keep(4)));
    assert_eq!(ordered(&mut node, 3, nothing()), 2);
    assert_eq!(ordered(&mut node, 4, nothing()), 0);
    drop(node.handle(at(4), keep(5)));
    assert_eq!(ordered(&mut node, 4, Input::Tick), 1);

    let report = replays(&tape, &node);
    assert_eq!((report.segments, report.events, report.actions), (1, 4, 3));
    // Another trace, which begins with orders that are pending.
    drop(node.handle(at(4), keep(6)));
    let tape = Tape::default();
    tape.begin_at(&mut node);
    assert_eq!(ordered(&mut node, 4, Input::Tick), 1);
    let report = replays(&tape, &node);
    assert_eq!((report.events, report.actions), (1, 1));
}

#[test]
fn an_order_that_breaks_the_driver_begins_a_segment() {
    let mut world = world_of([open(1), open(2)]);
    let tape = Tape::begin(&mut world, A);
    let (peer, routes) = (world.id(B), world.routes_to(B));
    let now = world.reading(A);
    let node = world.node_mut(A);
    let broken = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        node.handle(now, Input::Keep { peer, routes })
            .carry_out(|order| assert!(!matches!(order, Order::Dial { .. }), "the driver breaks here"))
    }));
    assert!(broken.is_err());
    for input in [nothing(), Input::Tick] {
        let _until: Wait = node.handle(now, input).carry_out(|_| {});
    }
    let report = replays(&tape, node);
    assert_eq!((report.segments, report.events), (2, 2));
}

#[test]
fn a_sink_that_fails_ends_the_trace_and_not_the_node() {
    let mut world = world_of([open(1), open(2)]);
    let tape = Tape::begin(&mut world, B);
    let mut room = 3_000_usize;
    world.node_mut(A).record(Through(move |bytes: &[u8]| {
        room = room.checked_sub(bytes.len()).ok_or("the disk is full")?;
        Ok::<(), &str>(())
    }));
    world.keep(A, B);
    talk(&mut world, 4);
    let recording = world.node_mut(A).recording().expect("it was begun");
    assert!(!recording.is_recording());
    match recording.stopped() {
        Some(Stopped::BySink(error)) => assert_eq!(error.to_string(), "the disk is full"),
        other => panic!("{other:?}"),
    }
    replays(&tape, world.node(B));
}

#[test]
fn a_trace_ends_when_that_is_said() {
    let mut world = world_of([open(1), open(2)]);
    let tape = Tape::begin(&mut world, A);
    world.keep(A, B);
    talk(&mut world, 1);
    let report = replays(&tape, world.node(A));
    world.node_mut(A).stop_recording();
    assert!(world.node_mut(A).recording().is_none());
    assert_eq!(Arc::strong_count(&tape.0), 1, "the sink is dropped");
    talk(&mut world, 1);
    assert_eq!(replay::<Heap, Shipped>(&tape.written()), Ok(report));
}

#[test]
fn a_node_may_go_to_another_thread() {
    fn goes<T: Send>() {}
    goes::<Node>();
    goes::<Recording>();
}
