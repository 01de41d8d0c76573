//! Futures that are dropped: at every await, while they wait and after they were woken. Nothing is lost, doubled or stuck, and
//! nobody is kept who waits no more.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use adapter_std::handle::{Happening, Mesh, Message, Request, RequestError, SendError};
use futures_util::{SinkExt, StreamExt};
use mesh_proto::{NodeId, Reason, Window};

use crate::flow::{number, numbered};
use crate::looking::{are_up, down};
use crate::member::Member;
use crate::pairs::{Pair, meet};
use crate::room::{fill, with_room};
use crate::waiting::{PATIENCE, already, next, until, within};

cases! {
    a_dropped_send_sent_once_or_not_at_all,
    a_dropped_send_takes_no_room_from_others,
    a_message_that_waits_goes_with_its_sink_alone,
    a_dropped_receipt_changes_nothing,
    a_dropped_wait_for_messages_loses_none,
    a_dropped_wait_for_messages_takes_none_from_others,
    a_dropped_wait_for_changes_loses_none,
    a_dropped_wait_for_happenings_loses_none,
    a_dropped_wait_for_questions_loses_none,
    a_dropped_question_is_settled,
    a_dropped_answer_is_a_refusal,
    a_dropped_leave_has_left_or_not_begun,
    a_leave_that_is_dropped_after_its_goodbye_ends_the_node,
    two_may_leave_at_once,
    waiting_wakes_nobody,
}

/// Says that it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// When a future is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dropped {
    /// As soon as it waits.
    Waiting,
    /// When it was woken, and was not polled again.
    Woken,
}

const EITHER: [Dropped; 2] = [Dropped::Waiting, Dropped::Woken];

/// Polls a future so many times, and drops it: what it had become. Something happens in between, which wakes it. It leaves
/// nothing behind.
#[track_caller]
fn polled<F: Future>(
    polls: usize,
    dropped: Dropped,
    future: F,
    mut happens: impl FnMut(usize),
) -> Option<F::Output> {
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = Box::pin(future);
    let mut done = None;
    for poll in 0..polls {
        if let Poll::Ready(output) = moves(future.as_mut(), &waker) {
            done = Some(output);
            break;
        }
        if poll + 1 < polls || dropped == Dropped::Woken {
            happens(poll);
            until("it is woken", || woken.0.swap(false, Ordering::AcqRel));
        }
    }
    drop((future, waker));
    until("nobody keeps its waker", || Arc::strong_count(&woken) == 1);
    done
}

/// Polls a future in one task and then in another, with this waker. The first is not kept.
#[track_caller]
fn moves<F: Future>(mut future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    let before = Arc::<Woken>::default();
    let polled = future.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&before))));
    if polled.is_ready() {
        return polled;
    }
    let polled = future.as_mut().poll(&mut Context::from_waker(waker));
    if polled.is_pending() {
        until("nobody keeps the first one", || Arc::strong_count(&before) == 1);
    }
    polled
}

/// Drops a future at each of its awaits in turn, until one comes to its end: what it became.
#[track_caller]
fn at_every_await<F: Future>(
    begins: impl Fn() -> F,
    mut happens: impl FnMut(usize),
    mut after: impl FnMut(),
) -> F::Output {
    let mut polls = 1;
    loop {
        for dropped in EITHER {
            if let Some(done) = polled(polls, dropped, begins(), &mut happens) {
                return done;
            }
            after();
        }
        polls += 1;
        assert!(polls < 20, "it comes to its end at some time");
    }
}

fn is_empty(from: &Mesh, to: &Mesh) -> bool {
    from.unacknowledged(to.me()) == Some(Window::default())
}

/// Someone that is nowhere.
fn absent() -> NodeId {
    Member::calm().identity.id()
}

type Boxed<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

const WHOLE: &str = "whole";

