//! Nodes on plain threads, and the handle whose calls wait.

extern crate alloc;

mod attaching;
mod first;
mod waiting;

use core::time::Duration;

use adapter_std::{Builder, Mesh};
use mesh_proto::wire::MeshSecret;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);
/// How soon a dead link is found: so late that no ping comes to the help of what nobody woke.
const SLOWLY: Duration = Duration::from_secs(240);

fn builder() -> Builder {
    let at = "127.0.0.1:0".parse().expect("an address");
    adapter_std::builder().secret(MeshSecret::new([7; 32])).discover_nobody().listen(at).detect_within(SLOWLY)
}

fn pair() -> (Mesh, Mesh) {
    let (a, b) = (builder().start().expect("it starts"), builder().start().expect("it starts"));
    a.keep((b.me(), b.addresses()[0])).expect("there is room");
    (a, b)
}
