//! What is written on a link: from the frames that lie with the node to the bytes on its stream.

use core::fmt;
use core::mem;
use core::time::Duration;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh_proto::node::{Lot, MOST_UNWRITTEN, Writer};
use mesh_proto::wire::Broken;
use mesh_proto::{Instant, LinkId};

use super::State;

/// Whoever sends one message after the other writes none of them itself: it is together that they are written fast. So
/// much must have passed since it wrote, unless something came since.
const ONE_BY_ONE: Duration = Duration::from_micros(100);

/// Writes without waiting.
pub(super) type AtOnce = Box<dyn Fn(&[u8]) -> io::Result<usize> + Send + Sync>;

/// Writes on one link. Whoever has it is the one that writes: the link's task, or somebody who sends.
#[derive(Default)]
pub(super) struct Pen {
    /// What is written as it is: words of the handshake.
    words: Vec<u8>,
    spoken: usize,
    writer: Option<Box<Writer>>,
    lot: Lot,
    /// How much was taken to be written since the machine was told how much room there is: as the machine counts it, which
    /// is more than it comes to in a record.
    taken: u32,
    at_once: Option<AtOnce>,
    /// When somebody who sends wrote last.
    lent: Option<Instant>,
}

impl Pen {
    /// Lets those who send write with it.
    pub(super) fn writes_at_once(&mut self, at_once: AtOnce) {
        self.at_once = Some(at_once);
    }

    /// What is to be written now.
    pub(super) fn bytes(&self) -> &[u8] {
        match self.words.get(self.spoken..) {
            Some(words) if !words.is_empty() => words,
            Some(_) | None => self.writer.as_ref().map_or(&[], |writer| writer.bytes()),
        }
    }

    /// So many of [`bytes`](Self::bytes) were written.
    pub(super) fn wrote(&mut self, length: usize) {
        if self.spoken < self.words.len() {
            self.spoken += length;
        } else if let Some(writer) = &mut self.writer {
            writer.wrote(length);
        }
    }

    /// Whether so much was taken since the machine was told how much room there is that it may wait for that. All of it is
    /// written when nothing is left to write.
    pub(super) fn owes_room(&self) -> bool {
        self.taken > MOST_UNWRITTEN / 2
    }

    /// Takes what lies with the node. To be sealed outside of its lock.
    pub(super) fn fetch(&mut self, link: LinkId, state: &mut State) {
        if self.owes_room() {
            self.taken = 0;
            state.tell_room(link);
        }
        let Some(entry) = state.link_mut(link) else { return };
        self.spoken = 0;
        self.words.clear();
        mem::swap(&mut self.words, &mut entry.words);
        if self.writer.is_none() {
            self.writer = entry.writer.take();
        }
        if self.writer.is_some() {
            let taken = state.rest.links.take_frames(link, &mut self.lot);
            self.taken = self.taken.saturating_add(taken);
        }
    }

    pub(super) fn seal(&mut self) -> Result<(), Broken> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.push_all(&mut self.lot)?;
        writer.seal()
    }

    /// Somebody who sends writes what can be written without waiting. What is left, and what fails, is for the link's task.
    pub(super) fn write_at_once(&mut self, now: Instant) {
        self.lent = Some(now);
        if let Some(at_once) = &self.at_once
            && !self.bytes().is_empty()
            && let Ok(length) = at_once(self.bytes())
        {
            self.wrote(length);
        }
    }
}

impl fmt::Debug for Pen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pen").field("bytes", &self.bytes().len()).finish_non_exhaustive()
    }
}

/// Where the pen of a link lies while nobody writes.
#[derive(Debug, Default)]
pub(super) struct Desk(Mutex<Whereabouts>);

#[derive(Debug, Default)]
enum Whereabouts {
    /// The link has no tasks yet.
    #[default]
    Unopened,
    Lies(Box<Pen>),
    InUse,
    /// Nobody will write any more.
    Cleared,
}

impl Desk {
    /// The link's task begins.
    pub(super) fn open(&self) -> Box<Pen> {
        *self.place() = Whereabouts::InUse;
        Box::default()
    }

    /// Takes the pen, unless somebody has it.
    pub(super) fn take(&self) -> Option<Box<Pen>> {
        let mut place = self.place();
        match mem::replace(&mut *place, Whereabouts::InUse) {
            Whereabouts::Lies(pen) => Some(pen),
            other @ (Whereabouts::Unopened | Whereabouts::InUse | Whereabouts::Cleared) => {
                *place = other;
                None
            }
        }
    }

    /// Takes the pen for somebody who sends, if nothing is left to write and it is not one of many messages that follow
    /// each other: `came` says whether something came since it was lent last, and only if not the time is asked for.
    pub(super) fn lend(
        &self,
        came: impl FnOnce() -> bool,
        now: impl FnOnce() -> Instant,
    ) -> Option<Box<Pen>> {
        let mut place = self.place();
        let Whereabouts::Lies(pen) = &*place else { return None };
        let follows = || pen.lent.is_some_and(|lent| now().since(lent) < ONE_BY_ONE);
        if pen.at_once.is_none() || !pen.bytes().is_empty() || (!came() && follows()) {
            return None;
        }
        match mem::replace(&mut *place, Whereabouts::InUse) {
            Whereabouts::Lies(pen) => Some(pen),
            Whereabouts::Unopened | Whereabouts::InUse | Whereabouts::Cleared => None,
        }
    }

    /// Lays it back.
    pub(super) fn lay(&self, pen: Box<Pen>) {
        let mut place = self.place();
        if !matches!(&*place, Whereabouts::Cleared) {
            *place = Whereabouts::Lies(pen);
        }
    }

    /// Nobody writes any more: the pen goes, and the stream with it, as soon as nobody has it.
    pub(super) fn clear(&self) {
        *self.place() = Whereabouts::Cleared;
    }

    /// Nothing panics while it holds the place, but for what a stream does when it is dropped.
    fn place(&self) -> MutexGuard<'_, Whereabouts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_lent_for_one_message_and_not_for_the_next_unless_something_came_or_time_went() {
        let (desk, start) = (Desk::default(), Instant::START);
        assert!(desk.lend(|| true, || start).is_none(), "nobody writes yet");
        let mut pen = desk.open();
        desk.lay(pen);
        assert!(desk.lend(|| true, || start).is_none(), "it cannot write at once");
        pen = desk.take().expect("it lies there");
        pen.writes_at_once(Box::new(|bytes| Ok(bytes.len())));
        assert!(desk.lend(|| true, || start).is_none(), "somebody has it");
        desk.lay(pen);
        let lent = |now, came| match desk.lend(|| came, || now) {
            Some(mut pen) => {
                pen.write_at_once(now);
                desk.lay(pen);
                true
            }
            None => false,
        };
        assert!(lent(start, false));
        assert!(!lent(start, false));
        assert!(lent(start, true));
        assert!(lent(start.after(ONE_BY_ONE), false));
        desk.clear();
        assert!(!lent(start.after(2 * ONE_BY_ONE), true), "nobody writes any more");
    }

    #[test]
    fn a_pen_that_comes_back_too_late_is_gone() {
        let desk = Desk::default();
        let pen = desk.open();
        desk.clear();
        desk.lay(pen);
        assert!(desk.take().is_none());
    }
}
