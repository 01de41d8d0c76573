//! A runtime's tasks, and its raw streams.

use core::future::Future;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, Read, Write};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use adapter_std::handle::{Mesh, StartError};
use async_io::Async;
use futures_lite::future::block_on;
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Problem;
use crate::runtime::{Engine, Setup};

/// A runtime, to run what is measured on it.
#[derive(Debug)]
pub struct Lane {
    engine: Engine,
}

/// A raw stream of a runtime.
#[derive(Debug)]
pub enum Raw {
    /// Of tokio.
    Tokio(tokio::net::TcpStream),
    /// Of async-io.
    Smol(Async<std::net::TcpStream>),
    /// Blocking.
    Std(std::net::TcpStream),
}

/// What runs beside.
#[derive(Debug)]
pub enum Beside<T> {
    /// As a task of tokio.
    Tokio(tokio::task::JoinHandle<T>),
    /// On a thread of its own.
    Thread(JoinHandle<T>),
}

impl Lane {
    /// On a runtime that goes.
    #[must_use]
    pub const fn on(engine: Engine) -> Self {
        Self { engine }
    }

    /// Starts a node.
    ///
    /// # Errors
    ///
    /// Why it cannot be started.
    pub fn start(&self, setup: impl Setup) -> Result<Mesh, StartError> {
        self.engine.start(setup)
    }

    /// Runs something to its end.
    pub fn run<T: Send + 'static>(
        &self,
        what: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Problem> {
        match &self.engine {
            Engine::Tokio(runtime) => Ok(runtime.block_on(runtime.spawn(what))?),
            Engine::Smol | Engine::Std => Ok(block_on(what)),
        }
    }

    /// Runs something beside.
    pub fn beside<T: Send + 'static>(&self, what: impl Future<Output = T> + Send + 'static) -> Beside<T> {
        match &self.engine {
            Engine::Tokio(runtime) => Beside::Tokio(runtime.spawn(what)),
            Engine::Smol | Engine::Std => Beside::Thread(thread::spawn(move || block_on(what))),
        }
    }

    /// What came of it.
    pub fn join<T: Send + 'static>(&self, beside: Beside<T>) -> Result<T, Problem> {
        match (beside, &self.engine) {
            (Beside::Tokio(task), Engine::Tokio(runtime)) => Ok(runtime.block_on(task)?),
            (Beside::Thread(thread), _) => thread.join().map_err(|_| "what ran beside panicked".into()),
            (Beside::Tokio(_), Engine::Smol | Engine::Std) => Err("a task of another runtime".into()),
        }
    }

    /// Both ends of a stream over loopback.
    pub fn raw_pair(&self) -> io::Result<(Raw, Raw)> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let near = std::net::TcpStream::connect(listener.local_addr()?)?;
        let (far, _) = listener.accept()?;
        Ok((self.raw(near)?, self.raw(far)?))
    }

    /// How long it takes to dial and to be accepted.
    pub fn connect(&self) -> Result<Duration, Problem> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        match &self.engine {
            Engine::Tokio(_) => self.run(async move { tokio_connect(listener, address).await })?,
            Engine::Smol => self.run(async move { smol_connect(listener, address).await })?,
            Engine::Std => std_connect(&listener, address),
        }
        .map_err(Problem::from)
    }

    fn raw(&self, stream: std::net::TcpStream) -> io::Result<Raw> {
        stream.set_nodelay(true)?;
        Ok(match &self.engine {
            Engine::Tokio(runtime) => {
                stream.set_nonblocking(true)?;
                let _entered = runtime.enter();
                Raw::Tokio(tokio::net::TcpStream::from_std(stream)?)
            }
            Engine::Smol => Raw::Smol(Async::new(stream)?),
            Engine::Std => Raw::Std(stream),
        })
    }
}

async fn tokio_connect(listener: std::net::TcpListener, address: SocketAddr) -> io::Result<Duration> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let began = Instant::now();
    let (dialed, accepted) =
        futures_lite::future::zip(tokio::net::TcpStream::connect(address), listener.accept()).await;
    drop((dialed?, accepted?));
    Ok(began.elapsed())
}

async fn smol_connect(listener: std::net::TcpListener, address: SocketAddr) -> io::Result<Duration> {
    let listener = Async::new(listener)?;
    let began = Instant::now();
    let dialed = Async::<std::net::TcpStream>::connect(address);
    let (dialed, accepted) = futures_lite::future::zip(dialed, listener.accept()).await;
    drop((dialed?, accepted?));
    Ok(began.elapsed())
}

fn std_connect(listener: &std::net::TcpListener, address: SocketAddr) -> io::Result<Duration> {
    let began = Instant::now();
    let dialed = std::net::TcpStream::connect(address)?;
    drop((dialed, listener.accept()?));
    Ok(began.elapsed())
}

impl Raw {
    /// Reads what there is.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tokio(stream) => stream.read(buffer).await,
            Self::Smol(stream) => stream.read(buffer).await,
            Self::Std(stream) => Read::read(stream, buffer),
        }
    }

    /// Fills the buffer.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub async fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Tokio(stream) => stream.read_exact(buffer).await.map(drop),
            Self::Smol(stream) => stream.read_exact(buffer).await,
            Self::Std(stream) => Read::read_exact(stream, buffer),
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tokio(stream) => stream.write_all(bytes).await,
            Self::Smol(stream) => stream.write_all(bytes).await,
            Self::Std(stream) => Write::write_all(stream, bytes),
        }
    }
}
