//! Many nodes send to each other, and what comes is held against what was sent.

use alloc::collections::BTreeMap;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::thread;
use std::time::Instant;

use adapter_std::handle::{Mesh, Messages, Received, SendError};
use async_channel::Receiver;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mesh_proto::{NodeId, Standing};

use super::delays::Delays;

/// How often messages are sent: many at a time where the rate is high.
const TICK: Duration = Duration::from_millis(5);
/// How long the last messages may take.
const LAST: Duration = Duration::from_secs(10);
/// What every message begins with: when it was sent, and its number between these two nodes.
const HEAD: usize = 16;

/// What is to be said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Talk {
    /// Messages of each node in a second.
    pub(super) rate: u32,
    /// Bytes of each message.
    pub(super) size: usize,
    /// For how long.
    pub(super) within: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) misplaced: u64,
    pub(super) no_room: u64,
    pub(super) took: Duration,
    pub(super) delays: Delays,
}

/// Who sends, and to whom next.
struct Speaker<'m> {
    mesh: &'m Mesh,
    /// With the number of the next message to each.
    peers: Vec<(NodeId, u64)>,
    sent: u64,
}

impl Talk {
    /// Talks, and waits for what is under way.
    pub(super) fn run(self, nodes: &[Mesh]) -> io::Result<Heard> {
        let began = Instant::now();
        let received = AtomicU64::new(0);
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(nodes.len());
        thread::scope(|scope| {
            let received = &received;
            let shares: Vec<Vec<Messages>> = (0..threads)
                .map(|share| nodes.iter().skip(share).step_by(threads).map(Mesh::messages).collect())
                .collect();
            let listeners: Vec<_> = shares
                .into_iter()
                .map(|share| {
                    let (going_on, over) = async_channel::bounded(1);
                    let handle = scope
                        .spawn(move || futures_lite::future::block_on(listen(share, began, received, over)));
                    (going_on, handle)
                })
                .collect();
            let (sent, no_room) = self.speak(nodes, began);
            let by = Instant::now() + LAST;
            while received.load(Ordering::Relaxed) < sent && Instant::now() < by {
                thread::sleep(TICK);
            }
            let took = began.elapsed();
            let heard = Heard { sent, received: 0, misplaced: 0, no_room, took, delays: Delays::new() };
            listeners.into_iter().try_fold(heard, |mut heard, (going_on, handle)| {
                drop(going_on);
                let ear = handle.join().map_err(|_| io::Error::other("a thread that listened panicked"))?;
                heard.received += ear.received;
                heard.misplaced += ear.misplaced;
                heard.delays.add(&ear.delays);
                Ok(heard)
            })
        })
    }

    /// How many messages were sent, and how often a window was full.
    fn speak(self, nodes: &[Mesh], began: Instant) -> (u64, u64) {
        let mut speakers: Vec<_> = nodes.iter().map(Speaker::new).collect();
        let mut no_room = 0;
        let mut body = vec![0; self.size.max(HEAD)];
        while began.elapsed() < self.within {
            let due = (began.elapsed().as_secs_f64() * f64::from(self.rate)) as u64;
            for speaker in &mut speakers {
                while speaker.sent < due && began.elapsed() < self.within {
                    if !speaker.speak(&mut body, began) {
                        no_room += 1;
                        break;
                    }
                }
            }
            thread::sleep(TICK);
        }
        (speakers.iter().map(|speaker| speaker.sent).sum(), no_room)
    }
}

impl<'m> Speaker<'m> {
    fn new(mesh: &'m Mesh) -> Self {
        let up = mesh.peers().into_iter().filter(|view| matches!(view.standing, Standing::Up { .. }));
        Self { mesh, peers: up.map(|view| (view.id, 0)).collect(), sent: 0 }
    }

    /// Sends one message to whoever is next; `false` if nobody could be sent one.
    fn speak(&mut self, body: &mut [u8], began: Instant) -> bool {
        let Some(next) = usize::try_from(self.sent).ok().and_then(|sent| sent.checked_rem(self.peers.len()))
        else {
            return false;
        };
        let Some((peer, number)) = self.peers.get_mut(next) else { return false };
        if let Some((head, _)) = body.split_first_chunk_mut::<HEAD>() {
            let (at, nth) = head.split_at_mut(HEAD / 2);
            at.copy_from_slice(&micros(began.elapsed()).to_le_bytes());
            nth.copy_from_slice(&number.to_le_bytes());
        }
        match self.mesh.try_send(*peer, body.to_vec()) {
            Ok(()) => {
                *number += 1;
                self.sent += 1;
                true
            }
            Err(
                SendError::NoRoom
                | SendError::Unknown
                | SendError::OwnSelf
                | SendError::TooLarge { .. }
                | SendError::Reserved { .. }
                | SendError::Leaving,
            ) => false,
        }
    }
}

/// What one thread heard.
struct Ear {
    received: u64,
    misplaced: u64,
    delays: Delays,
}

/// Hears these nodes until it is over.
async fn listen(nodes: Vec<Messages>, began: Instant, received: &AtomicU64, over: Receiver<()>) -> Ear {
    let listening: FuturesUnordered<_> = nodes
        .into_iter()
        .map(|messages| {
            let over = over.clone();
            async move { hear(messages, began, received, over).await }
        })
        .collect();
    let nothing = Ear { received: 0, misplaced: 0, delays: Delays::new() };
    listening
        .fold(nothing, |mut all, one| async move {
            all.received += one.received;
            all.misplaced += one.misplaced;
            all.delays.add(&one.delays);
            all
        })
        .await
}

/// Hears one node.
async fn hear(mut messages: Messages, began: Instant, received: &AtomicU64, over: Receiver<()>) -> Ear {
    let mut ear = Ear { received: 0, misplaced: 0, delays: Delays::new() };
    let mut expected = BTreeMap::<NodeId, u64>::new();
    // Nobody sends on this: it ends when all is over.
    let mut ended = core::pin::pin!(async move { over.recv().await.ok().and(None) });
    while let Some(Received { from, body, .. }) =
        futures_lite::future::or(messages.next(), ended.as_mut()).await
    {
        let head = body.split_first_chunk::<8>();
        let Some((at, rest)) = head else { continue };
        let number = rest.first_chunk::<8>().map(|number| u64::from_le_bytes(*number));
        let next = expected.entry(from).or_default();
        if number == Some(*next) {
            *next += 1;
        } else {
            ear.misplaced += 1;
        }
        ear.delays.note(began.elapsed().saturating_sub(Duration::from_micros(u64::from_le_bytes(*at))));
        ear.received += 1;
        received.fetch_add(1, Ordering::Relaxed);
    }
    ear
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
