//! The two clocks of R9, and noticing that the system slept.

use core::fmt;
use core::time::Duration;
use std::time::Instant;

use mesh_proto::{Now, Wait};

/// How much further than the other the second clock must have gone to speak of a suspend; the machine asks for as
/// much.
const SUSPENDED: Duration = Duration::from_secs(1);
/// Two readings that are further apart than this were not taken at one moment.
const ONE_MOMENT: Duration = Duration::from_millis(1);
const ATTEMPTS: usize = 3;

/// Where a driver's time comes from: the system's clocks, or those of a test.
pub trait Time: fmt::Debug + Send + Sync + 'static {
    /// Both readings, taken at one moment.
    fn now(&self) -> Now;

    /// Until when a driver may wait, by the clock of the standard library; `None` until something happens.
    fn deadline(&self, wait: Wait) -> Option<Instant>;
}

/// Both clocks of this system: the first counted from when this was made, the second as the system counts it. Copies agree
/// with each other.
///
/// | system | `awake` | `elapsed` |
/// |---|---|---|
/// | Linux, Android | `CLOCK_MONOTONIC` | `CLOCK_BOOTTIME` |
/// | macOS, iOS | `CLOCK_UPTIME_RAW` | `CLOCK_MONOTONIC`, which goes on in sleep there |
/// | others | what `std::time::Instant` reads | the wall clock: a step of it costs one round of probes |
///
/// On Windows the first clock goes on in sleep too: a suspend is noticed there by the node's own lateness.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    /// What the second clock said then: where it begins to count is the system's.
    elapsed: Duration,
}

impl Clock {
    /// A clock that counts from now.
    #[must_use]
    pub fn new() -> Self {
        // In this order, so that an interruption in between makes more of what was read be read again, and not less.
        let elapsed = elapsed();
        Self { origin: Instant::now(), elapsed }
    }

    /// Whether both clocks have gone on alike up to these readings, so that nothing lay between them: as long as the system
    /// was never suspended, they say so themselves.
    fn went_alike(&self, awake: Instant, elapsed: Duration) -> bool {
        let awake = awake.saturating_duration_since(self.origin);
        elapsed.saturating_sub(self.elapsed).abs_diff(awake) <= ONE_MOMENT
    }
}

impl Time for Clock {
    fn now(&self) -> Now {
        let mut before = Instant::now();
        let mut elapsed = elapsed();
        // Being interrupted between two readings would look like a suspend.
        for _ in 1..ATTEMPTS {
            if self.went_alike(before, elapsed) {
                break;
            }
            let after = Instant::now();
            if after.saturating_duration_since(before) <= ONE_MOMENT {
                break;
            }
            before = after;
            elapsed = self::elapsed();
        }
        let awake = before.saturating_duration_since(self.origin);
        Now::new(reading(awake), reading(elapsed))
    }

    fn deadline(&self, wait: Wait) -> Option<Instant> {
        match wait {
            Wait::Until(at) => self.origin.checked_add(Duration::from_micros(at.as_micros())),
            Wait::Forever => None,
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

const fn reading(since: Duration) -> mesh_proto::Instant {
    mesh_proto::Instant::START.after(since)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn elapsed() -> Duration {
    of_system(rustix::time::ClockId::Boottime)
}

#[cfg(target_vendor = "apple")]
fn elapsed() -> Duration {
    of_system(rustix::time::ClockId::Monotonic)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn of_system(clock: rustix::time::ClockId) -> Duration {
    Duration::try_from(rustix::time::clock_gettime(clock)).unwrap_or(Duration::ZERO)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn elapsed() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

/// Notices a suspend by the two clocks.
///
/// The machine finds a suspend by itself as soon as it is called, but a timer on the first clock does not go on in
/// one: a driver that looks here every few seconds calls the machine (with
/// [`Event::Tick`](mesh_proto::Event::Tick)) soon after it, and not only when its deadline is over.
#[derive(Clone, Copy, Debug)]
pub struct SuspendWatch {
    last: Now,
}

impl SuspendWatch {
    /// Begins with this reading.
    #[must_use]
    pub const fn new(now: Now) -> Self {
        Self { last: now }
    }

    /// For how long the system was suspended since the last look, if it was for a second or more.
    pub fn look(&mut self, now: Now) -> Option<Duration> {
        let elapsed = now.elapsed.since(self.last.elapsed);
        let awake = now.awake.since(self.last.awake);
        self.last = now;
        elapsed.checked_sub(awake).filter(|slept| *slept >= SUSPENDED)
    }
}
