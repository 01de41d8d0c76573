//! Nodes joined by streams that the program opens.
#![cfg(unix)]

extern crate alloc;

use alloc::sync::Arc;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::os::unix::net::UnixStream;

use adapter_smol::{Attached, Builder, Executor, Mesh, Unattached, attach};
use async_io::{Async, Timer};
use futures_lite::future::{FutureExt, block_on};
use futures_lite::io::BufWriter;
use futures_lite::{AsyncRead, AsyncWrite};
use mesh_proto::wire::MeshSecret;
use mesh_proto::{Outcome, PathClass};

const PATIENCE: Duration = Duration::from_secs(20);
const ANYBODY: Attached = Attached::Dialed { expected: None };

fn node(builder: Builder) -> Mesh {
    let builder = builder.secret(MeshSecret::new([7; 32])).discover_nobody().listen_nowhere();
    builder.start().expect("it starts")
}

fn streams() -> (Async<UnixStream>, Async<UnixStream>) {
    Async::<UnixStream>::pair().expect("there is room")
}

/// Keeps what is written to itself until it is flushed.
struct Keeps(BufWriter<Async<UnixStream>>);

impl Keeps {
    fn new(stream: Async<UnixStream>) -> Self {
        Self(BufWriter::new(stream))
    }
}

impl AsyncRead for Keeps {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.0.get_mut()).poll_read(context, buffer)
    }
}

impl AsyncWrite for Keeps {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(context)
    }
}

/// Messages go both ways, and are taken.
async fn talk(a: &Mesh, b: &Mesh) {
    let talks = async {
        for (from, to) in [(a, b), (b, a)] {
            let receipt = from.send_with_receipt(to.me(), vec![7; 100_000]).await.expect("it is known");
            let received = to.messages().next().await.expect("the node lives");
            assert!(received.body[..] == [7; 100_000]);
            assert_eq!(receipt.await, Some(Outcome::Taken));
        }
    };
    let late = async {
        Timer::after(PATIENCE).await;
        panic!("it does not come in time");
    };
    talks.or(late).await;
}

#[test]
fn what_a_stream_keeps_to_itself_is_flushed() {
    let (a, b) = (node(adapter_smol::builder()), node(adapter_smol::builder()));
    let (here, there) = streams();
    attach(&a, Keeps::new(here), ANYBODY, PathClass::Direct).expect("there is room");
    attach(&b, Keeps::new(there), Attached::Accepted, PathClass::Direct).expect("there is room");
    block_on(talk(&a, &b));
}

#[test]
fn the_executor_of_the_program_runs_what_is_attached() {
    let executor = Arc::new(Executor::new());
    let node = || node(adapter_smol::builder_on(Arc::clone(&executor)));
    let (a, b) = (node(), node());
    let (here, there) = streams();
    attach(&a, here, ANYBODY, PathClass::Direct).expect("there is room");
    attach(&b, there, Attached::Accepted, PathClass::Direct).expect("there is room");
    block_on(executor.run(talk(&a, &b)));
}

#[test]
fn a_node_of_another_runtime_takes_no_stream_here() {
    let builder = adapter_std::builder().secret(MeshSecret::new([7; 32])).discover_nobody().listen_nowhere();
    let a = builder.start().expect("it starts");
    let why = attach(a.handle(), streams().0, ANYBODY, PathClass::Direct);
    assert_eq!(why, Err(Unattached::NoRuntime));
}
