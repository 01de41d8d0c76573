//! What is sent: in order for each peer, waiting where a window is full, and what becomes of it.

use alloc::collections::{BTreeMap, VecDeque};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use adapter_std::handle::{Mesh, Receipt, SendError};
use futures_util::stream::{FuturesUnordered, Stream};
use mesh_proto::{NodeId, Outcome};

use super::line::Line;
use crate::reasons::Untaken;

/// How many messages wait for one peer before the node has them.
const WAITING: usize = 16_384;

/// What was sent and is not settled.
#[derive(Debug, Default)]
pub(super) struct Post {
    /// What waits behind the one that is being sent, for each peer that one is being sent to.
    behind: BTreeMap<NodeId, VecDeque<Letter>>,
    sending: FuturesUnordered<Pin<Box<dyn Future<Output = Sent>>>>,
    receipts: FuturesUnordered<Pin<Box<dyn Future<Output = Settled>>>>,
}

#[derive(Debug)]
struct Letter {
    to: NodeId,
    text: String,
    token: Option<String>,
}

struct Sent {
    to: NodeId,
    token: Option<String>,
    sent: Result<Receipt, SendError>,
}

struct Settled {
    to: NodeId,
    token: Option<String>,
    outcome: Option<Outcome>,
}

impl Post {
    /// Sends a message behind all others to this peer, or says at once what is in the way.
    pub(super) fn send(
        &mut self,
        mesh: &Mesh,
        to: NodeId,
        text: String,
        token: Option<String>,
    ) -> Option<Line> {
        let letter = Letter { to, text, token };
        match self.behind.get_mut(&to) {
            Some(waiting) if waiting.len() >= WAITING => {
                let reason = Untaken::Error(SendError::NoRoom);
                return Some(Line::Undelivered { to: to.into(), token: letter.token, reason });
            }
            Some(waiting) => waiting.push_back(letter),
            None => {
                self.behind.insert(to, VecDeque::new());
                self.sending.push(Box::pin(hand_over(mesh.clone(), letter)));
            }
        }
        None
    }

    /// The next thing that became of a message.
    pub(super) fn poll(&mut self, mesh: &Mesh, context: &mut Context<'_>) -> Poll<Line> {
        if let Poll::Ready(Some(Sent { to, token, sent })) = Pin::new(&mut self.sending).poll_next(context) {
            match self.behind.get_mut(&to).and_then(VecDeque::pop_front) {
                Some(next) => self.sending.push(Box::pin(hand_over(mesh.clone(), next))),
                None => drop(self.behind.remove(&to)),
            }
            return Poll::Ready(match sent {
                Ok(receipt) => {
                    let settled = settle(to, token.clone(), receipt);
                    self.receipts.push(Box::pin(settled));
                    Line::Queued { to: to.into(), token }
                }
                Err(error) => Line::Undelivered { to: to.into(), token, reason: Untaken::Error(error) },
            });
        }
        match Pin::new(&mut self.receipts).poll_next(context) {
            Poll::Ready(Some(Settled { to, token, outcome })) => Poll::Ready(match outcome {
                Some(Outcome::Taken) => Line::Acked { to: to.into(), token },
                Some(outcome @ (Outcome::Ended(_) | Outcome::TooLarge { .. } | Outcome::NoRoom)) => {
                    Line::Undelivered { to: to.into(), token, reason: Untaken::Outcome(outcome) }
                }
                None => Line::Undelivered { to: to.into(), token, reason: Untaken::NodeEnded },
            }),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Whether the node has all that was to be sent.
    pub(super) fn is_handed_over(&self) -> bool {
        self.sending.is_empty()
    }

    /// How many messages the node does not have.
    pub(super) fn waiting(&self) -> usize {
        self.sending.len() + self.behind.values().map(VecDeque::len).sum::<usize>()
    }
}

async fn hand_over(mesh: Mesh, letter: Letter) -> Sent {
    let Letter { to, text, token } = letter;
    let sent = mesh.send_with_receipt(to, text).await;
    Sent { to, token, sent }
}

async fn settle(to: NodeId, token: Option<String>, receipt: Receipt) -> Settled {
    Settled { to, token, outcome: receipt.await }
}
