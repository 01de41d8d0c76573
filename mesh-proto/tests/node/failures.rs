//! Field failures that whole nodes hold, by their names.

use core::net::SocketAddr;

use mesh_proto::node::{Input, LetsIn, Settings, Verdict};
use mesh_proto::sim::{Direction, Start, Stop, StreamName};
use mesh_proto::wire::{
    Answer, Calling, Ciphers, Guard, Identity, MAX_OPENING, MeshSecrets, Network, Outgoing, Sealer, Terms,
    Versions,
};
use mesh_proto::{
    Frame, Heap, Hello, Incarnation, Lane, Losses, Marks, PathClass, Piece, Reason, Refusal, Side, Standing,
    Takes, Window,
};

use crate::world::*;

/// Two that are up, and have nothing under way.
fn up(pair: [Settings; 2]) -> World {
    let mut world = world_of(pair);
    bring_up(&mut world);
    world
}

fn bring_up(world: &mut World) {
    world.keep(A, B);
    assert!(world.until(secs(5), |world| world.are_up(A, B)));
    world.run_for(secs(1));
}

/// The session goes on as if nothing had been: on the same link, and a message still goes through.
fn assert_undisturbed(world: &mut World) {
    let came = world.came(B).len();
    world.send(A, B, b"still there");
    world.run_for(secs(1));
    assert_eq!(world.came(B).len(), came + 1);
    assert_eq!(world.dials(A), 1, "on the first link");
}

/// Alters the whole records that are on their way from an end.
fn tamper(world: &mut World, stream: StreamName, from: Side, how: impl FnOnce(&mut Vec<Vec<u8>>)) {
    world.alter(stream, from, |bytes| {
        let (mut records, mut at) = (Vec::new(), 0);
        while let Some([high, low]) = bytes.get(at..at + 2) {
            let end = at + 2 + usize::from(u16::from_be_bytes([*high, *low]));
            records.push(bytes[at..end].to_vec());
            at = end;
        }
        how(&mut records);
        *bytes = records.concat();
    });
}

/// One that speaks the channel, and says what the test likes.
struct Rogue {
    stream: StreamName,
    sealer: Option<Sealer>,
}

fn rogue_hello() -> Hello {
    Hello {
        incarnation: Incarnation::new(1, 1),
        detect_within: secs(10),
        class: PathClass::Direct,
        keep: false,
        lost: Losses::new(),
        birth: 1,
        meant: None,
        marks: Marks { open: Window { bytes: 4 << 20, messages: 1000 }, ..Marks::default() },
        takes: Takes { message: 1 << 20, record: 65_519, window: Window { bytes: 4 << 20, messages: 1000 } },
    }
}

impl Rogue {
    /// Dials, and introduces itself with this frame.
    fn dials(world: &mut World, n: NodeName, name: u8, from: SocketAddr, hello: &Frame<'_>) -> Self {
        let identity: Identity = identity(name);
        let terms = Terms {
            guard: Guard::open(&identity),
            network: Network::named("test"),
            versions: Versions::SPOKEN,
            ciphers: Ciphers::NONE,
        };
        let stream = world.accept_stranger(n, from).expect("there is room");
        let answer = |world: &mut World, words: &[u8]| {
            world.stranger_says(stream, words);
            world.run_for(core::time::Duration::from_millis(1));
            world.stranger_hears(stream)
        };
        let (calling, first) = Calling::begin(&terms, 0, [name; 32]);
        let mut second = answer(world, &first);
        let met = calling.read(&terms, &mut second[2..]).expect("it answers");
        let mut out = [0; MAX_OPENING];
        let (introduced, third) = met.introduce(&terms, hello, &mut out).expect("it fits");
        let mut fourth = answer(world, third);
        let length = match fourth.first_chunk::<2>() {
            Some(length) => usize::from(u16::from_be_bytes(*length)),
            None => return Self { stream, sealer: None },
        };
        let sealer = match introduced.read(&terms, &mut fourth[2..2 + length]).expect("it is a record") {
            Answer::Answered { sealer, .. } => Some(sealer),
            Answer::Wait(_) => None,
        };
        Self { stream, sealer }
    }

