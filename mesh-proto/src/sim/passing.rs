//! How time goes on among machines.

use alloc::string::String;
use core::time::Duration;

use crate::announcement::{Announcement, Vouched};
use crate::rules::Rules;
use crate::sim::World;
use crate::sim::net::{Job, Net};
use crate::sim::reading::Word;
use crate::sim::running::{Running, TimedOut, report, run_for, run_until};
use crate::storage::Storage;

impl<S: Storage, R: Rules> World<S, R> {
    /// Lets this much time pass.
    pub fn run_for(&mut self, span: Duration) {
        run_for(self, span);
    }

    /// Lets time pass until something holds, and says how long that took. It is looked at after each thing that
    /// happens.
    ///
    /// # Errors
    ///
    /// It did not come to hold within this time.
    pub fn run_until(
        &mut self,
        within: Duration,
        holds: impl FnMut(&Self) -> bool,
    ) -> Result<Duration, TimedOut> {
        run_until(self, within, holds)
    }

    /// The seed, what happened last, and what every node has to say of its peers.
    #[must_use]
    pub fn report(&self) -> String {
        self.all_known()
    }
}

impl<S: Storage, R: Rules> Running for World<S, R> {
    type Word = Word;
    type Cry = (Announcement, Vouched);

    fn net(&mut self) -> &mut Net<Self::Word, Self::Cry> {
        &mut self.net
    }

    fn happen(&mut self, job: Job<Self::Cry>) {
        match job {
            Job::Arrive(stream, to) => self.arrive(stream, to),
            Job::Timer(n, timer) => self.ring(n, timer),
            Job::Resume(n, pause) => self.resume(n, pause),
            Job::Hear { from, to, says } => self.hear(from, to, says),
        }
    }

    fn all_known(&self) -> String {
        let machines = self.nodes.iter().map(|node| &node.mesh);
        report(&self.net, &self.log, machines, |stream| Some(self.handshakes[stream].tag))
    }
}
