//! Being asked to stop.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// What asks to stop.
pub(crate) const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// Whether somebody wants the program to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether it is asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Asks for it.
    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The first SIGINT or SIGTERM asks to stop; the second one ends the program at once.
pub(crate) fn stop_on_signals() -> io::Result<Stop> {
    let stop = Stop::default();
    for signal in SIGNALS {
        // In this order: the first signal finds nothing asked yet.
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop.0))?;
        flag::register(signal, Arc::clone(&stop.0))?;
    }
    Ok(stop)
}
