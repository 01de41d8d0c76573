//! Programs to run first and to copy from.
