//! What a session is, where it begins and what its end leaves (R13).

use alloc::vec::Vec;

use mesh_proto::storage::Storage;
use mesh_proto::{
    Config, Event, Fixed, Frame, Hello, Instant, Lane, LaneMarks, LinkId, Marks, Message, Now, OnRestart,
    Outcome, PerLane, Reason, Standing, SystemError, Taken, Takes, Welcome, Window,
};

use crate::delivery::*;
use crate::node::*;
use crate::on_both;

/// What became of messages, by their tokens.
fn settled(orders: &[Order]) -> Vec<(u64, Outcome)> {
    let outcome = |order: &Order| {
        if let Order::Settled(_, token, outcome) = order { Some((*token, *outcome)) } else { None }
    };
    orders.iter().filter_map(outcome).collect()
}

/// The messages that are handed out.
fn delivered(orders: &[Order]) -> usize {
    orders.iter().filter(|order| matches!(order, Order::Deliver(..))).count()
}

/// A welcome that knows of the node's session.
fn answer(birth: u64, marks: Marks) -> Frame<'static> {
    let meant = Some((run(3, 33), 1));
    Frame::Welcome(Welcome { hello: Hello { birth, meant, marks, ..hello(run(1, 1)) }, doubt: false }.into())
}

impl<S: Storage> Node<S> {
    /// A session in which a message went out, and one waits for room on the link.
    fn half_sent(&mut self, waits: Message<'_>) -> LinkId {
        let (link, _) = self.accepted(HIGHER, run(1, 1));
        self.send(HIGHER, &[plain(3).with_receipt(1)]);
        assert_eq!(self.room(link, 35), [Order::Send(link, piece(0, 0, 3, 3))]);
        assert_eq!(self.send(HIGHER, &[waits]), []);
        link
    }
}

