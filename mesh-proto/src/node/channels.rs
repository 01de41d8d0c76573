//! What a node has for each of its links, beside what the machine knows of it.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use super::inside::Inside;
#[cfg(feature = "alloc")]
use super::reader::Reader;
use super::shaking::Shaking;
#[cfg(feature = "alloc")]
use super::writer::Writer;
use crate::id::{LinkId, NodeId};
use crate::storage::{Array, Row, Slot, Storage};

/// The channel of one link.
pub(super) struct Channel<S: Storage> {
    link: LinkId,
    pub(super) state: State<S>,
    /// Who is to be asked about.
    pub(super) asks: Option<NodeId>,
}

/// How far a channel is.
pub(super) enum State<S: Storage> {
    /// Its handshake goes on, or failed.
    Shaking(S::Apart<Shaking>),
    /// It is up, and the driver is to get its halves.
    #[cfg(feature = "alloc")]
    Coming(Box<Reader>, Box<Writer>),
    /// It is up.
    Inside(S::Apart<Inside<S>>),
    /// It is up, and the driver has its halves.
    #[cfg(feature = "alloc")]
    Outside,
}

/// The channels, by the places of their links in the machine's table: there are no more than that has room for.
pub(super) struct Channels<S: Storage> {
    table: S::Row<Place<S>>,
    /// Whose place is listed.
    ready: S::Links<Slot>,
}

/// A place for a channel.
struct Place<S: Storage> {
    channel: Option<Channel<S>>,
    /// Whether it stands among those that have something to hand out; also when its channel is gone since.
    listed: bool,
}

impl<S: Storage> Channels<S> {
    pub(super) fn new() -> Self {
        Self { table: Default::default(), ready: Default::default() }
    }

    /// A link begins.
    pub(super) fn open(&mut self, link: LinkId, shaking: Shaking) {
        let Some(slot) = link.slot() else { return };
        while self.table.len() <= slot.index() {
            // There is room for as many as the machine has, unless an allocator refuses: then the link runs out of time.
            if self.table.try_push(Place { channel: None, listed: false }).is_err() {
                return;
            }
        }
        if let Some(place) = self.table.get_mut(slot.index()) {
            place.channel = Some(Channel { link, state: State::Shaking(shaking.into()), asks: None });
        }
    }

    pub(super) fn get_mut(&mut self, link: LinkId) -> Option<&mut Channel<S>> {
        self.place(link)?.channel.as_mut()
    }

    /// The handshake of a link.
    pub(super) fn shaking(&mut self, link: LinkId) -> Option<&mut Shaking> {
        match &mut self.get_mut(link)?.state {
            State::Shaking(shaking) => Some(shaking),
            State::Inside(_) => None,
            #[cfg(feature = "alloc")]
            State::Coming(..) | State::Outside => None,
        }
    }

    /// What a link is opened and sealed with, if the node itself does that.
    pub(super) fn inside(&mut self, link: LinkId) -> Option<&mut Inside<S>> {
        match &mut self.get_mut(link)?.state {
            State::Inside(inside) => Some(inside),
            State::Shaking(_) => None,
            #[cfg(feature = "alloc")]
            State::Coming(..) | State::Outside => None,
        }
    }

    /// A link is gone.
    pub(super) fn remove(&mut self, link: LinkId) {
        if let Some(place) = self.place(link) {
            place.channel = None;
        }
    }

    /// A link has something to hand out.
    pub(super) fn list(&mut self, link: LinkId) {
        if let (Some(slot), Some(place)) = (link.slot(), self.place(link))
            && !core::mem::replace(&mut place.listed, true)
        {
            let placed = self.ready.try_push(slot);
            debug_assert!(placed.is_ok(), "no place is listed twice");
        }
    }

    /// The next link that has something to hand out.
    pub(super) fn next_listed(&mut self) -> Option<LinkId> {
        while let Some(slot) = self.ready.pop() {
            let Some(place) = self.table.get_mut(slot.index()) else { continue };
            place.listed = false;
            if let Some(channel) = &place.channel {
                return Some(channel.link);
            }
        }
        None
    }

    /// The links on which somebody waits for an answer, and who it is.
    pub(super) fn in_question(&self) -> impl Iterator<Item = (LinkId, NodeId, &Shaking)> + '_ {
        let channels = self.table.iter().filter_map(|place| place.channel.as_ref());
        channels.filter_map(|channel| match &channel.state {
            State::Shaking(shaking) => Some((channel.link, shaking.in_question()?, &**shaking)),
            State::Inside(_) => None,
            #[cfg(feature = "alloc")]
            State::Coming(..) | State::Outside => None,
        })
    }

    /// The place of a link that is there.
    fn place(&mut self, link: LinkId) -> Option<&mut Place<S>> {
        let place = self.table.get_mut(link.slot()?.index())?;
        if place.channel.as_ref().is_some_and(|channel| channel.link == link) { Some(place) } else { None }
    }
}
