//! The channel: bytes to trusted frames and back, for one link (feature `noise`).

mod cipher;
mod codec;
mod keys;
mod noise;
mod primitives;
mod record;
mod text;
mod writer;

pub use codec::{Frames, MAX_CONTROL, Malformed, encode};
pub use keys::{Identity, MeshSecret, MeshSecrets};
pub use record::{Broken, MAX_PLAIN, MAX_RECORD, MAX_SEALED, Opener, Outgoing, Records, Sealer};
pub use text::{Text, TextError, TextKind};
pub use writer::NoRoom;
