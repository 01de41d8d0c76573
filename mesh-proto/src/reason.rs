//! Why things end (rule R16): one list, the same at both ends and on the wire.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Why a link, or a session, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// The other node left.
    Left,
    /// The session was forgotten on purpose.
    Forgotten,
    /// The other end did not answer in time.
    Silent,
    /// A better link took over.
    Superseded,
    /// Another link carries the session already.
    Duplicate,
    /// A newer run of the other node is there.
    Restarted,
    /// The other end was not let in, or did not let this one in.
    Refused(Refusal),
    /// Somebody else answered than the one that was dialed.
    WrongPeer,
    /// The node met itself.
    OwnSelf,
    /// One key lives twice.
    Conflict,
    /// The other end broke the protocol.
    ProtocolError,
    /// Nobody needed the link.
    Idle,
    /// This node shuts down.
    Shutdown,
    /// The dial was not needed any more.
    Abandoned,
    /// The system ended the link or could not make it.
    System(SystemError),
}

/// Why a node is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// It is not on the list.
    NotListed,
    /// It belongs to another mesh.
    WrongMesh,
    /// There is no version that both speak.
    WrongVersion,
    /// There is no place for it.
    Full,
}

/// What the system said when a link ended or could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SystemError {
    /// The other end finished the stream.
    Ended,
    /// The other end reset the stream, or the system did.
    Reset,
    /// Nobody listens there.
    Refused,
    /// There is no way there.
    Unreachable,
    /// The system gave up waiting.
    TimedOut,
    /// This system has no room for one more.
    Exhausted,
    /// Something else, by the system's number.
    Other(i32),
}

impl Reason {
    /// Whether trying again soon cannot help (rule R12): such an ending earns the long pause.
    #[must_use]
    pub const fn lasts(self) -> bool {
        match self {
            Self::Conflict | Self::Refused(Refusal::NotListed | Refusal::Full) => true,
            Self::Left
            | Self::Forgotten
            | Self::Silent
            | Self::Superseded
            | Self::Duplicate
            | Self::Restarted
            | Self::Refused(Refusal::WrongMesh | Refusal::WrongVersion)
            | Self::WrongPeer
            | Self::OwnSelf
            | Self::ProtocolError
            | Self::Idle
            | Self::Shutdown
            | Self::Abandoned
            | Self::System(_) => false,
        }
    }

    /// Whether a dial that ends so says nothing against its address: it was not needed, or led to a link that was not.
    pub(crate) const fn spares_the_address(self) -> bool {
        match self {
            Self::Superseded | Self::Duplicate | Self::Abandoned => true,
            Self::Left
            | Self::Forgotten
            | Self::Silent
            | Self::Restarted
            | Self::Refused(_)
            | Self::WrongPeer
            | Self::OwnSelf
            | Self::Conflict
            | Self::ProtocolError
            | Self::Idle
            | Self::Shutdown
            | Self::System(_) => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("the other node left"),
            Self::Forgotten => f.write_str("the session was forgotten on purpose"),
            Self::Silent => f.write_str("the other end did not answer in time"),
            Self::Superseded => f.write_str("a better link took over"),
            Self::Duplicate => f.write_str("another link carries the session already"),
            Self::Restarted => f.write_str("a newer run of the other node is there"),
            Self::Refused(why) => write!(f, "not let in: {why}"),
            Self::WrongPeer => f.write_str("somebody else answered than the one that was dialed"),
            Self::OwnSelf => f.write_str("the node met itself"),
            Self::Conflict => f.write_str("one key lives twice"),
            Self::ProtocolError => f.write_str("the other end broke the protocol"),
            Self::Idle => f.write_str("nobody needed the link"),
            Self::Shutdown => f.write_str("this node shuts down"),
            Self::Abandoned => f.write_str("the dial was not needed any more"),
            Self::System(error) => write!(f, "the system said: {error}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotListed => "not on the list",
            Self::WrongMesh => "another mesh",
            Self::WrongVersion => "no version in common",
            Self::Full => "no place left",
        })
    }
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the other end finished the stream"),
            Self::Reset => f.write_str("the stream was reset"),
            Self::Refused => f.write_str("nobody listens there"),
            Self::Unreachable => f.write_str("there is no way there"),
            Self::TimedOut => f.write_str("no answer from the system's own timers"),
            Self::Exhausted => f.write_str("no room for one more"),
            Self::Other(number) => write!(f, "error {number}"),
        }
    }
}
