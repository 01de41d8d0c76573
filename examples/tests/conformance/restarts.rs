//! Nodes that end without a word, and come again.

use core::time::Duration;

use mesh_proto::{Config, Reason, Standing};

use crate::looking::{agree, ended, is_up};
use crate::member::{CALM, EVERYWHERE, Member, Node, own_group};
use crate::pairs::{Pair, meet};
use crate::waiting::{next, until};

cases! {
    s4_a_killed_dialer_comes_again,
    o24_a_killed_acceptor_comes_again,
    s14_killed_and_started_again_and_again,
    m16_a_restart_that_only_an_announcement_tells,
    a_restart_is_found_by_the_one_that_stays,
}

/// Whether this run of a peer is the one that there is a session with.
fn knows(node: &Node, peer: &Node) -> bool {
    let standing = node.peer(peer.me()).map(|peer| peer.standing);
    matches!(standing, Some(Standing::Up { incarnation, .. }) if incarnation == peer.member().run)
}

/// The one that was dialed still holds the old link.
fn s4_a_killed_dialer_comes_again(pair: Pair) {
    let (a, b) = pair.start();
    let relay = b.behind_relay();
    a.keep((b.me(), relay.address())).expect("there is room");
    meet(&a, &b);
    assert_eq!(relay.swallow(), 1);
    let next_run = a.member().next_run();
    drop(a);
    assert!(is_up(&b, next_run.identity.id()), "nothing tells that it is gone");

    let a = next_run.start(pair.dialer);
    a.keep((b.me(), relay.address())).expect("there is room");
    meet(&a, &b);
    until("the new run is taken", || knows(&b, &a) && agree(&a, &b));
    assert_eq!(ended(&b), [Reason::Restarted]);
    assert_eq!(b.stats().refused, 0);
    b.try_send(a.me(), "welcome").expect("it is known");
    assert_eq!(next(&a).body[..], b"welcome"[..]);
}

/// The one that dialed still holds the old link, so it does not dial.
fn o24_a_killed_acceptor_comes_again(pair: Pair) {
    let (a, b) = pair.start();
    let relay = b.behind_relay();
    a.keep((b.me(), relay.address())).expect("there is room");
    meet(&a, &b);
    assert_eq!(relay.swallow(), 1);
    let next_run = b.member().next_run();
    drop(b);

    let b = next_run.start(pair.acceptor);
    b.keep((a.me(), a.address())).expect("there is room");
    meet(&a, &b);
    until("the new run is taken", || knows(&a, &b) && agree(&a, &b));
    assert_eq!(ended(&a), [Reason::Restarted]);
    a.try_send(b.me(), "welcome").expect("it is known");
    assert_eq!(next(&b).body[..], b"welcome"[..]);
}

fn s14_killed_and_started_again_and_again(pair: Pair) {
    let (mut a, b) = pair.connected();
    for _ in 0..5 {
        let next_run = a.member().next_run();
        drop(a);
        a = next_run.start(pair.dialer);
        a.keep((b.me(), b.address())).expect("there is room");
        meet(&a, &b);
        until("the new run is taken", || knows(&b, &a) && agree(&a, &b));
    }
    assert_eq!((b.stats().refused, b.stats().conflicts, b.stats().dials), (0, 0, 0));
}

fn m16_a_restart_that_only_an_announcement_tells(pair: Pair) {
    let group = own_group();
    let everywhere = Member { listens: Some(EVERYWHERE), ..Member::calm() };
    // Nobody can dial the one that stays: it has to do something itself.
    let stays = Member { listens: None, ..Member::calm().announcing_in(group) };
    let (a, b) = pair.start_as(stays, everywhere);
    let relay = b.behind_relay();
    a.keep((b.me(), relay.address())).expect("there is room");
    meet(&a, &b);
    assert_eq!(relay.swallow(), 1);
    let next_run = b.member().next_run().announcing_in(group);
    drop(b);
    relay.lead_to(None);

    let b = next_run.start(pair.acceptor);
    relay.lead_to(Some(b.address()));
    until("the new run is found", || knows(&a, &b) && is_up(&b, a.me()));
    until("one link is left", || agree(&a, &b));
}

fn a_restart_is_found_by_the_one_that_stays(pair: Pair) {
    let dials = Config { detect_within: CALM, dial_within: Duration::from_secs(1), ..Member::calm().config };
    let (a, b) = pair.start_as(Member { config: dials, ..Member::calm() }, Member::calm());
    let relay = b.behind_relay();
    a.keep((b.me(), relay.address())).expect("there is room");
    meet(&a, &b);
    let next_run = b.member().next_run();
    relay.lead_to(None);
    drop(b);
    until("it is seen", || !is_up(&a, next_run.identity.id()));
    a.try_send(next_run.identity.id(), "for the next run").expect("it is known");
    let b = next_run.start(pair.acceptor);
    relay.lead_to(Some(b.address()));
    meet(&a, &b);
    assert!(knows(&a, &b));
}
