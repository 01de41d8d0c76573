//! Everything that a node on plain threads has of the system ends with it.
#![cfg(target_os = "linux")]

extern crate alloc;

mod counting;

use alloc::sync::Arc;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use adapter_std::{Builder, Happening, Mesh};
use counting::{PATIENCE, counts, wait_until};
use mesh_proto::wire::MeshSecret;
use socket2::{Domain, SockRef, Socket, Type};

/// One test at a time: each counts what the process has.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn builder() -> Builder {
    let at = "127.0.0.1:0".parse().expect("an address");
    adapter_std::builder().secret(MeshSecret::new([7; 32])).discover_nobody().listen(at)
}

fn start() -> Mesh {
    builder().start().expect("it starts")
}

/// A message goes from one to the other.
fn talk(a: &Mesh, b: &Mesh) {
    let mut receipt = a.send_with_receipt(b.me(), "hello").expect("it is known");
    b.messages().next_within(PATIENCE).expect("in time").expect("the node lives");
    receipt.wait_for(PATIENCE).expect("in time");
}

#[test]
fn dropping_everything_ends_everything() {
    let _alone = alone();
    let before = counts();
    let (a, b) = (start(), start());
    a.keep((b.me(), b.addresses()[0])).expect("there is room");
    talk(&a, &b);
    // For each node: one that looks after it, one for its surroundings, one that accepts, and two for the link.
    wait_until(|now| now.threads == 10);
    // Two listeners, and both ends of the link; a pipe for each listener and for the surroundings.
    let (sockets, pipes) = (before.sockets + 4, before.pipes + 8);
    wait_until(|now| (now.sockets, now.pipes) == (sockets, pipes));
    let messages = a.messages();
    drop(a);
    assert_ne!(counts().threads, 0);
    drop((messages, b));
    wait_until(|now| *now == before);
}

#[test]
fn a_node_that_has_left_has_nothing() {
    let _alone = alone();
    let before = counts();
    let (a, b) = (start(), start());
    a.keep((b.me(), b.addresses()[0])).expect("there is room");
    talk(&a, &b);
    a.leave(PATIENCE);
    b.leave(PATIENCE);
    wait_until(|now| *now == before);
}

#[test]
fn a_dial_is_abandoned_with_the_node() {
    let _alone = alone();
    // The second stream waits for ever: there is room for one.
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there is room");
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port is free");
    full.listen(0).expect("it listens");
    let at = full.local_addr().expect("it is bound").as_socket().expect("of IPv4");
    let _first = TcpStream::connect(at).expect("there is room for one");
    let before = counts();
    let a = start();
    a.keep((mesh_proto::NodeId::new([9; 32]), at)).expect("there is room");
    // The thread that dials is the fourth.
    wait_until(|now| now.threads == 4);
    drop(a);
    wait_until(|now| *now == before);
}

#[test]
fn a_write_that_waits_ends_soon_after_its_link() {
    let _alone = alone();
    let before = counts();
    // The system itself would end the write after a while of this length.
    let slow = || builder().detect_within(Duration::from_secs(120)).start().expect("it starts");
    let (a, b) = (slow(), slow());
    let stops = Arc::new(AtomicBool::new(false));
    let relay = relay(b.addresses()[0], &stops);
    a.keep((b.me(), relay.at)).expect("there is room");
    talk(&a, &b);
    stops.store(true, Ordering::Release);
    // More than the buffers of all sockets between take: what is left over waits to be written.
    let mut sent = 0;
    while a.try_send(b.me(), vec![0; 1 << 20]).is_ok() {
        sent += 1;
    }
    assert_ne!(sent, 0);
    wait_until(|_| all_sleep());
    drop((a, b));
    wait_until(|now| now.threads == 0);
    relay.end();
    wait_until(|now| *now == before);
}

#[test]
fn a_link_that_is_over_gives_everything_back() {
    let _alone = alone();
    let nothing = counts();
    let (a, b) = (start(), start());
    wait_until(|now| now.threads == 6);
    let before = counts();
    let mut happenings = a.happenings();
    a.keep((b.me(), b.addresses()[0])).expect("there is room");
    talk(&a, &b);
    a.forget(b.me()).expect("it is known");
    let mut closed = false;
    while !closed {
        let happened = happenings.next_within(PATIENCE).expect("in time").expect("the node lives");
        closed = matches!(happened.what, Happening::LinkClosed { .. });
    }
    wait_until(|now| *now == before);
    // Or what is left of them would be counted by the next test.
    drop((a, b, happenings));
    wait_until(|now| *now == nothing);
}

/// Whether no thread of ours runs: with something left to write, one is in the middle of a write.
fn all_sleep() -> bool {
    let tasks = fs::read_dir("/proc/self/task").expect("proc is mounted");
    let stats = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
    stats.filter(|stat| stat.contains("(mesh")).all(|stat| stat.contains(") S "))
}

/// Takes one stream, and hands on what comes on either side until it is told to stop; both stay open then.
struct Relay {
    at: SocketAddr,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

fn relay(to: SocketAddr, stops: &Arc<AtomicBool>) -> Relay {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    // What it takes over from the listener is little, so that not all that is sent fits into it.
    SockRef::from(&listener).set_recv_buffer_size(16 * 1024).expect("it listens");
    let at = listener.local_addr().expect("it is bound");
    let open = Arc::new(Mutex::new(Vec::new()));
    let (kept, stops) = (Arc::clone(&open), Arc::clone(stops));
    thread::spawn(move || {
        let (one, _) = listener.accept().expect("somebody comes");
        let other = TcpStream::connect(to).expect("somebody is there");
        let copies = [&one, &other].map(|stream| stream.try_clone().expect("there is room"));
        kept.lock().expect("nobody panics").extend(copies);
        let back = [&other, &one].map(|stream| stream.try_clone().expect("there is room"));
        let also = Arc::clone(&stops);
        thread::spawn(move || hand_on(back, &also));
        hand_on([one, other], &stops);
    });
    Relay { at, open }
}

fn hand_on([mut from, mut to]: [TcpStream; 2], stops: &AtomicBool) {
    let mut buffer = [0; 4096];
    while !stops.load(Ordering::Acquire) {
        let handed: io::Result<()> =
            from.read(&mut buffer).and_then(|length| to.write_all(&buffer[..length]));
        if handed.is_err() {
            return;
        }
    }
}

impl Relay {
    fn end(self) {
        let mut open = self.open.lock().expect("nobody panics");
        for stream in open.drain(..) {
            // Whoever still reads here is woken.
            stream.shutdown(std::net::Shutdown::Both).ok();
        }
    }
}
