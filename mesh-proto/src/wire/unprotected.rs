//! The channel that protects nothing, for links that are trusted by other means.

use crate::id::NodeId;
use crate::wire::handshake::{Guard, Guarded};

impl Guard<'_> {
    /// **Not secure.** Nothing is encrypted, nothing authenticated: whoever reaches the link reads it, changes it, and
    /// is whoever it says it is. For a serial line, a pipe between two processes, a link inside another tunnel, a test.
    ///
    /// Records, hello, answer and everything after them are as in a protected channel, without keys and tags. The two
    /// kinds never talk to each other.
    #[must_use]
    pub const fn unprotected(me: NodeId) -> Self {
        Self(Guarded::Unprotected(me))
    }
}
