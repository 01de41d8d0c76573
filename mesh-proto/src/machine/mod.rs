//! The machine: events in, actions out.
//!
//! Each rule has one room: [`admission`] (R1, R7 and who is let in), [`agreement`] (R2 to R4, and the doubts of R6),
//! [`losses`] (R5), [`pulse`] (R8), [`waking`] (R9), [`announcing`] (R10), [`dialing`] (R11, R12), [`session`],
//! [`sending`] and [`receiving`] (R13, R14), [`ending`] (R15, R16), [`places`] (R17). This file is the hall: what a machine holds, how a step goes, and how a driver drains it.

mod admission;
mod agreement;
mod announcing;
#[cfg(feature = "sim")]
mod audit;
mod candidates;
mod dialing;
mod ending;
mod link;
mod losses;
pub(crate) mod mail;
mod memory;
mod outlook;
mod peer;
mod places;
mod pulse;
mod reading;
mod receiving;
mod sending;
mod session;
mod stats;
mod turn;
#[cfg(feature = "sim")]
pub(crate) mod view;
mod waking;
mod wishes;

use core::net::SocketAddr;

use heapless::Vec;
use serde::{Deserialize, Serialize};

pub use link::Side;
pub(crate) use link::{Link, Phase};
pub use peer::MAX_PAST;
pub(crate) use peer::{ByChange, ByUse, Mailed, Peer, Ready, Waiting};
pub(crate) use pulse::Pulse;
pub use stats::Stats;
pub use turn::{Answer, Turn, Unable};

use crate::chance::{Dice, Seed};
use crate::config::{Config, ConfigError};
use crate::event::Event;
use crate::id::{Incarnation, LinkId, NodeId};
use crate::news::Standing;
use crate::rate::Rate;
use crate::rules::{Clause, Rules, Shipped};
use crate::storage::{Beside, Chain, Entry, Index, Position, Slab, Slot, Storage, TimerEntry, Timers};
use crate::time::{Instant, Now};

use announcing::Announcing;
use dialing::{Budget, earliest};
use mail::{Line, Mail};
use outlook::Outlook;

/// The most links of one peer at one time, dials and those on their way out included.
pub const MAX_SIBLINGS: usize = 16;
/// The most admitted links of one peer that can be configured: the rest is for dials.
pub(crate) const MAX_LINKS_PER_PEER: u32 = 8;
/// How many addresses are remembered as the node's own.
const MAX_OWN_ADDRESSES: usize = 8;

/// The table of peers.
pub(crate) type Peers<S> = Slab<Peer, <S as Storage>::Peers<Entry<Peer>>>;
/// The table of links.
pub(crate) type Links<S> = Slab<Link, <S as Storage>::Links<Entry<Link>>>;

/// Links of one peer, by their places.
pub(crate) type Few = Vec<Slot, MAX_SIBLINGS>;

