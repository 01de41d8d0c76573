//! What several tests use.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::io::Write;
use std::net::UdpSocket;
use std::path::PathBuf;

use adapter_std::platform::beacon::Group;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long a test waits for what must not happen.
pub(crate) const SILENCE: Duration = Duration::from_millis(200);

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A name that no other test and no other run has at this time.
pub(crate) fn unique(name: &str) -> String {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{name}-{}-{number}", std::process::id())
}

/// A folder that goes away with its test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(unique("mesh-platform"));
        std::fs::create_dir(&path).expect("a folder of its own");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What stands in it, by name.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("the folder is there");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder is still there");
    }
}

/// A group that nobody else uses at this time.
pub(crate) fn own_group() -> Group {
    let free = UdpSocket::bind("0.0.0.0:0").expect("a free port");
    Group { port: free.local_addr().expect("it is bound").port(), ..Group::COMMON }
}

/// Says why a test did nothing, also where the output of tests that pass is not shown.
pub(crate) fn skip(what: &str, why: &str) {
    writeln!(std::io::stdout(), "skipped: {what} because {why}").expect("somebody reads it");
}
