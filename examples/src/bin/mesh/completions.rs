//! `mesh completions`: what a shell needs to complete the command line.

use std::io::{self, Write};

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};

use crate::Arguments;
use crate::failure::Failure;

/// The shell.
#[derive(Debug, Args)]
pub(crate) struct Options {
    shell: Known,
}

/// A shell that completions are made for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Known {
    Bash,
    Zsh,
    Fish,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let shell = match options.shell {
        Known::Bash => Shell::Bash,
        Known::Zsh => Shell::Zsh,
        Known::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "mesh", &mut script);
    io::stdout().write_all(&script).map_err(|error| Failure::of_output(&error))
}
