//! The channel: bytes to trusted frames and back, for one link (feature `noise`).
//!
//! It is pure, like everything here: bytes go in and come out, and what must be random is given. It knows nothing of the
//! machine, and allocates nothing.
//!
//! # What stands on a stream
//!
//! Records: a length of two bytes, the high one first, and so many bytes. The first four belong to the handshake.
//!
//! | record | from | what is in it |
//! |---|---|---|
//! | 1 | dialer | in the clear: who may talk, in which network and versions; then the first message of Noise |
//! | 2 | acceptor | the second message, with the versions; or a hint in the clear why there is none |
//! | 3 | dialer | the third message, with the dialer's hello |
//! | 4 | acceptor | the answer: welcome or refused. Any number of 'wait' may come before it |
//! | later | both | frames, as many as fit |
//!
//! The handshake is `Noise_XX_25519_ChaChaPoly_SHA256`, or `Noise_XXpsk0_25519_ChaChaPoly_SHA256` in a mesh with a
//! secret; what record 1 says in the clear is its prologue. After the answer both directions go on with the next key,
//! and with AES-256-GCM if both ends have that in hardware.
//!
//! # Where to look
//!
//! * [`Calling`] at the dialer and [`Answering`] at the acceptor: the handshake, a type for each of its states.
//! * [`Records`], [`Sealer`], [`Opener`], [`Outgoing`]: what comes after it.
//! * [`encode`], [`Frames`]: frames as bytes.
//! * [`Identity`], [`MeshSecret`]: keys.

mod beacon;
mod cipher;
mod codec;
mod handshake;
mod keys;
mod noise;
mod primitives;
mod record;
mod text;
mod unprotected;
mod varint;
mod writer;

pub use beacon::{Announced, Beacon, MAX_BEACON, MAX_PORTS, Ports, read_beacon, write_beacon};
#[cfg(feature = "alloc")]
pub(crate) use codec::whole;
pub use codec::{Frames, MAX_CONTROL, Malformed, encode};
pub use handshake::{
    Answer, Answering, Calling, Ciphers, Declined, Failed, Greeted, Guard, Introduced, LastWords,
    MAX_OPENING, Met, Mismatch, Network, Short, Terms, Versions,
};
pub use keys::{Identity, MeshSecret, MeshSecrets};
pub(crate) use record::HEAD;
pub use record::{Broken, MAX_PLAIN, MAX_RECORD, MAX_SEALED, Opener, Outgoing, Records, Sealer};
pub use text::{Text, TextError, TextKind};
pub use writer::NoRoom;
