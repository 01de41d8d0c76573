//! How smol accepts, dials, reads, writes and sleeps.

use alloc::sync::{Arc, Weak};
use core::future::{Future, pending};
use core::panic::AssertUnwindSafe;
use std::io::{self, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::catch_unwind;
use std::thread;
use std::time::Instant;

use adapter_std::handle::{Driver, Mesh, Started};
use adapter_std::hub::{Dial, Hub, Incoming, Job, Link, Outgoing};
use adapter_std::platform::clock::{Clock, Time};
use adapter_std::platform::listen::{AcceptFailure, Accepting};
use adapter_std::platform::options::TcpOptions;
use async_executor::Executor;
use async_io::{Async, Timer, block_on};
use futures_lite::future::{FutureExt, yield_now};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use mesh_proto::PathClass;

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
    // What the application is asked may panic: that ends the task, and no other.
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

    fn run(&self, mut link: Link, stream: Async<TcpStream>) {
        let stream = Arc::new(stream);
        let at_once = Arc::clone(&stream);
        link.outgoing.writes_at_once(move |bytes| at_once.get_ref().write(bytes));
        self.spawn(read(link.incoming, Arc::clone(&stream)));
        self.spawn(write(link.outgoing, stream));
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
                tasks.run(link, stream);
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
                    tasks.run(link, stream);
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

async fn read(mut incoming: Incoming, stream: Arc<Async<TcpStream>>) {
    let mut over = incoming.over();
    loop {
        let mut half = &*stream;
        let reading = async { Some(half.read(incoming.space()).await) };
        let read = none_after(&mut over).or(reading).await;
        if !read.is_some_and(|read| incoming.came(read)) {
            return;
        }
        // A stream that always has more leaves the thread to the others.
        yield_now().await;
    }
}

async fn write(mut outgoing: Outgoing, stream: Arc<Async<TcpStream>>) {
    let mut over = outgoing.over();
    while outgoing.ready().await {
        let mut half = &*stream;
        let writing = async { Some(half.write(outgoing.bytes()).await) };
        // Writing first, so that what can be written without waiting is, when the link is over.
        let written = writing.or(none_after(&mut over)).await;
        if !written.is_some_and(|written| outgoing.wrote(written)) {
            break;
        }
    }
    if stream.get_ref().shutdown(Shutdown::Write).is_err() {
        log::trace!("a stream was gone before it was shut");
    }
}

/// `None` once this has come.
async fn none_after<T>(end: impl Future<Output = ()>) -> Option<T> {
    end.await;
    None
}
