//! What must hold between any two events, read off the tables: for tests, simulations and fuzzers.

use alloc::format;
use alloc::string::String;

use crate::machine::Mesh;
use crate::machine::peer::Rank;
use crate::message::{Lane, Window};
use crate::rules::Rules;
use crate::storage::{Index, Parcels, Storage};

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// Whether all that is counted, chained and indexed agrees with what there is, and every bound is kept.
    ///
    /// # Errors
    ///
    /// What does not agree. That is a bug in this crate.
    pub fn audit(&self) -> Result<(), String> {
        let limits = &self.config.limits;

        check(self.peers.len() <= limits.peers as usize, || format!("{} peers", self.peers.len()))?;
        check(self.links.len() as u64 <= limits.links(), || format!("{} links", self.links.len()))?;

        let mut in_flight = 0;
        let mut hinted = 0;
        let mut open = 0;
        let mut attached = 0_i64;
        for (slot, link) in self.links.iter() {
            let what = |problem: &str| format!("link {:?} at {slot:?} {problem}: {link:?}", link.id);
            check(link.id.slot() == Some(slot), || what("is not where its name says"))?;
            in_flight += u32::from(link.is_dial());
            hinted += u32::from(link.is_dial() && link.hinted);
            let half_open = link.is_half_open();
            open += usize::from(half_open);
            check(half_open == self.half_open.contains(&slot), || {
                what("is counted wrong among the half-open ones")
            })?;
            check(!link.is_admitted() || link.pulse.is_some(), || what("has no pulse"))?;
            check(!link.is_ended() || link.owes.end.is_some(), || what("ended and nobody is told"))?;
            check(!link.is_ready() || self.ready.contains(&self.links, slot), || {
                what("owes and is not ready")
            })?;
            let timed =
                link.deadline().is_none_or(|at| self.link_timers.at(slot).is_some_and(|timer| timer <= at));
            check(timed, || what("has a deadline and no timer"))?;
            match link.peer {
                Some(peer) => {
                    attached += 1;
                    let siblings = self.links_of(peer).any(|(place, _)| place == slot);
                    check(siblings, || what("is not among its peer's links"))?;
                }
                None => check(!link.is_admitted(), || what("is admitted and has no peer"))?,
            }
        }
        check(in_flight == self.budget.in_flight, || {
            format!("{in_flight} dials, {} counted", self.budget.in_flight)
        })?;
        check(hinted == self.budget.hinted, || {
            format!("{hinted} hinted dials, {} counted", self.budget.hinted)
        })?;
        check(in_flight <= limits.dials_in_flight, || format!("{in_flight} dials in flight"))?;
        check(open == self.half_open.len(), || {
            format!("{open} half-open, {} counted", self.half_open.len())
        })?;
        check(open <= limits.half_open as usize, || format!("{open} half-open"))?;

        let mut named = 0;
        let mut kept_at = 0;
        let mut by_hint = 0;
        let mut ranked = [0_usize; 3];
        for (slot, peer) in self.peers.iter() {
            let what = |problem: &str| format!("peer {:?} at {slot:?} {problem}: {peer:?}", peer.id);
            named += usize::from(peer.id.is_some());
            kept_at += usize::from(peer.kept_at.is_some());
            by_hint += u32::from(peer.only_hinted);
            attached -= i64::try_from(peer.links.len()).unwrap_or(i64::MAX);
            check(peer.id.is_none_or(|id| self.find(&id) == Some(slot)), || {
                what("is not found by its name")
            })?;
            check(peer.rank == peer.rank_now(), || what("has an old rank"))?;
            check(self.by_change.contains(&self.peers, slot), || what("is not among the changes"))?;
            let admitted = self.links_of(slot).filter(|(_, link)| link.is_admitted()).count();
            check(admitted <= limits.links_per_peer as usize, || what("has too many links"))?;
            check(self.links_of(slot).count() <= super::MAX_SIBLINGS, || {
                what("has more links than can be looked at")
            })?;
            let deadline = self.outlook().deadline(slot);
            let timed = deadline.is_none_or(|at| self.peer_timers.at(slot).is_some_and(|timer| timer <= at));
            check(timed, || what("has a deadline and no timer"))?;
            match peer.rank {
                Rank::Memory => ranked[0] += 1,
                Rank::Loose => ranked[1] += 1,
                Rank::Wished => ranked[2] += 1,
                Rank::Kept => {}
            }
        }
        self.audit_mail()?;
        check(attached == 0, || format!("{attached} links too many say that they have a peer"))?;
        check(named == self.by_id.len(), || format!("{named} names, {} indexed", self.by_id.len()))?;
        check(kept_at == self.by_address.len(), || {
            format!("{kept_at} addresses, {} indexed", self.by_address.len())
        })?;
        check(by_hint == self.hinted_peers, || {
            format!("{by_hint} hinted peers, {} counted", self.hinted_peers)
        })?;
        let chained = [0, 1, 2].map(|rank: usize| self.by_use.get(rank).map_or(0, |chain| chain.len()));
        check(ranked.map(|count| count as u64) == chained.map(|count| count as u64), || {
            format!("{ranked:?} by rank, {chained:?} chained")
        })?;
        let most = self.by_use.iter().map(|chain| chain.iter(&self.peers).count());
        check(most.eq(ranked), || String::from("a chain of ranks is broken"))
    }
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// The same for the messages.
    fn audit_mail(&self) -> Result<(), String> {
        let takes = self.takes();
        for (slot, peer) in self.peers.iter() {
            let Some(mail) = self.mail.get(slot) else { continue };
            let what = |problem: &str| format!("mail of {:?} {problem}: {mail:?}", peer.id);
            let mut kept = Window::default();
            let mut flight = Window::default();
            let mut untaken = Window::default();
            let mut left = Window::default();
            for lane in Lane::ALL {
                let (sending, receiving) = (mail.sending.of(lane), mail.receiving.of(lane));
                for at in 0..mail.out.len(lane) {
                    let len = mail.out.header(lane, at).map_or(0, |message| message.len);
                    kept.add(len);
                    if at < sending.numbered as usize {
                        flight.add(len);
                    }
                    check(mail.out.body(lane, at).len() == len as usize, || what("has lost bytes"))?;
                }
                for at in 0..mail.given.len(lane) {
                    let len = mail.given.header(lane, at).map_or(0, |given| given.len);
                    untaken.add(len);
                    if at < receiving.old as usize {
                        left.add(len);
                    }
                }
                check(sending.numbered as usize <= mail.out.len(lane), || what("numbers too many"))?;
                check(sending.received <= sending.next, || what("sends what is received"))?;
                check(sending.next <= sending.sealed, || what("sends what was never sent"))?;
                check(sending.at() <= sending.numbered as usize, || what("sends what has no number"))?;
                check(receiving.taken <= receiving.received.number, || what("took what did not come"))?;
            }
            check(kept == mail.kept, || what("counts what is kept wrong"))?;
            check(flight == mail.flight, || what("counts what is in flight wrong"))?;
            check(untaken == mail.untaken, || what("counts what is untaken wrong"))?;
            check(left == mail.left, || what("counts what is left wrong"))?;
            for amount in [kept, untaken] {
                let fits = amount.bytes <= takes.window.bytes && amount.messages <= takes.window.messages;
                check(fits, || what("is more than the window"))?;
            }
            let reported = mail.kept.messages as usize + mail.reports.len();
            check(reported <= takes.window.messages as usize, || what("has no room to report all"))?;
            let flags = (mail.is_held(), mail.kept.messages > 0);
            check((peer.has_mail, peer.has_outgoing) == flags, || what("is not known to the peer"))?;
        }
        Ok(())
    }
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Limits};
    use crate::event::{Event, Route, Routes};
    use crate::frame::PathClass;
    use crate::id::{Incarnation, LinkId, NodeId};
    use crate::machine::link::Phase;
    use crate::machine::wishes::address_key;
    use crate::reason::Reason;
    use crate::storage::{Chain, Heap, Slot};
    use crate::time::{Instant, Now};
    use crate::{Seed, Wait};
    use core::net::SocketAddr;

    type Whole = Mesh<Heap>;
    /// What breaks a whole one, and what is said then.
    type Case = (fn(&mut Whole), &'static str);

    const PEER: NodeId = NodeId::new([8; 32]);

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    /// The first, the second and so on that came into a table.
    fn nth(index: usize) -> Slot {
        Slot::from_index(index).expect("there are few")
    }

    /// A machine that dials a peer and an address, knows another peer, and has accepted a stream.
    fn whole() -> Whole {
        let config = Config { announce_every: None, ..Config::lan() };
        let me = NodeId::new([5; 32]);
        let mut mesh = Mesh::new(me, Incarnation::new(1, 1), config, Seed::Still).expect("it is sound");
        let routes: Routes = [1, 2].map(|port| Route::direct(address(port))).into_iter().collect();
        for event in [
            Event::Keep { peer: PEER, routes },
            Event::KeepAt { route: Route::direct(address(3)) },
            Event::Seek { peer: NodeId::new([9; 32]), routes: Routes::new() },
            Event::Incoming { from: None, class: PathClass::Direct },
        ] {
            let wait = mesh.handle(Now::single(Instant::from_micros(1)), event).carry_out(|_| {});
            assert!(matches!(wait, Wait::Until(_)), "a dial has a deadline");
        }
        mesh
    }

    #[test]
    fn what_is_whole_is_found_whole_and_what_is_broken_broken() {
        assert_eq!(whole().audit(), Ok(()));
        let cases: [Case; 21] = [
            (|mesh| mesh.budget.in_flight += 1, "2 dials, 3 counted"),
            (|mesh| mesh.budget.hinted += 1, "0 hinted dials, 1 counted"),
            (|mesh| mesh.hinted_peers += 1, "0 hinted peers, 1 counted"),
            (|mesh| mesh.half_open.clear(), "is counted wrong among the half-open ones"),
            (|mesh| mesh.half_open.push(nth(0)), "is counted wrong among the half-open ones"),
            (|mesh| mesh.half_open.push(nth(2)), "1 half-open, 2 counted"),
            (|mesh| mesh.link_timers.clear(), "has a deadline and no timer"),
            (|mesh| mesh.peer_timers.clear(), "has a deadline and no timer"),
            (|mesh| assert!(mesh.by_id.remove(PEER.prefix(), nth(0))), "is not found by its name"),
            (
                |mesh| assert!(mesh.by_address.remove(address_key(address(3)), nth(1))),
                "1 addresses, 0 indexed",
            ),
            (|mesh| mesh.by_use = [Chain::new(), Chain::new(), Chain::new()], "by rank"),
            (|mesh| assert!(mesh.by_change.remove(&mut mesh.peers, nth(0))), "is not among the changes"),
            (|mesh| mesh.peers.get_mut(nth(0)).expect("there").rank = Rank::Loose, "has an old rank"),
            (|mesh| mesh.links.get_mut(nth(0)).expect("there").peer = None, "links too many"),
            (
                |mesh| mesh.links.get_mut(nth(0)).expect("there").peer = Some(nth(2)),
                "is not among its peer's links",
            ),
            (|mesh| mesh.links.get_mut(nth(0)).expect("there").owes.ping = true, "owes and is not ready"),
            (
                |mesh| {
                    mesh.links.get_mut(nth(0)).expect("there").id = LinkId::mint(1, nth(9)).expect("it fits")
                },
                "is not where its name says",
            ),
            (|mesh| mesh.links.get_mut(nth(0)).expect("there").phase = Phase::Admitted, "has no pulse"),
            (
                |mesh| {
                    mesh.links.get_mut(nth(0)).expect("there").phase = Phase::Ended { reason: Reason::Left }
                },
                "ended and nobody is told",
            ),
            (|mesh| mesh.config.limits.peers = 2, "3 peers"),
            (
                |mesh| mesh.config.limits = Limits { dials_in_flight: 1, ..Limits::default() },
                "2 dials in flight",
            ),
        ];
        for (break_it, says) in cases {
            let mut mesh = whole();
            break_it(&mut mesh);
            let found = mesh.audit().expect_err(says);
            assert!(found.contains(says), "{says}: {found}");
        }
    }
}
