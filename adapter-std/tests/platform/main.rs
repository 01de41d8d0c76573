//! The platform half on the real system: sockets on loopback, files in a folder of their own, and namespaces where
//! there is the right to make them.

extern crate alloc;

mod beacon;
mod clock;
mod entropy;
mod errors;
mod identity_file;
mod interfaces;
mod listen;
mod names;
#[cfg(target_os = "linux")]
mod namespaces;
mod options;
mod support;
mod surroundings;
