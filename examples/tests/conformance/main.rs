//! What a node promises, on whatever it runs: each case once, for each ordered pair of runtimes. The first of a pair dials, the
//! second accepts; everything goes over loopback.
//!
//! | file | what it has |
//! |---|---|
//! | `pairs` | which runtimes meet, and one test for each case and pair |
//! | `member` | the nodes |
//! | `waiting` | waiting for what must come, with a deadline |
//! | `looking` | what nodes say of each other |
//! | `flow` | numbered messages: nothing lost, doubled or out of order |
//! | `admission`, `identities`, `attaching`, `cancelling`, `keeping`, `sending`, `room`, `outcomes`, `asking`, `telling`, `leaving` | the promises of the interface |
//! | `duplicates`, `restarts`, `losses`, `clones`, `sleep`, `slowness`, `strangers`, `many`, `exhaustion` | what the field does, by the ids of the list of failures |
//! | `traces` | what was recorded on a runtime, again |
#![forbid(unsafe_code)]

extern crate alloc;

#[macro_use]
mod pairs;

mod admission;
mod asking;
#[cfg(unix)]
mod attaching;
mod cancelling;
mod clones;
mod duplicates;
#[cfg(target_os = "linux")]
mod exhaustion;
mod flow;
mod identities;
mod keeping;
mod leaving;
mod looking;
mod losses;
mod many;
mod member;
mod outcomes;
mod restarts;
mod room;
mod sending;
mod sleep;
mod slowness;
mod strangers;
mod telling;
mod traces;
mod waiting;
