//! The channel: bytes to trusted frames and back, for one link (feature `noise`).

mod cipher;
mod noise;
mod primitives;
mod writer;

pub use writer::NoRoom;
