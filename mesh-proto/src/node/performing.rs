//! The machine's orders, as orders of the node: hellos and answers become records of a handshake, all other frames go to
//! the writer of their link.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
#[cfg(feature = "alloc")]
use core::mem;

use serde::{Deserialize, Serialize};

use super::admission::Admission;
use super::channels::{Channels, State};
use super::inside::{Inside, Outlet};
use super::order::Order;
#[cfg(feature = "alloc")]
use super::reader::Reader;
use super::rotation::Rotation;
use super::settings::{Halves, Site, Verdict};
use super::shaking::{Shaking, Stage};
use super::sources::Sources;
#[cfg(feature = "alloc")]
use super::writer::Writer;
use crate::action::Action;
use crate::chance::Dice;
use crate::frame::Frame;
use crate::id::{LinkId, NodeId};
use crate::reason::{Reason, Refusal, SystemError};
use crate::storage::{Array, Storage};
use crate::time::Instant;
use crate::wire::{MAX_OPENING, Opener, Ports, Sealer, write_beacon};

/// Everything of a node but its machine.
pub(super) struct Rest<S: Storage> {
    pub(super) site: Site,
    pub(super) halves: Halves,
    pub(super) admission: Admission<S>,
    pub(super) rotation: Rotation<S>,
    pub(super) dice: Dice,
    pub(super) channels: Channels<S>,
    /// The record that is being filled.
    pub(super) outlet: Outlet<S>,
    /// What the machine is to be told once it has said everything: of each link one thing.
    pub(super) later: S::Links<Later>,
    pub(super) now: Instant,
    pub(super) ports: Ports,
    pub(super) sources: Sources<S>,
    /// How many datagrams were written.
    pub(super) announced: u64,
    /// The largest record that this node takes.
    pub(super) record: u32,
    /// How many bytes of messages a link takes at first.
    pub(super) room: u32,
    /// How many may wait for an answer.
    pub(super) most_in_question: usize,
}

/// What came of carrying out an order: the link is up and can take messages, or it cannot go on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Later {
    pub(super) link: LinkId,
    pub(super) failed: Option<Reason>,
}

impl<S: Storage> Rest<S> {
    /// Hands out what the channels have, as far as the machine need not be asked.
    pub(super) fn hand_out(&mut self, perform: &mut impl FnMut(Order<'_>)) {
        self.flush(perform);
        while let Some(link) = self.channels.next_listed() {
            self.hand_out_of(link, perform);
        }
    }

    fn hand_out_of(&mut self, link: LinkId, perform: &mut impl FnMut(Order<'_>)) {
        if self.outlet.link() == Some(link) {
            self.flush(perform);
        }
        let Some(channel) = self.channels.get_mut(link) else { return };
        if let State::Shaking(shaking) = &mut channel.state
            && !shaking.words.is_empty()
        {
            perform(Order::Write { link, bytes: &shaking.words });
            shaking.words.clear();
        }
        if let Some(peer) = channel.asks.take() {
            perform(Order::Ask { peer });
        }
        match &mut channel.state {
            State::Shaking(shaking) => {
                if let Some((met, hello)) = shaking.take_let_in() {
                    let mut out = [0; MAX_OPENING];
                    match met.introduce(&self.site.terms(), &Frame::Hello(hello), &mut out) {
                        Ok((introduced, third)) => {
                            shaking.stage = Stage::Introduced(introduced);
                            perform(Order::Write { link, bytes: third });
                        }
                        Err(_) => self.fails(link, Reason::ProtocolError),
                    }
                }
            }
            State::Inside(_) => {}
            #[cfg(feature = "alloc")]
            State::Outside => {}
            #[cfg(feature = "alloc")]
            coming @ State::Coming(..) => {
                if let State::Coming(reader, writer) = mem::replace(coming, State::Outside) {
                    perform(Order::Up { link, reader, writer });
                }
            }
        }
    }

    /// Seals the record that is being filled, and has it written.
    fn flush(&mut self, perform: &mut impl FnMut(Order<'_>)) {
        let Some(link) = self.outlet.link() else { return };
        let Some(inside) = self.channels.inside(link) else { return self.outlet.clear() };
        match self.outlet.seal(inside) {
            Ok(bytes) => perform(Order::Write { link, bytes }),
            Err(_) => self.fails(link, Reason::ProtocolError),
        }
    }

    /// The link cannot go on.
    fn fails(&mut self, link: LinkId, reason: Reason) {
        self.later(Later { link, failed: Some(reason) });
    }

    fn later(&mut self, told: Later) {
        if let Some(before) = self.later.iter_mut().find(|before| before.link == told.link) {
            before.failed = before.failed.or(told.failed);
        } else {
            let placed = self.later.try_push(told);
            debug_assert!(placed.is_ok(), "there is room for as many as there are links");
        }
    }

    /// Carries out one order of the machine. Those that are given for each message are passed on where they are given: to put
    /// one together and take it apart again costs as much as carrying it out.
    #[inline(always)]
    pub(super) fn perform(&mut self, action: Action<'_>, perform: &mut impl FnMut(Order<'_>)) {
        match action {
            Action::Send { link, frame } => self.send(link, frame, perform),
            Action::Deliver { peer, message } => perform(Order::Deliver { peer, message }),
            Action::Dial { .. }
            | Action::Close { .. }
            | Action::Announce { .. }
            | Action::Settled { .. }
            | Action::Roomy { .. } => self.perform_any(action, perform),
        }
    }

    #[inline(never)]
    fn perform_any(&mut self, action: Action<'_>, perform: &mut impl FnMut(Order<'_>)) {
        match action {
            Action::Dial { link, route, expected } => {
                self.channels.open(link, Shaking::dialed(route.address));
                perform(Order::Dial { link, route, expected });
            }
            Action::Send { link, frame } => self.send(link, frame, perform),
            Action::Close { link, reason } => {
                self.hand_out_of(link, perform);
                self.channels.remove(link);
                perform(Order::Close { link, reason });
            }
            Action::Announce { to, announcement, cause } => {
                self.announced += 1;
                let datagram = write_beacon(&self.site.terms(), &announcement, &self.ports, self.announced);
                let to = self.sources.audience(to);
                perform(Order::Announce { to, announcement, cause, datagram: &datagram });
            }
            Action::Deliver { peer, message } => perform(Order::Deliver { peer, message }),
            Action::Settled { peer, token, wants, outcome } => {
                perform(Order::Settled { peer, token, wants, outcome });
            }
            Action::Roomy { peer } => perform(Order::Roomy { peer }),
        }
    }

    fn send(&mut self, link: LinkId, frame: &Frame<'_>, perform: &mut impl FnMut(Order<'_>)) {
        let Some(channel) = self.channels.get_mut(link) else { return };
        match &mut channel.state {
            State::Shaking(_) => {
                // What was said before goes out first.
                self.hand_out_of(link, perform);
                self.send_in_handshake(link, frame, perform);
                self.hand_out_of(link, perform);
            }
            State::Inside(_) => self.fill(link, frame, perform),
            #[cfg(feature = "alloc")]
            State::Coming(..) => {
                self.hand_out_of(link, perform);
                perform(Order::Send { link, frame });
            }
            #[cfg(feature = "alloc")]
            State::Outside => perform(Order::Send { link, frame }),
        }
    }

