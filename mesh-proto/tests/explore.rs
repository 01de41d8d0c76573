//! The explorer's small cases with the rules that ship, and once without each clause that is missed soon. All cases,
//! and all clauses, are visited by the example `explore`.

use core::ops::ControlFlow;

use mesh_proto::Shipped;
use mesh_proto::explore::{CAUGHT, Case, Progress, explore};
use mesh_proto::rules::{Clause, Without};

/// A violation that takes longer to find is left to the example.
const PATIENCE: usize = 60_000;

/// Clauses that are missed only after more states than that.
const MISSED_LATE: &[Clause] =
    &[Clause::OnlyDeciderActsOnRunOut, Clause::SilenceIsDeath, Clause::BirthsRise, Clause::MarksForBirth];

fn patient(progress: Progress) -> ControlFlow<()> {
    if progress.states > PATIENCE { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

#[test]
fn explore_the_small_cases_completely() {
    for (case, least) in Case::SMALL.iter().zip([1_000, 40_000, 3_000]) {
        let outcome = explore(case, Shipped, |_| ControlFlow::Continue(()));
        if let Some(violation) = outcome.violation {
            panic!("{}: {violation}", case.name);
        }
        assert!(outcome.complete, "{}", case.name);
        // Fewer would mean that the case has lost what it is about.
        let states = outcome.progress.states;
        assert!(states > least, "{}: only {states} states", case.name);
    }
}

#[test]
fn explore_misses_the_clauses_that_are_gone() {
    for clause in CAUGHT.iter().filter(|clause| !MISSED_LATE.contains(clause)) {
        let missed =
            Case::TELLING.iter().any(|case| explore(case, Without(*clause), patient).violation.is_some());
        assert!(missed, "nobody misses {clause}: {}", clause.says());
    }
}
