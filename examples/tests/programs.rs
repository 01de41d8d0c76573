//! Every small program runs, and does what it says.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::env::consts::EXE_SUFFIX;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;
use std::{env, fs, thread};

use adapter_std::platform::entropy;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn own_protocol_comes_to_agree_in_every_world() {
    let mut program = Program::start("own_protocol", &[]);
    program.says("everywhere all knew the same words");
    program.ends();
}

#[test]
fn rpc_answers_what_was_asked() {
    let mut program = Program::start("rpc", &[]);
    program.says("early: nobody answers questions at the other end");
    program.says("answer: Count(3)");
    program.says("answer: Number(Some(17))");
    program.says("answer: Number(None)");
    program.ends();
}

#[test]
fn embedded_brings_every_reading_over_a_wire_that_is_unplugged() {
    let mut program = Program::start("embedded", &[]);
    program.says("60 readings sent over a wire that was unplugged once, 60 arrived");
    program.ends();
}

#[test]
fn chats_of_all_runtimes_hear_each_other_and_end_with_their_input() {
    let folder = Folder::new("chat");
    let secret = folder.secret();
    let mut tokio = Program::start("chat_tokio", &["--secret", &secret]);
    let (tokio_id, at_tokio) = tokio.is_at();
    let mut smol = Program::start("chat_smol", &["--secret", &secret, "--peer", &at_tokio]);
    let (smol_id, at_smol) = smol.is_at();
    let mut std = Program::start("chat_std", &["--secret", &secret, "--peer", &at_tokio, "--peer", &at_smol]);
    let (std_id, _) = std.is_at();

    tokio.hears(&[format!("{smol_id} is here"), format!("{std_id} is here")]);
    smol.hears(&[format!("{tokio_id} is here"), format!("{std_id} is here")]);
    std.hears(&[format!("{tokio_id} is here"), format!("{smol_id} is here")]);
    tokio.types("from tokio");
    smol.types("from smol");
    std.types("from std");
    tokio.hears(&[format!("{smol_id}: from smol"), format!("{std_id}: from std")]);
    smol.hears(&[format!("{tokio_id}: from tokio"), format!("{std_id}: from std")]);
    std.hears(&[format!("{tokio_id}: from tokio"), format!("{smol_id}: from smol")]);

    tokio.ends();
    smol.says(&format!("{tokio_id} is gone"));
    smol.ends();
    std.ends();
}

#[test]
fn share_brings_a_file_whole_though_its_links_are_cut() {
    let folder = Folder::new("share");
    let secret = folder.secret();
    let content: Vec<u8> =
        (0..1_500_000_u32).flat_map(|number| number.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
    let (file, into) = (folder.path.join("some file.bin"), folder.path.join("into"));
    fs::write(&file, &content).expect("it can be written");
    fs::create_dir(&into).expect("it can be made");

    let mut gives = Program::start("share", &["--secret", &secret, "--file", text(&file)]);
    let (_, contact) = gives.is_at();
    let (_, at) = contact.split_once('@').expect("an id at an address");
    let (scissors, cuts) = scissors(at.parse().expect("an address"), 3);
    let scissors = scissors.to_string();
    let mut takes =
        Program::start("share", &["--secret", &secret, "--into", text(&into), "--peer", &scissors]);
    takes.says("some file.bin is here");
    gives.says("has it");
    takes.ends();
    gives.ends();
    assert!(fs::read(into.join("some file.bin")).expect("it is there") == content, "another file came");
    assert_eq!(cuts.load(Ordering::Relaxed), 3);
}

/// Leads streams to an address, and cuts the first ones after a megabyte: where it listens, and how many it has cut.
fn scissors(to: SocketAddr, cuts: usize) -> (SocketAddr, &'static AtomicUsize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let at = listener.local_addr().expect("it has an address");
    let done: &AtomicUsize = Box::leak(Box::default());
    thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(to) else { continue };
            for (from, to) in [(&near, &far), (&far, &near)] {
                let copy = |stream: &TcpStream| stream.try_clone().expect("there is room");
                let (from, to) = (copy(from), copy(to));
                thread::spawn(move || lead(from, to, done, cuts));
            }
        }
    });
    (at, done)
}

fn lead(mut from: TcpStream, mut to: TcpStream, done: &AtomicUsize, cuts: usize) {
    let (mut buffer, mut led) = ([0; 16 * 1024], 0);
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        led += read;
        if led > 1_000_000 && done.load(Ordering::Relaxed) < cuts {
            done.fetch_add(1, Ordering::Relaxed);
            break;
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // One that is closed already stays so.
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}

/// A program that runs, and is killed if its test fails.
struct Program {
    name: String,
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Program {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let path = built(name);
        let mut child = Command::new(&path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", path.display()));
        let (says, lines) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| says.send(line)));
        Self { name: name.to_owned(), child, lines, heard: Vec::new() }
    }

    /// A line with this in it, which may have come already.
    fn says(&mut self, part: &str) -> String {
        let by = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.heard.iter().find(|line| line.contains(part)) {
                return line.clone();
            }
            match self.lines.recv_timeout(by.saturating_duration_since(Instant::now())) {
                Ok(line) => self.heard.push(line),
                Err(why) => panic!("{} does not say `{part}` ({why}), but {:#?}", self.name, self.heard),
            }
        }
    }

    fn hears(&mut self, parts: &[String]) {
        for part in parts {
            self.says(part);
        }
    }

    /// Who it is, in short, and where it can be dialed.
    fn is_at(&mut self) -> (String, String) {
        let line = self.says("meshnode1");
        let (id, contact) = line.split_once(" is ").expect("it says who is where");
        (id.to_owned(), contact.to_owned())
    }

    fn types(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        writeln!(input, "{line}").expect("it reads");
    }

    /// Its input ends, and so does it.
    fn ends(mut self) {
        drop(self.child.stdin.take());
        let by = Instant::now() + PATIENCE;
        let status: ExitStatus = loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                break status;
            }
            assert!(Instant::now() < by, "{} does not end; it said {:#?}", self.name, self.heard);
            thread::sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "{} ended with {status}; it said {:#?}", self.name, self.heard);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        drop((self.child.kill(), self.child.wait()));
    }
}

/// Where cargo puts the examples of the build that this test is part of.
fn built(name: &str) -> PathBuf {
    let test = env::current_exe().expect("this test has a path");
    let folder = test.parent().and_then(Path::parent).expect("it stands in `deps`").join("examples");
    let path = folder.join(format!("{name}{EXE_SUFFIX}"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs"));
    let age = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    assert!(
        age(&path) >= age(&source),
        "{} is not built, or older than its source: run `cargo test -p examples --no-run`",
        path.display()
    );
    path
}

/// A folder that goes with its test.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("mesh-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("it can be made");
        Self { path }
    }

    /// The path of a new secret: other tests of this network cannot come in.
    fn secret(&self) -> String {
        let path = self.path.join("secret");
        let secret = entropy::mesh_secret().expect("the system has randomness");
        fs::write(&path, secret.to_text().as_str()).expect("it can be written");
        text(&path).to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}
