//! A link that is up, and whose records the node itself opens and seals.

use crate::frame::Frame;
use crate::id::LinkId;
use crate::message::Takes;
use crate::storage::Storage;
use crate::wire::{Broken, HEAD, MAX_PLAIN, MAX_RECORD, NoRoom, Opener, Records, Sealer, encode};

/// By how much sealing makes a record longer than its frames, with its length in front.
const SEALING: usize = MAX_RECORD - MAX_PLAIN;

/// Room for what comes, at first where it can grow.
const LEAST_ROOM: usize = 4 * 1024;

/// How long a record with so many bytes of frames may be.
pub(super) fn record_length(plain: u32) -> usize {
    usize::try_from(plain).unwrap_or(MAX_PLAIN).min(MAX_PLAIN) + SEALING
}

/// How many bytes of frames such a record has at most.
pub(super) fn record_plain(length: usize) -> u32 {
    u32::try_from(length.saturating_sub(SEALING)).unwrap_or(u32::MAX)
}

/// Both halves of a link, and what came of its next record.
pub(super) struct Inside<S: Storage> {
    sealer: Sealer,
    opener: Opener,
    came: Records<S::Room>,
    /// The longest record that is taken, with its length.
    longest: usize,
    /// The longest that the other end takes, and this one has room to fill.
    most: usize,
}

impl<S: Storage> Inside<S> {
    /// With what came behind the handshake; `takes` is the largest record that this end takes, `takes_there` what the
    /// other does. Nothing if there is no room for it.
    pub(super) fn new(
        (sealer, opener): (Sealer, Opener),
        behind: &[u8],
        takes: u32,
        takes_there: u32,
    ) -> Option<Self> {
        let longest = record_length(takes);
        let mut came = Records::new(S::room(longest.min(LEAST_ROOM).max(behind.len()))?);
        came.push(behind);
        let most = record_length(takes_there.max(Takes::LEAST_RECORD));
        Some(Self { sealer, opener, came, longest, most: S::RECORD.map_or(most, |room| most.min(room)) })
    }

    /// Takes as many of these bytes as there is room for, and says how many. There is room for some once all whole records
    /// are opened.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        self.came.push(bytes)
    }

    /// Opens the next record, if it is there whole; gives the frames in it.
    ///
    /// # Errors
    ///
    /// The other end, or somebody in between, broke the channel; or there is no memory for the record.
    pub(super) fn open(&mut self) -> Result<Option<&mut [u8]>, Broken> {
        if let Some(length) = self.came.begun() {
            if length > self.longest {
                return Err(Broken);
            }
            if length > self.came.longest() {
                let room = S::room(length).ok_or(Broken)?;
                self.came = self.came.with_room(room).map_err(|_| Broken)?;
            }
        }
        match self.came.next()? {
            Some(record) => self.opener.open(record).map(Some),
            None => Ok(None),
        }
    }
}

/// The record that is being filled: one for all links, since what a machine orders on a link it orders in one go.
pub(super) struct Outlet<S: Storage> {
    room: Option<S::Room>,
    link: Option<LinkId>,
    /// How many bytes of frames it has.
    plain: usize,
}

impl<S: Storage> Outlet<S> {
    pub(super) const fn new() -> Self {
        Self { room: None, link: None, plain: 0 }
    }

    /// The link whose record it is.
    pub(super) const fn link(&self) -> Option<LinkId> {
        self.link
    }

    /// Adds a frame for this link; the record must be its own, or empty.
    pub(super) fn push(&mut self, link: LinkId, inside: &Inside<S>, frame: &Frame<'_>) -> Result<(), NoRoom> {
        let longest = self.room.as_ref().map_or(0, |room| room.as_ref().len());
        if longest < inside.most && self.plain == 0 {
            self.room = S::room(inside.most);
        }
        let room = self.room.as_mut().ok_or(NoRoom)?.as_mut();
        // Where the channel is not protected, what would seal the record stays unused.
        let end = inside.most.min(room.len()).checked_sub(SEALING - HEAD).ok_or(NoRoom)?;
        self.plain += encode(frame, room.get_mut(HEAD + self.plain..end).ok_or(NoRoom)?)?;
        self.link = Some(link);
        Ok(())
    }

    /// Seals what is there for `inside`, and is empty then.
    pub(super) fn seal(&mut self, inside: &mut Inside<S>) -> Result<&[u8], NoRoom> {
        let plain = core::mem::take(&mut self.plain);
        self.link = None;
        inside.sealer.seal(self.room.as_mut().ok_or(NoRoom)?.as_mut(), plain)
    }

    /// Forgets what is there.
    pub(super) fn clear(&mut self) {
        (self.link, self.plain) = (None, 0);
    }
}
