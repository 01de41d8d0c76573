//! The mesh on tokio.
