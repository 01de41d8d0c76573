//! The shortest way from nothing to a message.

use core::time::Duration;

use adapter_smol::{Builder, Mesh};
use async_io::{Timer, block_on};
use futures_lite::future::{self, FutureExt};
use mesh_proto::wire::MeshSecret;

const PATIENCE: Duration = Duration::from_secs(20);
/// How soon a dead link is found: so late that no ping comes to the help of what nobody woke.
const SLOWLY: Duration = Duration::from_secs(240);

fn builder() -> Builder {
    let at = "127.0.0.1:0".parse().expect("an address");
    adapter_smol::builder()
        .secret(MeshSecret::new([7; 32]))
        .discover_nobody()
        .listen(at)
        .detect_within(SLOWLY)
}

fn pair() -> (Mesh, Mesh) {
    let (a, b) = (builder().start().expect("it starts"), builder().start().expect("it starts"));
    a.keep((b.me(), b.addresses()[0])).expect("there is room");
    (a, b)
}

/// What comes of this, if it comes in time.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    let late = async {
        Timer::after(PATIENCE).await;
        panic!("it does not come in time")
    };
    future.or(late).await
}

#[test]
fn a_message_arrives_and_is_taken() {
    let (a, b) = pair();
    block_on(async {
        let receipt = a.send_with_receipt(b.me(), "hello").await.expect("it is known");
        let received = in_time(b.messages().next()).await.expect("the node lives");
        assert_eq!((received.from, &received.body[..]), (a.me(), &b"hello"[..]));
        assert_eq!(in_time(receipt).await, Some(mesh_proto::Outcome::Taken));
    });
}

#[test]
fn many_messages_arrive_in_order_both_ways() {
    let (a, b) = pair();
    block_on(async {
        a.send(b.me(), "first").await.expect("it is known");
        let first = in_time(b.messages().next()).await.expect("the node lives");
        assert_eq!(&first.body[..], b"first");
        let ((), ()) = future::zip(numbers(&a, &b), numbers(&b, &a)).await;
        let left = in_time(a.leave(Duration::from_secs(5))).await;
        assert!(left.is_flushed(), "{left:?}");
    });
}

async fn numbers(from: &Mesh, to: &Mesh) {
    let sends = async {
        for number in 0..20_000_u32 {
            from.send(to.me(), number.to_le_bytes().to_vec()).await.expect("it is known");
        }
    };
    let takes = async {
        let mut messages = to.messages();
        for number in 0..20_000_u32 {
            let received = in_time(messages.next()).await.expect("the node lives");
            assert_eq!(received.body[..], number.to_le_bytes());
        }
    };
    future::zip(sends, takes).await;
}
