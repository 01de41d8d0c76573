//! A system that has nothing left to give.

use core::sync::atomic::{AtomicU32, Ordering};
use std::env;
use std::fs::File;
use std::process::Command;
use std::time::Instant;

use adapter_std::handle::Happening;
use log::{LevelFilter, Log, Metadata, Record};
use mesh_proto::{Reason, SystemError};
use socket2::{Domain, Socket, Type};

use crate::flow::Flow;
use crate::looking::{agree, ended, happened, link};
use crate::member::{Member, Node};
use crate::pairs::{Pair, meet};
use crate::waiting::until;

cases! {
    x11_sessions_live_while_no_descriptor_is_left,
}

/// Says to a process which test it was begun for.
const MARK: &str = "CONFORMANCE_X11";
/// How many descriptors that process may have.
const DESCRIPTORS: u32 = 200;

/// In a process of its own, for whoever else runs in one has nothing left, either.
fn x11_sessions_live_while_no_descriptor_is_left(pair: Pair) {
    if env::var_os(MARK).is_some() {
        return without_descriptors(pair);
    }
    let (dialer, acceptor) = (pair.dialer.name(), pair.acceptor.name());
    let test = format!("exhaustion::x11_sessions_live_while_no_descriptor_is_left::{dialer}_to_{acceptor}");
    let program = env::current_exe().expect("it is this one");
    let limits = format!("ulimit -n {DESCRIPTORS}; exec \"$@\"");
    let done = Command::new("sh")
        .args(["-c", &limits, "sh"])
        .arg(program)
        .args(["--exact", &test, "--nocapture"])
        .env(MARK, "1")
        .output()
        .expect("there is a shell");
    let said = [String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)].concat();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}

/// How often accepting paused in this process.
static PAUSES: AtomicU32 = AtomicU32::new(0);

struct CountsPauses;

impl Log for CountsPauses {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if record.args().to_string().starts_with("accepting pauses") {
            PAUSES.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn flush(&self) {}
}

fn pauses() -> u32 {
    PAUSES.load(Ordering::Acquire)
}

/// How many streams a node has or had.
fn opened(node: &Node) -> usize {
    happened(node).iter().filter(|what| matches!(what, Happening::LinkOpened { .. })).count()
}

/// Takes all descriptors, and those that a thread which has just begun gives back.
fn all_that_is_left() -> Vec<File> {
    let (mut files, mut in_vain) = (Vec::new(), 0);
    until("nobody gives one back", || {
        let before = files.len();
        files.extend(core::iter::from_fn(|| File::open("/dev/null").ok()));
        in_vain = if files.len() == before { in_vain + 1 } else { 0 };
        in_vain == 20
    });
    files
}

fn without_descriptors(pair: Pair) {
    log::set_logger(&CountsPauses).expect("nobody else logs here");
    log::set_max_level(LevelFilter::Debug);
    let (a, b) = pair.connected();
    let third = Member::calm().start(pair.dialer);
    let (address, before) = (b.address(), (link(&a, b.me()), link(&b, a.me())));
    let stranger = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there is room");
    let began = Instant::now();
    let files = all_that_is_left();

    stranger.connect(&address.into()).expect("it listens");
    third.keep((b.me(), address)).expect("there is room");
    let exhausted = Reason::System(SystemError::Exhausted);
    until("a dial finds no descriptor", || ended(&third).contains(&exhausted));
    until("accepting pauses again and again", || pauses() >= 5);
    Flow::during(&a, &b, |there| {
        Flow::during(&b, &a, |back| {
            there.goes_on(200);
            back.goes_on(200);
        })
    });
    // From 10 ms on each is twice as long as the one before, up to a second; and there are three that listen.
    let (paused, most) = (u64::from(pauses()), 3 * (8 + began.elapsed().as_secs()));
    assert!(paused <= most, "{paused} pauses within {:?}", began.elapsed());
    assert_eq!((link(&a, b.me()), link(&b, a.me())), before, "the session lives");
    assert_eq!(opened(&b), 1, "nothing could be accepted");

    drop(files);
    meet(&third, &b);
    until("the stranger is taken, too", || opened(&b) >= 3);
    assert_eq!((link(&a, b.me()), link(&b, a.me())), before, "the session lives");
    assert!(agree(&a, &b));
}
