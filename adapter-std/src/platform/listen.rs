//! Listening for streams, and what to do when one cannot be accepted.

mod accepting;

use core::fmt;
use core::net::SocketAddr;
use std::io::{self, ErrorKind};
use std::net::TcpListener;

use socket2::{Domain, Protocol, Socket, Type};

pub use accepting::{AcceptFailure, Accepting};

/// How many streams may wait to be accepted; the system may hold it lower.
const BACKLOG: i32 = 1024;
/// How often a free port is looked for that all addresses can share.
const SHARED_PORT_ATTEMPTS: usize = 8;

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