/// Each way to send that waits for room.
fn ways_to_send<'a>(a: &'a Mesh, to: NodeId) -> [Box<dyn Fn() -> Boxed<'a> + 'a>; 4] {
    [
        Box::new(move || Box::pin(async move { a.send(to, WHOLE).await.expect("it is known") })),
        Box::new(move || {
            Box::pin(async move { drop(a.send_with_receipt(to, WHOLE).await.expect("it is known")) })
        }),
        Box::new(move || {
            Box::pin(async move { a.typed().send(to, &WHOLE.to_owned()).await.expect("it is known") })
        }),
        Box::new(move || {
            Box::pin(async move { a.sink(to).send(Message::from(WHOLE)).await.expect("it is known") })
        }),
    ]
}

fn a_dropped_send_sent_once_or_not_at_all(pair: Pair) {
    let (a, b, most) = fill(pair, 8);
    let (sent, taken) = (Cell::new(most), Cell::new(0));
    let take = || {
        assert_eq!(number(&next(&b)), taken.get(), "none is lost, doubled or out of order");
        taken.set(taken.get() + 1);
    };
    let fill_up = || {
        while a.try_send(b.me(), numbered(sent.get())) != Err(SendError::NoRoom) {
            sent.set(sent.get() + 1);
        }
    };
    for begins in ways_to_send(&a, b.me()) {
        at_every_await(begins, |_| take(), fill_up);
        while taken.get() < sent.get() {
            take();
        }
        assert!(next(&b).body.ends_with(WHOLE.as_bytes()), "it comes once, where it was sent");
        assert_eq!(b.messages().try_next(), None);
        until("all is known to be taken", || is_empty(&a, &b));
        let before = sent.get();
        fill_up();
        assert_eq!(sent.get() - before, most, "all room was given back");
    }
}

fn a_dropped_send_takes_no_room_from_others(pair: Pair) {
    let (a, b, _) = fill(pair, 8);
    let mut other = pin!(a.send(b.me(), "the other"));
    assert_eq!(already(other.as_mut()), None, "there is no room");
    let dropped = polled(1, Dropped::Woken, a.send(b.me(), "dropped"), |_| drop(next(&b)));
    assert_eq!(dropped, None);
    within("there is room for the other", other).expect("it is known");
}

fn a_message_that_waits_goes_with_its_sink_alone(pair: Pair) {
    let (a, b, sent) = fill(pair, 8);
    let mut sink = a.sink(b.me());
    assert_eq!(already(sink.send(Message::from("kept"))), None, "there is no room");
    assert_eq!(already(SinkExt::<Message>::flush(&mut sink)), None, "there is no room");
    for awaited in 0..sent {
        assert_eq!(number(&next(&b)), awaited);
    }
    within("there is room", SinkExt::<Message>::flush(&mut sink)).expect("it is known");
    assert_eq!(next(&b).body[..], b"kept"[..]);
    assert_eq!(b.messages().try_next(), None);
}

fn a_dropped_receipt_changes_nothing(pair: Pair) {
    let (a, b) = pair.connected();
    for (dropped, body) in EITHER.into_iter().zip(["one", "other"]) {
        let receipt = within("there is room", a.send_with_receipt(b.me(), body)).expect("it is known");
        let take = || assert_eq!(next(&b).body[..], *body.as_bytes());
        assert_eq!(polled(1, dropped, receipt, |_| take()), None);
        if dropped == Dropped::Waiting {
            take();
        }
        until("it is known to be taken", || is_empty(&a, &b));
        assert_eq!(b.messages().try_next(), None);
    }
}

