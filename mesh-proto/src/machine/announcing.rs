//! When to say 'I am here', and what to make of others who say so (R10).

use core::net::SocketAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::announcement::{Announcement, AnnouncementKind, Cause, Vouched};
use crate::config::Config;
use crate::event::Route;
use crate::machine::Mesh;
use crate::machine::candidates::Origin;
use crate::machine::dialing::Asked;
use crate::machine::ending::How;
use crate::machine::link::earlier;
use crate::machine::peer::Rank;
use crate::machine::pulse::Strictness;
use crate::reason::Reason;
use crate::rules::{Clause, Rules};
use crate::storage::{Slot, Storage};
use crate::time::Instant;

/// The least time between two announcements, and between two answers.
const SPACING: Duration = Duration::from_secs(1);
/// Give or take this much of the time between two regular ones, in percent.
const JITTER: u32 = 15;
/// A peer's announcements are followed once in this time.
const HINT_SPACING: Duration = Duration::from_secs(10);

/// The node's own announcements.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Announcing {
    /// When the next one is due, and why.
    pub(crate) next: Option<(Instant, Cause)>,
    /// When the last one went out.
    pub(crate) last: Option<Instant>,
    /// The answer that is due, and to whom.
    #[serde(with = "crate::address")]
    pub(crate) answer: Option<(Instant, SocketAddr)>,
    /// When the last answer went out.
    pub(crate) last_answer: Option<Instant>,
    /// The announcement that must go out now.
    pub(crate) owed: Option<Cause>,
    /// The answer that must go out now.
    #[serde(with = "crate::address")]
    pub(crate) answer_owed: Option<SocketAddr>,
}

impl Announcing {
    pub(crate) fn at_start(config: &Config) -> Self {
        Self {
            next: config.announce_every.map(|_| (Instant::START, Cause::Start)),
            last: None,
            answer: None,
            last_answer: None,
            owed: None,
            answer_owed: None,
        }
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        earlier(self.next.map(|(at, _)| at), self.answer.map(|(at, _)| at))
    }
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// Announces as soon as the spacing allows, for this cause.
    pub(crate) fn announce(&mut self, cause: Cause) {
        if self.config.announce_every.is_none() || self.leaving {
            return;
        }
        let now = self.clock;
        let at = self.announcing.last.map_or(now, |last| now.max(last.after(SPACING)));
        if self.announcing.next.is_none_or(|(next, _)| at <= next) {
            self.announcing.next = Some((at, cause));
        }
    }

    /// Does what is due of it.
    pub(crate) fn announce_due(&mut self) {
        let now = self.clock;
        if let Some((at, cause)) = self.announcing.next
            && at <= now
        {
            self.announcing.owed = Some(cause);
            self.announcing.last = Some(now);
            let every = self.config.announce_every.filter(|_| !self.leaving);
            let next = every.map(|every| now.after(self.dice.about(every, JITTER)));
            self.announcing.next = next.map(|at| (at, Cause::Regular));
            self.stats.announced += 1;
        }
        if let Some((at, to)) = self.announcing.answer
            && at <= now
        {
            self.announcing.answer = None;
            self.announcing.answer_owed = Some(to);
            self.announcing.last_answer = Some(now);
            self.stats.answered += 1;
        }
    }

