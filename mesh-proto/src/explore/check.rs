//! What must hold on the way, and where nothing goes wrong any more. Judged by the explorer's own books.

use crate::config::Config;
use crate::explain::Dialing;
use crate::explore::feed::{Closing, Doings};
use crate::explore::stream::{DIALER, End, Stream};
use crate::explore::violation::Violation;
use crate::explore::world::{LENGTHS, MESSAGES, Posted, World, name};
use crate::message::Outcome;
use crate::news::Standing;
use crate::reason::Reason;
use crate::rules::Rules;
use crate::time::micros;

impl<R: Rules> World<R> {
    /// Judges what one machine did upon one event.
    pub(super) fn judge(&self, node: usize, doings: &Doings) -> Result<(), Violation> {
        for Closing { stream, end, reason, said, closed } in &doings.closings {
            let stream = &self.streams[*stream];
            match reason {
                Reason::Duplicate | Reason::Superseded => {
                    self.judge_surplus(node, stream, *end, closed)?;
                }
                Reason::Silent if *said => self.judge_given_up(node, stream, *end, closed)?,
                Reason::Silent => self.judge_death(node, closed)?,
                Reason::Left
                | Reason::Forgotten
                | Reason::Restarted
                | Reason::Refused(_)
                | Reason::WrongPeer
                | Reason::OwnSelf
                | Reason::Conflict
                | Reason::Idle
                | Reason::Shutdown
                | Reason::Abandoned
                | Reason::System(_) => {}
                Reason::ProtocolError => {
                    return Err(Violation::new(
                        "protocol",
                        "a machine took the other for one that breaks the protocol",
                    ));
                }
            }
        }
        self.judge_runs(node)
    }

    /// A healthy link is closed for being surplus.
    fn judge_surplus(&self, node: usize, stream: &Stream, end: usize, closed: &End) -> Result<(), Violation> {
        if node > stream.ends[1 - end].node {
            return Err(Violation::new(
                "one decider",
                "the follower closed a healthy link for being surplus",
            ));
        }
        if !self.others(node, stream, end).any(|(_, other)| other.answered_since_both(closed)) {
            return Err(Violation::new(
                "proof before close",
                "a link was closed in favour of another that has not answered since both were admitted",
            ));
        }
        // One that comes first and does not answer is closed as silent.
        let better = self.others(node, stream, end).any(|(other, far)| {
            far.answered_since_both(closed) && (rank(other, far, node) < rank(stream, closed, node))
        });
        if !better {
            return Err(Violation::new(
                "preference",
                "the preferred one of two links was closed for being surplus",
            ));
        }
        Ok(())
    }

    /// A link is closed as silent although the time in which it would die has not passed.
    fn judge_given_up(
        &self,
        node: usize,
        stream: &Stream,
        end: usize,
        closed: &End,
    ) -> Result<(), Violation> {
        if node > stream.ends[1 - end].node && !closed.doubts {
            return Err(Violation::new("run out", "the follower closed a link because a probe ran out"));
        }
        if !self.others(node, stream, end).any(|(_, other)| other.answered_since_both(closed)) {
            return Err(Violation::new(
                "proof before close",
                "a link was given up for another that has not answered since both were admitted",
            ));
        }
        Ok(())
    }

    /// A link is dead only when a probe of it had time to be answered, while its node was there to read the answer.
    fn judge_death(&self, node: usize, closed: &End) -> Result<(), Violation> {
        let awake = self.awake(node);
        let floor = micros(self.nodes[node].mesh.config().probe_floor);
        if closed.asked.iter().any(|asked| awake - asked.awake >= floor) {
            return Ok(());
        }
        Err(Violation::new(
            "death",
            "a link was ended as silent though no probe of it had time to be answered",
        ))
    }

