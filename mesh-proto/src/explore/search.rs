//! Breadth first through all states, and what was found.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::explore::case::Case;
use crate::explore::frontier::Frontier;
use crate::explore::step::Step;
use crate::explore::table::{Graph, Id, Table};
use crate::explore::violation::Violation;
use crate::explore::world::World;
use crate::rules::Rules;

/// The watch is asked once in so many states.
const WATCHED: usize = 4096;

/// How far a search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// States met.
    pub states: usize,
    /// States of which all successors were looked at.
    pub done: usize,
    /// Steps from the beginning.
    pub depth: usize,
}

/// What came of a search.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How far it came.
    pub progress: Progress,
    /// Whether every state that can be reached was visited.
    pub complete: bool,
    /// In how many sets of states nothing but time passes any more.
    pub rests: usize,
    /// The first rule that was seen broken.
    pub violation: Option<Violation>,
}

/// Visits the states of a case, until all are visited, a rule is broken or the watch ends it.
pub fn explore<R: Rules>(
    case: &Case,
    rules: R,
    mut watch: impl FnMut(Progress) -> ControlFlow<()>,
) -> Outcome {
    let mut search = Search {
        case,
        rules,
        table: Table::new(),
        graph: Graph::new(),
        marks: Vec::new(),
        roots: Vec::new(),
        words: Vec::new(),
    };
    let mut depth = 0;
    let found = search.run(&mut depth, &mut watch);
    let (complete, mut violation) = match found {
        Ok(complete) => (complete, None),
        Err(violation) => (false, Some(violation)),
    };
    let mut rests = 0;
    if violation.is_none() {
        (rests, violation) = search.judge_rests();
    }
    let progress = Progress { states: search.table.len(), done: search.graph.len(), depth };
    Outcome { progress, complete, rests, violation }
}

struct Search<'a, R: Rules> {
    case: &'a Case,
    rules: R,
    table: Table,
    graph: Graph,
    /// What was seen of each state whose successors were looked at.
    marks: Vec<Mark>,
    roots: Vec<(Id, World<R>)>,
    words: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Busy,
    QuietAndRight,
    QuietAndWrong,
}

impl<R: Rules> Search<'_, R> {
    fn run(
        &mut self,
        depth: &mut usize,
        watch: &mut impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<bool, Violation> {
        let orders = if self.case.nodes > 2 { 1 << self.case.nodes } else { 1 };
        let mut frontier = Frontier::new();
        for reversed in 0..orders {
            let world = World::new(self.case, self.rules.clone(), reversed)?;
            let (id, new) = self.table.insert(world.key(&mut self.words), None);
            if new {
                frontier.push(id, &world)?;
                self.roots.push((id, world));
            }
        }
        let mut steps = Vec::new();
        while !frontier.is_empty() {
            let mut next = Frontier::new();
            while let Some((id, world)) = frontier.pop()? {
                self.expand(id, &world, &mut steps, &mut next)?;
                if (id as usize).is_multiple_of(WATCHED) {
                    let progress =
                        Progress { states: self.table.len(), done: self.graph.len(), depth: *depth };
                    if watch(progress).is_break() {
                        return Ok(false);
                    }
                }
            }
            frontier = next;
            *depth += 1;
        }
        Ok(true)
    }

    fn expand(
        &mut self,
        id: Id,
        world: &World<R>,
        steps: &mut Vec<Step>,
        next: &mut Frontier,
    ) -> Result<(), Violation> {
        self.graph.begin();
        let mut mark = Mark::Busy;
        if world.is_quiet() {
            world.judge_quiet().map_err(|violation| self.with_way(violation, id, None))?;
            mark = if world.judge_rest().is_ok() { Mark::QuietAndRight } else { Mark::QuietAndWrong };
        }
        self.marks.push(mark);
        world.steps(self.case, steps);
        for step in steps.iter() {
            let mut after = world.clone();
            if let Err(violation) = after.take(self.case, *step, &mut |_| {}) {
                return Err(self.with_way(violation, id, Some(*step)));
            }
            let (to, new) = self.table.insert(after.key(&mut self.words), Some(id));
            if !step.is_fault() {
                self.graph.lead_to(to);
            }
            if new {
                next.push(to, &after)?;
            }
        }
        Ok(())
    }

    /// Looks at every set of states in which nothing but time passes: each must have come to rest, and rightly.
    fn judge_rests(&self) -> (usize, Option<Violation>) {
        let mut rests = 0;
        let mut wrong: Option<Id> = None;
        let mut restless: Option<Id> = None;
        let marks = &self.marks;
        self.graph.rests(|set| {
            rests += 1;
            let first_with = |mark| set.iter().filter(|id| marks[**id as usize] == mark).min().copied();
            let first = |one: Option<Id>, other: Option<Id>| match (one, other) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            wrong = first(wrong, first_with(Mark::QuietAndWrong));
            if first_with(Mark::QuietAndRight).or(first_with(Mark::QuietAndWrong)).is_none() {
                restless = first(restless, set.iter().min().copied());
            }
        });
        let violation = if let Some(id) = wrong {
            let world = self.replay(&self.table.way(id), &mut |_| {});
            let judged = world.map_or(Ok(()), |world| world.judge_rest());
            judged.err().map(|violation| self.with_way(violation, id, None))
        } else {
            restless.map(|id| {
                self.with_way(Violation::new("rest", "nothing ever comes to rest from here"), id, None)
            })
        };
        (rests, violation)
    }

    fn with_way(&self, violation: Violation, to: Id, last: Option<Step>) -> Violation {
        let mut way: Vec<String> = Vec::new();
        let world = self.replay(&self.table.way(to), &mut |line| way.push(line));
        if let (Some(mut world), Some(step)) = (world, last) {
            way.push(world.told(step));
            let broken = world.take(self.case, step, &mut |line| way.push(format!("{line}")));
            debug_assert!(broken.is_err(), "the violation is in this step");
        }
        Violation { way, ..violation }
    }

    /// Goes a way again, from its keys alone, and tells it.
    fn replay(&self, way: &[Id], tell: &mut impl FnMut(String)) -> Option<World<R>> {
        let (first, rest) = way.split_first()?;
        let mut world = self.roots.iter().find(|(id, _)| id == first)?.1.clone();
        let mut steps = Vec::new();
        let mut words = Vec::new();
        for id in rest {
            world.steps(self.case, &mut steps);
            let key = self.table.key(*id);
            let step = steps.iter().find(|step| {
                let mut after = world.clone();
                after.take(self.case, **step, &mut |_| {}).is_ok() && after.key(&mut words) == key
            })?;
            tell(world.told(*step));
            world.take(self.case, *step, &mut |line| tell(format!("{line}"))).ok()?;
        }
        Some(world)
    }
}
