//! The channel: what its bytes are, and that nothing but these is taken.

mod aes;
mod alterations;
mod frames;
mod golden;
mod handshake;
mod random_bytes;
mod records;
mod scene;
mod with_snow;
