//! Nodes on hosts of their own: network namespaces, where there is the right to make them.

pub(crate) mod child;
mod made;

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use adapter_std::platform::beacon::Whence;
use adapter_std::platform::clock::Clock;
use adapter_std::platform::listen::listen;
use adapter_std::platform::surroundings::{Sign, Surroundings, Watched};

use crate::support::{PATIENCE, skip};
use child::{Child, ran_by_another, rerun_in};
use made::{Namespace, cannot, ip};

#[test]
fn r10_two_nodes_find_each_other_with_no_network_up() {
    if let Some(why) = cannot() {
        return skip("a host with no network up", &why);
    }
    let alone = Namespace::new();
    alone.ip("link set lo up");
    for test in ["r10_two_nodes_hear_each_other_on_one_host", "the_end_closes_what_was_open"] {
        rerun_in(alone.command(), &format!("surroundings::{test}"));
    }
}

#[test]
fn r10_nodes_on_two_hosts_find_each_other_without_an_address() {
    if let Some(why) = cannot() {
        return skip("two hosts", &why);
    }
    let (here, there) = (Namespace::new(), Namespace::new());
    let cable = crate::support::unique("m");
    ip(&format!("link add name {cable}a netns {here} type veth peer name {cable}b netns {there}"));
    here.ip(&format!("link set {cable}a up"));
    there.ip(&format!("link set {cable}b up"));

    let acceptor = Child::start(here.command(), "namespaces::a_node_that_answers");
    let dialer = Child::start(there.command(), "namespaces::a_node_that_dials");
    // Only link-local addresses exist, so the scope of the source is what makes the dial possible.
    let greeted = dialer.says("greeted by ");
    assert!(greeted.starts_with("[fe80::") && greeted.contains('%'), "{greeted}");

    here.ip(&format!("link set {cable}a down"));
    dialer.says("closed ");
    acceptor.says("closed ");
    here.ip(&format!("link set {cable}a up"));
    let up = Instant::now();
    dialer.says("greeted by ");
    let back = up.elapsed();
    println!("back {back:?} after the interface was up again");
    assert!(back < Duration::from_secs(10), "{back:?}");
}

/// What a node says that wants to know who is there; the answer is a port.
const WHO: &[u8] = b"who";

/// What a node is told by its surroundings.
enum Told {
    Asked(Whence),
    Node(SocketAddr),
    Moved,
}

/// Says what becomes of the beacons to the test that runs this, and passes on what it heard.
fn surroundings() -> (Surroundings, Receiver<Told>) {
    let (tell, told) = channel();
    let surroundings = Surroundings::watch(Watched::default(), Clock::new(), move |sign| {
        let news = match sign {
            Sign::Heard(heard) if heard.datagram == WHO => Told::Asked(heard.whence),
            Sign::Heard(heard) => {
                let port = heard.datagram.try_into().expect("a port, in two bytes");
                Told::Node(heard.whence.dialed(u16::from_be_bytes(port)))
            }
            Sign::Moved { followed, .. } => {
                followed.closed.iter().for_each(|plane| child::say(&format!("closed {plane:?}")));
                Told::Moved
            }
            Sign::Slept(slept) => panic!("nobody slept for {slept:?}"),
        };
        tell.send(news).expect("it is awaited");
    });
    (surroundings.expect("it begins"), told)
}

#[test]
#[ignore = "run by r10_nodes_on_two_hosts_find_each_other_without_an_address"]
fn a_node_that_answers() {
    ran_by_another();
    let listener = listen("[::]:0".parse().expect("an address")).expect("a free port");
    listener.set_nonblocking(false).expect("a thread waits for it");
    let port = listener.local_addr().expect("it is bound").port().to_be_bytes();
    std::thread::spawn(move || {
        loop {
            let (mut stream, _) = listener.accept().expect("somebody dials");
            stream.write_all(b"hello").expect("it has just come");
        }
    });
    let (surroundings, told) = surroundings();
    surroundings.send_to_all(&port);
    // Until the test that runs this ends it.
    for news in told {
        match news {
            Told::Asked(whence) => {
                surroundings.send_to_one(&port, &whence);
            }
            Told::Moved => {
                surroundings.send_to_all(&port);
            }
            Told::Node(_) => {}
        }
    }
}

#[test]
#[ignore = "run by r10_nodes_on_two_hosts_find_each_other_without_an_address"]
fn a_node_that_dials() {
    ran_by_another();
    let (surroundings, told) = surroundings();
    surroundings.send_to_all(WHO);
    // Until the test that runs this ends it.
    for news in told {
        match news {
            Told::Node(address) => {
                let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("it can be dialed");
                let mut greeting = [0; 5];
                stream.read_exact(&mut greeting).expect("a greeting");
                child::say(&format!("greeted by {address}"));
            }
            Told::Moved => {
                surroundings.send_to_all(WHO);
            }
            Told::Asked(_) => {}
        }
    }
}
