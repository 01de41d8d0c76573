//! What went wrong in the field, each by its name, in the simulator: it must come out right here.
//!
//! Each test runs over both kinds of tables, with all the rules; then once more without one clause of them, and must
//! fail: so no test can be empty. [`table`] names the clause for each, and holds that none is missing.

extern crate alloc;

mod dead_links;
mod duplicates;
mod lost_events;
mod messages;
mod pair;
mod reading;
mod restarts;
mod scene;
mod sleep;
mod strangers;
mod table;

use mesh_proto::rules::{Clause, Rules, Without};
use mesh_proto::sim::World;
use mesh_proto::storage::Storage;
use mesh_proto::{Fixed, Heap, Shipped};

/// Tables in place that hold what the tests ask for.
type InPlace = Fixed<8, 64>;

/// A field failure: a name, the clause without which it happens, and the test, which makes its own world.
///
/// ```text
/// failures! {
///     /// What held, what happened, what came out.
///     s2_the_same_dial_a_second_time without OneDecider,
/// }
/// fn s2_the_same_dial_a_second_time<S: Storage, R: Rules>(rules: R) { .. }
/// ```
macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident without $clause:ident,)*) => {
        /// The failures of this file, with the clause that each needs.
        pub(crate) const TABLE: &[(&str, crate::Clause)] = &[$((stringify!($name), crate::Clause::$clause),)*];

        $(
            $(#[$doc])*
            mod $name {
                #[test]
                fn comes_out_right_on_the_heap() {
                    super::$name::<crate::Heap, crate::Shipped>(crate::Shipped);
                }

                #[test]
                fn comes_out_right_in_place() {
                    super::$name::<crate::InPlace, crate::Shipped>(crate::Shipped);
                }

                #[test]
                fn needs_its_clause() {
                    let clause = crate::Clause::$clause;
                    crate::must_fail(stringify!($name), clause, || {
                        super::$name::<crate::Heap, crate::Without>(crate::Without(clause));
                    });
                }
            }
        )*
    };
}
pub(crate) use failures;

/// Runs a test with a clause taken away, and fails if that goes unnoticed.
fn must_fail(name: &str, clause: Clause, body: impl FnOnce() + core::panic::UnwindSafe) {
    let noticed = std::panic::catch_unwind(body).is_err();
    assert!(noticed, "{name} passes without the clause '{clause}' ({}): it tests nothing", clause.says());
}

/// A world for one test.
fn world<S: Storage, R: Rules>(seed: u64, rules: R) -> World<S, R> {
    World::with_rules(seed, rules)
}
