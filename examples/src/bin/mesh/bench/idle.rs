//! What sessions cost that do nothing: memory and time of the processor, as the system counts them.

use core::time::Duration;
use std::fs;
use std::thread;
use std::time::Instant;

use adapter_std::platform::entropy;

use examples::bench::ours::{join, node};
use examples::bench::{Lane, Problem};

use super::Row;
use crate::failure::Failure;

/// Measures so many sessions of one node, each with a node of its own, for so long; and as many raw streams.
pub(super) fn measure(
    lane: &Lane,
    sessions: usize,
    span: Duration,
    tell: &mut dyn FnMut(Row) -> Result<(), Failure>,
) -> Result<(), Problem> {
    let Some(at_first) = Spent::now() else {
        log::info!("this system does not say what a process takes: no rows of idle sessions");
        return Ok(());
    };
    let streams: Vec<_> = (0..sessions).map(|_| lane.raw_pair()).collect::<Result<_, _>>()?;
    let raw = Idle::over(span, at_first)?;
    drop(streams);

    let before = Spent::now().unwrap_or(at_first);
    let secret = entropy::mesh_secret()?;
    let middle = node(lane, &secret)?;
    let mut others = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        let other = node(lane, &secret)?;
        join(lane, &other, &middle)?;
        others.push(other);
    }
    // Each session has both of its ends here, and a whole node at one of them.
    let ours = Idle::over(span, before)?;

    #[expect(clippy::cast_precision_loss, reason = "some hundred at most")]
    let each = |kilobytes: f64| kilobytes / sessions as f64;
    let (what, unit) = ("idle-memory-session".to_owned(), "KiB");
    tell(Row { what, unit, ours: each(ours.kilobytes), raw: Some(each(raw.kilobytes)) })?;
    let (what, unit) = (format!("idle-cpu-{sessions}-sessions"), "%");
    tell(Row { what, unit, ours: ours.busy, raw: Some(raw.busy) })?;
    Ok(())
}

/// What doing nothing took.
struct Idle {
    kilobytes: f64,
    /// In hundredths of a processor.
    busy: f64,
}

impl Idle {
    /// Waits for so long, and compares with what was taken before.
    fn over(span: Duration, before: Spent) -> Result<Self, Problem> {
        let (began, at_first) =
            (Instant::now(), Spent::now().ok_or("the system says no more what is taken")?);
        thread::sleep(span);
        let after = Spent::now().ok_or("the system says no more what is taken")?;
        let ran = after.ran.saturating_sub(at_first.ran);
        #[expect(clippy::cast_precision_loss, reason = "some gigabytes at most")]
        let kilobytes = after.resident.saturating_sub(before.resident) as f64;
        Ok(Self { kilobytes, busy: 100.0 * ran.as_secs_f64() / began.elapsed().as_secs_f64() })
    }
}

/// What this process takes, as far as the system says.
#[derive(Clone, Copy)]
struct Spent {
    /// Memory, in KiB.
    resident: u64,
    ran: Duration,
}

impl Spent {
    fn now() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let resident = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
        let threads = fs::read_dir("/proc/self/task").ok()?;
        // The first number is the time that the thread has run, in nanoseconds.
        let ran = threads.flatten().filter_map(|thread| {
            let times = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            times.split_whitespace().next()?.parse::<u64>().ok()
        });
        Some(Self { resident, ran: Duration::from_nanos(ran.sum()) })
    }
}
