//! Lost, doubled and reordered messages.

use alloc::vec::Vec;
use core::time::Duration;

use mesh_proto::rules::Rules;
use mesh_proto::sim::{Direction, End, Ledger, NodeName, Start, Stop, What, World};
use mesh_proto::storage::Storage;
use mesh_proto::{
    Answer, Body, Config, Event, Frame, Lane, Limits, Message, Outcome, Reason, Taken, Unable, Window,
};

use crate::failures;
use crate::pair::{carrying, config, connect, millis, pair, pair_of, second_link, secs};

failures! {
    /// The first messages come before the application listens, more of them than the window holds: they must wait, and
    /// come once it does, and the link must live meanwhile.
    t4_the_first_messages_come_before_anybody_listens without WindowBounds,
    /// Many waiting messages of both lanes go out at once: each must come as it was sent.
    t11_what_is_flushed_at_once_keeps_its_boundaries without LanesApart,
    /// The link dies between the choice of it and the write: what was ordered must be sent again on the next, once.
    a3_the_link_dies_between_the_choice_and_the_write without ResumeFromMark,
    /// A question goes out on one link, which dies at the end of the one who asks: the answer, which went into the dead
    /// one, must come on the next.
    o16_the_answer_comes_on_another_link_than_the_question without ResumeFromMark,
    /// An application takes nothing for a minute while the other sends on: the link must live, the sender must wait, and
    /// nothing may be dropped.
    o18_a_slow_reader_is_not_a_dead_one without WindowBounds,
    /// A message arrived, and what told so is slow; the sender's link dies and it sends again: it must arrive once.
    o20_a_retry_does_not_deliver_twice without OldIsIgnored,
    /// Messages wait for the next link, and a new one is sent when it is there: it must not overtake them.
    o31_a_new_message_does_not_overtake_those_that_wait without ResumeFromMark,
    /// A peer is away for a second: what is sent meanwhile must be kept and arrive.
    s22_what_is_sent_to_an_absent_peer_is_kept without SendsWait,
    /// Links are killed every 50 ms through traffic both ways: nothing may be lost, doubled or reordered.
    x6_links_are_killed_every_fifty_milliseconds without ResumeFromMark,
    /// The tie of two links is settled while data is in flight on the loser: the same.
    x7_a_tie_is_settled_in_the_middle_of_traffic without ResumeFromMark,
    /// The link dies with the window full, and all is taken before the next one is admitted: the marks must be told again,
    /// or nobody ever speaks.
    y4_all_is_taken_between_two_links without DuplicatesAnswered,
    /// A large message is queued before the first link, and the peer takes small ones only: it must be reported and
    /// skipped, and the rest must flow.
    y5_a_message_that_the_peer_never_takes_is_skipped without WindowBounds,
    /// The other end lives, and its application does not take: the window must stop the sender, and pings keep the link.
    y6_the_window_stops_the_sender_and_the_link_lives without WindowBounds,
    /// A large message on links that live 200 ms each: it must get through.
    y12_a_large_message_gets_through_on_short_links without ResumeFromMark,
    /// An acknowledgement on one link overtakes the hello of another, whose marks look too low then: that is old news.
    y16_marks_that_were_overtaken_are_old_news without OldMarksAreOldNews,
    /// Something urgent overtakes the pieces of a large message, and the link dies in between: both must arrive once, in
    /// the order of their lanes.
    y21_urgent_overtakes_pieces_and_the_link_dies without LanesApart,
    /// A peer starts again and again, and each time leaves messages that nobody takes: they must stay within the window.
    y23_what_crashing_peers_leave_behind_stays_within_the_window without LeftoverCounts,
}

/// The same with an application that says what it takes.
fn saying() -> Config {
    Config { taken: Taken::WhenSaid, ..config() }
}

/// The largest message that tables of this kind hold, or a MiB.
fn largest<S: Storage>() -> usize {
    S::BYTES.map_or(1 << 20, |bytes| bytes / 2)
}

fn read<S: Storage, R: Rules>(ledger: &mut Ledger, world: &mut World<S, R>) {
    if let Err(problem) = ledger.read(world) {
        panic!("{problem}\n{}", world.report());
    }
}

/// Reads until nothing is missing.
fn all_arrives<S: Storage, R: Rules>(ledger: &mut Ledger, world: &mut World<S, R>, within: Duration) {
    let end = world.now() + within;
    while world.now() < end {
        world.run_for(millis(50));
        read(ledger, world);
        if ledger.missing() == 0 {
            assert_eq!(ledger.reported(), 0, "{}", world.report());
            return;
        }
    }
    panic!("{} did not arrive\n{}", ledger.missing(), world.report());
}

