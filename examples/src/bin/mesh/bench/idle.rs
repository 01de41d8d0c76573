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
    let Some(before) = Spent::now() else {
        log::info!("this system does not say what a process takes: no rows of idle sessions");
        return Ok(());
    };
    let secret = entropy::mesh_secret()?;
    let middle = node(lane, &secret)?;
    let mut others = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        let other = node(lane, &secret)?;
        join(lane, &other, &middle)?;
        others.push(other);
    }
    let began = (Instant::now(), Spent::now().unwrap_or(before));
    thread::sleep(span);
    let after = Spent::now().unwrap_or(before);
    let streams: Vec<_> = (0..sessions).map(|_| lane.raw_pair()).collect::<Result<_, _>>()?;
    let with_raw = Spent::now().unwrap_or(after);
    let each = |kilobytes: u64| {
        #[expect(clippy::cast_precision_loss, reason = "some gigabytes at most")]
        let kilobytes = kilobytes as f64;
        #[expect(clippy::cast_precision_loss, reason = "some hundred at most")]
        let sessions = sessions as f64;
        kilobytes / sessions
    };
    // Each session has both of its ends here, and a whole node at one of them.
    let ours = each(began.1.resident.saturating_sub(before.resident));
    let raw = each(with_raw.resident.saturating_sub(after.resident));
    tell(Row { what: "idle-memory-session".to_owned(), unit: "KiB", ours, raw: (raw > 0.0).then_some(raw) })?;
    let busy = after.ran.saturating_sub(began.1.ran).as_secs_f64() / began.0.elapsed().as_secs_f64();
    let ours = busy * 100.0;
    tell(Row { what: format!("idle-cpu-{sessions}-sessions"), unit: "%", ours, raw: None })?;
    drop(streams);
    Ok(())
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
