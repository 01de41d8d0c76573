//! What the system says, in the machine's words.

use std::io::{self, ErrorKind};

use mesh_proto::SystemError;
use rustix::io::Errno;

/// The machine's word for an error of a stream, of a dial or of a listener.
///
/// An error without a number comes from a stream of the program's own; the machine takes it for a reset.
#[must_use]
pub fn system_error(error: &io::Error) -> SystemError {
    if is_exhausted(error) {
        return SystemError::Exhausted;
    }
    let kind = error.kind();
    let named = NAMED.iter().find(|(known, _)| *known == kind).map(|(_, word)| *word);
    named.or_else(|| error.raw_os_error().map(SystemError::Other)).unwrap_or(SystemError::Reset)
}

/// Whether this system has no room for one more socket or buffer.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    error.kind() == ErrorKind::OutOfMemory
        || Errno::from_io_error(error).is_some_and(|number| EXHAUSTED.contains(&number))
}

const NAMED: [(ErrorKind, SystemError); 11] = [
    (ErrorKind::UnexpectedEof, SystemError::Ended),
    (ErrorKind::WriteZero, SystemError::Ended),
    (ErrorKind::ConnectionReset, SystemError::Reset),
    (ErrorKind::ConnectionAborted, SystemError::Reset),
    (ErrorKind::BrokenPipe, SystemError::Reset),
    (ErrorKind::ConnectionRefused, SystemError::Refused),
    (ErrorKind::HostUnreachable, SystemError::Unreachable),
    (ErrorKind::NetworkUnreachable, SystemError::Unreachable),
    (ErrorKind::NetworkDown, SystemError::Unreachable),
    // A dial gets this where the family is switched off.
    (ErrorKind::AddrNotAvailable, SystemError::Unreachable),
    (ErrorKind::TimedOut, SystemError::TimedOut),
];

#[cfg(not(windows))]
const EXHAUSTED: &[Errno] = &[Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
#[cfg(windows)]
const EXHAUSTED: &[Errno] = &[Errno::MFILE, Errno::NOBUFS];