    fn says(&mut self, world: &mut World, frames: &[Frame<'_>]) {
        let sealer = self.sealer.as_mut().expect("it was let in");
        let mut room = vec![0; 70_000];
        let mut record = Outgoing::new(&mut room, sealer);
        for frame in frames {
            record.push(frame).expect("it fits");
        }
        let sealed = record.seal(sealer).expect("it is not empty").to_vec();
        world.stranger_says(self.stream, &sealed);
        world.run_for(core::time::Duration::from_millis(1));
    }
}

/// O7: whoever names itself like a connected peer is another one, for the name is what the handshake proves.
#[test]
fn o7_nobody_takes_over_by_a_name() {
    let mut world = up([open(1), open(2)]);
    let hello = Hello { incarnation: Incarnation::new(9, 9), ..rogue_hello() };
    Rogue::dials(&mut world, B, 7, host(1), &Frame::Hello(hello.into()));
    assert_undisturbed(&mut world);
    assert!(world.node(B).mesh().peer(&id(7)).is_some(), "it is a peer of its own");
}

/// O8: a hello with one's own id.
#[test]
fn o8_ones_own_key_becomes_no_peer() {
    let mut world = up([open(1), open(2)]);
    for (start, reason) in [(1, Reason::Conflict), (5, Reason::Conflict)] {
        let hello = Hello { incarnation: Incarnation::new(start, 99), ..rogue_hello() };
        Rogue::dials(&mut world, B, 2, host(1), &Frame::Hello(hello.into()));
        assert_eq!(world.closed(B).last(), Some(&reason));
        assert!(world.node(B).mesh().peer(&id(2)).is_none());
    }
    assert_undisturbed(&mut world);
}

/// O9: a first frame that is none ends the link at once; silence ends it at the deadline.
#[test]
fn o9_a_malformed_first_word_ends_the_link_at_once() {
    let mut world = up([open(1), open(2)]);
    let garbage = world.accept_stranger(B, host(1)).expect("there is room");
    let silent = world.accept_stranger(B, host(2)).expect("there is room");
    world.stranger_says(garbage, b"\x00\x08mesh what");
    world.run_for(secs(0));
    assert!(world.is_hung_up(garbage) && !world.is_hung_up(silent));
    world.run_for(secs(9));
    assert!(!world.is_hung_up(silent));
    world.run_for(secs(2));
    assert!(world.is_hung_up(silent));
    assert_undisturbed(&mut world);
}

/// O25: whoever says again what a peer once said has named it, and proves nothing.
#[test]
fn o25_a_handshake_of_words_that_were_heard_replaces_no_link() {
    for pair in [[open(1), open(2)], [closed(1), outside(closed(2))]] {
        let mut world = world_of(pair);
        world.keep_written();
        bring_up(&mut world);
        let stream = world.streams().next().expect("there is one");
        let [dialer, acceptor] =
            [Side::Dialed, Side::Accepted].map(|from| world.written(stream, from).to_vec());
        let dials = world.accept_stranger(B, host(1)).expect("there is room");
        world.stranger_says(dials, &dialer);
        let is_dialed = world.attach_stranger(A, Some(id(2))).expect("there is room");
        world.stranger_says(is_dialed, &acceptor);
        world.run_for(secs(1));
        for (n, stream) in [(A, is_dialed), (B, dials)] {
            assert!(world.is_hung_up(stream));
            assert_eq!(world.closed(n), [Reason::ProtocolError]);
            assert_eq!(world.stats(n).probes, 0, "nothing hints that the link may be dead");
        }
        assert_undisturbed(&mut world);
    }
}

/// O38: a goodbye that anybody could have sent.
#[test]
fn o38_a_forged_goodbye_ends_nothing() {
    let mut world = up([closed(1), closed(2)]);
    let announcing = |settings: Settings| Settings { config: mesh_proto::Config::lan(), ..settings };
    for leaver in [closed(1), open(1)] {
        let mut leaver = world_of([announcing(leaver)]);
        leaver.tell(A, Input::Leave);
        let (_, goodbye) = leaver.announced(A).last().expect("it says goodbye").clone();
        world.tell(B, Input::Datagram { from: world.address(A), bytes: &goodbye });
    }
    let peer = world.node(B).mesh().peer(&id(1)).expect("it is known");
    assert!(matches!(peer.standing, Standing::Up { .. }));
    assert_undisturbed(&mut world);
}

/// M24: messages before admission are not read.
#[test]
fn m24_nothing_is_read_before_admission() {
    let body = b"boo".into();
    let piece = Piece { lane: Lane::Ordinary, kind: 0, number: 0, offset: 0, total: 3, body };
    for first in [Frame::Data(piece), Frame::Close(Reason::Left), Frame::Ping { nonce: 1 }] {
        let mut world = up([open(1), open(2)]);
        let rogue = Rogue::dials(&mut world, B, 7, host(1), &first);
        assert!(rogue.sealer.is_none() && world.is_hung_up(rogue.stream));
        assert_eq!(world.closed(B), [Reason::ProtocolError]);
        assert!(world.node(B).mesh().peer(&id(7)).is_none() && world.came(B).is_empty());
        assert_undisturbed(&mut world);
    }
}

/// X10: what comes from anywhere, and what does not come.
#[test]
fn x10_strangers_disturb_nobody() {
    let mut world = up([open(1), outside(open(2))]);
    let mut dice = 7_u64;
    for n in 0..200 {
        let stream = world.accept_stranger(B, host(n)).expect("there is room");
        let bytes: Vec<u8> = (0..n)
            .map(|_| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                dice.to_be_bytes()[0] | 4
            })
            .collect();
        world.stranger_says(stream, &bytes);
        world.run_for(secs(0));
        assert!(world.is_hung_up(stream) || n < 2, "lengths beyond any of a handshake");
    }
    let longest = world.accept_stranger(B, host(1)).expect("there is room");
    world.stranger_says(longest, &[0xff, 0xff]);
    world.run_for(secs(0));
    assert!(world.is_hung_up(longest));
    // A byte a second does not keep a link open.
    let slow = world.accept_stranger(B, host(2)).expect("there is room");
    for byte in [0, 100, b'm', b'e', b's', b'h', 1, 0, 0, 0, 0, 0] {
        world.stranger_says(slow, &[byte]);
        world.run_for(secs(1));
    }
    assert!(world.is_hung_up(slow));
    // Ten thousand that say nothing.
    let mut open = Vec::new();
    for n in 0..10_000 {
        open.extend(world.accept_stranger(B, host(n)));
        if n % 1000 == 999 {
            world.run_for(secs(1));
        }
    }
    let still = open.iter().filter(|stream| !world.is_hung_up(**stream)).count();
    assert!(still <= 256, "{still} half-open links");
    assert_undisturbed(&mut world);
    world.run_for(secs(11));
    assert!(open.iter().all(|stream| world.is_hung_up(*stream)));
    assert_undisturbed(&mut world);
}

