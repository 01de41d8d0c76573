//! Why things are as they are: `explain(peer)` in structured form and in sentences.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::frame::PathClass;
use crate::id::{LinkId, NodeId};
use crate::machine::{MAX_PAST, MAX_SIBLINGS};
use crate::machine::{Mesh, Phase, Pulse, Side};
use crate::news::{PeerView, Standing};
use crate::reason::Reason;
use crate::rules::Rules;
use crate::storage::Storage;
use crate::time::Instant;

/// Why the link that carries the session was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Chosen {
    /// No other was there.
    Only,
    /// It goes a better kind of way than the others.
    BetterPath,
    /// Of links that are alike, it is the one that the node with the lower id dialed.
    DialedByLower,
    /// It was there first.
    First,
    /// It answered a probe, and the one that would come before it did not.
    OnlyOneToAnswer,
    /// The other node, which decides, closed the others.
    DeciderChose,
}

/// A link that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Past {
    /// Its name.
    pub link: LinkId,
    /// Who opened it.
    pub side: Side,
    /// Where its other end was.
    #[serde(with = "crate::address")]
    pub remote: Option<SocketAddr>,
    /// Why it ended.
    pub reason: Reason,
    /// Whether it had been admitted.
    pub admitted: bool,
    /// When it ended.
    pub at: Instant,
}

/// A link that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkView {
    /// Its name.
    pub link: LinkId,
    /// Who opened it.
    pub side: Side,
    /// Where its other end is.
    pub remote: Option<SocketAddr>,
    /// The kind of way that it goes.
    pub class: PathClass,
    /// What it does.
    pub role: Role,
    /// The longer of the last two round trips, once measured.
    pub round_trip: Option<Duration>,
    /// For how long nothing was heard on it.
    pub silent_for: Option<Duration>,
}

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Its stream is not open yet.
    Dialing,
    /// Its handshake is under way.
    Shaking,
    /// It carries the session.
    Carrying,
    /// It is admitted, and another carries the session.
    Waiting,
    /// It did not answer a probe in time.
    Suspect,
    /// Its other end's run is in doubt here.
    Doubted,
    /// This node's run is in doubt at its other end.
    DoubtedThere,
    /// It is about to end.
    Ending(Reason),
}

/// Whether the node will dial the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialing {
    /// There is no need to.
    NotNeeded,
    /// Nobody has said where the peer is.
    NoAddress,
    /// An attempt is under way.
    UnderWay,
    /// It waits for the dial budget of the node.
    WaitsForBudget,
    /// It is due in this time.
    In(Duration),
    /// The peer refused for a reason that will not change soon: not before this time is over.
    PausedFor(Duration),
}

