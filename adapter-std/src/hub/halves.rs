//! The two halves of a link, as a driver's tasks hold them: bytes that came go in, bytes to write come out.

use alloc::sync::Arc;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll};
use std::io;

use atomic_waker::AtomicWaker;
use mesh_proto::node::{Input, Reader};
use mesh_proto::{Instant, LinkId, SystemError};

use super::Hub;
use super::pen::{Desk, Pen};
use crate::platform::errors::system_error;

/// How much is read at once during a handshake.
const EARLY: usize = 4 * 1024;

/// An open link: one half for each of two tasks.
#[derive(Debug)]
pub struct Link {
    /// For the task that reads.
    pub incoming: Incoming,
    /// For the task that writes.
    pub outgoing: Outgoing,
}

impl Link {
    pub(super) fn new(hub: &Hub, link: LinkId, signal: &Arc<Signal>) -> Self {
        Self {
            incoming: Incoming {
                hub: hub.clone(),
                link,
                signal: Arc::clone(signal),
                early: Vec::new(),
                reader: None,
            },
            outgoing: Outgoing {
                hub: hub.clone(),
                link,
                signal: Arc::clone(signal),
                pen: Some(signal.desk.open()),
            },
        }
    }
}

/// Takes what comes on a link. A driver always reads: read into [`space`](Self::space), say with [`came`](Self::came) how
/// much that was, and go on until that says no or [`over`](Self::over) comes first. A dropped half ends its link.
#[derive(Debug)]
pub struct Incoming {
    hub: Hub,
    link: LinkId,
    signal: Arc<Signal>,
    /// Where bytes are read to until there is a reader.
    early: Vec<u8>,
    reader: Option<Box<Reader>>,
}

impl Incoming {
    /// Where to read to: never empty.
    pub fn space(&mut self) -> &mut [u8] {
        match &mut self.reader {
            Some(reader) => reader.space(),
            None => {
                self.early.resize(EARLY, 0);
                &mut self.early
            }
        }
    }

    /// What a read came to: so many bytes in [`space`](Self::space), none at the end of the stream, or an error. Whether to
    /// go on.
    #[must_use]
    pub fn came(&mut self, read: io::Result<usize>) -> bool {
        let length = match read {
            Ok(0) => return self.hub.closed(self.link, SystemError::Ended),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(error) => return self.hub.closed(self.link, system_error(&error)),
        };
        match &mut self.reader {
            Some(reader) => reader.filled(length),
            None => {
                let bytes = self.early.get(..length).unwrap_or_default();
                self.reader = self.hub.shake(self.link, bytes);
            }
        }
        self.open();
        !self.signal.is_over()
    }

    /// Tells all whole records that came.
    fn open(&mut self) {
        let Some(reader) = &mut self.reader else { return };
        self.early = Vec::new();
        let (hub, signal, link) = (&self.hub, &self.signal, self.link);
        let opened = reader.open(|frames| {
            signal.came.store(true, Ordering::Release);
            hub.with(|state| state.tell(Input::Frames { link, frames: frames.into() }));
        });
        if opened.is_err() {
            hub.with(|state| state.tell(Input::Broken { link }));
        }
    }

    /// Comes when the link is to be read no more.
    pub fn over(&self) -> Over {
        Over { signal: Arc::clone(&self.signal), half: Half::Incoming }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.hub.closed(self.link, SystemError::Ended);
    }
}

/// Gives what is to be written on a link: wait until it is [`ready`](Self::ready), write [`bytes`](Self::bytes), say with
/// [`wrote`](Self::wrote) how much that was, until ready says that there will be no more. A dropped half ends its link.
///
/// When the link is [`over`](Self::over), what can be written without waiting still is.
#[derive(Debug)]
pub struct Outgoing {
    hub: Hub,
    link: LinkId,
    signal: Arc<Signal>,
    /// While there is something to write.
    pen: Option<Box<Pen>>,
}

impl Outgoing {
    /// Lets those who send write by themselves, with this function, when this half has nothing to do: so a message need
    /// not wait until the task that has this half runs. It must not wait; what it does not write, this half does.
    pub fn writes_at_once(&mut self, write: impl Fn(&[u8]) -> io::Result<usize> + Send + Sync + 'static) {
        if let Some(pen) = &mut self.pen {
            pen.writes_at_once(Box::new(write));
        }
    }

