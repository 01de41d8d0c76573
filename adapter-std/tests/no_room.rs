//! What becomes of links when the system has no thread for them.
#![cfg(target_os = "linux")]

use core::time::Duration;
use std::time::Instant;
use std::{fs, thread};

use adapter_std::{Builder, Happening};
use mesh_proto::wire::MeshSecret;
use mesh_proto::{Reason, SystemError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const PATIENCE: Duration = Duration::from_secs(20);
/// Less than the stack of a thread.
const LITTLE: u64 = 1 << 20;

fn builder() -> Builder {
    let at = "127.0.0.1:0".parse().expect("an address");
    adapter_std::builder().secret(MeshSecret::new([7; 32])).discover_nobody().listen(at)
}

/// How much memory this process has asked for, in bytes.
fn size() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).expect("the system tells");
    let kilobytes = line.trim().trim_end_matches("kB").trim();
    kilobytes.parse::<u64>().expect("a number") * 1024
}

/// Leaves less room than a thread takes, and enough for all else. Threads that are still about to start take much of it, so
/// it waits until they have.
fn leave_little(maximum: Option<u64>) {
    let by = Instant::now() + PATIENCE;
    let mut before = 0;
    while Instant::now() < by {
        let now = size();
        if now == before {
            let limit = now + LITTLE;
            setrlimit(Resource::As, Rlimit { current: Some(limit), maximum }).expect("it may be lowered");
            if size() + LITTLE / 2 <= limit {
                return;
            }
            setrlimit(Resource::As, Rlimit { current: maximum, maximum }).expect("it may be raised again");
        }
        before = now;
        thread::sleep(Duration::from_millis(20));
    }
    panic!("the process never stops growing");
}

#[test]
fn a_link_without_a_thread_ends_as_exhausted_and_comes_once_there_is_room() {
    let (a, b) = (builder().start().expect("it starts"), builder().start().expect("it starts"));
    let mut happenings = a.happenings();
    let was = getrlimit(Resource::As);
    leave_little(was.maximum);
    a.keep((b.me(), b.addresses()[0])).expect("there is room");
    let closed = happenings.find_map(|happened| {
        assert!(!matches!(happened.what, Happening::LinkOpened { .. }), "there was a thread");
        if let Happening::LinkClosed { reason, .. } = happened.what { Some(reason) } else { None }
    });
    setrlimit(Resource::As, was).expect("it may be raised again");
    assert_eq!(closed, Some(Reason::System(SystemError::Exhausted)));
    a.send(b.me(), "hello").expect("it is known");
    let received = b.messages().next_within(PATIENCE).expect("in time").expect("the node lives");
    assert_eq!(received.body[..], b"hello"[..]);
}