    /// No two runs of one node have links that are believed.
    fn judge_runs(&self, node: usize) -> Result<(), Violation> {
        let believed = |end: &&End| end.node == node && end.holds() && !end.doubts;
        for (at, stream) in self.streams.iter().enumerate() {
            if self.leaving == Some(stream.tag) {
                continue;
            }
            for end in stream.ends.iter().filter(believed) {
                let far = far_of(stream, end);
                for other in self.streams[..at].iter().filter(|other| self.leaving != Some(other.tag)) {
                    for second in other.ends.iter().filter(believed) {
                        let far_too = far_of(other, second);
                        if far.node == far_too.node && far.run != far_too.run {
                            return Err(Violation::new("runs", "links of two runs of one node are held"));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// A doubt is over: the run that was believed before has not answered.
    pub(super) fn judge_belief(&self, index: usize, end: usize) -> Result<(), Violation> {
        let cleared = &self.streams[index].ends[end];
        let (node, far) = (cleared.node, &self.streams[index].ends[1 - end]);
        let Some(known) = self.nodes[node].known[far.node] else { return Ok(()) };
        if known == far.run {
            return Ok(());
        }
        let answers = |run| {
            self.streams.iter().any(|stream| {
                stream.ends.iter().any(|own| {
                    let there = far_of(stream, own);
                    own.node == node
                        && own.holds()
                        && there.node == far.node
                        && there.run == run
                        && own.answered_since_both(cleared)
                })
            })
        };
        if answers(known) || !answers(far.run) {
            return Err(Violation::new(
                "doubt",
                "a run in doubt was believed although the known one answers",
            ));
        }
        Ok(())
    }

    /// The other links that a node has let in from the same node, less those on their way out.
    fn others<'a>(
        &'a self,
        node: usize,
        stream: &'a Stream,
        end: usize,
    ) -> impl Iterator<Item = (&'a Stream, &'a End)> {
        let peer = stream.ends[1 - end].node;
        self.streams.iter().filter(move |other| other.tag != stream.tag).filter_map(move |other| {
            let own = other.ends.iter().find(|own| own.node == node && own.holds() && !own.doubts)?;
            (far_of(other, own).node == peer).then_some((other, own))
        })
    }

    /// Whether nothing is on its way, nothing is due and nobody is frozen.
    pub(super) fn is_quiet(&self) -> bool {
        let arrived = self
            .streams
            .iter()
            .all(|stream| stream.open && stream.towards.iter().all(alloc::collections::VecDeque::is_empty));
        arrived
            && self.nodes.iter().all(|node| node.frozen.is_none() && node.due.is_none_or(|at| at > self.now))
    }

    /// What must hold in every quiet state.
    pub(super) fn judge_quiet(&self) -> Result<(), Violation> {
        for shared in self.streams.iter().filter(|stream| stream.is_shared()) {
            for stream in &self.streams {
                let pairs = [0, 1].map(|flip| [&stream.ends[flip], &stream.ends[1 - flip]]);
                for [here, there] in pairs {
                    let same = shared.ends.iter().any(|end| end.node == here.node && end.run == here.run)
                        && shared.ends.iter().any(|end| end.node == there.node && end.run == there.run);
                    // Whoever was told before it let the link in could not know which link was meant; probes find out.
                    // So do they where the other ended it as one of an older run, and believes in that run again.
                    let older = there.closes == Some(Reason::Restarted);
                    if same && here.holds() && !here.told && there.link.is_none() && !older {
                        return Err(Violation::new(
                            "losses told",
                            "a node keeps a link that the other has lost, though they share another",
                        ));
                    }
                }
            }
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let patience = 2 * micros(node.mesh.config().probe_floor);
            let awake = self.awake(index);
            // Nothing was heard for so long that even a probe which was given more time has run out.
            let silent = |end: &End| {
                let since = end.asked.iter().rev().find(|asked| asked.anew).or(end.asked.first());
                since.is_some_and(|asked| awake - asked.awake >= patience) && awake - end.heard >= patience
            };
            let lasts = kept_in_silence(node.mesh.config());
            let own = self.streams.iter().flat_map(|stream| &stream.ends).filter(|end| end.node == index);
            for end in own.filter(|end| end.holds()) {
                if !end.asked.is_empty() && awake - end.heard >= lasts {
                    return Err(Violation::new(
                        "silence",
                        "a link is kept though nothing was heard on it for long",
                    ));
                }
            }
            for view in node.mesh.peers().filter(|view| view.kept_here) {
                let mut own = self.streams.iter().flat_map(|stream| {
                    let end = stream.ends.iter().find(|end| end.node == index && end.link.is_some());
                    end.filter(|end| name(far_of(stream, end).node) == view.id)
                });
                let explained = node.mesh.explain(&view.id);
                let idle = explained.is_some_and(|told| matches!(told.dialing, Dialing::NotNeeded));
                if idle && own.all(|end| end.holds() && silent(end)) {
                    return Err(Violation::new("suspects are dialed", "no link answers, and no dial is due"));
                }
            }
        }
        Ok(())
    }

    /// What must hold where nothing goes wrong any more.
    pub(super) fn judge_rest(&self) -> Result<(), Violation> {
        if self.nodes.len() == 2 { self.judge_pair() } else { self.judge_crowd() }
    }

    fn judge_pair(&self) -> Result<(), Violation> {
        let [stream] = self.streams.as_slice() else {
            return Err(Violation::new("rest", "it does not end with exactly one link"));
        };
        for end in &stream.ends {
            let other = far_of(stream, end);
            let view = self.nodes[end.node].mesh.peer(&name(other.node));
            let up = view.is_some_and(|view| match view.standing {
                Standing::Up { link, incarnation } => {
                    Some(link) == end.link && incarnation == self.nodes[other.node].run
                }
                Standing::Away { .. } | Standing::Down { .. } => false,
            });
            if !up {
                return Err(Violation::new("rest", "it does not end with a session at both ends"));
            }
        }
        self.judge_messages()
    }

    /// Where nothing happens any more, each message was taken, or told of. If no session has ended, all were taken that
    /// the other takes.
    fn judge_messages(&self) -> Result<(), Violation> {
        for (index, node) in self.nodes.iter().enumerate() {
            let takes = node.mesh.takes();
            let sent = |which: &usize| self.talks && (index == 0 || *which + 1 < MESSAGES);
            for which in (0..MESSAGES).filter(sent) {
                let Posted { came, settled, .. } = &node.posted;
                let Some(outcome) = settled[which] else {
                    return Err(Violation::new("messages", "a message is neither taken nor told of"));
                };
                let too_large = LENGTHS[which].1 > takes.message - 100;
                let fine = match outcome {
                    Outcome::Taken => came[which] == 1,
                    Outcome::TooLarge { .. } => too_large,
                    Outcome::Ended(_) => self.ended,
                    Outcome::NoRoom => false,
                };
                if !fine {
                    return Err(Violation::new(
                        "messages",
                        "a message was not taken, though no session has ended",
                    ));
                }
            }
        }
        Ok(())
    }

    fn judge_crowd(&self) -> Result<(), Violation> {
        for (index, node) in self.nodes.iter().enumerate() {
            let mut up = 0;
            for view in node.mesh.peers() {
                match view.standing {
                    Standing::Up { link, .. } => {
                        up += 1;
                        let carries = self.streams.iter().find(|stream| {
                            stream.ends.iter().any(|end| end.node == index && end.link == Some(link))
                        });
                        let both = carries.is_some_and(|stream| {
                            stream.is_shared()
                                && stream.ends.iter().all(|end| {
                                    let far = far_of(stream, end);
                                    let seen = self.nodes[end.node].mesh.peer(&name(far.node));
                                    seen.is_some_and(|seen| {
                                        matches!(seen.standing, Standing::Up { link, .. } if Some(link) == end.link)
                                    })
                                })
                        });
                        if !both {
                            return Err(Violation::new("rest", "a session is up at one end only"));
                        }
                    }
                    Standing::Away { .. } | Standing::Down { .. } => {}
                }
            }
            if up > node.mesh.config().limits.peers {
                return Err(Violation::new("bound", "a node has more sessions than places"));
            }
            if up == 0 && node.due.is_none() {
                return Err(Violation::new("rest", "a node has neither a session nor a time to try again"));
            }
        }
        Ok(())
    }
}

/// For how long nothing may be heard on a link that is kept: the knob, and twice the probe time that a late step gives.
pub(super) fn kept_in_silence(config: &Config) -> u64 {
    micros(config.detect_within) + 2 * micros(config.probe_floor)
}

/// R3's order, the lower the better: who dialed, then who was there first.
fn rank(stream: &Stream, end: &End, node: usize) -> (bool, Option<u32>) {
    let peer = far_of(stream, end).node;
    (stream.ends[DIALER].node != node.min(peer), end.admitted)
}

fn far_of<'a>(stream: &'a Stream, end: &End) -> &'a End {
    let [first, second] = &stream.ends;
    if first.node == end.node { second } else { first }
}
