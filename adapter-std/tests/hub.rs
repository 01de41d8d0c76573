//! A node driven by hand: its jobs, the two halves of a link, what is written when, and by whom.

extern crate alloc;

mod by_hand;

use alloc::sync::Arc;
use alloc::task::Wake;
use core::net::SocketAddr;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;
use std::sync::Mutex;
use std::time::Instant;

use adapter_std::handle::{Builder, Mesh, Messages};
use adapter_std::hub::{Attached, Hub, Job, Link};
use adapter_std::platform::clock::Time;
use mesh_proto::wire::MeshSecret;
use mesh_proto::{PathClass, Wait};

use by_hand::ByHand;

/// Whether the task that writes was woken.
#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One node and its end of the only link.
struct End {
    mesh: Mesh,
    hub: Hub,
    link: Link,
    messages: Messages,
    woken: Arc<Woken>,
    /// Whether the task of its driver was woken, and until when it sleeps if not.
    task: Arc<Woken>,
    sleeps: Option<Instant>,
}

/// Two nodes with a session.
struct Pair {
    clock: ByHand,
    a: End,
    b: End,
    /// What `a` wrote at once.
    written: Arc<Mutex<Vec<u8>>>,
}

impl End {
    fn new(clock: &ByHand, side: Attached) -> Self {
        let builder = Builder::new(clock.clone()).secret(MeshSecret::new([7; 32])).discover_nobody();
        let (mesh, hub) = builder.listen_nowhere().start().expect("it starts");
        let link = hub.attach(side, PathClass::Direct).expect("there is a place");
        let messages = mesh.messages();
        Self {
            mesh,
            hub,
            link,
            messages,
            woken: Arc::default(),
            task: Arc::new(Woken(AtomicBool::new(true))),
            sleeps: None,
        }
    }

    /// Whether its task is to write. If not, it waits.
    fn is_ready(&mut self) -> bool {
        let waker = Waker::from(Arc::clone(&self.woken));
        let ready = self.link.outgoing.poll_ready(&mut Context::from_waker(&waker));
        assert_ne!(ready, Poll::Ready(false), "the link is over");
        ready.is_ready()
    }

    /// Whether its task was woken since this was asked last.
    fn is_woken(&self) -> bool {
        self.woken.0.swap(false, Ordering::Relaxed)
    }

    /// What its task would write now.
    fn write(&mut self) -> Vec<u8> {
        let mut written = Vec::new();
        while self.is_ready() {
            let bytes = self.link.outgoing.bytes();
            written.extend_from_slice(bytes);
            let length = bytes.len();
            assert!(self.link.outgoing.wrote(Ok(length)));
        }
        written
    }

    /// Does what the task of a driver would do now: something if it was woken, or if it slept until now.
    fn drive(&mut self, clock: &ByHand) {
        let waker = Waker::from(Arc::clone(&self.task));
        let now = clock.deadline(Wait::Until(clock.now().awake));
        for _ in 0..100 {
            let is_due = self.sleeps.is_some_and(|until| Some(until) <= now);
            if !(is_due || self.task.0.swap(false, Ordering::Relaxed)) {
                return;
            }
            self.sleeps = self.hub.look();
            while let Poll::Ready(job) = self.hub.poll_job(&mut Context::from_waker(&waker)) {
                assert!(matches!(job, Job::Look), "{job:?}");
                self.sleeps = self.hub.look();
            }
        }
        panic!("it never sleeps");
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let space = self.link.incoming.space();
            let (now, later) = bytes.split_at(space.len().min(bytes.len()));
            space[..now.len()].copy_from_slice(now);
            assert!(self.link.incoming.came(Ok(now.len())));
            bytes = later;
        }
    }

    fn body(&mut self) -> Option<Vec<u8>> {
        self.messages.try_next().map(|received| received.body.to_vec())
    }
}

impl Pair {
    /// Whoever sends at `a` writes at most so many bytes at once.
    fn new(at_once: usize) -> Self {
        let clock = ByHand::default();
        let mut a = End::new(&clock, Attached::Dialed { expected: None });
        let b = End::new(&clock, Attached::Accepted);
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let to = Arc::clone(&written);
        a.link.outgoing.writes_at_once(move |bytes| {
            let length = bytes.len().min(at_once);
            if length == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            to.lock().expect("nobody panics").extend_from_slice(&bytes[..length]);
            Ok(length)
        });
        let mut pair = Self { clock, a, b, written };
        // The first begins the session, and with the second it is asked how much room there is.
        for _ in 0..2 {
            pair.send("before");
            pair.talk();
            assert_eq!(pair.b.body().as_deref(), Some(&b"before"[..]));
            pair.pass(Duration::from_millis(10));
        }
        pair
    }

