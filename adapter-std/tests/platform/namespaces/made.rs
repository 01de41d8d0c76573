//! Namespaces that go away with their test.

use core::fmt;
use std::process::Command;

use crate::support::unique;

/// Why no namespace can be made here, if so.
pub(super) fn cannot() -> Option<String> {
    let probe = unique("mesh-probe");
    match Command::new("ip").args(["netns", "add", &probe]).output() {
        Err(error) => Some(format!("`ip` does not run: {error}")),
        Ok(output) if !output.status.success() => {
            Some(format!("`ip netns add` fails: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
        Ok(_) => {
            ip(&format!("netns del {probe}"));
            None
        }
    }
}

/// Runs `ip` with these words, which must succeed.
pub(super) fn ip(words: &str) {
    let output = Command::new("ip").args(words.split_whitespace()).output().expect("`ip` runs");
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

pub(super) struct Namespace(String);

impl Namespace {
    pub(super) fn new() -> Self {
        let name = unique("mesh-test");
        ip(&format!("netns add {name}"));
        Self(name)
    }

    pub(super) fn ip(&self, words: &str) {
        ip(&format!("-n {} {words}", self.0));
    }

    /// What runs a program inside.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]);
        command
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.0));
    }
}
