//! The program `mesh`, as its users meet it: child processes, what they print, how they end.

mod commands;
mod folder;
mod program;
mod up;
mod wrong;
