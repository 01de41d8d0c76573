//! Nodes joined by streams that no socket knows of.

extern crate alloc;

use alloc::sync::Arc;
use core::time::Duration;
use std::io;

use adapter_std::platform::clock::{Clock, Time};
use adapter_tokio::{
    Attached, Builder, Driver, Happening, Happenings, Mesh, Messages, Started, Tokio, Unattached, attach,
};
use mesh_proto::wire::MeshSecret;
use mesh_proto::{NodeId, Outcome, PathClass, Reason, Standing, SystemError, Unable};
use tokio::io::{BufStream, DuplexStream, duplex};
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(60);
const ANYBODY: Attached = Attached::Dialed { expected: None };

fn node(driver: Tokio) -> Mesh {
    let builder = Builder::new(driver).secret(MeshSecret::new([7; 32])).discover_nobody().listen_nowhere();
    builder.start().expect("it starts")
}

fn nodes(driver: Tokio) -> (Mesh, Mesh) {
    (node(driver), node(driver))
}

fn join(a: &Mesh, b: &Mesh) {
    let (here, there) = duplex(1000);
    put(a, here, Attached::Dialed { expected: Some(b.me()) });
    put(b, there, Attached::Accepted);
}

fn put(mesh: &Mesh, stream: DuplexStream, side: Attached) {
    attach(mesh, stream, side, PathClass::Direct).expect("there is room");
}

async fn next(messages: &mut Messages) -> Vec<u8> {
    let received = timeout(PATIENCE, messages.next()).await.expect("in time").expect("the node lives");
    received.body.to_vec()
}

async fn is_up(mesh: &Mesh, peer: NodeId) {
    let mut watch = mesh.watch();
    let up = async {
        while !mesh.peer(peer).is_some_and(|peer| matches!(peer.standing, Standing::Up { .. })) {
            watch.next().await;
        }
    };
    timeout(PATIENCE, up).await.expect("in time");
}

/// Waits until a link is over, and says why it was.
async fn closed(mut happenings: Happenings) -> Reason {
    let over = async {
        loop {
            let happened = happenings.next().await.expect("the node lives");
            if let Happening::LinkClosed { reason, .. } = happened.what {
                return reason;
            }
        }
    };
    timeout(PATIENCE, over).await.expect("in time")
}

async fn messages_flow(driver: Tokio) {
    let (a, b) = nodes(driver);
    join(&a, &b);
    is_up(&a, b.me()).await;
    let receipt = a.send_with_receipt(b.me(), "hello").await.expect("it is known");
    assert_eq!(next(&mut b.messages()).await, b"hello");
    assert_eq!(timeout(PATIENCE, receipt).await.expect("in time"), Some(Outcome::Taken));
    b.send(a.me(), vec![7; 100_000]).await.expect("it is known");
    assert_eq!(next(&mut a.messages()).await, vec![7; 100_000]);
}

