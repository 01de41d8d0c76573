//! Waiting for any of some sockets, for a while, or for the end.

use core::time::Duration;
use std::io;

use rustix::event::{PollFd, Timespec, poll};

#[cfg(windows)]
pub(crate) use by_flag::{Stop, Waiting, pair};
#[cfg(unix)]
pub(crate) use by_pipe::{Stop, Waiting, pair};

/// How long a wait takes that cannot be made, if nobody says how long at most.
const PAUSE: Duration = Duration::from_secs(1);

/// Waits until a socket is ready, or for `most`. Where nothing can be waited for, the time still passes.
fn wait_for(sockets: &mut [PollFd<'_>], most: Option<Duration>) {
    let until = most.and_then(|most| Timespec::try_from(most).ok());
    match poll(sockets, until.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => {
            log::debug!("sockets cannot be waited for: {}", io::Error::from(error));
            std::thread::sleep(most.unwrap_or(PAUSE));
        }
    }
}

#[cfg(unix)]
mod by_pipe {
    use super::*;
    use std::io::{PipeReader, PipeWriter};

    use rustix::event::PollFlags;

    /// Dropped to end the waiting: its end of the pipe closes.
    #[derive(Debug)]
    pub(crate) struct Stop(#[expect(dead_code, reason = "it is held for what closing it does")] PipeWriter);

    #[derive(Debug)]
    pub(crate) struct Waiting(PipeReader);

    pub(crate) fn pair() -> io::Result<(Stop, Waiting)> {
        let (reader, writer) = io::pipe()?;
        Ok((Stop(writer), Waiting(reader)))
    }

    impl Waiting {
        /// Waits until one of these is ready, which they then say, or for `most`; `false` at the end.
        pub(crate) fn wait<'s>(&'s self, sockets: &mut Vec<PollFd<'s>>, most: Option<Duration>) -> bool {
            sockets.push(PollFd::new(&self.0, PollFlags::IN));
            wait_for(sockets, most);
            sockets.pop().is_some_and(|stop| stop.revents().is_empty())
        }
    }
}

/// Windows waits for sockets alone, and not for none.
#[cfg(windows)]
mod by_flag {
    use super::*;
    use alloc::sync::Arc;
    use core::sync::atomic::{AtomicBool, Ordering};

    /// How long the end may take.
    const SLICE: Duration = Duration::from_millis(100);

    /// Dropped to end the waiting.
    #[derive(Debug)]
    pub(crate) struct Stop(Arc<AtomicBool>);

    impl Drop for Stop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    #[derive(Debug)]
    pub(crate) struct Waiting(Arc<AtomicBool>);

    pub(crate) fn pair() -> io::Result<(Stop, Waiting)> {
        let over = Arc::new(AtomicBool::new(false));
        Ok((Stop(Arc::clone(&over)), Waiting(over)))
    }

    impl Waiting {
        /// Waits until one of these is ready, which they then say, or for a tenth of a second, or for `most`; `false` at
        /// the end.
        pub(crate) fn wait<'s>(&'s self, sockets: &mut Vec<PollFd<'s>>, most: Option<Duration>) -> bool {
            let most = most.map_or(SLICE, |most| most.min(SLICE));
            if sockets.is_empty() {
                std::thread::sleep(most);
            } else {
                wait_for(sockets, Some(most));
            }
            !self.0.load(Ordering::Acquire)
        }
    }
}
