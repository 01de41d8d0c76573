//! The channel: bytes to trusted frames and back, for one link (feature `noise`).

mod cipher;
mod keys;
mod noise;
mod primitives;
mod text;
mod writer;

pub use keys::{Identity, MeshSecret, MeshSecrets};
pub use text::{Text, TextError, TextKind};
pub use writer::NoRoom;
