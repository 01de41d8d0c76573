//! Tests that run over both kinds of tables.

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
                body::<crate::InPlace>();
            }
        }
    )*};
}
pub(crate) use on_both;
