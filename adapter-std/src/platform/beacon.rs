//! Datagrams to the neighbourhood (R10): bytes in, bytes out.
//!
//! On every interface that can multicast there is, for each family, an ear and a mouth. The ear is bound to the port
//! of the group, which all nodes of a host share. The mouth has a port of its own, from which everything goes out: so
//! an answer to it reaches this node and not another one on the same host. Both are heard.

mod following;
mod sources;

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::io::{self, ErrorKind};
use std::net::UdpSocket;

use socket2::{Domain, Protocol, Socket, Type};

use super::interfaces::Interface;
pub use following::{Beacons, Followed, MAX_INTERFACES};
pub use sources::Sources;

/// The most that one datagram holds: it fits any link whole.
pub const MAX_DATAGRAM: usize = 1200;

/// Where the neighbourhood listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// The IPv4 group.
    pub v4: Ipv4Addr,
    /// The IPv6 group.
    pub v6: Ipv6Addr,
    /// The port of both.
    pub port: u16,
}

impl Group {
    /// The group of all meshes that do not choose one of their own: local in both families, and a port that systems
    /// do not give out by themselves.
    pub const COMMON: Self = Self {
        v4: Ipv4Addr::new(239, 255, 109, 104),
        v6: Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0x6d65, 0x7368),
        port: 27_182,
    };
}

impl Default for Group {
    fn default() -> Self {
        Self::COMMON
    }
}

/// One family on one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plane {
    /// IPv4, from this address of the interface.
    V4 {
        /// The interface's number.
        interface: u32,
        /// What its datagrams come from.
        address: Ipv4Addr,
    },
    /// IPv6, from this address of the interface.
    V6 {
        /// The interface's number.
        interface: u32,
        /// What its datagrams come from.
        address: Ipv6Addr,
    },
}

impl Plane {
    /// The number of the interface.
    #[must_use]
    pub const fn interface(&self) -> u32 {
        match self {
            Self::V4 { interface, .. } | Self::V6 { interface, .. } => *interface,
        }
    }

    fn of(interface: &Interface) -> impl Iterator<Item = Self> {
        let index = interface.index;
        let v4 = interface.multicast_v4().map(|address| Self::V4 { interface: index, address });
        let v6 = interface.multicast_v6().map(|address| Self::V6 { interface: index, address });
        v4.into_iter().chain(v6)
    }
}

/// The ear and the mouth of one family on one interface. Neither blocks.
#[derive(Debug)]
pub struct Beacon {
    plane: Plane,
    group: SocketAddr,
    ear: UdpSocket,
    mouth: UdpSocket,
}

impl Beacon {
    /// Joins the group on one plane.
    ///
    /// # Errors
    ///
    /// The system does not let it; nothing is left open.
    pub fn open(group: &Group, plane: Plane) -> io::Result<Self> {
        match plane {
            Plane::V4 { address, .. } => Self::open_v4(group, plane, address),
            Plane::V6 { interface, address } => Self::open_v6(group, plane, interface, address),
        }
    }

