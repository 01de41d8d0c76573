//! What this process has of the system, for tests that ask whether it has given everything back.

use core::time::Duration;
use std::fs;
use std::thread;
use std::time::Instant;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How often it looks.
const EVERY: Duration = Duration::from_millis(5);

/// What nodes take of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Threads with a name of ours.
    pub(crate) threads: usize,
    /// Sockets, of whatever kind.
    pub(crate) sockets: usize,
    /// Ends of pipes.
    pub(crate) pipes: usize,
}

/// What this process has now.
pub(crate) fn counts() -> Counts {
    let tasks = fs::read_dir("/proc/self/task").expect("proc is mounted");
    // A thread, or a file, may go between two looks.
    let names = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    let files = fs::read_dir("/proc/self/fd").expect("proc is mounted");
    let links: Vec<_> = files.flatten().filter_map(|file| fs::read_link(file.path()).ok()).collect();
    let of_kind = |kind: &str| links.iter().filter(|link| link.to_string_lossy().starts_with(kind)).count();
    Counts {
        threads: names.filter(|name| name.starts_with("mesh")).count(),
        sockets: of_kind("socket:"),
        pipes: of_kind("pipe:"),
    }
}

/// Waits until this holds of what the process has.
pub(crate) fn wait_until(holds: impl Fn(&Counts) -> bool) {
    let by = Instant::now() + PATIENCE;
    while !holds(&counts()) {
        assert!(Instant::now() < by, "this is left: {:?}", counts());
        thread::sleep(EVERY);
    }
}