    /// Carries everything to the other end until nothing is left.
    fn talk(&mut self) {
        loop {
            let (from_a, from_b) = (self.a.write(), self.b.write());
            if from_a.is_empty() && from_b.is_empty() {
                return;
            }
            self.b.read(&from_a);
            self.a.read(&from_b);
        }
    }

    fn pass(&mut self, span: Duration) {
        self.clock.pass(span);
        self.a.hub.look();
        self.b.hub.look();
        self.talk();
    }

    fn written(&self) -> Vec<u8> {
        core::mem::take(&mut self.written.lock().expect("nobody panics"))
    }

    fn send(&self, what: &'static str) {
        self.a.mesh.try_send(self.b.mesh.me(), what).expect("there is room");
    }
}

#[test]
fn whoever_sends_writes_while_the_task_has_nothing_to_do() {
    let mut pair = Pair::new(usize::MAX);
    pair.a.is_woken();
    pair.send("hello");
    let bytes = pair.written();
    assert_ne!(bytes, b"");
    assert!(!pair.a.is_woken());
    assert_eq!(pair.a.write(), b"");
    pair.b.read(&bytes);
    assert_eq!(pair.b.body().as_deref(), Some(&b"hello"[..]));
}

#[test]
fn what_cannot_be_written_at_once_the_task_writes() {
    for at_once in [0, 1, 20] {
        let mut pair = Pair::new(at_once);
        pair.a.is_woken();
        pair.send("hello");
        let mut bytes = pair.written();
        assert_eq!(bytes.len(), at_once);
        assert!(pair.a.is_woken());
        pair.send("world");
        assert_eq!(pair.written(), b"", "it would overtake what is left");
        bytes.extend(pair.a.write());
        pair.b.read(&bytes);
        assert_eq!(pair.b.body().as_deref(), Some(&b"hello"[..]));
        assert_eq!(pair.b.body().as_deref(), Some(&b"world"[..]));
    }
}

#[test]
fn while_the_task_writes_nobody_else_does() {
    let mut pair = Pair::new(usize::MAX);
    pair.a.mesh.wake();
    assert!(pair.a.is_ready(), "there is a probe to write");
    pair.send("hello");
    assert_eq!(pair.written(), b"");
    let bytes = pair.a.write();
    pair.b.read(&bytes);
    assert_eq!(pair.b.body().as_deref(), Some(&b"hello"[..]));
}

/// When somebody who took a message hears that there is no more, or takes no other.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Takes {
    AndWaits,
    AtOnce,
    /// Once the driver has looked, and found nothing.
    Later,
    /// Once all that there was to write is written.
    AfterWriting,
}

#[test]
fn what_was_taken_is_told_when_more_is_waited_for_or_in_a_moment() {
    let mut pair = Pair::new(usize::MAX);
    for takes in [Takes::AndWaits, Takes::AtOnce, Takes::Later, Takes::AfterWriting] {
        pair.b.drive(&pair.clock);
        pair.send("hello");
        let bytes = pair.written();
        if takes == Takes::AfterWriting {
            pair.b.mesh.try_send(pair.a.mesh.me(), "and you").expect("there is room");
            pair.b.read(&bytes);
            let bytes = pair.b.write();
            pair.a.read(&bytes);
        } else {
            pair.b.read(&bytes);
        }
        assert_eq!(pair.b.write(), b"", "what it has received can wait");
        if takes == Takes::Later {
            pair.b.drive(&pair.clock);
            pair.clock.pass(Duration::from_millis(5));
            pair.b.drive(&pair.clock);
            let bytes = pair.b.write();
            assert_ne!(bytes, b"", "what it has received is told by now");
            pair.a.read(&bytes);
        }
        assert!(pair.b.body().is_some());
        assert_eq!(pair.b.write(), b"", "and so can what was taken");
        if takes == Takes::AndWaits {
            assert_eq!(pair.b.body(), None);
        } else {
            pair.b.drive(&pair.clock);
            pair.clock.pass(Duration::from_millis(2));
            pair.b.drive(&pair.clock);
        }
        let bytes = pair.b.write();
        assert_ne!(bytes, b"");
        pair.a.read(&bytes);
        pair.pass(Duration::from_millis(10));
    }
}

