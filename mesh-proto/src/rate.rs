//! How often something may happen within any second.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Instant;

const SLICES: usize = 8;
const SLICE: Duration = Duration::from_millis(125);

/// A strict bound on how many happen within any second: what happened is counted by eighths of a second, and the
/// last eight whole ones and the one that is running are added up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rate {
    /// Counts of the running slice and the eight before it, newest first.
    counts: [u32; SLICES + 1],
    /// When the running slice began.
    began: Instant,
}

impl Rate {
    /// Counts one more, if there is room for it within `limit` a second.
    pub(crate) fn take(&mut self, now: Instant, limit: u32) -> bool {
        self.turn_to(now);
        let free = self.total() < limit;
        if free && let Some(running) = self.counts.first_mut() {
            *running = running.saturating_add(1);
        }
        free
    }

    /// When there is room again: `None` if there is now.
    pub(crate) fn free_at(&self, now: Instant, limit: u32) -> Option<Instant> {
        let mut later = self.clone();
        later.turn_to(now);
        let mut slices = 0_u32;
        while later.total() >= limit && slices as usize <= SLICES {
            slices += 1;
            later.turn_to(later.began.after(SLICE));
        }
        (slices > 0).then_some(later.began)
    }

    fn total(&self) -> u32 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn turn_to(&mut self, now: Instant) {
        if self.total() == 0 {
            self.began = now;
            return;
        }
        let mut turns = 0;
        while now >= self.began.after(SLICE) && turns <= SLICES {
            self.counts.rotate_right(1);
            if let Some(running) = self.counts.first_mut() {
                *running = 0;
            }
            self.began = self.began.after(SLICE);
            turns += 1;
        }
        if self.total() == 0 {
            self.began = now;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_second_ever_holds_more_than_the_limit(
            gaps in prop::collection::vec(0_u64..400_000, 1..300), limit in 1_u32..20
        ) {
            let mut rate = Rate::default();
            let mut now = Instant::START;
            let mut taken: Vec<Instant> = Vec::new();
            for gap in gaps {
                now = now.after(Duration::from_micros(gap));
                let free_at = rate.free_at(now, limit);
                let took = rate.take(now, limit);
                prop_assert_eq!(took, free_at.is_none());
                if took {
                    taken.push(now);
                } else {
                    let at = free_at.expect("not free now");
                    prop_assert!(at > now && at.since(now) <= Duration::from_millis(1125));
                    prop_assert!(rate.clone().take(at, limit), "free when it said so");
                }
                let second = taken.iter().filter(|at| now.since(**at) < Duration::from_secs(1)).count();
                prop_assert!(second as u32 <= limit);
            }
        }
    }
}