/// X11: no file descriptor is left.
#[test]
fn x11_sessions_live_while_nothing_can_be_accepted() {
    let mut world = up([open(1), open(2)]);
    let third = world.add(open(3));
    for n in world.nodes() {
        world.exhaust(n);
    }
    world.keep(third, A);
    world.run_for(secs(30));
    assert!(world.dials(third) > 1 && !world.up(third, A));
    assert_undisturbed(&mut world);
    for n in world.nodes() {
        world.relieve(n);
    }
    assert!(world.until(secs(15), |world| world.are_up(third, A)));
    assert_undisturbed(&mut world);
}

/// X12: a peer that is let in floods.
#[test]
fn x12_a_flood_from_within_is_bounded_or_ended() {
    let mut world = up([open(1), open(2)]);
    let hello = Frame::Hello(rogue_hello().into());
    let mut rogue = Rogue::dials(&mut world, B, 7, host(1), &hello);
    let pings: Vec<_> = (1..2000).map(|nonce| Frame::Ping { nonce }).collect();
    for _ in 0..10 {
        rogue.says(&mut world, &pings);
        let answers = world.stranger_hears(rogue.stream).len();
        assert!(answers < 100, "{answers} bytes for two thousand pings");
    }
    assert!(!world.is_hung_up(rogue.stream));
    rogue.says(&mut world, &[hello]);
    assert!(world.is_hung_up(rogue.stream), "a second hello");
    assert_eq!(world.closed(B), [Reason::ProtocolError]);
    assert_undisturbed(&mut world);
}

/// The bytes of a short conversation that belong to the lengths of records, and where the handshake ends.
fn layout(bytes: &[u8]) -> (Vec<usize>, usize) {
    let (mut lengths, mut at, mut handshake) = (Vec::new(), 0, 0);
    for record in 0.. {
        let Some(length) = bytes.get(at..at + 2) else { break };
        lengths.extend([at, at + 1]);
        at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
        if record == 1 {
            handshake = at;
        }
    }
    (lengths, handshake)
}

/// A short conversation, with one bit altered on its way.
fn conversation(flip: Option<(Side, usize, u8)>) -> (World, StreamName) {
    let mut world = world_of([closed(1), outside(closed(2))]);
    world.keep_written();
    world.keep(A, B);
    let first = world.streams().next().expect("it dials at once");
    if let Some((from, at, bit)) = flip {
        world.flip(first, from, at, bit);
    }
    world.send(A, B, b"from the one");
    let from = world.id(A);
    let all = |world: &World| world.are_up(A, B) && !world.came(B).is_empty();
    assert!(world.until(secs(60), all), "{flip:?}");
    assert_eq!(world.inbox(B)[0].from, from);
    world.send(B, A, b"from the other");
    let all = |world: &World| world.are_up(A, B) && !world.came(A).is_empty();
    assert!(world.until(secs(60), all), "{flip:?}");
    world.run_for(secs(0));
    (world, first)
}

