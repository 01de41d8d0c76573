//! The links of a node that its driver's tasks work for.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::mem;
use core::net::SocketAddr;

use mesh_proto::node::{Backlog, Input, Lot, MOST_UNWRITTEN, Reader, Writer};
use mesh_proto::{Frame, LinkId, NodeId, PathClass, Reason, Route, Side};

use super::State;
use super::halves::Signal;
use super::happenings::Happening;
use super::wakes::Wakes;

/// What is known of a link from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) side: Side,
    pub(super) remote: Option<SocketAddr>,
    pub(super) local: Option<SocketAddr>,
    pub(super) class: PathClass,
}

/// What lies with the node for the tasks of a link.
#[derive(Debug)]
pub(super) struct Entry {
    facts: Facts,
    peer: Option<NodeId>,
    signal: Arc<Signal>,
    /// Words of the handshake that are to be written.
    pub(super) words: Vec<u8>,
    pub(super) reader: Option<Box<Reader>>,
    pub(super) writer: Option<Box<Writer>>,
    pub(super) backlog: Backlog,
    /// Whether a task writes what is left.
    has_tasks: bool,
}

/// What a link's reader had when it came up.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) link: LinkId,
    pub(super) frames: Vec<Frame<'static>>,
    pub(super) broken: bool,
}

/// All links, those included that are over and not written out.
#[derive(Debug, Default)]
pub(super) struct Links {
    all: BTreeMap<LinkId, Entry>,
    early: Vec<Early>,
    came_up: Vec<LinkId>,
    /// Links with frames that can wait, and of which nobody was told.
    holding: Vec<LinkId>,
}

impl Links {
    pub(super) fn dialing(&mut self, link: LinkId, route: Route) {
        let facts =
            Facts { side: Side::Dialed, remote: Some(route.address), local: None, class: route.class };
        self.all.insert(link, Entry::new(facts));
    }

    /// A link that this node opened by other means than an order to dial.
    pub(super) fn attaching(&mut self, link: LinkId, class: PathClass) {
        let facts = Facts { side: Side::Dialed, remote: None, local: None, class };
        self.all.insert(link, Entry::new(facts));
    }

    pub(super) fn write(&mut self, link: LinkId, bytes: &[u8], wakes: &mut Wakes) {
        if let Some(entry) = self.all.get_mut(&link) {
            entry.words.extend_from_slice(bytes);
            wakes.nudge(&entry.signal);
        }
    }

    pub(super) fn up(
        &mut self,
        link: LinkId,
        mut reader: Box<Reader>,
        writer: Box<Writer>,
        wakes: &mut Wakes,
    ) {
        let mut early = Early { link, frames: Vec::new(), broken: false };
        let opened = reader.open(|frames| {
            early.frames = frames.to_vec();
        });
        early.broken = opened.is_err();
        if early.broken || !early.frames.is_empty() {
            self.early.push(early);
        }
        if let Some(entry) = self.all.get_mut(&link) {
            (entry.reader, entry.writer) = (Some(reader), Some(writer));
            wakes.nudge(&entry.signal);
            self.came_up.push(link);
        }
    }

    pub(super) fn send(&mut self, link: LinkId, frame: &Frame<'_>, wakes: &mut Wakes) {
        if let Some(entry) = self.all.get_mut(&link) {
            entry.backlog.push(frame);
            if !frame.can_wait() {
                wakes.nudge(&entry.signal);
            } else if !entry.signal.is_asked() && !self.holding.contains(&link) {
                self.holding.push(link);
            }
        }
    }

    /// Whether there are frames that can wait, and of which nobody was told.
    pub(super) fn hold(&self) -> bool {
        !self.holding.is_empty()
    }

    /// All frames of a link, which are gone from here, and how much that came to as the machine counts it.
    pub(super) fn take_frames(&mut self, link: LinkId, lot: &mut Lot) -> u32 {
        self.holding.retain(|held| *held != link);
        let Some(Entry { backlog, .. }) = self.all.get_mut(&link) else { return 0 };
        let bytes = MOST_UNWRITTEN.saturating_sub(backlog.room(0));
        backlog.take(lot);
        bytes
    }

    /// What was held back is to be written, if it is not yet.
    pub(super) fn let_go(&mut self, wakes: &mut Wakes) {
        for link in self.holding.drain(..) {
            if let Some(entry) = self.all.get(&link)
                && !entry.backlog.is_empty()
            {
                wakes.nudge(&entry.signal);
            }
        }
    }

