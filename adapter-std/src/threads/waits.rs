//! What a thread waits for at a handle.

use core::fmt;
use core::time::Duration;
use std::time::Instant;

use mesh_proto::Outcome;

use super::park::{block_on, block_on_until};
use crate::handle::{self, Change, Happened};
use crate::hub::Received;

/// The messages that come to a node, each once; the end once the node has ended. Several of these share them: each message
/// goes to one. What is not taken slows its sender down, and nothing is lost.
#[derive(Clone, Debug)]
pub struct Messages(handle::Messages);

impl Messages {
    pub(super) const fn new(messages: handle::Messages) -> Self {
        Self(messages)
    }

    /// The next message, if one comes within this time; `Ok(None)` once the node has ended.
    ///
    /// # Errors
    ///
    /// None came. Nothing is lost.
    pub fn next_within(&mut self, within: Duration) -> Result<Option<Received>, TimedOut> {
        wait_for(self.0.next(), within)
    }

    /// The next message, if one has come already.
    pub fn try_next(&mut self) -> Option<Received> {
        self.0.try_next()
    }
}

impl Iterator for Messages {
    type Item = Received;

    fn next(&mut self) -> Option<Received> {
        block_on(self.0.next())
    }
}

/// First what holds of every peer, then every change; the end once the node has ended. A reader that lags gets the latest of
/// each peer, and is told how many changes it missed.
#[derive(Debug)]
pub struct Watch(handle::Watch);

impl Watch {
    pub(super) const fn new(watch: handle::Watch) -> Self {
        Self(watch)
    }

    /// The next change, if there is one within this time; `Ok(None)` once the node has ended.
    ///
    /// # Errors
    ///
    /// There was none. Nothing is lost.
    pub fn next_within(&mut self, within: Duration) -> Result<Option<Change>, TimedOut> {
        wait_for(self.0.next(), within)
    }
}

impl Iterator for Watch {
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        block_on(self.0.next())
    }
}

/// Every happening from the start of the reader on; the end once the node has ended. The newest 1,024 wait for a reader that
/// lags.
#[derive(Debug)]
pub struct Happenings(handle::Happenings);

impl Happenings {
    pub(super) const fn new(happenings: handle::Happenings) -> Self {
        Self(happenings)
    }

    /// The next one, if it happens within this time; `Ok(None)` once the node has ended.
    ///
    /// # Errors
    ///
    /// Nothing happened. Nothing is lost.
    pub fn next_within(&mut self, within: Duration) -> Result<Option<Happened>, TimedOut> {
        wait_for(self.0.next(), within)
    }
}

impl Iterator for Happenings {
    type Item = Happened;

    fn next(&mut self) -> Option<Happened> {
        block_on(self.0.next())
    }
}

/// Says what became of a message. Dropping it changes nothing about the message.
#[derive(Debug)]
#[must_use = "a receipt says something when it is waited for"]
pub struct Receipt(handle::Receipt);

impl Receipt {
    pub(super) const fn new(receipt: handle::Receipt) -> Self {
        Self(receipt)
    }

    /// What became of the message; `None` if the node ended before that was known.
    #[must_use]
    pub fn wait(self) -> Option<Outcome> {
        block_on(self.0)
    }

    /// The same, if it is known within this time.
    ///
    /// # Errors
    ///
    /// It is not known yet: it can be waited for again.
    pub fn wait_for(&mut self, within: Duration) -> Result<Option<Outcome>, TimedOut> {
        wait_for(&mut self.0, within)
    }
}

fn wait_for<T>(future: impl Future<Output = T>, within: Duration) -> Result<T, TimedOut> {
    block_on_until(future, Instant::now().checked_add(within)).ok_or(TimedOut)
}

/// What was waited for did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what was waited for did not come in time")
    }
}

impl core::error::Error for TimedOut {}
