//! How time goes on among nodes.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::World;
use crate::sim::net::{Job, Net};
use crate::sim::running::{Running, TimedOut, report, run_for, run_until};
use crate::storage::Storage;

impl<S: Storage> World<S> {
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

impl<S: Storage> Running for World<S> {
    type Word = Vec<u8>;
    type Cry = Vec<u8>;

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
        let machines = self.members.iter().map(|member| member.node.mesh());
        report(&self.net, &self.log, machines, |_| None)
    }
}
