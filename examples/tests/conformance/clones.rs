//! Two nodes with one identity, and nodes of another mesh.

use adapter_std::platform::entropy;
use mesh_proto::wire::MeshSecret;
use mesh_proto::{Dialing, Incarnation, Reason};

use crate::flow::Flow;
use crate::looking::{are_up, dialing, down, is_up, link};
use crate::member::{Member, Node};
use crate::pairs::Pair;
use crate::waiting::until;

cases! {
    s12_a_clone_of_the_same_run,
    s12_a_clone_that_began_later,
    o11_another_secret,
}

fn names_the_conflict(node: &Node, peer: &Node) -> bool {
    node.peer(peer.me()).is_some_and(|peer| peer.conflict)
}

fn rests(node: &Node, peer: &Node) -> bool {
    matches!(dialing(node, peer.me()), Some(Dialing::PausedFor(_)))
}

/// A restored snapshot: the same number of the run, other random bits.
fn s12_a_clone_of_the_same_run(pair: Pair) {
    let (real, host) = pair.connected();
    let before = (link(&real, host.me()), link(&host, real.me()));
    let bits = entropy::incarnation(0).expect("the system has entropy").bits;
    let run = Incarnation::new(real.member().run.start, bits);
    let twin = Member { run, ..real.member().clone() }.start(pair.dialer);
    Flow::during(&real, &host, |flow| {
        twin.keep((host.me(), host.address())).expect("there is room");
        until("the clone is named and rests", || names_the_conflict(&twin, &host) && rests(&twin, &host));
        flow.goes_on(20);
    });
    assert!(names_the_conflict(&host, &twin));
    assert_eq!(down(&twin, host.me()), Some(Reason::Conflict));
    assert!(twin.stats().dials <= 3, "no storm");
    assert_eq!((link(&real, host.me()), link(&host, real.me())), before, "the one that was there stays");
    assert_eq!((real.stats().dials, host.stats().dials), (1, 0));
}

/// It is taken for a restart, until the one before it turns out to be alive.
fn s12_a_clone_that_began_later(pair: Pair) {
    let (real, host) = pair.connected();
    let twin = real.member().next_run().start(pair.dialer);
    twin.keep((host.me(), host.address())).expect("there is room");
    until("the older one is named and rests", || names_the_conflict(&real, &host) && rests(&real, &host));
    until("the younger one is up", || are_up(&twin, &host));
    assert!(names_the_conflict(&host, &twin));
    assert!(real.stats().dials + twin.stats().dials <= 6, "no storm");
    let kept = link(&twin, host.me());
    Flow::during(&twin, &host, |flow| flow.goes_on(20));
    assert_eq!(link(&twin, host.me()), kept, "nothing flaps");
}

fn o11_another_secret(pair: Pair) {
    let (a, b) = pair.connected();
    let before = (link(&a, b.me()), link(&b, a.me()));
    let stranger = Member { secret: MeshSecret::new([8; 32]), ..Member::calm() }.start(pair.dialer);
    Flow::during(&a, &b, |flow| {
        stranger.keep((b.me(), b.address())).expect("there is room");
        until("it tries again", || stranger.stats().dials >= 3);
        flow.goes_on(10);
    });
    assert!(!is_up(&stranger, b.me()));
    assert!(b.peer(stranger.me()).is_none(), "it proved nothing, and is nobody");
    let explained = stranger.explain(b.me()).expect("it is kept");
    assert!(explained.failures >= 2, "{explained}");
    assert!(down(&stranger, b.me()).is_some(), "why is told");
    assert_eq!((link(&a, b.me()), link(&b, a.me())), before);
}
