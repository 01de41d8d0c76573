//! Every interleaving of the machine itself: some nodes, streams between them that deliver in any order among each
//! other, and faults at any moment.
//!
//! Time passes only when nothing is on its way: without a fault the network is faster than any deadline. What two
//! nodes do at the same moment is done in every order, and so are the deliveries of different streams. Frames that a
//! machine writes to one link in one turn travel as one record. What an end drops because it has sent its close is not
//! on its way to it: when it would have been dropped makes no difference.
//!
//! States that differ only in what can make no difference any more are one state: in names, in the order of things that
//! are never compared, in what was seen of links that are on their way out. `key.rs` and the machine's `view.rs` say
//! what that is, piece by piece, and a test walks at random and compares what comes after equal keys.

mod case;
mod check;
mod feed;
mod frontier;
mod key;
mod search;
mod step;
mod stream;
mod table;
mod violation;
mod world;

pub use case::{CAUGHT, Case, Fault};
pub use search::{Outcome, Progress, explore};
pub use violation::Violation;