fn a_dropped_wait_for_messages_loses_none(pair: Pair) {
    let (a, b) = pair.connected();
    let mut messages = b.messages();
    let sent = Cell::new(0);
    let send = |_| {
        a.try_send(b.me(), numbered(sent.get())).expect("there is room");
        sent.set(sent.get() + 1);
    };
    for awaited in 0..20 {
        let dropped = EITHER[awaited as usize % 2];
        assert_eq!(polled(1, dropped, messages.next(), send), None);
        if dropped == Dropped::Waiting {
            send(0);
        }
        assert_eq!(number(&within("a message", messages.next()).expect("the node lives")), awaited);
    }
    // As a stream, which has its place as long as it is there.
    let as_stream = || async { StreamExt::next(&mut b.messages()).await.expect("the node lives") };
    let came = at_every_await(as_stream, send, || while b.messages().try_next().is_some() {});
    assert_eq!(number(&came) + 1, sent.get());
    until("all is known to be taken", || is_empty(&a, &b));
}

fn a_dropped_wait_for_messages_takes_none_from_others(pair: Pair) {
    let (a, b) = pair.connected();
    let (mut one, mut other) = (b.messages(), b.messages());
    let mut waits = pin!(other.next());
    assert_eq!(already(waits.as_mut()), None, "nothing has come");
    let send = |_| a.try_send(b.me(), "for either").expect("there is room");
    assert_eq!(polled(1, Dropped::Woken, one.next(), send), None);
    assert_eq!(within("it comes", waits).expect("the node lives").body[..], b"for either"[..]);
}

fn a_dropped_wait_for_changes_loses_none(pair: Pair) {
    let (a, _b) = pair.connected();
    let mut watch = a.watch();
    for dropped in EITHER {
        let peer = absent();
        let keep = |_| a.keep(peer).expect("there is room");
        while already(watch.next()).is_some() {}
        assert_eq!(polled(1, dropped, watch.next(), keep), None);
        if dropped == Dropped::Waiting {
            keep(0);
        }
        let change = within("a change", watch.next()).expect("the node lives");
        assert_eq!((change.peer.id, change.missed), (peer, 0));
    }
    let as_stream = || async {
        let mut watch = a.watch();
        while already(watch.next()).is_some() {}
        StreamExt::next(&mut watch).await.expect("the node lives")
    };
    at_every_await(as_stream, |_| a.keep(absent()).expect("there is room"), || {});
}

fn a_dropped_wait_for_happenings_loses_none(pair: Pair) {
    let (a, b) = pair.connected();
    let mut happenings = a.happenings();
    let seek = |_| a.seek(b.me(), Some(b.address())).expect("there is room");
    for dropped in EITHER {
        assert_eq!(polled(1, dropped, happenings.next(), seek), None);
        if dropped == Dropped::Waiting {
            seek(0);
        }
        let mut told = Vec::new();
        until("it was opened and closed", || {
            told.extend(already(happenings.next()).flatten());
            matches!(told.last().map(|told| &told.what), Some(Happening::LinkClosed { .. }))
        });
        let opened = told.iter().filter(|told| matches!(told.what, Happening::LinkOpened { .. }));
        assert_eq!(opened.count(), 1, "{told:?}");
        assert!(told.iter().all(|told| told.missed == 0), "{told:?}");
    }
    let as_stream = || async { StreamExt::next(&mut a.happenings()).await.expect("the node lives") };
    at_every_await(as_stream, seek, || {});
}

fn a_dropped_wait_for_questions_loses_none(pair: Pair) {
    let (a, b) = pair.connected();
    let mut requests = b.requests();
    for dropped in EITHER {
        let mut asked = pin!(a.request::<_, u32>(b.me(), &7_u32));
        let mut ask = |_| assert_eq!(already(asked.as_mut()), None, "nobody has answered");
        assert!(polled(1, dropped, requests.next(), &mut ask).is_none());
        if dropped == Dropped::Waiting {
            ask(0);
        }
        let mut request = within("a question", requests.next()).expect("the node lives");
        assert_eq!(request.read(), Ok(7_u32));
        within("it is answered", request.answer(&8_u32)).expect("it is known");
        assert_eq!(within("the answer", asked), Ok(8));
    }
}

