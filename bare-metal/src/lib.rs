//! A node for a device without a heap: handshakes, admission, records and the machine, with everything that they keep in one
//! value.
//!
//! The check builds this for processors without an operating system, and where core is the only crate that there is: so all
//! of a node is compiled there, and nothing in it can come to need more. The example `embedded` drives the same.
#![no_std]

use mesh_proto::node::{Input, Node, Order, Settings};
use mesh_proto::{Answer, ConfigError, Fixed, Now, Wait};

/// Room for four peers with two links each, two dials and two links of strangers; with windows of 1 KiB, and records of as
/// much.
pub type Tables = Fixed<4, 12>;

/// What a program keeps in memory all the time.
#[derive(Debug)]
pub struct Device(Node<Tables>);

// What most chips with so much memory have left.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Device>() <= 56 * 1024, "a node for four peers takes too much");

impl Device {
    /// A node for one run.
    ///
    /// # Errors
    ///
    /// As [`Node::new`].
    pub fn new(settings: Settings<Tables>) -> Result<Self, ConfigError> {
        Node::new(settings).map(Self)
    }

    /// Takes one input in, has all carried out that follows from it, and gives the time to come back.
    pub fn tell(&mut self, now: Now, input: Input<'_>, perform: &mut dyn FnMut(Order<'_>)) -> (Answer, Wait) {
        let turn = self.0.handle(now, input);
        (turn.answer(), turn.carry_out(perform))
    }
}
