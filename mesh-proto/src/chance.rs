//! Chance, from a seed that the caller gives: the same seed draws the same.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::micros;

/// What all the machine's draws come from. It decides about delays and about who gives way, never about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Seed {
    /// Draws that differ from each other.
    Number(u64),
    /// Every draw gives the middle: for tests that compare whole lists, and for the explorer, whose states must
    /// not depend on how many draws there were.
    Still,
}

/// The draws.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Dice {
    seed: Seed,
}

impl Dice {
    pub(crate) const fn new(seed: Seed) -> Self {
        Self { seed }
    }

    /// A number below `bound`; 0 for a bound of 0. (SplitMix64, then the high half of a product.)
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        match &mut self.seed {
            Seed::Still => bound / 2,
            Seed::Number(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^= z >> 31;
                ((u128::from(z) * u128::from(bound)) >> 64) as u64
            }
        }
    }

    /// A time up to `bound`.
    pub(crate) fn up_to(&mut self, bound: Duration) -> Duration {
        Duration::from_micros(self.below(micros(bound).saturating_add(1)))
    }

    /// `span`, give or take `percent` of it.
    pub(crate) fn about(&mut self, span: Duration, percent: u32) -> Duration {
        let slack = span.saturating_mul(percent) / 100;
        (span - slack) + self.up_to(slack.saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_draws_stay_within_their_bounds() {
        let mut dice = Dice::new(Seed::Number(7));
        let span = Duration::from_secs(120);
        let (mut low, mut high) = (Duration::MAX, Duration::ZERO);
        for _ in 0..10_000 {
            assert!(dice.below(10) < 10);
            let drawn = dice.about(span, 15);
            (low, high) = (low.min(drawn), high.max(drawn));
        }
        assert!(low >= Duration::from_secs(102) && low < Duration::from_secs(103));
        assert!(high <= Duration::from_secs(138) && high > Duration::from_secs(137));
        assert_eq!(dice.below(0), 0);
    }

    #[test]
    fn still_water_gives_the_middle() {
        let mut dice = Dice::new(Seed::Still);
        assert_eq!(dice.about(Duration::from_secs(120), 15), Duration::from_secs(120));
        assert_eq!(dice.below(9), 4);
        assert_eq!(dice.below(9), 4);
    }
}