#[tokio::test]
async fn messages_flow_over_a_stream_in_memory() {
    messages_flow(Tokio::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_flow_with_several_threads() {
    messages_flow(Tokio::new()).await;
}

#[tokio::test(start_paused = true)]
async fn messages_flow_in_virtual_time() {
    let began = std::time::Instant::now();
    messages_flow(Tokio::on_tokio_time()).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(began.elapsed() < PATIENCE, "an hour of pings takes no hour");
}

/// Two streams, and a task that carries bytes between them until it is dropped.
fn join_by_wire(a: &Mesh, b: &Mesh) -> tokio::task::JoinHandle<()> {
    let ((here, mut one), (there, mut other)) = (duplex(1000), duplex(1000));
    put(a, here, ANYBODY);
    put(b, there, Attached::Accepted);
    tokio::spawn(async move {
        let carried = tokio::io::copy_bidirectional(&mut one, &mut other).await;
        assert!(carried.is_ok(), "{carried:?}");
    })
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_over_the_next_stream_and_nothing_is_lost() {
    let (a, b) = nodes(Tokio::on_tokio_time());
    let mut wire = join_by_wire(&a, &b);
    is_up(&a, b.me()).await;
    let (from, to) = (a.clone(), b.me());
    let sends = tokio::spawn(async move {
        for number in 0..2_000_u32 {
            from.send(to, [number.to_le_bytes().as_slice(), &[0; 300]].concat()).await.expect("it is known");
        }
    });
    let mut messages = b.messages();
    for number in 0..2_000_u32 {
        if number % 400 == 200 {
            let happenings = b.happenings();
            wire.abort();
            closed(happenings).await;
            assert!(matches!(b.peer(a.me()).expect("known").standing, Standing::Away { .. }));
            wire = join_by_wire(&a, &b);
        }
        assert_eq!(next(&mut messages).await[..4], number.to_le_bytes());
    }
    sends.await.expect("it does not panic");
    let left = a.leave(Duration::from_secs(5)).await;
    assert!(left.is_flushed(), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_ends_its_link() {
    let a = node(Tokio::on_tokio_time());
    let (here, there) = duplex(1000);
    put(&a, here, ANYBODY);
    let happenings = a.happenings();
    drop(there);
    let reason = closed(happenings).await;
    assert!(matches!(reason, Reason::System(SystemError::Ended | SystemError::Reset)), "{reason:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_to_the_wrong_node_is_not_used() {
    let (a, b) = nodes(Tokio::on_tokio_time());
    let (here, there) = duplex(1000);
    let happenings = a.happenings();
    put(&a, here, Attached::Dialed { expected: Some(NodeId::new([9; 32])) });
    put(&b, there, Attached::Accepted);
    assert_eq!(closed(happenings).await, Reason::WrongPeer);
    assert_eq!((a.peers(), b.peers()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_node_says_why_it_takes_no_stream() {
    let a = node(Tokio::new());
    let (here, _there) = duplex(1000);
    let oneself = Attached::Dialed { expected: Some(a.me()) };
    let why = attach(&a, here, oneself, PathClass::Direct);
    assert_eq!(why, Err(Unattached::Unable(Unable::OwnSelf)));
    a.leave(Duration::ZERO).await;
    let (here, _there) = duplex(1000);
    let why = attach(&a, here, Attached::Accepted, PathClass::Direct);
    assert_eq!(why, Err(Unattached::Unable(Unable::Leaving)));
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_is_found_dead_in_time() {
    let within = Duration::from_secs(10);
    let node = || {
        let driver = Tokio::on_tokio_time();
        let builder = Builder::new(driver).secret(MeshSecret::new([7; 32])).discover_nobody();
        builder.listen_nowhere().detect_within(within).start().expect("it starts")
    };
    let (a, b) = (node(), node());
    let ((here, one), (there, other)) = (duplex(1000), duplex(1000));
    put(&a, here, ANYBODY);
    put(&b, there, Attached::Accepted);
    let (mut one, mut other) = (one, other);
    let carry = async {
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut one, &mut other) => {}
            () = async { is_up(&a, b.me()).await; is_up(&b, a.me()).await } => {}
        }
    };
    carry.await;
    let began = Instant::now();
    let (at_a, at_b) = tokio::join!(closed(a.happenings()), closed(b.happenings()));
    assert_eq!((at_a, at_b), (Reason::Silent, Reason::Silent));
    assert!(began.elapsed() <= within + Duration::from_millis(10), "{:?}", began.elapsed());
    drop((one, other));
}

#[tokio::test]
async fn what_a_stream_keeps_to_itself_is_flushed() {
    let (a, b) = nodes(Tokio::new());
    let (here, there) = duplex(1000);
    attach(&a, BufStream::new(here), ANYBODY, PathClass::Direct).expect("there is room");
    attach(&b, BufStream::new(there), Attached::Accepted, PathClass::Direct).expect("there is room");
    a.send(b.me(), vec![7; 100_000]).await.expect("it is known");
    assert_eq!(next(&mut b.messages()).await, vec![7; 100_000]);
}

#[test]
fn a_node_takes_streams_wherever_it_is_called_and_on_its_own_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("there is room");
    let (a, b) = runtime.block_on(async { nodes(Tokio::new()) });
    join(&a, &b);
    runtime.block_on(is_up(&a, b.me()));
    let builder = adapter_std::builder().secret(MeshSecret::new([7; 32])).discover_nobody().listen_nowhere();
    let other = builder.start().expect("it starts");
    let attached = || attach(other.handle(), duplex(1000).0, ANYBODY, PathClass::Direct);
    assert_eq!(attached(), Err(Unattached::NoRuntime));
    runtime.block_on(async { attached().expect("a runtime is here") });
}

/// A driver that does nothing, of no runtime.
struct Idle;

impl Driver for Idle {
    type Mesh = Mesh;

    fn time(&self) -> Arc<dyn Time> {
        Arc::new(Clock::new())
    }

    fn drive(self, started: Started) -> io::Result<Mesh> {
        Ok(started.mesh)
    }
}

#[test]
fn a_node_of_another_driver_has_streams_attached_in_a_runtime_only() {
    let builder = adapter_std::handle::Builder::new(Idle).secret(MeshSecret::new([7; 32])).discover_nobody();
    let mesh = builder.listen_nowhere().start().expect("it starts");
    let (here, there) = duplex(1000);
    assert_eq!(attach(&mesh, here, ANYBODY, PathClass::Direct), Err(Unattached::NoRuntime));
    drop(there);
}