fn x13_every_bit_from(from: Side, reader: NodeName) {
    let (untouched, first) = conversation(None);
    let bytes = untouched.written(first, from).to_vec();
    let (lengths, handshake) = layout(&bytes);
    assert!(handshake > 100 && bytes.len() > handshake + 50);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let flip = (from, at, bit);
            let (mut world, _) = conversation(Some(flip));
            let next = |world: &World| world.streams().len() > 1 && world.are_up(A, B);
            assert!(world.until(secs(60), next), "{flip:?}: the session goes on over the next link");
            assert_eq!(world.came(B), [b"from the one"], "{flip:?}");
            assert_eq!(world.came(A), [b"from the other"], "{flip:?}");
            if at >= handshake && !lengths.contains(&at) {
                assert_eq!(world.closed(reader).first(), Some(&Reason::ProtocolError), "{flip:?}");
            }
        }
    }
}

#[test]
fn x13_every_bit_that_the_dialer_says_counts() {
    x13_every_bit_from(Side::Dialed, B);
}

#[test]
fn x13_every_bit_that_the_acceptor_says_counts() {
    x13_every_bit_from(Side::Accepted, A);
}

#[test]
fn x13_records_come_once_whole_and_in_order() {
    type Alteration = fn(&mut Vec<Vec<u8>>);
    let alterations: [Alteration; 8] = [
        |records| records.swap(0, 1),
        |records| records.swap(1, 2),
        |records| records.insert(1, records[0].clone()),
        |records| records.push(records[2].clone()),
        |records| drop(records.remove(0)),
        |records| drop(records.remove(1)),
        |records| {
            records[1].pop();
            records[1][1] -= 1;
        },
        |records| {
            records[1].push(0);
            records[1][1] += 1;
        },
    ];
    for pair in [[closed(1), closed(2)], [outside(open(1)), outside(open(2))]] {
        for alteration in alterations {
            let mut world = up(pair.clone());
            for says in [b"one", b"two", b"six"] {
                world.send(A, B, says);
            }
            let stream = world.streams().next().expect("there is one");
            tamper(&mut world, stream, Side::Dialed, alteration);
            assert!(world.until(secs(60), |world| world.streams().len() > 1 && world.are_up(A, B)));
            assert!(world.until(secs(5), |world| world.settled(A).len() == 3));
            assert_eq!(world.came(B), [b"one", b"two", b"six"]);
            assert_eq!(world.closed(B), [Reason::ProtocolError]);
        }
    }
}

/// Y1: the dialer of a second link has said everything, and the other end never reads it.
#[test]
fn y1_no_link_gives_way_to_one_that_is_not_admitted() {
    let mut world = up([open(1), open(2)]);
    let (peer, routes) = (world.id(A), world.routes_to(A));
    world.tell(B, Input::Seek { peer, routes });
    let second = world.streams().nth(1).expect("it dials at once");
    for _ in 0..40 {
        world.send(A, B, b"goes on");
        // Nothing of the second link's third record arrives.
        tamper(&mut world, second, Side::Dialed, |records| records.retain(|record| record.len() < 100));
        world.carry();
    }
    world.run_for(secs(12));
    assert_eq!(world.came(B).len(), 40);
    assert!(world.are_up(A, B));
    assert_undisturbed(&mut world);
}

/// Y11: eight addresses hold every half-open place.
#[test]
fn y11_a_member_gets_in_though_strangers_hold_every_place() {
    let mut world = world_of::<Heap>([closed(1), closed(2)]);
    let mut strangers = 0;
    for n in 0..256 {
        strangers += u32::from(world.accept_stranger(B, host(n % 8)).is_ok());
    }
    assert_eq!(strangers, 256);
    world.keep(A, B);
    assert!(world.until(secs(1), |world| world.are_up(A, B)));
}

