//! What was sent and what arrived: each message has a number, which rises from one node to another.

use alloc::collections::{BTreeMap, BTreeSet};

/// One way, in one life of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub(super) from: usize,
    pub(super) life: u32,
    pub(super) to: usize,
}

/// What is known of one way.
#[derive(Debug, Default)]
struct Row {
    /// How many were sent: their numbers are below this.
    sent: u64,
    /// Above every number that arrived.
    next: u64,
    /// Numbers below that which neither arrived nor were told to their sender.
    missing: BTreeSet<u64>,
    /// Numbers that were told to their sender before any later one arrived.
    told: BTreeSet<u64>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) arrived: u64,
    /// Told to their sender as not taken: a node was killed.
    pub(super) undelivered: u64,
    pub(super) doubled: u64,
    pub(super) reordered: u64,
}

/// All ways.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    rows: BTreeMap<Way, Row>,
    pub(super) counts: Counts,
}

impl Ledger {
    /// The number of the next message.
    pub(super) fn next(&self, way: Way) -> u64 {
        self.rows.get(&way).map_or(0, |row| row.sent)
    }

    /// Above every number that arrived on a way.
    pub(super) fn next_to_arrive(&self, way: Way) -> u64 {
        self.rows.get(&way).map_or(0, |row| row.next)
    }

    /// One was sent.
    pub(super) fn sent(&mut self, way: Way) {
        self.rows.entry(way).or_default().sent += 1;
        self.counts.sent += 1;
    }

    /// One arrived.
    pub(super) fn arrived(&mut self, way: Way, number: u64) {
        self.counts.arrived += 1;
        let row = self.rows.entry(way).or_default();
        if number >= row.next {
            let told = &mut row.told;
            row.missing.extend((row.next..number).filter(|skipped| !told.remove(skipped)));
            row.next = number + 1;
        } else if row.missing.remove(&number) {
            self.counts.reordered += 1;
        } else {
            self.counts.doubled += 1;
        }
    }

    /// Its sender was told that it was not taken. It may have arrived all the same: whoever is killed cannot say so.
    pub(super) fn undelivered(&mut self, way: Way, number: u64) {
        self.counts.undelivered += 1;
        let row = self.rows.entry(way).or_default();
        if number >= row.next {
            row.told.insert(number);
        } else {
            row.missing.remove(&number);
        }
    }

    /// Messages that neither arrived nor were told to their sender, who lives: its life is given for each node. What died
    /// with its sender is nobody's loss, but for gaps.
    pub(super) fn lost(&self, lives: &[u32]) -> u64 {
        let of = |(way, row): (&Way, &Row)| {
            let lives = lives.get(way.from).is_some_and(|life| *life == way.life);
            let tail = if lives { (row.next..row.sent).filter(|number| !row.told.contains(number)).count() } else { 0 };
            (row.missing.len() + tail) as u64
        };
        self.rows.iter().map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: Way = Way { from: 0, life: 1, to: 1 };

    fn ledger(sent: usize, arrived: &[u64]) -> Ledger {
        let mut ledger = Ledger::default();
        (0..sent).for_each(|_| ledger.sent(WAY));
        arrived.iter().for_each(|number| ledger.arrived(WAY, *number));
        ledger
    }

    #[test]
    fn all_that_arrives_once_and_in_order_is_well() {
        let ledger = ledger(3, &[0, 1, 2]);
        assert_eq!((ledger.lost(&[1, 1]), ledger.counts.doubled, ledger.counts.reordered), (0, 0, 0));
    }

    #[test]
    fn what_is_wrong_is_counted() {
        assert_eq!(ledger(3, &[0, 2]).lost(&[1, 1]), 1, "a gap");
        assert_eq!(ledger(3, &[0, 1]).lost(&[1, 1]), 1, "the last one");
        assert_eq!(ledger(3, &[0, 1]).lost(&[2, 1]), 0, "the last one of a sender that was killed");
        assert_eq!(ledger(3, &[0, 2]).lost(&[2, 1]), 1, "a gap is one whoever lives");
        assert_eq!(ledger(3, &[0, 1, 1, 2]).counts.doubled, 1);
        let late = ledger(3, &[0, 2, 1]);
        assert_eq!((late.counts.reordered, late.lost(&[1, 1])), (1, 0));
    }

    #[test]
    fn what_the_sender_was_told_is_not_lost() {
        let mut early = ledger(3, &[0]);
        early.undelivered(WAY, 1);
        early.arrived(WAY, 2);
        assert_eq!(early.lost(&[1, 1]), 0);
        let mut late = ledger(3, &[0, 2]);
        late.undelivered(WAY, 1);
        assert_eq!(late.lost(&[1, 1]), 0);
        let mut last = ledger(2, &[0]);
        last.undelivered(WAY, 1);
        assert_eq!(last.lost(&[1, 1]), 0);
    }
}
