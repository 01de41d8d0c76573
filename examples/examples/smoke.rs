//! A smoke of speed: the mesh beside the raw TCP of the same runtime, in turns, so that both meet the same machine.
//!
//! ```text
//! cargo run --release -p examples --example smoke
//! ```
//!
//! It prints what it measured: the middle of all rounds, and the ratio.

use core::time::Duration;
use std::time::Instant;

use adapter_tokio::{Mesh, Messages};
use mesh_proto::NodeId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn core::error::Error>;

/// Rounds of each kind; ours and raw take turns.
const ROUNDS: usize = 9;
/// Round trips in a round.
const TRIPS: u32 = 2_000;
/// Bytes in a round of bulk.
const BULK: usize = 16 << 20;
/// Small messages in a round.
const SMALL: usize = 200_000;

fn main() -> Result<(), Failure> {
    for (name, runtime) in [
        ("current-thread", tokio::runtime::Builder::new_current_thread().enable_all().build()?),
        ("multi-thread", tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?),
    ] {
        println!("tokio, {name}: the middle of {ROUNDS} rounds");
        runtime.block_on(async { tokio::spawn(all()).await })??;
    }
    Ok(())
}

async fn all() -> Result<(), String> {
    measured().await.map_err(|error| error.to_string())
}

async fn measured() -> Result<(), Failure> {
    let at = "127.0.0.1:0".parse()?;
    let builder = || {
        adapter_tokio::builder()
            .secret(mesh_proto::wire::MeshSecret::new([7; 32]))
            .discover_nobody()
            .listen(at)
    };
    let (a, b) = (builder().start()?, builder().start()?);
    a.keep((b.me(), b.addresses().first().copied().ok_or("no address")?))?;
    a.send(b.me(), "up").await?;
    b.messages().next().await.ok_or("ended")?;
    let (mut near, mut far) = raw_pair().await?;

    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(mesh_trips(&a, &b).await?);
        (near, far) = raw_trips(near, far, &mut raw).await?;
    }
    tell("round trip of 64 B", ours, raw, "µs", 1e6 / f64::from(TRIPS));

    for (name, size, count) in [("64 B", 64, SMALL), ("64 KiB", 64 << 10, BULK / (64 << 10))] {
        let (mut ours, mut raw) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(mesh_bulk(&a, &b, size, count).await?);
            (near, far) = raw_bulk(near, far, size, count, &mut raw).await?;
        }
        tell(&format!("one of many messages of {name}"), ours, raw, "ns", 1e9 / count as f64);
    }
    Ok(())
}

fn tell(what: &str, mut ours: Vec<Duration>, mut raw: Vec<Duration>, unit: &str, factor: f64) {
    ours.sort_unstable();
    raw.sort_unstable();
    let middle = |all: &[Duration]| all[all.len() / 2].as_secs_f64() * factor;
    let (ours, raw) = (middle(&ours), middle(&raw));
    println!("  {what:<32} ours {ours:>10.1} {unit}   raw {raw:>10.1} {unit}   ratio {:.2}", ours / raw);
}

async fn raw_pair() -> Result<(TcpStream, TcpStream), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr()?), listener.accept());
    let (near, (far, _)) = (near?, far?);
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

async fn mesh_trips(a: &Mesh, b: &Mesh) -> Result<Duration, Failure> {
    let echo = tokio::spawn(echo(b.clone(), a.me()));
    let (mut messages, to, body) = (a.messages(), b.me(), bytes::Bytes::from_static(&[7; 64]));
    let begun = Instant::now();
    for _ in 0..TRIPS {
        a.send(to, body.clone()).await?;
        messages.next().await.ok_or("ended")?;
    }
    let took = begun.elapsed();
    echo.await?;
    Ok(took)
}

async fn echo(mesh: Mesh, to: NodeId) {
    let mut messages = mesh.messages();
    for _ in 0..TRIPS {
        let Some(received) = messages.next().await else { return };
        if mesh.send(to, received.body).await.is_err() {
            return;
        }
    }
}

async fn raw_trips(
    mut near: TcpStream,
    mut far: TcpStream,
    took: &mut Vec<Duration>,
) -> Result<(TcpStream, TcpStream), Failure> {
    let echo = tokio::spawn(async move {
        let mut buffer = [0; 64];
        for _ in 0..TRIPS {
            far.read_exact(&mut buffer).await?;
            far.write_all(&buffer).await?;
        }
        Ok::<_, std::io::Error>(far)
    });
    let mut buffer = [7; 64];
    let begun = Instant::now();
    for _ in 0..TRIPS {
        near.write_all(&buffer).await?;
        near.read_exact(&mut buffer).await?;
    }
    took.push(begun.elapsed());
    Ok((near, echo.await??))
}

async fn mesh_bulk(a: &Mesh, b: &Mesh, size: usize, count: usize) -> Result<Duration, Failure> {
    let body = bytes::Bytes::from(vec![7; size]);
    let begun = Instant::now();
    let taking = tokio::spawn(take(b.messages(), count));
    for _ in 0..count {
        a.send(b.me(), body.clone()).await?;
    }
    taking.await?;
    Ok(begun.elapsed())
}

async fn take(mut messages: Messages, count: usize) {
    for _ in 0..count {
        if messages.next().await.is_none() {
            return;
        }
    }
}

/// Messages with their length in front, gathered to 64 KiB before they are written: what one would write oneself.
async fn raw_bulk(
    mut near: TcpStream,
    mut far: TcpStream,
    size: usize,
    count: usize,
    took: &mut Vec<Duration>,
) -> Result<(TcpStream, TcpStream), Failure> {
    let body = bytes::Bytes::from(vec![7; size]);
    let begun = Instant::now();
    let taking = tokio::spawn(async move {
        let mut buffer = vec![0; 128 << 10];
        let (mut held, mut left, mut inbox) = (0, count, Vec::with_capacity(1024));
        while left > 0 {
            held += far.read(buffer.get_mut(held..).unwrap_or_default()).await?;
            let mut at = 0;
            while let Some(head) = buffer.get(at..held).and_then(|rest| rest.first_chunk::<4>()) {
                let length = u32::from_le_bytes(*head) as usize;
                let Some(body) =
                    buffer.get(at + 4..(at + 4 + length).min(held)).filter(|body| body.len() == length)
                else {
                    break;
                };
                inbox.push(bytes::Bytes::copy_from_slice(body));
                at += 4 + length;
                left -= 1;
            }
            inbox.clear();
            buffer.copy_within(at..held, 0);
            held -= at;
        }
        Ok::<_, std::io::Error>(far)
    });
    let mut out = Vec::with_capacity(128 << 10);
    for _ in 0..count {
        out.extend_from_slice(&u32::try_from(size)?.to_le_bytes());
        out.extend_from_slice(&body);
        if out.len() >= 64 << 10 {
            near.write_all(&out).await?;
            out.clear();
        }
    }
    near.write_all(&out).await?;
    let far = taking.await??;
    took.push(begun.elapsed());
    Ok((near, far))
}
