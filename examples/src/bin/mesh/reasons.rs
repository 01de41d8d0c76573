//! Reasons, as one word for programs and as a sentence for people.

use alloc::borrow::Cow;
use core::fmt;

use adapter_std::handle::SendError;
use mesh_proto::{Outcome, Reason, Refusal, SystemError};
use serde::{Serialize, Serializer};

/// Why a link or a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Why(pub(crate) Reason);

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(reason) = self;
        serializer.serialize_str(&word(*reason))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(reason) = self;
        reason.fmt(f)
    }
}

fn word(reason: Reason) -> Cow<'static, str> {
    Cow::Borrowed(match reason {
        Reason::Left => "left",
        Reason::Forgotten => "forgotten",
        Reason::Silent => "silent",
        Reason::Superseded => "superseded",
        Reason::Duplicate => "duplicate",
        Reason::Restarted => "restarted",
        Reason::Refused(Refusal::NotListed) => "refused_not_listed",
        Reason::Refused(Refusal::WrongMesh) => "refused_wrong_mesh",
        Reason::Refused(Refusal::WrongVersion) => "refused_wrong_version",
        Reason::Refused(Refusal::Full) => "refused_full",
        Reason::WrongPeer => "wrong_peer",
        Reason::OwnSelf => "own_self",
        Reason::Conflict => "conflict",
        Reason::ProtocolError => "protocol_error",
        Reason::Idle => "idle",
        Reason::Shutdown => "shutdown",
        Reason::Abandoned => "abandoned",
        Reason::System(SystemError::Ended) => "system_ended",
        Reason::System(SystemError::Reset) => "system_reset",
        Reason::System(SystemError::Refused) => "system_refused",
        Reason::System(SystemError::Unreachable) => "system_unreachable",
        Reason::System(SystemError::TimedOut) => "system_timed_out",
        Reason::System(SystemError::Exhausted) => "system_exhausted",
        Reason::System(SystemError::Other(number)) => return Cow::Owned(format!("system_{number}")),
    })
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untaken {
    /// It was on its way.
    Outcome(Outcome),
    /// It was not sent.
    Error(SendError),
    /// The node ended before anything was known.
    NodeEnded,
}

impl Serialize for Untaken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&match self {
            Self::Outcome(Outcome::Ended(reason)) => word(*reason),
            Self::Outcome(Outcome::Taken) => Cow::Borrowed("taken"),
            Self::Outcome(Outcome::TooLarge { .. }) | Self::Error(SendError::TooLarge { .. }) => {
                Cow::Borrowed("too_large")
            }
            Self::Outcome(Outcome::NoRoom) | Self::Error(SendError::NoRoom) => Cow::Borrowed("no_room"),
            Self::Error(SendError::Unknown) => Cow::Borrowed("unknown"),
            Self::Error(SendError::Reserved { .. }) => Cow::Borrowed("reserved_kind"),
            Self::Error(SendError::OwnSelf) => Cow::Borrowed("own_self"),
            Self::Error(SendError::Leaving) | Self::NodeEnded => Cow::Borrowed("leaving"),
        })
    }
}

impl fmt::Display for Untaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outcome(outcome) => outcome.fmt(f),
            Self::Error(error) => error.fmt(f),
            Self::NodeEnded => f.write_str("the node ended before it was known to be taken"),
        }
    }
}
