//! The machine.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

mod action;
mod address;
mod announcement;
mod bounded;
mod chance;
mod config;
mod event;
mod explain;
mod frame;
mod id;
mod machine;
mod news;
mod rate;
mod reason;
pub mod rules;
#[cfg(feature = "sim")]
pub mod sim;
pub mod storage;
mod time;
pub mod trace;

pub use action::Action;
pub use announcement::{Announcement, AnnouncementKind, Audience, Cause, Vouched};
pub use chance::Seed;
pub use config::{Config, ConfigError, Limits};
pub use event::{Batch, Event, MAX_ROUTES, Proof, Route, Routes, Wake};
pub use explain::{Chosen, Dialing, Explanation, LinkView, Past, Role};
pub use frame::{Frame, Hello, Loss, Losses, MAX_LOSSES, PathClass, Tags, Welcome};
pub use id::{Incarnation, LinkId, LinkTag, NodeId};
pub use machine::{Answer, MAX_PAST, MAX_SIBLINGS, Mesh, Side, Stats, Turn, Unable};
pub use news::{Cursor, News, PeerView, Standing};
pub use reason::{Reason, Refusal, SystemError};
pub use rules::Shipped;
pub use storage::Fixed;
#[cfg(feature = "alloc")]
pub use storage::Heap;
pub use time::{Instant, Now, Wait};
