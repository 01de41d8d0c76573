//! A node that nothing drives but the test.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
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
}

impl ByHand {
    pub(crate) fn pass(&self, span: Duration) {
        self.micros.fetch_add(span.as_micros() as u64, Ordering::Relaxed);
    }
}

impl Default for ByHand {
    fn default() -> Self {
        Self { origin: Instant::now(), micros: Arc::default() }
    }
}

impl Time for ByHand {
    fn now(&self) -> Now {
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