/// The machine of one node: it keeps exactly one session with every peer, and says what to do for it.
///
/// It has no socket, no clock, no thread and no randomness of its own. A driver tells it what happened, and when,
/// with [`handle`](Self::handle), and carries out what the [`Turn`] orders:
///
/// ```
/// use mesh_proto::{Action, Config, Event, Fixed, Incarnation, Instant, Mesh, NodeId, Now, Seed, Wait};
///
/// let config = Config { limits: mesh_proto::Limits { peers: 4, half_open: 4, dials_in_flight: 4, ..Default::default() }, ..Config::lan() };
/// let me = NodeId::new([1; 32]);
/// let mut mesh: Mesh<Fixed<4, 24>> = Mesh::new(me, Incarnation::new(1, 77), config, Seed::Number(5))?;
///
/// let now = Now::single(Instant::from_micros(0));
/// let turn = mesh.handle(now, Event::Tick);
/// let wait = turn.carry_out(|action| match action {
///     Action::Announce { announcement, .. } => assert_eq!(announcement.node, me),
///     other => unreachable!("there is nobody yet, and it orders {other:?}"),
/// });
/// assert!(matches!(wait, Wait::Until(_)));
/// # Ok::<(), mesh_proto::ConfigError>(())
/// ```
///
/// # Contract
///
/// * Time is given with every event, and never runs backwards ([`Now::awake`]); a reading that does counts as the
///   one before.
/// * One event at a time: the turn borrows the machine, so a second event while actions are pending does not compile.
/// * A turn that is dropped loses nothing: what is pending comes with the next one.
/// * Call again when the [`Wait`](crate::Wait) is over. An event may come at any time before. Being late is noticed
///   and does no harm to the peers (R9).
/// * An event for a link that is gone changes nothing and is counted in [`Stats::stale`].
/// * Nothing that comes from a peer makes it panic, grow beyond the configuration or touch another peer.
///
/// Behaviour does not depend on `S`, the kind of tables: the same events give the same actions on [`Heap`](crate::Heap)
/// and on [`Fixed`](crate::Fixed).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Mesh<S: Storage, R: Rules = Shipped> {
    pub(crate) rules: R,
    pub(crate) me: NodeId,
    pub(crate) incarnation: Incarnation,
    pub(crate) config: Config,
    pub(crate) dice: Dice,
    /// The machine's own time: `awake` less all lateness, so that no deadline passes while the node could not act.
    pub(crate) clock: Instant,
    /// The last readings.
    pub(crate) last: Now,
    /// How far `clock` lies behind `awake`, in microseconds.
    pub(crate) shift: u64,
    /// The deadline that was given last, as a reading of `awake`.
    pub(crate) promised: Option<Instant>,
    /// Whether this step is late.
    pub(crate) late: bool,
    /// Whether a ping that was due has gone out in this step.
    pub(crate) pinged: bool,
    pub(crate) peers: Peers<S>,
    pub(crate) links: Links<S>,
    /// The messages of each peer.
    pub(crate) mail: Beside<Mail<S>, S::Peers<Mail<S>>>,
    /// What was said of its session on each link.
    pub(crate) lines: Beside<Line, S::Links<Line>>,
    pub(crate) by_id: S::Index,
    pub(crate) by_address: S::Index,
    pub(crate) peer_timers: Timers<S::Peers<TimerEntry>, S::Peers<Position>>,
    pub(crate) link_timers: Timers<S::Links<TimerEntry>, S::Links<Position>>,
    /// Links that no order to dial made, and that are not admitted yet.
    pub(crate) half_open: S::Links<Slot>,
    pub(crate) ready: Chain<Ready>,
    pub(crate) by_change: Chain<ByChange>,
    /// The peers that may have to give way, by rank, longest idle first.
    pub(crate) by_use: [Chain<ByUse>; 3],
    pub(crate) waiting: Chain<Waiting>,
    /// The peers from which something came that is to be handed out.
    pub(crate) mailed: Chain<Mailed>,
    /// The serial of the next link.
    pub(crate) serial: u64,
    /// The number of the newest session.
    pub(crate) births: u64,
    /// The serial number of the last message that was handed out.
    pub(crate) delivered: u64,
    /// The version of the newest change.
    pub(crate) version: u64,
    pub(crate) budget: Budget,
    pub(crate) incoming: Rate,
    pub(crate) announcing: Announcing,
    /// How many peers only hints speak of that nobody vouches for.
    pub(crate) hinted_peers: u32,
    #[serde(with = "crate::address")]
    pub(crate) own_addresses: Vec<SocketAddr, MAX_OWN_ADDRESSES>,
    pub(crate) leaving: bool,
    pub(crate) stats: Stats,
}

impl<S: Storage> Mesh<S> {
    /// A machine for one run of a node.
    ///
    /// The incarnation's start number must not be lower than that of any earlier run, and its bits must be drawn
    /// anew: by them the peers tell this run from the others (R6). The seed decides about delays only.
    ///
    /// # Errors
    ///
    /// The first contradiction in the configuration, with both numbers.
    pub fn new(
        me: NodeId,
        incarnation: Incarnation,
        config: Config,
        seed: Seed,
    ) -> Result<Self, ConfigError> {
        Self::with_rules(me, incarnation, config, seed, Shipped)
    }
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// The same with other rules, to see that somebody notices.
    ///
    /// # Errors
    ///
    /// As [`Mesh::new`].
    #[doc(hidden)]
    pub fn with_rules(
        me: NodeId,
        incarnation: Incarnation,
        config: Config,
        seed: Seed,
        rules: R,
    ) -> Result<Self, ConfigError> {
        Self::check(&config)?;
        let limits = &config.limits;
        let links = usize::try_from(limits.links()).unwrap_or(usize::MAX);
        let peers = limits.peers as usize;
        Ok(Self {
            rules,
            me,
            incarnation,
            config,
            dice: Dice::new(seed),
            clock: Instant::START,
            last: Now::default(),
            shift: 0,
            promised: None,
            late: false,
            pinged: false,
            peers: Slab::new(peers),
            links: Slab::new(links),
            mail: Beside::new(),
            lines: Beside::new(),
            by_id: S::Index::default(),
            by_address: S::Index::default(),
            peer_timers: Timers::new(peers),
            link_timers: Timers::new(links),
            half_open: Default::default(),
            ready: Chain::new(),
            by_change: Chain::new(),
            by_use: [Chain::new(), Chain::new(), Chain::new()],
            waiting: Chain::new(),
            mailed: Chain::new(),
            serial: 1,
            births: 0,
            delivered: 0,
            version: 0,
            budget: Budget::default(),
            incoming: Rate::default(),
            announcing: Announcing::at_start(&config),
            hinted_peers: 0,
            own_addresses: Vec::new(),
            leaving: false,
            stats: Stats::default(),
        })
    }

