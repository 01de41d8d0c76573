//! Records: how bytes are cut on a stream, sealed and opened.

use crate::frame::Frame;
use crate::wire::cipher::CipherState;
use crate::wire::codec;
use crate::wire::primitives::TAG;
use crate::wire::writer::{NoRoom, Writer};

/// How many bytes a record's length takes, in front of it.
pub(crate) const HEAD: usize = 2;

/// The longest record, without its length.
pub const MAX_SEALED: usize = u16::MAX as usize;

/// The most bytes of frames in one record.
pub const MAX_PLAIN: usize = MAX_SEALED - TAG;

/// The most bytes that a record takes on a stream.
pub const MAX_RECORD: usize = HEAD + MAX_SEALED;

/// The other end broke the channel, or somebody in between did: the link is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl core::fmt::Display for Broken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the channel is broken")
    }
}

impl core::error::Error for Broken {}

/// Seals what this end says. It needs nothing of the [`Opener`], so the two can work at the same time.
#[derive(Debug)]
pub struct Sealer(CipherState);

impl Sealer {
    pub(super) const fn new(state: CipherState) -> Self {
        Self(state)
    }

    pub(super) fn into_state(self) -> CipherState {
        self.0
    }

    /// By how much sealing makes a record longer than its frames, with the length in front of it.
    #[must_use]
    pub const fn overhead(&self) -> usize {
        HEAD + self.0.overhead()
    }

    /// Seals the record whose frames stand in `record` from the third byte on and are `plain` bytes long; gives what
    /// is to be written. `record` must be longer by [`Sealer::overhead`].
    ///
    /// # Errors
    ///
    /// The record has no frames or too many, or `record` is too short: nothing has changed. Or 2^64 records were sealed.
    pub fn seal<'r>(&mut self, record: &'r mut [u8], plain: usize) -> Result<&'r [u8], NoRoom> {
        let sealed = plain.checked_add(self.0.overhead()).ok_or(NoRoom)?;
        let whole = record.get_mut(..sealed.saturating_add(HEAD)).ok_or(NoRoom)?;
        let length = u16::try_from(sealed).ok().filter(|_| plain > 0).ok_or(NoRoom)?;
        let (head, body) = whole.split_first_chunk_mut::<HEAD>().ok_or(NoRoom)?;
        let (text, end) = body.split_at_mut_checked(plain).ok_or(NoRoom)?;
        let tag = self.0.seal(b"", text).ok_or(NoRoom)?;
        // Where the channel is not protected there is no tag.
        if !end.is_empty() {
            end.copy_from_slice(&tag);
        }
        *head = length.to_be_bytes();
        Ok(whole)
    }
}

/// Opens what the other end says, in the order in which it was sealed.
#[derive(Debug)]
pub struct Opener {
    state: CipherState,
    broken: bool,
}

impl Opener {
    pub(super) const fn new(state: CipherState) -> Self {
        Self { state, broken: false }
    }

    pub(super) fn into_state(self) -> CipherState {
        self.state
    }

    /// Opens a record as [`Records::next`] gives it, in place; gives the frames in it.
    ///
    /// # Errors
    ///
    /// It is not the next record that the other end sealed. The link is over: nothing can be opened after this.
    pub fn open<'r>(&mut self, record: &'r mut [u8]) -> Result<&'r mut [u8], Broken> {
        if self.broken {
            return Err(Broken);
        }
        // Until it is opened, it counts as broken.
        self.broken = true;
        let plain =
            record.len().checked_sub(self.state.overhead()).filter(|plain| *plain > 0).ok_or(Broken)?;
        let (text, end) = record.split_at_mut_checked(plain).ok_or(Broken)?;
        let tag = end.first_chunk().copied().unwrap_or_default();
        self.state.open(b"", text, &tag).ok_or(Broken)?;
        self.broken = false;
        Ok(text)
    }
}

/// A record that is being filled with frames, in a buffer of the caller.
///
/// Small frames share one seal and one write.
pub struct Outgoing<'b> {
    room: &'b mut [u8],
    /// How many bytes of frames there are.
    plain: usize,
    overhead: usize,
}

impl<'b> Outgoing<'b> {
    /// An empty record for this sealer. It takes what fits into `room`, and [`MAX_PLAIN`] bytes of frames at most: a
    /// shorter buffer keeps to a shorter limit of the other end.
    #[must_use]
    pub fn new(room: &'b mut [u8], sealer: &Sealer) -> Self {
        let length = room.len().min(sealer.overhead() + MAX_PLAIN);
        let room = room.get_mut(..length).unwrap_or_default();
        Self { room, plain: 0, overhead: sealer.overhead() }
    }

