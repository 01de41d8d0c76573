//! Typed questions and their answers.

use core::future::Future;
use core::time::Duration;

use adapter_tokio::{Mesh, Message, RequestError, Requests};
use mesh_proto::Reason;
use mesh_proto::wire::MeshSecret;
use tokio::time::timeout;

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what).await.expect("in time")
}

fn node() -> Mesh {
    let at = "127.0.0.1:0".parse().expect("an address");
    let builder = adapter_tokio::builder().secret(MeshSecret::new([7; 32])).discover_nobody().listen(at);
    builder.start().expect("it starts")
}

fn pair() -> (Mesh, Mesh) {
    let (a, b) = (node(), node());
    a.keep((b.me(), b.addresses()[0])).expect("there is room");
    (a, b)
}

/// Answers one question with its length.
async fn measures(mut requests: Requests) {
    let mut request = soon(requests.next()).await.expect("the node lives");
    let text: String = request.read().expect("it is a text");
    request.answer(&text.len()).await.expect("the asking end is there");
}

#[tokio::test]
async fn a_question_gets_its_answer() {
    let (a, b) = pair();
    let serving = tokio::spawn(measures(b.requests()));
    assert_eq!(soon(a.request::<_, usize>(b.me(), &"four")).await, Ok(4));
    serving.await.expect("it does not panic");
    assert_eq!(a.unacknowledged(b.me()).unwrap_or_default().messages, 0, "the question was taken");
}

#[tokio::test]
async fn questions_are_no_messages() {
    let (a, b) = pair();
    let (mut messages, mut requests) = (b.messages(), b.requests());
    let asking = tokio::spawn({
        let (a, to) = (a.clone(), b.me());
        async move { a.request::<_, usize>(to, &"four").await }
    });
    let request = soon(requests.next()).await.expect("the node lives");
    soon(a.send(b.me(), "plain")).await.expect("it is known");
    assert_eq!(&soon(messages.next()).await.expect("the node lives").body[..], b"plain");
    soon(request.answer(&9_usize)).await.expect("the asking end is there");
    assert_eq!(soon(asking).await.expect("it does not panic"), Ok(9));
    assert!(a.messages().try_next().is_none(), "nor is the answer");
}

#[tokio::test]
async fn a_question_that_is_dropped_is_declined() {
    let (a, b) = pair();
    let mut requests = b.requests();
    let (answer, ()) = tokio::join!(soon(a.request::<_, usize>(b.me(), &"four")), async {
        drop(soon(requests.next()).await.expect("the node lives"));
    });
    assert_eq!(answer, Err(RequestError::Declined));
}

#[tokio::test]
async fn a_question_of_another_type_is_told_to_both_ends() {
    let (a, b) = pair();
    let mut requests = b.requests();
    let (answer, ()) = tokio::join!(soon(a.request::<_, usize>(b.me(), &7_u8)), async {
        let mut request = soon(requests.next()).await.expect("the node lives");
        let undecodable = request.read::<[u64; 30]>().expect_err("it is a number");
        assert_eq!(undecodable.0.from, a.me());
    });
    assert_eq!(answer, Err(RequestError::Unreadable));
}

#[tokio::test]
async fn where_nobody_answers_that_is_the_answer() {
    let (a, b) = pair();
    assert_eq!(soon(a.request::<_, usize>(b.me(), &"four")).await, Err(RequestError::Nobody));
}

#[tokio::test]
async fn a_session_that_ends_takes_its_questions_with_it() {
    let (a, b) = pair();
    let mut requests = b.requests();
    let (answer, ()) = tokio::join!(soon(a.request::<_, usize>(b.me(), &"four")), async {
        let _request = soon(requests.next()).await.expect("the node lives");
        let left = b.leave(Duration::ZERO).await;
        assert!(left.is_flushed());
    });
    assert_eq!(answer, Err(RequestError::Ended(Reason::Left)));
}

#[tokio::test]
async fn typed_messages_come_as_what_they_are_and_others_as_they_came() {
    let (a, b) = pair();
    let mut typed = b.typed::<(u32, String)>();
    soon(a.typed().send(b.me(), &(7_u32, "seven".to_owned()))).await.expect("it is known");
    soon(a.send(b.me(), Message::from("!"))).await.expect("it is known");
    let first = soon(typed.next()).await.expect("the node lives");
    assert_eq!(first, Ok((a.me(), (7, "seven".to_owned()))));
    let second = soon(typed.next()).await.expect("the node lives").expect_err("it is no pair");
    assert_eq!(&second.0.body[..], b"!");
}
