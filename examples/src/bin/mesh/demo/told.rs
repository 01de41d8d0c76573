//! One line, or one JSON object, per happening.

use core::time::Duration;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::scene::{NAMES, Shared, Summary, Weight, lock};
use crate::failure::Failure;

/// Says what happens, as it happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Teller {
    how: How,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Silent,
    Lines,
    Json,
}

impl Teller {
    /// Says nothing: the picture shows it.
    pub(super) const fn silent() -> Self {
        Self { how: How::Silent }
    }

    pub(super) const fn printing(json: bool) -> Self {
        Self { how: if json { How::Json } else { How::Lines } }
    }

    /// Something happened: as a sentence, and as an object without its time.
    pub(super) fn tell(&self, scene: &Shared, weight: Weight, text: String, object: Value) {
        let mut scene = lock(scene);
        let at = scene.began.elapsed();
        // Written with the scene locked, so that lines come in the order of their times. Whoever closed the pipe gets no more.
        drop(match self.how {
            How::Silent => Ok(()),
            How::Lines => writeln!(io::stdout(), "{:7.3}  {text}", at.as_secs_f64()),
            How::Json => writeln!(io::stdout(), "{}", timed(at, object)),
        });
        scene.line(weight, text);
    }
}

/// The same with its time in front.
fn timed(at: Duration, object: Value) -> Value {
    let mut all = json!({ "t": (at.as_secs_f64() * 1e3).round() / 1e3 });
    if let (Value::Object(all), Value::Object(object)) = (&mut all, object) {
        all.extend(object);
    }
    all
}

/// How it all went, as the last line or lines.
pub(super) fn summary(summary: &Summary, json: bool) -> Result<(), Failure> {
    let Summary { sessions, counts, lost, links_lost, recoveries, seed } = summary;
    let mut out = io::stdout().lock();
    let written = if json {
        let line = json!({
            "event": "summary", "sessions": sessions, "sent": counts.sent, "arrived": counts.arrived,
            "undelivered": counts.undelivered, "lost": lost, "doubled": counts.doubled,
            "reordered": counts.reordered, "links_lost": links_lost, "seed": seed, "recoveries": recoveries,
        });
        writeln!(out, "{line}")
    } else {
        people(&mut out, summary)
    };
    written.map_err(|error| Failure::of_output(&error))
}

fn people(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let Summary { sessions, counts, lost, links_lost, recoveries, seed } = summary;
    writeln!(out)?;
    writeln!(out, "{} nodes ({}), {sessions} sessions, {links_lost} links lost on the way", NAMES.len(), NAMES.join(", "))?;
    writeln!(
        out,
        "{} messages sent, {} arrived, {} told to their sender as not taken",
        counts.sent, counts.arrived, counts.undelivered
    )?;
    writeln!(out, "lost {lost}, doubled {}, out of order {}", counts.doubled, counts.reordered)?;
    for fault in recoveries {
        match fault.ms {
            Some(ms) => writeln!(out, "  {:<16} {:<22} well again after {ms} ms", fault.fault, fault.whom)?,
            None => writeln!(out, "  {:<16} {:<22} NOT well again", fault.fault, fault.whom)?,
        }
    }
    writeln!(out, "the same again: mesh demo --seed {seed}")
}