    fn send_in_handshake(&mut self, link: LinkId, frame: &Frame<'_>, perform: &mut impl FnMut(Order<'_>)) {
        let Some(shaking) = self.channels.shaking(link) else { return };
        match (shaking.take_stage(), frame) {
            (Stage::Met(met), Frame::Hello(hello)) => {
                let peer = met.peer();
                shaking.stage = Stage::Wondering(met, hello.clone());
                match self.verdict(&peer) {
                    Some(Verdict::LetIn) => self.introduce(link),
                    Some(Verdict::TurnAway) => self.fails(link, Reason::Refused(Refusal::NotListed)),
                    None => self.ask(link, peer),
                }
            }
            (Stage::Greeted(greeted, record), Frame::Welcome(_) | Frame::Refused(_)) => {
                let mut out = [0; MAX_OPENING];
                let Ok((fourth, sealer, opener)) = greeted.answer(&self.site.terms(), frame, &mut out) else {
                    return self.fails(link, Reason::ProtocolError);
                };
                perform(Order::Write { link, bytes: fourth });
                if matches!(frame, Frame::Welcome(_)) {
                    self.go_up(link, (sealer, opener), record);
                }
            }
            (stage, _) => shaking.stage = stage,
        }
    }

    /// Puts a frame into the record that is being filled; one that is for another link, or full, goes out before it.
    fn fill(&mut self, link: LinkId, frame: &Frame<'_>, perform: &mut impl FnMut(Order<'_>)) {
        if self.outlet.link().is_some_and(|other| other != link) {
            self.flush(perform);
        }
        for _ in 0..2 {
            let Some(inside) = self.channels.inside(link) else { return };
            if self.outlet.push(link, inside, frame).is_ok() {
                return;
            }
            self.flush(perform);
        }
        self.fails(link, Reason::ProtocolError);
    }

    /// Whether somebody is let in; nothing if that is to be asked. What to do with oneself the machine knows.
    pub(super) fn verdict(&self, peer: &NodeId) -> Option<Verdict> {
        if *peer == self.site.door.id() { Some(Verdict::LetIn) } else { self.admission.verdict(peer) }
    }

    /// Somebody is to be asked about the one at the other end of a link, unless that was done already.
    pub(super) fn ask(&mut self, link: LinkId, peer: NodeId) {
        let asked = self.channels.in_question().any(|(other, known, _)| other != link && known == peer);
        if let Some(channel) = self.channels.get_mut(link) {
            channel.asks = (!asked).then_some(peer);
        }
        self.channels.list(link);
    }

    /// A dialer goes on: the hello that was held is to go out.
    pub(super) fn introduce(&mut self, link: LinkId) {
        if self.channels.shaking(link).is_some_and(Shaking::let_in) {
            self.channels.list(link);
        }
    }

    /// The channel of a link is up; `record` is the largest that the other end takes.
    pub(super) fn go_up(&mut self, link: LinkId, (sealer, opener): (Sealer, Opener), record: u32) {
        let Some(channel) = self.channels.get_mut(link) else { return };
        let State::Shaking(shaking) = &channel.state else { return };
        channel.state = match self.halves {
            Halves::Inside => {
                let inside = Inside::new((sealer, opener), shaking.rest(), self.record, record);
                let Some(inside) = inside else {
                    return self.fails(link, Reason::System(SystemError::Exhausted));
                };
                State::Inside(inside.into())
            }
            #[cfg(feature = "alloc")]
            Halves::Outside => {
                let mut reader = Box::new(Reader::new(opener, self.record));
                reader.push(shaking.rest());
                State::Coming(reader, Box::new(Writer::new(sealer, record)))
            }
        };
        self.later(Later { link, failed: None });
        self.channels.list(link);
    }
}
