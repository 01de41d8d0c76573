//! Everything that a node has of the system ends with it.
#![cfg(target_os = "linux")]

#[path = "../../adapter-std/tests/counting/mod.rs"]
mod counting;

use alloc::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use adapter_smol::{Builder, Executor, Mesh};
use counting::{Counts, counts, wait_until};
use futures_lite::future::block_on;
use mesh_proto::wire::MeshSecret;

extern crate alloc;

/// One test at a time: each counts what the process has.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two nodes that keep a session.
fn pair(builder: impl Fn() -> Builder) -> (Mesh, Mesh) {
    let at = "127.0.0.1:0".parse().expect("an address");
    let set = |builder: Builder| builder.secret(MeshSecret::new([7; 32])).discover_nobody().listen(at);
    let start = || set(builder()).start().expect("it starts");
    let (a, b) = (start(), start());
    a.keep((b.me(), b.addresses()[0])).expect("there is room");
    (a, b)
}

async fn talk(a: &Mesh, b: &Mesh) {
    let receipt = a.send_with_receipt(b.me(), "hello").await.expect("it is known");
    b.messages().next().await.expect("the node lives");
    receipt.await.expect("the node lives");
}

/// What there is with so many threads of two nodes more: two listeners, and both ends of a link, and a pipe for what each
/// hears.
fn with_two_nodes(before: Counts, threads: usize) -> Counts {
    Counts { threads: before.threads + threads, sockets: before.sockets + 4, pipes: before.pipes + 4 }
}

#[test]
fn dropping_everything_ends_everything() {
    let _alone = alone();
    let before = counts();
    let (a, b) = pair(adapter_smol::builder);
    block_on(talk(&a, &b));
    let both = with_two_nodes(before, 4);
    wait_until(|now| *now == both);
    let messages = a.messages();
    drop(a);
    assert_ne!(counts().threads, 0);
    drop((messages, b));
    wait_until(|now| *now == before);
}

#[test]
fn a_node_that_has_left_has_nothing() {
    let _alone = alone();
    let before = counts();
    let (a, b) = pair(adapter_smol::builder);
    block_on(talk(&a, &b));
    block_on(a.leave(counting::PATIENCE));
    block_on(b.leave(counting::PATIENCE));
    wait_until(|now| *now == before);
}

#[test]
fn without_its_executor_a_node_has_nothing_but_its_surroundings() {
    let _alone = alone();
    let before = counts();
    let executor = Arc::new(Executor::new());
    let (a, b) = pair(|| adapter_smol::builder_on(Arc::clone(&executor)));
    block_on(executor.run(talk(&a, &b)));
    let both = with_two_nodes(before, 2);
    wait_until(|now| *now == both);
    drop(executor);
    wait_until(|now| now.sockets == before.sockets);
    drop((a, b));
    wait_until(|now| *now == before);
}
