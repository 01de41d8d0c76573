//! The same of raw TCP: what one would write oneself.

use core::time::Duration;
use std::io;
use std::time::Instant;

use bytes::Bytes;

use super::Problem;
use super::lane::{Lane, Raw};

/// How much is gathered before it is written.
const GATHERED: usize = 64 * 1024;

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

async fn take(mut far: Raw, count: usize) -> io::Result<Raw> {
    let mut buffer = vec![0; 2 * GATHERED];
    let (mut held, mut left, mut inbox) = (0, count, Vec::with_capacity(1024));
    while left > 0 {
        held += far.read(buffer.get_mut(held..).unwrap_or_default()).await?;
        let mut at = 0;
        while let Some(body) = message(buffer.get(at..held).unwrap_or_default()) {
            at += 4 + body.len();
            inbox.push(Bytes::copy_from_slice(body));
            left -= 1;
        }
        inbox.clear();
        buffer.copy_within(at..held, 0);
        held -= at;
    }
    Ok(far)
}

/// The first message, if it is there whole.
fn message(bytes: &[u8]) -> Option<&[u8]> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    rest.get(..usize::try_from(u32::from_le_bytes(*head)).ok()?)
}