    /// Whether there is something to write; `false` once there will be nothing any more.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if !self.bytes().is_empty() {
            return Poll::Ready(true);
        }
        self.signal.work.register(context.waker());
        // Somebody else who has it nudges this task if more is to be done.
        let Some(mut pen) = self.pen.take().or_else(|| self.signal.desk.take()) else { return Poll::Pending };
        loop {
            if !pen.bytes().is_empty() {
                self.pen = Some(pen);
                return Poll::Ready(true);
            }
            let over = self.signal.is_over();
            if !(self.signal.is_asked() || over || pen.owes_room()) {
                self.signal.desk.lay(pen);
                return Poll::Pending;
            }
            self.hub.fetch(&mut pen, self.link, &self.signal);
            if over && pen.bytes().is_empty() {
                self.pen = Some(pen);
                return Poll::Ready(false);
            }
        }
    }

    /// As [`poll_ready`](Self::poll_ready). Dropping it loses nothing.
    pub async fn ready(&mut self) -> bool {
        core::future::poll_fn(|context| self.poll_ready(context)).await
    }

    /// What is to be written now.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.pen.as_ref().map_or(&[], |pen| pen.bytes())
    }

    /// What a write came to: so many of [`bytes`](Self::bytes), or an error. Whether to go on.
    #[must_use]
    pub fn wrote(&mut self, written: io::Result<usize>) -> bool {
        match written {
            Ok(0) => self.hub.closed(self.link, SystemError::Ended),
            Ok(length) => {
                if let Some(pen) = &mut self.pen {
                    pen.wrote(length);
                }
                true
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) => self.hub.closed(self.link, system_error(&error)),
        }
    }

    /// Comes when the link is over: nothing is waited for any more.
    pub fn over(&self) -> Over {
        Over { signal: Arc::clone(&self.signal), half: Half::Outgoing }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.signal.desk.clear();
        self.hub.closed(self.link, SystemError::Ended);
        self.hub.written_out(self.link);
    }
}

/// Tells the tasks of a link, or of a dial, that it is over.
#[derive(Debug, Default)]
pub(super) struct Signal {
    over: AtomicBool,
    incoming: AtomicWaker,
    outgoing: AtomicWaker,
    /// Whether there is something to write that nobody has seen.
    asked: AtomicBool,
    work: AtomicWaker,
    desk: Desk,
    /// Whether something came since somebody who sends wrote last.
    came: AtomicBool,
}

impl Signal {
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// There is something to write. Whether nobody knows yet, and somebody is to be nudged.
    pub(super) fn asks(&self) -> bool {
        !self.asked.swap(true, Ordering::AcqRel)
    }

    /// The task that writes looks.
    pub(super) fn nudge(&self) {
        self.work.wake();
    }

    /// Whether somebody is to write, or was nudged to.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// What there is to write was seen.
    pub(super) fn sees(&self) {
        self.asked.swap(false, Ordering::AcqRel);
    }

    /// The pen for somebody who sends, if that is the sooner way.
    pub(super) fn lend(&self, now: impl FnOnce() -> Instant) -> Option<Box<Pen>> {
        self.desk.lend(|| self.came.swap(false, Ordering::AcqRel), now)
    }

    /// It comes back. Whatever it leaves to do, the task that writes does.
    pub(super) fn give_back(&self, pen: Box<Pen>) {
        let rest = !pen.bytes().is_empty() || pen.owes_room();
        self.desk.lay(pen);
        if rest || self.is_asked() || self.is_over() {
            self.nudge();
        }
    }

    /// It is over. Whoever waits is not woken yet.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub(super) fn wake(&self) {
        self.incoming.wake();
        self.outgoing.wake();
        self.work.wake();
    }

    pub(super) fn over(self: &Arc<Self>) -> Over {
        Over { signal: Arc::clone(self), half: Half::Outgoing }
    }
}

#[derive(Clone, Copy, Debug)]
enum Half {
    Incoming,
    Outgoing,
}

/// Comes when a link, or a dial, is over. Each half has its own; one task at a time waits for it.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Over {
    signal: Arc<Signal>,
    half: Half,
}

impl Over {
    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.signal.is_over()
    }
}

impl Future for Over {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.signal.is_over() {
            match self.half {
                Half::Incoming => self.signal.incoming.register(context.waker()),
                Half::Outgoing => self.signal.outgoing.register(context.waker()),
            }
            if !self.signal.is_over() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }
}
