//! Listening for streams, and what to do when one cannot be accepted.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::net::TcpListener;

use socket2::{Domain, Protocol, Socket, Type};

use super::errors::is_exhausted;

/// How many streams may wait to be accepted; the system may hold it lower.
const BACKLOG: i32 = 1024;
/// How often a free port is looked for that all addresses can share.
const SHARED_PORT_ATTEMPTS: usize = 8;
const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_MOST: Duration = Duration::from_secs(1);

/// Listens at an address; port 0 takes a free one. The listener does not block.
///
/// An IPv6 address takes IPv6 alone, so that both families can be listened at side by side and no peer comes under
/// an IPv4 address in the clothes of the other family.
///
/// # Errors
///
/// Why the address cannot be listened at, and what to do. Nothing is left open.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    open(address).map_err(|error| ListenError { address, error })
}

/// Listens at all of these addresses, or at none. Those with port 0 share one port if there is one that is free at
/// each of them: a beacon then tells the same port in both families.
///
/// # Errors
///
/// Why the first address that cannot be listened at, cannot.
pub fn listen_all(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, ListenError> {
    for _ in 0..SHARED_PORT_ATTEMPTS {
        match listen_together(addresses) {
            Err(error) if error.shared => {}
            Err(error) => return Err(error.why),
            Ok(listeners) => return Ok(listeners),
        }
    }
    addresses.iter().map(|address| listen(*address)).collect()
}

struct Together {
    why: ListenError,
    /// Only the port that the first address happened to get is in use at a later one.
    shared: bool,
}

fn listen_together(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Together> {
    let mut listeners = Vec::with_capacity(addresses.len());
    let mut port = None;
    for &address in addresses {
        let mut at = address;
        let shared = port.filter(|_| address.port() == 0);
        if let Some(port) = shared {
            at.set_port(port);
        }
        let listener = listen(at).map_err(|why| Together {
            shared: shared.is_some() && why.error.kind() == ErrorKind::AddrInUse,
            why,
        })?;
        if address.port() == 0 && port.is_none() {
            port = listener.local_addr().ok().map(|address| address.port());
        }
        listeners.push(listener);
    }
    Ok(listeners)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A node that restarts takes its port again at once. Where Windows has the option, it means to share the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Why an address cannot be listened at.
#[derive(Debug)]
pub struct ListenError {
    address: SocketAddr,
    error: io::Error,
}

impl ListenError {
    /// The address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the system said.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        write!(f, "cannot listen at {address}: ")?;
        let kind = self.error.kind();
        if kind == ErrorKind::AddrInUse {
            f.write_str("another socket has this port; end the program that holds it, or choose another port (0 takes a free one)")
        } else if kind == ErrorKind::PermissionDenied {
            write!(
                f,
                "this user may not use port {}; choose a port from 1024 on, or give the program the right to it",
                address.port()
            )
        } else if kind == ErrorKind::AddrNotAvailable {
            f.write_str("no interface of this host has the address; listen at one that it has, or at 0.0.0.0 or [::] for all")
        } else {
            write!(f, "{}", self.error)
        }
    }
}

impl core::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

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