    /// Whether a configuration agrees with itself and fits into the tables.
    pub(crate) fn check(config: &Config) -> Result<(), ConfigError> {
        config.check()?;
        let limits = &config.limits;
        let room = |name, asked: u64, room: Option<usize>| match room {
            Some(room) if asked > room as u64 => {
                Err(ConfigError::Capacity { name, asked, room: room as u64 })
            }
            Some(_) | None => Ok(()),
        };
        room("peers", u64::from(limits.peers), S::PEERS)?;
        room("links", limits.links(), S::LINKS)?;
        room("links (that can be named)", limits.links(), Some(LinkId::MOST))?;
        room("links per peer", u64::from(limits.links_per_peer), Some(MAX_LINKS_PER_PEER as usize))
    }

    /// Takes one event in, at this time. Everything that was due before is done first.
    pub fn handle(&mut self, now: Now, event: Event<'_>) -> Turn<'_, S, R> {
        if self.rules.holds(Clause::WakeBeforeExpiry) {
            self.notice_time(now);
            self.fire_due();
        } else {
            self.clock = self.clock.max(now.awake);
            self.fire_due();
            self.notice_time(now);
        }
        // A tick tells nothing, so nothing is due after it that was not before.
        let done = matches!(event, Event::Tick) && self.rules.holds(Clause::WakeBeforeExpiry);
        let answer = self.take_in(event);
        if !done {
            self.fire_due();
        }
        Turn::new(self, answer)
    }

    /// Who this node is.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// Which run of it this is.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What was counted.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    fn take_in(&mut self, event: Event<'_>) -> Answer {
        match event {
            Event::Incoming { from, class } => return self.incoming(from, class),
            Event::Attached { expected, class } => return self.attached(expected, class),
            Event::Connected { link } => self.connected(link),
            Event::Proven { link, proof } => self.proven(link, proof),
            Event::Frames { link, mut frames } => {
                let (mut sender, mut at) = (None, 0);
                while at < frames.len() {
                    let (read, from) = self.frame(link, &mut frames, at);
                    sender = from.or(sender);
                    at += read;
                }
                if let Some(sender) = sender {
                    self.data_was_read(sender);
                }
            }
            Event::Waits { link } => self.waits(link),
            Event::Failed { link, reason } => self.failed(link, reason),
            Event::Room { link, bytes } => self.room(link, bytes),
            Event::Closed { link, error } => self.closed(link, error),
            Event::Heard { announcement, routes, vouched } => self.heard(announcement, &routes, vouched),
            Event::Tick => {}
            Event::Wake(wake) => self.woken(wake),
            Event::Keep { peer, routes } => return self.keep(peer, &routes),
            Event::KeepAt { route } => return self.keep_at(route),
            Event::Seek { peer, routes } => return self.seek(peer, &routes),
            Event::Forget { peer } => return self.forget(peer),
            Event::ForgetAt { address } => return self.forget_at(address),
            Event::Expel { peer } => return self.expel(peer),
            Event::Send { peer, messages } => return self.send(peer, messages),
            Event::SendAll { message } => return self.send_all(&message),
            Event::Took { peer, lane, serial } => return self.took(peer, lane, serial),
            Event::Collect { peer } => return self.collect_reports(peer),
            Event::Leave => self.leave(),
        }
        Answer::Done
    }

    /// Does what is due.
    fn fire_due(&mut self) {
        loop {
            while let Some((at, slot)) = self.first_link_timer() {
                if at > self.clock {
                    break;
                }
                self.fire_link(slot);
            }
            self.ping_together();
            while let Some((at, slot)) = self.first_peer_timer() {
                if at > self.clock {
                    break;
                }
                self.fire_peer(slot);
            }
            self.announce_due();
            self.serve_waiting();
            // Who waited to dial, and found no place in the table of links, is to try the next address now.
            if self.first_peer_timer().is_none_or(|(at, _)| at > self.clock) {
                return;
            }
        }
    }

