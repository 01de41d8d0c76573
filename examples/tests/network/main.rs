//! The program `mesh` on hosts of their own: network namespaces on one wire, and what the field does to them.
//!
//! Where there is no right to make namespaces, or no program to do something to them with, a test says so and does nothing.
#![cfg(target_os = "linux")]

extern crate alloc;

#[path = "../../../adapter-std/tests/platform/namespaces/child.rs"]
#[expect(dead_code, reason = "the tests of the platform use all of it")]
mod child;
mod flood;
#[path = "../mesh/folder.rs"]
#[expect(dead_code, reason = "the tests of one node alone use all of it")]
mod folder;
mod leaving;
#[path = "../../../adapter-std/tests/platform/namespaces/made.rs"]
mod made;
mod meeting;
mod nodes;
#[path = "../mesh/program.rs"]
#[expect(dead_code, reason = "the tests of one node alone use all of it")]
mod program;
#[path = "../../../adapter-std/tests/platform/support.rs"]
#[expect(dead_code, reason = "the tests of the platform use all of it")]
mod support;
mod talk;
mod trouble;
mod wire;
