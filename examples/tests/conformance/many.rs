//! Many peers at once.

use alloc::sync::Arc;

use mesh_proto::{Config, Limits, Role};

use crate::looking::{agree, are_up, is_up};
use crate::member::{Member, Node};
use crate::pairs::Pair;
use crate::waiting::{next, until};

cases! {
    x8_fifty_peers_return_at_once,
}

const PEERS: usize = 50;
const DIALS: u32 = 6;

/// How many dials of a node are under way.
fn under_way(node: &Node) -> usize {
    let of = |peer: mesh_proto::PeerView| node.explain(peer.id);
    let links = node.peers().into_iter().filter_map(of).flat_map(|explained| explained.links);
    links
        .filter(|link| link.side == mesh_proto::Side::Dialed)
        .filter(|link| matches!(link.role, Role::Dialing | Role::Shaking))
        .count()
}

fn x8_fifty_peers_return_at_once(pair: Pair) {
    let modest = Member::calm();
    let limits = Limits { dials_in_flight: DIALS, ..Limits::default() };
    let modest = Member { config: Config { limits, ..modest.config }, ..modest };
    let hub = modest.start(pair.acceptor);
    let relay = hub.behind_relay();
    let engine = Arc::new(pair.dialer.begin().expect("there is room"));
    let peers: Vec<_> = (0..PEERS).map(|_| Member::calm().start_on(&engine)).collect();
    for peer in &peers {
        peer.keep((hub.me(), relay.address())).expect("there is room");
        hub.keep((peer.me(), peer.address())).expect("there is room");
    }
    let mut peak = 0;
    let mut all_are_up = |what| {
        until(what, || {
            peak = peak.max(under_way(&hub));
            peers.iter().all(|peer| are_up(peer, &hub))
        });
    };
    all_are_up("all have come");
    relay.cut();
    all_are_up("all are back");
    assert!(peak <= DIALS as usize, "{peak} dials at once");
    until("one link each is left", || peers.iter().all(|peer| agree(peer, &hub)));
    assert_eq!(hub.send_all("welcome"), PEERS as u32);
    for peer in &peers {
        assert_eq!(next(peer).body[..], b"welcome"[..]);
        assert!(is_up(&hub, peer.me()));
    }
}
