//! What went wrong, in one line that says what to do.

use core::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use adapter_std::handle::StartError;
use clap::error::ErrorKind;

/// Why the program ends before it has done what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line, or the configuration file, does not make sense: exit code 2.
    Usage(String),
    /// It does, and yet it did not work: exit code 1.
    Running(String),
}

impl Failure {
    /// A file that cannot be read or written.
    pub(crate) fn of_file(what: &str, path: &Path, error: &io::Error) -> Self {
        let path = path.display();
        let kind = error.kind();
        Self::Running(if kind == io::ErrorKind::NotFound {
            format!("{what} {path} is not there; check the path")
        } else if kind == io::ErrorKind::PermissionDenied {
            format!("{what} {path} is closed to this user; see its permissions with `ls -l {path}`")
        } else {
            format!("{what} {path}: {error}")
        })
    }

    /// Nobody reads what the program says.
    pub(crate) fn of_output(error: &io::Error) -> Self {
        Self::Running(format!("nothing can be written to standard output ({error}); keep its reader running"))
    }

    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Running(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Running(text) => f.write_str(text),
        }
    }
}

impl core::error::Error for Failure {}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::NoDoor | StartError::Config(_) | StartError::OwnSelf => {
                Self::Usage(error.to_string())
            }
            StartError::Identity(_) | StartError::Listen(_) | StartError::Keep(_) | StartError::System(_) => {
                Self::Running(error.to_string())
            }
        }
    }
}

/// What the parser of the command line has to say: help on standard output, or a failure. Its errors have several lines, of
/// which the ones before the usage say what is wrong and what may have been meant.
pub(crate) fn of_arguments(error: &clap::Error) -> Result<(), Failure> {
    let kind = error.kind();
    if kind == ErrorKind::DisplayHelp || kind == ErrorKind::DisplayVersion {
        return error.print().map_err(|error| Failure::of_output(&error));
    }
    if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand || kind == ErrorKind::MissingSubcommand {
        return Err(Failure::Usage("a command is missing; `mesh --help` lists them".to_owned()));
    }
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let told = lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let told = told.collect::<Vec<_>>().join(" ").replace(" tip: ", "; ");
    let told = told.strip_prefix("error: ").unwrap_or(&told);
    Err(Failure::Usage(format!("{told}; `mesh --help` and `mesh COMMAND --help` say what there is")))
}
