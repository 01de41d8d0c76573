//! Opening a stream, for as long as it is wanted.

use std::io;
use std::net::TcpStream;

use rustix::event::PollFlags;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::until::Until;
use crate::hub::Dial;

/// Opens the stream of a dial. Nothing if it is not wanted any more.
pub(super) fn connect(to: &Dial) -> io::Result<Option<TcpStream>> {
    let until = Until::new(to.over())?;
    let address = SockAddr::from(to.address());
    let socket = Socket::new(Domain::for_address(to.address()), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address) {
        Err(error) if is_under_way(&error) => loop {
            match until.ready(&socket, PollFlags::OUT) {
                None => return Ok(None),
                Some(false) => {}
                Some(true) => break,
            }
        },
        connected => connected?,
    }
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    socket.set_nonblocking(false)?;
    Ok(Some(socket.into()))
}

#[cfg(not(windows))]
fn is_under_way(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::INPROGRESS)
}

#[cfg(windows)]
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
