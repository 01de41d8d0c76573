//! Every step that can come next, and what it does to the world.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::event::{Event, Routes};
use crate::explore::case::{Case, Fault};
use crate::explore::feed::Log;
use crate::explore::stream::{ACCEPTOR, DIALER, End, Item};
use crate::explore::violation::Violation;
use crate::explore::world::{Node, Posted, World, address, letter, name};
use crate::frame::{Frame, PathClass};
use crate::id::{Incarnation, LinkId};
use crate::reason::SystemError;
use crate::rules::Rules;
use crate::time::micros;

/// One thing that can come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A dialed stream opens.
    Connect(usize),
    /// The first thing that is on its way to an end arrives.
    Deliver(usize, usize),
    /// A node is called because it asked for it.
    Tick(usize),
    /// A node is told to dial once more.
    Seek(usize),
    /// A frozen node goes on.
    Thaw(usize),
    /// Nothing is on its way: time passes until somebody wants to be called.
    Pass,
    Restart(usize),
    SilentRestart(usize),
    RestoredSame(usize),
    RestoredLower(usize),
    LostAt(usize, usize),
    BlackHole(usize),
    HalfHandshake(usize),
    Freeze(usize),
    Forget(usize),
    ClosedBySystem(usize),
    /// Time passes although something is on its way.
    PassEarly,
}

impl Step {
    pub(super) fn is_fault(self) -> bool {
        match self {
            Self::Connect(_)
            | Self::Deliver(..)
            | Self::Tick(_)
            | Self::Seek(_)
            | Self::Thaw(_)
            | Self::Pass => false,
            Self::Restart(_)
            | Self::SilentRestart(_)
            | Self::RestoredSame(_)
            | Self::RestoredLower(_)
            | Self::LostAt(..)
            | Self::BlackHole(_)
            | Self::HalfHandshake(_)
            | Self::Freeze(_)
            | Self::Forget(_)
            | Self::ClosedBySystem(_)
            | Self::PassEarly => true,
        }
    }
}

