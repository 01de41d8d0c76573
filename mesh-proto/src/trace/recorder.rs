//! Writing a trace beside a running machine.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::format::{self, Kind};
use crate::action::Action;
use crate::config::Config;
use crate::event::Event;
use crate::machine::{Answer, Mesh, Turn};
use crate::rules::Rules;
use crate::storage::Storage;
use crate::time::{Now, Wait};

/// No segment is cut off before it has this many bytes of events.
const SHORTEST_SEGMENT: u64 = 64 * 1024;

/// Where the bytes of a trace go.
///
/// A sink that fails once is not asked again.
pub trait Sink {
    /// Why it cannot take more.
    type Error;

    /// Takes these bytes, all of them, behind those before.
    ///
    /// # Errors
    ///
    /// Whatever is in the way. The trace ends then.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// The next bytes begin a segment: a sink that keeps the newest only may drop what it has, one that writes files
    /// may open the next.
    ///
    /// # Errors
    ///
    /// Whatever is in the way. The trace ends then.
    fn begin(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl<K: Sink + ?Sized> Sink for &mut K {
    type Error = K::Error;

    fn write(&mut self, bytes: &[u8]) -> Result<(), K::Error> {
        (**self).write(bytes)
    }

    fn begin(&mut self) -> Result<(), K::Error> {
        (**self).begin()
    }
}

#[cfg(feature = "alloc")]
impl<K: Sink + ?Sized> Sink for alloc::boxed::Box<K> {
    type Error = K::Error;

    fn write(&mut self, bytes: &[u8]) -> Result<(), K::Error> {
        (**self).write(bytes)
    }

    fn begin(&mut self) -> Result<(), K::Error> {
        (**self).begin()
    }
}

#[cfg(feature = "alloc")]
impl Sink for alloc::vec::Vec<u8> {
    type Error = alloc::collections::TryReserveError;

    fn write(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.try_reserve(bytes.len())?;
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl<const N: usize> Sink for heapless::Vec<u8, N> {
    type Error = crate::storage::Full;

    fn write(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.extend_from_slice(bytes).map_err(|_| crate::storage::Full)
    }
}

/// A sink that gives the bytes to a closure.
///
/// ```
/// use std::io::Write;
/// use mesh_proto::trace::{Recorder, Through};
///
/// let mut file = std::io::BufWriter::new(std::io::sink());
/// let recorder = Recorder::new(Through(|bytes: &[u8]| file.write_all(bytes)));
/// # drop(recorder);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Through<F>(pub F);

impl<F: FnMut(&[u8]) -> Result<(), E>, E> Sink for Through<F> {
    type Error = E;

    fn write(&mut self, bytes: &[u8]) -> Result<(), E> {
        let Self(write) = self;
        write(bytes)
    }
}

/// Writes down what a machine is told and what it orders, without changing either.
///
/// The [module](super) says how to use it. It needs no allocator. What it costs is one copy of each event and action
/// in bytes, 12 more for each of them and for each turn, and the snapshots.
///
/// A turn that is dropped and not carried out is recorded as such. If what carries out an order panics half way, the
/// next event begins a segment of its own.
#[derive(Debug)]
pub struct Recorder<K: Sink> {
    sink: Option<K>,
    stopped: Option<Stopped<K::Error>>,
    /// Events recorded so far, or seen since the trace ended.
    events: u64,
    /// The bytes of the last snapshot, and of what came after it.
    segment: Option<(u64, u64)>,
    /// The next segment goes on from the state that this one ends with.
    continues: bool,
    /// The answer to the last event, as long as nothing was carried out since.
    open: Option<Answer>,
    /// The orders of a turn are being carried out.
    carrying: bool,
}

/// Why a trace ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped<E> {
    /// The sink failed. What it took before holds; its last record is cut short, which a replay tells and gets over.
    BySink(E),
    /// A snapshot takes more than 4 GiB.
    ByLength,
}

impl<E: fmt::Display> fmt::Display for Stopped<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BySink(error) => write!(f, "the trace ended because its sink failed: {error}"),
            Self::ByLength => f.write_str("the trace ended because a record would be longer than 4 GiB"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for Stopped<E> {}

impl<K: Sink> Recorder<K> {
    /// A recorder that writes to `sink`. The first segment begins with the first event.
    #[must_use]
    pub const fn new(sink: K) -> Self {
        Self::to(Some(sink))
    }

    /// A recorder that writes nothing, for a driver that records only sometimes.
    #[must_use]
    pub const fn off() -> Self {
        Self::to(None)
    }

    const fn to(sink: Option<K>) -> Self {
        Self { sink, stopped: None, events: 0, segment: None, continues: false, open: None, carrying: false }
    }

    /// Has the machine take one event in, and writes it down. In place of [`Mesh::handle`].
    pub fn handle<'t, S: Storage, R: Rules>(
        &'t mut self,
        mesh: &'t mut Mesh<S, R>,
        now: Now,
        event: Event<'_>,
    ) -> Traced<'t, S, R, K> {
        if self.is_recording() {
            if self.segment_is_due() {
                self.write_start(mesh);
            }
            self.write(Kind::Event, &(now, &event));
        }
        self.events = self.events.saturating_add(1);
        let turn = mesh.handle(now, event);
        self.open = Some(turn.answer());
        Traced { turn, recorder: self }
    }

    /// Carries out what is pending of all events so far. In the trace it is the last of them that it came of: a replay
    /// drops the turns of the others too.
    pub(crate) fn carry_out<S: Storage, R: Rules>(
        &mut self,
        turn: Turn<'_, S, R>,
        mut perform: impl FnMut(Action<'_>),
    ) -> Wait {
        // Without an event since the last end there is nothing to hand out, but for what a turn left that did not get to
        // its end, or what was pending before the trace began. A segment begins behind either.
        let Some(answer) = self.open.take() else { return turn.carry_out(perform) };
        self.carrying = true;
        let wait = turn.carry_out(|action| {
            self.write(Kind::Action, &action);
            perform(action);
        });
        self.carrying = false;
        self.write(Kind::End, &(answer, wait));
        wait
    }

    /// Begins a segment with the next event, however short this one is.
    pub fn begin_segment(&mut self) {
        self.segment = None;
    }

    /// Whether events are written down: not if it is off or has stopped.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.sink.is_some() && self.stopped.is_none()
    }

    /// Why the trace ended, if it did.
    #[must_use]
    pub const fn stopped(&self) -> Option<&Stopped<K::Error>> {
        self.stopped.as_ref()
    }

    /// How many events have gone through, recorded or not.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The sink, with the whole trace in it; `None` from one that was off.
    ///
    /// After an ending before its time ([`Self::stopped`]) it holds what it took until then.
    #[must_use]
    pub fn into_sink(self) -> Option<K> {
        self.sink
    }

    fn segment_is_due(&self) -> bool {
        // Orders that were begun and not finished are gone from the machine, and nobody knows which.
        self.carrying
            || self.segment.is_none_or(|(snapshot, since)| since > snapshot && since > SHORTEST_SEGMENT)
    }

    fn write_start<S: Storage, R: Rules>(&mut self, mesh: &Mesh<S, R>) {
        let start = Start {
            build: BUILD,
            continues: self.continues && !self.carrying,
            events: self.events,
            config: mesh.config,
            peers: S::PEERS.map(|room| room as u64),
            links: S::LINKS.map(|room| room as u64),
        };
        let Some(sink) = self.sink.as_mut() else { return };
        let began = sink.begin().map_err(Stopped::BySink).and_then(|()| format::write_magic(sink));
        if let Err(stopped) = began {
            self.stopped = Some(stopped);
            return;
        }
        self.write(Kind::Start, &(start, &mesh.rules));
        self.segment = Some((0, 0));
        self.write(Kind::Snapshot, mesh);
        self.segment = self.segment.map(|(_, snapshot)| (snapshot, 0));
        self.continues = true;
        self.carrying = false;
    }

    fn write(&mut self, kind: Kind, body: &impl Serialize) {
        let Some(sink) = self.sink.as_mut().filter(|_| self.stopped.is_none()) else { return };
        match format::write(sink, kind, body) {
            Ok(len) => {
                if let Some((_, since)) = &mut self.segment {
                    *since = since.saturating_add(len);
                }
            }
            Err(stopped) => self.stopped = Some(stopped),
        }
    }
}

/// A [`Turn`] that is written down. It is used in the same way.
#[must_use = "orders are pending: carry them out"]
pub struct Traced<'t, S: Storage, R: Rules, K: Sink> {
    turn: Turn<'t, S, R>,
    recorder: &'t mut Recorder<K>,
}

impl<S: Storage, R: Rules, K: Sink> Traced<'_, S, R, K> {
    /// What the wish came to, where the event was one: [`Turn::answer`].
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.turn.answer()
    }

    /// Hands out every pending order and gives the time to wait until: [`Turn::carry_out`].
    pub fn carry_out(self, perform: impl FnMut(Action<'_>)) -> Wait {
        let Self { turn, recorder } = self;
        recorder.carry_out(turn, perform)
    }
}

impl<S: Storage, R: Rules, K: Sink> fmt::Debug for Traced<'_, S, R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced").field("turn", &self.turn).finish_non_exhaustive()
    }
}

/// The version of this build: the layout of a snapshot is good for one version.
pub(super) const BUILD: &str = env!("CARGO_PKG_VERSION");

/// What is to be known before a snapshot can be read. The rules follow it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Start<'a> {
    /// The version of the build that recorded.
    pub(super) build: &'a str,
    /// Whether the snapshot is what the segment before ends with.
    pub(super) continues: bool,
    /// How many events came before.
    pub(super) events: u64,
    /// The configuration of the machine.
    pub(super) config: Config,
    /// How many peers its tables had room for.
    pub(super) peers: Option<u64>,
    /// And how many links.
    pub(super) links: Option<u64>,
}