/// Kills the link that carries the session, at both ends.
fn cut<S: Storage, R: Rules>(world: &mut World<S, R>, a: NodeName, b: NodeName) {
    if let Some(stream) = carrying(world, a, b) {
        world.lose(stream, End::Both);
    }
}

/// Says for a node that it has taken all that it was handed.
fn take_all<S: Storage, R: Rules>(world: &mut World<S, R>, n: NodeName) {
    let handed = |what: &What| {
        if let What::Delivers { peer, message } = what {
            Some((*peer, message.lane, message.serial))
        } else {
            None
        }
    };
    let all: Vec<_> =
        world.log().iter().filter(|one| one.node == n).filter_map(|one| handed(&one.what)).collect();
    for (peer, lane, serial) in all {
        world.tell(n, Event::Took { peer, lane, serial });
    }
}

fn protocol_errors<S: Storage, R: Rules>(world: &World<S, R>, nodes: [NodeName; 2]) -> u64 {
    nodes.iter().map(|n| world.mesh(*n).stats().protocol_errors).sum()
}

/// How many messages a node was handed.
fn handed<S: Storage, R: Rules>(world: &World<S, R>, n: NodeName) -> usize {
    world.log().iter().filter(|one| one.node == n && matches!(one.what, What::Delivers { .. })).count()
}

/// Two nodes with windows of 8 messages, of which the second one says what it takes.
fn slow_reader<S: Storage, R: Rules>(rules: &R) -> (World<S, R>, NodeName, NodeName) {
    let limits = Limits { message: 100, window: Window { bytes: 800, messages: 8 }, ..config().limits };
    let wide = Limits { message: 100, window: Window { bytes: 1000, messages: 16 }, ..limits };
    pair_of(1, rules, Config { limits: wide, ..config() }, Config { limits, ..saying() })
}

/// More messages than the window of the other holds.
fn flood<S: Storage, R: Rules>(world: &mut World<S, R>, from: NodeName, to: NodeName) -> u64 {
    let sent = (0_u8..20).take_while(|number| {
        let message = Message::plain(Body::from(Vec::from([*number; 10])));
        matches!(world.post(from, to, message), Answer::Sent { queued: 1, .. })
    });
    sent.count() as u64
}

fn t4_the_first_messages_come_before_anybody_listens<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = slow_reader::<S, R>(&rules);
    world.dial(a, b);
    assert_eq!(flood(&mut world, a, b), 15, "one of 16 is kept for what is urgent");
    world.run_for(secs(60));
    assert_eq!(handed(&world, b), 7, "the window");
    assert!(world.agreed(a, b));
    for _ in 0..3 {
        take_all(&mut world, b);
        world.run_for(secs(1));
    }
    let came: Vec<u8> = world.take_inbox(b).iter().map(|message| message.body[0]).collect();
    assert_eq!(came, (0..15).collect::<Vec<u8>>());
    assert_eq!(protocol_errors(&world, [a, b]), 0);
}

fn t11_what_is_flushed_at_once_keeps_its_boundaries<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    let mut ledger = Ledger::new();
    for len in [1, 0, 70, 8, 9, 1, 33] {
        ledger.post(&mut world, a, b, Lane::Ordinary, len);
        ledger.post(&mut world, a, b, Lane::Urgent, len + 1);
    }
    world.keep(a, b);
    all_arrives(&mut ledger, &mut world, secs(5));
    assert_eq!(ledger.arrived(), 14);
    assert_eq!(protocol_errors(&world, [a, b]), 0);
}

fn a3_the_link_dies_between_the_choice_and_the_write<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    connect(&mut world, a, b);
    let mut ledger = Ledger::new();
    for end in [End::Both, End::Only(a), End::Only(b)] {
        assert!(ledger.post(&mut world, a, b, Lane::Ordinary, 40));
        let stream = carrying(&world, a, b).expect("they are up");
        world.lose(stream, end);
        all_arrives(&mut ledger, &mut world, secs(20));
    }
}

fn o16_the_answer_comes_on_another_link_than_the_question<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    connect(&mut world, a, b);
    let mut ledger = Ledger::new();
    ledger.post(&mut world, a, b, Lane::Ordinary, 10);
    all_arrives(&mut ledger, &mut world, secs(1));
    let stream = carrying(&world, a, b).expect("they are up");
    world.lose(stream, End::Only(a));
    ledger.post(&mut world, b, a, Lane::Ordinary, 20);
    all_arrives(&mut ledger, &mut world, secs(20));
}

fn o18_a_slow_reader_is_not_a_dead_one<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = slow_reader::<S, R>(&rules);
    connect(&mut world, a, b);
    let link = world.carrier(a, b);
    flood(&mut world, a, b);
    world.run_for(secs(60));
    assert_eq!(world.carrier(a, b), link, "the link that it was");
    for _ in 0..3 {
        take_all(&mut world, b);
        world.run_for(secs(1));
    }
    assert_eq!(world.take_inbox(b).len(), 15);
}

