//! The machine's words for what real sockets say.

use core::time::Duration;
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};

use adapter_std::platform::errors::system_error;
use mesh_proto::SystemError;
use socket2::SockRef;

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let error = TcpStream::connect(address).expect_err("it is closed");
    assert_eq!(system_error(&error), SystemError::Refused);
}

#[test]
fn the_other_end_resets() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let mut dialed = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let (accepted, _) = listener.accept().expect("it was dialed");
    SockRef::from(&accepted).set_linger(Some(Duration::ZERO)).expect("every system has it");
    drop(accepted);
    let error = dialed.read(&mut [0]).expect_err("it was reset");
    assert_eq!(system_error(&error), SystemError::Reset);
}

#[test]
fn the_other_end_finishes_in_the_middle() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let mut dialed = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    drop(listener.accept().expect("it was dialed"));
    let error = dialed.read_exact(&mut [0]).expect_err("nothing comes");
    assert_eq!(system_error(&error), SystemError::Ended);
}

#[test]
fn every_kind_has_its_word() {
    for (kind, word) in [
        (ErrorKind::BrokenPipe, SystemError::Reset),
        (ErrorKind::ConnectionAborted, SystemError::Reset),
        (ErrorKind::WriteZero, SystemError::Ended),
        (ErrorKind::HostUnreachable, SystemError::Unreachable),
        (ErrorKind::NetworkUnreachable, SystemError::Unreachable),
        (ErrorKind::NetworkDown, SystemError::Unreachable),
        (ErrorKind::AddrNotAvailable, SystemError::Unreachable),
        (ErrorKind::TimedOut, SystemError::TimedOut),
        (ErrorKind::OutOfMemory, SystemError::Exhausted),
        // Without a number it comes from a stream of the program's own.
        (ErrorKind::InvalidData, SystemError::Reset),
    ] {
        assert_eq!(system_error(&kind.into()), word, "{kind}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn numbers_are_kept() {
    use rustix::io::Errno;
    for number in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
        assert_eq!(system_error(&number.into()), SystemError::Exhausted, "{number}");
    }
    let invalid = std::io::Error::from(Errno::INVAL);
    assert_eq!(system_error(&invalid), SystemError::Other(Errno::INVAL.raw_os_error()));
}
