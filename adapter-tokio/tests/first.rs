//! The shortest way from nothing to a message.

use core::time::Duration;

use adapter_tokio::{Builder, Mesh};
use mesh_proto::wire::MeshSecret;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

fn builder() -> Builder {
    let at = "127.0.0.1:0".parse().expect("an address");
    adapter_tokio::builder().secret(MeshSecret::new([7; 32])).discover_nobody().listen(at)
}

async fn pair() -> (Mesh, Mesh) {
    let (a, b) = (builder().start().expect("it starts"), builder().start().expect("it starts"));
    a.keep((b.me(), b.addresses()[0])).expect("there is room");
    (a, b)
}

#[tokio::test]
async fn a_message_arrives_and_is_taken() {
    let (a, b) = pair().await;
    let receipt = a.send_with_receipt(b.me(), "hello").await.expect("it is known");
    let received = timeout(PATIENCE, b.messages().next()).await.expect("in time").expect("the node lives");
    assert_eq!((received.from, &received.body[..]), (a.me(), &b"hello"[..]));
    assert_eq!(timeout(PATIENCE, receipt).await.expect("in time"), Some(mesh_proto::Outcome::Taken));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_messages_arrive_in_order_both_ways() {
    let (a, b) = pair().await;
    a.send(b.me(), "first").await.expect("it is known");
    let first = timeout(PATIENCE, b.messages().next()).await.expect("in time").expect("the node lives");
    assert_eq!(&first.body[..], b"first");
    let (from, to) = (a.clone(), b.me());
    let sends = tokio::spawn(async move {
        for number in 0..20_000_u32 {
            from.send(to, number.to_le_bytes().to_vec()).await.expect("it is known");
        }
    });
    let mut messages = b.messages();
    for number in 0..20_000_u32 {
        let received = timeout(PATIENCE, messages.next()).await.expect("in time").expect("the node lives");
        assert_eq!(received.body[..], number.to_le_bytes());
    }
    sends.await.expect("it does not panic");
    let left = timeout(PATIENCE, a.leave(Duration::from_secs(5))).await.expect("in time");
    assert!(left.is_flushed(), "{left:?}");
}
