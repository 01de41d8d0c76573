//! The thread that watches: beacons over loopback, and its end.

use core::time::Duration;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use adapter_std::platform::beacon::{Group, Whence};
use adapter_std::platform::clock::Clock;
use adapter_std::platform::surroundings::{Sign, Surroundings, Watched};

use crate::support::{PATIENCE, own_group};

type Word = (Vec<u8>, Whence);

fn watch(group: Option<Group>, tell: Sender<Word>) -> Surroundings {
    let every = Duration::from_millis(50);
    Surroundings::watch(Watched { group, every }, Clock::new(), move |sign| {
        if let Sign::Heard(heard) = sign {
            // The test may be over.
            drop(tell.send((heard.datagram.to_vec(), heard.whence)));
        }
    })
    .expect("it begins")
}

/// The word that is to come; others may come before it, on other interfaces.
fn hear(told: &Receiver<Word>, expected: &[u8]) -> Whence {
    loop {
        let (word, whence) = told.recv_timeout(PATIENCE).expect("it was said");
        if word == expected {
            return whence;
        }
    }
}

#[test]
fn r10_two_nodes_hear_each_other_on_one_host() {
    let group = Some(own_group());
    let ((tell_here, told_here), (tell_there, told_there)) = (channel(), channel());
    let (here, there) = (watch(group, tell_here), watch(group, tell_there));
    assert!(here.planes() >= 1, "loopback at least: {:?}", here.interfaces());
    assert!(here.send_to_all(b"hail") >= 1);
    let whence = hear(&told_there, b"hail");
    assert!(there.send_to_one(b"answer", &whence));
    hear(&told_here, b"answer");
}

#[test]
fn the_end_closes_what_was_open() {
    let (tell, told) = channel();
    let surroundings = watch(Some(own_group()), tell);
    drop(surroundings);
    // The thread has ended: nothing is left that could tell.
    assert_eq!(told.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn the_end_may_come_from_what_is_told() {
    let group = own_group();
    let (give, given) = channel::<Surroundings>();
    let (tell, told) = channel::<()>();
    let watched = Watched { group: Some(group), every: Duration::from_millis(50) };
    let surroundings = Surroundings::watch(watched, Clock::new(), move |sign| {
        if let Sign::Heard(_) = sign {
            drop(given.try_recv());
            tell.send(()).expect("it is awaited");
        }
    })
    .expect("it begins");
    let (tell_other, told_other) = channel();
    let other = watch(Some(group), tell_other);
    give.send(surroundings).expect("it is awaited");
    other.send_to_all(b"hail");
    hear(&told_other, b"hail");
    told.recv_timeout(PATIENCE).expect("what is told goes on to its end");
    // One more datagram may have lain there; then the thread ends.
    let end = core::iter::repeat_with(|| told.recv_timeout(PATIENCE)).find_map(Result::err);
    assert_eq!(end, Some(RecvTimeoutError::Disconnected));
}

#[test]
fn without_a_group_nothing_is_opened() {
    let (tell, _told) = channel();
    let surroundings = watch(None, tell);
    assert_eq!(surroundings.planes(), 0);
    assert!(!surroundings.interfaces().is_empty());
    assert_eq!(surroundings.send_to_all(b"hail"), 0);
}
