//! How long messages took: counts in classes that are a sixteenth wide, so that any number of them takes the same room.

use core::time::Duration;

/// Classes for each doubling.
const STEPS: u64 = 16;
/// Doublings: up to 2^40 microseconds, which is twelve days.
const DOUBLINGS: usize = 40;
const CLASSES: usize = DOUBLINGS * STEPS as usize;

#[derive(Clone, Debug)]
pub(super) struct Delays {
    counts: Vec<u64>,
    most: Duration,
}

impl Delays {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; CLASSES], most: Duration::ZERO }
    }

    pub(super) fn note(&mut self, delay: Duration) {
        self.most = self.most.max(delay);
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(class(micros).min(CLASSES - 1)) {
            *count += 1;
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.most = self.most.max(other.most);
        for (own, more) in self.counts.iter_mut().zip(&other.counts) {
            *own += more;
        }
    }

    /// What this part of all delays does not exceed; zero if there are none.
    pub(super) fn quantile(&self, part: f64) -> Duration {
        let all: u64 = self.counts.iter().sum();
        let wanted = (all as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (class, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_micros(highest(class)).min(self.most);
            }
        }
        self.most
    }
}

/// Below 16 each number is a class; above, the highest bit and the four behind it are.
fn class(micros: u64) -> usize {
    let doublings = micros.checked_ilog2().unwrap_or(0).saturating_sub(STEPS.ilog2());
    let class = u64::from(doublings) * STEPS + (micros >> doublings);
    usize::try_from(class).unwrap_or(usize::MAX)
}

/// The highest number of a class.
fn highest(class: usize) -> u64 {
    let class = class as u64;
    if class < 2 * STEPS {
        return class;
    }
    let doublings = class / STEPS - 1;
    let first = (class % STEPS + STEPS) << doublings;
    first + (1 << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_the_class_that_it_belongs_to() {
        let numbers = (0..5_000).chain((0..39).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1]));
        for micros in numbers {
            let class = class(micros);
            assert!(micros <= highest(class), "{micros}");
            assert!(class == 0 || micros > highest(class - 1), "{micros}");
        }
    }

    #[test]
    fn quantiles_are_within_a_sixteenth() {
        let mut delays = Delays::new();
        for micros in 1..=10_000 {
            delays.note(Duration::from_micros(micros));
        }
        for (part, exact) in [(0.5, 5_000.0), (0.99, 9_900.0), (1.0, 10_000.0)] {
            let found = delays.quantile(part).as_secs_f64() * 1e6;
            assert!(found >= exact && found <= exact * (1.0 + 1.0 / 16.0), "{part}: {found}");
        }
        assert_eq!(Delays::new().quantile(0.5), Duration::ZERO);
    }
}
