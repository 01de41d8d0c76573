//! What the future of a machine depends on, as a row of numbers: two machines with the same row do the same.
//!
//! Times are told relative to now, links by the names that the reader gives them, nonces relative to the newest. What
//! cannot influence what the machine does is left out, by name: every struct is taken apart here in full, so that a
//! new field does not compile before somebody has decided which it is.

extern crate alloc;

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::time::Duration;

use crate::id::{Incarnation, LinkId, LinkTag, NodeId};
use crate::machine::Mesh;
use crate::machine::announcing::Announcing;
use crate::machine::candidates::{Candidate, Candidates};
use crate::machine::dialing::{Attempt, Budget, Redial};
use crate::machine::link::{Link, Owes, Phase};
use crate::machine::mail::{Given, Greeting, Line, Mail, Receiving};
use crate::machine::peer::{Peer, Rank};
use crate::machine::pulse::Pulse;
use crate::message::Lane;
use crate::reason::Reason;
use crate::rules::{Clause, Rules};
use crate::storage::{Parcels, Slot, Storage};
use crate::time::{Instant, micros};

/// Names that do not tell in which order things came about.
pub(crate) trait Names {
    /// Of one of the node's own links.
    fn link(&mut self, link: LinkId) -> u64;
    /// Of a link that is known by its tag, whether or not it still exists.
    fn tag(&mut self, tag: LinkTag) -> u64;
    /// Of a run of a node.
    fn run(&mut self, node: NodeId, run: Incarnation) -> u64;
}

/// The row that is being written.
pub(crate) struct Row<'a> {
    pub(crate) words: &'a mut Vec<u64>,
    /// What times are counted from, by the machine's own time.
    base: Instant,
}

/// Any plain value as one number.
pub(crate) fn digest<T: Hash>(value: &T) -> u64 {
    let mut hasher = Folded(0x243f_6a88_85a3_08d3);
    value.hash(&mut hasher);
    hasher.finish()
}

/// The product of two numbers, its halves folded: every bit of either moves about half of the result's.
pub(crate) fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}

/// Numbers whole, and not byte by byte: most of what is looked at is numbers.
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = fold(self.0.rotate_left(17) ^ number, 0xa409_3822_299f_31d1);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

const NONE: u64 = u64::MAX;