on_both! {
    fn r13_what_never_went_out_waits_if_the_other_end_began_a_new_session<S>() {
        let mut node = Node::<S>::new();
        node.half_sent(plain(4).with_receipt(2));
        let meant = Some((run(3, 33), 1));
        let (second, _, mut orders) = node.accept(HIGHER, Hello { birth: 2, meant, ..hello(run(1, 1)) });
        orders.extend(node.room(second, 1000));
        assert_eq!(settled(&orders), [(1, Outcome::Ended(Reason::Forgotten))]);
        assert_eq!(sent(&orders), [(second, piece(0, 0, 4, 4))], "the first of the new session");
    }

    fn r13_what_never_went_out_waits_if_it_crossed_the_end_of_an_idle_session<S>() {
        let mut node = Node::<S>::with(Config { idle_after: Some(secs(60)), ..config() });
        let (link, _) = node.accepted(LOWER, run(1, 1));
        assert_eq!(node.live(secs(60)).last(), Some(&Order::Send(link, Frame::Close(Reason::Idle))));
        assert_eq!(node.send(LOWER, &[plain(4).with_receipt(2)]), []);
        assert_eq!(node.frame(link, Frame::Close(Reason::Idle)), [Order::Close(link, Reason::Idle)]);
        let (second, _, mut orders) = node.accept(LOWER, Hello { birth: 2, ..hello(run(1, 1)) });
        orders.extend(node.room(second, 1000));
        assert_eq!(sent(&orders), [(second, piece(0, 0, 4, 4))]);
    }

    fn r13_what_waits_for_a_session_that_never_comes_is_reported<S>() {
        let ended = [(2, Outcome::Ended(Reason::Silent))];
        let mut node = Node::<S>::with(Config { idle_after: Some(secs(60)), ..config() });
        let (link, _) = node.accepted(LOWER, run(1, 1));
        node.live(secs(60));
        assert_eq!(node.send(LOWER, &[plain(4).with_receipt(2)]), []);
        node.frame(link, Frame::Close(Reason::Idle));
        assert_eq!(settled(&node.pass(config().pause_first)), ended);
        assert_eq!(node.view(LOWER).standing, Standing::Down { reason: Some(Reason::Idle) });

        let mut node = Node::<S>::new();
        let again = Message { on_restart: OnRestart::SendAgain, ..plain(4).with_receipt(2) };
        let link = node.half_sent(again);
        node.frame(link, Frame::Close(Reason::Restarted));
        let both = [(1, Outcome::Ended(Reason::Restarted)), (2, Outcome::Ended(Reason::Silent))];
        assert_eq!(settled(&node.pass(config().pause_first)), both);
    }

    fn r13_a_peer_that_leaves_gets_nothing_of_that_session<S>() {
        for on_restart in [OnRestart::Report, OnRestart::SendAgain] {
            let mut node = Node::<S>::new();
            let link = node.half_sent(Message { on_restart, ..plain(4).with_receipt(2) });
            let ended = Outcome::Ended(Reason::Left);
            assert_eq!(settled(&node.frame(link, Frame::Close(Reason::Left))), [(1, ended), (2, ended)]);
        }
    }

    fn r13_a_restart_reports_what_never_went_out_too<S>() {
        let mut node = Node::<S>::new();
        node.half_sent(plain(4).with_receipt(2));
        let (_, _, orders) = node.accept(HIGHER, hello(run(2, 2)));
        let ended = Outcome::Ended(Reason::Restarted);
        assert_eq!(settled(&orders), [(1, ended), (2, ended)]);
    }

    fn r13_what_is_sent_between_two_sessions_is_for_the_run_that_comes<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        node.frame(link, Frame::Close(Reason::Left));
        assert_eq!(node.send(HIGHER, &[plain(4).with_receipt(2)]), []);
        let (second, _, mut orders) = node.accept(HIGHER, hello(run(2, 2)));
        orders.extend(node.room(second, 1000));
        assert_eq!(settled(&orders), []);
        assert_eq!(sent(&orders), [(second, piece(0, 0, 4, 4))]);
    }

    fn r13_what_is_sent_again_and_what_is_reported_may_stand_in_any_order<S>() {
        let mut node = Node::<S>::new();
        node.up(HIGHER);
        let again = |len| Message { on_restart: OnRestart::SendAgain, ..plain(len) };
        node.send(HIGHER, &[again(1), plain(2).with_receipt(2), again(3), plain(4).with_receipt(4)]);
        let (second, _, mut orders) = node.accept(HIGHER, hello(run(2, 2)));
        orders.extend(node.room(second, 1000));
        let ended = Outcome::Ended(Reason::Restarted);
        assert_eq!(settled(&orders), [(2, ended), (4, ended)]);
        assert_eq!(sent(&orders), [(second, piece(0, 0, 1, 1)), (second, piece(1, 0, 3, 3))]);
    }

    fn r13_another_link_changes_nothing_while_the_first_carries_the_session<S>() {
        let mut node = Node::<S>::new();
        let first = node.up(HIGHER);
        node.send(HIGHER, &[plain(3)]);
        let (second, _, _) = node.accept(HIGHER, hello(run(1, 1)));
        assert_eq!(sent(&node.room(second, 1000)), []);
        assert_eq!(sent(&node.send(HIGHER, &[plain(4)])), [(first, piece(1, 0, 4, 4))]);
    }

    fn r13_what_waits_goes_out_on_the_link_that_carries_the_session_by_then<S>() {
        let mut node = Node::<S>::new();
        let links = [node.up(HIGHER), node.up(HIGHER)];
        let now = Now::single(Instant::START.after(node.now));
        // The driver stops before it has carried anything out, and comes back when the first link is suspect.
        drop(node.mesh.handle(now, Event::Send { peer: HIGHER, messages: [plain(3)].as_slice().into() }));
        assert_eq!(sent(&node.pass(secs(1))), [(links[1], piece(0, 0, 3, 3))]);
    }

    fn r13_what_went_out_in_doubt_goes_out_again<S>() {
        let mut node = Node::<S>::new();
        let link = node.up(HIGHER);
        node.send(HIGHER, &[plain(3)]);
        node.frame(link, Frame::Doubted);
        assert_eq!(sent(&node.send(HIGHER, &[plain(4)])), []);
        let orders = node.frame(link, Frame::Cleared { birth: 1 });
        assert_eq!(sent(&orders), [(link, piece(0, 0, 3, 3)), (link, piece(1, 0, 4, 4))]);
    }

    fn r13_what_comes_in_doubt_is_not_of_the_session<S>() {
        let mut node = Node::<S>::new();
        let (known, _) = node.accepted(LOWER, run(2, 2));
        let (doubtful, _, _) = node.accept(LOWER, hello(run(1, 1)));
        assert_eq!(node.frame(doubtful, piece(0, 0, 5, 5)), []);
        node.frame(doubtful, Frame::Pong { nonce: 1 });
        let orders = node.pass(secs(1));
        assert_eq!(closes(&orders), [(known, Reason::Restarted)]);
        assert_eq!(node.frame(doubtful, piece(0, 0, 5, 5)), [], "it was sent before the doubt was known to be over");
        node.frame(doubtful, Frame::Cleared { birth: 1 });
        assert_eq!(delivered(&node.frame(doubtful, piece(0, 0, 5, 5))), 1);
        assert_eq!(node.mesh.stats().duplicates, 0);
    }

    fn r13_a_link_that_was_made_for_an_earlier_session_is_closed<S>() {
        let mut node = Node::<S>::new();
        let (known, _) = node.accepted(LOWER, run(2, 2));
        let (ours, _) = node.greet(LOWER, 1);
        let (doubtful, _, _) = node.accept(LOWER, hello(run(1, 1)));
        node.tell(Event::Closed { link: known, error: SystemError::Reset });
        let orders = node.frame(doubtful, Frame::Pong { nonce: 1 });
        assert!(orders.contains(&Order::Send(doubtful, Frame::Cleared { birth: 2 })), "{orders:?}");
        assert_eq!(closes(&node.welcome(ours, run(1, 1))), [(ours, Reason::Forgotten)]);
        assert_eq!(node.carrier(LOWER), Some(doubtful));
    }

    fn r13_a_welcome_of_a_later_session_contradicts_nothing<S>() {
        let mut node = Node::<S>::new();
        let first = node.up(HIGHER);
        node.send(HIGHER, &[plain(100)]);
        node.frame(first, Frame::Marks(marks(at(0, 40), 0)));
        let (second, _) = node.greet(HIGHER, 8);
        let orders = node.frame(second, answer(2, marks(at(0, 0), 0)));
        assert_eq!(closes(&orders), [(first, Reason::Forgotten)]);
        assert_eq!(node.carrier(HIGHER), Some(second));
    }

    fn r13_what_is_left_of_the_old_run_is_taken_before_what_the_new_one_sent<S>() {
        let mut node = Node::<S>::with(Config { taken: Taken::WhenSaid, ..config() });
        let first = node.up(HIGHER);
        node.frame(first, piece(0, 0, 50, 50));
        let (second, _) = node.accepted(HIGHER, run(2, 2));
        node.frame(second, piece(0, 0, 60, 60));
        let told = |taken, open| {
            let lanes = PerLane { ordinary: LaneMarks { received: at(1, 0), taken }, ..PerLane::default() };
            [Order::Send(second, Frame::Marks(Marks { lanes, open }))]
        };
        let whole = config().limits.window;
        let took = |serial| Event::Took { peer: HIGHER, lane: Lane::Ordinary, serial };
        assert_eq!(node.tell(took(1)), told(0, whole), "the window is whole again");
        assert_eq!(node.tell(took(2)), told(1, whole), "and this one is of the session");
    }
}

#[test]
fn r17_tables_in_place_that_are_small_say_how_much_they_take() {
    let mut node = Node::<Fixed<4, 20, 400, 8>>::new();
    let (_, _, orders) = node.accept(HIGHER, hello(run(1, 1)));
    let takes = orders.iter().find_map(|order| {
        let Order::Send(_, Frame::Welcome(welcome)) = order else { return None };
        Some(welcome.hello.takes)
    });
    let window = Window { bytes: 400, messages: 8 };
    assert_eq!(takes, Some(Takes { message: 200, record: 512, window }), "a largest one of each lane fits");
}
