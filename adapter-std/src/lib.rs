//! The mesh on plain threads, and the platform half that every adapter stands on.
