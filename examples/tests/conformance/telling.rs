//! What a node tells of its peers, its links and itself.

use adapter_std::handle::{Change, Happening, Mesh};
use futures_util::StreamExt;
use mesh_proto::{Chosen, Dialing, Reason, Role, Side, Standing};

use crate::looking::{agree, down, ends, happened, is_up, link};
use crate::pairs::{Pair, meet};
use crate::waiting::{PATIENCE, already, until, within};

cases! {
    watch_tells_what_holds_and_then_each_change,
    a_watch_that_lags_is_told_how_much_it_missed,
    happenings_tell_the_life_of_a_link,
    happenings_that_are_read_late_tell_what_is_missing,
    explain_says_why,
    stats_count,
    addresses_can_be_dialed,
    peers_lists_each_once,
    wake_probes_and_changes_nothing,
}

fn watch_tells_what_holds_and_then_each_change(pair: Pair) {
    let (a, b) = pair.connected();
    let mut watch = b.watch();
    let first = within("what holds", watch.next()).expect("the node lives").peer;
    assert_eq!(Some(first), b.peer(a.me()));
    assert!(matches!(first.standing, Standing::Up { incarnation, .. } if incarnation == a.member().run));
    assert_eq!(already(watch.next()), None, "nothing changes");
    // Nobody keeps it there, so nothing but this changes.
    within("it leaves", a.leave(PATIENCE));
    let mut told = first;
    while told.standing != (Standing::Down { reason: Some(Reason::Left) }) {
        let change = within("a change", watch.next()).expect("the node lives");
        assert_eq!(change.peer.id, a.me());
        assert_ne!(change.peer, told, "each tells something new");
        told = change.peer;
    }
    b.end();
    assert_eq!(within("it ends", watch.count()), 0);
}

/// How many changes a reader was told of, or told that it missed.
fn changes(told: &[Change]) -> u64 {
    told.iter().map(|change| 1 + change.missed).sum()
}

fn a_watch_that_lags_is_told_how_much_it_missed(pair: Pair) {
    const ROUNDS: u32 = 5;
    let (a, b) = pair.start();
    let (eager, lags) = (a.watch(), a.watch());
    let eager = std::thread::scope(|scope| {
        let eager = scope.spawn(|| within("the node ends", eager.collect::<Vec<_>>()));
        for _ in 0..ROUNDS {
            a.keep((b.me(), b.address())).expect("there is room");
            meet(&a, &b);
            a.forget(b.me()).expect("it is known");
            until("both know", || !is_up(&a, b.me()) && !is_up(&b, a.me()));
        }
        a.end();
        eager.join().expect("it does not panic")
    });
    let lags = within("the node has ended", lags.collect::<Vec<_>>());
    assert_eq!(changes(&eager), changes(&lags), "each change is told, or told to be missing");
    assert_eq!(eager.last().map(|change| change.peer), lags.last().map(|change| change.peer));
    assert!(changes(&eager) >= u64::from(2 * ROUNDS));
    assert_eq!(lags.len(), 1, "one peer, as it is now");
}

fn happenings_tell_the_life_of_a_link(pair: Pair) {
    let (a, b) = pair.connected();
    let (at_a, at_b) = (link(&a, b.me()).expect("it is up"), link(&b, a.me()).expect("it is up"));
    let (here, there) = ends(&a, at_a).expect("it was told");
    assert_eq!(ends(&b, at_b), Some((there, here)), "one stream, seen from both ends");
    assert_eq!(there, b.address());
    let mut live = b.happenings();
    a.forget(b.me()).expect("it is known");
    let closed = within("it is told", live.next()).expect("the node lives");
    assert_eq!(closed.missed, 0);
    let mut awaited = vec![
        Happening::LinkUp { link: at_b, peer: a.me() },
        Happening::LinkClosed {
            link: at_b,
            peer: Some(a.me()),
            side: Side::Accepted,
            remote: Some(here),
            local: Some(there),
            class: mesh_proto::PathClass::Direct,
            reason: Reason::Forgotten,
        },
    ];
    assert_eq!(Some(&closed.what), awaited.last());
    let opened = Happening::LinkOpened {
        link: at_b,
        side: Side::Accepted,
        remote: Some(here),
        local: Some(there),
        class: mesh_proto::PathClass::Direct,
    };
    awaited.insert(0, opened);
    assert_eq!(happened(&b), awaited);
}

