//! The streams between the nodes, what is on its way in them, and what their ends have seen: the explorer's own
//! books, which know nothing of what the machines think.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::frame::Frame;
use crate::id::{Incarnation, LinkId, LinkTag};
use crate::reason::{Reason, SystemError};

/// The index of the end that dialed.
pub(super) const DIALER: usize = 0;
/// The index of the end that was dialed.
pub(super) const ACCEPTOR: usize = 1;

/// One stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stream {
    pub(super) tag: LinkTag,
    /// Whether the acceptor knows of it.
    pub(super) open: bool,
    pub(super) ends: [End; 2],
    /// What is on its way to each end.
    pub(super) towards: [VecDeque<Item>; 2],
    /// Whether what is sent to this end from now on goes nowhere.
    pub(super) swallows: [bool; 2],
}

/// What is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Item {
    /// The acceptor's part of the handshake: it proves the acceptor to the dialer.
    Proof,
    /// Frames that were written in one go.
    Record(Vec<Frame<'static>>),
    /// The stream's end.
    Gone(SystemError),
}

/// One end of a stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) node: usize,
    /// Which run of the node it belongs to.
    pub(super) run: Incarnation,
    /// Which session of the node it belongs to.
    pub(super) age: u8,
    /// The machine's name for it, as long as it has one.
    pub(super) link: Option<LinkId>,
    /// When the machine let it in, by the node's count of events.
    pub(super) admitted: Option<u32>,
    /// Whether the machine has said that it doubts the other end's run.
    pub(super) doubts: bool,
    /// The close that the machine has sent.
    pub(super) closes: Option<Reason>,
    /// Whether the other end has said that the link is over, on this or on another link.
    pub(super) told: bool,
    /// The pings that have no answer.
    pub(super) asked: Vec<Asked>,
    /// The newest nonce that was sent.
    pub(super) newest: u32,
    /// When the newest ping that was answered was sent, by the node's count of events.
    pub(super) answered: Option<u32>,
    /// When something was read last, by the time that the node was not frozen.
    pub(super) heard: u64,
}

/// A ping that has no answer.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) nonce: u32,
    /// When it was sent, by the node's count of events.
    pub(super) event: u32,
    /// When it was sent, by the time that the node was not frozen.
    pub(super) awake: u64,
    /// Whether a gap was the reason: patience begins again with it (R9).
    pub(super) anew: bool,
}

impl Stream {
    pub(super) fn new(tag: LinkTag, dialer: End, acceptor: End) -> Self {
        Self {
            tag,
            open: false,
            ends: [dialer, acceptor],
            towards: [VecDeque::new(), VecDeque::new()],
            swallows: [false, false],
        }
    }

    /// Puts something on its way to an end, if it can get there.
    pub(super) fn push(&mut self, to: usize, item: Item) {
        if !self.swallows[to] && self.open && self.ends[to].link.is_some() {
            self.towards[to].push_back(item);
        }
    }

    /// An end has sent its close: from now on it reads the other's close and the stream's end, and drops the rest. What
    /// it would drop is not on its way.
    pub(super) fn drop_unread(&mut self, to: usize) {
        for item in &mut self.towards[to] {
            if let Item::Record(frames) = item {
                frames.retain(|frame| matches!(frame, Frame::Close(_)));
            }
        }
        self.towards[to].retain(|item| !matches!(item, Item::Record(frames) if frames.is_empty()));
    }

    /// Whether an end reads such a frame, or drops it because it has sent its close.
    pub(super) fn reads(&self, end: usize, frame: &Frame) -> bool {
        self.ends[end].closes.is_none() || matches!(frame, Frame::Close(_))
    }

    /// Whether what is sent to an end goes nowhere.
    pub(super) fn is_deaf(&self, end: usize) -> bool {
        self.swallows[end] || self.ends[end].link.is_none()
    }

    /// How far it is, as one number, by nothing but what the key of a state tells too.
    pub(super) fn look(&self) -> u64 {
        [DIALER, ACCEPTOR].into_iter().fold(u64::from(self.open), |look, side| {
            let End {
                node: _,
                run: _,
                age: _,
                link,
                admitted,
                doubts,
                closes,
                told,
                asked,
                newest: _,
                answered: _,
                heard: _,
            } = &self.ends[side];
            let stays = link.is_some() && closes.is_none();
            let flags = [
                link.is_some(),
                closes.is_some(),
                stays && admitted.is_some(),
                stays && *doubts,
                stays && *told,
            ];
            let look = flags.iter().fold(look, |look, flag| look << 1 | u64::from(*flag));
            let asked = if stays { asked.len() as u64 & 3 } else { 0 };
            let look = look << 5 | asked << 3 | (self.towards[side].len() as u64 & 7);
            self.towards[side].iter().fold(look, |look, item| {
                look.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(match item {
                    Item::Proof => 1,
                    Item::Gone(_) => 2,
                    Item::Record(frames) => 3 + frames.len() as u64,
                })
            })
        })
    }

    /// Whether nobody has anything to do with it any more.
    pub(super) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.link.is_none())
    }

    /// Whether both ends have let it in and neither is about to close it, doubts it or is deaf.
    pub(super) fn is_shared(&self) -> bool {
        self.ends.iter().all(|end| end.holds() && !end.doubts) && self.swallows == [false, false]
    }

    /// The machine at one end has ended it.
    pub(super) fn end_at(&mut self, end: usize, error: Option<SystemError>) {
        self.ends[end].link = None;
        self.ends[end].asked.clear();
        self.towards[end].clear();
        if let Some(error) = error {
            self.push(1 - end, Item::Gone(error));
        }
    }
}

impl End {
    pub(super) fn new(node: usize, run: Incarnation, age: u8, link: Option<LinkId>) -> Self {
        Self {
            node,
            run,
            age,
            link,
            admitted: None,
            doubts: false,
            closes: None,
            told: false,
            asked: Vec::new(),
            newest: 0,
            answered: None,
            heard: 0,
        }
    }

    /// Whether the machine has let it in and has not begun to end it.
    pub(super) fn holds(&self) -> bool {
        self.link.is_some() && self.admitted.is_some() && self.closes.is_none()
    }

    /// Whether it answered a ping that was sent after both it and the other were let in.
    pub(super) fn answered_since_both(&self, other: &Self) -> bool {
        self.answered.is_some_and(|event| Some(event) >= self.admitted && Some(event) >= other.admitted)
    }
}
