//! Numbered messages: nothing lost, doubled or out of order.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::thread;

use adapter_std::handle::{Mesh, Received};

use crate::waiting::{next, until, within};

/// The number that follows the last one.
const END: u32 = u32::MAX;
/// How much time there is between two messages.
const PACE: Duration = Duration::from_millis(1);
/// The longest message.
const LONGEST: usize = 8 * 1024;

/// A message with this number.
pub(crate) fn numbered(number: u32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

/// The number of a message.
pub(crate) fn number(received: &Received) -> u32 {
    u32::from_le_bytes(*received.body.first_chunk().expect("it has a number"))
}

/// Messages that flow from one node to another.
pub(crate) struct Flow {
    taken: AtomicU32,
    ends: AtomicBool,
}

impl Flow {
    /// Waits until this many more have arrived.
    #[track_caller]
    pub(crate) fn goes_on(&self, more: u32) {
        let goal = self.taken.load(Ordering::Acquire) + more;
        until("messages arrive", || self.taken.load(Ordering::Acquire) >= goal);
    }

    /// Has messages flow while something happens, until all have arrived: each once, and in order.
    pub(crate) fn during<T>(from: &Mesh, to: &Mesh, happens: impl FnOnce(&Self) -> T) -> T {
        let flow = Self { taken: AtomicU32::new(0), ends: AtomicBool::new(false) };
        thread::scope(|scope| {
            scope.spawn(|| flow.send(from, to));
            scope.spawn(|| flow.take(to));
            let ends = Ends(&flow);
            let done = happens(&flow);
            drop(ends);
            done
        })
    }

    fn send(&self, from: &Mesh, to: &Mesh) {
        let mut numbers = 0..END;
        while !self.ends.load(Ordering::Acquire) {
            let number = numbers.next().expect("it ends before");
            let mut body = numbered(number);
            body.resize(4 + number.wrapping_mul(2_654_435_761) as usize % LONGEST, 7);
            within("there is room", from.send(to.me(), body)).expect("it is known");
            thread::sleep(PACE);
        }
        within("there is room", from.send(to.me(), numbered(END))).expect("it is known");
    }

    fn take(&self, to: &Mesh) {
        let mut awaited = 0;
        loop {
            let came = number(&next(to));
            if came == END {
                assert!(self.ends.load(Ordering::Acquire), "the last one came once");
                return;
            }
            assert_eq!(came, awaited, "each arrives once, and in order");
            awaited += 1;
            self.taken.store(awaited, Ordering::Release);
        }
    }
}

/// Has a flow end, also when what happened panicked.
struct Ends<'a>(&'a Flow);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.ends.store(true, Ordering::Release);
    }
}
