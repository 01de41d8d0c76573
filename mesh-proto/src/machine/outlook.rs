//! When a peer must be looked at again, read off what is known of it.

use crate::config::Config;
use crate::frame::PathClass;
use crate::machine::dialing::{ABREAST, Asked, earliest};
use crate::machine::link::{Link, Phase, Side};
use crate::machine::{Links, Mesh, Peers, Waiting};
use crate::reason::Reason;
use crate::rules::{Clause, Rules};
use crate::storage::{Chain, Slot, Storage};
use crate::time::Instant;

/// What deadlines of peers are read from: the whole machine but its timers.
pub(crate) struct Outlook<'m, S: Storage, R> {
    pub(crate) peers: &'m Peers<S>,
    pub(crate) links: &'m Links<S>,
    pub(crate) waiting: &'m Chain<Waiting>,
    pub(crate) config: &'m Config,
    pub(crate) rules: &'m R,
    pub(crate) leaving: bool,
}

/// What the links of one peer mean for dialing it.
pub(crate) struct Survey {
    /// The best kind of way among the links that are up and not suspect.
    pub(crate) healthy: Option<PathClass>,
    /// Dials under way.
    pub(crate) under_way: usize,
}

impl<'m, S: Storage, R: Rules> Outlook<'m, S, R> {
    /// When a peer must be looked at again, its links aside.
    pub(crate) fn deadline(&self, slot: Slot) -> Option<Instant> {
        if self.peers.get(slot)?.unsettled {
            return Some(Instant::START);
        }
        earliest([self.pursuit_due(slot), self.session_ends_at(slot), self.idle_at(slot)])
    }

    /// When there is something to dial.
    pub(crate) fn pursuit_due(&self, slot: Slot) -> Option<Instant> {
        let peer = self.peers.get(slot)?;
        let survey = self.survey(slot);
        if let Some(attempt) = peer.redial.attempt {
            let has_next = peer.candidates.has_next(attempt.worst);
            let more = survey.under_way < ABREAST && has_next && !self.waiting.contains(self.peers, slot);
            // A dial that found no place in the table of links leaves nothing behind that would end the attempt.
            let over = survey.under_way == 0 && !has_next;
            return (more || over).then_some(attempt.next_at);
        }
        let wanted = peer.kept_here || peer.session || peer.has_outgoing || peer.redial.asked.is_some();
        (wanted && !self.leaving && self.attempt_helps(slot, &survey)).then_some(peer.redial.not_before)
    }

    /// Whether a link that a dial could lead to would be better than what there is.
    pub(crate) fn attempt_helps(&self, slot: Slot, survey: &Survey) -> bool {
        let Some(peer) = self.peers.get(slot) else { return false };
        let Some(best) = peer.candidates.best_class() else { return false };
        if !self.rules.holds(Clause::OneAttempt) {
            return peer.redial.asked.is_some() || survey.healthy.is_none();
        }
        let insists = peer.redial.asked == Some(Asked::Caller);
        survey.under_way == 0 && survey.healthy.is_none_or(|have| best < have || insists)
    }

    /// What the links of a peer mean for dialing it.
    pub(crate) fn survey(&self, slot: Slot) -> Survey {
        let mut survey = Survey { healthy: None, under_way: 0 };
        let dial_suspects = self.rules.holds(Clause::SuspectsAreDialed);
        let any_serves = self.rules.holds(Clause::AnyLinkServes);
        for (_, link) in self.links_of(slot) {
            if matches!(link.side, Side::Accepted) && !any_serves {
                continue;
            }
            // A close for lack of use is asked for, not done: until it is answered the link may come back.
            let asks_to_end = matches!(link.phase, Phase::Draining { reason: Reason::Idle, .. });
            if link.is_attempt() {
                survey.under_way += 1;
            } else if (link.is_admitted() && !(link.is_suspect() && dial_suspects)) || asks_to_end {
                survey.healthy = Some(survey.healthy.map_or(link.class, |best| best.min(link.class)));
            }
        }
        survey
    }

    /// When a session without a link ends by itself, or the wait for one: after a long pause, if neither side keeps it.
    pub(crate) fn session_ends_at(&self, slot: Slot) -> Option<Instant> {
        let peer = self.peers.get(slot)?;
        if !peer.session {
            // Messages wait for a session to begin as long as for one to go on.
            let waits = peer.has_outgoing && !peer.kept_here;
            return waits.then(|| peer.used.after(self.config.pause_first));
        }
        let held = peer.kept_here || peer.kept_there;
        peer.away_since.filter(|_| !held).map(|since| since.after(self.config.pause_first))
    }

    /// When a session that neither side keeps is closed for lack of use.
    pub(crate) fn idle_at(&self, slot: Slot) -> Option<Instant> {
        let peer = self.peers.get(slot)?;
        let after = self.config.idle_after?;
        let held = peer.kept_here || peer.kept_there || peer.has_mail || !peer.session;
        let usable = self.links_of(slot).any(|(_, link)| link.is_usable());
        (!held && usable).then(|| peer.used.after(after))
    }

    /// The links of a peer, dials included, in order of their beginning.
    pub(crate) fn links_of(&self, slot: Slot) -> impl Iterator<Item = (Slot, &'m Link)> + use<'m, S, R> {
        let links = self.links;
        let chain = self.peers.get(slot).map(|peer| &peer.links);
        chain
            .into_iter()
            .flat_map(move |chain| chain.iter(links))
            .filter_map(move |place| links.get(place).map(|link| (place, link)))
    }
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    pub(crate) fn outlook(&self) -> Outlook<'_, S, R> {
        Outlook {
            peers: &self.peers,
            links: &self.links,
            waiting: &self.waiting,
            config: &self.config,
            rules: &self.rules,
            leaving: self.leaving,
        }
    }
}
