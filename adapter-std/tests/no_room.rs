//! What becomes of links when the system has no thread for them.
#![cfg(target_os = "linux")]

use core::time::Duration;
use std::fs;

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

#[test]
fn a_link_without_a_thread_ends_as_exhausted_and_comes_once_there_is_room() {
    let (a, b) = (builder().start().expect("it starts"), builder().start().expect("it starts"));
    let mut happenings = a.happenings();
    let was = getrlimit(Resource::As);
    setrlimit(Resource::As, Rlimit { current: Some(size() + LITTLE), maximum: was.maximum })
        .expect("it may be lowered");
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
