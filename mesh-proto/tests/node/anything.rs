//! Whatever comes, in whatever order: nothing panics, and the node keeps every promise of its interface.

use mesh_proto::node::Node;
use mesh_proto::storage::Storage;

use crate::life::life;
use crate::on_both;

/// Draws from a seed.
fn seeded(seed: u64) -> impl FnMut(u64) -> Option<u64> {
    let mut state = seed;
    move |bound| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some((state >> 33) % bound)
    }
}

/// The tables agree with the state, where the build can tell.
fn check<S: Storage>(_node: &Node<S>) {
    #[cfg(feature = "sim")]
    _node.mesh().audit().expect("the tables agree with the state");
}

on_both! {
    fn nothing_that_comes_makes_a_node_break_a_promise<S>() {
        for seed in 0..40 {
            life::<S>(seeded(seed), 400, check);
        }
    }
}