/// Everything about one peer that explains what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Who, and what holds.
    pub peer: PeerView,
    /// Whether this node decides which link stays.
    pub decides_here: bool,
    /// Why the link that carries the session was chosen.
    pub chosen: Chosen,
    /// The links that exist.
    pub links: Vec<LinkView, MAX_SIBLINGS>,
    /// What became of the last ones that ended, oldest first.
    pub past: Vec<Past, MAX_PAST>,
    /// Whether the peer will be dialed.
    pub dialing: Dialing,
    /// Attempts in a row that came to nothing.
    pub failures: u8,
    /// The time that ages in `past` are counted to.
    pub now: Instant,
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    /// Why the link that carries the session with this peer was chosen, and what became of the others.
    #[must_use]
    pub fn explain(&self, id: &NodeId) -> Option<Explanation> {
        let slot = self.find(id)?;
        let peer = self.peers.get(slot)?;
        let carrier = self.carrier(slot);
        let mut links = Vec::new();
        for (place, link) in self.links_of(slot) {
            let role = match link.phase {
                Phase::Dialing { .. } => Role::Dialing,
                Phase::Shaking { .. } | Phase::Proven { .. } => Role::Shaking,
                Phase::Admitted if link.doubted_here => Role::Doubted,
                Phase::Admitted if link.doubted_there => Role::DoubtedThere,
                Phase::Admitted if Some(place) == carrier => Role::Carrying,
                Phase::Admitted if link.is_suspect() => Role::Suspect,
                Phase::Admitted => Role::Waiting,
                Phase::Draining { reason, .. } | Phase::Ended { reason } => Role::Ending(reason),
            };
            let pulse = link.pulse.as_ref();
            let view = LinkView {
                link: link.id,
                side: link.side,
                remote: link.remote,
                class: link.class,
                role,
                round_trip: pulse.map(Pulse::round_trip),
                silent_for: pulse.map(|pulse| self.clock.since(pulse.heard())),
            };
            if links.push(view).is_err() {
                break;
            }
        }
        let redial = &peer.redial;
        let dialing = if redial.is_paused(self.clock) {
            Dialing::PausedFor(redial.not_before.since(self.clock))
        } else if self.waiting.contains(&self.peers, slot) {
            Dialing::WaitsForBudget
        } else if redial.attempt.is_some() {
            Dialing::UnderWay
        } else if let Some(at) = self.outlook().pursuit_due(slot) {
            Dialing::In(at.since(self.clock))
        } else if peer.candidates.best_class().is_none() {
            Dialing::NoAddress
        } else {
            Dialing::NotNeeded
        };
        Some(Explanation {
            peer: peer.view()?,
            decides_here: self.me < *id,
            chosen: peer.chosen,
            links,
            past: peer.past.clone(),
            dialing,
            failures: redial.failures,
            now: self.clock,
        })
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.peer.id;
        match self.peer.standing {
            Standing::Up { link, .. } => {
                write!(f, "{id:?} is up: link {link} carries the session")?;
                match self.chosen {
                    Chosen::Only => f.write_str("; it was the only one."),
                    Chosen::BetterPath => f.write_str("; it goes a better kind of way than the others."),
                    Chosen::DialedByLower => {
                        f.write_str("; of links that are alike it is the one that the lower id dialed.")
                    }
                    Chosen::First => f.write_str("; it was there first."),
                    Chosen::OnlyOneToAnswer => f.write_str("; it answered a probe and the other did not."),
                    Chosen::DeciderChose => {
                        f.write_str("; the other node, which decides, closed the others.")
                    }
                }?;
            }
            Standing::Away { reason } => {
                write!(f, "{id:?} is away: {reason}. The session waits for a link.")?
            }
            Standing::Down { reason: Some(reason) } => write!(f, "{id:?} is down: {reason}.")?,
            Standing::Down { reason: None } => write!(f, "{id:?} is down: no link was tried yet.")?,
        }
        f.write_str(if self.decides_here {
            " This node decides which link stays."
        } else {
            " The other node decides which link stays."
        })?;
        if self.peer.conflict {
            f.write_str(" Its key, or ours, lives twice: only one of the two may run.")?;
        }
        for link in &self.links {
            write!(f, "\nLink {} ({}", link.link, link.side)?;
            if let Some(remote) = link.remote {
                write!(f, ", {remote}")?;
            }
            write!(f, ") {}", link.role)?;
            if let Some(silent) = link.silent_for {
                write!(f, ", last heard {silent:?} ago")?;
            }
            f.write_str(".")?;
        }
        for past in &self.past {
            write!(
                f,
                "\nLink {} ({}) ended {:?} ago: {}.",
                past.link,
                past.side,
                self.now.since(past.at),
                past.reason
            )?;
        }
        match self.dialing {
            Dialing::NotNeeded => f.write_str("\nNo dial is needed."),
            Dialing::NoAddress => f.write_str("\nIt cannot be dialed: nobody has said where it is."),
            Dialing::UnderWay => f.write_str("\nA dial is under way."),
            Dialing::WaitsForBudget => f.write_str("\nA dial waits until others are done."),
            Dialing::In(span) => {
                write!(f, "\nThe next dial is due in {span:?}, after {} that failed.", self.failures)
            }
            Dialing::PausedFor(span) => {
                write!(f, "\nIt refused for a reason that will not change soon: no dial for {span:?}.")
            }
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dialed => "dialed",
            Self::Accepted => "accepted",
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dialing => f.write_str("is not open yet"),
            Self::Shaking => f.write_str("is shaking hands"),
            Self::Carrying => f.write_str("carries the session"),
            Self::Waiting => f.write_str("waits"),
            Self::Suspect => f.write_str("did not answer a probe in time"),
            Self::Doubted => f.write_str("comes from a run that is in doubt"),
            Self::DoubtedThere => f.write_str("waits until the other end believes in this run"),
            Self::Ending(reason) => write!(f, "is ending: {reason}"),
        }
    }
}
