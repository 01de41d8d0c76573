//! A caller's buffer that is filled from the front.

/// The buffer is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

impl core::fmt::Display for NoRoom {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the buffer is too small")
    }
}

impl core::error::Error for NoRoom {}

/// What of a buffer is filled.
pub(super) struct Writer<'b> {
    room: &'b mut [u8],
    filled: usize,
}

impl<'b> Writer<'b> {
    pub(super) const fn new(room: &'b mut [u8]) -> Self {
        Self { room, filled: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.filled
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        self.room_for(bytes.len())?.copy_from_slice(bytes);
        self.filled += bytes.len();
        Ok(())
    }

    /// Puts what `fill` writes to the room that is left; it says how much.
    pub(super) fn put_with(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, NoRoom>,
    ) -> Result<(), NoRoom> {
        let room = self.room.get_mut(self.filled..).ok_or(NoRoom)?;
        self.filled += fill(room)?;
        Ok(())
    }

    /// What comes next, if there is so much of it.
    pub(super) fn room_for(&mut self, length: usize) -> Result<&mut [u8], NoRoom> {
        self.room.get_mut(self.filled..).and_then(|rest| rest.get_mut(..length)).ok_or(NoRoom)
    }

    /// What was put in since there were `start` bytes in it.
    pub(super) fn since(&mut self, start: usize) -> &mut [u8] {
        self.room.get_mut(start..self.filled).unwrap_or_default()
    }
}