/// Y14: the hello of a run arrives when the next run of its node is there already, or is about to be.
#[test]
fn y14_a_handshake_from_before_a_restart_ends_in_no_conflict() {
    for settings in [open::<Heap>, closed, unprotected] {
        for late in [false, true] {
            let mut world = world_of([settings(1), settings(2)]);
            world.keep(A, B);
            let first = world.streams().next().expect("it dials at once");
            // The stream is open, there is one record each, and the hello is on its way.
            for from in [Side::Dialed, Side::Accepted, Side::Dialed, Side::Accepted] {
                assert!(world.let_through(first, from, 4000));
            }
            assert!(world.under_way(first, Side::Dialed) > 0);
            world.black_hole_stream(first, Direction::Both);
            world.stop(A, Stop::Vanish);
            world.start(A, Start::Fresh);
            let incarnation = world.node(A).mesh().incarnation();
            assert_eq!(incarnation.start, 2);
            if late {
                world.keep(A, B);
                assert!(world.until(secs(5), |world| world.are_up(A, B)));
            }
            world.heal_stream(first);
            world.run_for(secs(1));
            world.keep(A, B);
            let is_new = |world: &World| {
                let peer = world.node(B).mesh().peer(&id(1));
                let now = peer.map(|peer| peer.standing);
                matches!(now, Some(Standing::Up { incarnation: run, .. }) if run == incarnation)
            };
            assert!(world.until(secs(5), |world| world.up(A, B) && is_new(world)));
            world.run_for(secs(60));
            assert!(is_new(&world), "the old run stays in the past");
            assert_eq!(world.streams().len(), 2, "and costs the new one no link");
            let conflicts =
                |n: NodeName| world.closed(n).iter().filter(|why| **why == Reason::Conflict).count();
            assert_eq!([A, B].map(conflicts), [0, 0]);
            world.send(A, B, b"from the new run");
            world.run_for(secs(1));
            assert_eq!(world.came(B), [b"from the new run"]);
        }
    }
}

/// Y22: a hundred strangers wait for a person's answer.
#[test]
fn y22_who_waits_for_an_answer_holds_a_quarter_of_the_places() {
    let mut world = world_of([open(1), Settings { lets_in: LetsIn::Asked, ..open(2) }]);
    world.answer(B, id(1), Verdict::LetIn);
    let mut rogues = Vec::new();
    for n in 0..100 {
        let hello = Frame::Hello(rogue_hello().into());
        let name = 100 + u8::try_from(n).expect("a hundred");
        rogues.push(Rogue::dials(&mut world, B, name, host(n), &hello));
    }
    assert_eq!(world.asked(B).len(), 100, "one question each");
    let waiting = rogues.iter().filter(|rogue| !world.is_hung_up(rogue.stream)).count();
    assert_eq!(waiting, 64, "a quarter of 256");
    let told = world.closed(B).into_iter();
    assert_eq!(told.filter(|reason| *reason == Reason::Refused(Refusal::Full)).count(), 36);
    let early = rogues.iter().take(64).filter(|rogue| world.is_hung_up(rogue.stream)).count();
    assert!((5..36).contains(&early), "{early} of the first gave way: whoever is drawn does");
    world.keep(A, B);
    assert!(world.until(secs(1), |world| world.are_up(A, B)), "a member gets in");
}

#[test]
fn y22_one_question_is_asked_about_one_however_many_links_it_has() {
    let mut world = world_of([open(1), Settings { lets_in: LetsIn::Asked, ..open(2) }]);
    let hello = Frame::Hello(rogue_hello().into());
    let rogues = [1, 2, 3].map(|n| Rogue::dials(&mut world, B, 7, host(n), &hello));
    assert_eq!(world.asked(B), [id(7)]);
    world.answer(B, id(7), Verdict::TurnAway);
    assert!(rogues.iter().all(|rogue| world.is_hung_up(rogue.stream)));
    assert_eq!(world.closed(B), [Reason::Refused(Refusal::NotListed); 3]);
}

/// Y25: a dialer with the old and the new secret meets one with only one of them.
#[test]
fn y25_the_second_attempt_takes_the_other_secret() {
    for (known, attempts) in [(1, 1), (2, 2)] {
        for other in [
            closed_by(2, MeshSecrets::one(secret(known))),
            outside(closed_by(2, MeshSecrets::one(secret(known)))),
        ] {
            let both = MeshSecrets::two(secret(1), secret(2));
            let mut world = world_of::<Heap>([closed_by(1, both), other]);
            world.keep(A, B);
            assert!(world.until(secs(10), |world| world.are_up(A, B)));
            assert_eq!(world.dials(A), attempts);
            // What worked is what is tried first from then on.
            world.cut_all(A);
            assert!(world.until(secs(20), |world| world.are_up(A, B)));
            assert_eq!(world.dials(A), attempts + 1);
        }
    }
}
