//! How smol accepts, dials, reads, writes and sleeps.

use alloc::sync::{Arc, Weak};
use core::future::{Future, pending};
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io::{self, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::catch_unwind;
use std::thread;
use std::time::Instant;

use adapter_std::handle::{Driver, Mesh, Started};
use adapter_std::hub::{Attached, Dial, Hub, Incoming, Job, Link, Outgoing, Unattached};
use adapter_std::platform::clock::{Clock, Time};
use adapter_std::platform::listen::{AcceptFailure, Accepting};
use adapter_std::platform::options::TcpOptions;
use async_executor::Executor;
use async_io::{Async, Timer, block_on};
use futures_lite::future::{FutureExt, yield_now};
use futures_lite::io::split;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use mesh_proto::PathClass;

/// How long a stream may take to be shut; it is dropped then.
const SHUTTING: Duration = Duration::from_secs(1);

/// Drives a node on a thread of its own, or on an executor of the program.
#[derive(Clone, Debug, Default)]
pub struct Smol {
    on: Option<Arc<Executor<'static>>>,
}

impl Smol {
    /// On a thread of its own, which ends with the node.
    #[must_use]
    pub const fn new() -> Self {
        Self { on: None }
    }

    /// On this executor, which somebody runs.
    #[must_use]
    pub const fn on(executor: Arc<Executor<'static>>) -> Self {
        Self { on: Some(executor) }
    }
}

impl Driver for Smol {
    type Mesh = Mesh;

    fn time(&self) -> Arc<dyn Time> {
        Arc::new(Clock::new())
    }

    fn drive(self, started: Started) -> io::Result<Mesh> {
        let Started { mesh, hub, listeners, detect_within } = started;
        let listeners: Vec<_> =
            listeners.into_iter().map(Async::new_nonblocking).collect::<io::Result<_>>()?;
        let executor = self.on.clone().unwrap_or_default();
        let tasks = Tasks { executor: Arc::downgrade(&executor), options: TcpOptions::within(detect_within) };
        hub.keep_driver(tasks.clone());
        for listener in listeners {
            tasks.spawn(accept(tasks.clone(), hub.clone(), listener));
        }
        tasks.spawn(look_after(tasks.clone(), hub.clone()));
        if self.on.is_none() {
            thread::Builder::new().name("mesh smol".to_owned()).spawn(move || run_all(&executor, &hub))?;
        }
        Ok(mesh)
    }
}

/// Runs the tasks of a node until it has ended, and they too.
fn run_all(executor: &Executor<'static>, hub: &Hub) {
    let all = || {
        block_on(async {
            executor.run(hub.ended()).await;
            while !executor.is_empty() {
                executor.tick().await;
            }
        });
    };
    // What is the application's may panic, its streams and its wakers: that ends the task, and no other.
    while catch_unwind(AssertUnwindSafe(all)).is_err() {
        log::error!("a task of the node panicked");
    }
}

/// Where tasks are begun. The executor holds the tasks and not the reverse: once nobody runs it, it can go, and they with it.
#[derive(Clone)]
struct Tasks {
    executor: Weak<Executor<'static>>,
    options: TcpOptions,
}

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(executor) = self.executor.upgrade() {
            executor.spawn(task).detach();
        }
    }

    fn run_tcp(&self, mut link: Link, stream: Async<TcpStream>) {
        let stream = Arc::new(stream);
        let at_once = Arc::clone(&stream);
        link.outgoing.writes_at_once(move |bytes| at_once.get_ref().write(bytes));
        self.run(link, Half(Arc::clone(&stream)), Half(stream));
    }

    fn run(
        &self,
        link: Link,
        reading: impl AsyncRead + Unpin + Send + 'static,
        writing: impl AsyncWrite + Unpin + Send + 'static,
    ) {
        self.spawn(read(link.incoming, reading));
        self.spawn(write(link.outgoing, writing));
    }
}

/// Looks after a node until it has ended.
async fn look_after(tasks: Tasks, hub: Hub) {
    loop {
        let deadline = hub.look();
        let due = async {
            sleep_to(deadline).await;
            Job::Look
        };
        match hub.job().or(due).await {
            Job::Dial(to) => tasks.spawn(dial(tasks.clone(), to)),
            Job::Look => {}
            Job::Stop => return,
        }
    }
}

