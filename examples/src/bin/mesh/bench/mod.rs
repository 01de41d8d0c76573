//! `mesh bench`: the mesh beside the raw TCP of the same runtime, in turns, so that both meet the same machine.
//!
//! | file | what it has |
//! |---|---|
//! | `idle` | what sessions cost that do nothing |
//!
//! What is measured in rounds is in `examples::bench`, which the smoke of speed uses too.

mod idle;

use core::time::Duration;
use std::io::{self, Write};

use clap::Args;
use examples::bench::{Lane, Problem, at, ours, raw};
use serde_json::json;

use crate::failure::Failure;
use crate::runtime::Runtime;
use crate::signals::{Stop, stop_on_signals};

/// How much is measured, and how it is told.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Measure less, for a first impression.
    #[arg(long)]
    quick: bool,
    /// Print a JSON line for each row.
    #[arg(long)]
    json: bool,
    /// Only this runtime.
    #[arg(long, value_enum)]
    runtime: Option<Runtime>,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Amount {
    /// Rounds of each kind: ours and raw take turns.
    rounds: usize,
    /// Round trips in a round.
    trips: usize,
    /// Bytes of messages in a round.
    bytes: usize,
    /// The most messages in a round.
    messages: usize,
    connects: usize,
    sessions: usize,
    idles: Duration,
}

const WHOLE: Amount = Amount {
    rounds: 9,
    trips: 2_000,
    bytes: 32 << 20,
    messages: 200_000,
    connects: 200,
    sessions: 50,
    idles: Duration::from_secs(5),
};
const QUICK: Amount = Amount {
    rounds: 3,
    trips: 500,
    bytes: 8 << 20,
    messages: 40_000,
    connects: 40,
    sessions: 20,
    idles: Duration::from_secs(2),
};

/// One line of the table.
struct Row {
    what: String,
    unit: &'static str,
    ours: f64,
    /// Nothing where raw TCP does nothing.
    raw: Option<f64>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let wrong = |error: Problem| Failure::Running(format!("the bench cannot go on: {error}"));
    let stop = stop_on_signals().map_err(|error| wrong(error.into()))?;
    let amount = if options.quick { QUICK } else { WHOLE };
    if !options.json {
        say(&format!("{:<8}{:<24}{:>14}{:>14}{:>8}", "runtime", "what", "ours", "raw", "ratio"))?;
    }
    for runtime in
        Runtime::EACH.into_iter().filter(|runtime| options.runtime.is_none_or(|only| only == *runtime))
    {
        let lane = runtime.begin().map(Lane::on).map_err(|error| wrong(error.into()))?;
        measure(&lane, amount, &stop, &mut |row| tell(runtime, &row, options.json)).map_err(wrong)?;
    }
    Ok(())
}

fn measure(
    lane: &Lane,
    amount: Amount,
    stop: &Stop,
    tell: &mut dyn FnMut(Row) -> Result<(), Failure>,
) -> Result<(), Problem> {
    let goes_on = || if stop.is_asked() { Err(Problem::from("it was interrupted")) } else { Ok(()) };
    let pair = ours::Pair::new(lane)?;
    let mut streams = Some(lane.raw_pair()?);
    let (mut our_trips, mut raw_trips) = (Vec::new(), Vec::new());
    for _ in 0..amount.rounds {
        goes_on()?;
        our_trips.extend(pair.round_trips(lane, amount.trips)?);
        let (trips, back) = raw::round_trips(lane, streams.take().ok_or("no streams")?, amount.trips)?;
        raw_trips.extend(trips);
        streams = Some(back);
    }
    for (name, part) in [("round-trip-64-p50", 0.5), ("round-trip-64-p99", 0.99)] {
        let (ours, raw) = (at(&mut our_trips, part) * 1e6, at(&mut raw_trips, part) * 1e6);
        tell(Row { what: name.to_owned(), unit: "us", ours, raw: Some(raw) })?;
    }
    for (name, size) in [("message-64", 64), ("message-1k", 1 << 10), ("message-64k", 64 << 10)] {
        let count = (amount.bytes / size).min(amount.messages);
        let (mut ours, mut raw) = (Vec::new(), Vec::new());
        for _ in 0..amount.rounds {
            goes_on()?;
            ours.push(pair.messages(lane, size, count)?);
            let (took, back) = raw::messages(lane, streams.take().ok_or("no streams")?, size, count)?;
            raw.push(took);
            streams = Some(back);
        }
        #[expect(clippy::cast_precision_loss, reason = "some hundred thousand at most")]
        let each = 1e9 / count as f64;
        let (ours, raw) = (at(&mut ours, 0.5) * each, at(&mut raw, 0.5) * each);
        tell(Row { what: name.to_owned(), unit: "ns", ours, raw: Some(raw) })?;
    }
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..amount.connects {
        goes_on()?;
        ours.push(ours::connect(lane)?);
        raw.push(lane.connect()?);
    }
    let (ours, raw) = (at(&mut ours, 0.5) * 1e6, at(&mut raw, 0.5) * 1e6);
    tell(Row { what: "connect-p50".to_owned(), unit: "us", ours, raw: Some(raw) })?;
    drop((pair, streams));
    idle::measure(lane, amount.sessions, amount.idles, tell)
}

fn tell(runtime: Runtime, row: &Row, as_json: bool) -> Result<(), Failure> {
    let Row { what, unit, ours, raw } = row;
    // What takes nothing bears no comparison.
    let ratio = raw.filter(|raw| *raw > 0.0).map(|raw| ours / raw);
    if as_json {
        let rounded = |number: f64| (number * 1e3).round() / 1e3;
        return say(&json!({
            "event": "row", "runtime": runtime.name(), "what": what, "unit": unit,
            "ours": rounded(*ours), "raw": raw.map(rounded), "ratio": ratio.map(rounded),
        })
        .to_string());
    }
    let raw = raw.map_or("-".to_owned(), |raw| format!("{raw:.1} {unit}"));
    let ratio = ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
    say(&format!("{:<8}{what:<24}{:>14}{raw:>14}{ratio:>8}", runtime.name(), format!("{ours:.1} {unit}")))
}

fn say(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| Failure::of_output(&error))
}
