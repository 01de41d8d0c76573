//! Messages that are sent: past the node where they certainly fit, and else told to it.

use core::mem;
use core::task::Waker;

use mesh_proto::node::Input;
use mesh_proto::{Answer, Instant, LinkId, Message, NodeId, Now, Standing, Unable};

use super::halves::Signal;
use super::outbox::{Outbox, Put};
use super::pen::Pen;
use super::wakes::Place;
use super::{Hub, State};

impl Hub {
    /// Sends a message, which is gone then, or says why not; with a place and a waker it is noted who waits for room.
    pub(crate) fn post(
        &self,
        peer: &NodeId,
        message: &mut Option<Message<'static>>,
        waits: Option<(&mut Place, &Waker)>,
    ) -> Result<(), Unable> {
        match self.0.outbox.put(peer, message) {
            Put::Unknown => self.with(|state| {
                let sent = state.send(*peer, message, waits);
                state.know_room(*peer, &self.0.outbox);
                sent
            }),
            put @ (Put::Waits | Put::Nudge { .. }) => {
                self.nudge(put);
                Ok(())
            }
        }
    }

    /// Sends a message to all that have a session: to how many.
    pub(crate) fn post_to_all(&self, message: Message<'_>) -> Answer {
        self.0.outbox.ask_about_all();
        self.with(|state| state.tell(Input::SendAll { message }))
    }

    /// Sees to it that what waits is told: at once if nobody writes to that peer, so that nobody has to be woken for it.
    fn nudge(&self, put: Put) {
        let Put::Nudge { writer, link } = put else { return };
        match writer.lend(|| self.0.time.now().awake) {
            Some(mut pen) => {
                let now = self.fetch(&mut pen, link, &writer);
                pen.write_at_once(now);
                writer.give_back(pen);
            }
            None => writer.nudge(),
        }
        if writer.is_over() {
            // Nobody may be there any more to be nudged.
            self.with(|_| ());
        }
    }

    /// Gives a pen what lies with the node for its link, and says when.
    pub(super) fn fetch(&self, pen: &mut Pen, link: LinkId, signal: &Signal) -> Instant {
        let now = self.with(|state| {
            pen.fetch(link, state);
            signal.sees();
            state.now().awake
        });
        if self.0.outbox.is_filled() {
            // Put in a moment ago, when it was known already that there is something to write: nobody was nudged.
            signal.asks();
        }
        if pen.seal().is_err() {
            self.with(|state| state.tell(Input::Broken { link }));
        }
        now
    }
}

impl State {
    /// Sends a message, which is gone then, or says why not; with a place and a waker it is noted who waits for room.
    pub(super) fn send(
        &mut self,
        peer: NodeId,
        sent: &mut Option<Message<'static>>,
        waits: Option<(&mut Place, &Waker)>,
    ) -> Result<(), Unable> {
        let Some(message) = sent.as_mut() else { return Ok(()) };
        let why = if self.rest.post.has_unsent(&peer) {
            Unable::NoRoom
        } else {
            match self.tell(Input::Send { peer, messages: message.into() }) {
                Answer::Sent { stopped: Some(why), .. } | Answer::Unable(why) => why,
                Answer::Sent { stopped: None, .. } | Answer::Done | Answer::Link(_) => {
                    *sent = None;
                    return Ok(());
                }
            }
        };
        if let (Unable::NoRoom, Some((place, waker))) = (why, waits) {
            self.rest.post.waits_for_room(peer, place, waker, &mut self.rest.wakes);
        }
        Err(why)
    }

    /// Tells of all messages that lie in the outbox.
    pub(super) fn tell_put(&mut self, outbox: &Outbox) {
        let mut put = mem::take(&mut self.spare.put);
        outbox.take(&mut put);
        for (peer, mut messages) in put.drain(..) {
            self.tell_sent(peer, &mut messages);
            self.know_room(peer, outbox);
            outbox.reuse(&peer, messages);
        }
        self.spare.put = put;
    }

    /// Tells of messages that were sent a moment ago, when they fitted. The list is empty then.
    fn tell_sent(&mut self, peer: NodeId, messages: &mut Vec<Message<'static>>) {
        let answer = if self.rest.post.has_unsent(&peer) {
            Answer::Sent { queued: 0, stopped: Some(Unable::NoRoom) }
        } else {
            self.tell(Input::Send { peer, messages: messages.as_mut_slice().into() })
        };
        self.rest.post.answered(peer, messages, answer, &mut self.rest.wakes);
        messages.clear();
    }

    /// Sends a word that nobody waits for and somebody at the other end does. Where there is no room it is kept until there
    /// is; of such words no more are kept than the window has messages.
    pub(super) fn owe(&mut self, now: Now, peer: NodeId, mut message: Message<'static>) {
        let full = Answer::Sent { queued: 0, stopped: Some(Unable::NoRoom) };
        let answer = if self.rest.post.has_unsent(&peer) {
            full
        } else {
            self.turn(now, Input::Send { peer, messages: (&mut message).into() })
        };
        let most = self.node().mesh().config().limits.window.messages;
        if answer == full && self.rest.post.unsent(&peer) >= most as usize {
            log::debug!("a question of {peer} stays without an answer: there is no room for one");
            return;
        }
        self.rest.post.answered(peer, &mut vec![message], answer, &mut self.rest.wakes);
    }

    /// What can be sent to a peer without asking again.
    pub(super) fn know_room(&self, peer: NodeId, outbox: &Outbox) {
        let mesh = self.node().mesh();
        let link = mesh.peer(&peer).and_then(|view| match view.standing {
            Standing::Up { link, .. } => Some(link),
            Standing::Away { .. } | Standing::Down { .. } => None,
        });
        let writer = link.and_then(|link| Some((self.rest.links.signal(link)?, link)));
        match (writer, mesh.room_to(&peer)) {
            (Some((writer, link)), Some(room)) if !self.rest.over && !self.rest.post.has_unsent(&peer) => {
                outbox.fits(peer, room, writer, link);
            }
            (Some(_) | None, _) => outbox.ask_about(&peer),
        }
    }

    /// Peers to which it is not known any more how much can be sent.
    pub(super) fn uncertain(&mut self) -> Vec<NodeId> {
        mem::take(&mut self.rest.uncertain)
    }
}
