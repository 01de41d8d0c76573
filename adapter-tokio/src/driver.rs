//! How tokio accepts, dials, reads, writes and sleeps.

use alloc::sync::Arc;
use core::future::pending;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;
use std::time::Instant;

use adapter_std::handle::{Driver, Mesh, Started};
use adapter_std::hub::{Attached, Dial, Hub, Incoming, Job, Link, Outgoing, Unattached};
use adapter_std::platform::clock::{Clock, Time};
use adapter_std::platform::listen::{AcceptFailure, Accepting};
use adapter_std::platform::options::TcpOptions;
use mesh_proto::PathClass;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::{sleep, sleep_until, timeout};

use crate::time::TokioTime;

/// How long a stream may take to be shut; it is dropped then.
const SHUTTING: Duration = Duration::from_secs(1);

/// Drives a node on the runtime that it is started in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokio {
    on_tokio_time: bool,
}

impl Tokio {
    /// By the clocks of the system.
    #[must_use]
    pub const fn new() -> Self {
        Self { on_tokio_time: false }
    }

    /// By the clock of tokio, which tests can pause. With [attached](attach) streams only: sockets do not know of it.
    #[must_use]
    pub const fn on_tokio_time() -> Self {
        Self { on_tokio_time: true }
    }
}

impl Driver for Tokio {
    type Mesh = Mesh;

    fn time(&self) -> Arc<dyn Time> {
        if self.on_tokio_time { Arc::new(TokioTime::new()) } else { Arc::new(Clock::new()) }
    }

    fn drive(self, started: Started) -> io::Result<Mesh> {
        let Started { mesh, hub, listeners, detect_within } = started;
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        hub.keep_driver(runtime.clone());
        let options = TcpOptions::within(detect_within);
        for listener in listeners {
            let _entered = runtime.enter();
            let listener = TcpListener::from_std(listener)?;
            runtime.spawn(accept(hub.clone(), listener, options));
        }
        runtime.spawn(look_after(hub, options));
        Ok(mesh)
    }
}

/// Looks after a node until it has ended.
async fn look_after(hub: Hub, options: TcpOptions) {
    loop {
        let deadline = hub.look();
        tokio::select! {
            job = hub.job() => match job {
                Job::Dial(to) => {
                    tokio::spawn(dial(to, options));
                }
                Job::Look => {}
                Job::Stop => return,
            },
            () = sleep_to(deadline) => {}
        }
    }
}

async fn sleep_to(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

async fn dial(to: Dial, options: TcpOptions) {
    let over = to.over();
    let connected = tokio::select! {
        connected = TcpStream::connect(to.address()) => connected,
        () = over => return,
    };
    match connected {
        Ok(stream) => {
            options.apply(&stream);
            if let Some(link) = to.connected(stream.local_addr().ok(), stream.peer_addr().ok()) {
                run_tcp(link, stream);
            }
        }
        Err(error) => to.failed(&error),
    }
}

async fn accept(hub: Hub, listener: TcpListener, options: TcpOptions) {
    let mut accepting = Accepting::new();
    let mut ended = hub.ended();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut ended => return,
        };
        match accepted {
            Ok((stream, from)) => {
                accepting.accepted();
                options.apply(&stream);
                if let Some(link) = hub.accept(Some(from), stream.local_addr().ok(), PathClass::Direct) {
                    run_tcp(link, stream);
                }
            }
            Err(error) => match accepting.failed(&error) {
                AcceptFailure::Nothing | AcceptFailure::One => {}
                AcceptFailure::Pause(pause) => tokio::select! {
                    () = sleep(pause) => {}
                    () = &mut ended => return,
                },
            },
        }
    }
}

/// Joins a node to another by any stream of bytes that goes both ways and in order: of a WebSocket, TLS, a Unix socket, a
/// serial line, [`duplex`](tokio::io::duplex). One end is attached as dialed, the other as accepted. It is encrypted and
/// watched over as any other link is; when it ends nobody dials it again, and the session goes on over the next one.
///
/// Two tasks have the stream: on the runtime that drives the node, or on the one that this is called in where the node is not
/// driven by tokio. When the link is over they shut the stream, for a second at most, and drop it.
///
/// # Errors
///
/// Why it is not attached. The stream is dropped, and nothing else has changed.
pub fn attach(
    mesh: &Mesh,
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    side: Attached,
    class: PathClass,
) -> Result<(), Unattached> {
    let runtime = mesh.hub().driver().cloned().or_else(|| Handle::try_current().ok());
    let runtime = runtime.ok_or(Unattached::NoRuntime)?;
    let link = mesh.hub().attach(side, class)?;
    let (reading, writing) = tokio::io::split(stream);
    let _entered = runtime.enter();
    run(link, reading, writing);
    Ok(())
}

fn run_tcp(mut link: Link, stream: TcpStream) {
    let (reading, writing) = stream.into_split();
    let writing = Arc::new(writing);
    let at_once = Arc::clone(&writing);
    link.outgoing.writes_at_once(move |bytes| at_once.try_write(bytes));
    run(link, reading, Shared(writing));
}

/// The half of a stream that is written to, by the link's task and by those who send.
struct Shared(Arc<OwnedWriteHalf>);

impl AsyncWrite for Shared {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream: &TcpStream = self.0.as_ref().as_ref();
        loop {
            match stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(stream.poll_write_ready(context))?;
                }
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// It is shut when it is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn run(
    link: Link,
    reading: impl AsyncRead + Unpin + Send + 'static,
    writing: impl AsyncWrite + Unpin + Send + 'static,
) {
    tokio::spawn(read(link.incoming, reading));
    tokio::spawn(write(link.outgoing, writing));
}

async fn read(mut incoming: Incoming, mut stream: impl AsyncRead + Unpin) {
    let mut over = incoming.over();
    loop {
        let read = tokio::select! {
            biased;
            () = &mut over => return,
            read = stream.read(incoming.space()) => read,
        };
        if !incoming.came(read) {
            return;
        }
    }
}

async fn write(mut outgoing: Outgoing, mut stream: impl AsyncWrite + Unpin) {
    let mut over = outgoing.over();
    while outgoing.ready().await {
        let written = tokio::select! {
            biased;
            // First, so that what can be written without waiting is, when the link is over.
            written = stream.write(outgoing.bytes()) => written,
            () = &mut over => break,
        };
        if !outgoing.wrote(written) {
            break;
        }
        if outgoing.bytes().is_empty() {
            // What a stream keeps to itself goes out before anybody waits.
            let flushed = tokio::select! {
                biased;
                flushed = stream.flush() => flushed,
                () = &mut over => break,
            };
            if let Err(error) = flushed
                && !outgoing.wrote(Err(error))
            {
                break;
            }
        }
    }
    if !matches!(timeout(SHUTTING, stream.shutdown()).await, Ok(Ok(()))) {
        log::trace!("a stream was gone before it was shut");
    }
}
