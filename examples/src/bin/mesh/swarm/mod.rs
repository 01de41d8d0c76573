//! `mesh swarm`: many nodes in this process that talk to each other over loopback, to see how that scales.
//!
//! All begin at once, so that most pairs dial each other at the same moment. Once every session is there, each node sends to
//! its peers in turn; what comes is held against what was sent.

mod delays;
mod talk;

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::Instant;

use adapter_std::handle::{Builder, Driver, Mesh};
use adapter_std::platform::entropy;
use clap::{Args, value_parser};
use mesh_proto::wire::MeshSecret;
use mesh_proto::{Config, Limits, PeerView, Standing};
use serde::Serialize;

use crate::failure::Failure;
use crate::runtime::{Runtime, Setup};
use delays::Delays;
use talk::Talk;

/// How long all sessions together may take to begin, and how much longer for each node.
const CONNECTED_WITHIN: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(1));
/// How often it is told how many there are.
const LOOKS: Duration = Duration::from_millis(100);
/// How long goodbyes may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// How many, and what they do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many nodes.
    #[arg(value_parser = value_parser!(u32).range(2..=10_000))]
    nodes: u32,
    /// For how long they talk.
    #[arg(long, value_name = "N", default_value_t = 5)]
    seconds: u64,
    /// With how many others each node keeps a session; others keep one with it. [default: all]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    neighbours: Option<u32>,
    /// How many messages each node sends in a second.
    #[arg(long, value_name = "N", default_value_t = 100)]
    rate: u32,
    /// How many bytes a message has.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u32).range(16..=1 << 20))]
    size: u32,
    /// What drives the nodes. [default: tokio]
    #[arg(long, value_enum)]
    runtime: Option<Runtime>,
    /// JSON lines on standard output.
    #[arg(long)]
    json: bool,
}

/// A line that is told as JSON.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line {
    Connecting { t: f64, sessions: usize, of: usize },
    Summary(Summary),
}

/// What came of it.
#[derive(Serialize)]
struct Summary {
    t: f64,
    nodes: usize,
    sessions: usize,
    /// From the first start to the last session.
    connected_s: f64,
    sent: u64,
    received: u64,
    /// What came twice, or in another order.
    misplaced: u64,
    /// How often a window was full.
    no_room: u64,
    per_second: f64,
    /// From the sender to the receiver's application.
    delay_ms: Middle,
}

#[derive(Serialize)]
struct Middle {
    p50: f64,
    p99: f64,
    most: f64,
}

pub(crate) fn run(options: &Options, began: Instant) -> Result<(), Failure> {
    let system = |error: io::Error| Failure::Running(format!("the system said: {error}"));
    let engine = options.runtime.unwrap_or_default().begin().map_err(system)?;
    let secret = entropy::mesh_secret().map_err(system)?;
    let count = options.nodes as usize;
    let behind = options.neighbours.map_or(count - 1, |others| (others as usize).min(count - 1));
    let starting = Instant::now();
    let node = || Node { secret: secret.clone(), peers: options.nodes };
    let nodes =
        (0..count).map(|_| engine.start(node())).collect::<Result<Vec<Mesh>, _>>().map_err(Failure::from)?;
    let wanted = keep(&nodes, behind)?;
    connect(&nodes, wanted, options, began)?;
    let connected_s = starting.elapsed().as_secs_f64();
    let talk = Talk {
        rate: options.rate,
        size: options.size as usize,
        within: Duration::from_secs(options.seconds),
    };
    let heard = talk.run(&nodes).map_err(system)?;
    futures_lite::future::block_on(leave(&nodes));
    let middle = |delays: &Delays| Middle {
        p50: delays.quantile(0.5).as_secs_f64() * 1e3,
        p99: delays.quantile(0.99).as_secs_f64() * 1e3,
        most: delays.quantile(1.0).as_secs_f64() * 1e3,
    };
    let summary = Summary {
        t: began.elapsed().as_secs_f64(),
        nodes: count,
        sessions: wanted,
        connected_s,
        sent: heard.sent,
        received: heard.received,
        misplaced: heard.misplaced,
        no_room: heard.no_room,
        per_second: heard.received as f64 / heard.took.as_secs_f64(),
        delay_ms: middle(&heard.delays),
    };
    let sound = heard.sent == heard.received && heard.misplaced == 0;
    tell(options, &Line::Summary(summary))?;
    if sound {
        Ok(())
    } else {
        Err(Failure::Running(
            "not every message came once and in order; `mesh up --trace` shows what a node does".to_owned(),
        ))
    }
}

