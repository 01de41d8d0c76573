//! Looking names up without waiting for them.
//!
//! The system's resolver blocks, for half a minute if nobody answers, and cannot be called off. So it has threads of
//! its own: at most [`MAX_THREADS`] of them, made when they are needed and gone when there is nothing to do.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::fmt;
use core::net::SocketAddr;
use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::io;
use std::net::ToSocketAddrs;
use std::panic::catch_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How many names are looked up at one time.
pub const MAX_THREADS: usize = 4;
/// How many wait for their turn.
pub const MAX_WAITING: usize = 64;
/// How many addresses of one name are used.
pub const MAX_ADDRESSES: usize = 16;
/// How long a thread stays when there is nothing to do.
const STAYS: Duration = Duration::from_secs(5);

/// Looks names up on threads of its own. Copies share them.
///
/// Dropping the last copy ends the threads: at once if they wait, after its answer if one looks something up. What
/// waits for its turn is dropped with what was to be told.
#[derive(Clone)]
pub struct Resolver {
    shared: Arc<Shared>,
    _end: Arc<End>,
}

/// What is called with the addresses, in the order in which to try them, or with what went wrong.
type Told = Box<dyn FnOnce(Result<Vec<SocketAddr>, NameError>) + Send>;

struct Shared {
    work: Mutex<Work>,
    more: Condvar,
}

#[derive(Default)]
struct Work {
    waiting: VecDeque<(String, Told)>,
    threads: usize,
    idle: usize,
    over: bool,
}

/// Ends the threads once the last resolver is gone; the threads themselves hold [`Shared`].
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        let mut work = self.0.lock();
        work.over = true;
        let unanswered = core::mem::take(&mut work.waiting);
        drop(work);
        self.0.more.notify_all();
        drop(unanswered);
    }
}

impl Resolver {
    /// A resolver without any thread yet.
    #[must_use]
    pub fn new() -> Self {
        let shared = Arc::new(Shared { work: Mutex::default(), more: Condvar::new() });
        Self { _end: Arc::new(End(Arc::clone(&shared))), shared }
    }

    /// Looks up `name`, which is `host:port`, and calls `told` once, on another thread or on this one. An address in
    /// place of the host is taken as it is. Both families are told, in turns, the first as the system prefers.
    pub fn look_up(
        &self,
        name: &str,
        told: impl FnOnce(Result<Vec<SocketAddr>, NameError>) + Send + 'static,
    ) {
        if let Ok(address) = name.parse() {
            return told(Ok(vec![address]));
        }
        let mut work = self.shared.lock();
        if work.waiting.len() >= MAX_WAITING {
            drop(work);
            return told(Err(NameError::Busy));
        }
        let needs_thread = work.idle <= work.waiting.len() && work.threads < MAX_THREADS;
        work.waiting.push_back((name.to_owned(), Box::new(told)));
        if needs_thread {
            work.threads += 1;
            drop(work);
            self.begin_thread();
        } else {
            drop(work);
            self.shared.more.notify_one();
        }
    }

    fn begin_thread(&self) {
        let shared = Arc::clone(&self.shared);
        let begun = thread::Builder::new().name("mesh names".to_owned()).spawn(move || shared.serve());
        let Err(error) = begun else { return };
        log::debug!("no thread to look names up: {error}");
        let mut work = self.shared.lock();
        work.threads -= 1;
        // With other threads the name waits for them; without any it would wait for ever.
        let stranded = if work.threads == 0 { core::mem::take(&mut work.waiting) } else { VecDeque::new() };
        drop(work);
        for (_, told) in stranded {
            told(Err(NameError::Busy));
        }
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let work = self.shared.lock();
        f.debug_struct("Resolver")
            .field("threads", &work.threads)
            .field("waiting", &work.waiting.len())
            .finish()
    }
}

impl Shared {
    /// Nothing panics while it holds the work.
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        while let Some((name, told)) = self.next() {
            let found = resolve(&name);
            // What is told may panic; the thread and its place are for others, too.
            if catch_unwind(AssertUnwindSafe(|| told(found))).is_err() {
                log::error!("whoever asked for {name} panicked at the answer");
            }
        }
    }

    /// The next name, or `None` for a thread that is no longer needed.
    fn next(&self) -> Option<(String, Told)> {
        let mut work = self.lock();
        loop {
            if let Some(next) = work.waiting.pop_front() {
                return Some(next);
            }
            if work.over {
                work.threads -= 1;
                return None;
            }
            work.idle += 1;
            let (woken, waited) = self.more.wait_timeout(work, STAYS).unwrap_or_else(PoisonError::into_inner);
            work = woken;
            work.idle -= 1;
            if waited.timed_out() && work.waiting.is_empty() {
                work.threads -= 1;
                return None;
            }
        }
    }
}

fn resolve(name: &str) -> Result<Vec<SocketAddr>, NameError> {
    let found: Vec<SocketAddr> = name.to_socket_addrs().map_err(NameError::System)?.collect();
    if found.is_empty() {
        return Err(NameError::Nothing);
    }
    Ok(interleaved(&found))
}

/// The addresses with the families in turns, the first as it was, none twice: a family that does not work then costs
/// one attempt and not all of them.
#[must_use]
pub fn interleaved(found: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let of = |v6: bool| found.iter().filter(move |address| address.is_ipv6() == v6);
    let (mut preferred, mut other) = (of(first_is_v6), of(!first_is_v6));
    let mut ordered: Vec<SocketAddr> = Vec::new();
    loop {
        let pair = [preferred.next(), other.next()];
        if pair == [None, None] || ordered.len() >= MAX_ADDRESSES {
            ordered.truncate(MAX_ADDRESSES);
            return ordered;
        }
        for address in pair.into_iter().flatten() {
            if !ordered.contains(address) {
                ordered.push(*address);
            }
        }
    }
}

/// Why a name has no address.
#[derive(Debug)]
pub enum NameError {
    /// Too many names wait already: try again later.
    Busy,
    /// The name is known, but has no address.
    Nothing,
    /// What the system's resolver said.
    System(io::Error),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many names are looked up already; try again later"),
            Self::Nothing => f.write_str("the name has no address"),
            Self::System(error) => write!(f, "the name was not found: {error}"),
        }
    }
}

impl core::error::Error for NameError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            Self::Busy | Self::Nothing => None,
        }
    }
}
