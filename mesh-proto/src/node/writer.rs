//! What a link writes: frames in, bytes out.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::MOST_UNWRITTEN;
use super::spare::Spare;
use crate::frame::Frame;
use crate::message::{Piece, Takes};
use crate::wire::{Broken, HEAD, MAX_CONTROL, MAX_PLAIN, NoRoom, Sealer, encode, whole};

/// The half of a link that seals what goes out. It needs nothing of the node, so it can work outside the lock that
/// guards it.
///
/// Give it frames with [`push`](Self::push): many share one record, which is sealed once, in the buffer that it is written
/// from. Then [`seal`](Self::seal), write [`bytes`](Self::bytes), and say with [`wrote`](Self::wrote) how much that was.
pub struct Writer {
    sealer: Box<Sealer>,
    /// How many bytes of frames the other end takes in a record.
    most: usize,
    /// Sealed records, and the one that is being filled. What is not used is there and means nothing.
    buffer: Vec<u8>,
    /// Up to here it is written.
    written: usize,
    /// Up to here it is sealed: the record that is being filled begins here.
    sealed: usize,
    /// How many bytes of frames that one has.
    plain: usize,
    spare: Spare,
}

impl Writer {
    pub(super) fn new(sealer: Sealer, record: u32) -> Self {
        let most = record.max(Takes::LEAST_RECORD);
        let most = usize::try_from(most).unwrap_or(MAX_PLAIN).min(MAX_PLAIN);
        Self {
            sealer: Box::new(sealer),
            most,
            buffer: Vec::new(),
            written: 0,
            sealed: 0,
            plain: 0,
            spare: Spare::default(),
        }
    }

    /// Adds a frame.
    ///
    /// # Errors
    ///
    /// No record of this link can hold it, or no number is left to seal with: the link cannot go on.
    pub fn push(&mut self, frame: &Frame<'_>) -> Result<(), Broken> {
        if self.fill(frame).is_err() {
            self.seal()?;
            self.fill(frame).map_err(|_| Broken)?;
        }
        Ok(())
    }

    /// Adds all frames of a lot, which is empty then.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn push_all(&mut self, lot: &mut Lot) -> Result<(), Broken> {
        let mut before = 0;
        for (at, frame) in lot.long.drain(..) {
            self.push_plain(lot.plain.get(before..at).unwrap_or_default())?;
            self.push(&frame)?;
            before = at;
        }
        self.push_plain(lot.plain.get(before..lot.used).unwrap_or_default())?;
        lot.used = 0;
        Ok(())
    }

    /// Seals the record that is being filled, if anything is in it.
    ///
    /// # Errors
    ///
    /// No number is left to seal with: the link cannot go on.
    pub fn seal(&mut self) -> Result<(), Broken> {
        if self.plain > 0 {
            let room = self.buffer.get_mut(self.sealed..).unwrap_or_default();
            self.sealed += self.sealer.seal(room, self.plain).map_err(|_| Broken)?.len();
            self.plain = 0;
        }
        Ok(())
    }

    /// What is sealed and not written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.written..self.sealed).unwrap_or_default()
    }

    /// So many of [`bytes`](Self::bytes) were written.
    pub fn wrote(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(bytes).min(self.sealed);
        let used = self.sealed + if self.plain > 0 { HEAD + self.plain } else { 0 };
        if used == 0 {
            return;
        }
        if self.written == used {
            if self.spare.is_too_much(self.buffer.len(), used.max(MAX_CONTROL)) {
                self.buffer = Vec::new();
            }
            (self.written, self.sealed) = (0, 0);
        } else if self.written > MOST_UNWRITTEN as usize {
            self.buffer.copy_within(self.written..used, 0);
            self.sealed -= self.written;
            self.written = 0;
        }
    }

    /// How many bytes are here and not written, sealed or not.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.sealed - self.written + self.plain
    }

    /// Adds frames that are bytes already.
    fn push_plain(&mut self, mut frames: &[u8]) -> Result<(), Broken> {
        while !frames.is_empty() {
            let (fit, rest) = frames.split_at(whole(frames, self.most - self.plain));
            if fit.is_empty() && self.plain == 0 {
                return Err(Broken);
            }
            let start = self.sealed + HEAD + self.plain;
            let end = start + fit.len() + self.sealer.overhead();
            if self.buffer.len() < end {
                self.buffer.resize(end, 0);
            }
            self.buffer.get_mut(start..start + fit.len()).ok_or(Broken)?.copy_from_slice(fit);
            self.plain += fit.len();
            if !rest.is_empty() {
                self.seal()?;
            }
            frames = rest;
        }
        Ok(())
    }

    fn fill(&mut self, frame: &Frame<'_>) -> Result<(), NoRoom> {
        let start = self.sealed + HEAD + self.plain;
        let length = longest(frame).min(self.most - self.plain);
        let end = start + length + self.sealer.overhead();
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        let room = self.buffer.get_mut(start..start + length).ok_or(NoRoom)?;
        self.plain += encode(frame, room)?;
        Ok(())
    }
}

