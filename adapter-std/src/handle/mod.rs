//! What an application holds of a node: the builder that starts it, and the handle.

mod asking;
mod builder;
mod contact;
mod happenings;
mod leaving;
mod mesh;
mod messages;
mod sending;
mod typed;
mod waiting;
mod watching;

pub use asking::{AnswerError, Request, RequestError, Requests, Undecodable};
pub use builder::{Builder, Driver, StartError, Started};
pub use contact::{Contact, ContactError};
pub use happenings::{Happened, Happenings};
pub use leaving::Left;
pub use mesh::{Mesh, WishError};
pub use messages::Messages;
pub use sending::{Message, PeerSink, Posting, Receipt, SendError};
pub use typed::{Typed, TypedError};
pub use watching::{Change, Watch};

pub use crate::hub::{Happening, Paused, Question, Received, Undelivered};
