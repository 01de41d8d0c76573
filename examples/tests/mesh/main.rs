//! The program `mesh`, as its users meet it: child processes, what they print, how they end.

#[cfg(unix)]
extern crate alloc;

mod commands;
mod folder;
mod program;
#[cfg(unix)]
mod terminal;
mod up;
mod wrong;