    /// Adds one more frame.
    ///
    /// # Errors
    ///
    /// It has no room here. Nothing has changed: it goes into the next record.
    pub fn push(&mut self, frame: &Frame<'_>) -> Result<(), NoRoom> {
        let end = self.room.len().checked_sub(self.overhead - HEAD).ok_or(NoRoom)?;
        let rest = self.room.get_mut(HEAD + self.plain..end).ok_or(NoRoom)?;
        self.plain += codec::encode(frame, rest)?;
        Ok(())
    }

    /// Whether no frame is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.plain == 0
    }

    /// Seals it; gives what is to be written.
    ///
    /// # Errors
    ///
    /// As [`Sealer::seal`].
    pub fn seal(self, sealer: &mut Sealer) -> Result<&'b [u8], NoRoom> {
        sealer.seal(self.room, self.plain)
    }
}

impl core::fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Outgoing").field("plain", &self.plain).finish_non_exhaustive()
    }
}

/// Cuts what is read from a stream into records, however the stream cut it.
///
/// Its buffer is given once and never grows: it bounds the longest record that is taken. Read into
/// [`Records::space`] and say how much it was, or give bytes to [`Records::push`]; then take every record with
/// [`Records::next`].
#[derive(Debug)]
pub struct Records<B> {
    room: B,
    /// What is not cut yet lies between these.
    from: usize,
    to: usize,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Records<B> {
    /// With this buffer; [`MAX_RECORD`] bytes take every record.
    #[must_use]
    pub const fn new(room: B) -> Self {
        Self { room, from: 0, to: 0 }
    }

    /// The same with another buffer, when longer records may come.
    ///
    /// # Errors
    ///
    /// What lies here does not fit into it.
    pub fn with_room<C: AsRef<[u8]> + AsMut<[u8]>>(&self, mut room: C) -> Result<Records<C>, NoRoom> {
        let waiting = self.waiting();
        Writer::new(room.as_mut()).put(waiting)?;
        Ok(Records { room, from: 0, to: waiting.len() })
    }

    /// Where to read to. Empty only while a whole record waits to be taken.
    pub fn space(&mut self) -> &mut [u8] {
        let room = self.room.as_mut();
        if self.from > 0 {
            if self.from < self.to {
                room.copy_within(self.from..self.to, 0);
            }
            (self.from, self.to) = (0, self.to - self.from);
        }
        room.get_mut(self.to..).unwrap_or_default()
    }

    /// So many bytes were read to [`Records::space`].
    pub fn filled(&mut self, bytes: usize) {
        self.to = self.to.saturating_add(bytes).min(self.room.as_ref().len());
    }

    /// Takes as many of these bytes as have room, and says how many.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let space = self.space();
        let length = space.len().min(bytes.len());
        if let (Some(space), Some(bytes)) = (space.get_mut(..length), bytes.get(..length)) {
            space.copy_from_slice(bytes);
        }
        self.filled(length);
        length
    }

    /// The next record without its length, if all of it is there.
    ///
    /// # Errors
    ///
    /// It is longer than the buffer: the link is over.
    #[expect(
        clippy::should_implement_trait,
        reason = "a record borrows the buffer, which no iterator can say"
    )]
    pub fn next(&mut self) -> Result<Option<&mut [u8]>, Broken> {
        let Some((head, rest)) = self.waiting().split_first_chunk::<HEAD>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*head));
        if HEAD + length > self.room.as_ref().len() {
            return Err(Broken);
        }
        if rest.len() < length {
            return Ok(None);
        }
        let start = self.from + HEAD;
        self.from = start + length;
        Ok(self.room.as_mut().get_mut(start..start + length))
    }

    /// The next record, with its length, if that is there.
    pub(crate) fn begun(&self) -> Option<usize> {
        let head = self.waiting().first_chunk::<HEAD>()?;
        Some(HEAD + usize::from(u16::from_be_bytes(*head)))
    }

    /// How long a record may be, with its length.
    pub(crate) fn longest(&self) -> usize {
        self.room.as_ref().len()
    }

    /// What is not cut yet.
    pub(crate) fn waiting(&self) -> &[u8] {
        self.room.as_ref().get(self.from..self.to).unwrap_or_default()
    }
}
