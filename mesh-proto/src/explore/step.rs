//! What can come next in a world, and how it is told.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::explore::case::{Case, Fault};
use crate::explore::stream::{ACCEPTOR, DIALER, End, Item};
use crate::explore::world::{World, letter};
use crate::frame::Frame;
use crate::rules::Rules;

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
        for kind in case.kinds {
            match kind {
                Fault::Restart => steps.extend((0..self.nodes.len()).map(Step::Restart)),
                Fault::SilentRestart => steps.extend((0..self.nodes.len()).map(Step::SilentRestart)),
                Fault::Restored => steps.extend(
                    (0..self.nodes.len())
                        .flat_map(|node| [Step::RestoredSame(node), Step::RestoredLower(node)]),
                ),
                Fault::Freeze | Fault::SlowAnswer if self.pauses == 0 => {}
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
        let deaf = stream.swallows == [true, true];
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
            | Fault::SlowAnswer => {}
        }
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
            Step::Freeze(node) => format!("fault: {} freezes", letter(node)),
            Step::ClosedBySystem(index) => format!("fault: the system closes {}", ends(index)),
            Step::PassEarly => "fault: time passes although something is on its way".into(),
        };
        format!("{:>6.2} s  {what}", self.now as f64 / 1e6)
    }
}
