//! The time of tokio, which tests can stop and move.

use std::time::Instant;

use adapter_std::platform::clock::Time;
use mesh_proto::{Now, Wait};

/// Tokio's own clock, for both readings: real sockets do not know of it when it is stopped, streams in memory do.
#[derive(Debug)]
pub(crate) struct TokioTime {
    origin: tokio::time::Instant,
}

impl TokioTime {
    pub(crate) fn new() -> Self {
        Self { origin: tokio::time::Instant::now() }
    }
}

impl Time for TokioTime {
    fn now(&self) -> Now {
        Now::single(mesh_proto::Instant::START.after(self.origin.elapsed()))
    }

    fn deadline(&self, wait: Wait) -> Option<Instant> {
        match wait {
            Wait::Until(at) => {
                let since = at.since(mesh_proto::Instant::START);
                self.origin.checked_add(since).map(tokio::time::Instant::into_std)
            }
            Wait::Forever => None,
        }
    }
}
