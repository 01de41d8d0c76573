//! What the simulator of nodes promises.