async fn sleep_to(deadline: Option<Instant>) {
    match deadline {
        Some(at) => {
            Timer::at(at).await;
        }
        None => pending().await,
    }
}

async fn dial(tasks: Tasks, to: Dial) {
    let connecting = async { Some(Async::<TcpStream>::connect(to.address()).await) };
    match connecting.or(none_after(to.over())).await {
        Some(Ok(stream)) => {
            tasks.options.apply(&stream);
            let socket = stream.get_ref();
            if let Some(link) = to.connected(socket.local_addr().ok(), socket.peer_addr().ok()) {
                tasks.run_tcp(link, stream);
            }
        }
        Some(Err(error)) => to.failed(&error),
        None => {}
    }
}

async fn accept(tasks: Tasks, hub: Hub, listener: Async<TcpListener>) {
    let mut accepting = Accepting::new();
    let mut ended = hub.ended();
    loop {
        let accepted = async { Some(listener.accept().await) };
        match none_after(&mut ended).or(accepted).await {
            Some(Ok((stream, from))) => {
                accepting.accepted();
                tasks.options.apply(&stream);
                let local = stream.get_ref().local_addr().ok();
                if let Some(link) = hub.accept(Some(from), local, PathClass::Direct) {
                    tasks.run_tcp(link, stream);
                }
            }
            Some(Err(error)) => match accepting.failed(&error) {
                AcceptFailure::Nothing | AcceptFailure::One => {}
                AcceptFailure::Pause(pause) => {
                    sleep_to(Instant::now().checked_add(pause)).or(&mut ended).await
                }
            },
            None => return,
        }
        yield_now().await;
    }
}

/// Joins a node to another by any stream of bytes that goes both ways and in order: of a WebSocket, TLS, a Unix socket, a
/// serial line, memory. One end is attached as dialed, the other as accepted. It is encrypted and watched over as any other
/// link is; when it ends nobody dials it again, and the session goes on over the next one.
///
/// Two tasks have the stream, where those of the node run. When the link is over they close the stream, for a second at most,
/// and drop it.
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
    let tasks = mesh.hub().driver::<Tasks>().ok_or(Unattached::NoRuntime)?;
    let link = mesh.hub().attach(side, class)?;
    let (reading, writing) = split(Box::pin(stream));
    tasks.run(link, reading, writing);
    Ok(())
}

async fn read(mut incoming: Incoming, mut stream: impl AsyncRead + Unpin) {
    let mut over = incoming.over();
    loop {
        let reading = async { Some(stream.read(incoming.space()).await) };
        let read = none_after(&mut over).or(reading).await;
        if !read.is_some_and(|read| incoming.came(read)) {
            return;
        }
        // A stream that always has more leaves the thread to the others.
        yield_now().await;
    }
}

async fn write(mut outgoing: Outgoing, mut stream: impl AsyncWrite + Unpin) {
    let mut over = outgoing.over();
    while outgoing.ready().await {
        let writing = async { Some(stream.write(outgoing.bytes()).await) };
        // Writing first, so that what can be written without waiting is, when the link is over.
        let written = writing.or(none_after(&mut over)).await;
        if !written.is_some_and(|written| outgoing.wrote(written)) {
            break;
        }
        if outgoing.bytes().is_empty() {
            // What a stream keeps to itself goes out before anybody waits.
            let flushing = async { Some(stream.flush().await) };
            let Some(flushed) = flushing.or(none_after(&mut over)).await else { break };
            if let Err(error) = flushed
                && !outgoing.wrote(Err(error))
            {
                break;
            }
        }
    }
    let closing = async { Some(stream.close().await) };
    let most = async {
        Timer::after(SHUTTING).await;
        None
    };
    if !matches!(closing.or(most).await, Some(Ok(()))) {
        log::trace!("a stream was gone before it was shut");
    }
}

/// One half of a socket. Closing the half that writes shuts it.
struct Half(Arc<Async<TcpStream>>);

impl AsyncRead for Half {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Half {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.get_ref().shutdown(Shutdown::Write))
    }
}

/// `None` once this has come.
async fn none_after<T>(end: impl Future<Output = ()>) -> Option<T> {
    end.await;
    None
}
