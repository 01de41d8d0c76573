//! What became of messages that were sent, and who waits to send.

use alloc::collections::BTreeMap;
use core::task::{Context, Poll, Waker};

use mesh_proto::{NodeId, Outcome, Wants};

use super::wakes::{Wakes, waits};

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
    /// Who waits for room.
    room: BTreeMap<NodeId, Vec<Waker>>,
    /// Who waits until the node is done with everything.
    leaving: Option<Waker>,
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

    /// Nobody waits for it any more.
    pub(crate) fn drop_receipt(&mut self, token: u64) {
        self.receipts.remove(&token);
    }

    /// What became of a message; `None` if the node ended before that was known.
    pub(super) fn poll_receipt(
        &mut self,
        token: u64,
        context: &mut Context<'_>,
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

    /// The reports that were handed out since this was asked last.
    pub(crate) fn take_reports(&mut self) -> Vec<Undelivered> {
        core::mem::take(&mut self.reports)
    }

    /// Notes who waits for room at a peer.
    pub(crate) fn waits_for_room(&mut self, peer: NodeId, waker: &Waker) {
        waits(self.room.entry(peer).or_default(), waker);
    }

    pub(super) fn roomy(&mut self, peer: &NodeId, wakes: &mut Wakes) {
        if let Some(mut waiting) = self.room.remove(peer) {
            wakes.take_all(&mut waiting);
        }
    }

    /// Everybody who waits for room looks again: the peer may be gone.
    pub(super) fn all_look_again(&mut self, wakes: &mut Wakes) {
        for (_, mut waiting) in core::mem::take(&mut self.room) {
            wakes.take_all(&mut waiting);
        }
    }

    /// Whoever waits for the node to be done looks how far it is.
    pub(super) fn look_again(&mut self, wakes: &mut Wakes) {
        wakes.take(&mut self.leaving);
    }

    /// Somebody waits for the node to be done.
    pub(super) fn waits_for_the_end(&mut self, waker: &Waker, wakes: &mut Wakes) {
        wakes.park(&mut self.leaving, waker);
    }

    pub(super) fn end(&mut self, wakes: &mut Wakes) {
        self.over = true;
        for awaited in self.receipts.values_mut() {
            if let Awaited::Open(waker) = awaited {
                wakes.take(waker);
            }
        }
        self.all_look_again(wakes);
        self.look_again(wakes);
    }
}
