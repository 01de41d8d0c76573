//! Strangers and bad input.

use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use mesh_proto::{Config, Limits};
use socket2::{Domain, Socket, Type};

use crate::flow::Flow;
use crate::looking::{agree, link};
use crate::member::{Member, Node};
use crate::pairs::{Pair, meet};
use crate::waiting::{Lateness, PATIENCE, until};

cases! {
    o7_a_recorded_handshake_again,
    o9_malformed_first_words_are_closed_at_once,
    x10_nothing_behind_a_length_and_a_byte_at_a_time,
    x10_two_hundred_that_say_nothing,
    y11_a_member_gets_in_though_eight_addresses_hold_every_place,
}

/// How long a handshake may take where a test waits until it has taken too long.
const SHORT: Duration = Duration::from_secs(1);
/// What the system may take on top.
const SLACK: Duration = Duration::from_secs(1);
/// How many threads have to be woken, one after the other, until a stream is seen to be closed.
const STEPS: u32 = 4;

fn stranger(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    stream
}

/// Waits until the other end has closed a stream: how long that took.
fn closed(mut stream: &TcpStream, since: Instant) -> Duration {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return since.elapsed(),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nobody closed it within {PATIENCE:?}")
            }
            Err(_) => return since.elapsed(),
        }
    }
}

/// A member that waits so long for handshakes.
fn waits(handshake_within: Duration) -> Member {
    let calm = Member::calm();
    Member { config: Config { handshake_within, ..calm.config }, ..calm }
}

/// Sees that a session goes on on the same link while something happens.
fn undisturbed(a: &Node, b: &Node, happens: impl FnOnce()) {
    let before = (link(a, b.me()), link(b, a.me()));
    Flow::during(a, b, |flow| {
        happens();
        flow.goes_on(20);
    });
    assert_eq!((link(a, b.me()), link(b, a.me())), before);
    assert!(agree(a, b));
    assert_eq!(b.peers().len(), 1, "nobody else became a peer");
}

/// What one who dialed through here said, up to the end of its stream.
fn overhear(to: SocketAddr) -> (SocketAddr, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = listener.local_addr().expect("it is bound");
    let overhears = thread::spawn(move || {
        let (near, _) = listener.accept().expect("somebody dials");
        drop(listener);
        let far = TcpStream::connect(to).expect("it listens");
        let mut said = Vec::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                // It ends with either stream.
                drop(std::io::copy(&mut &far, &mut &near));
                drop(near.shutdown(Shutdown::Both));
            });
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = (&near).read(&mut buffer) {
                said.extend_from_slice(&buffer[..length]);
                (&far).write_all(&buffer[..length]).expect("it takes it");
            }
            drop(far.shutdown(Shutdown::Both));
        });
        said
    });
    (address, overhears)
}

fn o7_a_recorded_handshake_again(pair: Pair) {
    let late = Lateness::watch();
    let (a, b) = pair.start_as(Member::calm(), waits(SHORT));
    let (address, overhears) = overhear(b.address());
    a.keep((b.me(), address)).expect("there is room");
    meet(&a, &b);
    a.try_send(b.me(), "secret").expect("it is known");
    assert_eq!(crate::waiting::next(&b).body[..], b"secret"[..]);
    a.forget(b.me()).expect("it is known");
    let said = overhears.join().expect("it does not panic");
    assert!(said.len() > 100, "it heard the whole of it");

    a.keep((b.me(), b.address())).expect("there is room");
    meet(&a, &b);
    undisturbed(&a, &b, || {
        let began = Instant::now();
        let stream = stranger(b.address());
        (&stream).write_all(&said).expect("it is taken");
        // What it said before is not taken again, or the numbers that flow now would be out of order.
        assert!(closed(&stream, began) < SHORT + SLACK + late.over(STEPS));
    });
}

fn o9_malformed_first_words_are_closed_at_once(pair: Pair) {
    // Nobody waits for the deadline.
    let (a, b) = pair.connected_as(Member::calm(), waits(2 * PATIENCE));
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    undisturbed(&a, &b, || {
        for _ in 0..20 {
            let mut bytes = [0_u8; 4096];
            for byte in &mut bytes {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                *byte = dice as u8;
            }
            let began = Instant::now();
            let stream = stranger(b.address());
            // It may be closed before all of it is written.
            drop((&stream).write_all(&bytes));
            closed(&stream, began);
        }
        let began = Instant::now();
        let stream = stranger(b.address());
        (&stream).write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is taken");
        closed(&stream, began);
    });
}

