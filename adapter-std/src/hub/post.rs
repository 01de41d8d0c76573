//! What became of messages that were sent, and who waits to send.

use alloc::collections::BTreeMap;
use core::task::{Context, Poll, Waker};

use mesh_proto::{Answer, Message, NodeId, Outcome, Reason, Unable, Wants};

use super::wakes::{Place, Waiters, Wakes};

/// A message that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// To whom it was sent.
    pub peer: NodeId,
    /// The sender's own name for it.
    pub token: u64,
    /// Why it was not taken.
    pub outcome: Outcome,
}

/// A receipt that somebody waits for.
#[derive(Debug)]
pub(crate) enum Awaited {
    /// Nothing is known yet.
    Open(Option<Waker>),
    /// This became of the message.
    Settled(Outcome),
}

/// What became of messages, and who waits for what.
#[derive(Debug, Default)]
pub(crate) struct Post {
    /// The name of the next message with a receipt.
    next: u64,
    receipts: BTreeMap<u64, Awaited>,
    /// Reports that were handed out and not collected.
    reports: Vec<Undelivered>,
    /// Messages that fitted when they were sent, and not when the node was told: a session ended in between.
    unsent: BTreeMap<NodeId, Vec<Message<'static>>>,
    /// Peers with such messages for which there is room again.
    retried: Vec<NodeId>,
    /// Who waits for room.
    room: BTreeMap<NodeId, Waiters>,
    /// Messages of that kind that did not go out, and of which nobody wanted to hear.
    undelivered: u64,
    /// Who waits until the node is done with everything.
    leaving: Waiters,
    over: bool,
}

impl Post {
    /// A name for a message whose receipt somebody will wait for.
    pub(crate) fn begin_receipt(&mut self) -> u64 {
        let token = self.next;
        self.next += 1;
        self.receipts.insert(token, Awaited::Open(None));
        token
    }

    /// Nobody waits for it any more. What is given back is to be dropped where nothing is locked.
    pub(crate) fn drop_receipt(&mut self, token: u64) -> Option<Awaited> {
        self.receipts.remove(&token)
    }

    /// What became of a message; `None` if the node ended before that was known.
    pub(super) fn poll_receipt(
        &mut self,
        token: u64,
        context: &Context<'_>,
        wakes: &mut Wakes,
    ) -> Poll<Option<Outcome>> {
        match self.receipts.get_mut(&token) {
            Some(Awaited::Settled(outcome)) => Poll::Ready(Some(*outcome)),
            Some(Awaited::Open(waker)) if !self.over => {
                wakes.park(waker, context.waker());
                Poll::Pending
            }
            Some(Awaited::Open(_)) | None => Poll::Ready(None),
        }
    }

    pub(super) fn settled(
        &mut self,
        peer: NodeId,
        token: u64,
        wants: Wants,
        outcome: Outcome,
        wakes: &mut Wakes,
    ) {
        if wants == Wants::Report {
            self.reports.push(Undelivered { peer, token, outcome });
        } else if let Some(awaited) = self.receipts.get_mut(&token) {
            if let Awaited::Open(waker) = awaited {
                wakes.take(waker);
            }
            *awaited = Awaited::Settled(outcome);
        }
    }

    /// How many messages did not go out that the machine never saw, and of which nobody wanted to hear.
    pub(crate) const fn undelivered(&self) -> u64 {
        self.undelivered
    }

    /// The reports that were handed out since this was asked last.
    pub(crate) fn take_reports(&mut self) -> Vec<Undelivered> {
        core::mem::take(&mut self.reports)
    }

    /// Whether messages to a peer wait that were sent before.
    pub(super) fn has_unsent(&self, peer: &NodeId) -> bool {
        !self.unsent.is_empty() && self.unsent.contains_key(peer)
    }

    /// How many of these there are.
    pub(super) fn unsent(&self, peer: &NodeId) -> usize {
        self.unsent.get(peer).map_or(0, Vec::len)
    }

    /// Messages that may fit now.
    pub(super) fn retried(&mut self) -> Option<(NodeId, Vec<Message<'static>>)> {
        let peer = self.retried.pop()?;
        Some((peer, self.unsent.remove(&peer).unwrap_or_default()))
    }

    /// The node was told of messages that were sent a moment ago.
    pub(super) fn answered(
        &mut self,
        peer: NodeId,
        messages: &mut Vec<Message<'static>>,
        answer: Answer,
        wakes: &mut Wakes,
    ) {
        let (queued, why) = match answer {
            Answer::Sent { queued, stopped: Some(why) } => (queued, why),
            Answer::Unable(why) => (0, why),
            Answer::Sent { stopped: None, .. } | Answer::Done | Answer::Link(_) => return,
        };
        let rest = messages.split_off(messages.len().min(queued as usize));
        if why == Unable::NoRoom {
            self.unsent.entry(peer).or_default().extend(rest);
            return;
        }
        let reason = if why == Unable::Leaving { Reason::Shutdown } else { Reason::Forgotten };
        for message in rest {
            let Message { token, wants, .. } = message;
            match wants {
                Wants::Nothing => self.undelivered += 1,
                Wants::Report | Wants::Receipt => {
                    self.settled(peer, token, wants, Outcome::Ended(reason), wakes);
                }
            }
        }
    }

    /// Notes who waits for room at a peer.
    pub(super) fn waits_for_room(
        &mut self,
        peer: NodeId,
        place: &mut Place,
        waker: &Waker,
        wakes: &mut Wakes,
    ) {
        wakes.seat(self.room.entry(peer).or_default(), place, waker);
    }

    /// Somebody waits for room no more.
    pub(crate) fn leaves_room(&mut self, peer: &NodeId, place: &mut Place) -> Option<Waker> {
        let waiters = self.room.get_mut(peer)?;
        let gone = waiters.leave(place);
        if waiters.is_empty() {
            self.room.remove(peer);
        }
        gone
    }

    /// There may be room again, or never more: what waits for it is tried.
    pub(super) fn roomy(&mut self, peer: &NodeId, wakes: &mut Wakes) {
        if self.unsent.contains_key(peer) {
            self.retried.push(*peer);
        }
        if let Some(mut waiting) = self.room.remove(peer) {
            wakes.take_all(&mut waiting);
        }
    }

    /// Whoever waits for the node to be done looks how far it is.
    pub(super) fn look_again(&mut self, wakes: &mut Wakes) {
        wakes.take_all(&mut self.leaving);
    }

    /// Somebody waits for the node to be done.
    pub(super) fn waits_for_the_end(&mut self, place: &mut Place, waker: &Waker, wakes: &mut Wakes) {
        wakes.seat(&mut self.leaving, place, waker);
    }

    /// Somebody waits for that no more.
    pub(crate) fn leaves_the_end(&mut self, place: &mut Place) -> Option<Waker> {
        self.leaving.leave(place)
    }

    pub(super) fn end(&mut self, wakes: &mut Wakes) {
        self.over = true;
        for awaited in self.receipts.values_mut() {
            if let Awaited::Open(waker) = awaited {
                wakes.take(waker);
            }
        }
        core::mem::take(&mut self.room).values_mut().for_each(|waiting| wakes.take_all(waiting));
        self.look_again(wakes);
    }
}