    fn open_v4(group: &Group, plane: Plane, address: Ipv4Addr) -> io::Result<Self> {
        let ear = socket(Domain::IPV4)?;
        share_port(&ear)?;
        ear.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, group.port).into())?;
        ear.join_multicast_v4(&group.v4, &address)?;
        #[cfg(target_os = "linux")]
        ear.set_multicast_all_v4(false)?;
        let mouth = socket(Domain::IPV4)?;
        mouth.set_multicast_if_v4(&address)?;
        mouth.set_multicast_loop_v4(true)?;
        mouth.set_multicast_ttl_v4(1)?;
        mouth.bind(&SocketAddrV4::new(address, 0).into())?;
        let to = SocketAddrV4::new(group.v4, group.port);
        Ok(Self { plane, group: to.into(), ear: ear.into(), mouth: mouth.into() })
    }

    fn open_v6(group: &Group, plane: Plane, interface: u32, address: Ipv6Addr) -> io::Result<Self> {
        let ear = socket(Domain::IPV6)?;
        ear.set_only_v6(true)?;
        share_port(&ear)?;
        ear.bind(&SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, group.port, 0, 0).into())?;
        ear.join_multicast_v6(&group.v6, interface)?;
        #[cfg(target_os = "linux")]
        ear.set_multicast_all_v6(false)?;
        let mouth = socket(Domain::IPV6)?;
        mouth.set_only_v6(true)?;
        mouth.set_multicast_if_v6(interface)?;
        mouth.set_multicast_loop_v6(true)?;
        mouth.set_multicast_hops_v6(1)?;
        // Fails as long as the system still asks whether the address is free: nothing could be sent from it.
        mouth.bind(&SocketAddrV6::new(address, 0, 0, scope_of(address, interface)).into())?;
        let to = SocketAddrV6::new(group.v6, group.port, 0, interface);
        Ok(Self { plane, group: to.into(), ear: ear.into(), mouth: mouth.into() })
    }

    /// Which family on which interface.
    #[must_use]
    pub const fn plane(&self) -> Plane {
        self.plane
    }

    /// Both sockets, to wait until one can be read.
    #[must_use]
    pub const fn sockets(&self) -> [&UdpSocket; 2] {
        [&self.ear, &self.mouth]
    }

    /// Tells everybody on this plane.
    ///
    /// # Errors
    ///
    /// The datagram is too long, or the system does not take it now.
    pub fn send_to_all(&self, datagram: &[u8]) -> io::Result<()> {
        send(&self.mouth, datagram, self.group)
    }

    /// Tells one node, at the source of a datagram that came from it.
    ///
    /// # Errors
    ///
    /// The datagram is too long, or the system does not take it now.
    pub fn send_to_one(&self, datagram: &[u8], source: SocketAddr) -> io::Result<()> {
        send(&self.mouth, datagram, source)
    }

    /// Takes the next datagram that came; `None` when there is none now. One's own come back, too.
    ///
    /// # Errors
    ///
    /// The sockets do not work any more: open the plane again.
    pub fn receive<'b>(&self, buffer: &'b mut Buffer) -> io::Result<Option<Heard<'b>>> {
        for socket in self.sockets() {
            if let Some((length, source)) = next_of(socket, buffer)? {
                let whence = Whence { source, plane: self.plane };
                return Ok(Some(Heard { whence, datagram: buffer.0.get(..length).unwrap_or(&[]) }));
            }
        }
        Ok(None)
    }
}

/// Only link-local addresses are bound with a scope.
fn scope_of(address: Ipv6Addr, interface: u32) -> u32 {
    if address.is_unicast_link_local() { interface } else { 0 }
}

/// How many datagrams that are no use are passed over at once.
const PASSED_OVER: usize = 64;

fn next_of(socket: &UdpSocket, buffer: &mut Buffer) -> io::Result<Option<(usize, SocketAddr)>> {
    for _ in 0..PASSED_OVER {
        match socket.recv_from(&mut buffer.0) {
            // A longer one than is ever sent was cut off.
            Ok((length, _)) if length > MAX_DATAGRAM => {}
            Ok(whole) => return Ok(Some(whole)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if is_about_another(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Errors that some systems tell of an earlier datagram, or of one that was too long for the buffer.
fn is_about_another(error: &io::Error) -> bool {
    const WSAEMSGSIZE: i32 = 10_040;
    let kind = error.kind();
    kind == ErrorKind::Interrupted
        || kind == ErrorKind::ConnectionReset
        || kind == ErrorKind::ConnectionRefused
        || (cfg!(windows) && error.raw_os_error() == Some(WSAEMSGSIZE))
}

fn send(mouth: &UdpSocket, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
    if datagram.len() > MAX_DATAGRAM {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the datagram is longer than a beacon may be"));
    }
    mouth.send_to(datagram, to).map(|_| ())
}

fn socket(family: Domain) -> io::Result<Socket> {
    let socket = Socket::new(family, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// All nodes of a host listen at the one port of the group.
fn share_port(ear: &Socket) -> io::Result<()> {
    ear.set_reuse_address(true)?;
    // Where systems come from BSD, only this lets several sockets have one port.
    #[cfg(all(
        unix,
        not(any(target_os = "solaris", target_os = "illumos", target_os = "linux", target_os = "android"))
    ))]
    ear.set_reuse_port(true)?;
    Ok(())
}

/// Room for one datagram, and a byte to notice one that is too long.
pub struct Buffer([u8; MAX_DATAGRAM + 1]);

impl Buffer {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; MAX_DATAGRAM + 1])
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").finish_non_exhaustive()
    }
}

/// A datagram that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard<'b> {
    /// Where it came from.
    pub whence: Whence,
    /// What it says.
    pub datagram: &'b [u8],
}

/// Where a datagram came from, which is where an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whence {
    /// The address, with its scope: it can be dialed as it is, with the port that the datagram tells.
    pub source: SocketAddr,
    /// Where it was heard.
    pub plane: Plane,
}

impl Whence {
    /// The address to dial if the datagram tells that its sender listens at `port`.
    #[must_use]
    pub fn dialed(&self, port: u16) -> SocketAddr {
        let mut address = self.source;
        address.set_port(port);
        address
    }
}
