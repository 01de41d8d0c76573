//! Each rule at one machine, told by literal events and answered by literal lists of orders. The same tests run over both
//! kinds of tables.

extern crate alloc;

mod admission;
mod agreement;
mod announcing;
mod attaching;
mod delivery;
mod dialing;
mod ending;
mod node;
mod on_both;
mod parcels;
mod places;
mod pulse;
mod reading;
mod sessions;
mod telling;
mod waking;

use node::InPlace;
pub(crate) use on_both::on_both;
