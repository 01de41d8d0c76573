//! News and explanations.

use crate::delivery::{at, marks, plain};
use crate::node::*;
use crate::on_both;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use mesh_proto::{
    Answer, Cursor, Event, Frame, Hello, Message, Outcome, PathClass, Reason, Refusal, Role, Route, Routes,
    Side, Standing, SystemError, Unable, Wants, Window,
};

on_both! {
    fn tells_what_is_not_acknowledged_and_how_much_room_there_is<S>() {
        let mut node = Node::<S>::new();
        assert_eq!((node.mesh.unacknowledged(&HIGHER), node.mesh.room_to(&HIGHER)), (None, None));
        let link = node.up(HIGHER);
        let told = |node: &Node<S>| [node.mesh.unacknowledged(&HIGHER), node.mesh.room_to(&HIGHER)];
        let windows = |kept, free| {
            [kept, free].map(|(bytes, messages)| Some(Window { bytes, messages }))
        };
        // One largest message of 300 bytes is kept for what is urgent.
        assert_eq!(told(&node), windows((0, 0), (700, 9)));
        node.send(HIGHER, &[plain(200), Message { wants: Wants::Report, ..plain(1) }]);
        assert_eq!(told(&node), windows((201, 2), (499, 7)));
        node.frame(link, Frame::Marks(marks(at(2, 0), 1)));
        assert_eq!(told(&node), windows((1, 1), (699, 8)));
        node.frame(link, Frame::Close(Reason::Left));
        assert_eq!(told(&node), windows((0, 0), (700, 8)), "a report that waits takes the room of a message");
        node.tell(Event::Collect { peer: HIGHER });
        assert_eq!(told(&node), windows((0, 0), (700, 9)));
    }

    fn tells_whose_a_link_is<S>() {
        let mut node = Node::<S>::new();
        let orders = node.tell(Event::Keep { peer: HIGHER, routes: routes(&[8]) });
        let [Order::Dial(dial, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        let stranger = node.incoming(9);
        let (link, _) = node.accepted(LOWER, run(1, 1));
        let whose = [*dial, stranger, link].map(|link| node.mesh.whose(link));
        assert_eq!(whose, [Some(HIGHER), None, Some(LOWER)]);
        node.tell(Event::Closed { link, error: SystemError::Reset });
        assert_eq!(node.mesh.whose(link), None, "it is gone");
    }

    fn news_tells_what_holds_to_whoever_comes_late<S>() {
        let mut node = Node::<S>::new();
        let (first, _) = node.accepted(HIGHER, run(1, 1));
        let (second, _) = node.accepted(LOWER, run(1, 1));
        let up = |link| Standing::Up { link, incarnation: run(1, 1) };
        let mut cursor = Cursor::default();
        assert!(node.mesh.has_news(&cursor));
        let (told, missed) = node.news(&mut cursor);
        assert_eq!(told, [(HIGHER, up(first)), (LOWER, up(second))], "in the order of the changes");
        assert_eq!(missed, 2, "that they were made known before they were up");
        assert_eq!(node.news(&mut cursor), (vec![], 0));
    }

    fn news_tells_the_latest_and_how_much_was_missed<S>() {
        let mut node = Node::<S>::new();
        let mut cursor = Cursor::default();
        node.accepted(LOWER, run(1, 1));
        node.news(&mut cursor);
        let (link, _) = node.accepted(HIGHER, run(1, 1));
        node.tell(Event::Closed { link, error: SystemError::Reset });
        let (link, _) = node.accepted(HIGHER, run(1, 1));
        let (told, missed) = node.news(&mut cursor);
        assert_eq!(told, [(HIGHER, Standing::Up { link, incarnation: run(1, 1) })]);
        assert_eq!(missed, 3);
    }

    fn news_says_that_a_peer_it_cannot_tell_of_was_missed<S>() {
        let mut node = Node::<S>::new();
        let mut cursor = Cursor::default();
        node.tell(Event::Keep { peer: LOWER, routes: Routes::new() });
        assert_eq!(node.news(&mut cursor), (vec![(LOWER, Standing::Down { reason: None })], 0));
        node.tell(Event::KeepAt { route: route(1) });
        node.tell(Event::ForgetAt { address: address(1) });
        let (told, missed) = node.news(&mut cursor);
        assert_eq!((told.len(), missed), (0, 2), "a wish without a name came and went");
    }

    fn peers_are_listed_in_order_of_their_names<S>() {
        let mut node = Node::<S>::new();
        for peer in [HIGHEST, LOWER, HIGHER, LOWEST] {
            node.accepted(peer, run(1, 1));
        }
        let listed: Vec<_> = node.mesh.peers().map(|view| view.id).collect();
        assert_eq!(listed, [LOWEST, LOWER, HIGHER, HIGHEST]);
        assert_eq!(node.mesh.me(), ME);
        assert_eq!(node.mesh.incarnation(), run(3, 33));
        assert_eq!(node.mesh.config(), &config());
    }

    fn explains_in_structure_and_in_sentences<S>() {
        let mut node = Node::<S>::new();
        let (theirs, _) = node.accepted(HIGHER, run(1, 1));
        let (ours, _) = node.greet(HIGHER, 8);
        let explanation = node.mesh.explain(&HIGHER).expect("known");
        assert!(explanation.decides_here);
        let roles: Vec<_> = explanation.links.iter().map(|link| (link.link, link.side, link.role)).collect();
        assert_eq!(roles, [(theirs, Side::Accepted, Role::Carrying), (ours, Side::Dialed, Role::Shaking)]);
        node.welcome(ours, run(1, 1));
        node.frame(ours, Frame::Pong { nonce: 1 });
        node.frame(theirs, Frame::Close(Reason::Superseded));
        node.live(secs(3));
        node.tell(Event::Tick);
        assert_eq!(
            node.mesh.explain(&HIGHER).expect("known").to_string(),
            "pqyqszqg is up: link #2 carries the session; of links that are alike it is the one that the lower id dialed. \
             This node decides which link stays.\n\
             Link #2 (dialed, 10.0.0.8:7000) carries the session, last heard 500ms ago.\n\
             Link #1 (accepted) ended 3s ago: a better link took over.\n\
             No dial is needed."
        );
        assert_eq!(node.mesh.explain(&LOWER), None);
    }

    fn explains_every_standing<S>() {
        let mut node = Node::<S>::new();
        node.tell(Event::Keep { peer: LOWER, routes: Routes::new() });
        let text = |node: &Node<S>| node.mesh.explain(&LOWER).expect("known").to_string();
        assert_eq!(
            text(&node),
            "qyqszqgp is down: no link was tried yet. The other node decides which link stays.\n\
             It cannot be dialed: nobody has said where it is."
        );
        let orders = node.tell(Event::Keep { peer: LOWER, routes: routes(&[1]) });
        let [Order::Dial(link, ..)] = orders.as_slice() else { panic!("{orders:?}") };
        assert!(text(&node).ends_with("Link #1 (dialed, 10.0.0.1:7000) is not open yet.\nA dial is under way."));
        node.tell(Event::Closed { link: *link, error: SystemError::Refused });
        assert!(text(&node).starts_with("qyqszqgp is down: the system said: nobody listens there."), "{}", text(&node));
        assert!(text(&node).ends_with("The next dial is due in 250ms, after 1 that failed."), "{}", text(&node));
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.tell(Event::Closed { link, error: SystemError::Ended });
        assert!(
            text(&node).starts_with("qyqszqgp is away: the system said: the other end finished the stream. The session waits"),
            "{}",
            text(&node)
        );
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.frame(link, Frame::Close(Reason::Conflict));
        assert!(text(&node).contains("Its key, or ours, lives twice: only one of the two may run."));
        assert!(text(&node).ends_with("It refused for a reason that will not change soon: no dial for 300s."), "{}", text(&node));
    }

    fn explains_why_a_link_was_chosen<S>() {
        let chosen = |node: &Node<S>| {
            let text = node.mesh.explain(&HIGHER).expect("known").to_string();
            text.split(';').nth(1).and_then(|rest| rest.split('.').next()).map(ToString::to_string).unwrap_or_default()
        };
        let mut node = Node::<S>::new();
        let (first, _, _) = node.accept(HIGHER, Hello { class: PathClass::Relayed, ..hello(run(1, 1)) });
        assert_eq!(chosen(&node), " it was the only one");
        let (second, _) = node.accepted(HIGHER, run(1, 1));
        node.frame(second, Frame::Pong { nonce: 1 });
        assert_eq!(chosen(&node), " it goes a better kind of way than the others");
        node.frame(first, Frame::Close(Reason::Superseded));
        node.accepted(HIGHER, run(1, 1));
        node.frame(second, Frame::Pong { nonce: 2 });
        assert_eq!(chosen(&node), " it was there first");
        let (_, _) = node.accepted(HIGHER, run(1, 1));
        let orders = node.pass(secs(1));
        let [(other, nonce)] = pings(&orders)[..] else { panic!("{orders:?}") };
        node.frame(other, Frame::Pong { nonce });
        assert_eq!(chosen(&node), " it answered a probe and the other did not");
    }

    fn roles_have_words<S>() {
        let mut node = Node::<S>::new();
        let (known, _) = node.accepted(LOWER, run(2, 2));
        node.accepted(LOWER, run(1, 1));
        node.frame(known, Frame::Doubted);
        let text = node.mesh.explain(&LOWER).expect("known").to_string();
        assert!(text.contains("waits until the other end believes in this run"), "{text}");
        assert!(text.contains("comes from a run that is in doubt"), "{text}");
        let (first, _) = node.accepted(HIGHER, run(1, 1));
        let (second, _) = node.accepted(HIGHER, run(1, 1));
        let text = node.mesh.explain(&HIGHER).expect("known").to_string();
        assert!(text.contains(&format!("Link {second} (accepted, 10.0.0.9:7000) waits")), "{text}");
        node.pass(secs(1));
        let text = node.mesh.explain(&HIGHER).expect("known").to_string();
        assert!(text.contains(&format!("Link {first} (accepted, 10.0.0.9:7000) did not answer a probe in time")), "{text}");
        node.tell(Event::Forget { peer: HIGHER });
        let text = node.mesh.explain(&HIGHER).expect("known").to_string();
        assert!(text.contains("is ending: the session was forgotten on purpose"), "{text}");
    }
}

#[test]
fn reasons_and_refusals_are_sentences() {
    let systems = [
        (SystemError::Ended, "the other end finished the stream"),
        (SystemError::Reset, "the stream was reset"),
        (SystemError::Refused, "nobody listens there"),
        (SystemError::Unreachable, "there is no way there"),
        (SystemError::TimedOut, "no answer from the system's own timers"),
        (SystemError::Exhausted, "no room for one more"),
        (SystemError::Other(5), "error 5"),
    ];
    for (error, words) in systems {
        assert_eq!(Reason::System(error).to_string(), format!("the system said: {words}"));
    }
    let refusals = [
        (Refusal::NotListed, true, "not on the list"),
        (Refusal::WrongMesh, false, "another mesh"),
        (Refusal::WrongVersion, false, "no version in common"),
        (Refusal::Full, true, "no place left"),
    ];
    for (refusal, lasts, words) in refusals {
        assert_eq!(Reason::Refused(refusal).to_string(), format!("not let in: {words}"));
        assert_eq!(Reason::Refused(refusal).lasts(), lasts);
    }
    let others = [
        (Reason::Left, "the other node left"),
        (Reason::Forgotten, "the session was forgotten on purpose"),
        (Reason::Silent, "the other end did not answer in time"),
        (Reason::Superseded, "a better link took over"),
        (Reason::Duplicate, "another link carries the session already"),
        (Reason::Restarted, "a newer run of the other node is there"),
        (Reason::WrongPeer, "somebody else answered than the one that was dialed"),
        (Reason::OwnSelf, "the node met itself"),
        (Reason::ProtocolError, "the other end broke the protocol"),
        (Reason::Idle, "nobody needed the link"),
        (Reason::Shutdown, "this node shuts down"),
        (Reason::Abandoned, "the dial was not needed any more"),
    ];
    for (reason, words) in others {
        assert_eq!(reason.to_string(), words);
        assert!(!reason.lasts());
    }
    assert_eq!(Reason::Conflict.to_string(), "one key lives twice");
    assert!(Reason::Conflict.lasts());
}

#[test]
fn what_cannot_be_done_is_said() {
    for (unable, words) in [
        (
            Unable::PeersFull { limit: 4 },
            "all 4 places for peers are held by peers that are to be kept: forget one or raise the limit",
        ),
        (Unable::TooFast { limit: 9 }, "more than 9 streams were accepted within a second"),
        (Unable::LinksFull, "the table of links is full"),
        (Unable::Unknown, "no such peer is known"),
        (Unable::OwnSelf, "that is this node itself"),
        (Unable::Leaving, "the node is leaving"),
        (Unable::NoRoom, "the window of this peer is full: wait until there is room"),
        (Unable::TooLarge { limit: 7 }, "the message is larger than 7 bytes: split it or raise the limit"),
    ] {
        assert_eq!(unable.to_string(), words);
        assert_eq!(Answer::Unable(unable).link(), Err(unable));
    }
    assert_eq!(Answer::Done.link(), Err(Unable::Unknown));
}

#[test]
fn what_became_of_a_message_is_said() {
    for (outcome, words) in [
        (Outcome::Taken, "taken"),
        (Outcome::Ended(Reason::Left), "not taken before the session ended: the other node left"),
        (Outcome::TooLarge { limit: 7 }, "not sent: the peer takes 7 bytes at most"),
        (Outcome::NoRoom, "not sent: the window of this peer was full"),
    ] {
        assert_eq!(outcome.to_string(), words);
    }
}

#[test]
fn names_have_a_short_and_a_long_form() {
    assert_eq!(format!("{ME:?}"), "q5zs2pg9");
    assert_eq!(ME.to_string(), "meshnode1q5zs2pg9q5zs2pg9q5zs2pg9q5zs2pg9q5zs2pg9q5zs2pg9q5zszgwyaf");
    assert_eq!(ME.as_bytes(), &[5; 32]);
    let mut node = Node::<mesh_proto::Heap>::new();
    let link = node.incoming(1);
    assert_eq!(
        (link.to_string(), format!("{link:?}"), link.serial()),
        ("#1".to_string(), "#1".to_string(), 1)
    );
    assert_eq!(format!("{:?}", mesh_proto::LinkTag::new(255)), "~ff");
    assert_eq!(format!("{:?}", mesh_proto::Instant::from_micros(1_500_000)), "1.500000s");
    assert_eq!(Route::relayed(address(1)).class, PathClass::Relayed);
}