fn a_dropped_question_is_settled(pair: Pair) {
    let (a, b) = pair.connected();
    let requests = RefCell::new(b.requests());
    let (asked, open) = (Cell::new(0), RefCell::new(None::<Request>));
    let begins = || {
        asked.set(asked.get() + 1);
        let question = asked.get();
        let (a, to) = (&a, b.me());
        async move { a.request::<u32, u32>(to, &question).await }
    };
    let mut seen = Vec::new();
    let happens = |awaits| {
        if awaits > 0 {
            let Some(request) = open.take() else { return };
            within("it is answered", request.answer(&asked.get())).expect("it is known");
            return;
        }
        // Those that were dropped come as well, and are answered for nobody.
        let mut question = 0;
        while question != asked.get() {
            let request = within("a question", requests.borrow_mut().next()).expect("the node lives");
            let mut kept = open.borrow_mut();
            question = kept.insert(request).read().expect("it is a number");
            seen.push(question);
        }
    };
    assert_eq!(at_every_await(begins, happens, || drop(open.take())), Ok(asked.get()));
    assert!(seen.is_sorted_by(|one, other| one < other), "each came once, and in order: {seen:?}");
    until("nothing is under way", || is_empty(&a, &b) && is_empty(&b, &a));
    assert_eq!((a.messages().try_next(), b.messages().try_next()), (None, None));

    // Where there is no room for it, a question that is dropped is not asked.
    let (a, b, sent) = fill(pair, 8);
    let mut requests = b.requests();
    let take = |_| drop(next(&b));
    for (taken, dropped) in EITHER.into_iter().enumerate() {
        assert!(polled(1, dropped, a.request::<_, u32>(b.me(), &1_u32), take).is_none());
        assert_eq!(a.unacknowledged(b.me()).expect("it is known").messages, sent - u32::from(taken == 1));
    }
    for _ in 1..sent {
        take(0);
    }
    until("nothing is under way", || is_empty(&a, &b));
    assert!(already(requests.next()).is_none());
}

fn a_dropped_answer_is_a_refusal(pair: Pair) {
    let (a, b) = pair.connected_as(with_room(8), with_room(8));
    let mut requests = b.requests();
    for dropped in EITHER {
        let mut asked = pin!(a.request::<_, u32>(b.me(), &7_u32));
        assert_eq!(already(asked.as_mut()), None, "nobody has answered");
        let request = within("a question", requests.next()).expect("the node lives");
        let (mut sent, mut taken) = (0, 0);
        while b.try_send(a.me(), numbered(sent)) != Err(SendError::NoRoom) {
            sent += 1;
        }
        let mut take = |_| {
            assert_eq!(number(&next(&a)), taken);
            taken += 1;
        };
        assert_eq!(polled(1, dropped, request.answer(&8_u32), &mut take), None);
        // It waits for room as a word that is owed, and nobody has to see to that.
        for _ in 0..sent - u32::from(dropped == Dropped::Woken) {
            take(0);
        }
        assert_eq!(within("it is told", asked), Err(RequestError::Declined));
    }
    assert_eq!(a.messages().try_next(), None);
    until("nothing is under way", || is_empty(&a, &b) && is_empty(&b, &a));
}

fn a_dropped_leave_has_left_or_not_begun(pair: Pair) {
    // It is woken more often than there is something for it.
    let mut went_on = false;
    for polls in 1..20 {
        for dropped in EITHER {
            let (a, b) = pair.connected();
            a.try_send(b.me(), "the last").expect("there is room");
            let mut taken = false;
            let left = polled(polls, dropped, a.leave(PATIENCE), |awaits| {
                if awaits == 0 {
                    taken = next(&b).body[..] == b"the last"[..];
                }
            });
            if let Some(left) = left {
                assert!(left.is_flushed(), "{left:?}");
                until("the other end is told", || down(&b, a.me()) == Some(Reason::Left));
                assert!(went_on);
                return;
            }
            match a.try_send(b.me(), "it goes on") {
                Ok(()) => {
                    if !taken {
                        assert_eq!(next(&b).body[..], b"the last"[..]);
                    }
                    assert_eq!(next(&b).body[..], b"it goes on"[..]);
                    assert!(are_up(&a, &b));
                    went_on = true;
                }
                Err(why) => {
                    assert_eq!(why, SendError::Leaving);
                    is_over(&a, &b);
                }
            }
        }
    }
    panic!("it never leaves");
}