impl Row<'_> {
    fn put(&mut self, word: u64) {
        self.words.push(word);
    }

    fn flag(&mut self, flag: bool) {
        self.words.push(u64::from(flag));
    }

    /// A time that counts however long ago it was.
    fn time(&mut self, at: Instant) {
        self.words.push(at.as_micros().wrapping_sub(self.base.as_micros()));
    }

    fn time_if_any(&mut self, at: Option<Instant>) {
        match at {
            Some(at) => self.time(at),
            None => self.put(NONE),
        }
    }

    /// A set.
    pub(crate) fn sorted(&mut self, mut pairs: Vec<(u64, u64)>) {
        pairs.sort_unstable();
        self.put(pairs.len() as u64);
        for (one, other) in pairs {
            self.put(one);
            self.put(other);
        }
    }

    /// A time of which it counts only that it has passed, once it has.
    fn due(&mut self, at: Instant) {
        self.words.push(at.as_micros().saturating_sub(self.base.as_micros()));
    }
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// Writes down what the machine's future depends on, as seen at the reading `awake`.
    pub(crate) fn view(&self, awake: Instant, names: &mut impl Names, words: &mut Vec<u64>) {
        let Self {
            rules,
            me,
            incarnation,
            // The same for all machines that are compared, and never changed.
            config: _,
            // Still: every draw gives the same.
            dice: _,
            clock: _,
            // The readings are counted from, and lateness is told by `promised`.
            last: _,
            shift,
            promised,
            // Both are set anew by each step.
            late: _,
            pinged: _,
            peers,
            links,
            mail: _,
            lines: _,
            // Both are read off the peers.
            by_id: _,
            by_address: _,
            // Both are read off the links and the peers; `timers_hold` looks whether they are.
            peer_timers: _,
            link_timers: _,
            // Its order decides who gives way when it is full, which the limits keep from happening.
            half_open,
            // Empty after a drain.
            ready: _,
            // The order of the news.
            by_change: _,
            by_use,
            waiting,
            // Empty after a drain.
            mailed: _,
            // A name, and a count.
            serial: _,
            births,
            // A name.
            delivered: _,
            version: _,
            budget,
            // The limit is out of reach.
            incoming: _,
            announcing,
            hinted_peers,
            own_addresses,
            leaving,
            stats: _,
        } = self;
        let late = promised.map_or(0, |promised| micros(awake.since(promised)));
        let gap = micros(self.config.gap());
        // However late a gap is, time goes on from where it stopped.
        let stopped = late > gap && rules.holds(Clause::WakeBeforeExpiry);
        let reading = promised.filter(|_| stopped).unwrap_or(awake).as_micros();
        let mut row = Row { words, base: Instant::from_micros(reading.saturating_sub(*shift)) };
        row.flag(stopped);
        row.put(me.prefix());
        row.put(names.run(*me, *incarnation));
        match promised {
            Some(promised) if !stopped => {
                row.put(promised.as_micros().wrapping_sub(awake.as_micros()));
            }
            Some(_) => row.put(0),
            None => row.put(NONE),
        }
        row.flag(*leaving);
        row.put(*births);
        row.put(u64::from(*hinted_peers));
        row.put(digest(own_addresses));
        row.put(half_open.len() as u64);
        let Budget {
            in_flight,
            hinted,
            // The limits are out of reach.
            begun: _,
            hints_begun: _,
        } = budget;
        row.put(u64::from(*in_flight) << 32 | u64::from(*hinted));
        let Announcing { next, last, answer, last_answer, owed, answer_owed } = announcing;
        row.time_if_any(next.map(|(at, _)| at));
        row.put(digest(&next.map(|(_, cause)| cause)));
        row.time_if_any(*last);
        row.time_if_any(answer.map(|(at, _)| at));
        row.put(digest(&answer.map(|(_, to)| to)));
        row.time_if_any(*last_answer);
        row.put(digest(&(owed, answer_owed)));
        for chain in by_use {
            row.put(chain.len() as u64);
            for slot in chain.iter(peers) {
                row.put(slot.index() as u64);
            }
        }
        row.put(waiting.len() as u64);
        for slot in waiting.iter(peers) {
            row.put(slot.index() as u64);
        }
        row.put(peers.len() as u64);
        for (slot, peer) in peers.iter() {
            self.view_peer(slot, peer, names, &mut row);
        }
        // Not in the order of their places: those order deadlines of the same moment, which are settled together.
        let mut named: Vec<(u64, &Link)> =
            links.iter().map(|(_, link)| (names.link(link.id), link)).collect();
        named.sort_unstable_by_key(|(name, _)| *name);
        row.put(named.len() as u64);
        for (_, link) in named {
            self.view_link(link, names, &mut row);
        }
    }

    /// Whether each deadline has an entry in the timers that will be looked at in time.
    pub(crate) fn timers_hold(&self) -> bool {
        let told = |at: Option<Instant>, entry: Option<Instant>| match (at, entry) {
            (Some(at), Some(entry)) => entry <= at,
            (Some(_), None) => false,
            (None, _) => true,
        };
        self.links.iter().all(|(slot, link)| told(link.deadline(), self.link_timers.at(slot)))
            && self
                .peers
                .iter()
                .all(|(slot, _)| told(self.outlook().deadline(slot), self.peer_timers.at(slot)))
    }

    fn view_peer(&self, slot: Slot, peer: &Peer, names: &mut impl Names, row: &mut Row<'_>) {
        let Peer {
            id,
            kept_at,
            kept_here,
            kept_there,
            incarnation,
            session,
            // Both are read off the mail.
            has_mail: _,
            has_outgoing: _,
            // Told, and nothing more.
            ended: _,
            lost_carrier,
            // Settled at the end of each step.
            unsettled: _,
            only_hinted,
            away_since,
            used,
            // Told, and nothing more.
            conflict: _,
            links,
            // The order of the links that there are is told with them.
            next_order: _,
            losses,
            to_note,
            candidates,
            redial,
            hint_used,
            rank,
            // Told, and nothing more.
            chosen: _,
            past: _,
            standing: _,
            version: _,
            by_change: _,
            // Told by the chains.
            by_use: _,
            waiting: _,
            mailed: _,
        } = peer;
        row.put(slot.index() as u64);
        row.put(id.map_or(NONE, |id| id.prefix()));
        row.put(digest(kept_at));
        row.put(id.zip(*incarnation).map_or(NONE, |(id, run)| names.run(id, run)));
        for flag in [*kept_here, *kept_there, *session, *only_hinted] {
            row.flag(flag);
        }
        row.put(digest(lost_carrier));
        // It ends a session that nobody keeps, and no other.
        let held = *kept_here || *kept_there || !*session;
        row.time_if_any(away_since.filter(|_| !held));
        let pause = self.config.pause_first;
        let counts = *rank != Rank::Kept || self.config.idle_after.is_some();
        row.time_if_any(counts.then(|| (*used).max(row.base.before(pause))));
        // In which order they began counts for nothing: what falls due at one moment is settled together.
        let mut named: Vec<u64> = links
            .iter(&self.links)
            .map(|link| self.links.get(link).map_or(NONE, |link| names.link(link.id)))
            .collect();
        named.sort_unstable();
        row.put(named.len() as u64);
        named.into_iter().for_each(|link| row.put(link));
        // Their order counts only where there is no room for all.
        let named = losses.iter().map(|loss| (names.tag(loss.tag), loss_that_counts(loss.reason)));
        row.sorted(named.collect());
        let named = to_note.iter().map(|tag| (names.tag(*tag), 0));
        row.sorted(named.collect());
        self.view_candidates(candidates, redial.attempt.is_some(), row);
        let Redial { failures, not_before, paused, pauses, asked, attempt } = redial;
        let most = if *kept_here { self.kept_backoff() } else { self.config.backoff_most };
        row.put(u64::from(doublings_that_count(self.config.backoff_first, most, *failures)));
        row.due(*not_before);
        row.flag(*paused);
        let most = self.config.pause_most;
        row.put(u64::from(doublings_that_count(self.config.pause_first, most, *pauses)));
        row.put(asked.map_or(NONE, |asked| asked as u64));
        match attempt {
            Some(Attempt { next_at, asked, worst }) => {
                row.due(*next_at);
                row.put(asked.map_or(NONE, |asked| asked as u64));
                row.put(digest(worst));
            }
            None => row.put(NONE),
        }
        row.time_if_any(*hint_used);
        row.put(*rank as u64);
        if let Some(mail) = self.mail.get(slot) {
            view_mail(mail, names, row);
        }
        if peer.has_mail {
            // Which link carries it is a matter of their order.
            let mut usable: Vec<_> = self.links_of(slot).filter(|(_, link)| link.is_usable()).collect();
            usable.sort_unstable_by_key(|(_, link)| link.order);
            for (_, link) in usable {
                row.put(names.link(link.id));
            }
        }
    }

    /// Whether the links of a peer are compared. While they are not, it counts neither in which order they came nor
    /// which of them has answered: the next one that comes lets all of them begin anew.
    fn compares(&self, slot: Slot) -> bool {
        let weakened = [Clause::OneDecider, Clause::OnlyDeciderActsOnRunOut];
        let acts =
            self.decides(slot) == Some(true) || weakened.iter().any(|clause| !self.rules.holds(*clause));
        let doubts = self.links_of(slot).any(|(_, link)| link.is_admitted() && link.doubted_here);
        doubts || (acts && self.links_of(slot).filter(|(_, link)| link.is_usable()).count() > 1)
    }

    /// Where the other end is counts while a dial is under way, which says something of its address, and while a stream
    /// that was accepted or attached is half open, and shares the room of its source.
    fn remote_that_counts(&self, link: &Link) -> u64 {
        if link.peer.is_some() && !link.is_attempt() {
            return NONE;
        }
        let peer = link.peer.and_then(|peer| self.peers.get(peer));
        let place = peer.zip(link.remote).and_then(|(peer, remote)| {
            peer.candidates.list.iter().position(|known| known.route.address == remote)
        });
        place.map_or_else(|| digest(&link.remote), |place| place as u64)
    }

    fn view_candidates(&self, candidates: &Candidates, in_attempt: bool, row: &mut Row<'_>) {
        let Candidates { list } = candidates;
        row.put(list.len() as u64);
        for Candidate { route, origin, failures, tried } in list {
            // Which address it is does not count: links name it by its place in this list.
            row.put(digest(&route.class));
            row.put(*origin as u64);
            // Where there is one only, there is nothing to sink below.
            row.put(if list.len() > 1 { u64::from(*failures) } else { 0 });
            // A new attempt begins with none.
            row.flag(*tried && in_attempt);
        }
    }

    fn view_link(&self, link: &Link, names: &mut impl Names, row: &mut Row<'_>) {
        let Link {
            id,
            side,
            phase,
            class,
            remote: _,
            peer,
            expected,
            proof,
            incarnation,
            order,
            doubted_here,
            doubted_there,
            pulse,
            stable_at,
            grace_used,
            hinted,
            owes,
            // Empty after a drain.
            ready: _,
            // Told with the peer.
            sibling: _,
        } = link;
        row.put(names.link(*id));
        row.put(*side as u64);
        match phase {
            Phase::Dialing { until } => {
                row.put(0);
                row.time(*until);
            }
            Phase::Shaking { until } => {
                row.put(1);
                row.time(*until);
            }
            Phase::Proven { until } => {
                row.put(2);
                row.time(*until);
            }
            Phase::Admitted => row.put(3),
            Phase::Draining { reason, until } => {
                row.put(4);
                row.put(loss_that_counts(*reason));
                row.time(*until);
            }
            Phase::Ended { reason } => {
                row.put(5);
                row.put(digest(reason));
            }
        }
        row.put(digest(class));
        row.put(self.remote_that_counts(link));
        row.put(peer.map_or(NONE, |peer| peer.index() as u64));
        // Whom it should lead to counts until somebody was met.
        row.put(expected.filter(|_| proof.is_none()).map_or(NONE, |id| id.prefix()));
        match proof {
            Some(proof) => {
                row.put(proof.peer.prefix());
                row.put(names.tag(proof.tag));
            }
            None => row.put(NONE),
        }
        row.put(proof.zip(*incarnation).map_or(NONE, |(proof, run)| names.run(proof.peer, run)));
        // Its place among those that it is compared with: between two that were dialed from different ends it never
        // counts which came first.
        let compared = peer.is_some_and(|peer| self.compares(peer)) && link.is_admitted();
        let before = peer.filter(|_| compared).map_or(0, |peer| {
            let rivals = |other: &Link| other.is_admitted() && other.side == *side && other.class == *class;
            self.links_of(peer).filter(|(_, other)| rivals(other) && other.order < *order).count()
        });
        row.put(before as u64);
        for flag in [*doubted_here, *doubted_there, *grace_used && link.is_admitted(), *hinted] {
            row.flag(flag);
        }
        // A link on its way out has no life of its own any more.
        match stable_at.filter(|_| link.is_admitted()) {
            Some(at) => row.due(at),
            None => row.put(NONE),
        }
        match pulse.as_ref().filter(|_| link.is_admitted()) {
            Some(pulse) => view_pulse(pulse, compared, row),
            None => row.put(NONE),
        }
        let Owes {
            dial: _,
            hello: _,
            welcome: _,
            refused: _,
            doubted: _,
            cleared: _,
            noted: _,
            lost,
            pong: _,
            ping: _,
            marks: _,
            data: _,
            close: _,
            end: _,
        } = owes;
        // Nothing after a drain, but for losses that wait until the link is let in.
        row.flag(*lost);
        row.flag(link.is_ready());
        let (here, there) = (self.me, proof.map(|proof| proof.peer));
        let nothing = Line::default();
        let line = id.slot().and_then(|slot| self.lines.get(slot)).unwrap_or(&nothing);
        view_line(line, here, there, names, row);
    }
}

