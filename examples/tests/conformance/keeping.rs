//! Whom a node keeps, and whom it does not.

use adapter_std::handle::{Contact, SendError};
use mesh_proto::{Dialing, Reason, Refusal, Unable};

use crate::looking::{agree, dialing, down, is_up, link};
use crate::member::{Member, own_group};
use crate::pairs::{Pair, meet};
use crate::waiting::{next, until, within};

cases! {
    keep_by_address,
    keep_by_id_and_address,
    keep_by_name,
    keep_by_name_and_id,
    keep_by_id_waits_for_an_address,
    another_than_was_expected_is_no_peer,
    who_listens_nowhere_still_dials,
    keeping_oneself_is_refused,
    forget_ends_the_session,
    forget_an_address,
    forget_a_name,
    expel_turns_away_until_kept_again,
    a_node_that_has_ended_keeps_nobody,
    discovery_finds_each_other,
}

fn keep_by_address(pair: Pair) {
    let (a, b) = pair.start();
    a.keep(b.address()).expect("there is room");
    meet(&a, &b);
    let (here, there) = (a.peer(b.me()).expect("it is known"), b.peer(a.me()).expect("it is known"));
    assert_eq!((here.kept_here, here.kept_there), (true, false));
    assert_eq!((there.kept_here, there.kept_there), (false, true));
    assert!(agree(&a, &b));
}

fn keep_by_id_and_address(pair: Pair) {
    let (a, b) = pair.start();
    a.keep((b.me(), b.address())).expect("there is room");
    // It is known from now on, before there is a link.
    a.try_send(b.me(), "early").expect("it is known");
    assert_eq!(next(&b).body[..], b"early"[..]);
    meet(&a, &b);
}

fn keep_by_name(pair: Pair) {
    let (a, b) = pair.start();
    a.keep(Contact::named(format!("localhost:{}", b.address().port()))).expect("there is room");
    meet(&a, &b);
}

fn keep_by_name_and_id(pair: Pair) {
    let (a, b) = pair.start();
    let text = format!("{}@localhost:{}", b.me(), b.address().port());
    a.keep(text.parse::<Contact>().expect("it is one")).expect("there is room");
    meet(&a, &b);
}

fn keep_by_id_waits_for_an_address(pair: Pair) {
    let (a, b) = pair.start();
    a.keep(b.me()).expect("there is room");
    assert_eq!(dialing(&a, b.me()), Some(Dialing::NoAddress));
    a.keep((b.me(), b.address())).expect("there is room");
    meet(&a, &b);
}

fn another_than_was_expected_is_no_peer(pair: Pair) {
    let (a, b) = pair.start();
    let another = Member::calm().identity.id();
    a.keep((another, b.address())).expect("there is room");
    until("it is told", || down(&a, another) == Some(Reason::WrongPeer));
    assert!(!is_up(&a, another));
}

fn who_listens_nowhere_still_dials(pair: Pair) {
    let (a, b) = pair.connected_as(Member { listens: None, ..Member::calm() }, Member::calm());
    assert_eq!(a.addresses(), []);
    b.try_send(a.me(), "back").expect("it is known");
    assert_eq!(next(&a).body[..], b"back"[..]);
}

fn keeping_oneself_is_refused(pair: Pair) {
    let (a, b) = pair.start();
    for node in [&a, &b] {
        assert_eq!(node.keep(node.me()).expect_err("that is itself").why(), Unable::OwnSelf);
        // By an address it is found out when it answers.
        node.keep(node.address()).expect("there is room");
    }
    a.keep(b.address()).expect("there is room");
    meet(&a, &b);
    until("it has met itself", || [&a, &b].iter().all(|node| node.stats().met_self > 0));
    assert_eq!((a.peers().len(), b.peers().len()), (1, 1));
}

fn forget_ends_the_session(pair: Pair) {
    let (a, b) = pair.connected();
    a.forget(b.me()).expect("it is known");
    until("the other end is told", || down(&b, a.me()) == Some(Reason::Forgotten));
    until("it is down here too", || !is_up(&a, b.me()));
    assert_eq!(dialing(&a, b.me()).unwrap_or(Dialing::NotNeeded), Dialing::NotNeeded);
    // It may come again, and nobody has dialed in between.
    b.keep((a.me(), a.address())).expect("there is room");
    meet(&b, &a);
    assert_eq!((a.stats().dials, b.stats().dials), (1, 1));
}

fn forget_an_address(pair: Pair) {
    let (a, b) = pair.start();
    a.keep(b.address()).expect("there is room");
    meet(&a, &b);
    a.forget(b.address()).expect("it is known");
    until("it is kept no more", || a.peer(b.me()).is_none_or(|peer| !peer.kept_here));
}

fn forget_a_name(pair: Pair) {
    let (a, b) = pair.start();
    let name = Contact::named(format!("localhost:{}", b.address().port()));
    a.keep(name.clone()).expect("there is room");
    meet(&a, &b);
    a.forget(name.expecting(b.me())).expect("it is known");
    until("the other end is told", || down(&b, a.me()) == Some(Reason::Forgotten));
    assert!(a.peer(b.me()).is_none_or(|peer| !peer.kept_here));
}

fn expel_turns_away_until_kept_again(pair: Pair) {
    let (a, b) = pair.connected();
    b.expel(a.me());
    let refused = Some(Reason::Refused(Refusal::NotListed));
    until("it is told", || down(&a, b.me()) == refused);
    until("it stays away", || matches!(dialing(&a, b.me()), Some(Dialing::PausedFor(_))));
    // Dialed on purpose, it is turned away again.
    let links = a.stats().ended;
    a.seek(b.me(), Some(b.address())).expect("there is room");
    until("it tried", || a.stats().ended > links);
    assert_eq!(down(&a, b.me()), refused);
    b.keep((a.me(), a.address())).expect("there is room");
    meet(&a, &b);
}

fn a_node_that_has_ended_keeps_nobody(pair: Pair) {
    let (a, b) = pair.connected();
    a.end();
    assert_eq!(a.keep((b.me(), b.address())).expect_err("it has ended").why(), Unable::Leaving);
    assert_eq!(within("it is told", a.send(b.me(), "late")), Err(SendError::Leaving));
    until("the other end sees it", || link(&b, a.me()).is_none());
}

fn discovery_finds_each_other(pair: Pair) {
    let group = own_group();
    let member = || Member::calm().announcing_in(group);
    let (a, b) = pair.start_as(member(), member());
    meet(&a, &b);
    until("one link is left", || agree(&a, &b));
}
