//! What a TCP socket is told, all from `detect_within` (R8).
//!
//! The machine's ping finds every dead link. The system's own timers stand behind it: the keepalive for an idle path,
//! the user timeout for data that nobody acknowledges.

use core::time::Duration;
use std::io;

use socket2::{SockRef, TcpKeepalive};

/// How much may lie in the system's buffer without having been sent: a ping waits behind no more than this.
const UNSENT: u32 = 16 * 1024;
/// The longest that systems take for a keepalive, in seconds.
const LONGEST: u64 = 32_767;
/// Probes of an idle path before it is given up.
const PROBES: u64 = 3;

/// The options of one kind of link. They are derived together, so the keepalive never outlasts the user timeout,
/// which would overrule its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    idle: Duration,
    interval: Duration,
    probes: u32,
    user_timeout: Duration,
}

impl TcpOptions {
    /// The options for links that are to be found dead within this time.
    ///
    /// Systems count keepalives in whole seconds, so the backstop of less than two seconds takes two.
    #[must_use]
    pub fn within(detect_within: Duration) -> Self {
        let up = u64::from(detect_within.subsec_nanos() > 0);
        let whole = detect_within.as_secs().saturating_add(up).clamp(2, LONGEST);
        let idle = whole / 2;
        let rest = whole - idle;
        let probes = rest.min(PROBES);
        let interval = rest / probes;
        let keepalive = Duration::from_secs(idle + interval * probes);
        Self {
            idle: Duration::from_secs(idle),
            interval: Duration::from_secs(interval),
            probes: u32::try_from(probes).unwrap_or(1),
            user_timeout: detect_within.clamp(keepalive, Duration::from_secs(LONGEST)),
        }
    }

    /// How long a path is idle before the system asks whether it is still there.
    #[must_use]
    pub const fn keepalive_idle(&self) -> Duration {
        self.idle
    }

    /// How long it waits between two questions.
    #[must_use]
    pub const fn keepalive_interval(&self) -> Duration {
        self.interval
    }

    /// How many questions it asks.
    #[must_use]
    pub const fn keepalive_probes(&self) -> u32 {
        self.probes
    }

    /// How long sent data may stay without an acknowledgement.
    #[must_use]
    pub const fn user_timeout(&self) -> Duration {
        self.user_timeout
    }

    /// How many bytes may wait in the system without having been sent.
    #[must_use]
    pub const fn unsent(&self) -> u32 {
        UNSENT
    }

    /// Sets the options on a TCP socket of any runtime.
    ///
    /// What a system lacks, or refuses for a socket whose link has just ended, is a line at debug level: the machine's
    /// ping needs none of them.
    pub fn apply<S>(&self, socket: &S)
    where
        for<'a> SockRef<'a>: From<&'a S>,
    {
        let socket = SockRef::from(socket);
        noted("TCP_NODELAY", socket.set_tcp_nodelay(true));
        noted("SO_KEEPALIVE", socket.set_tcp_keepalive(&self.keepalive()));
        noted("TCP_USER_TIMEOUT", self.apply_user_timeout(&socket));
        noted("TCP_NOTSENT_LOWAT", apply_unsent(&socket));
    }

    fn keepalive(&self) -> TcpKeepalive {
        let keepalive = TcpKeepalive::new().with_time(self.idle);
        #[cfg(any(
            target_os = "android",
            target_os = "dragonfly",
            target_os = "freebsd",
            target_os = "illumos",
            target_os = "ios",
            target_os = "linux",
            target_os = "macos",
            target_os = "netbsd",
            target_os = "windows",
        ))]
        let keepalive = keepalive.with_interval(self.interval).with_retries(self.probes);
        keepalive
    }

    #[cfg(any(target_os = "android", target_os = "linux"))]
    fn apply_user_timeout(&self, socket: &SockRef<'_>) -> io::Result<()> {
        socket.set_tcp_user_timeout(Some(self.user_timeout))
    }

    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    fn apply_user_timeout(&self, _socket: &SockRef<'_>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn apply_unsent(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_notsent_lowat(UNSENT)
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn apply_unsent(_socket: &SockRef<'_>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn noted(option: &str, set: io::Result<()>) {
    if let Err(error) = set {
        log::debug!("{option} is not set: {error}");
    }
}