/// No frame takes more than this.
fn longest(frame: &Frame<'_>) -> usize {
    if let Frame::Data(piece) = frame { piece.body.len() + Piece::OVERHEAD as usize } else { MAX_CONTROL }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("unwritten", &self.unwritten()).finish_non_exhaustive()
    }
}

/// Frames that were ordered on a link, on their way to its [`Writer`]: it lies with the node, under the same lock.
#[derive(Debug, Default)]
pub struct Backlog {
    lot: Lot,
    bytes: usize,
}

impl Backlog {
    /// Puts a frame behind the others: for [`Order::Send`](super::Order::Send).
    pub fn push(&mut self, frame: &Frame<'_>) {
        self.bytes += longest(frame);
        self.lot.push(frame);
    }

    /// Whether there is nothing to take.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lot.is_empty()
    }

    /// Takes all of them, in exchange for a lot that the writer has: its room need not be thrown away.
    pub fn take(&mut self, emptied: &mut Lot) {
        emptied.clear();
        core::mem::swap(&mut self.lot, emptied);
        self.bytes = 0;
    }

    /// What to tell the node with [`Input::Room`](super::Input::Room), when so many bytes are
    /// [`unwritten`](Writer::unwritten).
    #[must_use]
    pub fn room(&self, unwritten: usize) -> u32 {
        let lies = u32::try_from(self.bytes.saturating_add(unwritten)).unwrap_or(u32::MAX);
        MOST_UNWRITTEN.saturating_sub(lies)
    }
}

/// A longer piece of a message waits as a handle; all else waits as the bytes that it is sealed as: copying few bytes
/// costs less than keeping a handle to them.
const COPIED: usize = 512;

/// Frames in their order, on their way from a [`Backlog`] to a [`Writer`].
#[derive(Default)]
pub struct Lot {
    /// Frames one behind the other, as they stand in a record. What is not used is there and means nothing.
    plain: Vec<u8>,
    used: usize,
    /// Long frames, each with how much of the others goes before it.
    long: Vec<(usize, Frame<'static>)>,
}

impl Lot {
    fn push(&mut self, frame: &Frame<'_>) {
        let longest = longest(frame);
        if longest <= COPIED {
            let end = self.used + longest;
            if self.plain.len() < end {
                self.plain.resize(end.max(2 * self.plain.len()), 0);
            }
            let room = self.plain.get_mut(self.used..end).unwrap_or_default();
            if let Ok(length) = encode(frame, room) {
                self.used += length;
                return;
            }
        }
        self.long.push((self.used, frame.clone().into_owned()));
    }

    fn is_empty(&self) -> bool {
        self.used == 0 && self.long.is_empty()
    }

    fn clear(&mut self) {
        self.used = 0;
        self.long.clear();
    }
}

impl fmt::Debug for Lot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lot").field("bytes", &self.used).field("long", &self.long.len()).finish()
    }
}
