//! A test of this program that runs in a process of its own, under other circumstances.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::support::PATIENCE;

/// What a child has in its surroundings.
const MARK: &str = "MESH_PLATFORM_TEST_CHILD";
/// What a line begins with that is meant for the test that runs the child.
const SAID: &str = "child says: ";

/// Tests that need other circumstances fail when they are run by hand.
pub(crate) fn ran_by_another() {
    assert!(std::env::var_os(MARK).is_some(), "this test is run by another one");
}

/// Runs the test of this name behind `command`, and fails with what it wrote if it fails.
pub(crate) fn rerun_in(command: Command, test: &str) {
    let output = behind(command, test).output().expect("it can be run");
    let written =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && written.contains("1 passed"), "{test}:\n{written}");
}

fn behind(mut command: Command, test: &str) -> Command {
    let this = std::env::current_exe().expect("this program has a path");
    command.arg(this).args(["--exact", test, "--include-ignored", "--nocapture"]).env(MARK, "yes");
    command
}

/// Says something to the test that runs this one.
pub(crate) fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{SAID}{what}").and_then(|()| out.flush()).expect("it is heard");
}

/// A test that runs beside the one that started it, which ends it.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    pub(crate) fn start(command: Command, test: &str) -> Self {
        let mut process = behind(command, test).stdout(Stdio::piped()).spawn().expect("it can be run");
        let out = process.stdout.take().expect("it was asked for");
        let (tell, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { process, lines }
    }

    /// Waits until it says something that begins with this, and gives the rest.
    pub(crate) fn says(&self, beginning: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("it says something");
            let said = line.split_once(SAID).and_then(|(_, said)| said.strip_prefix(beginning));
            if let Some(rest) = said {
                return rest.to_owned();
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.process.kill().expect("it is our own");
        self.process.wait().expect("it was ended");
    }
}
