//! The one place that knows which runtimes there are.

use std::io;

use adapter_smol::Smol;
use adapter_std::Threads;
use adapter_std::handle::{Builder, Driver, Mesh, StartError};
use adapter_tokio::Tokio;
use clap::ValueEnum;

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
}

/// Says what a node is to be, whatever drives it.
pub trait Setup {
    /// Says it to the builder.
    fn set_up<D: Driver>(self, builder: Builder<D>) -> Builder<D>;
}
