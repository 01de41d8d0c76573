//! Everything that a node has of the system and of the runtime ends with it.
#![cfg(target_os = "linux")]

#[path = "../../adapter-std/tests/counting/mod.rs"]
mod counting;

use std::sync::{Mutex, MutexGuard, PoisonError};

use adapter_tokio::Mesh;
use counting::{Counts, PATIENCE, counts, wait_until};
use mesh_proto::wire::MeshSecret;
use tokio::runtime::{Builder, Runtime};

/// One test at a time: each counts what the process has.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("there is room")
}

/// Two nodes that keep a session, and have sent a message.
async fn pair() -> (Mesh, Mesh) {
    let at = "127.0.0.1:0".parse().expect("an address");
    let builder = || adapter_tokio::builder().secret(MeshSecret::new([7; 32])).discover_nobody().listen(at);
    let (a, b) = (builder().start().expect("it starts"), builder().start().expect("it starts"));
    a.keep((b.me(), b.addresses()[0])).expect("there is room");
    let receipt = a.send_with_receipt(b.me(), "hello").await.expect("it is known");
    b.messages().next().await.expect("the node lives");
    receipt.await.expect("the node lives");
    (a, b)
}

fn alive(runtime: &Runtime) -> usize {
    runtime.metrics().num_alive_tasks()
}

/// What there is with two nodes more: the thread that watches the surroundings, with a pipe, two listeners, and both ends
/// of a link.
fn with_two_nodes(before: Counts) -> Counts {
    Counts { threads: before.threads + 2, sockets: before.sockets + 4, pipes: before.pipes + 4 }
}

#[test]
fn dropping_everything_ends_everything() {
    let _alone = alone();
    let runtime = runtime();
    let before = counts();
    let (a, b) = runtime.block_on(pair());
    let both = with_two_nodes(before);
    // For each node: one that looks after it, one that accepts, and two for the link.
    wait_until(|now| *now == both && alive(&runtime) == 8);
    let messages = a.messages();
    drop(a);
    assert_ne!(alive(&runtime), 0);
    drop((messages, b));
    wait_until(|now| *now == before && alive(&runtime) == 0);
}

#[test]
fn a_node_that_has_left_has_nothing() {
    let _alone = alone();
    let runtime = runtime();
    let before = counts();
    let (a, b) = runtime.block_on(pair());
    runtime.block_on(a.leave(PATIENCE));
    runtime.block_on(b.leave(PATIENCE));
    wait_until(|now| *now == before && alive(&runtime) == 0);
}

#[test]
fn without_its_runtime_a_node_has_nothing_but_its_surroundings() {
    let _alone = alone();
    let before = counts();
    let runtime = runtime();
    let (a, b) = runtime.block_on(pair());
    drop(runtime);
    wait_until(|now| now.sockets == before.sockets);
    drop((a, b));
    wait_until(|now| *now == before);
}
