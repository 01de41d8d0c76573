//! Names are looked up elsewhere, within bounds.

use alloc::sync::Arc;
use core::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use adapter_std::platform::names::{
    MAX_ADDRESSES, MAX_THREADS, MAX_WAITING, NameError, Resolver, interleaved,
};

use crate::support::{PATIENCE, SILENCE};

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().expect("an address")).collect()
}

#[test]
fn an_address_needs_no_thread() {
    let resolver = Resolver::new();
    let (tell, told) = channel();
    for name in ["10.1.2.3:7000", "[fd00::1]:7000", "[fe80::1%3]:7000"] {
        let tell = tell.clone();
        resolver
            .look_up(name, move |found| tell.send((thread::current().id(), found)).expect("it is awaited"));
        let (by, found) = told.recv_timeout(PATIENCE).expect("it was told at once");
        assert_eq!(by, thread::current().id());
        assert_eq!(found.expect("it is an address"), addresses(&[name]));
    }
}

#[test]
fn a_name_is_looked_up_elsewhere() {
    let resolver = Resolver::new();
    let (tell, told) = channel();
    resolver.look_up("localhost:7000", move |found| {
        tell.send((thread::current().id(), found)).expect("it is awaited");
    });
    let (by, found) = told.recv_timeout(PATIENCE).expect("an answer");
    assert_ne!(by, thread::current().id());
    let found = found.expect("every host knows itself");
    assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 7000), "{found:?}");
}

#[test]
fn a_name_that_nobody_has_is_an_error() {
    let resolver = Resolver::new();
    let (tell, told) = channel();
    resolver.look_up("no port", move |found| tell.send(found).expect("it is awaited"));
    let error = told.recv_timeout(PATIENCE).expect("an answer").expect_err("it is no name");
    assert!(error.to_string().starts_with("the name was not found: "), "{error}");
}

#[test]
fn families_take_turns() {
    let found = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1", "[::1]:1", "1.0.0.2:1"]);
    let expected = addresses(&["[::1]:1", "1.0.0.1:1", "[::2]:1", "1.0.0.2:1", "[::3]:1"]);
    assert_eq!(interleaved(&found), expected);
    let v4_first = addresses(&["1.0.0.1:1", "[::1]:1", "1.0.0.2:1"]);
    assert_eq!(interleaved(&v4_first), v4_first);
    let many: Vec<SocketAddr> = (0..100).map(|host| ([10, 0, 0, host], 1).into()).collect();
    assert_eq!(interleaved(&many), many[..MAX_ADDRESSES]);
    assert_eq!(interleaved(&[]), []);
}

#[test]
fn what_waits_is_bounded_and_all_of_it_is_told() {
    let resolver = Resolver::new();
    let (tell, told) = channel();
    let (begun, begins) = channel();
    let (free, held) = channel::<()>();
    let held = Arc::new(Mutex::new(held));
    for _ in 0..MAX_THREADS {
        let (begun, held) = (begun.clone(), held.clone());
        resolver.look_up("localhost:1", move |_| {
            begun.send(()).expect("it is awaited");
            // Until the test lets go.
            held.lock().expect("nobody panics").recv().expect_err("nothing is ever sent");
        });
    }
    for _ in 0..MAX_THREADS {
        begins.recv_timeout(PATIENCE).expect("a thread for each");
    }
    for _ in 0..=MAX_WAITING {
        let tell = tell.clone();
        resolver.look_up("localhost:1", move |found| tell.send(found.map(|_| ())).expect("it is awaited"));
    }
    let last = told.recv_timeout(PATIENCE).expect("one too many is told at once");
    assert!(matches!(last, Err(NameError::Busy)), "{last:?}");
    assert!(told.recv_timeout(SILENCE).is_err(), "all threads are held");
    drop(free);
    for _ in 0..MAX_WAITING {
        told.recv_timeout(PATIENCE).expect("its turn came").expect("every host knows itself");
    }
}

#[test]
fn a_panic_in_what_is_told_costs_no_thread() {
    let resolver = Resolver::new();
    for _ in 0..2 * MAX_THREADS {
        resolver.look_up("localhost:1", |_| std::panic::resume_unwind(Box::new("on purpose")));
    }
    let (tell, told) = channel();
    resolver.look_up("localhost:1", move |found| tell.send(found.is_ok()).expect("it is awaited"));
    assert!(told.recv_timeout(PATIENCE).expect("a thread is left"));
}

#[test]
fn the_end_of_a_resolver_ends_what_waits() {
    let resolver = Resolver::new();
    let (tell, told) = channel::<()>();
    let (begun, begins) = channel();
    let (free, held) = channel::<()>();
    let held = Arc::new(Mutex::new(held));
    for _ in 0..MAX_THREADS {
        let (begun, held) = (begun.clone(), held.clone());
        resolver.look_up("localhost:1", move |_| {
            begun.send(()).expect("it is awaited");
            held.lock().expect("nobody panics").recv().expect_err("nothing is ever sent");
        });
    }
    for _ in 0..MAX_THREADS {
        begins.recv_timeout(PATIENCE).expect("a thread for each");
    }
    resolver.look_up("localhost:1", move |_| tell.send(()).expect("it is awaited"));
    drop(resolver);
    // Nobody is told, and whoever waits to be told learns that.
    assert_eq!(told.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    // The threads end: nothing holds what they held.
    drop(free);
    let began = Instant::now();
    while Arc::strong_count(&held) > 1 {
        assert!(began.elapsed() < PATIENCE, "a thread is left");
        thread::yield_now();
    }
}
