//! The mesh from the command line: one node for real use, keys, traces, and many nodes in one process.
//!
//! Each command has a file of its own, with its options and what it does. What goes wrong is one line on standard error that
//! says what to do; the file `failure` has the exit codes.
#![forbid(unsafe_code)]

extern crate alloc;

mod bench;
mod completions;
mod demo;
mod failure;
mod folder;
mod id;
mod reasons;
mod replay;
mod secret;
mod signals;
mod swarm;
mod trace;
mod up;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use examples::runtime;

/// A peer layer: exactly one session between any two nodes, whatever happens to the connections.
#[derive(Debug, Parser)]
#[command(name = "mesh", version, after_help = EXAMPLES, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  mesh demo                              three nodes, and all that can happen to them, for half a minute
  mesh secret new office.secret          makes the secret that all nodes of a mesh have
  mesh up --secret office.secret         runs a node; type to talk, /quit to leave
  mesh up --secret office.secret --peer 10.0.0.2:7000 --json
  mesh id                                says who this node is, for --peer and --allow
  mesh up --open --allow ID --trace t    writes down what the node does
  mesh replay t                          does it again, and compares
  mesh bench --quick                     what it costs, beside raw TCP
  mesh swarm 50 --seconds 10             fifty nodes that talk to each other
  mesh completions bash                  prints what the shell needs to complete all this";

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch three nodes survive what the field does to them.
    Demo(demo::Options),
    /// Run a node.
    Up(Box<up::Options>),
    /// Print the id of this node.
    Id(id::Options),
    /// Make the secret of a mesh.
    #[command(subcommand)]
    Secret(secret::Command),
    /// Run a trace again, and compare all that the node did.
    Replay(replay::Options),
    /// Measure the mesh beside raw TCP.
    Bench(bench::Options),
    /// Run many nodes in this process that talk to each other over loopback.
    Swarm(swarm::Options),
    /// Print the completions for a shell.
    Completions(completions::Options),
}

fn main() -> ExitCode {
    let began = Instant::now();
    let done = match Arguments::try_parse() {
        Ok(Arguments { command }) => match command {
            Command::Demo(options) => demo::run(&options, began),
            Command::Up(options) => up::run(*options, began),
            Command::Id(options) => id::run(&options),
            Command::Secret(command) => secret::run(&command),
            Command::Replay(options) => replay::run(&options),
            Command::Bench(options) => bench::run(&options),
            Command::Swarm(options) => swarm::run(&options, began),
            Command::Completions(options) => completions::run(&options),
        },
        Err(error) => failure::of_arguments(&error),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("mesh: {failure}");
            failure.code()
        }
    }
}
