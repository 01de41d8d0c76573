//! What every adapter needs from the system, whatever its runtime: nothing here waits on one.
//!
//! | module | what it has |
//! |---|---|
//! | [`options`] | what a TCP socket is told, from `detect_within` |
//! | [`listen`] | listeners, and what to do when accepting fails |
//! | [`errors`] | the system's errors in the machine's words |
//! | [`clock`] | the two clocks, deadlines, noticing a suspend |
//! | [`entropy`] | seeds and runs |
//! | [`identity_file`] | the secret and the start number, kept whole in a file that one process holds |
//! | [`interfaces`] | which interfaces there are, and noticing changes |
//! | [`beacon`] | datagrams to the neighbourhood, on every interface that can |
//! | [`surroundings`] | one thread that watches the interfaces and the clocks and hears the beacons |
//! | [`names`] | looking names up without waiting for them |

pub mod beacon;
pub mod clock;
pub mod entropy;
pub mod errors;
pub mod identity_file;
pub mod interfaces;
pub mod listen;
pub mod names;
pub mod options;
pub mod surroundings;
pub(crate) mod waiting;
