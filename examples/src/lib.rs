//! Programs to run first and to copy from; and what they share with the tests of all runtimes.
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bench;
pub mod relay;
pub mod runtime;

/// The code in the README, which has to compile and to run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