impl<R: Rules> World<R> {
    /// Every step that can come next.
    pub(super) fn steps(&self, case: &Case, steps: &mut Vec<Step>) {
        steps.clear();
        let late = |node: usize| self.nodes[node].due.is_some_and(|at| at <= self.now);
        let runs = |node: usize| self.nodes[node].frozen.is_none() && !(case.called_first && late(node));
        for (index, stream) in self.streams.iter().enumerate() {
            if !stream.open {
                if stream.ends.iter().all(|end| runs(end.node)) {
                    steps.push(Step::Connect(index));
                }
                continue;
            }
            for end in [DIALER, ACCEPTOR] {
                if runs(stream.ends[end].node) && !stream.towards[end].is_empty() {
                    steps.push(Step::Deliver(index, end));
                }
            }
        }
        let in_flight = !steps.is_empty();
        let mut due = false;
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some(since) = node.frozen {
                // No sooner than after some time, and when the others have done with what was on its way to them:
                // they are faster than any time that passes.
                if !in_flight && (self.now > since || self.next_due().is_none()) {
                    steps.push(Step::Thaw(index));
                }
                continue;
            }
            if late(index) {
                due = true;
                steps.push(Step::Tick(index));
            }
            let dials = self.streams.iter().any(|stream| {
                let end = &stream.ends[DIALER];
                end.node == index && end.link.is_some() && end.admitted.is_none()
            });
            if node.seeks > 0 && !dials {
                steps.push(Step::Seek(index));
            }
        }
        let may_pass = !due && self.next_due().is_some() && !self.must_thaw(case);
        if may_pass && !in_flight {
            steps.push(Step::Pass);
        }
        if self.faults == 0 {
            return;
        }
        for kind in case.kinds_next(self.faults) {
            match kind {
                Fault::Restart => steps.extend((0..self.nodes.len()).map(Step::Restart)),
                Fault::SilentRestart => steps.extend((0..self.nodes.len()).map(Step::SilentRestart)),
                Fault::Restored => steps.extend(
                    (0..self.nodes.len())
                        .flat_map(|node| [Step::RestoredSame(node), Step::RestoredLower(node)]),
                ),
                Fault::Freeze | Fault::SlowAnswer if self.pauses == 0 => {}
                Fault::Forget => {
                    steps.extend((0..self.nodes.len()).filter(|node| runs(*node)).map(Step::Forget));
                }
                Fault::Freeze => {
                    steps.extend((0..self.nodes.len()).filter(|node| runs(*node)).map(Step::Freeze));
                }
                Fault::SlowAnswer => {
                    if may_pass && in_flight {
                        steps.push(Step::PassEarly);
                    }
                }
                Fault::LostAtOneEnd | Fault::BlackHole | Fault::HalfHandshake | Fault::ClosedBySystem => {
                    for (index, _) in self.streams.iter().enumerate().filter(|(_, stream)| stream.open) {
                        self.stream_faults(*kind, index, runs, steps);
                    }
                }
            }
        }
    }

    fn stream_faults(&self, kind: Fault, index: usize, runs: impl Fn(usize) -> bool, steps: &mut Vec<Step>) {
        let stream = &self.streams[index];
        let lives = stream.ends.iter().any(|end| end.link.is_some());
        let deaf = [DIALER, ACCEPTOR].into_iter().all(|end| stream.is_deaf(end));
        match kind {
            Fault::LostAtOneEnd => {
                for end in [DIALER, ACCEPTOR] {
                    if stream.ends[end].link.is_some() && runs(stream.ends[end].node) {
                        steps.push(Step::LostAt(index, end));
                    }
                }
            }
            Fault::BlackHole if lives && !deaf => steps.push(Step::BlackHole(index)),
            Fault::ClosedBySystem if lives && !deaf => steps.push(Step::ClosedBySystem(index)),
            Fault::HalfHandshake => {
                let welcome = stream.towards[DIALER].iter().any(|item| match item {
                    Item::Record(frames) => matches!(frames.first(), Some(Frame::Welcome(_))),
                    Item::Proof | Item::Gone(_) => false,
                });
                if welcome {
                    steps.push(Step::HalfHandshake(index));
                }
            }
            Fault::BlackHole
            | Fault::ClosedBySystem
            | Fault::Restart
            | Fault::SilentRestart
            | Fault::Restored
            | Fault::Freeze
            | Fault::Forget
            | Fault::SlowAnswer => {}
        }
    }

    fn next_due(&self) -> Option<u64> {
        self.nodes.iter().filter(|node| node.frozen.is_none()).filter_map(|node| node.due).min()
    }

    /// Whether a frozen node has been away for so long that longer makes no difference.
    fn must_thaw(&self, case: &Case) -> bool {
        let config = case.config();
        let most = micros(config.detect_within + config.gap() + config.probe_floor);
        self.nodes.iter().any(|node| node.frozen.is_some_and(|since| self.now - since >= most))
    }

    /// Does one step.
    pub(super) fn take(&mut self, case: &Case, step: Step, log: Log<'_>) -> Result<(), Violation> {
        if step.is_fault() {
            self.faults -= 1;
        }
        if matches!(step, Step::Freeze(_) | Step::PassEarly) {
            self.pauses -= 1;
        }
        match step {
            Step::Connect(index) => self.connect(case, index, log)?,
            Step::Deliver(index, end) => {
                let tag = self.streams[index].tag;
                self.deliver(index, end, log)?;
                // What has arrived makes room for more.
                if let Some(index) = self.streams.iter().position(|stream| stream.tag == tag) {
                    self.give_room(case, index, 1 - end, log)?;
                }
            }
            Step::Forget(node) => self.forget(case, node, log)?,
            Step::Tick(node) => self.feed(node, Event::Tick, log)?,
            Step::Seek(node) => {
                self.nodes[node].seeks -= 1;
                let other = (node + 1) % self.nodes.len();
                self.feed(node, Event::Seek { peer: name(other), routes: Routes::new() }, log)?;
            }
            Step::Thaw(at) => {
                let node = &mut self.nodes[at];
                if let Some(since) = node.frozen.take() {
                    node.slept += self.now - since;
                }
                for index in 0..self.streams.len() {
                    for end in [DIALER, ACCEPTOR] {
                        if self.streams[index].ends[end].node == at {
                            self.give_room(case, index, end, log)?;
                        }
                    }
                }
            }
            Step::Pass | Step::PassEarly => self.now = self.next_due().unwrap_or(self.now),
            Step::Restart(node) => self.restart(case, node, 1, Some(SystemError::Reset), log)?,
            Step::SilentRestart(node) => self.restart(case, node, 1, None, log)?,
            Step::RestoredSame(node) => self.restart(case, node, 0, None, log)?,
            Step::RestoredLower(node) => self.restart(case, node, -1, None, log)?,
            Step::LostAt(index, end) => self.lose(index, end, log)?,
            Step::BlackHole(index) => {
                let stream = &mut self.streams[index];
                stream.swallows = [true, true];
                stream.towards.iter_mut().for_each(alloc::collections::VecDeque::clear);
            }
            Step::HalfHandshake(index) => {
                let stream = &mut self.streams[index];
                stream.swallows[DIALER] = true;
                stream.towards[DIALER].clear();
            }
            Step::Freeze(node) => self.nodes[node].frozen = Some(self.now),
            Step::ClosedBySystem(index) => {
                let stream = &mut self.streams[index];
                for end in [DIALER, ACCEPTOR] {
                    stream.push(end, Item::Gone(SystemError::Reset));
                }
                stream.swallows = [true, true];
            }
        }
        self.streams.retain(|stream| !stream.is_over());
        Ok(())
    }

    fn connect(&mut self, case: &Case, index: usize, log: Log<'_>) -> Result<(), Violation> {
        let [dialer, acceptor] = [DIALER, ACCEPTOR].map(|end| self.streams[index].ends[end].node);
        let Some(link) = self.streams[index].ends[DIALER].link else { return Ok(()) };
        self.streams[index].open = true;
        let from = Some(address(dialer, 9));
        let answer = self.feed_for(acceptor, Event::Incoming { from, class: PathClass::Direct }, log)?;
        let run = self.nodes[acceptor].run;
        let stream = &mut self.streams[index];
        stream.ends[ACCEPTOR].run = run;
        match answer.link() {
            Ok(named) => {
                stream.ends[ACCEPTOR].link = Some(named);
                stream.push(DIALER, Item::Proof);
            }
            Err(_) => stream.push(DIALER, Item::Gone(SystemError::Reset)),
        }
        self.feed(dialer, Event::Connected { link }, log)?;
        self.give_room(case, index, DIALER, log)?;
        self.give_room(case, index, ACCEPTOR, log)
    }

    /// Lets an end send what fits into a system's buffer. That of the streams which the first node did not dial is small,
    /// so that pieces are cut differently on them.
    fn give_room(&mut self, case: &Case, index: usize, end: usize, log: Log<'_>) -> Result<(), Violation> {
        let bytes = if self.streams[index].ends[DIALER].node == 0 { 4096 } else { 300 };
        let End { node, link, closes, .. } = self.streams[index].ends[end];
        let Some(link) = link.filter(|_| case.talks && closes.is_none()) else { return Ok(()) };
        if self.nodes[node].frozen.is_some() {
            return Ok(());
        }
        self.feed(node, Event::Room { link, bytes }, log)
    }

    /// A node ends its session, and wants another.
    fn forget(&mut self, case: &Case, node: usize, log: Log<'_>) -> Result<(), Violation> {
        for other in (0..self.nodes.len()).filter(|other| *other != node) {
            self.feed(node, Event::Forget { peer: name(other) }, log)?;
        }
        let posted = &mut self.nodes[node].posted;
        *posted = Posted { age: posted.age + 1, ..Posted::default() };
        self.ended = true;
        self.boot(case, node, false, log)
    }

    fn lose(&mut self, index: usize, end: usize, log: Log<'_>) -> Result<(), Violation> {
        let node = self.streams[index].ends[end].node;
        let Some(link) = self.streams[index].ends[end].link else { return Ok(()) };
        self.tell_closed(index, end, node, link, SystemError::Reset, log)
    }

    /// Tells a machine that a stream has ended.
    pub(super) fn tell_closed(
        &mut self,
        index: usize,
        end: usize,
        node: usize,
        link: LinkId,
        error: SystemError,
        log: Log<'_>,
    ) -> Result<(), Violation> {
        // What is due is done first, while the link is still there.
        let first = self.nodes[node].due.is_some_and(|at| at <= self.now);
        if !first {
            self.streams[index].end_at(end, None);
        }
        self.leaving = Some(self.streams[index].tag);
        self.feed(node, Event::Closed { link, error }, log)?;
        self.leaving = None;
        self.streams[index].end_at(end, None);
        self.forget_name(node, link);
        Ok(())
    }

    fn restart(
        &mut self,
        case: &Case,
        node: usize,
        by: i64,
        error: Option<SystemError>,
        log: Log<'_>,
    ) -> Result<(), Violation> {
        self.streams.retain(|stream| stream.open || stream.ends[DIALER].node != node);
        for stream in &mut self.streams {
            for end in [DIALER, ACCEPTOR] {
                if stream.ends[end].node == node && stream.ends[end].link.is_some() {
                    stream.end_at(end, error);
                }
            }
        }
        let runs = self.nodes[node].runs + 1;
        let run = Incarnation::new(self.nodes[node].run.start.saturating_add_signed(by), runs);
        let mesh = self.machine(node, run, case.config_of(node))?;
        self.ended = true;
        let old = &mut self.nodes[node];
        *old = Node {
            mesh,
            run,
            due: None,
            frozen: None,
            seeks: old.seeks,
            known: [None; 3],
            events: 0,
            slept: 0,
            runs,
            gone: Vec::new(),
            posted: Posted::default(),
        };
        self.boot(case, node, false, log)
    }

    /// A step in words.
    pub(super) fn told(&self, step: Step) -> String {
        let ends = |index: usize| {
            let stream = &self.streams[index];
            let side = |end: &End| match end.link {
                Some(link) => format!("{}{link}", letter(end.node)),
                None => format!("{}", letter(end.node)),
            };
            format!("{}-{}", side(&stream.ends[DIALER]), side(&stream.ends[ACCEPTOR]))
        };
        let what = match step {
            Step::Connect(index) => format!("{} opens", ends(index)),
            Step::Deliver(index, end) => {
                format!("{} delivers to {}", ends(index), letter(self.streams[index].ends[end].node))
            }
            Step::Tick(node) => format!("{} is called", letter(node)),
            Step::Seek(node) => format!("{} is told to dial once more", letter(node)),
            Step::Thaw(node) => format!("{} goes on", letter(node)),
            Step::Pass => "time passes".into(),
            Step::Restart(node) => format!("fault: {} is killed and starts again", letter(node)),
            Step::SilentRestart(node) => {
                format!("fault: {} starts again, and nobody hears of it", letter(node))
            }
            Step::RestoredSame(node) => format!("fault: {} starts again under the same number", letter(node)),
            Step::RestoredLower(node) => format!("fault: {} starts again under a lower number", letter(node)),
            Step::LostAt(index, end) => {
                format!("fault: {} dies at {}", ends(index), letter(self.streams[index].ends[end].node))
            }
            Step::BlackHole(index) => format!("fault: {} carries nothing any more", ends(index)),
            Step::HalfHandshake(index) => format!("fault: {} loses the welcome", ends(index)),
            Step::Forget(node) => format!("fault: {} forgets the other, and wants it again", letter(node)),
            Step::Freeze(node) => format!("fault: {} freezes", letter(node)),
            Step::ClosedBySystem(index) => format!("fault: the system closes {}", ends(index)),
            Step::PassEarly => "fault: time passes although something is on its way".into(),
        };
        format!("{:>6.2} s  {what}", self.now as f64 / 1e6)
    }
}
