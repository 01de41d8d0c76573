//! Streams that a program without async code opens itself.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::io::{self, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use adapter_std::{Attached, Duplex, Mesh, Split, attach};
use mesh_proto::PathClass;
use mesh_proto::wire::MeshSecret;

use super::PATIENCE;

const ANYBODY: Attached = Attached::Dialed { expected: None };

fn nodes() -> (Mesh, Mesh) {
    let start = || {
        let builder = adapter_std::builder().secret(MeshSecret::new([7; 32])).discover_nobody();
        builder.listen_nowhere().start().expect("it starts")
    };
    (start(), start())
}

fn talk(a: &Mesh, b: &Mesh) {
    for (from, to) in [(a, b), (b, a)] {
        from.send(to.me(), vec![7; 100_000]).expect("it is known");
        let received = to.messages().next_within(PATIENCE).expect("in time").expect("the node lives");
        assert!(received.body[..] == [7; 100_000]);
    }
}

fn join(a: &Mesh, here: impl Duplex, b: &Mesh, there: impl Duplex) {
    attach(a, here, ANYBODY, PathClass::Direct).expect("there is room");
    attach(b, there, Attached::Accepted, PathClass::Direct).expect("there is room");
}

#[test]
fn tcp_may_come_from_elsewhere_and_with_any_options() {
    let (a, b) = nodes();
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let here = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let (there, _) = listener.accept().expect("somebody dialed");
    here.set_nonblocking(true).expect("it can be set");
    there.set_read_timeout(Some(Duration::from_millis(1))).expect("it can be set");
    join(&a, here, &b, there);
    talk(&a, &b);
}

#[test]
fn what_a_stream_keeps_to_itself_is_flushed() {
    let (a, b) = nodes();
    let ((from_b, to_a), (from_a, to_b)) =
        (io::pipe().expect("there is room"), io::pipe().expect("there is room"));
    let here = Split { reading: from_b, writing: BufWriter::new(to_b), shut: Box::new(|| {}) };
    let there = Split { reading: from_a, writing: BufWriter::new(to_a), shut: Box::new(|| {}) };
    join(&a, here, &b, there);
    talk(&a, &b);
    // Each closes its end of a pipe, which ends the read of the other.
    assert!(a.leave(PATIENCE).is_flushed());
}

/// Bytes that come in memory: nobody can end a read that waits, so it says now and then that it has waited.
struct Ears {
    from: Receiver<Vec<u8>>,
    heard: VecDeque<u8>,
    /// How often it waited in vain.
    in_vain: Arc<AtomicU32>,
}

impl Read for Ears {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.heard.is_empty() {
            match self.from.recv_timeout(Duration::from_millis(5)) {
                Ok(bytes) => self.heard.extend(bytes),
                Err(RecvTimeoutError::Timeout) => {
                    self.in_vain.fetch_add(1, Ordering::AcqRel);
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        self.heard.read(buffer)
    }
}

struct Mouth(Sender<Vec<u8>>);

impl Write for Mouth {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_owned()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stream_that_cannot_be_shut_may_wait_for_a_while_only() {
    let (a, b) = nodes();
    let ((to_b, from_a), (to_a, from_b)) = (channel(), channel());
    let in_vain = Arc::<AtomicU32>::default();
    let split = |from, to| {
        let reading = Ears { from, heard: VecDeque::new(), in_vain: Arc::clone(&in_vain) };
        Split { reading, writing: Mouth(to), shut: Box::new(|| {}) }
    };
    // Whoever else holds an end keeps the stream open.
    let (held, also) = (Sender::clone(&to_b), Sender::clone(&to_a));
    join(&a, split(from_b, to_b), &b, split(from_a, to_a));
    talk(&a, &b);
    let by = Instant::now() + PATIENCE;
    let goal = in_vain.load(Ordering::Acquire) + 10;
    while in_vain.load(Ordering::Acquire) < goal {
        assert!(Instant::now() < by, "nobody waits in vain");
        thread::sleep(Duration::from_millis(5));
    }
    // That was no end of the link, and there is no other.
    talk(&a, &b);
    drop((a, b));
    // The threads that read have let go, although nothing ended their reads.
    while held.send(Vec::new()).is_ok() || also.send(Vec::new()).is_ok() {
        assert!(Instant::now() < by, "a thread still reads");
        thread::sleep(Duration::from_millis(5));
    }
}
