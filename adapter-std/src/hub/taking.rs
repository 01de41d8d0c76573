//! Messages and questions that come: who gets them, and when the machine hears that they were taken.

use core::mem;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};

use bytes::Bytes;
use mesh_proto::node::Input;
use mesh_proto::question::Head;
use mesh_proto::{Delivery, NodeId};

use super::inbox::{Arrived, Inbox, Received, Took};
use super::outbox::KEPT;
use super::state::Rest;
use super::wakes::Place;
use super::{Hub, State, asks};

impl Hub {
    /// The next message, if there is one now.
    pub(crate) fn take(&self) -> Option<Arrived> {
        let mut first = false;
        let taken = self.0.inbox.take(&mut first);
        self.taken(&self.0.inbox, taken.is_some(), first);
        taken
    }

    /// The next message; `None` once no more will come.
    #[inline(always)]
    pub(crate) fn poll_take(&self, place: &mut Place, context: &Context<'_>) -> Poll<Option<Arrived>> {
        self.poll_inbox(&self.0.inbox, place, context)
    }

    /// Somebody waits for messages no more.
    pub(crate) fn leave_take(&self, place: &mut Place) {
        self.0.inbox.leave(place);
    }

    /// The next question; `None` once no more will come.
    pub(crate) fn poll_asked(&self, place: &mut Place, context: &Context<'_>) -> Poll<Option<Arrived>> {
        self.poll_inbox(&self.0.asked, place, context)
    }

    /// Somebody waits for questions no more.
    pub(crate) fn leave_asked(&self, place: &mut Place) {
        self.0.asked.leave(place);
    }

    #[inline(always)]
    fn poll_inbox(&self, inbox: &Inbox, place: &mut Place, context: &Context<'_>) -> Poll<Option<Arrived>> {
        let mut first = false;
        let taken = inbox.poll(place, context, &mut first);
        self.taken(inbox, taken.is_ready(), first);
        taken
    }

    /// The machine is told what was taken with whatever it is told next, or in a moment, to which the driver's task sees, or
    /// once whoever takes waits for more: then what was held back is written, too.
    fn taken(&self, inbox: &Inbox, any: bool, first: bool) {
        if first {
            self.with_untold(State::tell_soon);
        } else if !any && (inbox.has_taken() || self.0.holds.load(Ordering::Acquire)) {
            self.with(State::let_go);
        }
    }
}

impl State {
    /// Tells what was taken from here.
    pub(super) fn tell_taken(&mut self, inbox: &Inbox) {
        let mut taken = mem::take(&mut self.spare.taken);
        inbox.taken(&mut taken);
        for Took { peer, lane, serial } in taken.drain(..) {
            self.tell(Input::Took { peer, lane, serial });
        }
        if taken.capacity() <= KEPT {
            self.spare.taken = taken;
        }
    }

    /// Whether something came that is about to lie where it is taken.
    pub(super) fn has_come(&self) -> bool {
        !(self.rest.came.is_empty() && self.rest.questions.is_empty())
    }
}

impl Rest {
    /// A message came: for the application, or for what asks and answers. One for the application is put where it waits
    /// from where it was handed out.
    #[inline(always)]
    pub(super) fn deliver(&mut self, peer: NodeId, message: Delivery<'_>) {
        let Delivery { lane, kind, serial, body } = message;
        let took = Took { peer, lane, serial };
        match Head::read(kind, &body.lend()) {
            Ok(None) => {
                let received = Received { from: peer, lane, kind, body: body.into_bytes() };
                self.came.push_back((serial, Arrived { received, awaited: None }));
            }
            Ok(Some((head, said))) => self.deliver_behind(head, took, said.into_bytes()),
            Err(why) => {
                log::debug!("a message of {peer} is dropped: {why}");
                self.taken.push(took);
            }
        }
    }

    /// What came behind such a head.
    #[inline(never)]
    fn deliver_behind(&mut self, head: Head, took: Took, said: Bytes) {
        let Took { peer, lane, serial } = took;
        let arrived = |number, body| {
            let received = Received { from: peer, lane, kind: 0, body };
            (serial, Arrived { received, awaited: Some(number) })
        };
        match head {
            Head::Told(number) => self.came.push_back(arrived(number, said)),
            Head::Question(number) if self.serving.0.load(Ordering::Acquire) == 0 => {
                self.taken.push(took);
                self.unserved.push((peer, number));
            }
            Head::Question(number) => self.questions.push_back(arrived(number, said)),
            Head::Answer(number, reply) => {
                let answer = asks::Answer::Came(reply, said);
                self.asks.answered(peer, number, answer, &mut self.wakes);
                self.taken.push(took);
            }
        }
    }
}
