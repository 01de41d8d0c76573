//! The mesh on smol.
