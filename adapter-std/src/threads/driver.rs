//! How plain threads accept, dial, read, write and sleep.

use alloc::sync::Arc;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::sync_channel;
use std::thread;

use mesh_proto::PathClass;
use rustix::event::PollFlags;

use super::dialing::connect;
use super::halves;
use super::mesh::Mesh;
use super::park::block_on_until;
use super::until::Until;
use crate::handle::{Driver, Started};
use crate::hub::{Dial, Hub, Job, Link, Outgoing};
use crate::platform::clock::{Clock, Time};
use crate::platform::listen::{AcceptFailure, Accepting};
use crate::platform::options::TcpOptions;

/// How long a write waits before it looks whether its link is over.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// Drives a node on plain threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads(());

impl Threads {
    /// By the clocks of the system.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl Driver for Threads {
    type Mesh = Mesh;

    fn time(&self) -> Arc<dyn Time> {
        Arc::new(Clock::new())
    }

    fn drive(self, started: Started) -> io::Result<Mesh> {
        let Started { mesh, hub, listeners, detect_within } = started;
        let options = TcpOptions::within(detect_within);
        for listener in listeners {
            let (hub, until) = (hub.clone(), Until::new(hub.ended())?);
            begin("mesh accept", listener, move |listener| accept(&hub, &listener, &until, options))
                .map_err(|_| exhausted())?;
        }
        begin("mesh node", hub, move |hub| look_after(&hub, options)).map_err(|_| exhausted())?;
        Ok(Mesh::new(mesh))
    }
}

/// Looks after a node until it has ended.
fn look_after(hub: &Hub, options: TcpOptions) {
    loop {
        let deadline = hub.look();
        match block_on_until(hub.job(), deadline) {
            Some(Job::Dial(to)) => {
                if let Err(to) = begin("mesh link", to, move |to| dial(to, options)) {
                    to.failed(&exhausted());
                }
            }
            Some(Job::Look) | None => {}
            Some(Job::Stop) => return,
        }
    }
}

fn dial(to: Dial, options: TcpOptions) {
    match connect(&to) {
        Ok(Some(stream)) => {
            options.apply(&stream);
            if let Some(link) = to.connected(stream.local_addr().ok(), stream.peer_addr().ok()) {
                run(link, stream);
            }
        }
        Ok(None) => {}
        Err(error) => to.failed(&error),
    }
}

fn accept(hub: &Hub, listener: &TcpListener, until: &Until, options: TcpOptions) {
    let mut accepting = Accepting::new();
    while !until.is_over() {
        let taken = listener.accept().and_then(|(stream, from)| {
            // Some systems let it take after its listener.
            stream.set_nonblocking(false)?;
            options.apply(&stream);
            let local = stream.local_addr().ok();
            match hub.accept(Some(from), local, PathClass::Direct) {
                Some(link) => begin("mesh link", link, move |link| run(link, stream)).map_err(exhaust),
                None => Ok(()),
            }
        });
        match taken {
            Ok(()) => accepting.accepted(),
            Err(error) => match accepting.failed(&error) {
                AcceptFailure::Nothing => {
                    until.ready(listener, PollFlags::IN);
                }
                AcceptFailure::One => {}
                AcceptFailure::Pause(pause) => until.pass(pause),
            },
        }
    }
}

/// Reads on this thread, and writes on another.
fn run(link: Link, stream: TcpStream) {
    let Link { incoming, mut outgoing } = link;
    let stream = Arc::new(stream);
    let writing = Arc::clone(&stream);
    write_at_once(&mut outgoing, &stream);
    match begin("mesh write", outgoing, move |outgoing| write(outgoing, &writing)) {
        Ok(()) => halves::read(incoming, &*stream),
        Err(outgoing) => {
            exhaust(Link { incoming, outgoing });
        }
    }
}

/// Lets those who send write by themselves, where the system can write to such a stream without waiting.
#[cfg(unix)]
fn write_at_once(outgoing: &mut Outgoing, stream: &Arc<TcpStream>) {
    use rustix::net::{SendFlags, send};

    let stream = Arc::clone(stream);
    let flags = SendFlags::DONTWAIT;
    // Elsewhere the standard library has told the socket itself that no signal is wanted.
    #[cfg(not(target_vendor = "apple"))]
    let flags = flags | SendFlags::NOSIGNAL;
    outgoing.writes_at_once(move |bytes| Ok(send(&*stream, bytes, flags)?));
}

#[cfg(not(unix))]
fn write_at_once(_: &mut Outgoing, _: &Arc<TcpStream>) {}

/// Writes until the link is over, and then shuts the stream, which ends a read that waits.
fn write(outgoing: Outgoing, stream: &TcpStream) {
    if let Err(error) = stream.set_write_timeout(Some(PATIENCE)) {
        log::debug!("a write may wait for longer than {PATIENCE:?}: {error}");
    }
    // What can be written without waiting still is.
    halves::write(outgoing, stream, || {
        if let Err(error) = stream.set_nonblocking(true) {
            log::debug!("the last write may wait for {PATIENCE:?}: {error}");
        }
    });
    shut(stream.shutdown(Shutdown::Both));
}

/// A stream was shut, if it was not gone before.
pub(super) fn shut(done: io::Result<()>) {
    if done.is_err() {
        log::trace!("a stream was gone before it was shut");
    }
}

/// Begins a thread that does this with what is given, or gives it back if the system has no room for one more.
pub(super) fn begin<T: Send + 'static>(
    name: &str,
    given: T,
    run: impl FnOnce(T) + Send + 'static,
) -> Result<(), T> {
    let (give, take) = sync_channel(1);
    let taken = move || {
        if let Ok(given) = take.recv() {
            run(given);
        }
    };
    match thread::Builder::new().name(name.to_owned()).spawn(taken) {
        Ok(_) => give.send(given).map_err(|unsent| unsent.0),
        Err(error) => {
            log::warn!("there is no room for one more thread: {error}");
            Err(given)
        }
    }
}

/// Ends a link that there is no thread for.
pub(super) fn exhaust(mut link: Link) -> io::Error {
    let _goes_on = link.incoming.came(Err(exhausted()));
    exhausted()
}

pub(super) fn exhausted() -> io::Error {
    ErrorKind::OutOfMemory.into()
}
