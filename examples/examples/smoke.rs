//! A smoke of speed: the mesh beside the raw TCP of the same runtime, in turns, so that both meet the same machine.
//!
//! ```text
//! cargo run --release -p examples --example smoke
//! ```
//!
//! It prints what it measured: the middle of all rounds, and the ratio. A runtime's name behind `--` measures that one
//! alone; `mesh bench` measures more.

use examples::bench::{Lane, Problem, at, ours, raw};
use examples::runtime::{Engine, Runtime};

/// Rounds of each kind; ours and raw take turns.
const ROUNDS: usize = 9;
/// Round trips in a round.
const TRIPS: usize = 2_000;
/// What is sent in a round of messages: how large each is, and how many.
const BULKS: [(&str, usize, usize); 2] = [("64 B", 64, 200_000), ("64 KiB", 64 << 10, 256)];

fn main() -> Result<(), Problem> {
    let only = std::env::args().nth(1);
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    if wanted("tokio") {
        let one_thread = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        measure("tokio, on one thread", &Lane::on(Engine::Tokio(one_thread)))?;
    }
    for runtime in Runtime::EACH.into_iter().filter(|runtime| wanted(runtime.name())) {
        measure(runtime.name(), &Lane::on(runtime.begin()?))?;
    }
    Ok(())
}

fn measure(name: &str, lane: &Lane) -> Result<(), Problem> {
    println!("{name}: the middle of {ROUNDS} rounds");
    let (pair, mut streams) = (ours::Pair::new(lane)?, lane.raw_pair()?);
    let (mut our_trips, mut raw_trips) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        our_trips.extend(pair.round_trips(lane, TRIPS)?);
        let (trips, back) = raw::round_trips(lane, streams, TRIPS)?;
        raw_trips.extend(trips);
        streams = back;
    }
    tell("round trip of 64 B", at(&mut our_trips, 0.5), at(&mut raw_trips, 0.5));
    for (size, bytes, count) in BULKS {
        let (mut our_times, mut raw_times, mut task_times) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            our_times.push(pair.messages(lane, bytes, count)?);
            let (took, back) = raw::messages(lane, streams, bytes, count)?;
            raw_times.push(took);
            let (took, back) = raw::messages_through_tasks(lane, back, bytes, count)?;
            task_times.push(took);
            streams = back;
        }
        let each = |times: &mut [_]| at(times, 0.5) / count as f64;
        let ours = each(&mut our_times);
        tell(&format!("one of many messages of {size}"), ours, each(&mut raw_times));
        tell("  beside raw with a task an end", ours, each(&mut task_times));
    }
    Ok(())
}

fn tell(what: &str, ours: f64, raw: f64) {
    println!(
        "  {what:<32} ours {:>10.3} µs   raw {:>10.3} µs   ratio {:.2}",
        ours * 1e6,
        raw * 1e6,
        ours / raw
    );
}
