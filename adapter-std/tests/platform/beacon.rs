//! Beacons on loopback, with real sockets.

use core::net::{Ipv4Addr, SocketAddr};
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::thread;
use std::time::Instant;

use adapter_std::platform::beacon::{Beacon, Beacons, Buffer, Group, MAX_DATAGRAM, Plane, Sources, Whence};
use adapter_std::platform::interfaces::{Interface, Multicast, list};
use socket2::SockRef;

use crate::support::{PATIENCE, own_group};

fn loopback() -> Interface {
    let interfaces = list().expect("every system tells");
    let mut loopback = interfaces
        .into_iter()
        .find(|interface| interface.v4.contains(&Ipv4Addr::LOCALHOST))
        .expect("every host has it");
    loopback.multicast = Multicast::V4;
    loopback.v4 = vec![Ipv4Addr::LOCALHOST];
    loopback
}

fn beacons(group: Group) -> Beacons {
    let mut beacons = Beacons::new(group);
    let followed = beacons.follow(&[loopback()]);
    assert!(followed.failed.is_empty(), "{followed:?}");
    assert_eq!(followed.opened.len(), 1);
    beacons
}

fn only(beacons: &Beacons) -> &Beacon {
    beacons.open().first().expect("it was opened")
}

/// The next datagram, which must come.
fn hear(beacon: &Beacon) -> (Vec<u8>, Whence) {
    let began = Instant::now();
    let mut buffer = Buffer::new();
    while began.elapsed() < PATIENCE {
        if let Some(heard) = beacon.receive(&mut buffer).expect("the sockets work") {
            return (heard.datagram.to_vec(), heard.whence);
        }
        thread::yield_now();
    }
    panic!("nothing was heard");
}

fn hears_nothing(beacon: &Beacon) {
    let mut buffer = Buffer::new();
    assert_eq!(beacon.receive(&mut buffer).expect("the sockets work"), None);
}

#[test]
fn r10_two_nodes_of_one_host_hear_each_other_and_answer_one_alone() {
    let group = own_group();
    let (here, there, third) = (beacons(group), beacons(group), beacons(group));
    assert_eq!(here.send_to_all(b"hail"), 1);
    let (heard, whence) = hear(only(&there));
    assert_eq!(heard, b"hail");
    assert_eq!(whence.source.ip(), Ipv4Addr::LOCALHOST);
    assert_ne!(whence.source.port(), group.port);
    assert_eq!(whence.dialed(7000), SocketAddr::from((Ipv4Addr::LOCALHOST, 7000)));
    // Everybody hears it, the sender too.
    assert_eq!(hear(only(&third)), (b"hail".to_vec(), whence));
    assert_eq!(hear(only(&here)), (b"hail".to_vec(), whence));

    assert!(there.send_to_one(b"answer", &whence));
    let (heard, from) = hear(only(&here));
    assert_eq!(heard, b"answer");
    assert_ne!(from.source, whence.source);
    hears_nothing(only(&third));
    hears_nothing(only(&there));
}

#[test]
fn another_group_is_not_heard() {
    let (here, there) = (beacons(own_group()), beacons(own_group()));
    here.send_to_all(b"hail");
    hear(only(&here));
    hears_nothing(only(&there));
}

#[test]
fn what_a_beacon_is_set_to_can_be_read_back() {
    let beacons = beacons(own_group());
    let [ear, mouth] = only(&beacons).sockets();
    let mouth = SockRef::from(mouth);
    assert!(mouth.multicast_loop_v4().expect("every system has it"));
    assert_eq!(mouth.multicast_ttl_v4().expect("every system has it"), 1);
    assert_eq!(mouth.multicast_if_v4().expect("every system has it"), Ipv4Addr::LOCALHOST);
    assert!(SockRef::from(ear).reuse_address().expect("every system has it"));
    #[cfg(target_os = "linux")]
    assert!(!SockRef::from(ear).multicast_all_v4().expect("Linux has it"));
    for socket in only(&beacons).sockets() {
        let error = socket.recv(&mut [0]).expect_err("nothing was sent");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn a_datagram_is_bounded_both_ways() {
    let group = own_group();
    let beacons = beacons(group);
    let beacon = only(&beacons);
    let longest = [7; MAX_DATAGRAM];
    let error = beacon.send_to_all(&[7; MAX_DATAGRAM + 1]).expect_err("it is too long");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    // A stranger's is passed over, what comes after it is not.
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    stranger.send_to(&[7; MAX_DATAGRAM + 1], ("127.0.0.1", group.port)).expect("loopback takes it");
    stranger.send_to(&[7; 9000], ("127.0.0.1", group.port)).expect("loopback takes it");
    stranger.send_to(&longest, ("127.0.0.1", group.port)).expect("loopback takes it");
    assert_eq!(hear(beacon).0, longest);
    beacon.send_to_all(&longest).expect("it just fits");
    assert_eq!(hear(beacon).0, longest);
}

#[test]
fn beacons_follow_the_interfaces() {
    let mut beacons = Beacons::new(own_group());
    let plane = Plane::V4 { interface: loopback().index, address: Ipv4Addr::LOCALHOST };
    // Nobody has the address: it is tried again at every look.
    let elsewhere = Interface { v4: vec![Ipv4Addr::new(203, 0, 113, 1)], ..loopback() };
    for _ in 0..2 {
        let followed = beacons.follow(core::slice::from_ref(&elsewhere));
        assert_eq!((followed.opened.len(), followed.failed.len()), (0, 1));
    }
    assert_eq!(beacons.follow(&[loopback()]).opened, [plane]);
    let same = beacons.follow(&[loopback()]);
    assert!(same.opened.is_empty() && same.closed.is_empty() && same.failed.is_empty(), "{same:?}");
    assert_eq!(beacons.follow(&[]).closed, [plane]);
    assert!(beacons.open().is_empty());
    assert_eq!(beacons.follow(&[loopback()]).opened, [plane]);
    beacons.close(plane);
    assert_eq!(beacons.follow(&[loopback()]).opened, [plane]);
}

#[test]
fn an_answer_goes_to_where_the_word_came_from() {
    let plane = Plane::V4 { interface: 1, address: Ipv4Addr::LOCALHOST };
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let other = Plane::V4 { interface: 2, address: Ipv4Addr::LOCALHOST };
    let whence = |port, plane| Whence { source: at(port), plane };
    let mut sources = Sources::new();
    sources.heard(whence(1, other));
    sources.heard(whence(1, plane));
    assert_eq!(sources.of(&at(1)), Some(whence(1, plane)));
    assert_eq!(sources.of(&at(2)), None);
    for port in 2..=64 {
        sources.heard(whence(port, plane));
    }
    assert_eq!(sources.of(&at(1)), Some(whence(1, plane)));
    sources.heard(whence(65, plane));
    assert_eq!(sources.of(&at(1)), None, "the oldest gives way");
    assert_eq!(sources.of(&at(2)), Some(whence(2, plane)));
}
