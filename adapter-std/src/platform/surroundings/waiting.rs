//! Waiting for any of the beacons, for a while, or for the end.

use alloc::sync::Arc;
use core::time::Duration;
use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Beacon;

#[cfg(windows)]
pub(super) use by_flag::{Stop, Waiting, pair};
#[cfg(unix)]
pub(super) use by_pipe::{Stop, Waiting, pair};

/// Waits until a socket can be read, or for `most`, and says which can.
fn wait_for<'s>(sockets: &mut [PollFd<'s>], most: Duration) -> io::Result<()> {
    let most = Timespec::try_from(most).ok();
    match poll(sockets, most.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Both sockets of each, in order.
fn sockets_of(open: &[Arc<Beacon>]) -> Vec<PollFd<'_>> {
    let sockets = open.iter().flat_map(|beacon| beacon.sockets());
    sockets.map(|socket| PollFd::new(socket, PollFlags::IN)).collect()
}

/// Those of which a socket can be read.
fn ready_of<'o>(open: &'o [Arc<Beacon>], sockets: &[PollFd<'_>]) -> Vec<&'o Beacon> {
    let two = sockets.chunks(2).map(|two| two.iter().any(|socket| !socket.revents().is_empty()));
    open.iter().zip(two).filter(|(_, ready)| *ready).map(|(beacon, _)| &**beacon).collect()
}

/// Where nothing can be waited for, the time still passes.
fn pass(most: Duration, error: &io::Error) {
    log::debug!("the beacons cannot be waited for: {error}");
    std::thread::sleep(most);
}

#[cfg(unix)]
mod by_pipe {
    use super::*;
    use std::io::{PipeReader, PipeWriter};

    /// Dropped to end the waiting: its end of the pipe closes.
    #[derive(Debug)]
    pub(in super::super) struct Stop(
        #[expect(dead_code, reason = "it is held for what closing it does")] PipeWriter,
    );

    pub(in super::super) struct Waiting(PipeReader);

    pub(in super::super) fn pair() -> io::Result<(Stop, Waiting)> {
        let (reader, writer) = io::pipe()?;
        Ok((Stop(writer), Waiting(reader)))
    }

    impl Waiting {
        /// Those of `open` that have something to read, after `most` at the latest; `None` at the end.
        pub(in super::super) fn wait<'o>(
            &self,
            open: &'o [Arc<Beacon>],
            most: Duration,
        ) -> Option<Vec<&'o Beacon>> {
            let mut sockets = sockets_of(open);
            sockets.push(PollFd::new(&self.0, PollFlags::IN));
            if let Err(error) = wait_for(&mut sockets, most) {
                pass(most, &error);
            }
            let stop = sockets.pop().is_none_or(|stop| !stop.revents().is_empty());
            if stop { None } else { Some(ready_of(open, &sockets)) }
        }
    }
}

/// Windows waits for sockets alone, and not for none.
#[cfg(windows)]
mod by_flag {
    use super::*;
    use core::sync::atomic::{AtomicBool, Ordering};

    /// How long the end may take.
    const SLICE: Duration = Duration::from_millis(100);

    /// Dropped to end the waiting.
    #[derive(Debug)]
    pub(in super::super) struct Stop(Arc<AtomicBool>);

    impl Drop for Stop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    pub(in super::super) struct Waiting(Arc<AtomicBool>);

    pub(in super::super) fn pair() -> io::Result<(Stop, Waiting)> {
        let over = Arc::new(AtomicBool::new(false));
        Ok((Stop(Arc::clone(&over)), Waiting(over)))
    }

    impl Waiting {
        /// Those of `open` that have something to read, after a tenth of a second or `most` at the latest; `None` at
        /// the end.
        pub(in super::super) fn wait<'o>(
            &self,
            open: &'o [Arc<Beacon>],
            most: Duration,
        ) -> Option<Vec<&'o Beacon>> {
            let most = most.min(SLICE);
            let mut sockets = sockets_of(open);
            if sockets.is_empty() {
                std::thread::sleep(most);
            } else if let Err(error) = wait_for(&mut sockets, most) {
                pass(most, &error);
            }
            if self.0.load(Ordering::Acquire) { None } else { Some(ready_of(open, &sockets)) }
        }
    }
}
