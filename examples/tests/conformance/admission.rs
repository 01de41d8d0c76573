//! Who is let in: those on a list, or whom the program says when it is asked.

use alloc::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use adapter_std::handle::{Happening, Question};
use mesh_proto::{Reason, Refusal};

use crate::flow::Flow;
use crate::looking::{agree, down, ended, happened, is_up, link};
use crate::member::{LetsIn, Member, Node};
use crate::pairs::{Pair, meet};
use crate::waiting::{PATIENCE, until};

cases! {
    an_answer_may_come_later_and_holds,
    the_one_that_dials_asks_too,
    who_is_turned_away_stays_away,
    a_question_that_panics_is_a_refusal_and_nothing_else,
    those_on_the_list_get_in_and_others_do_not,
    the_one_that_dials_has_a_list_too,
}

const NOT_LISTED: Reason = Reason::Refused(Refusal::NotListed);

/// A member that hands on what it is asked.
fn asks() -> (Member, Receiver<Question>) {
    let (hand, questions) = channel();
    let lets_in = LetsIn::Asked(Arc::new(move |question| hand.send(question).expect("somebody answers")));
    (Member { lets_in, ..Member::calm() }, questions)
}

fn lists(listed: &[&Member]) -> Member {
    let ids = listed.iter().map(|member| member.identity.id()).collect();
    Member { lets_in: LetsIn::Listed(ids), ..Member::calm() }
}

#[track_caller]
fn asked(questions: &Receiver<Question>) -> Question {
    questions.recv_timeout(PATIENCE).expect("it is asked in time")
}

fn an_answer_may_come_later_and_holds(pair: Pair) {
    let (member, questions) = asks();
    let (a, b) = pair.start_as(Member::calm(), member);
    let relay = b.behind_relay();
    a.keep((b.me(), relay.address())).expect("there is room");
    let question = asked(&questions);
    assert_eq!(question.peer(), a.me());
    assert!(!is_up(&a, b.me()) && b.peers().is_empty(), "nobody is a peer before the answer");
    thread::spawn(move || question.let_in()).join().expect("it does not panic");
    meet(&a, &b);
    let first = link(&b, a.me());
    assert_eq!(a.stats().dials, 1, "the stream that waited is the one that is used");
    assert_eq!(relay.cut(), 1);
    until("they meet again", || is_up(&a, b.me()) && is_up(&b, a.me()) && link(&b, a.me()) != first);
    assert!(questions.try_recv().is_err(), "it is asked once");
}

fn the_one_that_dials_asks_too(pair: Pair) {
    let (member, questions) = asks();
    let (a, b) = pair.start_as(member, Member::calm());
    a.keep((b.me(), b.address())).expect("there is room");
    let question = asked(&questions);
    assert_eq!(question.peer(), b.me());
    assert!(b.peers().is_empty(), "the other end does not know who dialed before the answer");
    question.let_in();
    meet(&a, &b);
    assert!(questions.try_recv().is_err(), "it is asked once");
}

/// Whoever is refused for good says so, and does not dial again.
#[track_caller]
fn is_refused(dials: &Node, by: &Node) {
    until("it is refused", || down(dials, by.me()) == Some(NOT_LISTED));
    assert_eq!(ended(dials).last(), Some(&NOT_LISTED), "{:?}", happened(dials));
    assert!(by.peer(dials.me()).is_none(), "it never was a peer");
}

fn who_is_turned_away_stays_away(pair: Pair) {
    let (member, questions) = asks();
    let (a, b) = pair.start_as(Member::calm(), member);
    a.keep((b.me(), b.address())).expect("there is room");
    asked(&questions).turn_away();
    is_refused(&a, &b);
    // Asked for, it comes once more, and is turned away without a question.
    a.seek(b.me(), Some(b.address())).expect("there is room");
    until("it is refused again", || ended(&a) == [NOT_LISTED; 2]);
    assert!(questions.try_recv().is_err(), "it is asked once");
    assert!(!is_up(&a, b.me()));
}

fn a_question_that_panics_is_a_refusal_and_nothing_else(pair: Pair) {
    let (a, c) = (Member::calm(), Member::calm());
    let unwelcome = c.identity.id();
    let lets_in = LetsIn::Asked(Arc::new(move |question: Question| {
        assert!(question.peer() != unwelcome, "of all people");
        question.let_in();
    }));
    let (a, b) = pair.connected_as(a, Member { lets_in, ..Member::calm() });
    let c = c.start(pair.dialer);
    let before = (link(&a, b.me()), link(&b, a.me()));
    Flow::during(&a, &b, |flow| {
        c.keep((b.me(), b.address())).expect("there is room");
        is_refused(&c, &b);
        flow.goes_on(20);
    });
    assert_eq!((link(&a, b.me()), link(&b, a.me())), before, "nobody else noticed");
    let told = Happening::AdmitPanicked { peer: unwelcome, message: "of all people".to_owned() };
    assert_eq!(happened(&b).iter().filter(|what| **what == told).count(), 1, "{:?}", happened(&b));
    // The node asks on, and takes what comes.
    let d = Member::calm().start(pair.dialer);
    d.keep((b.me(), b.address())).expect("there is room");
    meet(&d, &b);
}

fn those_on_the_list_get_in_and_others_do_not(pair: Pair) {
    let (a, other) = (Member::calm(), Member::calm());
    let b = lists(&[&a]);
    let (a, b) = pair.connected_as(a, b);
    let other = other.start(pair.dialer);
    other.keep((b.me(), b.address())).expect("there is room");
    is_refused(&other, &b);
    assert!(agree(&a, &b));
}

fn the_one_that_dials_has_a_list_too(pair: Pair) {
    let (b, other) = (Member::calm(), Member::calm());
    let a = lists(&[&b]);
    let (a, b) = pair.connected_as(a, b);
    let other = other.start(pair.acceptor);
    a.keep((other.me(), other.address())).expect("there is room");
    until("it is not talked to", || ended(&a).contains(&NOT_LISTED));
    assert!(other.peers().is_empty(), "it never knew who dialed");
    assert!(!is_up(&a, other.me()));
    assert!(agree(&a, &b));
}
