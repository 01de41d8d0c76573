//! The machine's orders, as orders of the node: hellos and answers become records of a handshake, all other frames go to
//! the writer of their link.

use core::mem;

use super::admission::Admission;
use super::channels::{Channels, State};
use super::order::Order;
use super::reader::Reader;
use super::rotation::Rotation;
use super::settings::{Halves, Site, Verdict};
use super::shaking::{Shaking, Stage};
use super::sources::Sources;
use super::writer::Writer;
use crate::action::Action;
use crate::chance::Dice;
use crate::frame::Frame;
use crate::id::{LinkId, NodeId};
use crate::reason::{Reason, Refusal};
use crate::time::Instant;
use crate::wire::{MAX_OPENING, Opener, Ports, Sealer, write_beacon};

extern crate alloc;

use alloc::boxed::Box;
use alloc::vec::Vec;

/// Everything of a node but its machine.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) site: Site,
    pub(super) halves: Halves,
    pub(super) admission: Admission,
    pub(super) rotation: Rotation,
    pub(super) dice: Dice,
    pub(super) channels: Channels,
    /// What the machine is to be told once it has said everything.
    pub(super) later: Vec<Later>,
    pub(super) now: Instant,
    pub(super) ports: Ports,
    pub(super) sources: Sources,
    /// How many datagrams were written.
    pub(super) announced: u64,
    /// The largest record that this node takes.
    pub(super) record: u32,
    /// How many may wait for an answer.
    pub(super) most_in_question: usize,
}

/// What came of carrying out an order.
#[derive(Debug)]
pub(super) enum Later {
    /// The link cannot go on.
    Failed(LinkId, Reason),
    /// The link is up, and can take messages.
    Up(LinkId),
}

impl Rest {
    /// Hands out what the channels have, as far as the machine need not be asked.
    pub(super) fn hand_out(&mut self, perform: &mut impl FnMut(Order<'_>)) {
        while let Some(link) = self.channels.next_listed() {
            self.hand_out_of(link, perform);
        }
    }

    fn hand_out_of(&mut self, link: LinkId, perform: &mut impl FnMut(Order<'_>)) {
        let Some(channel) = self.channels.get_mut(link) else { return };
        if !channel.words.is_empty() {
            perform(Order::Write { link, bytes: &channel.words });
            channel.words.clear();
        }
        if let Some(peer) = channel.asks.take() {
            perform(Order::Ask { peer });
        }
        match mem::replace(&mut channel.state, State::Outside) {
            State::Coming(reader, writer) => perform(Order::Up { link, reader, writer }),
            State::Inside(reader, mut writer) => {
                if writer.seal().is_err() {
                    self.later.push(Later::Failed(link, Reason::ProtocolError));
                }
                if !writer.bytes().is_empty() {
                    perform(Order::Write { link, bytes: writer.bytes() });
                    writer.wrote(writer.bytes().len());
                }
                channel.state = State::Inside(reader, writer);
            }
            other @ (State::Shaking(_) | State::Outside) => channel.state = other,
        }
    }

    /// Carries out one order of the machine.
    pub(super) fn perform(&mut self, action: &Action<'_>, perform: &mut impl FnMut(Order<'_>)) {
        match *action {
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
            State::Shaking(shaking) => match (mem::replace(&mut shaking.stage, Stage::Over), frame) {
                (Stage::Met(met), Frame::Hello(hello)) => {
                    let peer = met.peer();
                    shaking.stage = Stage::Wondering(met, hello.clone());
                    match self.verdict(&peer) {
                        Some(Verdict::LetIn) => self.introduce(link),
                        Some(Verdict::TurnAway) => {
                            let reason = Reason::Refused(Refusal::NotListed);
                            self.later.push(Later::Failed(link, reason));
                        }
                        None => self.ask(link, peer),
                    }
                }
                (Stage::Greeted(greeted, record), Frame::Welcome(_) | Frame::Refused(_)) => {
                    let mut out = [0; MAX_OPENING];
                    let Ok((fourth, sealer, opener)) = greeted.answer(&self.site.terms(), frame, &mut out)
                    else {
                        self.later.push(Later::Failed(link, Reason::ProtocolError));
                        return;
                    };
                    channel.words.extend_from_slice(fourth);
                    if matches!(frame, Frame::Welcome(_)) {
                        self.go_up(link, sealer, opener, record, &[]);
                    }
                }
                (stage, _) => shaking.stage = stage,
            },
            State::Inside(_, writer) => {
                if writer.push(frame).is_err() {
                    self.later.push(Later::Failed(link, Reason::ProtocolError));
                }
                self.channels.list(link);
                return;
            }
            State::Coming(..) => {
                self.hand_out_of(link, perform);
                perform(Order::Send { link, frame });
            }
            State::Outside => perform(Order::Send { link, frame }),
        }
        self.hand_out_of(link, perform);
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

    /// A dialer goes on: the hello that was held goes out.
    pub(super) fn introduce(&mut self, link: LinkId) {
        let Some(channel) = self.channels.get_mut(link) else { return };
        let State::Shaking(shaking) = &mut channel.state else { return };
        let Some((met, hello)) = shaking.take_wondering() else { return };
        let mut out = [0; MAX_OPENING];
        match met.introduce(&self.site.terms(), &Frame::Hello(hello), &mut out) {
            Ok((introduced, third)) => {
                shaking.stage = Stage::Introduced(introduced);
                channel.words.extend_from_slice(third);
            }
            Err(_) => self.later.push(Later::Failed(link, Reason::ProtocolError)),
        }
        self.channels.list(link);
    }

    /// The channel of a link is up: what came behind the handshake is the reader's.
    pub(super) fn go_up(&mut self, link: LinkId, sealer: Sealer, opener: Opener, record: u32, more: &[u8]) {
        let Some(channel) = self.channels.get_mut(link) else { return };
        let mut reader = Box::new(Reader::new(opener, self.record));
        let writer = Box::new(Writer::new(sealer, record));
        if let State::Shaking(shaking) = &channel.state {
            reader.push(shaking.rest());
        }
        reader.push(more);
        channel.state = match self.halves {
            Halves::Inside => State::Inside(reader, writer),
            Halves::Outside => State::Coming(reader, writer),
        };
        self.later.push(Later::Up(link));
        self.channels.list(link);
    }
}