    /// An announcement is a hint: it can cause a probe, or make a dial due, and be answered.
    pub(crate) fn heard(&mut self, announcement: Announcement, routes: &[Route], vouched: Vouched) {
        self.stats.heard += 1;
        if announcement.node == self.me || self.leaving {
            return;
        }
        let origin = match vouched {
            Vouched::ByMember => Origin::Member,
            Vouched::ByNobody => Origin::Hint,
        };
        let farewell = announcement.kind == AnnouncementKind::Farewell;
        let known = self.find(&announcement.node);
        let Some(slot) =
            known.or_else(|| if farewell { None } else { self.add_hinted(announcement, origin) })
        else {
            self.stats.hints_dropped += 1;
            return;
        };
        if !farewell {
            self.learn(slot, routes, origin);
        }
        let linked = self.links_of(slot).any(|(_, link)| link.is_admitted());
        if !self.rules.holds(Clause::HintsOnlyHint) && (farewell || self.is_other_run(slot, announcement)) {
            self.end_links(slot, Reason::Left, How::Tell);
            self.end_session(slot, Some(Reason::Left));
        }
        self.follow(slot, announcement, origin, linked);
        let answers = announcement.kind == AnnouncementKind::Hail
            || (announcement.kind == AnnouncementKind::Answer && !self.rules.holds(Clause::AnswersAreMarked));
        if answers && (!linked || known.is_none()) {
            self.answer_later(routes);
        }
        self.review(slot);
    }

    /// Follows a hint, once in a while: a link answers for itself, or a dial is due.
    fn follow(&mut self, slot: Slot, announcement: Announcement, origin: Origin, linked: bool) {
        let now = self.clock;
        let other_run = self.is_other_run(slot, announcement) && self.rules.holds(Clause::NewRunIsProbed);
        let farewell = announcement.kind == AnnouncementKind::Farewell;
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.hint_used.is_some_and(|at| now.since(at) < HINT_SPACING) {
            return;
        }
        if linked {
            if other_run || farewell {
                peer.hint_used = Some(now);
                self.probe_all(slot, Strictness::AnyFrame);
            } else {
                self.probe_if_silent(slot);
            }
        } else if !farewell && !peer.redial.is_paused(now) && peer.redial.attempt.is_none() {
            peer.hint_used = Some(now);
            let asked = match origin {
                Origin::Hint => Asked::Hint,
                Origin::Member | Origin::Trusted => Asked::Member,
            };
            // What was asked for with a better claim is not taken down to a hint.
            peer.redial.asked = Some(peer.redial.asked.unwrap_or(asked));
            peer.redial.not_before = now;
        }
    }

    fn is_other_run(&self, slot: Slot, announcement: Announcement) -> bool {
        let known = self.peers.get(slot).and_then(|peer| peer.incarnation);
        known.is_some_and(|known| known != announcement.incarnation)
    }

    /// Remembers a node that only an announcement speaks of, while there is room.
    fn add_hinted(&mut self, announcement: Announcement, origin: Origin) -> Option<Slot> {
        let limit = self.hint_share(self.config.limits.peers);
        if origin == Origin::Hint && self.hinted_peers >= limit && self.rules.holds(Clause::HintsAreBounded) {
            return None;
        }
        let slot = self.add_peer(Some(announcement.node), Rank::Memory)?;
        if origin == Origin::Hint
            && let Some(peer) = self.peers.get_mut(slot)
        {
            peer.only_hinted = true;
            self.hinted_peers += 1;
        }
        Some(slot)
    }

    /// Answers an announcement after a random delay, to its sender alone; at most one a second in all. Whoever has a
    /// place in the table has room as a peer, and nobody else comes as far as this.
    fn answer_later(&mut self, routes: &[Route]) {
        let bounded = self.rules.holds(Clause::AnswersAreBounded);
        let Some(route) = routes.first() else { return };
        if self.config.announce_every.is_none() || (self.announcing.answer.is_some() && bounded) {
            return;
        }
        let at = self.clock.after(self.dice.up_to(SPACING));
        let at = self.announcing.last_answer.map_or(at, |last| at.max(last.after(SPACING)));
        self.announcing.answer = Some((at, route.address));
        if !bounded {
            self.announcing.answer_owed = Some(route.address);
            self.stats.answered += 1;
        }
    }

    /// The peer was met: what is known of it is more than a hint.
    pub(crate) fn is_met(&mut self, slot: Slot) {
        if let Some(peer) = self.peers.get_mut(slot)
            && core::mem::take(&mut peer.only_hinted)
        {
            self.hinted_peers = self.hinted_peers.saturating_sub(1);
        }
    }
}