/// One of many.
struct Node {
    secret: MeshSecret,
    /// How many there are.
    peers: u32,
}

impl Setup for Node {
    fn set_up<D: Driver>(self, builder: Builder<D>) -> Builder<D> {
        let Self { secret, peers } = self;
        let usual = Limits::default();
        // All come from one address, and all at once.
        let half_open = usual.half_open.max(peers.saturating_mul(2));
        let limits = Limits {
            peers,
            half_open,
            half_open_per_source: half_open,
            incoming_per_second: usual.incoming_per_second.max(peers.saturating_mul(2)),
            ..usual
        };
        builder
            .config(Config { limits, ..Config::loopback() })
            .secret(secret)
            .discover_nobody()
            .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }
}

/// Each keeps those that come behind it, in a ring. How many sessions that makes.
fn keep(nodes: &[Mesh], behind: usize) -> Result<usize, Failure> {
    let count = nodes.len();
    let mut pairs = alloc::collections::BTreeSet::new();
    for (place, node) in nodes.iter().enumerate() {
        for step in 1..=behind {
            let other = (place + step) % count;
            let Some(peer) = nodes.get(other) else { continue };
            let Some(address) = peer.addresses().first().copied() else { continue };
            node.keep((peer.me(), address))
                .map_err(|error| Failure::Running(format!("not all can be kept: {error}")))?;
            pairs.insert((place.min(other), place.max(other)));
        }
    }
    Ok(pairs.len())
}

/// Waits until every session is there.
fn connect(nodes: &[Mesh], wanted: usize, options: &Options, began: Instant) -> Result<(), Failure> {
    let (base, each) = CONNECTED_WITHIN;
    let by = Instant::now() + base + each * options.nodes;
    let is_up = |view: &PeerView| matches!(view.standing, Standing::Up { .. });
    let mut before = None;
    loop {
        let ends: usize =
            nodes.iter().map(|node| node.peers().iter().filter(|view| is_up(view)).count()).sum();
        let sessions = ends / 2;
        if before != Some(sessions) {
            before = Some(sessions);
            tell(options, &Line::Connecting { t: began.elapsed().as_secs_f64(), sessions, of: wanted })?;
        }
        if ends == 2 * wanted {
            return Ok(());
        }
        if Instant::now() >= by {
            return Err(Failure::Running(format!(
                "{sessions} of {wanted} sessions have begun, and no more; take fewer nodes or --neighbours, or raise `ulimit -n`"
            )));
        }
        thread::sleep(LOOKS);
    }
}

async fn leave(nodes: &[Mesh]) {
    let leaving: futures_util::stream::FuturesUnordered<_> =
        nodes.iter().map(|node| node.leave(FAREWELL)).collect();
    futures_util::StreamExt::for_each(leaving, |left| async move { drop(left) }).await;
}

/// People see the progress in one line that changes, where there is a terminal, and the summary in words.
fn tell(options: &Options, line: &Line) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = if options.json {
        serde_json::to_writer(&mut out, line).map_err(io::Error::from).and_then(|()| writeln!(out))
    } else {
        match line {
            Line::Connecting { sessions, of, .. } if out.is_terminal() => {
                let end = if sessions == of { "\n" } else { "" };
                write!(out, "\r{sessions} of {of} sessions{end}")
            }
            Line::Connecting { sessions, of, .. } if sessions == of => writeln!(out, "{of} sessions"),
            Line::Connecting { .. } => Ok(()),
            Line::Summary(summary) => words(&mut out, summary),
        }
    };
    written.and_then(|()| out.flush()).map_err(|error| Failure::of_output(&error))
}

fn words(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let Summary { nodes, sessions, connected_s, sent, received, misplaced, no_room, .. } = summary;
    let Summary { per_second, delay_ms: Middle { p50, p99, most }, .. } = summary;
    writeln!(out, "{nodes} nodes with {sessions} sessions, all there after {connected_s:.2} s")?;
    writeln!(
        out,
        "{received} of {sent} messages came, {per_second:.0} in a second; {misplaced} out of place"
    )?;
    writeln!(out, "half within {p50:.2} ms, 99 of 100 within {p99:.2} ms, all within {most:.2} ms")?;
    if *no_room > 0 {
        writeln!(out, "{no_room} times a window was full, and a message was sent later")?;
    }
    Ok(())
}
