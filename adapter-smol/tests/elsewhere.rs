//! Nodes in programs of other runtimes, and on an executor of the program.

use alloc::sync::Arc;
use core::time::Duration;
use std::thread;

use adapter_smol::{Builder, Executor, Mesh};
use futures_lite::future::block_on;
use mesh_proto::Outcome;
use mesh_proto::wire::MeshSecret;

extern crate alloc;

const PATIENCE: Duration = Duration::from_secs(20);

fn set(builder: Builder) -> Builder {
    let at = "127.0.0.1:0".parse().expect("an address");
    builder.secret(MeshSecret::new([7; 32])).discover_nobody().listen(at)
}

fn pair(builder: impl Fn() -> Builder) -> (Mesh, Mesh) {
    let start = || set(builder()).start().expect("it starts");
    let (a, b) = (start(), start());
    a.keep((b.me(), b.addresses()[0])).expect("there is room");
    (a, b)
}

async fn talk(a: &Mesh, b: &Mesh) {
    let receipt = a.send_with_receipt(b.me(), "hello").await.expect("it is known");
    let received = b.messages().next().await.expect("the node lives");
    assert_eq!((received.from, &received.body[..]), (a.me(), &b"hello"[..]));
    assert_eq!(receipt.await, Some(Outcome::Taken));
}

#[tokio::test(flavor = "current_thread")]
async fn within_tokio_on_one_thread() {
    let (a, b) = pair(adapter_smol::builder);
    tokio::time::timeout(PATIENCE, talk(&a, &b)).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn within_tokio_on_many_threads() {
    let (a, b) = pair(adapter_smol::builder);
    let talks = tokio::spawn(async move { talk(&a, &b).await });
    tokio::time::timeout(PATIENCE, talks).await.expect("in time").expect("it does not panic");
}

#[test]
fn on_a_thread_of_the_program_without_a_runtime() {
    let (a, b) = pair(adapter_smol::builder);
    block_on(talk(&a, &b));
}

#[test]
fn on_an_executor_of_the_program() {
    let executor = Arc::new(Executor::new());
    let (a, b) = pair(|| adapter_smol::builder_on(Arc::clone(&executor)));
    block_on(executor.run(talk(&a, &b)));
    // Nothing but the nodes' tasks is left, and they end with the nodes.
    assert!(!executor.is_empty());
    drop((a, b));
    block_on(async {
        while !executor.is_empty() {
            executor.tick().await;
        }
    });
}

#[test]
fn on_an_executor_that_many_threads_run() {
    let executor = Arc::new(Executor::new());
    let (a, b) = pair(|| adapter_smol::builder_on(Arc::clone(&executor)));
    let ended = [a.hub().ended(), a.hub().ended()];
    thread::scope(|scope| {
        for ended in ended {
            let executor = &executor;
            scope.spawn(move || block_on(executor.run(ended)));
        }
        block_on(talk(&a, &b));
        drop(a);
    });
}