fn happenings_that_are_read_late_tell_what_is_missing(pair: Pair) {
    const WAKES: u64 = 1_500;
    let (a, _b) = pair.connected();
    let late = a.happenings();
    for _ in 0..WAKES {
        a.wake();
    }
    a.end();
    let told: Vec<_> = within("the node has ended", late.collect());
    let first = told.first().expect("the newest are kept");
    assert!(first.missed >= WAKES - 1024);
    assert!(told.iter().skip(1).all(|happened| happened.missed == 0));
    assert!(told.len() as u64 + first.missed >= WAKES);
}

fn explain_says_why(pair: Pair) {
    let (a, b) = pair.connected();
    let (here, there) = (a.explain(b.me()).expect("it is known"), b.explain(a.me()).expect("it is known"));
    assert_ne!(here.decides_here, there.decides_here);
    assert_eq!(here.decides_here, a.me() < b.me());
    assert_eq!((here.chosen, there.chosen), (Chosen::Only, Chosen::Only));
    assert_eq!((here.dialing, there.dialing), (Dialing::NotNeeded, Dialing::NoAddress));
    assert_eq!((here.links.len(), there.links.len()), (1, 1));
    assert_eq!((here.links[0].role, here.links[0].side), (Role::Carrying, Side::Dialed));
    assert_eq!((there.links[0].role, there.links[0].side), (Role::Carrying, Side::Accepted));
    assert_eq!(here.links[0].remote, Some(b.address()));
    assert!(here.to_string().contains("carr"), "{here}");
    a.forget(b.me()).expect("it is known");
    until("both know", || down(&b, a.me()).is_some());
    let there = b.explain(a.me()).expect("it is known");
    let past = there.past.last().expect("it is remembered");
    assert_eq!((past.reason, past.admitted), (Reason::Forgotten, true));
    assert!(a.explain(crate::member::Member::calm().identity.id()).is_none());
}

fn stats_count(pair: Pair) {
    let (a, b) = pair.connected();
    let (here, there) = (a.stats(), b.stats());
    assert_eq!((here.dials, there.dials), (1, 0));
    assert_eq!((here.ended, there.ended), (0, 0));
    assert_eq!((here.refused, here.protocol_errors, here.gaps), (0, 0, 0));
    a.forget(b.me()).expect("it is known");
    until("both count it", || (a.stats().ended, b.stats().ended) == (1, 1));
}

fn addresses_can_be_dialed(pair: Pair) {
    let everywhere = "0.0.0.0:0".parse().expect("an address");
    let member = crate::member::Member { listens: Some(everywhere), ..crate::member::Member::calm() };
    let (a, b) = pair.start_as(crate::member::Member::calm(), member);
    let addresses = b.addresses();
    assert!(addresses.iter().all(|address| address.port() != 0 && !address.ip().is_unspecified()));
    let address = *addresses.first().expect("there is an interface");
    a.keep((b.me(), address)).expect("there is room");
    meet(&a, &b);
}

fn peers_lists_each_once(pair: Pair) {
    let (a, b) = pair.connected();
    b.keep((a.me(), a.address())).expect("there is room");
    let ids = |mesh: &Mesh| mesh.peers().into_iter().map(|peer| peer.id).collect::<Vec<_>>();
    assert_eq!((ids(&a), ids(&b)), (vec![b.me()], vec![a.me()]));
    let kept = |mesh: &Mesh| mesh.peers().iter().all(|peer| peer.kept_here);
    assert!(kept(&a) && kept(&b));
}

fn wake_probes_and_changes_nothing(pair: Pair) {
    let (a, b) = pair.connected();
    let before = (link(&a, b.me()), link(&b, a.me()));
    let (probes, mut happenings) = (a.stats().probes, a.happenings());
    a.wake();
    let woke = within("it is told", happenings.next()).expect("the node lives").what;
    assert!(matches!(woke, Happening::Woke(_)), "{woke:?}");
    assert_eq!(a.stats().wakes, 1);
    assert!(a.stats().probes > probes, "each peer is asked");
    a.try_send(b.me(), "still there").expect("it is known");
    assert_eq!(crate::waiting::next(&b).body[..], b"still there"[..]);
    assert_eq!((link(&a, b.me()), link(&b, a.me())), before);
    assert!(agree(&a, &b));
}
