//! What is wrong when a trace cannot be replayed, or replays to something else.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::format::{FORMAT, Kind};
use super::order::Order;
use super::recorder::BUILD;
use crate::config::ConfigError;
use crate::event::Event;
use crate::machine::Answer;
use crate::time::{Now, Wait};

/// Why a replay ended before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreplayable {
    /// The machine did something else than the trace says.
    Different(Box<Difference>),
    /// The bytes do not begin like a trace.
    NotATrace,
    /// The bytes are not what was recorded.
    Damaged {
        /// How many bytes were good.
        at: usize,
    },
    /// Records that are good each stand in an order in which nobody writes them.
    Misplaced {
        /// Where.
        at: usize,
        /// What stands there.
        what: &'static str,
    },
    /// A record is good, but this build has another idea of what should be in it.
    Unreadable {
        /// Where.
        at: usize,
        /// What it is.
        what: &'static str,
    },
    /// The format has another version.
    OtherFormat {
        /// The one that was found.
        found: u8,
    },
    /// The trace was recorded by another version of this crate, whose machine may hold other things.
    OtherBuild {
        /// The one that recorded.
        found: String,
    },
    /// The trace was recorded with other rules than those that it is to be replayed with.
    OtherRules,
    /// The machine that was recorded does not fit into the tables that it is to be replayed with.
    DoesNotFit(ConfigError),
}

/// A machine did something else than the trace says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The number of the event, from 0.
    pub event: u64,
    /// The event and its time; `None` where the state at the beginning of a segment differs.
    pub told: Option<(Now, Event<'static>)>,
    /// What differs.
    pub differs: Differs,
}

/// What a trace says, and what came instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Differs {
    /// One of the actions.
    Action {
        /// Its number in the turn, from 0.
        nth: usize,
        /// What the trace says: `None` when there should be no further action.
        expected: Option<Box<Order>>,
        /// What came: `None` when there was no further action.
        got: Option<Box<Order>>,
    },
    /// The answer.
    Answer {
        /// What the trace says.
        expected: Answer,
        /// What came.
        got: Answer,
    },
    /// The time to wait until.
    Wait {
        /// What the trace says.
        expected: Wait,
        /// What came.
        got: Wait,
    },
    /// The state before the event, though all that was seen of the machine was the same until then.
    State {
        /// The first byte of the snapshot that differs.
        byte: usize,
    },
}

impl Unreplayable {
    pub(super) const fn misplaced(at: usize, kind: Kind) -> Self {
        Self::Misplaced { at, what: kind.says() }
    }

    pub(super) const fn unreadable(at: usize, kind: Kind) -> Self {
        Self::Unreadable { at, what: kind.says() }
    }
}

impl fmt::Display for Unreplayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Different(difference) => difference.fmt(f),
            Self::NotATrace => f.write_str("this does not begin like a trace"),
            Self::Damaged { at } => write!(f, "the trace is damaged behind byte {at}"),
            Self::Misplaced { at, what } => write!(f, "the {what} at byte {at} is in the wrong place"),
            Self::Unreadable { at, what } => write!(
                f,
                "the {what} at byte {at} is not damaged, but this build cannot read it: replay with the one that recorded"
            ),
            Self::OtherFormat { found } => {
                write!(f, "the trace has format {found}, this build reads format {FORMAT}")
            }
            Self::OtherBuild { found } => write!(
                f,
                "the trace was recorded by version {found}, this is {BUILD}: replay with the one that recorded"
            ),
            Self::OtherRules => f.write_str("the trace was recorded with other rules"),
            Self::DoesNotFit(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Unreplayable {}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}", self.event)?;
        if let Some((now, event)) = &self.told {
            write!(f, " (at {:?}: {event:?})", now.awake)?;
        }
        match &self.differs {
            Differs::Action { nth, expected, got } => {
                write!(f, ", action {nth}: expected {}, got {}", Maybe(expected), Maybe(got))
            }
            Differs::Answer { expected, got } => write!(f, ", answer: expected {expected:?}, got {got:?}"),
            Differs::Wait { expected, got } => write!(f, ", wait: expected {expected:?}, got {got:?}"),
            Differs::State { byte } => {
                write!(f, ": the state before it differs from the snapshot, first in byte {byte}")
            }
        }
    }
}

/// An order that may not be there.
struct Maybe<'a>(&'a Option<Box<Order>>);

impl fmt::Display for Maybe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(order) = self;
        match order {
            Some(order) => write!(f, "{order:?}"),
            None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Unable;
    use crate::time::Instant;
    use alloc::string::ToString;

    fn told(event: Event<'static>) -> Option<(Now, Event<'static>)> {
        Some((Now::single(Instant::from_micros(1_500_000)), event))
    }

    #[test]
    fn each_difference_is_a_sentence() {
        let expected = Wait::Until(Instant::from_micros(2_000_000));
        let got = Answer::Unable(Unable::LinksFull);
        for (told, differs, words) in [
            (
                told(Event::Tick),
                Differs::Wait { expected, got: Wait::Forever },
                "event 7 (at 1.500000s: Tick), wait: expected Until(2.000000s), got Forever",
            ),
            (
                told(Event::Leave),
                Differs::Answer { expected: Answer::Done, got },
                "event 7 (at 1.500000s: Leave), answer: expected Done, got Unable(LinksFull)",
            ),
            (
                None,
                Differs::Action { nth: 2, expected: None, got: None },
                "event 7, action 2: expected none, got none",
            ),
            (
                None,
                Differs::State { byte: 9 },
                "event 7: the state before it differs from the snapshot, first in byte 9",
            ),
        ] {
            let difference = Difference { event: 7, told, differs };
            assert_eq!(difference.to_string(), words);
            assert_eq!(Unreplayable::Different(Box::new(difference)).to_string(), words);
        }
    }

    #[test]
    fn what_cannot_be_replayed_says_what_to_do() {
        let no_room = ConfigError::Capacity { name: "peers", asked: 5, room: 4 };
        for (error, words) in [
            (Unreplayable::NotATrace, "this does not begin like a trace"),
            (Unreplayable::Damaged { at: 12 }, "the trace is damaged behind byte 12"),
            (Unreplayable::misplaced(12, Kind::Event), "the event at byte 12 is in the wrong place"),
            (
                Unreplayable::unreadable(12, Kind::Event),
                "the event at byte 12 is not damaged, but this build cannot read it: replay with the one that recorded",
            ),
            (Unreplayable::OtherRules, "the trace was recorded with other rules"),
            (
                Unreplayable::DoesNotFit(no_room),
                "the configuration asks for 5 peers, the tables of this build hold 4: \
                 lower the limits or make the tables larger",
            ),
        ] {
            assert_eq!(error.to_string(), words);
        }
        let other = Unreplayable::OtherFormat { found: 200 }.to_string();
        assert!(other.starts_with("the trace has format 200, this build reads format "), "{other}");
        let other = Unreplayable::OtherBuild { found: String::from("9.9.9") }.to_string();
        assert!(other.starts_with("the trace was recorded by version 9.9.9, this is "), "{other}");
    }
}
