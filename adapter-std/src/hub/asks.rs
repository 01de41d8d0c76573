//! Questions that wait for their answers. How both are laid out is in [`mesh_proto::question`].

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::sync::atomic::AtomicUsize;
use core::task::{Context, Poll, Waker};

use bytes::Bytes;
use mesh_proto::question::{Head, Reply};
use mesh_proto::{Incarnation, Message, NodeId, PeerView, Reason, Standing};

use super::wakes::Wakes;
use super::{Hub, State};

/// What a question comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This was said, and this stood behind it.
    Came(Reply, Bytes),
    /// The session ended before anything was.
    Ended(Reason),
}

/// A message with nothing behind its head.
pub(crate) fn bare(head: Head) -> Message<'static> {
    Message::plain(head.to_bytes().to_vec().into()).of_kind(head.kind())
}

/// How many are there to answer questions.
#[derive(Debug, Default)]
pub(crate) struct Serving(pub(crate) AtomicUsize);

/// Questions that wait.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    next: u64,
    waiting: BTreeMap<u64, Ask>,
    over: bool,
}

/// A question that waits.
#[derive(Debug)]
pub(crate) struct Ask {
    peer: NodeId,
    /// The run that was asked, once it is known.
    run: Option<Incarnation>,
    waker: Option<Waker>,
    answer: Option<Answer>,
}

impl Asks {
    /// The first question has this number. In no two runs of a node should it be the same: an answer to the earlier one
    /// may still come.
    pub(super) fn beginning_at(next: u64) -> Self {
        Self { next, ..Self::default() }
    }

    /// A number for a question to this peer, which is in this run if that is known.
    pub(crate) fn begin(&mut self, peer: NodeId, run: Option<Incarnation>) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.waiting.insert(number, Ask { peer, run, waker: None, answer: None });
        number
    }

    /// Nobody waits for the answer any more. What is given back is to be dropped where nothing is locked.
    pub(crate) fn drop_ask(&mut self, number: u64) -> Option<Ask> {
        self.waiting.remove(&number)
    }

    pub(super) fn poll(&mut self, number: u64, context: &Context<'_>, wakes: &mut Wakes) -> Poll<Answer> {
        let Some(ask) = self.waiting.get_mut(&number) else {
            return Poll::Ready(Answer::Came(Reply::Declined, Bytes::new()));
        };
        match ask.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None if self.over => Poll::Ready(Answer::Ended(Reason::Shutdown)),
            None => {
                wakes.park(&mut ask.waker, context.waker());
                Poll::Pending
            }
        }
    }

    /// An answer came. One that nobody waits for, or that somebody else was asked for, means nothing; nor does a second.
    pub(super) fn answered(&mut self, from: NodeId, number: u64, answer: Answer, wakes: &mut Wakes) {
        if let Some(ask) =
            self.waiting.get_mut(&number).filter(|ask| ask.peer == from && ask.answer.is_none())
        {
            ask.answer = Some(answer);
            wakes.take(&mut ask.waker);
        }
    }

    /// What is new of a peer: a session that ended takes its questions with it.
    pub(super) fn changed(&mut self, view: &PeerView, wakes: &mut Wakes) {
        for ask in self.waiting.values_mut().filter(|ask| ask.peer == view.id && ask.answer.is_none()) {
            let ended = match view.standing {
                Standing::Up { incarnation, .. } => {
                    let other = ask.run.replace(incarnation).is_some_and(|run| run != incarnation);
                    other.then_some(Reason::Restarted)
                }
                Standing::Away { .. } | Standing::Down { reason: None } => None,
                Standing::Down { reason } => reason,
            };
            if let Some(reason) = ended {
                ask.answer = Some(Answer::Ended(reason));
                wakes.take(&mut ask.waker);
            }
        }
    }

    pub(super) fn end(&mut self, wakes: &mut Wakes) {
        self.over = true;
        self.waiting.values_mut().for_each(|ask| wakes.take(&mut ask.waker));
    }
}

impl Hub {
    /// Whether there is a session. One that has ended took its questions with it: a word about one would begin another.
    pub(crate) fn goes_on(&self, peer: NodeId) -> bool {
        self.with(|state| state.goes_on(&peer))
    }

    /// Says what becomes of a question, now or once there is room.
    pub(crate) fn reply(&self, peer: NodeId, number: u64, reply: Reply) {
        let message = bare(Head::Answer(number, reply));
        self.with(|state| {
            if state.goes_on(&peer) {
                let now = state.now();
                state.owe(now, peer, message);
                state.know_room(peer, &self.0.outbox);
            }
        });
    }

    /// How many are there to answer questions.
    pub(crate) fn serving(&self) -> &Arc<Serving> {
        &self.0.serving
    }
}

impl State {
    /// Whether there is a session with a peer.
    pub(super) fn goes_on(&self, peer: &NodeId) -> bool {
        self.node().mesh().peer(peer).is_some_and(|peer| match peer.standing {
            Standing::Up { .. } | Standing::Away { .. } => true,
            Standing::Down { .. } => false,
        })
    }

    /// The answer to a question.
    pub(crate) fn poll_answer(&mut self, number: u64, context: &Context<'_>) -> Poll<Answer> {
        self.rest.asks.poll(number, context, &mut self.rest.wakes)
    }

    pub(crate) fn asks(&mut self) -> &mut Asks {
        &mut self.rest.asks
    }
}