fn view_line(line: &Line, here: NodeId, there: Option<NodeId>, names: &mut impl Names, row: &mut Row<'_>) {
    let Line { room, birth, meant, told, heard, greeting, unanswered } = line;
    row.flag(*unanswered);
    row.put(u64::from(*room));
    row.put(*birth);
    row.put(there.zip(*meant).map_or(NONE, |(there, (run, _))| names.run(there, run)));
    row.put(digest(&meant.map(|(_, birth)| birth)));
    row.put(digest(&(told, heard)));
    if let Some(Greeting { birth, meant, marks, takes }) = greeting {
        row.put(meant.map_or(NONE, |(run, _)| names.run(here, run)));
        row.put(digest(&(birth, meant.map(|(_, birth)| birth), marks, takes)));
    }
}

fn view_mail<S: Storage>(mail: &Mail<S>, names: &mut impl Names, row: &mut Row<'_>) {
    let Mail {
        birth,
        birth_there,
        takes,
        open,
        out,
        sending,
        kept,
        flight,
        given,
        receiving,
        untaken,
        left,
        settled,
        reports,
        carrier,
        wants_room,
        roomy,
    } = mail;
    row.put(*birth);
    row.put(birth_there.unwrap_or(NONE));
    row.put(carrier.map_or(NONE, |carrier| names.link(carrier)));
    row.put(digest(&(takes, open, sending, kept, flight)));
    row.put(digest(&(untaken, left, wants_room, roomy, settled.len(), reports.len())));
    for lane in Lane::ALL {
        let Receiving { received, taken, old, handed } = receiving.of(lane);
        row.put(digest(&(received, taken, old, handed)));
        for at in 0..out.len(lane) {
            row.put(digest(&out.header(lane, at)));
        }
        for at in 0..given.len(lane) {
            // Serial numbers are names: what counts is whether it was handed out.
            let counts = |given: &Given| u64::from(given.kind) << 32 | u64::from(given.len);
            row.put(given.header(lane, at).map_or(NONE, counts));
        }
    }
}

