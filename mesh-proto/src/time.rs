//! Time as the machine sees it: readings that the caller gives, never a clock of its own.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A reading of a clock, in microseconds since a moment that the caller chose.
///
/// Only differences mean anything. Arithmetic saturates at both ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Instant(u64);

impl Instant {
    /// The moment that the caller's clock counts from.
    pub const START: Self = Self(0);

    /// The reading that lies `micros` microseconds after the start.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time since `earlier`; zero if that is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This reading moved on by `span`.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// This reading moved back by `span`, to the start at most.
    #[must_use]
    pub const fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Whole microseconds of `span`, as many as fit.
pub(crate) const fn micros(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000_000).saturating_add(span.subsec_micros() as u64)
}

/// What the caller's two clocks say at one moment.
///
/// Rule R9 needs both: their difference tells a suspended node from a frozen one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Now {
    /// A clock that stops while the system is suspended, and is never set (`CLOCK_MONOTONIC` on Linux).
    pub awake: Instant,
    /// A clock that goes on while the system is suspended (`CLOCK_BOOTTIME` on Linux; the wall clock where
    /// there is nothing better: a step of it costs one round of probes).
    pub elapsed: Instant,
}

impl Now {
    /// Both readings.
    #[must_use]
    pub const fn new(awake: Instant, elapsed: Instant) -> Self {
        Self { awake, elapsed }
    }

    /// One reading for both, where there is only one clock: a suspend then looks like a freeze, or like nothing.
    #[must_use]
    pub const fn single(reading: Instant) -> Self {
        Self { awake: reading, elapsed: reading }
    }
}

/// How long a driver may wait before it must call the machine again; an event may come earlier.
#[must_use = "the machine keeps its promises only if it is called again in time"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Wait {
    /// Until this reading of [`Now::awake`].
    Until(Instant),
    /// Until something happens.
    Forever,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let late = Instant::from_micros(u64::MAX);
        assert_eq!(late.after(Duration::from_secs(1)), late);
        assert_eq!(Instant::START.before(Duration::MAX), Instant::START);
        assert_eq!(Instant::START.after(Duration::MAX), late);
        assert_eq!(Instant::START.since(late), Duration::ZERO);
        assert_eq!(late.since(Instant::START).as_micros(), u128::from(u64::MAX));
    }
}
