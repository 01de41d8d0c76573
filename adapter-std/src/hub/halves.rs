//! The two halves of a link, as a driver's tasks hold them: bytes that came go in, bytes to write come out.

use alloc::sync::Arc;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll};
use std::io;

use atomic_waker::AtomicWaker;
use mesh_proto::node::{Input, MOST_UNWRITTEN, Reader, Writer};
use mesh_proto::{Frame, LinkId, SystemError};

use super::Hub;
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
                frames: Vec::new(),
            },
            outgoing: Outgoing {
                hub: hub.clone(),
                link,
                signal: Arc::clone(signal),
                words: Vec::new(),
                spoken: 0,
                writer: None,
                frames: Vec::new(),
                taken: 0,
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
    frames: Vec<Frame<'static>>,
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
        let broken = reader.open(&mut self.frames).is_err();
        if broken || !self.frames.is_empty() {
            let (link, frames) = (self.link, &self.frames);
            self.hub.with(|state| {
                state.tell(Input::Frames { link, frames: frames.as_slice().into() });
                if broken {
                    state.tell(Input::Broken { link });
                }
            });
            self.frames.clear();
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
    /// What is written as it is: words of the handshake.
    words: Vec<u8>,
    spoken: usize,
    writer: Option<Box<Writer>>,
    frames: Vec<Frame<'static>>,
    /// How much was taken to be written since the machine was told how much room there is: as the machine counts it, which
    /// is more than it comes to in a record.
    taken: u32,
}

impl Outgoing {
    /// Whether there is something to write; `false` once there will be nothing any more.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if !self.bytes().is_empty() {
            return Poll::Ready(true);
        }
        self.signal.work.register(context.waker());
        while self.signal.asked.swap(false, Ordering::AcqRel) || self.signal.is_over() || self.owes_room() {
            let hub = self.hub.clone();
            hub.with(|state| self.fetch(state));
            if self.seal().is_err() {
                let link = self.link;
                self.hub.with(|state| state.tell(Input::Broken { link }));
            }
            if !self.bytes().is_empty() {
                return Poll::Ready(true);
            }
            if self.signal.is_over() {
                return Poll::Ready(false);
            }
        }
        Poll::Pending
    }

    /// Whether so much was taken since the machine was told how much room there is that it may wait for that. All of it is
    /// written when nothing is left to write.
    fn owes_room(&self) -> bool {
        self.taken > MOST_UNWRITTEN / 2
    }

    /// As [`poll_ready`](Self::poll_ready). Dropping it loses nothing.
    pub async fn ready(&mut self) -> bool {
        core::future::poll_fn(|context| self.poll_ready(context)).await
    }

    /// Takes what lies with the node.
    fn fetch(&mut self, state: &mut super::State) {
        if mem::take(&mut self.taken) > 0 {
            state.tell_room(self.link);
        }
        let Some(entry) = state.link_mut(self.link) else { return };
        self.spoken = 0;
        self.words.clear();
        mem::swap(&mut self.words, &mut entry.words);
        if self.writer.is_none() {
            self.writer = entry.writer.take();
        }
        if self.writer.is_some() {
            self.taken = MOST_UNWRITTEN.saturating_sub(entry.backlog.room(0));
            entry.backlog.take(&mut self.frames);
        }
    }

    fn seal(&mut self) -> Result<(), mesh_proto::wire::Broken> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        for frame in self.frames.drain(..) {
            writer.push(&frame)?;
        }
        writer.seal()
    }

    /// What is to be written now.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self.words.get(self.spoken..) {
            Some(words) if !words.is_empty() => words,
            Some(_) | None => self.writer.as_ref().map_or(&[], |writer| writer.bytes()),
        }
    }

    /// What a write came to: so many of [`bytes`](Self::bytes), or an error. Whether to go on.
    #[must_use]
    pub fn wrote(&mut self, written: io::Result<usize>) -> bool {
        match written {
            Ok(0) => self.hub.closed(self.link, SystemError::Ended),
            Ok(length) => {
                if self.spoken < self.words.len() {
                    self.spoken += length;
                } else if let Some(writer) = &mut self.writer {
                    writer.wrote(length);
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
    /// Whether there is something for the task that writes, which it has not seen.
    asked: AtomicBool,
    work: AtomicWaker,
}

impl Signal {
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// There is something for the task that writes. Whether it does not know yet, and is to be nudged.
    pub(super) fn asks(&self) -> bool {
        !self.asked.swap(true, Ordering::AcqRel)
    }

    /// The task that writes looks.
    pub(super) fn nudge(&self) {
        self.work.wake();
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
