//! One configuration, checked when a machine is made from it.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::message::{Takes, Window};

/// Everything that can be set. [`Config::lan`] is the default; the other profiles differ in `detect_within` only.
///
/// ```
/// use core::time::Duration;
/// use mesh_proto::Config;
///
/// let config = Config { announce_every: None, ..Config::wan() };
/// assert_eq!(config.detect_within, Duration::from_secs(30));
/// assert_eq!(config.check(), Ok(()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config {
    /// The one knob of liveness (R8): a link over which nothing came for this long is dead. Pings go every
    /// quarter of the smaller of both ends' knobs.
    pub detect_within: Duration,
    /// From the open stream to the admitted link.
    pub handshake_within: Duration,
    /// From the order to dial to the open stream.
    pub dial_within: Duration,
    /// The least time that a probe waits for its answer; three round trips if that is more.
    pub probe_floor: Duration,
    /// The bound of the first wait between two attempts; it doubles with each failure.
    pub backoff_first: Duration,
    /// The bound that the wait grows to. For a peer that is to be kept it is `detect_within`, 5 s at least.
    pub backoff_most: Duration,
    /// A link that lived this long was of use: the wait starts from the beginning after it.
    pub stable_after: Duration,
    /// How long to leave a peer alone that refused for a reason which will not change.
    pub pause_first: Duration,
    /// What that pause doubles to.
    pub pause_most: Duration,
    /// How often to announce, give or take 15 %; `None` for a node that announces nothing by itself.
    pub announce_every: Option<Duration>,
    /// After how long without use a session that neither side keeps is closed; `None` for never.
    pub idle_after: Option<Duration>,
    /// When a message that came counts as taken.
    pub taken: Taken,
    /// What is bounded by number. What that comes to in bytes: [`Mesh::most_memory`](crate::Mesh::most_memory).
    pub limits: Limits,
}

/// When a message counts as taken: from then on its sender need not keep it, and there is room for another (R13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Taken {
    /// When it is handed out: in [`Action::Deliver`](crate::Action::Deliver).
    #[default]
    WhenDelivered,
    /// When the caller says so: with [`Event::Took`](crate::Event::Took).
    WhenSaid,
}

/// Bounds by number (R17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Peers that are known at one time.
    pub peers: u32,
    /// Admitted links of one peer; two at least, or a newcomer could not wait.
    pub links_per_peer: u32,
    /// Accepted and attached links that are not admitted yet.
    pub half_open: u32,
    /// The same from one source: an IPv4 address, an IPv6 /64.
    pub half_open_per_source: u32,
    /// Links accepted within any second.
    pub incoming_per_second: u32,
    /// Dials that are under way at one time, up to the admitted link.
    pub dials_in_flight: u32,
    /// Dials begun within any second.
    pub dials_per_second: u32,
    /// The largest message, in bytes.
    pub message: u32,
    /// The largest record of frames that is taken, in bytes.
    pub record: u32,
    /// What is kept for one peer at most, each way: sent and not known to be taken, or come and not taken. One largest
    /// message of each lane fits into it.
    pub window: Window,
}

impl Limits {
    /// The most links that can exist at one time.
    #[must_use]
    pub const fn links(&self) -> u64 {
        self.peers as u64 * self.links_per_peer as u64 + self.half_open as u64 + self.dials_in_flight as u64
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            peers: 128,
            links_per_peer: 4,
            half_open: 256,
            half_open_per_source: 32,
            incoming_per_second: 1024,
            dials_in_flight: 32,
            dials_per_second: 64,
            message: 1 << 20,
            record: 65_519,
            window: Window { bytes: 4 << 20, messages: 16_384 },
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::lan()
    }
}

impl Config {
    /// Links within one machine: 3 s.
    #[must_use]
    pub fn loopback() -> Self {
        Self { detect_within: Duration::from_secs(3), ..Self::lan() }
    }

    /// Links within one network: 10 s.
    #[must_use]
    pub fn lan() -> Self {
        Self {
            detect_within: Duration::from_secs(10),
            handshake_within: Duration::from_secs(10),
            dial_within: Duration::from_secs(5),
            probe_floor: Duration::from_secs(1),
            backoff_first: Duration::from_millis(500),
            backoff_most: Duration::from_secs(60),
            stable_after: Duration::from_secs(10),
            pause_first: Duration::from_secs(5 * 60),
            pause_most: Duration::from_secs(60 * 60),
            announce_every: Some(Duration::from_secs(120)),
            idle_after: None,
            taken: Taken::WhenDelivered,
            limits: Limits::default(),
        }
    }

    /// Links across the world: 30 s.
    #[must_use]
    pub fn wan() -> Self {
        Self { detect_within: Duration::from_secs(30), ..Self::lan() }
    }

    /// Links of devices that would rather sleep: 120 s.
    #[must_use]
    pub fn battery() -> Self {
        Self { detect_within: Duration::from_secs(120), ..Self::lan() }
    }

    /// How late a node must be to call it a gap (R9).
    #[must_use]
    pub fn gap(&self) -> Duration {
        Duration::from_secs(1).max(self.detect_within / 4)
    }

