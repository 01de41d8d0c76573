//! Many peers at once.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use adapter_std::handle::{Happening, Happenings};
use mesh_proto::{Config, Limits, LinkId, Side};

use crate::looking::{agree, are_up, is_up};
use crate::member::Member;
use crate::pairs::Pair;
use crate::waiting::{already, next, until};

cases! {
    x8_fifty_peers_return_at_once,
}

const PEERS: usize = 50;
const DIALS: u32 = 6;

/// How many dialed streams of a node were open at once, and not yet let in.
struct UnderWay {
    happenings: Happenings,
    now: BTreeSet<LinkId>,
    peak: usize,
}

impl UnderWay {
    /// Counts what has happened since it was asked last.
    fn count(&mut self) {
        while let Some(Some(happened)) = already(self.happenings.next()) {
            assert_eq!(happened.missed, 0, "it looks often enough");
            if let Happening::LinkOpened { link, side: Side::Dialed, .. } = happened.what {
                self.now.insert(link);
            } else if let Happening::LinkUp { link, .. } | Happening::LinkClosed { link, .. } = happened.what
            {
                self.now.remove(&link);
            }
            self.peak = self.peak.max(self.now.len());
        }
    }
}

fn x8_fifty_peers_return_at_once(pair: Pair) {
    let modest = Member::calm();
    let limits = Limits { dials_in_flight: DIALS, ..Limits::default() };
    let modest = Member { config: Config { limits, ..modest.config }, ..modest };
    let hub = modest.start(pair.acceptor);
    let relay = hub.behind_relay();
    let engine = Arc::new(pair.dialer.begin().expect("there is room"));
    let peers: Vec<_> = (0..PEERS).map(|_| Member::calm().start_on(&engine)).collect();
    let mut dials = UnderWay { happenings: hub.happenings(), now: BTreeSet::new(), peak: 0 };
    for peer in &peers {
        peer.keep((hub.me(), relay.address())).expect("there is room");
        hub.keep((peer.me(), peer.address())).expect("there is room");
    }
    let mut all_are_up = |what| {
        until(what, || {
            dials.count();
            peers.iter().all(|peer| are_up(peer, &hub))
        });
    };
    all_are_up("all have come");
    relay.cut();
    all_are_up("all are back");
    let peak = dials.peak;
    assert!((1..=DIALS as usize).contains(&peak), "{peak} dials at once");
    until("one link each is left", || peers.iter().all(|peer| agree(peer, &hub)));
    assert_eq!(hub.send_all("welcome"), Ok(PEERS as u32));
    for peer in &peers {
        assert_eq!(next(peer).body[..], b"welcome"[..]);
        assert!(is_up(&hub, peer.me()));
    }
}
