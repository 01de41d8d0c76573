//! Questions that wait for their answers.
//!
//! A question and its answer are messages of two kinds of their own. Both begin with the number of the question, which the
//! asking node gives; an answer then has a byte that says what it is.

use alloc::collections::BTreeMap;
use core::task::{Context, Poll, Waker};

use bytes::Bytes;
use mesh_proto::{Incarnation, NodeId, PeerView, Reason, Standing};

use super::inbox::Received;
use super::wakes::Wakes;

/// The kind of a message whose sender waits to hear whether it was read. It begins as a question does, and what is said of it
/// is an answer.
pub(crate) const TOLD: u8 = 253;
/// The kind of a message that asks.
pub(crate) const ASK: u8 = 254;
/// The kind of a message that answers.
pub(crate) const ANSWER: u8 = 255;
/// How long the number of a question is.
pub(crate) const NUMBER: usize = 8;

/// What an answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What was asked for.
    Given(Bytes),
    /// The question could not be read.
    Unreadable,
    /// It was read, and dropped.
    Declined,
    /// Nobody answers questions there.
    Nobody,
    /// The session ended before there was one.
    Ended(Reason),
}

impl Answer {
    /// As the body of a message.
    pub(crate) fn body(&self, number: u64) -> Bytes {
        let (word, rest): (u8, &[u8]) = match self {
            Self::Given(body) => (0, body),
            Self::Unreadable => (1, &[]),
            Self::Declined | Self::Ended(_) => (2, &[]),
            Self::Nobody => (3, &[]),
        };
        let mut body = Vec::with_capacity(NUMBER + 1 + rest.len());
        body.extend_from_slice(&number.to_le_bytes());
        body.push(word);
        body.extend_from_slice(rest);
        body.into()
    }

    /// From the body of a message; nothing if it is none.
    fn read(body: &Bytes) -> Option<(u64, Self)> {
        let number = number(body)?;
        let answer = match body.get(NUMBER)? {
            0 => Self::Given(body.slice(NUMBER + 1..)),
            1 => Self::Unreadable,
            2 => Self::Declined,
            3 => Self::Nobody,
            _ => return None,
        };
        Some((number, answer))
    }
}

/// The number in front of a question or an answer.
pub(crate) fn number(body: &Bytes) -> Option<u64> {
    body.first_chunk::<NUMBER>().map(|number| u64::from_le_bytes(*number))
}

/// A message without the number in front of it, which is there if whoever sent it waits to hear whether it was read.
pub(crate) fn told(received: Received) -> (Received, Option<u64>) {
    match number(&received.body).filter(|_| received.kind == TOLD) {
        Some(number) => (Received { kind: 0, body: received.body.slice(NUMBER..), ..received }, Some(number)),
        None => (received, None),
    }
}

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
        let Some(ask) = self.waiting.get_mut(&number) else { return Poll::Ready(Answer::Declined) };
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
    pub(super) fn answered(&mut self, from: NodeId, body: &Bytes, wakes: &mut Wakes) {
        let Some((number, answer)) = Answer::read(body) else { return };
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
