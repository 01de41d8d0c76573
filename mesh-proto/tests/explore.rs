//! The small band of the explorer: the rules that ship hold in every state, and each clause is missed when it is gone.

use core::ops::ControlFlow;

use mesh_proto::Shipped;
use mesh_proto::explore::{CAUGHT, Case, explore};
use mesh_proto::rules::{Clause, Without};

#[test]
fn the_rules_that_ship_hold_in_every_state() {
    for case in Case::SMALL {
        let outcome = explore(case, Shipped, |_| ControlFlow::Continue(()));
        if let Some(violation) = outcome.violation {
            panic!("{}: {violation}", case.name);
        }
        assert!(outcome.complete && outcome.rests > 0, "{}: {:?}", case.name, outcome.progress);
    }
}

/// The first case in which a clause is missed, and the check that misses it.
fn missed(clause: Clause) -> Option<&'static str> {
    Case::SMALL.iter().find_map(|case| {
        let outcome = explore(case, Without(clause), |_| ControlFlow::Continue(()));
        outcome.violation.map(|violation| violation.check)
    })
}

macro_rules! every_clause_is_missed {
    ($($test:ident: $clause:ident, $check:literal;)*) => {
        $(
            #[test]
            fn $test() {
                assert_eq!(missed(Clause::$clause), Some($check));
            }
        )*

        #[test]
        fn no_clause_that_is_said_to_be_caught_is_left_out() {
            let tested = [$(Clause::$clause),*];
            for clause in CAUGHT {
                assert!(tested.contains(clause), "{clause} has no test");
            }
        }
    };
}

every_clause_is_missed! {
    the_follower_closes_nothing: OneDecider, "one decider";
    nothing_closes_without_a_proof: ProofBeforeClose, "proof before close";
    the_preferred_link_stays: Preference, "preference";
    the_newcomer_waits: NewcomerWaits, "one decider";
    losses_are_told: LossesAreTold, "losses told";
    a_lower_number_is_doubtful: IncarnationOrder, "doubt";
    other_bits_are_doubtful: RandomBits, "doubt";
    nothing_expires_in_a_freeze: WakeBeforeExpiry, "death";
    names_are_never_used_again: LinkNames, "names";
    only_the_decider_acts_on_a_run_out: OnlyDeciderActsOnRunOut, "run out";
    losses_are_read_by_both: LossesReadByBoth, "losses read";
    a_newer_run_ends_the_older: NewerEndsOlder, "runs";
    suspects_are_dialed: SuspectsAreDialed, "suspects are dialed";
    silence_is_death: SilenceIsDeath, "rest";
}
