//! Programs to run first and to copy from.

/// The code in the README, which has to compile and to run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