    /// Whether the settings agree with each other.
    ///
    /// # Errors
    ///
    /// The first contradiction, with both numbers.
    pub fn check(&self) -> Result<(), ConfigError> {
        let at_least = |name: &'static str, value: Duration, bound_name: &'static str, bound: Duration| {
            if value >= bound {
                Ok(())
            } else {
                Err(ConfigError::Contradiction { name, value, bound_name, bound })
            }
        };
        let millis = Duration::from_millis;
        at_least(
            "detect_within",
            self.detect_within,
            "the shortest that can be told from noise",
            millis(100),
        )?;
        at_least("probe_floor", self.probe_floor, "the shortest that can be told from noise", millis(10))?;
        at_least(
            "detect_within",
            self.detect_within,
            "twice probe_floor",
            self.probe_floor.saturating_mul(2),
        )?;
        at_least("handshake_within", self.handshake_within, "probe_floor", self.probe_floor)?;
        at_least("dial_within", self.dial_within, "the time between two dials of an attempt", millis(250))?;
        at_least("backoff_first", self.backoff_first, "a millisecond", millis(1))?;
        at_least("backoff_most", self.backoff_most, "backoff_first", self.backoff_first)?;
        at_least("stable_after", self.stable_after, "a millisecond", millis(1))?;
        at_least("pause_first", self.pause_first, "backoff_first", self.backoff_first)?;
        at_least("pause_most", self.pause_most, "pause_first", self.pause_first)?;
        if let Some(every) = self.announce_every {
            at_least("announce_every", every, "the time between two announcements", Duration::from_secs(1))?;
        }
        if let Some(idle) = self.idle_after {
            at_least("idle_after", idle, "detect_within", self.detect_within)?;
        }
        let limits = &self.limits;
        for (name, value, bound) in [
            ("peers", limits.peers, 1),
            ("links_per_peer", limits.links_per_peer, 2),
            ("half_open", limits.half_open, 1),
            ("half_open_per_source", limits.half_open_per_source, 1),
            ("incoming_per_second", limits.incoming_per_second, 1),
            ("dials_in_flight", limits.dials_in_flight, 1),
            ("dials_per_second", limits.dials_per_second, 1),
            ("message", limits.message, 1),
            ("record", limits.record, Takes::LEAST_RECORD),
            (
                "window.bytes (for one largest message of each lane)",
                limits.window.bytes,
                limits.message.saturating_mul(2),
            ),
            ("window.messages (for one of each lane)", limits.window.messages, 2),
        ] {
            if value < bound {
                return Err(ConfigError::TooFew { name, value, bound });
            }
        }
        Ok(())
    }
}

/// What is wrong with a configuration. Nothing was made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A time lies below another that it must not lie below.
    Contradiction {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: Duration,
        /// What it must not lie below.
        bound_name: &'static str,
        /// The value of that.
        bound: Duration,
    },
    /// A number is too small to work with.
    TooFew {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: u32,
        /// The least that works.
        bound: u32,
    },
    /// The tables of this build hold fewer than the configuration asks for.
    Capacity {
        /// What there is too little room for.
        name: &'static str,
        /// What the configuration asks for.
        asked: u64,
        /// What the tables hold.
        room: u64,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contradiction { name, value, bound_name, bound } => {
                write!(
                    f,
                    "{name} is {value:?}, which is less than {bound_name} ({bound:?}): raise the one or lower the other"
                )
            }
            Self::TooFew { name, value, bound } => {
                write!(f, "{name} is {value}: it must be {bound} at least")
            }
            Self::Capacity { name, asked, room } => write!(
                f,
                "the configuration asks for {asked} {name}, the tables of this build hold {room}: lower the limits or make the tables larger"
            ),
        }
    }
}

impl core::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_profiles_agree_with_themselves() {
        for config in [Config::loopback(), Config::lan(), Config::wan(), Config::battery()] {
            assert_eq!(config.check(), Ok(()));
        }
    }

    #[test]
    fn a_contradiction_names_both_numbers() {
        let config = Config { probe_floor: Duration::from_secs(7), ..Config::lan() };
        let error = config.check().expect_err("a probe may not outlast the link");
        assert_eq!(
            error.to_string(),
            "detect_within is 10s, which is less than twice probe_floor (14s): raise the one or lower the other"
        );
    }

    #[test]
    fn too_small_a_number_names_the_least_that_works() {
        let limits = Limits { links_per_peer: 1, ..Limits::default() };
        let error = Config { limits, ..Config::lan() }.check().expect_err("a newcomer could not wait");
        assert_eq!(error.to_string(), "links_per_peer is 1: it must be 2 at least");
    }

    #[test]
    fn every_setting_is_checked() {
        let lan = Config::lan();
        let zero = Duration::ZERO;
        let limits = Limits::default();
        let wrong = [
            Config { detect_within: zero, ..lan },
            Config { handshake_within: zero, ..lan },
            Config { dial_within: zero, ..lan },
            Config { probe_floor: zero, ..lan },
            Config { backoff_first: zero, ..lan },
            Config { backoff_most: zero, ..lan },
            Config { stable_after: zero, ..lan },
            Config { pause_first: zero, ..lan },
            Config { pause_most: zero, ..lan },
            Config { announce_every: Some(zero), ..lan },
            Config { idle_after: Some(zero), ..lan },
            Config { limits: Limits { peers: 0, ..limits }, ..lan },
            Config { limits: Limits { links_per_peer: 1, ..limits }, ..lan },
            Config { limits: Limits { half_open: 0, ..limits }, ..lan },
            Config { limits: Limits { half_open_per_source: 0, ..limits }, ..lan },
            Config { limits: Limits { incoming_per_second: 0, ..limits }, ..lan },
            Config { limits: Limits { dials_in_flight: 0, ..limits }, ..lan },
            Config { limits: Limits { dials_per_second: 0, ..limits }, ..lan },
            Config { limits: Limits { message: 0, ..limits }, ..lan },
            Config { limits: Limits { record: 100, ..limits }, ..lan },
            Config { limits: Limits { window: Window { bytes: 1 << 20, messages: 16 }, ..limits }, ..lan },
            Config { limits: Limits { window: Window { bytes: 4 << 20, messages: 1 }, ..limits }, ..lan },
        ];
        for config in wrong {
            assert!(config.check().is_err(), "{config:?}");
        }
    }
}