    /// A link is over; what that is to be told as.
    pub(super) fn close(&mut self, link: LinkId, reason: Reason, wakes: &mut Wakes) -> Option<Happening> {
        let entry = self.all.get_mut(&link)?;
        wakes.end(&entry.signal);
        let Facts { side, remote, local, class } = entry.facts;
        let peer = entry.peer;
        if !entry.has_tasks {
            self.all.remove(&link);
        }
        Some(Happening::LinkClosed { link, peer, side, remote, local, class, reason })
    }

    pub(super) fn signal(&self, link: LinkId) -> Option<Arc<Signal>> {
        self.all.get(&link).map(|entry| Arc::clone(&entry.signal))
    }

    pub(super) fn early(&mut self) -> Option<Early> {
        self.early.pop()
    }

    pub(super) fn came_up(&mut self) -> Vec<LinkId> {
        mem::take(&mut self.came_up)
    }

    pub(super) fn is_up(&mut self, link: LinkId, peer: Option<NodeId>) -> Option<Happening> {
        let entry = self.all.get_mut(&link)?;
        entry.peer = peer;
        Some(Happening::LinkUp { link, peer: peer? })
    }

    pub(super) fn end(&mut self, wakes: &mut Wakes) {
        for entry in self.all.values_mut() {
            wakes.end(&entry.signal);
        }
        self.all.retain(|_, entry| entry.has_tasks);
    }

    /// Whether no link is left, not even one with something to write.
    pub(super) fn are_gone(&self) -> bool {
        self.all.is_empty()
    }
}

impl Entry {
    fn new(facts: Facts) -> Self {
        Self {
            facts,
            peer: None,
            signal: Arc::default(),
            words: Vec::new(),
            reader: None,
            writer: None,
            backlog: Backlog::default(),
            has_tasks: false,
        }
    }
}

impl State {
    /// A stream is open: its tasks are about to begin.
    pub(super) fn open(&mut self, link: LinkId, facts: Facts) -> Arc<Signal> {
        let links = &mut self.rest.links;
        let entry = links.all.entry(link).or_insert_with(|| Entry::new(facts));
        entry.has_tasks = true;
        let signal = Arc::clone(&entry.signal);
        let Facts { side, remote, local, class } = facts;
        self.rest.note(Happening::LinkOpened { link, side, remote, local, class });
        signal
    }

    /// A dialed stream is open; nothing if it is not wanted any more.
    pub(super) fn connected(
        &mut self,
        link: LinkId,
        local: Option<SocketAddr>,
        remote: Option<SocketAddr>,
    ) -> Option<Arc<Signal>> {
        let entry = self.rest.links.all.get_mut(&link)?;
        entry.facts.local = local;
        entry.facts.remote = remote.or(entry.facts.remote);
        let facts = entry.facts;
        Some(self.open(link, facts))
    }

    /// Tells a task that dials when its dial is over; nothing if it is already.
    pub(super) fn signal(&self, link: LinkId) -> Option<Arc<Signal>> {
        self.rest.links.signal(link)
    }

    /// Whether a link that was not over until now is.
    pub(super) fn ends_now(&self, link: LinkId) -> bool {
        self.rest.links.all.get(&link).is_some_and(|entry| !entry.signal.is_over())
    }

    /// A link ended by itself, and the machine knows.
    pub(super) fn told_closed(&mut self, link: LinkId, reason: Reason) {
        let rest = &mut self.rest;
        if let Some(closed) = rest.links.close(link, reason, &mut rest.wakes) {
            rest.note(closed);
        }
    }

    pub(super) fn link_mut(&mut self, link: LinkId) -> Option<&mut Entry> {
        self.rest.links.all.get_mut(&link)
    }

    /// The reader of a link that has just come up.
    pub(super) fn reader(&mut self, link: LinkId) -> Option<Box<Reader>> {
        self.link_mut(link)?.reader.take()
    }

    /// All that was ordered on a link up to now, but for what lies here, is written.
    pub(super) fn tell_room(&mut self, link: LinkId) {
        let Some(entry) = self.link_mut(link) else { return };
        if !entry.signal.is_over() {
            let bytes = entry.backlog.room(0);
            self.tell(Input::Room { link, bytes });
        }
    }

    /// The tasks of a link are done.
    pub(super) fn release(&mut self, link: LinkId) {
        let rest = &mut self.rest;
        rest.links.all.remove(&link);
        rest.post.look_again(&mut rest.wakes);
    }
}
