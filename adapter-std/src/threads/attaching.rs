//! Streams of the program's own.

use core::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};

use mesh_proto::PathClass;

use super::driver::{PATIENCE, begin, exhaust, shut};
use super::halves;
use super::mesh::Mesh;
use super::park::block_on;
use crate::hub::{Attached, Link, Over, Unattached};
use crate::platform::errors::system_error;

/// A stream of bytes that goes both ways and in order, and that threads can share: TCP, a Unix socket, or a [`Split`] for
/// whatever else there is.
pub trait Duplex {
    /// What one thread reads from.
    type Reading: Read + Send + 'static;
    /// What another writes to.
    type Writing: Write + Send + 'static;

    /// Its halves.
    ///
    /// # Errors
    ///
    /// What the system says. The stream is gone.
    fn split(self) -> io::Result<Split<Self::Reading, Self::Writing>>;
}

/// The halves of a stream, and what ends it.
///
/// ```
/// use adapter_std::Split;
///
/// # fn main() -> std::io::Result<()> {
/// // Two pipes: a read of one ends when the other end is closed there, and not before.
/// let ((reading, _), (_, writing)) = (std::io::pipe()?, std::io::pipe()?);
/// let pipes = Split { reading, writing, shut: Box::new(|| {}) };
/// # drop(pipes);
/// # Ok(())
/// # }
/// ```
pub struct Split<R, W> {
    /// Where bytes come. A read waits until there are some, and returns nothing at the end of the stream.
    ///
    /// Or it waits for a while only, and then says `WouldBlock` or, without a number of the system's, `TimedOut`: it is read
    /// again, for as long as the link lasts. It must not say so at once, or the thread never sleeps.
    pub reading: R,
    /// Where bytes go. It is flushed whenever there is nothing more to write; it may wait as reading may.
    pub writing: W,
    /// Shuts the stream, so that a read or a write that waits returns, at this end and at the other. It is called once, on a
    /// thread that does nothing else, when the link is over and what can be written has been, or a second has passed. Without
    /// it, a thread that waits does so until the other end closes the stream.
    pub shut: Box<dyn FnOnce() + Send>,
}

impl<R, W> fmt::Debug for Split<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Split").finish_non_exhaustive()
    }
}

impl<R: Read + Send + 'static, W: Write + Send + 'static> Duplex for Split<R, W> {
    type Reading = R;
    type Writing = W;

    fn split(self) -> io::Result<Self> {
        Ok(self)
    }
}

/// It is made to block, without a timeout; its other options stay as they are.
impl Duplex for TcpStream {
    type Reading = Self;
    type Writing = Self;

    fn split(self) -> io::Result<Split<Self, Self>> {
        self.set_nonblocking(false)?;
        self.set_read_timeout(None)?;
        self.set_write_timeout(None)?;
        let (reading, writing) = (self.try_clone()?, self.try_clone()?);
        Ok(Split { reading, writing, shut: Box::new(move || shut(self.shutdown(Shutdown::Both))) })
    }
}

/// It is made to block, without a timeout.
#[cfg(unix)]
impl Duplex for UnixStream {
    type Reading = Self;
    type Writing = Self;

    fn split(self) -> io::Result<Split<Self, Self>> {
        self.set_nonblocking(false)?;
        self.set_read_timeout(None)?;
        self.set_write_timeout(None)?;
        let (reading, writing) = (self.try_clone()?, self.try_clone()?);
        Ok(Split { reading, writing, shut: Box::new(move || shut(self.shutdown(Shutdown::Both))) })
    }
}

/// Joins a node to another by any stream of bytes that goes both ways and in order: of a WebSocket, TLS, a Unix socket, a
/// serial line, memory. One end is attached as dialed, the other as accepted. It is encrypted and watched over as any other
/// link is; when it ends nobody dials it again, and the session goes on over the next one.
///
/// Three threads have the stream: one reads, one writes, and one shuts it when the link is over, so that no other waits for
/// longer than a second. A link that the system has no thread for ends as exhausted.
///
/// # Errors
///
/// Why it is not attached. The stream is dropped, and nothing else has changed.
pub fn attach(mesh: &Mesh, stream: impl Duplex, side: Attached, class: PathClass) -> Result<(), Unattached> {
    let split = stream.split().map_err(|error| Unattached::System(system_error(&error)))?;
    let link = mesh.handle().hub().attach(side, class)?;
    run(link, split);
    Ok(())
}

fn run<R: Read + Send + 'static, W: Write + Send + 'static>(link: Link, split: Split<R, W>) {
    let Split { reading, writing, shut } = split;
    let (done, is_done) = channel();
    let over = link.incoming.over();
    if begin("mesh shut", (over, is_done, shut), |(over, is_done, shut)| ends(over, &is_done, shut)).is_err()
    {
        exhaust(link);
        return;
    }
    let Link { incoming, outgoing } = link;
    let given = (outgoing, writing, done);
    match begin("mesh write", given, |(outgoing, writing, done)| write(outgoing, writing, done)) {
        Ok(()) => {
            if let Err((mut incoming, _)) =
                begin("mesh link", (incoming, reading), |(incoming, reading)| halves::read(incoming, reading))
            {
                let _goes_on = incoming.came(Err(super::driver::exhausted()));
            }
        }
        Err((outgoing, ..)) => {
            exhaust(Link { incoming, outgoing });
        }
    }
}

fn write(outgoing: crate::hub::Outgoing, stream: impl Write, done: Sender<()>) {
    halves::write(outgoing, stream, || {});
    drop(done);
}

/// Shuts a stream when its link is over and the thread that writes is done, or has had its time.
fn ends(over: Over, is_done: &Receiver<()>, shut: impl FnOnce()) {
    block_on(over);
    let _written = is_done.recv_timeout(PATIENCE);
    shut();
}
