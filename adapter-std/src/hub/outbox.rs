//! Messages that were sent, and that the node is told of together.
//!
//! A turn of the machine costs as much for one message as for a hundred. So a send that is known to fit waits here, and
//! whoever has the node next tells it all that waits. That is soon: the task that writes to the peer is woken.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh_proto::{Lane, Limits, LinkId, Message, NodeId, Window};

use super::halves::Signal;

/// Messages that wait to be told, by peer.
#[derive(Debug)]
pub(super) struct Outbox {
    /// The largest message that the node sends: of a larger one it says so itself.
    largest: usize,
    filled: AtomicBool,
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    rows: BTreeMap<NodeId, Row>,
    /// The peers whose rows are not empty, in the order of their first messages.
    filled: Vec<NodeId>,
}

#[derive(Debug)]
struct Row {
    /// What certainly fits, beyond all that waits.
    room: Window,
    /// The task that will tell, and its link.
    writer: Arc<Signal>,
    link: LinkId,
    waiting: Vec<Message<'static>>,
}

/// A list that was told is kept to be filled again if it has room for no more than so many: of messages, some 70 KiB for each
/// peer that is up and was sent much.
pub(super) const KEPT: usize = 1024;

/// What room is left with a message; nothing if it does not fit.
fn without(room: Window, message: &Message<'_>) -> Option<Window> {
    let bytes = room.bytes.checked_sub(u32::try_from(message.body.len()).ok()?)?;
    Some(Window { bytes, messages: room.messages.checked_sub(1)? })
}

/// What putting a message in came to.
#[derive(Debug)]
pub(super) enum Put {
    /// It waits, and somebody will tell the node.
    Waits,
    /// It waits, and this one is to be nudged.
    Nudge {
        /// The task that writes to the peer.
        writer: Arc<Signal>,
        /// On this link.
        link: LinkId,
    },
    /// Nobody knows whether it fits: the node has to be asked. The message is still there.
    Unknown,
}

impl Outbox {
    pub(super) fn new(limits: &Limits) -> Self {
        let largest = usize::try_from(limits.message).unwrap_or(usize::MAX);
        Self { largest, filled: AtomicBool::new(false), content: Mutex::default() }
    }

    /// Puts an ordinary message behind the others, if it certainly fits.
    pub(super) fn put(&self, peer: &NodeId, sent: &mut Option<Message<'static>>) -> Put {
        let Some(message) = &*sent else { return Put::Waits };
        if message.lane == Lane::Urgent || message.body.len() > self.largest {
            return Put::Unknown;
        }
        let mut content = self.content();
        let Content { rows, filled } = &mut *content;
        let Some(row) = rows.get_mut(peer) else { return Put::Unknown };
        let Some(room) = without(row.room, message) else { return Put::Unknown };
        row.room = room;
        let first = row.waiting.is_empty();
        if let Some(message) = sent.take() {
            row.waiting.push(message);
        }
        if !first {
            // Whoever put the first one has seen to it that somebody tells all that wait.
            return Put::Waits;
        }
        filled.push(*peer);
        self.filled.store(true, Ordering::Release);
        if row.writer.asks() {
            Put::Nudge { writer: Arc::clone(&row.writer), link: row.link }
        } else {
            Put::Waits
        }
    }

    /// Whether something waits.
    pub(super) fn is_filled(&self) -> bool {
        self.filled.load(Ordering::Acquire)
    }

    /// Gives all that waits, by peer, in the order in which it was sent.
    pub(super) fn take(&self, to: &mut Vec<(NodeId, Vec<Message<'static>>)>) {
        let mut content = self.content();
        self.filled.store(false, Ordering::Release);
        let Content { rows, filled } = &mut *content;
        let waiting = |peer| rows.get_mut(&peer).map(|row| (peer, mem::take(&mut row.waiting)));
        to.extend(filled.drain(..).filter_map(waiting));
    }

    /// Gives back a list that was told, to be filled again.
    pub(super) fn reuse(&self, peer: &NodeId, told: Vec<Message<'static>>) {
        if let Some(row) = self.content().rows.get_mut(peer)
            && row.waiting.capacity() == 0
            && told.capacity() <= KEPT
        {
            row.waiting = told;
        }
    }

    /// So much certainly fits for a peer now, and this task will tell.
    pub(super) fn fits(&self, peer: NodeId, room: Window, writer: Arc<Signal>, link: LinkId) {
        let rows = &mut self.content().rows;
        match rows.get_mut(&peer) {
            Some(row) => {
                let waits = |room: Option<Window>, message| without(room?, message);
                row.room = row.waiting.iter().fold(Some(room), waits).unwrap_or_default();
                (row.writer, row.link) = (writer, link);
            }
            None => {
                rows.insert(peer, Row { room, writer, link, waiting: Vec::new() });
            }
        }
    }

    /// Nothing is known of a peer any more: the node is to be asked. What waits still does.
    pub(super) fn ask_about(&self, peer: &NodeId) {
        let rows = &mut self.content().rows;
        if let Some(row) = rows.get_mut(peer) {
            row.room = Window::default();
            if row.waiting.is_empty() {
                rows.remove(peer);
            }
        }
    }

    /// Nothing is known of anybody.
    pub(super) fn ask_about_all(&self) {
        self.content().rows.retain(|_, row| {
            row.room = Window::default();
            !row.waiting.is_empty()
        });
    }

    /// Nothing panics while it holds the content.
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
