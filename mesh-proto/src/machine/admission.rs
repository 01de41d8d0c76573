//! How a link comes to be admitted (R1, R7, and the beginning of R5 and R6).

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::bounded::push_newest;
use crate::event::{Proof, Route};
use crate::frame::{Hello, PathClass, Welcome};
use crate::id::{Incarnation, LinkId, NodeId};
use crate::machine::Mesh;
use crate::machine::candidates::Origin;
use crate::machine::ending::{How, Witness};
use crate::machine::link::{Link, Phase, Side};
use crate::machine::peer::Rank;
use crate::machine::pulse::Pulse;
use crate::machine::session::Birth;
use crate::machine::turn::{Answer, Unable};
use crate::reason::{Reason, Refusal};
use crate::rules::{Clause, Rules};
use crate::storage::{Array, Index, Slot, Storage};
use crate::time::Instant;

/// How long a link may wait for the answer to the question whether it is let in.
const ASK_WITHIN: Duration = Duration::from_secs(60);

/// Who is counted together when half-open room is shared out: an IPv4 address, an IPv6 /64.
#[derive(PartialEq, Eq)]
enum Source {
    V4([u8; 4]),
    V6([u16; 4]),
}

impl Source {
    fn of(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// How the run that a link's other end says it is stands to the run that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    First,
    Same,
    Newer,
    Doubtful,
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// A stream was accepted: half-open room is checked, and where there is none a random one gives way.
    pub(crate) fn incoming(&mut self, from: Option<SocketAddr>, class: PathClass) -> Answer {
        if self.leaving {
            return Answer::Unable(Unable::Leaving);
        }
        let limits = self.config.limits;
        if !self.incoming.take(self.clock, limits.incoming_per_second) {
            self.stats.incoming_too_fast += 1;
            return Answer::Unable(Unable::TooFast { limit: limits.incoming_per_second });
        }
        let source = from.map(Source::of);
        let same_source = |link: &Link| source.is_some() && link.remote.map(Source::of) == source;
        let from_there = self.unproven(same_source).count();
        if from_there >= limits.half_open_per_source as usize && self.rules.holds(Clause::RoomPerSource) {
            self.give_way_half_open(same_source);
        }
        self.add_half_open(|id, until| Link::accepted(id, from, class, until))
    }

    /// This node opened a stream that it was not told to dial: it begins as an accepted one does, but for the rate, which
    /// keeps strangers off.
    pub(crate) fn attached(&mut self, expected: Option<NodeId>, class: PathClass) -> Answer {
        if self.leaving {
            return Answer::Unable(Unable::Leaving);
        }
        if expected == Some(self.me) {
            return Answer::Unable(Unable::OwnSelf);
        }
        self.add_half_open(|id, until| Link::attached(id, expected, class, until))
    }

    /// Puts a link into half-open room; where there is none left, a random unproven one gives way.
    fn add_half_open(&mut self, make: impl FnOnce(LinkId, Instant) -> Link) -> Answer {
        if self.half_open.len() >= self.config.limits.half_open as usize
            && !(self.rules.holds(Clause::RandomGivesWay) && self.give_way_half_open(|_| true))
        {
            self.stats.no_room_for_link += 1;
            return Answer::Unable(Unable::LinksFull);
        }
        let until = self.clock.after(self.config.handshake_within);
        let Some(slot) = self.add_link(|id| make(id, until)) else {
            self.stats.no_room_for_link += 1;
            return Answer::Unable(Unable::LinksFull);
        };
        let placed = self.half_open.try_push(slot);
        debug_assert!(placed.is_ok(), "the half-open room is no larger than the table of links");
        self.touch(slot);
        self.links.get(slot).map_or(Answer::Unable(Unable::LinksFull), |link| Answer::Link(link.id))
    }

    /// A dialed stream is open.
    pub(crate) fn connected(&mut self, id: LinkId) {
        let Some(slot) = self.place_of(id) else { return };
        let until = self.clock.after(self.config.handshake_within);
        if let Some(link) = self.links.get_mut(slot)
            && matches!(link.phase, Phase::Dialing { .. })
        {
            link.phase = Phase::Shaking { until };
            let peer = link.peer;
            if let Some(peer) = peer.and_then(|peer| self.peers.get_mut(peer))
                && !self.rules.holds(Clause::ResetByUse)
            {
                peer.redial.start_over();
            }
            self.touch(slot);
        } else {
            self.stats.misplaced += 1;
        }
    }

    /// The channel of a link is up, and says whose it is.
    pub(crate) fn proven(&mut self, id: LinkId, proof: Proof) {
        let Some(slot) = self.place_of(id) else { return };
        let Some(link) = self.links.get_mut(slot) else { return };
        let Phase::Shaking { until } = link.phase else {
            self.stats.misplaced += 1;
            return;
        };
        link.phase = Phase::Proven { until };
        link.proof = Some(proof);
        match link.side {
            Side::Accepted => {}
            Side::Dialed => {
                let target = link.peer;
                let fits = proof.peer == self.me
                    || match target {
                        Some(target) => self.meet(slot, target, proof),
                        None => self.meet_at_attached(slot, proof),
                    };
                if fits {
                    self.greet(slot);
                }
            }
        }
    }

    /// The same at the end of an attached stream, which has hung on no peer until now: the hello speaks of a session, so
    /// there must be a place for that.
    fn meet_at_attached(&mut self, slot: Slot, proof: Proof) -> bool {
        let expected = self.links.get(slot).and_then(|link| link.expected);
        if expected.is_some_and(|id| id != proof.peer) && self.rules.holds(Clause::DialWhatWasAsked) {
            self.end_quietly(slot, Reason::WrongPeer);
            return false;
        }
        let peer = match self.find(&proof.peer) {
            Some(peer) if self.crowded(peer) => {
                self.end_link(slot, Reason::Abandoned, How::Cut, Witness::Both);
                return false;
            }
            Some(peer) => peer,
            None => match self.add_peer(Some(proof.peer), Rank::Loose) {
                Some(peer) => peer,
                None => {
                    self.stats.refused_full += 1;
                    self.end_link(slot, Reason::Refused(Refusal::Full), How::Cut, Witness::Both);
                    return false;
                }
            },
        };
        self.hang_on(slot, peer);
        true
    }

    /// Puts a link among those of a peer.
    fn hang_on(&mut self, slot: Slot, place: Slot) {
        if let Some(link) = self.links.get_mut(slot) {
            link.peer = Some(place);
        }
        if let Some(peer) = self.peers.get_mut(place) {
            peer.links.push_back(&mut self.links, slot);
        }
    }

    /// Whether the one that was met is the one that was dialed; if not, the link is ended before any peer hears of it.
    fn meet(&mut self, slot: Slot, target: Slot, proof: Proof) -> bool {
        let expected = self.peers.get(target).and_then(|peer| peer.id);
        let remote = self.links.get(slot).and_then(|link| link.remote);
        match expected {
            Some(id) if id == proof.peer => {
                let others = self.links_of(target).filter(|(other, link)| {
                    *other != slot && (link.is_admitted() || link.may_be_admitted_there())
                });
                let crowded = others.count() >= self.config.limits.links_per_peer as usize;
                if crowded && self.rules.holds(Clause::LinksAreBounded) {
                    self.end_link(slot, Reason::Abandoned, How::Cut, Witness::Both);
                    self.review(target);
                }
                !crowded
            }
            Some(_) if self.rules.holds(Clause::DialWhatWasAsked) => {
                self.end_quietly(slot, Reason::WrongPeer);
                self.somebody_else_is_there(target, remote);
                self.review(target);
                false
            }
            Some(_) | None => self.becomes_known(slot, target, proof),
        }
    }

    /// Whoever is at an address that is to be kept has a name now.
    fn becomes_known(&mut self, slot: Slot, target: Slot, proof: Proof) -> bool {
        let route =
            self.links.get(slot).and_then(|link| Some(Route { address: link.remote?, class: link.class }));
        let Some(known) = self.find(&proof.peer) else {
            self.name_peer(target, proof.peer);
            return true;
        };
        // It is a peer that has a place already: the wish moves there.
        self.detach(slot);
        self.hang_on(slot, known);
        self.move_wish(target, known, route);
        let fits = self.meet(slot, known, proof);
        self.review(known);
        fits
    }

    /// Somebody is asked whether the one at a link's other end is let in: it has longer.
    pub(crate) fn waits(&mut self, id: LinkId) {
        let Some(slot) = self.place_of(id) else { return };
        let until = self.clock.after(ASK_WITHIN);
        if let Some(link) = self.links.get_mut(slot)
            && matches!(link.phase, Phase::Proven { .. })
        {
            link.phase = Phase::Proven { until };
            self.touch(slot);
        } else {
            self.stats.misplaced += 1;
        }
    }

    /// A link has no channel any more, or the one at its other end is not let in here.
    pub(crate) fn failed(&mut self, id: LinkId, reason: Reason) {
        let Some(slot) = self.place_of(id) else { return };
        let Some(link) = self.links.get(slot) else { return };
        let peer = link.peer;
        let proven = matches!(link.phase, Phase::Proven { .. });
        match (link.side, reason) {
            (_, Reason::ProtocolError) => {
                self.protocol_error(slot);
                return;
            }
            (Side::Accepted, Reason::Refused(_)) if proven => self.refuse(slot, reason),
            (Side::Accepted | Side::Dialed, _) => {
                self.end_link(slot, reason, How::Cut, Witness::HereOnly);
            }
        }
        let Some(peer) = peer else { return };
        // Who was met is not wanted here, and that will not change; a hint in the clear is nobody's word.
        if proven && reason.lasts() {
            self.pause(peer);
        }
        self.review(peer);
    }

    /// Sends the hello of a dialed link.
    fn greet(&mut self, slot: Slot) {
        if let Some(link) = self.links.get_mut(slot) {
            link.owes.hello = true;
        }
        self.touch(slot);
    }

    /// The dialer's hello, at the acceptor: with it the link is admitted, or refused.
    pub(crate) fn hello_read(&mut self, slot: Slot, hello: &Hello) {
        let Some(proof) = self.links.get(slot).and_then(|link| link.proof) else { return };
        if proof.peer == self.me && self.rules.holds(Clause::OwnIdRefused) {
            let reason =
                if hello.incarnation == self.incarnation { Reason::OwnSelf } else { Reason::Conflict };
            if reason == Reason::Conflict {
                self.stats.met_clone += 1;
            } else {
                self.stats.met_self += 1;
            }
            self.refuse(slot, reason);
            return;
        }
        if !self.note_greeting(slot, hello) {
            self.protocol_error(slot);
            return;
        }
        let known = self.find(&proof.peer);
        if self.rules.holds(Clause::EvidenceBeforeBounds)
            && let Some(peer) = known
        {
            self.take_evidence(peer, hello);
        }
        let rank = if hello.keep { Rank::Wished } else { Rank::Loose };
        let peer = match known {
            Some(peer) if self.crowded(peer) => {
                self.refuse(slot, Reason::Duplicate);
                return;
            }
            Some(peer) => peer,
            None => match self.add_peer(Some(proof.peer), rank) {
                Some(peer) => peer,
                None => {
                    self.stats.refused_full += 1;
                    self.refuse(slot, Reason::Refused(Refusal::Full));
                    return;
                }
            },
        };
        if known.is_none() || !self.rules.holds(Clause::EvidenceBeforeBounds) {
            self.take_evidence(peer, hello);
        }
        self.leave_half_open(slot);
        self.hang_on(slot, peer);
        if let Some(link) = self.links.get_mut(slot) {
            link.owes.welcome = true;
        }
        self.admit(slot, peer, hello);
    }

    /// The acceptor's welcome, at the dialer: with it the link is admitted.
    pub(crate) fn welcome_read(&mut self, slot: Slot, welcome: &Welcome) {
        let sound_takes = self.note_greeting(slot, &welcome.hello);
        let Some(link) = self.links.get_mut(slot) else { return };
        let tag = link.proof.map(|proof| proof.tag);
        let own = link.proof.is_none_or(|proof| proof.peer == self.me);
        let sound = !own && welcome.hello.lost.iter().all(|loss| Some(loss.tag) != tag);
        let Some(peer) = link.peer.filter(|_| sound || !self.rules.holds(Clause::OwnIdRefused)) else {
            self.protocol_error(slot);
            return;
        };
        if !sound_takes {
            self.protocol_error(slot);
            return;
        }
        link.doubted_there = welcome.doubt;
        let (hinted, route) = (link.hinted, link.remote.map(|address| Route { address, class: link.class }));
        if link.was_ordered() {
            self.settle_dial(hinted);
        } else {
            self.leave_half_open(slot);
        }
        self.take_evidence(peer, &welcome.hello);
        if let (Some(peer), Some(route)) = (self.peers.get_mut(peer), route) {
            peer.candidates.praise(route);
        }
        self.admit(slot, peer, &welcome.hello);
    }

    /// The acceptor does not let this node in.
    pub(crate) fn refused_read(&mut self, slot: Slot, reason: Reason) {
        let Some(link) = self.links.get(slot) else { return };
        let (peer, remote) = (link.peer, link.remote);
        let met_own_key = link.proof.is_some_and(|proof| proof.peer == self.me);
        if reason == Reason::OwnSelf
            && let Some(address) = remote
        {
            self.remember_own(address);
        }
        if met_own_key && reason == Reason::Conflict {
            self.stats.met_clone += 1;
        }
        self.end_link(slot, reason, How::Cut, Witness::Both);
        let Some(slot) = peer else { return };
        let Some(peer) = self.peers.get_mut(slot) else { return };
        // The one that was dialed for has not said this: its address has a wrong one, and that is all (R7).
        let somebody_else = met_own_key && peer.id.is_some();
        peer.conflict |= reason == Reason::Conflict && !somebody_else;
        peer.ended = Some(reason);
        if let (Reason::OwnSelf, Some(address)) = (reason, remote) {
            peer.candidates.forget(address);
        }
        if reason.lasts() && !somebody_else {
            self.pause(slot);
        }
        self.review(slot);
    }

    /// Everything that a hello or a welcome proves, before any bound is looked at (R5).
    fn take_evidence(&mut self, slot: Slot, hello: &Hello) {
        match self.run(slot, hello.incarnation) {
            Run::First => {
                if let Some(peer) = self.peers.get_mut(slot) {
                    peer.incarnation = Some(hello.incarnation);
                }
            }
            Run::Same => {}
            Run::Newer => self.renew(slot, hello.incarnation, Birth::Kept),
            Run::Doubtful => return,
        }
        // Of a run that is new here they end nothing; they are noted, and need not be told again.
        self.losses_read(slot, &hello.lost);
    }

    fn run(&self, slot: Slot, run: Incarnation) -> Run {
        let Some(known) = self.peers.get(slot).and_then(|peer| peer.incarnation) else { return Run::First };
        if run == known || (run.start == known.start && !self.rules.holds(Clause::RandomBits)) {
            Run::Same
        } else if run.start > known.start || !self.rules.holds(Clause::IncarnationOrder) {
            Run::Newer
        } else {
            Run::Doubtful
        }
    }

    /// A newer run of a peer is there: every link of the older one ends, and so does its session.
    pub(crate) fn renew(&mut self, slot: Slot, run: Incarnation, birth: Birth) {
        if self.rules.holds(Clause::NewerEndsOlder) {
            for old in self.collect(slot, |link| link.incarnation.is_some_and(|old| old != run)) {
                self.end_link(old, Reason::Restarted, How::Tell, Witness::Both);
            }
        }
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.incarnation = Some(run);
        self.close_mail(slot, Reason::Restarted, birth);
        if let Some(mail) = self.mail.get_mut(slot) {
            mail.birth_there = None;
        }
        // The new run begins to count its sessions anew: what was known of the old one contradicts nothing that it says.
        for link in self.collect(slot, |_| true) {
            if let Some(line) = self.lines.get_mut(link) {
                line.heard = None;
            }
        }
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.session = false;
        peer.ended = Some(Reason::Restarted);
        peer.lost_carrier = None;
        // The losses stay: one may be of a dial to the newer run, lost before anybody here knew that it is newer.
        peer.to_note.clear();
    }

    /// Lets a link in.
    fn admit(&mut self, slot: Slot, place: Slot, hello: &Hello) {
        let now = self.clock;
        // The evidence was taken: a run that is not the known one by now is a doubtful one.
        let doubtful = self.run(place, hello.incarnation) == Run::Doubtful;
        let detect_within = self.agreed_knob(hello);
        if !self.rules.holds(Clause::NewcomerWaits) {
            for old in self.collect(place, |link| link.is_usable()) {
                self.end_link(old, Reason::Superseded, How::Drain, Witness::HereOnly);
            }
        }
        for other in self.collect(place, Link::is_admitted) {
            if let Some(pulse) = self.links.get_mut(other).and_then(|link| link.pulse.as_mut()) {
                pulse.start_afresh();
            }
        }
        let Some(peer) = self.peers.get_mut(place) else { return };
        let order = peer.next_order;
        peer.next_order = order.wrapping_add(1);
        peer.kept_there = hello.keep;
        let Some(link) = self.links.get_mut(slot) else { return };
        let round_trip = link.proof.map(|proof| proof.round_trip).unwrap_or_default();
        let measured =
            if self.rules.holds(Clause::ProbeFromRoundTrip) { round_trip } else { Default::default() };
        link.phase = Phase::Admitted;
        link.order = order;
        link.class = link.class.max(hello.class);
        link.incarnation = Some(hello.incarnation);
        link.doubted_here = doubtful;
        link.pulse = Some(Pulse::new(now, detect_within, self.config.probe_floor, measured));
        link.stable_at = Some(now.after(self.config.stable_after));
        link.grace_used = false;
        let was_ordered = link.was_ordered();
        if doubtful {
            self.stats.doubts += 1;
            link.owes.doubted = matches!(link.side, Side::Dialed);
        } else {
            link.owes.noted = !hello.lost.is_empty();
        }
        if !self.rules.holds(Clause::ResetByUse) {
            peer.redial.start_over();
        }
        if !doubtful && !link.doubted_there {
            self.begin_session(slot, place);
        }
        if was_ordered {
            self.arrived(place);
        }
        self.touch(slot);
        self.review(place);
    }

    /// A dial has led to a link: the attempt is over, and the dials beside it are not needed. Whether a link that was
    /// accepted or attached ends the attempt too depends on the kind of way it goes, and is seen when the peer is reviewed.
    fn arrived(&mut self, place: Slot) {
        if !self.rules.holds(Clause::OneAttempt) {
            return;
        }
        if let Some(peer) = self.peers.get_mut(place) {
            peer.redial.attempt = None;
            peer.redial.asked = None;
            self.waiting.remove(&mut self.peers, place);
            self.abandon_dials(place);
        }
    }

    /// The smaller of both knobs. One below what this node can probe by counts as that.
    fn agreed_knob(&self, hello: &Hello) -> Duration {
        if !self.rules.holds(Clause::SmallerKnob) {
            return self.config.detect_within;
        }
        let least = self.config.probe_floor.saturating_mul(2);
        self.config.detect_within.min(hello.detect_within.max(least))
    }

    /// Whether a peer has as many links as it may have. Those on their way out make room.
    fn crowded(&mut self, slot: Slot) -> bool {
        if !self.rules.holds(Clause::LinksAreBounded) {
            return false;
        }
        let limit = self.config.limits.links_per_peer as usize;
        let standing = |link: &Link| link.is_admitted() || link.may_be_admitted_there();
        if self.collect(slot, standing).len() >= limit {
            return true;
        }
        for old in self.collect(slot, |link| matches!(link.phase, Phase::Draining { .. })) {
            if self.links_of(slot).count() < limit {
                break;
            }
            self.end_quietly(old, Reason::Abandoned);
        }
        false
    }

    /// Does not let a link in, and says why.
    pub(crate) fn refuse(&mut self, slot: Slot, reason: Reason) {
        self.stats.refused += 1;
        self.end_link(slot, reason, How::Refuse, Witness::Both);
    }

    /// Takes a link off the half-open room.
    pub(crate) fn leave_half_open(&mut self, slot: Slot) {
        if let Some(at) = self.half_open.iter().position(|open| *open == slot) {
            let last = self.half_open.len() - 1;
            self.half_open.swap(at, last);
            self.half_open.pop();
        }
    }

    fn unproven(&self, wanted: impl Fn(&Link) -> bool) -> impl Iterator<Item = Slot> {
        self.half_open.iter().copied().filter(move |slot| {
            self.links
                .get(*slot)
                .is_some_and(|link| matches!(link.phase, Phase::Shaking { .. }) && wanted(link))
        })
    }

    /// Ends a random one of the unproven links that are `wanted`; `false` if there is none.
    fn give_way_half_open(&mut self, wanted: impl Fn(&Link) -> bool) -> bool {
        let many = self.unproven(&wanted).count();
        let drawn = usize::try_from(self.dice.below(many as u64)).unwrap_or(0);
        let victim = self.unproven(&wanted).nth(drawn);
        if let Some(victim) = victim {
            self.stats.gave_way_half_open += 1;
            self.end_quietly(victim, Reason::Refused(Refusal::Full));
        }
        victim.is_some()
    }

    fn remember_own(&mut self, address: SocketAddr) {
        if self.own_addresses.contains(&address) {
            return;
        }
        push_newest(&mut self.own_addresses, address);
    }

    /// Takes note of where a peer is said to be.
    pub(crate) fn learn(&mut self, slot: Slot, routes: &[Route], origin: Origin) {
        let bounded = self.rules.holds(Clause::HintsAreBounded);
        if let Some(peer) = self.peers.get_mut(slot) {
            // The one to try first stands in front, and what is learned last is tried first.
            for route in routes.iter().rev() {
                peer.candidates.learn(*route, origin, bounded);
            }
        }
    }

    /// Gives a name to the peer at an address that is to be kept.
    fn name_peer(&mut self, slot: Slot, id: NodeId) {
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.id = Some(id);
            let placed = self.by_id.insert(id.prefix(), slot);
            debug_assert!(placed.is_ok(), "the index has a place for every peer");
        }
        self.changed(slot);
    }
}
