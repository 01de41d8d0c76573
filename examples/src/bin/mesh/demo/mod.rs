//! `mesh demo`: three nodes, one on each runtime, and everything that the field does to them.
//!
//! | file | what it has |
//! |---|---|
//! | `ledger` | what was sent and what arrived, and what is wrong with that |
//! | `cast` | the nodes, and the threads that talk and listen for them |
//! | `script` | what is done to them, and how long they take to recover |
//! | `scene` | everything that is known at a moment, to be told or drawn |
//! | `told` | one line, or one JSON object, per happening |
//! | `picture` | the live picture on a terminal |

mod cast;
mod ledger;
mod picture;
mod scene;
mod script;
mod told;

use alloc::sync::Arc;
use core::time::Duration;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Instant;

use clap::Args;

use crate::failure::Failure;
use scene::{Scene, Shared};
use told::Teller;

/// How long it goes on, and how it is shown.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// End after about so many seconds.
    #[arg(long, default_value_t = 30, value_name = "N", conflicts_with = "forever")]
    seconds: u64,
    /// Go on until it is interrupted.
    #[arg(long)]
    forever: bool,
    /// Choose whom each fault meets by this number, to see the same again.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print happenings and the summary as JSON lines.
    #[arg(long)]
    json: bool,
    /// Print one line per happening, also on a terminal.
    #[arg(long, conflicts_with = "json")]
    plain: bool,
}

pub(crate) fn run(options: &Options, began: Instant) -> Result<(), Failure> {
    let seed = options.seed.unwrap_or_else(|| u64::from(std::process::id()));
    let lasts = (!options.forever).then(|| Duration::from_secs(options.seconds));
    let can_draw =
        std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    let draws = can_draw && !options.json && !options.plain;
    let scene: Shared = Arc::new(Mutex::new(Scene::new(began, lasts)));
    let teller = if draws { Teller::silent() } else { Teller::printing(options.json) };
    let stop = crate::signals::stop_on_signals()
        .map_err(|error| Failure::Running(format!("signals cannot be caught: {error}")))?;
    let summary = if draws {
        picture::while_drawing(&scene, &stop, || script::play(&scene, &teller, &stop, seed, lasts))?
    } else {
        script::play(&scene, &teller, &stop, seed, lasts)?
    };
    told::summary(&summary, options.json)?;
    if summary.is_clean() {
        Ok(())
    } else {
        Err(Failure::Running(
            "the demo did not go as promised, see the summary; please report it with the seed".to_owned(),
        ))
    }
}