fn o20_a_retry_does_not_deliver_twice<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    connect(&mut world, b, a);
    let first = carrying(&world, a, b).expect("they are up");
    world.slow_next_dial(a, millis(300));
    second_link(&mut world, a, b);
    // What tells that it arrived goes out on both links: one is a black hole, the other is slow.
    let mut ledger = Ledger::new();
    world.black_hole_stream(first, Direction::From(b));
    ledger.post(&mut world, a, b, Lane::Ordinary, 10);
    world.run_for(millis(20));
    world.lose(first, End::Only(a));
    world.run_for(secs(3));
    all_arrives(&mut ledger, &mut world, secs(5));
    assert_eq!(world.mesh(b).stats().duplicates, 1, "it was sent again");
}

fn o31_a_new_message_does_not_overtake_those_that_wait<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    connect(&mut world, a, b);
    let mut ledger = Ledger::new();
    world.black_hole(a, b, Direction::Both);
    for len in [10, 20, 30] {
        ledger.post(&mut world, a, b, Lane::Ordinary, len);
    }
    world.run_for(secs(15));
    world.heal(a, b);
    world.run_until(secs(30), |world| world.agreed(a, b)).expect("they are up again");
    ledger.post(&mut world, a, b, Lane::Ordinary, 40);
    all_arrives(&mut ledger, &mut world, secs(5));
    assert_eq!(protocol_errors(&world, [a, b]), 0);
}

fn s22_what_is_sent_to_an_absent_peer_is_kept<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    connect(&mut world, a, b);
    let mut ledger = Ledger::new();
    world.partition(&[&[a], &[b]]);
    cut(&mut world, a, b);
    for len in [10, 20, 30] {
        assert!(ledger.post(&mut world, a, b, Lane::Ordinary, len), "it is taken in");
        world.run_for(millis(300));
    }
    assert!(!world.up(a, b));
    world.heal_all();
    all_arrives(&mut ledger, &mut world, secs(20));
}

fn x6_links_are_killed_every_fifty_milliseconds<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    world.jitter(millis(3));
    connect(&mut world, a, b);
    let mut ledger = Ledger::new();
    for round in 0..200 {
        for (from, to) in [(a, b), (b, a)] {
            let lane = if world.draw(4) == 0 { Lane::Urgent } else { Lane::Ordinary };
            let most = if round % 20 == 0 { largest::<S>() as u64 } else { 200 };
            let len = 8 + world.draw(most - 8) as usize;
            ledger.post(&mut world, from, to, lane, len);
        }
        world.run_for(millis(50));
        read(&mut ledger, &mut world);
        cut(&mut world, a, b);
    }
    all_arrives(&mut ledger, &mut world, secs(60));
    assert_eq!(protocol_errors(&world, [a, b]), 0);
}

fn x7_a_tie_is_settled_in_the_middle_of_traffic<S: Storage, R: Rules>(rules: R) {
    for seed in 0..5 {
        let (mut world, a, b) = pair::<S, R>(seed, &rules);
        world.delay(millis(20));
        connect(&mut world, b, a);
        let mut ledger = Ledger::new();
        for round in 0..60 {
            if round == 10 {
                world.dial(a, b);
            }
            for (from, to) in [(a, b), (b, a)] {
                ledger.post(&mut world, from, to, Lane::Ordinary, 30);
            }
            world.run_for(millis(10));
            read(&mut ledger, &mut world);
        }
        all_arrives(&mut ledger, &mut world, secs(10));
        assert!(crate::pair::ended(&world, a).contains(&Reason::Superseded), "{}", world.report());
        assert_eq!(protocol_errors(&world, [a, b]), 0);
    }
}

fn y4_all_is_taken_between_two_links<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = slow_reader::<S, R>(&rules);
    world.delay(millis(50));
    connect(&mut world, b, a);
    flood(&mut world, a, b);
    world.run_for(secs(2));
    assert_eq!(handed(&world, b), 7, "the window is full");
    cut(&mut world, a, b);
    let hellos = |world: &World<S, R>| crate::pair::sent(world, b, |frame| matches!(frame, Frame::Hello(_)));
    let before = hellos(&world);
    world.run_until(secs(20), |world| hellos(world) > before).expect("it dials again");
    take_all(&mut world, b);
    world.run_for(secs(2));
    assert_eq!(handed(&world, b), 14, "the window opened: {}", world.report());
}

