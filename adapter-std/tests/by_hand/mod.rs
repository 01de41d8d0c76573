//! A node that nothing drives but the test.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Mutex;
use std::time::Instant;

use adapter_std::handle::{Driver, Mesh, Started};
use adapter_std::hub::Hub;
use adapter_std::platform::clock::Time;
use mesh_proto::{Now, Wait};

/// Leaves everything to the test.
#[derive(Clone, Debug)]
pub(crate) struct ByHand {
    origin: Instant,
    micros: Arc<AtomicU64>,
    /// Whoever reads it waits while this is held.
    pub(crate) stands: Arc<Mutex<()>>,
}

impl ByHand {
    pub(crate) fn pass(&self, span: Duration) {
        self.micros.fetch_add(span.as_micros() as u64, Ordering::Relaxed);
    }
}

impl Default for ByHand {
    fn default() -> Self {
        Self { origin: Instant::now(), micros: Arc::default(), stands: Arc::default() }
    }
}

impl Time for ByHand {
    fn now(&self) -> Now {
        let _reads = self.stands.lock();
        Now::single(mesh_proto::Instant::from_micros(self.micros.load(Ordering::Relaxed)))
    }

    fn deadline(&self, wait: Wait) -> Option<Instant> {
        match wait {
            Wait::Until(at) => Some(self.origin + Duration::from_micros(at.as_micros())),
            Wait::Forever => None,
        }
    }
}

impl Driver for ByHand {
    type Mesh = (Mesh, Hub);

    fn time(&self) -> Arc<dyn Time> {
        Arc::new(self.clone())
    }

    fn drive(self, started: Started) -> io::Result<(Mesh, Hub)> {
        Ok((started.mesh, started.hub))
    }
}