    /// When something is due next, by the machine's own time.
    pub(crate) fn due(&mut self) -> Option<Instant> {
        earliest([
            self.first_link_timer().map(|(at, _)| at),
            self.first_peer_timer().map(|(at, _)| at),
            self.announcing.due(),
            self.budget_due(),
        ])
    }

    fn first_link_timer(&mut self) -> Option<(Instant, Slot)> {
        let links = &self.links;
        self.link_timers.first(|slot| links.get(slot)?.deadline())
    }

    fn first_peer_timer(&mut self) -> Option<(Instant, Slot)> {
        let outlook: Outlook<'_, S, R> = Outlook {
            peers: &self.peers,
            links: &self.links,
            waiting: &self.waiting,
            config: &self.config,
            rules: &self.rules,
            leaving: self.leaving,
        };
        self.peer_timers.first(|slot| outlook.deadline(slot))
    }

    fn fire_link(&mut self, slot: Slot) {
        let now = self.clock;
        let Some(link) = self.links.get_mut(slot) else { return };
        let peer = link.peer;
        match link.phase {
            Phase::Dialing { until } | Phase::Shaking { until } | Phase::Proven { until } => {
                let covered = match (link.side, link.phase) {
                    (Side::Dialed, _) => Clause::DialDeadline,
                    (Side::Accepted, Phase::Proven { .. }) => Clause::AdmissionDeadline,
                    (Side::Accepted, _) => Clause::HandshakeDeadline,
                };
                if !self.rules.holds(covered) {
                    link.phase = link.phase.put_off(until.after(self.config.handshake_within * 1000));
                } else if self.late && !link.grace_used && self.rules.holds(Clause::LateStepGrace) {
                    link.grace_used = true;
                    link.phase = link.phase.put_off(now.after(self.config.probe_floor));
                } else {
                    self.dial_ran_out(slot);
                }
            }
            Phase::Admitted => {
                if !self.fire_pulse(slot) {
                    return;
                }
            }
            Phase::Draining { reason, .. } => self.drained_in_vain(slot, reason),
            Phase::Ended { .. } => {}
        }
        // What falls due at the same moment is all in before anything is made of it, so that the places in the table,
        // by which such deadlines are ordered, decide nothing.
        if let Some(slot) = peer
            && let Some(peer) = self.peers.get_mut(slot)
        {
            peer.unsettled = true;
            let placed = self.peer_timers.lower(slot, now);
            debug_assert!(placed.is_ok(), "the table of timers has a place for every peer");
        }
    }

    fn fire_peer(&mut self, slot: Slot) {
        let now = self.clock;
        if self.outlook().session_ends_at(slot).is_some_and(|at| at <= now) {
            self.waited_in_vain(slot);
        }
        if self.outlook().idle_at(slot).is_some_and(|at| at <= now) {
            self.close_as_idle(slot);
        }
        self.review(slot);
    }

    /// Looks at a peer after something about it changed: which link stays, what holds, whether to dial, when next.
    pub(crate) fn review(&mut self, slot: Slot) {
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.unsettled = false;
        }
        let chosen = self.settle(slot);
        self.publish(slot, chosen);
        self.pursue(slot);
        if self.peers.get(slot).is_some_and(|peer| peer.has_outgoing) {
            self.owe_data(slot);
        }
        self.set_timer(slot);
    }

    /// Sets the time to look at a peer again, if it is earlier than the one that is set.
    pub(crate) fn set_timer(&mut self, slot: Slot) {
        if let Some(at) = self.outlook().deadline(slot) {
            let placed = self.peer_timers.lower(slot, at);
            debug_assert!(placed.is_ok(), "the table of timers has a place for every peer");
        }
    }

    /// Notes what holds of a peer now, and tells it if that is new.
    fn publish(&mut self, slot: Slot, chosen: Option<crate::explain::Chosen>) {
        let carrier = self.carrier(slot).and_then(|carrier| self.links.get(carrier)).map(|link| link.id);
        let usable = self.links_of(slot).filter(|(_, link)| link.is_usable()).count();
        let now = self.clock;
        let derived = self.rules.holds(Clause::TargetIsDerived);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let standing = match (carrier, peer.incarnation) {
            // The weakened rule goes on pointing at the link that was told first.
            (Some(_), Some(_)) if !derived && matches!(peer.standing, Standing::Up { .. }) => peer.standing,
            (Some(link), Some(incarnation)) => Standing::Up { link, incarnation },
            (None, _) | (_, None) if peer.session => {
                Standing::Away { reason: peer.ended.unwrap_or(crate::reason::Reason::Silent) }
            }
            (None, _) | (_, None) => Standing::Down { reason: peer.ended },
        };
        peer.away_since = match standing {
            Standing::Away { .. } => Some(peer.away_since.unwrap_or(now)),
            Standing::Up { .. } | Standing::Down { .. } => None,
        };
        let lost = peer.lost_carrier.take();
        let was_up = matches!(peer.standing, Standing::Up { .. });
        if let Standing::Up { .. } = standing {
            let of_several = matches!(
                peer.ended,
                Some(crate::reason::Reason::Duplicate | crate::reason::Reason::Superseded)
            );
            if let Some(chosen) = chosen {
                peer.chosen = chosen;
            } else if was_up && usable == 1 && lost.is_some() && of_several {
                peer.chosen = crate::explain::Chosen::DeciderChose;
            } else if standing != peer.standing && usable == 1 {
                peer.chosen = crate::explain::Chosen::Only;
            }
        }
        if standing != peer.standing {
            peer.standing = standing;
            self.changed(slot);
        }
        if let Some(was_of_use) = lost
            && carrier.is_none()
        {
            self.redial_after_loss(slot, was_of_use);
        }
        self.rank(slot);
    }

    /// Tells that something about a peer changed.
    pub(crate) fn changed(&mut self, slot: Slot) {
        self.version += 1;
        let version = self.version;
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.version = version;
        }
        self.by_change.remove(&mut self.peers, slot);
        self.by_change.push_back(&mut self.peers, slot);
    }

    /// The link that the session goes over: derived whenever it is asked for, never stored.
    pub(crate) fn carrier(&self, slot: Slot) -> Option<Slot> {
        let mut best = None;
        for (place, link) in self.links_of(slot) {
            if link.is_usable() {
                let key = (link.is_suspect(), link.order);
                if best.is_none_or(|(least, _)| key < least) {
                    best = Some((key, place));
                }
            }
        }
        best.map(|(_, place)| place)
    }

    /// The peer with this id.
    pub(crate) fn find(&self, id: &NodeId) -> Option<Slot> {
        let whole = self.rules.holds(Clause::WholeIds);
        self.by_id
            .each(id.prefix())
            .find(|slot| !whole || self.peers.get(*slot).is_some_and(|peer| peer.id.as_ref() == Some(id)))
    }

    /// The place of a link, if its name still means one.
    pub(crate) fn place_of(&mut self, id: LinkId) -> Option<Slot> {
        let place = id.slot().filter(|slot| {
            self.links.get(*slot).is_some_and(|link| {
                (link.id == id || !self.rules.holds(Clause::LinkNames)) && !link.is_ended()
            })
        });
        if place.is_none() {
            self.stats.stale += 1;
        }
        place
    }

    /// The links of a peer, dials included, in order of their beginning.
    pub(crate) fn links_of(&self, slot: Slot) -> impl Iterator<Item = (Slot, &Link)> + '_ {
        self.outlook().links_of(slot)
    }

    /// Those links of a peer that `wanted` picks.
    pub(crate) fn collect(&self, slot: Slot, wanted: impl Fn(&Link) -> bool) -> Few {
        self.links_of(slot)
            .filter(|(_, link)| wanted(link))
            .map(|(place, _)| place)
            .take(MAX_SIBLINGS)
            .collect()
    }

    /// Puts a new link into the table, under a name that was never used.
    pub(crate) fn add_link(&mut self, make: impl FnOnce(LinkId) -> Link) -> Option<Slot> {
        // The name says where the link is kept, so the place comes first.
        let placeholder = LinkId::mint(self.serial, Slot::from_index(0)?)?;
        let slot = self.links.insert(make(placeholder)).ok()?;
        let id = LinkId::mint(self.serial, slot)?;
        self.serial += 1;
        let link = self.links.get_mut(slot)?;
        link.id = id;
        self.lines.reset(slot);
        Some(slot)
    }

    /// A link changed: its timer is set, and it is made ready if it owes something.
    pub(crate) fn touch(&mut self, slot: Slot) {
        let Some(link) = self.links.get(slot) else { return };
        if let Some(at) = link.deadline() {
            let placed = self.link_timers.lower(slot, at);
            debug_assert!(placed.is_ok(), "the table of timers has a place for every link");
        }
        self.make_ready(slot);
    }

    /// A link may owe something, and its deadlines have moved on at most: its timer stays as it is.
    pub(crate) fn make_ready(&mut self, slot: Slot) {
        if self.links.get(slot).is_some_and(Link::is_ready) {
            self.ready.push_back(&mut self.links, slot);
        }
    }
}