fn x10_nothing_behind_a_length_and_a_byte_at_a_time(pair: Pair) {
    let late = Lateness::watch();
    let (a, b) = pair.connected_as(Member::calm(), waits(SHORT));
    undisturbed(&a, &b, || {
        let began = Instant::now();
        let lengths = [[0xff, 0xff], [0x00, 0x20], [0x00, 0x01]].map(|length: [u8; 2]| {
            let stream = stranger(b.address());
            (&stream).write_all(&length).expect("it is taken");
            stream
        });
        let slow = stranger(b.address());
        let mut bytes = 0_u8;
        while began.elapsed() < SHORT + SLACK && (&slow).write_all(&[bytes.min(1)]).is_ok() {
            bytes += 1;
            let next = Instant::now() + SHORT / 5;
            until("it is time for the next byte", || Instant::now() >= next);
        }
        let took = closed(&slow, began);
        assert!(
            took < SHORT + 2 * SLACK + late.over(STEPS),
            "a byte now and then makes nobody wait longer: {took:?}"
        );
        for stream in &lengths {
            closed(stream, began);
        }
        assert!(began.elapsed() < SHORT + 2 * SLACK + late.over(STEPS), "{:?}", began.elapsed());
    });
}

fn x10_two_hundred_that_say_nothing(pair: Pair) {
    let late = Lateness::watch();
    let (a, b) = pair.connected_as(Member::calm(), waits(SHORT));
    undisturbed(&a, &b, || {
        let began = Instant::now();
        let streams: Vec<_> = (0..200).map(|_| stranger(b.address())).collect();
        for stream in &streams {
            closed(stream, began);
        }
        // Many of them wait for one another: to be accepted, and for a thread.
        let most = SHORT + 2 * SLACK + late.over(10 * STEPS);
        assert!(began.elapsed() < most, "{:?}", began.elapsed());
    });
}

/// Eight addresses that no member has, each on this machine.
fn addresses() -> [Ipv4Addr; 8] {
    // Other systems have one: all come from there.
    [2, 3, 4, 5, 6, 7, 8, 9]
        .map(|last| Ipv4Addr::new(127, 0, 0, if cfg!(target_os = "linux") { last } else { 1 }))
}

/// A stranger that comes from this address.
fn stranger_from(address: Ipv4Addr, at: SocketAddr) -> Option<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    socket.bind(&SocketAddr::from((address, 0)).into()).ok()?;
    socket.connect(&at.into()).ok()?;
    socket.set_nonblocking(true).ok()?;
    Some(socket.into())
}

/// Whether the other end of a stream on which nothing is said has not closed it.
fn is_open(mut stream: &TcpStream) -> bool {
    stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Has eight addresses open streams until each holds so many, and again whenever one is closed, as long as something happens.
fn besieged(at: SocketAddr, each: usize, happens: impl FnOnce()) {
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        for address in addresses() {
            let ends = &ends;
            scope.spawn(move || {
                let mut streams = Vec::new();
                while !ends.load(Ordering::Acquire) {
                    streams.retain(is_open);
                    while streams.len() < each {
                        streams.extend(stranger_from(address, at));
                    }
                    thread::sleep(Duration::from_millis(5));
                }
            });
        }
        let ends = Ends(&ends);
        happens();
        drop(ends);
    });
}

/// Says that something is over, also when it panicked.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn y11_a_member_gets_in_though_eight_addresses_hold_every_place(pair: Pair) {
    const EACH: u32 = 8;
    const PLACES: u32 = 8 * EACH;
    let per_source = if cfg!(target_os = "linux") { EACH } else { PLACES };
    let limits = Limits { half_open: PLACES, half_open_per_source: per_source, ..Limits::default() };
    let patient = waits(2 * PATIENCE);
    let patient = Member { config: Config { limits, ..patient.config }, ..patient };
    let (a, b) = pair.start_as(Member::calm(), patient);
    besieged(b.address(), EACH as usize, || {
        until("they hold every place", || {
            let opened = |what: &_| matches!(what, adapter_std::handle::Happening::LinkOpened { .. });
            crate::looking::happened(&b).iter().filter(|what| opened(what)).count() >= PLACES as usize
        });
        let (late, began) = (Lateness::watch(), Instant::now());
        a.keep((b.me(), b.address())).expect("there is room");
        meet(&a, &b);
        // A stream, four messages and a record, each to be written by one thread and read by another.
        let most = Duration::from_secs(1) + late.over(3 * STEPS);
        assert!(began.elapsed() < most, "{:?}", began.elapsed());
        assert!(b.stats().gave_way_half_open > 0, "somebody gave way");
        undisturbed(&a, &b, || {});
    });
}
