//! Each rule at one machine, told by literal events and answered by literal lists of orders. The same tests run over both
//! kinds of tables.

extern crate alloc;

mod admission;
mod agreement;
mod announcing;
mod attaching;
mod delivery;
mod dialing;
mod ending;
mod node;
mod parcels;
mod places;
mod pulse;
mod reading;
mod sessions;
mod telling;
mod waking;

/// Writes a test for each kind of tables from one body.
macro_rules! on_both {
    ($($(#[$meta:meta])* fn $name:ident<$storage:ident>() $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;

            fn body<$storage: mesh_proto::storage::Storage>() $body

            #[test]
            fn on_the_heap() {
                body::<mesh_proto::Heap>();
            }

            #[test]
            fn in_place() {
                body::<crate::node::InPlace>();
            }
        }
    )*};
}
pub(crate) use on_both;