fn y5_a_message_that_the_peer_never_takes_is_skipped<S: Storage, R: Rules>(rules: R) {
    let small = Limits { message: 100, window: Window { bytes: 800, messages: 8 }, ..config().limits };
    let (mut world, a, b) = pair_of::<S, R>(1, &rules, config(), Config { limits: small, ..config() });
    let large = Message::plain(Body::from(Vec::from([1; 1 << 20]))).with_receipt(1);
    let large = if S::BYTES.is_none() { large } else { Message { body: Body::from(&[1; 400]), ..large } };
    world.post(a, b, large);
    world.post(a, b, Message::plain(Body::from(&[2; 100])).with_receipt(2));
    world.keep(a, b);
    world.run_for(secs(5));
    let fates: Vec<_> =
        world.take_settled(a).into_iter().map(|(_, token, outcome)| (token, outcome)).collect();
    assert_eq!(fates, [(1, Outcome::TooLarge { limit: 100 }), (2, Outcome::Taken)]);
    assert_eq!(world.take_inbox(b).len(), 1);
}

fn y6_the_window_stops_the_sender_and_the_link_lives<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = slow_reader::<S, R>(&rules);
    connect(&mut world, a, b);
    let link = world.carrier(a, b);
    assert_eq!(flood(&mut world, a, b), 15);
    let full = world.post(a, b, Message::plain(Body::from(&[9; 10])));
    assert_eq!(full, Answer::Sent { queued: 0, stopped: Some(Unable::NoRoom) });
    world.run_for(secs(300));
    assert_eq!(world.carrier(a, b), link, "the link that it was");
    take_all(&mut world, b);
    world.run_for(secs(1));
    let told = world.log().iter().any(|one| one.node == a && matches!(one.what, What::Roomy { .. }));
    assert!(told, "the sender is told that there is room");
}

fn y12_a_large_message_gets_through_on_short_links<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    world.delay(millis(20));
    world.keep(a, b);
    world.run_until(secs(10), |world| world.agreed(a, b)).expect("they are up");
    let mut ledger = Ledger::new();
    ledger.post(&mut world, a, b, Lane::Ordinary, largest::<S>());
    let mut links = 0;
    while ledger.missing() > 0 {
        world.run_for(millis(200));
        read(&mut ledger, &mut world);
        cut(&mut world, a, b);
        links += 1;
        assert!(links < 100, "it does not get through\n{}", world.report());
        world.run_until(secs(10), |world| world.up(a, b)).expect("there is another link");
    }
    assert!(links > 2 || S::BYTES.is_some(), "{links} links");
}

fn y16_marks_that_were_overtaken_are_old_news<S: Storage, R: Rules>(rules: R) {
    let (mut world, a, b) = pair::<S, R>(1, &rules);
    connect(&mut world, a, b);
    let mut ledger = Ledger::new();
    world.slow_next_dial(b, millis(300));
    world.dial(b, a);
    let hello = |world: &World<S, R>| crate::pair::sent(world, b, |frame| matches!(frame, Frame::Hello(_)));
    world.run_until(secs(10), |world| hello(world) == 1).expect("its hello is on its way");
    ledger.post(&mut world, a, b, Lane::Ordinary, 10);
    all_arrives(&mut ledger, &mut world, millis(200));
    world.run_for(secs(2));
    assert_eq!(protocol_errors(&world, [a, b]), 0, "{}", world.report());
    assert!(world.agreed(a, b));
}

fn y21_urgent_overtakes_pieces_and_the_link_dies<S: Storage, R: Rules>(rules: R) {
    let limits = Limits { record: 512, ..config().limits };
    let config = Config { limits, ..config() };
    let (mut world, a, b) = pair_of::<S, R>(1, &rules, config, config);
    world.delay(millis(20));
    connect(&mut world, a, b);
    let mut ledger = Ledger::new();
    for _ in 0..5 {
        ledger.post(&mut world, a, b, Lane::Ordinary, largest::<S>());
        world.run_for(millis(30));
        ledger.post(&mut world, a, b, Lane::Urgent, 9);
        world.run_for(millis(10));
        cut(&mut world, a, b);
        all_arrives(&mut ledger, &mut world, secs(30));
    }
    assert_eq!(protocol_errors(&world, [a, b]), 0);
}

fn y23_what_crashing_peers_leave_behind_stays_within_the_window<S: Storage, R: Rules>(rules: R) {
    let (mut world, b, a) = slow_reader::<S, R>(&rules);
    world.audit_every_step();
    for _ in 0..4 {
        world.keep(b, a);
        flood(&mut world, b, a);
        world.run_for(secs(3));
        world.stop(b, Stop::Kill);
        world.run_for(secs(1));
        world.start(b, Start::Fresh);
    }
    assert_eq!(handed(&world, a), 7, "what was left behind narrows the next window");
    take_all(&mut world, a);
    world.keep(b, a);
    flood(&mut world, b, a);
    world.run_for(secs(3));
    assert_eq!(handed(&world, a), 14, "and opens it when it is taken");
}
