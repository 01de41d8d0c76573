//! The one place that knows which runtimes there are.

use std::io;
#[cfg(unix)]
use std::os::unix::net::UnixStream;

use adapter_smol::Smol;
use adapter_std::Threads;
use adapter_std::handle::{Builder, Driver, Mesh, StartError};
#[cfg(unix)]
use adapter_std::hub::{Attached, Unattached};
#[cfg(unix)]
use adapter_std::platform::errors::system_error;
use adapter_tokio::Tokio;
use clap::ValueEnum;
#[cfg(unix)]
use mesh_proto::PathClass;

/// What drives the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Runtime {
    /// Tokio, on as many threads as there are cores.
    #[default]
    Tokio,
    /// Smol, on a thread of the node's own.
    Smol,
    /// No runtime: plain threads.
    Std,
}

impl Runtime {
    /// Each of them.
    pub const EACH: [Self; 3] = [Self::Tokio, Self::Smol, Self::Std];

    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tokio => "tokio",
            Self::Smol => "smol",
            Self::Std => "std",
        }
    }

    /// Gets it going.
    ///
    /// # Errors
    ///
    /// The system has no room for its threads.
    pub fn begin(self) -> io::Result<Engine> {
        Ok(match self {
            Self::Tokio => Engine::Tokio(tokio::runtime::Builder::new_multi_thread().enable_all().build()?),
            Self::Smol => Engine::Smol,
            Self::Std => Engine::Std,
        })
    }
}

/// A runtime that goes. Its nodes end with it.
#[derive(Debug)]
pub enum Engine {
    /// Tokio, with its threads.
    Tokio(tokio::runtime::Runtime),
    /// Smol: each node brings its thread.
    Smol,
    /// Plain threads: each node brings its own.
    Std,
}

impl Engine {
    /// Starts a node on it.
    ///
    /// # Errors
    ///
    /// Why it cannot be started.
    pub fn start(&self, setup: impl Setup) -> Result<Mesh, StartError> {
        match self {
            Self::Tokio(runtime) => {
                let _entered = runtime.enter();
                setup.set_up(Builder::new(Tokio::new())).start()
            }
            Self::Smol => setup.set_up(Builder::new(Smol::new())).start(),
            Self::Std => setup.set_up(Builder::new(Threads::new())).start().map(|mesh| mesh.handle().clone()),
        }
    }

    /// Attaches a stream to a node that runs on it.
    ///
    /// # Errors
    ///
    /// Why it is not attached.
    #[cfg(unix)]
    pub fn attach(
        &self,
        mesh: &Mesh,
        stream: UnixStream,
        side: Attached,
        class: PathClass,
    ) -> Result<(), Unattached> {
        let failed = |error: io::Error| Unattached::System(system_error(&error));
        match self {
            Self::Tokio(runtime) => {
                let _entered = runtime.enter();
                stream.set_nonblocking(true).map_err(failed)?;
                let stream = tokio::net::UnixStream::from_std(stream).map_err(failed)?;
                adapter_tokio::attach(mesh, stream, side, class)
            }
            Self::Smol => {
                let stream = async_io::Async::new(stream).map_err(failed)?;
                adapter_smol::attach(mesh, stream, side, class)
            }
            Self::Std => adapter_std::attach(&mesh.clone().into(), stream, side, class),
        }
    }
}

/// Says what a node is to be, whatever drives it.
pub trait Setup {
    /// Says it to the builder.
    fn set_up<D: Driver>(self, builder: Builder<D>) -> Builder<D>;
}
