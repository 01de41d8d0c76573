//! The same of raw TCP: what one would write oneself.

use core::time::Duration;
use std::io;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::Problem;
use super::lane::{Lane, Raw};

/// How much is gathered before it is written.
const GATHERED: usize = 64 * 1024;
/// How many messages lie between two tasks at most.
const QUEUED: usize = 1024;

/// Round trips of 64 bytes, one by one.
pub fn round_trips(
    lane: &Lane,
    (mut near, mut far): (Raw, Raw),
    count: usize,
) -> Result<(Vec<Duration>, (Raw, Raw)), Problem> {
    let echo = lane.beside(async move {
        let mut buffer = [0; 64];
        for _ in 0..count {
            far.read_exact(&mut buffer).await?;
            far.write_all(&buffer).await?;
        }
        Ok::<_, io::Error>(far)
    });
    let (near, trips) = lane.run(async move {
        let mut buffer = [7; 64];
        let mut trips = Vec::with_capacity(count);
        for _ in 0..count {
            let began = Instant::now();
            near.write_all(&buffer).await?;
            near.read_exact(&mut buffer).await?;
            trips.push(began.elapsed());
        }
        Ok::<_, io::Error>((near, trips))
    })??;
    Ok((trips, (near, lane.join(echo)??)))
}

/// Messages with their length in front, gathered before they are written, and taken apart into handles.
pub fn messages(
    lane: &Lane,
    (mut near, far): (Raw, Raw),
    size: usize,
    count: usize,
) -> Result<(Duration, (Raw, Raw)), Problem> {
    let began = Instant::now();
    let taking = lane.beside(take(far, count));
    let near = lane.run(async move {
        let body = Bytes::from(vec![7; size]);
        let head = u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
        let mut out = Vec::with_capacity(2 * GATHERED);
        for _ in 0..count {
            out.extend_from_slice(&head);
            out.extend_from_slice(&body);
            if out.len() >= GATHERED {
                near.write_all(&out).await?;
                out.clear();
            }
        }
        near.write_all(&out).await?;
        Ok::<_, io::Error>(near)
    })??;
    let far = lane.join(taking)??;
    Ok((began.elapsed(), (near, far)))
}

/// The same with a task for each end of the stream, and a channel between it and whoever sends or takes: what one writes
/// oneself where more than one sends.
pub fn messages_through_tasks(
    lane: &Lane,
    (near, far): (Raw, Raw),
    size: usize,
    count: usize,
) -> Result<(Duration, (Raw, Raw)), Problem> {
    let began = Instant::now();
    let (send, sent) = channel(QUEUED);
    let (give, mut given) = channel(QUEUED);
    let writing = lane.beside(write_all(near, sent));
    let reading = lane.beside(give_all(far, give, count));
    let taking = lane.beside(async move { while given.recv().await.is_some() {} });
    lane.run(async move {
        let body = Bytes::from(vec![7; size]);
        for _ in 0..count {
            send.send(body.clone()).await?;
        }
        Ok::<_, Problem>(())
    })??;
    let near = lane.join(writing)??;
    let far = lane.join(reading)??;
    lane.join(taking)?;
    Ok((began.elapsed(), (near, far)))
}

/// Writes what comes through a channel, as much at a time as there is.
async fn write_all(mut near: Raw, mut sent: Receiver<Bytes>) -> io::Result<Raw> {
    let mut out = Vec::with_capacity(2 * GATHERED);
    let mut bodies = Vec::with_capacity(QUEUED);
    while sent.recv_many(&mut bodies, QUEUED).await > 0 {
        for body in bodies.drain(..) {
            out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(&body);
            if out.len() >= GATHERED {
                near.write_all(&out).await?;
                out.clear();
            }
        }
        near.write_all(&out).await?;
        out.clear();
    }
    Ok(near)
}

/// Gives so many messages to whoever takes them.
async fn give_all(mut far: Raw, give: Sender<Bytes>, count: usize) -> Result<Raw, Problem> {
    let (mut cut, mut left) = (Cut::new(), count);
    while left > 0 {
        for body in cut.read(&mut far).await? {
            give.send(body).await?;
            left -= 1;
        }
    }
    Ok(far)
}

async fn take(mut far: Raw, count: usize) -> io::Result<Raw> {
    let (mut cut, mut left) = (Cut::new(), count);
    while left > 0 {
        left -= cut.read(&mut far).await?.count();
    }
    Ok(far)
}

/// Takes what comes on a stream apart.
struct Cut {
    buffer: Vec<u8>,
    held: usize,
    inbox: Vec<Bytes>,
}

impl Cut {
    fn new() -> Self {
        Self { buffer: vec![0; 2 * GATHERED], held: 0, inbox: Vec::with_capacity(1024) }
    }

    /// Reads once: the messages that are whole then.
    async fn read(&mut self, far: &mut Raw) -> io::Result<alloc::vec::Drain<'_, Bytes>> {
        self.held += far.read(self.buffer.get_mut(self.held..).unwrap_or_default()).await?;
        let mut at = 0;
        while let Some(body) = message(self.buffer.get(at..self.held).unwrap_or_default()) {
            at += 4 + body.len();
            self.inbox.push(Bytes::copy_from_slice(body));
        }
        self.buffer.copy_within(at..self.held, 0);
        self.held -= at;
        Ok(self.inbox.drain(..))
    }
}

/// The first message, if it is there whole.
fn message(bytes: &[u8]) -> Option<&[u8]> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    rest.get(..usize::try_from(u32::from_le_bytes(*head)).ok()?)
}
