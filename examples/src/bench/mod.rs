//! What is measured, of the mesh and of the raw TCP of the same runtime: for `mesh bench`, and for the smoke of speed.
//!
//! | file | what it has |
//! |---|---|
//! | `lane` | a runtime's tasks, and its raw streams |
//! | `ours` | what is measured of the mesh |
//! | `raw` | the same of raw TCP |

mod lane;
pub mod ours;
pub mod raw;

use core::time::Duration;

pub use lane::{Beside, Lane, Raw};

/// What can go wrong.
pub type Problem = Box<dyn core::error::Error + Send + Sync>;

/// What lies so far up in a row of times, in seconds.
#[must_use]
pub fn at(times: &mut [Duration], part: f64) -> f64 {
    times.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    let place = (times.len() as f64 * part) as usize;
    times.get(place.min(times.len().saturating_sub(1))).map_or(0.0, Duration::as_secs_f64)
}
