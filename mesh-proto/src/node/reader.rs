//! What a link reads: bytes in, frames out.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::mem;

use bytes::{Bytes, BytesMut};

use super::inside::record_length;
use super::spare::Spare;
use crate::body::Body;
use crate::frame::Frame;
use crate::wire::{Broken, Frames, HEAD, Opener};

/// A read asks for this much at first, and while little comes; for less where half of that is left from the one before.
const LEAST_READ: usize = 4 * 1024;
/// And for no more than this.
const MOST_READ: usize = 128 * 1024;

/// Room for frames that need not be given back.
const FEW: usize = 32;

/// The half of a link that opens what comes. It needs nothing of the node, so it can work outside the lock that guards it.
///
/// Read into [`space`](Self::space), say with [`filled`](Self::filled) how much came, and take all whole records with
/// [`open`](Self::open). It never holds more than one record and one read.
pub struct Reader {
    opener: Box<Opener>,
    /// The longest record that is taken, with its length.
    longest: usize,
    /// What came and is not opened, and behind it the space for more.
    bytes: BytesMut,
    /// How large that is in all, with what is read already.
    whole: usize,
    spare_bytes: Spare,
    /// How much came.
    came: usize,
    /// How much to ask for.
    asks: usize,
    /// Room for the frames of what is opened: empty in between.
    frames: Vec<Frame<'static>>,
    spare_frames: Spare,
}

impl Reader {
    pub(super) fn new(opener: Opener, record: u32) -> Self {
        let (opener, longest) = (Box::new(opener), record_length(record));
        Self {
            opener,
            longest,
            bytes: BytesMut::new(),
            whole: 0,
            spare_bytes: Spare::default(),
            came: 0,
            asks: LEAST_READ,
            frames: Vec::new(),
            spare_frames: Spare::default(),
        }
    }

    /// Where to read to: never empty.
    pub fn space(&mut self) -> &mut [u8] {
        let missing = self.length().map_or(0, |length| length.min(self.longest).saturating_sub(self.came));
        // What is left of the last space is used up first: to make space costs as much as to fill it.
        let wanted = if missing > 0 { missing } else { self.asks / 2 };
        if self.came == 0 && self.spare_bytes.is_too_much(self.whole, self.asks) {
            // Much came once, and little comes now: an idle link keeps little.
            (self.bytes, self.whole) = (BytesMut::new(), 0);
        }
        if self.bytes.len() < self.came + wanted {
            self.renew(self.came + missing.max(self.asks));
        }
        self.bytes.get_mut(self.came..).unwrap_or_default()
    }

    /// Makes space for so many bytes, those that came included: where it was, unless somebody keeps what was read there.
    fn renew(&mut self, space: usize) {
        self.bytes.truncate(self.came);
        if !self.bytes.try_reclaim(space - self.came) {
            let mut bytes = BytesMut::with_capacity(space);
            bytes.extend_from_slice(&self.bytes);
            (self.bytes, self.whole) = (bytes, space);
        }
        self.bytes.resize(space, 0);
    }

    /// So many bytes were read to [`space`](Self::space).
    pub fn filled(&mut self, bytes: usize) {
        let space = self.bytes.len() - self.came;
        self.came += bytes.min(space);
        if bytes >= self.asks {
            self.asks = (self.asks * 2).min(MOST_READ);
        } else if bytes < self.asks / 4 {
            self.asks = (self.asks / 2).max(LEAST_READ);
        }
    }

    /// Takes bytes that were read to somewhere else.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.came);
        self.bytes.extend_from_slice(bytes);
        self.came = self.bytes.len();
        self.whole = self.whole.max(self.bytes.capacity());
    }

    /// Opens every record that is there whole, in place, and gives all their frames to `tell` at once, if there are any.
    /// What a message says is not copied: its body is a handle to what was read, unless it is a small part of that.
    ///
    /// # Errors
    ///
    /// The other end, or somebody in between, broke the channel. The frames that came before were given; now the node is to
    /// be told with [`Input::Broken`](super::Input::Broken).
    pub fn open(&mut self, tell: impl FnOnce(&mut [Frame<'static>])) -> Result<(), Broken> {
        let opened = self.open_records();
        let mut frames = mem::take(&mut self.frames);
        if !frames.is_empty() {
            tell(&mut frames);
        }
        if !self.spare_frames.is_too_much(frames.capacity(), frames.len().max(FEW)) {
            frames.clear();
            self.frames = frames;
        }
        opened
    }

    fn open_records(&mut self) -> Result<(), Broken> {
        while let Some(length) = self.length() {
            if length > self.longest {
                return Err(Broken);
            }
            if length > self.came {
                break;
            }
            let mut record = self.bytes.split_to(length);
            self.came -= length;
            let mut record = record.split_off(HEAD);
            let plain = self.opener.open(&mut record)?.len();
            record.truncate(plain);
            unpack(record.freeze(), &mut self.frames)?;
        }
        Ok(())
    }

    /// How long the first record is, with its length in front.
    fn length(&self) -> Option<usize> {
        let head = self.bytes.get(..self.came)?.first_chunk::<HEAD>()?;
        Some(HEAD + usize::from(u16::from_be_bytes(*head)))
    }
}

/// Takes the frames out of an opened record.
fn unpack(record: Bytes, frames: &mut Vec<Frame<'static>>) -> Result<(), Broken> {
    let (before, length) = (frames.len(), record.len());
    let mut rest = Frames::new(record);
    while !rest.is_over() {
        rest.give_next(|frame| frames.push(frame)).map_err(|_| Broken)?;
    }
    let came = frames.get_mut(before..).unwrap_or_default();
    let said: usize = came.iter_mut().filter_map(body).map(|body| body.len()).sum();
    if said < length / 2 {
        // A handle to a small part would hold all of it for as long as the message is kept.
        came.iter_mut().filter_map(body).for_each(|body| *body = Bytes::copy_from_slice(body).into());
    }
    Ok(())
}

/// What a frame has of a message.
const fn body<'f>(frame: &'f mut Frame<'static>) -> Option<&'f mut Body<'static>> {
    if let Frame::Data(piece) = frame { Some(&mut piece.body) } else { None }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("came", &self.came).finish_non_exhaustive()
    }
}
