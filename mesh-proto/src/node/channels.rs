//! What a node has for each of its links, beside what the machine knows of it.

extern crate alloc;

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::reader::Reader;
use super::shaking::Shaking;
use super::writer::Writer;
use crate::id::{LinkId, NodeId};

/// The channel of one link.
#[derive(Debug)]
pub(super) struct Channel {
    link: LinkId,
    pub(super) state: State,
    /// What is to be written, of the handshake.
    pub(super) words: Vec<u8>,
    /// Who is to be asked about.
    pub(super) asks: Option<NodeId>,
    /// Whether it stands among those that have something to hand out.
    listed: bool,
}

/// How far a channel is.
#[derive(Debug)]
pub(super) enum State {
    /// Its handshake goes on, or failed.
    Shaking(Box<Shaking>),
    /// It is up, and the driver is to get its halves.
    Coming(Box<Reader>, Box<Writer>),
    /// It is up.
    Inside(Box<Reader>, Box<Writer>),
    /// It is up, and the driver has its halves.
    Outside,
}

/// The channels, by the places of their links in the machine's table: there are no more than that has room for.
#[derive(Debug, Default)]
pub(super) struct Channels {
    table: Vec<Option<Channel>>,
    ready: Vec<LinkId>,
}

impl Channels {
    /// A link begins.
    pub(super) fn open(&mut self, link: LinkId, shaking: Shaking) {
        let Some(at) = place(link) else { return };
        if self.table.len() <= at {
            self.table.resize_with(at + 1, || None);
        }
        if let Some(place) = self.table.get_mut(at) {
            let state = State::Shaking(Box::new(shaking));
            *place = Some(Channel { link, state, words: Vec::new(), asks: None, listed: false });
        }
    }

    pub(super) fn get_mut(&mut self, link: LinkId) -> Option<&mut Channel> {
        self.table.get_mut(place(link)?)?.as_mut().filter(|channel| channel.link == link)
    }

    /// The handshake of a link.
    pub(super) fn shaking(&mut self, link: LinkId) -> Option<&mut Shaking> {
        match &mut self.get_mut(link)?.state {
            State::Shaking(shaking) => Some(shaking),
            State::Coming(..) | State::Inside(..) | State::Outside => None,
        }
    }

    /// A link is gone.
    pub(super) fn remove(&mut self, link: LinkId) {
        if let Some(place) = place(link).and_then(|at| self.table.get_mut(at))
            && place.as_ref().is_some_and(|channel| channel.link == link)
        {
            *place = None;
        }
    }

    /// A link has something to hand out.
    pub(super) fn list(&mut self, link: LinkId) {
        if let Some(channel) = self.get_mut(link)
            && !core::mem::replace(&mut channel.listed, true)
        {
            self.ready.push(link);
        }
    }

    /// The next link that has something to hand out.
    pub(super) fn next_listed(&mut self) -> Option<LinkId> {
        let link = self.ready.pop()?;
        if let Some(channel) = self.get_mut(link) {
            channel.listed = false;
        }
        Some(link)
    }

    /// The links on which somebody waits for an answer, and who it is.
    pub(super) fn in_question(&self) -> impl Iterator<Item = (LinkId, NodeId, &Shaking)> + '_ {
        self.table.iter().flatten().filter_map(|channel| match &channel.state {
            State::Shaking(shaking) => Some((channel.link, shaking.in_question()?, &**shaking)),
            State::Coming(..) | State::Inside(..) | State::Outside => None,
        })
    }
}

fn place(link: LinkId) -> Option<usize> {
    link.slot().map(|slot| slot.index())
}
