//! Whether the other end of one link is alive (R8): what was heard, what was asked, what was answered.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// The life of one link. It belongs to the link alone: nothing that another link hears changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pulse {
    /// When the last frame came that counts as life.
    pub(super) heard: Instant,
    /// The link is dead when this long nothing was heard: the smaller of both ends' knobs.
    pub(super) detect_within: Duration,
    /// The least time that a probe waits.
    pub(super) floor: Duration,
    /// The round trip measured last, and the one before.
    pub(super) round_trips: [Duration; 2],
    /// The nonce of the newest ping.
    pub(super) sent: u32,
    /// When that was sent.
    pub(super) sent_at: Instant,
    /// The newest nonce that was answered.
    pub(super) answered: u32,
    /// When the oldest ping was sent that has no answer.
    pub(super) asked_at: Instant,
    /// When the patience for an answer ends; `None` when nothing is asked or it has ended.
    pub(super) patience: Option<Instant>,
    /// Whether the patience ended, and nothing was answered since.
    pub(super) ran_out: bool,
    /// Only answers to pings above this nonce were asked for after every link of the peer was admitted.
    pub(super) fresh_above: u32,
    /// After a gap of our own nothing but the answer to this nonce, or a later one, is life (R9).
    pub(super) strict: Option<u32>,
}

/// What is known of a link since the newest link of its peer was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// It answered a probe that was sent since.
    Answered,
    /// It was asked, and may still answer in time.
    Asked,
    /// It did not answer in time.
    RanOut,
    /// It was not asked since.
    Unasked,
}

/// How a probe treats the frames that are not its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Any frame is life, and makes the probe wait longer.
    AnyFrame,
    /// Only the answer is life: other frames may have waited in a buffer.
    AnswerOnly,
}

/// A pong that answers no ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeverAsked;

impl Pulse {
    pub(crate) const fn new(
        now: Instant,
        detect_within: Duration,
        floor: Duration,
        round_trip: Duration,
    ) -> Self {
        Self {
            heard: now,
            detect_within,
            floor,
            round_trips: [round_trip, Duration::ZERO],
            sent: 0,
            sent_at: now,
            answered: 0,
            asked_at: now,
            patience: None,
            ran_out: false,
            fresh_above: 0,
            strict: None,
        }
    }

    /// Sends the ping that is due; gives its nonce.
    pub(crate) fn ping(&mut self, now: Instant) -> u32 {
        if self.answered == self.sent {
            self.asked_at = now;
            self.patience = Some(now.after(self.probe_time()));
        }
        self.sent = self.sent.wrapping_add(1);
        self.sent_at = now;
        self.sent
    }

    /// Asks now, and waits a whole probe time from now.
    pub(crate) fn probe(&mut self, now: Instant, strictness: Strictness) -> u32 {
        let nonce = self.ping(now);
        self.asked_at = now;
        self.patience = Some(now.after(self.probe_time()));
        self.ran_out = false;
        match strictness {
            Strictness::AnyFrame => {}
            Strictness::AnswerOnly => self.strict = Some(nonce),
        }
        nonce
    }

    /// Takes note of a frame.
    pub(crate) fn hear(&mut self, now: Instant, extends_probe: bool) {
        if self.strict.is_some() {
            return;
        }
        self.heard = now;
        if let Some(patience) = self.patience
            && extends_probe
        {
            let most = self.asked_at.after(self.detect_within);
            // A late step may have given more, and a longer round trip too: a frame takes nothing of it away.
            self.patience = Some(now.after(self.probe_time()).min(most).max(patience));
        }
    }

    /// Takes note of an answer, which covers every ping up to `nonce`.
    pub(crate) fn hear_answer(
        &mut self,
        now: Instant,
        nonce: u32,
        covers_earlier: bool,
    ) -> Result<(), NeverAsked> {
        if nonce > self.sent || nonce == 0 {
            return Err(NeverAsked);
        }
        if nonce <= self.answered {
            return Ok(());
        }
        let skips_some = nonce.wrapping_sub(self.answered) > 1;
        self.answered = nonce;
        if skips_some && !covers_earlier {
            return Ok(());
        }
        if self.strict.is_some_and(|strict| nonce < strict) {
            return Ok(());
        }
        self.strict = None;
        self.ran_out = false;
        self.heard = now;
        if nonce == self.sent {
            let [newest, _] = self.round_trips;
            self.round_trips = [now.since(self.sent_at), newest];
            self.patience = None;
        } else {
            self.asked_at = self.sent_at;
            self.patience = Some(now.after(self.probe_time()).min(self.sent_at.after(self.detect_within)));
        }
        Ok(())
    }

    /// The patience for an answer has ended.
    pub(crate) fn run_out(&mut self) {
        self.patience = None;
        self.ran_out = true;
    }

    /// One further probe time for an answer that may lie unread (R9).
    pub(crate) fn wait_longer(&mut self, now: Instant) {
        if self.patience.is_some() {
            self.patience = Some(now.after(self.probe_time()));
        }
        self.heard = self.heard.max(now.after(self.probe_time()).before(self.detect_within));
    }

    /// A weakened rule counts the silence from now on.
    pub(crate) const fn forget_silence(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A link was admitted: only what is asked from now on is evidence between it and this one.
    pub(crate) fn start_afresh(&mut self) {
        self.fresh_above = self.sent;
    }

    pub(crate) fn evidence(&self) -> Evidence {
        if self.answered > self.fresh_above {
            Evidence::Answered
        } else if self.ran_out {
            Evidence::RanOut
        } else if self.sent > self.fresh_above {
            Evidence::Asked
        } else {
            Evidence::Unasked
        }
    }

    /// Whether the other end has left a probe unanswered beyond its time.
    pub(crate) const fn is_suspect(&self) -> bool {
        self.ran_out
    }

    /// The nonce of the newest ping.
    pub(crate) const fn newest(&self) -> u32 {
        self.sent
    }

    pub(crate) const fn heard(&self) -> Instant {
        self.heard
    }

    /// How long a probe waits: three round trips and at least the floor, the whole knob at most.
    pub(crate) fn probe_time(&self) -> Duration {
        self.round_trip().saturating_mul(3).max(self.floor).min(self.detect_within)
    }

    /// The longer of the two round trips that were measured last.
    pub(crate) fn round_trip(&self) -> Duration {
        let [newest, before] = self.round_trips;
        newest.max(before)
    }

    /// The time between two pings.
    pub(crate) fn interval(&self) -> Duration {
        self.detect_within / 4
    }

    pub(crate) fn ping_due(&self) -> Instant {
        self.heard.max(self.sent_at).after(self.interval())
    }

    pub(crate) const fn patience(&self) -> Option<Instant> {
        self.patience
    }

    /// When silence means death.
    pub(crate) fn death(&self) -> Instant {
        self.heard.after(self.detect_within)
    }

    /// When the next of all this is due.
    pub(crate) fn deadline(&self) -> Instant {
        let next = self.ping_due().min(self.death());
        self.patience.map_or(next, |patience| patience.min(next))
    }
}