fn view_pulse(pulse: &Pulse, compared: bool, row: &mut Row<'_>) {
    let Pulse {
        heard,
        detect_within,
        floor,
        round_trips,
        sent,
        sent_at,
        answered,
        asked_at,
        patience,
        ran_out,
        fresh_above,
        strict,
    } = pulse;
    row.time(*heard);
    let outstanding = sent.wrapping_sub(*answered);
    // When it was sent counts for an answer, and for the next.
    row.time(if outstanding > 0 { *sent_at } else { (*sent_at).max(*heard) });
    row.put(micros(*detect_within) << 1);
    row.put(micros(*floor));
    for round_trip in round_trips {
        let waits = round_trip.saturating_mul(3);
        let counts = if waits <= *floor { Duration::ZERO } else { (*round_trip).min(*detect_within) };
        row.put(micros(counts));
    }
    row.put(u64::from(outstanding));
    row.time_if_any(patience.map(|_| *asked_at));
    row.time_if_any(*patience);
    row.flag(*ran_out);
    let counts = compared && answered <= fresh_above;
    row.put(if counts { u64::from(sent.wrapping_sub(*fresh_above)) } else { NONE });
    row.put(strict.map_or(NONE, |strict| u64::from(sent.wrapping_sub(strict))));
}

/// Of the reason of a close that is read, only what it says of the session counts: most are told, and nothing more.
pub(crate) fn close_that_counts(reason: Reason) -> u64 {
    match reason {
        Reason::Silent
        | Reason::Superseded
        | Reason::Duplicate
        | Reason::Restarted
        | Reason::WrongPeer
        | Reason::OwnSelf
        | Reason::ProtocolError
        | Reason::Abandoned
        | Reason::System(_) => NONE,
        Reason::Left
        | Reason::Forgotten
        | Reason::Refused(_)
        | Reason::Conflict
        | Reason::Idle
        | Reason::Shutdown => digest(&reason),
    }
}

/// The same for the reason of a loss, by which a dial may end too: then it counts whether that was a failure.
pub(crate) fn loss_that_counts(reason: Reason) -> u64 {
    if reason.spares_the_address() { NONE - 1 } else { close_that_counts(reason) }
}

/// Beyond the first doubling that reaches the bound, one more is like another.
fn doublings_that_count(first: Duration, most: Duration, times: u8) -> u8 {
    let mut enough = 0;
    let mut bound = first;
    while bound < most && enough < times {
        bound = bound.saturating_mul(2);
        enough += 1;
    }
    enough
}
