//! The program as a child process.

use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::folder::Folder;

/// The runtimes that the program knows.
pub(crate) const RUNTIMES: [&str; 3] = ["tokio", "smol", "std"];

/// How long anything may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a command that ends by itself printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program itself.
pub(crate) const MESH: &str = env!("CARGO_BIN_EXE_mesh");

fn command(folder: &Folder, arguments: &[&str]) -> Command {
    with_arguments(Command::new(MESH), folder, arguments)
}

/// The command with these arguments for the program.
pub(crate) fn with_arguments(mut command: Command, folder: &Folder, arguments: &[&str]) -> Command {
    // Nothing of the user who runs the tests is touched.
    command.args(arguments).env("HOME", folder.path()).env("XDG_DATA_HOME", folder.path());
    command
}

/// The same text with another last character.
pub(crate) fn mistyped(text: &str) -> String {
    let (start, last) = text.split_at(text.len() - 1);
    format!("{start}{}", if last == "q" { "p" } else { "q" })
}

/// Runs a command to its end.
pub(crate) fn run(folder: &Folder, arguments: &[&str]) -> Ended {
    let output =
        command(folder, arguments).stdin(Stdio::null()).output().expect("the program can be started");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A line, and when it came.
type Told = (Instant, String);

/// A node that runs.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Told>,
    errors: Option<thread::JoinHandle<String>>,
    seen: Vec<Told>,
    /// Where the next look begins.
    at: usize,
}

impl Node {
    /// A node that listens on loopback alone, and looks for nobody.
    pub(crate) fn start(folder: &Folder, runtime: &str, arguments: &[&str]) -> Self {
        let usual = ["up", "--json", "--runtime", runtime, "--listen", "127.0.0.1:0", "--discover", "off"];
        let loopback = ["--detect-within", "loopback"];
        let within: &[&str] = if arguments.contains(&"--detect-within") { &[] } else { &loopback };
        Self::spawn(folder, &[&usual, within, arguments].concat())
    }

    pub(crate) fn spawn(folder: &Folder, arguments: &[&str]) -> Self {
        Self::begin(command(folder, arguments))
    }

    /// What this command runs.
    pub(crate) fn begin(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("it was piped"));
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send((Instant::now(), line)).is_err() {
                    return;
                }
            }
        });
        let mut stderr = child.stderr.take().expect("it was piped");
        let errors = Some(thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).ok();
            text
        }));
        let stdin = child.stdin.take();
        Self { child, stdin, lines, errors, seen: Vec::new(), at: 0 }
    }

    /// Its input, for somebody else to write to.
    pub(crate) const fn input(&mut self) -> &mut Option<ChildStdin> {
        &mut self.stdin
    }

    /// Writes a line.
    pub(crate) fn write(&mut self, line: &str) {
        let stdin = self.input().as_mut().expect("its input is open");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("it reads");
    }

    /// Its output is closed with the next line that comes.
    pub(crate) fn unread(mut self) -> Self {
        self.lines = channel().1;
        self
    }

    /// The end of its input.
    pub(crate) fn close_input(&mut self) {
        *self.input() = None;
    }

    /// The first line from here on that this is true of. What comes before it is passed over.
    pub(crate) fn line(&mut self, what: &str, is: impl Fn(&str) -> bool) -> String {
        self.line_at(what, is).1
    }

    fn line_at(&mut self, what: &str, is: impl Fn(&str) -> bool) -> Told {
        self.line_by(Instant::now() + PATIENCE, is)
            .unwrap_or_else(|why| panic!("{what} did not come ({why}):\n{}", self.all()))
    }

    /// The same and when it came, if it comes until then.
    pub(crate) fn line_by(
        &mut self,
        by: Instant,
        is: impl Fn(&str) -> bool,
    ) -> Result<Told, RecvTimeoutError> {
        loop {
            while let Some(told) = self.seen.get(self.at) {
                self.at += 1;
                if is(&told.1) {
                    return Ok(told.clone());
                }
            }
            let told = self.lines.recv_timeout(by.saturating_duration_since(Instant::now()))?;
            self.seen.push(told);
        }
    }

    /// The first event from here on with this name of which this is true.
    pub(crate) fn event(&mut self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.event_at(name, is).1
    }

    /// The same, and when it came.
    pub(crate) fn event_at(&mut self, name: &str, is: impl Fn(&Value) -> bool) -> (Instant, Value) {
        let (at, line) = self.line_at(name, fitting(name, is));
        (at, parse(&line))
    }

    /// Looks from the first line on again.
    pub(crate) fn rewind(&mut self) -> &mut Self {
        self.at = 0;
        self
    }

    /// Whether such an event came until now.
    pub(crate) fn has_told(&self, name: &str) -> bool {
        self.seen.iter().any(|(_, line)| line.contains(&format!("\"event\":\"{name}\"")))
    }

    /// Its id and where it listens.
    pub(crate) fn listening(&mut self) -> (String, String) {
        let listening = self.rewind().event("listening", |_| true);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (text(&listening["node"]), text(&listening["addrs"][0]))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends this process a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("there is `kill`").success());
    }

    /// Ends it without a word.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was ours");
    }

    /// Whether it has ended.
    pub(crate) fn ended(&mut self) -> Option<Ended> {
        let status = self.child.try_wait().expect("it was ours")?;
        self.seen.extend(self.lines.iter());
        let stderr = self.errors.take().map(|errors| errors.join().expect("it does not panic"));
        Some(Ended { code: status.code(), stdout: self.all(), stderr: stderr.unwrap_or_default() })
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Ended {
        let by = Instant::now() + PATIENCE;
        loop {
            if let Some(ended) = self.ended() {
                return ended;
            }
            assert!(Instant::now() < by, "it does not end:\n{}", self.all());
            // Its output ends with it.
            match self.lines.recv_timeout(Duration::from_millis(20)) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::yield_now(),
            }
        }
    }

    /// Asks it to leave, and sees that it does so cleanly.
    pub(crate) fn quit(mut self) -> Ended {
        self.write(r#"{"do":"quit"}"#);
        self.event("bye", |bye| bye["flushed"] == true && bye["unflushed"] == 0);
        let ended = self.wait();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        ended
    }

    /// All that it told, line by line.
    pub(crate) fn all(&self) -> String {
        let lines: Vec<_> = self.seen.iter().map(|(_, line)| line.as_str()).collect();
        lines.join("\n")
    }
}

/// A line as what it is.
pub(crate) fn parse(line: &str) -> Value {
    serde_json::from_str(line).expect("each line is JSON")
}

/// Whether a line is an event of this name of which this is true.
pub(crate) fn fitting(name: &str, is: impl Fn(&Value) -> bool) -> impl Fn(&str) -> bool {
    move |line| {
        let value = parse(line);
        assert!(value["t"].as_f64().is_some_and(|t| t >= 0.0), "each line has its time: {line}");
        value["event"] == name && is(&value)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // One that has ended is reaped already, and a test that fails leaves none behind.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}
