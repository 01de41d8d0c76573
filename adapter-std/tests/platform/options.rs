//! Every option is read back from a real socket.

use core::time::Duration;
use std::net::{TcpListener, TcpStream};

use adapter_std::platform::options::TcpOptions;
use mesh_proto::Config;
use socket2::SockRef;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let dialed = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    (dialed, listener.accept().expect("it was dialed").0)
}

#[test]
fn r8_every_option_is_on_the_socket() {
    for (config, idle, interval, probes) in [
        (Config::loopback(), 1, 1, 2),
        (Config::lan(), 5, 1, 3),
        (Config::wan(), 15, 5, 3),
        (Config::battery(), 60, 20, 3),
    ] {
        let (dialed, accepted) = pair();
        for stream in [&dialed, &accepted] {
            TcpOptions::within(config.detect_within).apply(stream);
            let socket = SockRef::from(stream);
            assert!(socket.tcp_nodelay().expect("every system has it"));
            assert!(socket.keepalive().expect("every system has it"));
            #[cfg(target_os = "linux")]
            {
                assert_eq!(socket.tcp_keepalive_time().ok(), Some(seconds(idle)));
                assert_eq!(socket.tcp_keepalive_interval().ok(), Some(seconds(interval)));
                assert_eq!(socket.tcp_keepalive_retries().ok(), Some(probes));
                assert_eq!(socket.tcp_user_timeout().expect("Linux has it"), Some(config.detect_within));
                assert_eq!(socket.tcp_notsent_lowat().ok(), Some(16 * 1024));
            }
        }
        let options = TcpOptions::within(config.detect_within);
        assert_eq!(options.keepalive_idle(), seconds(idle));
        assert_eq!(options.keepalive_interval(), seconds(interval));
        assert_eq!(options.keepalive_probes(), probes);
    }
}

#[test]
fn r8_the_thresholds_never_contradict_each_other() {
    let millis = (0..200_000).step_by(37).map(Duration::from_millis);
    let extremes = [Duration::ZERO, Duration::from_nanos(1), seconds(32_767), seconds(40_000), Duration::MAX];
    for detect_within in millis.chain(extremes) {
        let options = TcpOptions::within(detect_within);
        let keepalive = options.keepalive_idle() + options.keepalive_interval() * options.keepalive_probes();
        let context = format!("{detect_within:?}: {options:?}");
        assert!(options.keepalive_idle() >= seconds(1), "{context}");
        assert!(options.keepalive_interval() >= seconds(1), "{context}");
        assert!(options.keepalive_probes() >= 1, "{context}");
        assert!(keepalive <= options.user_timeout(), "{context}");
        let bound = detect_within.clamp(seconds(2), seconds(32_767));
        assert!(options.user_timeout() >= detect_within.min(bound), "{context}");
        // Keepalives are counted in whole seconds.
        assert!(options.user_timeout() <= bound + seconds(1), "{context}");
    }
}

#[test]
fn the_longest_options_are_taken_by_the_system() {
    let (dialed, _accepted) = pair();
    let options = TcpOptions::within(Duration::MAX);
    options.apply(&dialed);
    #[cfg(target_os = "linux")]
    {
        let socket = SockRef::from(&dialed);
        assert_eq!(socket.tcp_user_timeout().expect("Linux has it"), Some(options.user_timeout()));
        assert_eq!(socket.tcp_keepalive_time().ok(), Some(options.keepalive_idle()));
    }
}

#[cfg(unix)]
#[test]
fn a_socket_without_these_options_is_left_in_peace() {
    let (here, _there) = std::os::unix::net::UnixStream::pair().expect("a pair");
    TcpOptions::within(seconds(10)).apply(&here);
}
