//! What to do when accepting fails.

use core::time::Duration;
use std::io::{self, ErrorKind};

use crate::platform::errors::is_exhausted;

const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_MOST: Duration = Duration::from_secs(1);

/// What to do when a listener gives an error instead of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptFailure {
    /// Nothing waits to be accepted: wait until the listener is ready.
    Nothing,
    /// The stream that waited is gone, and it alone: accept the next one.
    One,
    /// The system has no room for one more stream, or the listener does not work: accept again after this time. Links
    /// that exist are not touched.
    Pause(Duration),
}

/// Judges the errors of one listener; its pauses grow from 10 ms to a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accepting {
    last_pause: Option<Duration>,
}

impl Accepting {
    /// A listener of which nothing bad is known.
    #[must_use]
    pub const fn new() -> Self {
        Self { last_pause: None }
    }

    /// A stream was accepted: the next pause is a short one again.
    pub const fn accepted(&mut self) {
        self.last_pause = None;
    }

    /// The listener gave this error.
    pub fn failed(&mut self, error: &io::Error) -> AcceptFailure {
        let kind = error.kind();
        if kind == ErrorKind::WouldBlock {
            AcceptFailure::Nothing
        } else if !is_exhausted(error) && ends_one(error) {
            AcceptFailure::One
        } else {
            let pause = self.last_pause.map_or(PAUSE_FIRST, |last| last.saturating_mul(2).min(PAUSE_MOST));
            self.last_pause = Some(pause);
            log::debug!("accepting pauses for {pause:?}: {error}");
            AcceptFailure::Pause(pause)
        }
    }
}

/// Whether the error belongs to the stream that was to be accepted. Linux hands on what the network said of it.
fn ends_one(error: &io::Error) -> bool {
    const KINDS: [ErrorKind; 8] = [
        ErrorKind::ConnectionAborted,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionRefused,
        ErrorKind::Interrupted,
        ErrorKind::HostUnreachable,
        ErrorKind::NetworkUnreachable,
        ErrorKind::NetworkDown,
        // A firewall of the host turned it away.
        ErrorKind::PermissionDenied,
    ];
    KINDS.contains(&error.kind()) || is_protocol_error(error)
}

#[cfg(not(windows))]
fn is_protocol_error(error: &io::Error) -> bool {
    use rustix::io::Errno;
    const OF_ONE: [Errno; 3] = [Errno::PROTO, Errno::NOPROTOOPT, Errno::HOSTDOWN];
    Errno::from_io_error(error).is_some_and(|number| OF_ONE.contains(&number))
}

#[cfg(windows)]
fn is_protocol_error(_error: &io::Error) -> bool {
    false
}