/// The task of the driver looks just when a message comes, and has to wait until it is there. Only then it is taken.
#[cfg(target_os = "linux")]
#[test]
fn what_comes_while_the_driver_begins_to_look_is_told_in_a_moment_too() {
    use std::thread;

    let mut pair = Pair::new(usize::MAX);
    pair.b.drive(&pair.clock);
    pair.send("one");
    let bytes = pair.written();
    pair.b.read(&bytes);
    pair.b.drive(&pair.clock);
    assert!(pair.b.body().is_some());
    pair.clock.pass(Duration::from_millis(2));
    pair.send("two");
    let bytes = pair.written();

    let stands = Arc::clone(&pair.clock.stands);
    let (reads, looks) = (Named::default(), Named::default());
    let End { hub, sleeps, link: Link { incoming, .. }, .. } = &mut pair.b;
    thread::scope(|scope| {
        let stopped = stands.lock();
        scope.spawn(|| {
            reads.tell();
            incoming.space()[..bytes.len()].copy_from_slice(&bytes);
            assert!(incoming.came(Ok(bytes.len())));
        });
        reads.until_it_waits();
        let looking = scope.spawn(|| {
            looks.tell();
            hub.look()
        });
        looks.until_it_waits();
        drop(stopped);
        *sleeps = looking.join().expect("it does not panic");
    });

    let bytes = pair.b.write();
    pair.a.read(&bytes);
    assert_eq!(pair.b.body().as_deref(), Some(&b"two"[..]));
    pair.b.drive(&pair.clock);
    pair.clock.pass(Duration::from_millis(2));
    pair.b.drive(&pair.clock);
    assert_ne!(pair.b.write(), b"", "that it was taken");
}

/// A thread by its name in the system, once it has told it.
#[cfg(target_os = "linux")]
#[derive(Debug, Default)]
struct Named(std::sync::OnceLock<std::path::PathBuf>);

#[cfg(target_os = "linux")]
impl Named {
    fn tell(&self) {
        let name = std::fs::read_link("/proc/thread-self").expect("every thread has a name");
        self.0.set(name).expect("it tells it once");
    }

    /// Until the thread waits for something that it cannot have yet.
    fn until_it_waits(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            assert!(Instant::now() < deadline, "it does not wait");
            let stat = self
                .0
                .get()
                .and_then(|name| std::fs::read_to_string(format!("/proc/{}/stat", name.display())).ok());
            if stat.is_some_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))) {
                return;
            }
            std::thread::yield_now();
        }
    }
}

#[test]
fn what_can_wait_goes_with_what_is_sent() {
    let mut pair = Pair::new(usize::MAX);
    let window = |pair: &Pair| pair.a.mesh.unacknowledged(pair.b.mesh.me()).expect("there is a session");
    pair.send("hello");
    let bytes = pair.written();
    pair.b.read(&bytes);
    assert!(pair.b.body().is_some());
    assert_eq!(window(&pair).messages, 1);
    pair.b.mesh.try_send(pair.a.mesh.me(), "and you").expect("there is room");
    let bytes = pair.b.write();
    pair.a.read(&bytes);
    assert_eq!(window(&pair).messages, 0);
}

#[test]
fn an_end_of_a_link_lets_go_of_its_stream() {
    let pair = Pair::new(usize::MAX);
    let Pair { a, written, .. } = pair;
    assert_eq!(Arc::strong_count(&written), 2);
    let over = a.link.outgoing.over();
    drop(a.link);
    assert!(over.is_over());
    assert_eq!(Arc::strong_count(&written), 1);
}

/// What comes of a future that is polled once, and dropped.
fn once<T>(future: impl Future<Output = T>, waker: &Waker) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

#[test]
fn a_job_that_was_waited_for_in_vain_comes_to_the_next_who_asks() {
    let Pair { a, .. } = Pair::new(usize::MAX);
    let waker = Waker::from(Arc::clone(&a.woken));
    while let Poll::Ready(job) = once(a.hub.job(), &waker) {
        assert!(matches!(job, Job::Look), "{job:?}");
        a.hub.look();
    }
    a.is_woken();
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    a.mesh.keep(address).expect("there is a place");
    assert!(a.is_woken(), "whoever asked last is told, though what it asked with is gone");
    let dialed = loop {
        match once(a.hub.job(), &waker) {
            Poll::Ready(Job::Dial(dial)) => break dial.address(),
            Poll::Ready(Job::Look) => a.hub.look(),
            other @ (Poll::Ready(Job::Stop) | Poll::Pending) => panic!("no dial but {other:?}"),
        };
    };
    assert_eq!(dialed, address);
}

#[test]
fn what_is_to_be_written_stays_however_often_it_is_waited_for() {
    let mut pair = Pair::new(0);
    let waker = Waker::from(Arc::clone(&pair.a.woken));
    assert!(once(pair.a.link.outgoing.ready(), &waker).is_pending());
    pair.a.is_woken();
    pair.send("hello");
    assert!(pair.a.is_woken());
    for _ in 0..3 {
        assert_eq!(once(pair.a.link.outgoing.ready(), &waker), Poll::Ready(true));
    }
    let bytes = pair.a.write();
    pair.b.read(&bytes);
    assert_eq!(pair.b.body().as_deref(), Some(&b"hello"[..]));
}