/// Whether a node has ended, and said goodbye.
#[track_caller]
fn is_over(node: &Mesh, other: &Mesh) {
    assert_eq!(within("it ends", node.messages().next()), None);
    until("the other end is told", || down(other, node.me()) == Some(Reason::Left));
}

fn a_leave_that_is_dropped_after_its_goodbye_ends_the_node(pair: Pair) {
    for dropped in EITHER {
        let (a, b) = pair.start();
        let relay = b.behind_relay();
        a.keep((b.me(), relay.address())).expect("there is room");
        meet(&a, &b);
        // Nothing is left to send, and the answer to the goodbye takes its time.
        relay.delay(Duration::from_millis(200));
        assert_eq!(polled(1, dropped, a.leave(Duration::ZERO), |_| ()), None);
        assert_eq!(a.try_send(b.me(), "late"), Err(SendError::Leaving));
        is_over(&a, &b);
    }
}

fn two_may_leave_at_once(pair: Pair) {
    let (a, b) = pair.connected();
    a.try_send(b.me(), "the last").expect("there is room");
    let (mut one, mut other) = (pin!(a.leave(PATIENCE)), pin!(a.leave(PATIENCE)));
    let wakers: [Arc<Woken>; 2] = Default::default();
    let [first, second] = wakers.each_ref().map(|woken| Waker::from(Arc::clone(woken)));
    assert!(one.as_mut().poll(&mut Context::from_waker(&first)).is_pending());
    assert!(other.as_mut().poll(&mut Context::from_waker(&second)).is_pending());
    let woken = wakers.each_ref().map(|woken| woken.0.load(Ordering::Acquire));
    assert_eq!(woken, [false; 2], "neither wakes the other for nothing");
    assert_eq!(next(&b).body[..], b"the last"[..]);
    assert!(within("it leaves", one).is_flushed());
    within("it has left", other);
}

/// Whoever waits again, as another task or as the same one under another waker, is not woken for that.
#[track_caller]
fn is_quiet<F: Future>(what: &str, future: F) {
    let mut future = pin!(future);
    let wakers: [Arc<Woken>; 3] = Default::default();
    for woken in &wakers {
        let waker = Waker::from(Arc::clone(woken));
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "{what} comes at once");
    }
    let woken = wakers.each_ref().map(|woken| woken.0.load(Ordering::Acquire));
    assert_eq!(woken, [false; 3], "{what} never sleeps");
}

fn waiting_wakes_nobody(pair: Pair) {
    // Nothing happens to a node that knows nobody who is there.
    let a = with_room(8).start(pair.dialer);
    let peer = absent();
    let receipt = within("there is room", a.send_with_receipt(peer, "first")).expect("there is a place");
    is_quiet("a receipt", receipt);
    is_quiet("an answer", a.request::<_, u32>(peer, &7_u32));
    while a.try_send(peer, "more") != Err(SendError::NoRoom) {}
    is_quiet("room", a.send(peer, "too much"));
    is_quiet("a message", a.messages().next());
    is_quiet("a question", a.requests().next());
    is_quiet("the end", a.leave(PATIENCE));
    let (mut watch, mut happenings) = (a.watch(), a.happenings());
    while already(watch.next()).is_some() {}
    is_quiet("a change", watch.next());
    is_quiet("a happening", happenings.next());
}
