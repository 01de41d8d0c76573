//! Every interleaving of the machine itself: some nodes, streams between them that deliver in any order among each
//! other, and faults at any moment.
//!
//! Time passes only when nothing is on its way: without a fault the network is faster than any deadline. What two
//! nodes do at the same moment is done in every order, and so are the deliveries of different streams. Frames that a
//! machine writes to one link in one turn travel as one record.

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
