//! Listeners, their errors, and what is done when accepting fails.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::mpsc::channel;

use adapter_std::platform::listen::{AcceptFailure, Accepting, listen, listen_all};

use crate::support::{PATIENCE, skip};

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// Whether this host has the IPv6 loopback address.
fn has_v6() -> bool {
    listen(address("[::1]:0")).is_ok()
}

#[test]
fn a_listener_does_not_block() {
    let listener = listen(address("127.0.0.1:0")).expect("loopback");
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(listener.accept().map(|_| ()).map_err(|error| error.kind())));
    let said = told.recv_timeout(PATIENCE).expect("it does not wait for a dial");
    assert_eq!(said, Err(ErrorKind::WouldBlock));
}

#[test]
fn both_families_are_listened_at_on_one_port() {
    if !has_v6() {
        return skip("both families", "there is no IPv6 on loopback");
    }
    let listeners = listen_all(&[address("0.0.0.0:0"), address("[::]:0")]).expect("free ports");
    let bound: Vec<_> =
        listeners.iter().map(|listener| listener.local_addr().expect("it is bound")).collect();
    let [v4, v6] = bound[..] else { panic!("two listeners: {bound:?}") };
    assert_eq!(v4.port(), v6.port());
    for (listener, dialed) in listeners.iter().zip([address("127.0.0.1:0"), address("[::1]:0")]) {
        let mut dialed = dialed;
        dialed.set_port(v4.port());
        let _stream = TcpStream::connect(dialed).expect("it listens");
        listener.set_nonblocking(false).expect("to wait for the dial");
        let (_, from) = listener.accept().expect("it was dialed");
        assert_eq!(from.ip(), dialed.ip(), "neither family takes the other's streams");
    }
}

#[test]
fn a_port_that_is_taken_in_one_family_is_shared_by_neither() {
    if !has_v6() {
        return skip("both families", "there is no IPv6 on loopback");
    }
    let taken = listen(address("[::1]:0")).expect("loopback");
    let mut same = address("127.0.0.1:0");
    same.set_port(taken.local_addr().expect("it is bound").port());
    let error = listen_all(&[same, taken.local_addr().expect("it is bound")]).expect_err("one is taken");
    assert_eq!(error.address(), taken.local_addr().expect("it is bound"));
    // All or none: the first one is free again.
    listen(same).expect("nothing was left open");
}

#[test]
fn an_address_in_use_says_what_to_do() {
    let first = listen(address("127.0.0.1:0")).expect("loopback");
    let taken = first.local_addr().expect("it is bound");
    let error = listen(taken).expect_err("it is taken");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen at {taken}: another socket has this port; end the program that holds it, or choose another port (0 takes a free one)"
        )
    );
}

#[test]
fn an_address_of_another_host_says_what_to_do() {
    let error = listen(address("203.0.113.1:0")).expect_err("a documentation address");
    assert_eq!(
        error.to_string(),
        "cannot listen at 203.0.113.1:0: no interface of this host has the address; listen at one that it has, or at 0.0.0.0 or [::] for all"
    );
}

#[test]
fn pauses_grow_and_begin_again_after_a_success() {
    let millis = |millis| AcceptFailure::Pause(Duration::from_millis(millis));
    let mut accepting = Accepting::new();
    let unknown = io::Error::other("something else");
    let pauses: Vec<_> = (0..9).map(|_| accepting.failed(&unknown)).collect();
    assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000].map(millis));
    accepting.accepted();
    assert_eq!(accepting.failed(&unknown), millis(10));
}

#[test]
fn the_failure_of_one_stream_is_no_pause() {
    let mut accepting = Accepting::new();
    for kind in [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset, ErrorKind::Interrupted] {
        assert_eq!(accepting.failed(&kind.into()), AcceptFailure::One, "{kind}");
    }
    assert_eq!(accepting.failed(&ErrorKind::WouldBlock.into()), AcceptFailure::Nothing);
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        for number in [Errno::PROTO, Errno::HOSTDOWN, Errno::NOPROTOOPT, Errno::PERM, Errno::NETDOWN] {
            assert_eq!(accepting.failed(&number.into()), AcceptFailure::One, "{number}");
        }
        for (number, millis) in
            [(Errno::MFILE, 10), (Errno::NFILE, 20), (Errno::NOBUFS, 40), (Errno::NOMEM, 80)]
        {
            let pause = AcceptFailure::Pause(Duration::from_millis(millis));
            assert_eq!(accepting.failed(&number.into()), pause, "{number}");
        }
    }
}

#[cfg(target_os = "linux")]
mod in_a_process_of_its_own {
    use super::*;
    use crate::namespaces::child::{ran_by_another, rerun_in};
    use std::fs::File;
    use std::process::Command;

    #[test]
    fn x11_accepting_pauses_while_there_is_no_descriptor() {
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -n 64; exec \"$@\"", "sh"]);
        rerun_in(limited, "listen::in_a_process_of_its_own::without_descriptors");
    }

    #[test]
    #[ignore = "run by x11_accepting_pauses_while_there_is_no_descriptor"]
    fn without_descriptors() {
        ran_by_another();
        let listener = listen(address("127.0.0.1:0")).expect("loopback");
        let _dialed = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
        let mut files = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            files.push(file);
        }
        let mut accepting = Accepting::new();
        for millis in [10, 20, 40] {
            let error = listener.accept().expect_err("no descriptor is left");
            assert_eq!(
                accepting.failed(&error),
                AcceptFailure::Pause(Duration::from_millis(millis)),
                "{error}"
            );
        }
        drop(files);
        listener.accept().expect("the stream has waited");
    }

    #[test]
    fn a_port_without_permission_says_what_to_do() {
        let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
        if first.is_ok_and(|first| first.trim() == "0") {
            return skip("a port without permission", "every port is free for all here");
        }
        let mut without = Command::new("env");
        if rustix::process::geteuid().is_root() {
            let words = ["--inh-caps=-net_bind_service", "--bounding-set=-net_bind_service"];
            if !Command::new("setpriv").args(words).arg("true").status().is_ok_and(|done| done.success()) {
                return skip("a port without permission", "the right to all ports cannot be given up");
            }
            without = Command::new("setpriv");
            without.args(words);
        }
        rerun_in(without, "listen::in_a_process_of_its_own::without_the_right_to_low_ports");
    }

    #[test]
    #[ignore = "run by a_port_without_permission_says_what_to_do"]
    fn without_the_right_to_low_ports() {
        ran_by_another();
        let error = listen(address("127.0.0.1:7")).expect_err("a low port");
        assert_eq!(
            error.to_string(),
            "cannot listen at 127.0.0.1:7: this user may not use port 7; choose a port from 1024 on, or give the program the right to it"
        );
    }
}
