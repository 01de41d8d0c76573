//! Questions and their answers, and messages of one type.

use core::pin::pin;

use adapter_std::handle::{AnswerError, Mesh, RequestError, SendError, TypedError, Undecodable};
use mesh_proto::{Limits, Outcome, Reason, Standing};

use crate::looking::{ended, is_up};
use crate::member::Node;
use crate::pairs::{Pair, meet};
use crate::waiting::{already, next, until, within};

cases! {
    a_question_is_answered,
    many_questions_are_answered_out_of_order,
    a_question_that_nobody_answers,
    a_question_of_another_type,
    a_question_whose_session_ends,
    an_answer_to_an_ended_session_goes_to_nobody,
    an_answer_to_an_earlier_run_is_none_to_the_next,
    an_answer_that_cannot_be_sent,
    messages_of_one_type,
    who_sends_a_typed_message_with_a_receipt_hears_whether_it_was_read,
}

fn a_question_is_answered(pair: Pair) {
    let (a, b) = pair.connected();
    let (mut at_a, mut at_b) = (a.requests(), b.requests());
    for (asks, answers, requests) in [(&a, &b, &mut at_b), (&b, &a, &mut at_a)] {
        let mut asked = pin!(asks.request::<_, String>(answers.me(), &(7_u32, "seven")));
        assert_eq!(already(asked.as_mut()), None, "nobody has answered");
        asks.try_send(answers.me(), "beside it").expect("it is known");
        let mut request = within("a question", requests.next()).expect("the node lives");
        assert_eq!(request.from(), asks.me());
        let (number, name) = request.read::<(u32, String)>().expect("it is of this type");
        within("it is answered", request.answer(&format!("{number} is {name}"))).expect("it is known");
        assert_eq!(within("the answer", asked), Ok("7 is seven".to_owned()));
        assert_eq!(next(answers).body[..], b"beside it"[..], "a message is no question");
    }
}

fn many_questions_are_answered_out_of_order(pair: Pair) {
    let (a, b) = pair.connected();
    let mut requests = b.requests();
    let numbers: Vec<u32> = (0..20).collect();
    let mut asked: Vec<_> =
        numbers.iter().map(|number| Box::pin(a.request::<_, u32>(b.me(), number))).collect();
    for question in &mut asked {
        assert_eq!(already(question.as_mut()), None, "nobody has answered");
    }
    let mut open: Vec<_> =
        (0..20).map(|_| within("a question", requests.next()).expect("the node lives")).collect();
    while let Some(mut request) = open.pop() {
        let number: u32 = request.read().expect("it is a number");
        within("it is answered", request.answer(&(number * number))).expect("it is known");
    }
    for (number, question) in numbers.iter().zip(asked) {
        assert_eq!(within("the answer", question), Ok(number * number));
    }
}

fn a_question_that_nobody_answers(pair: Pair) {
    let (a, b) = pair.connected();
    let ask = || a.request::<_, u32>(b.me(), &1_u32);
    assert_eq!(within("it is told", ask()), Err(RequestError::Nobody));
    let mut requests = b.requests();
    let mut asked = pin!(ask());
    assert_eq!(already(asked.as_mut()), None, "nobody has answered");
    drop(within("a question", requests.next()));
    assert_eq!(within("it is told", asked), Err(RequestError::Declined));
    assert_eq!(
        within("it is told", a.request::<_, u32>(a.me(), &1_u32)),
        Err(RequestError::Unsent(SendError::OwnSelf))
    );
}

fn a_question_of_another_type(pair: Pair) {
    let (a, b) = pair.connected();
    let mut requests = b.requests();
    let mut asked = pin!(a.request::<_, String>(b.me(), &1_u8));
    assert_eq!(already(asked.as_mut()), None, "nobody has answered");
    let mut request = within("a question", requests.next()).expect("the node lives");
    assert!(request.read::<(u64, String)>().is_err());
    assert_eq!(within("it is told", asked), Err(RequestError::Unreadable));
    drop(request);

    let mut asked = pin!(a.request::<_, String>(b.me(), &1_u8));
    assert_eq!(already(asked.as_mut()), None, "nobody has answered");
    let request = within("a question", requests.next()).expect("the node lives");
    within("it is answered", request.answer(&())).expect("it is known");
    assert_eq!(within("it is told", asked), Err(RequestError::OtherType));
}

fn a_question_whose_session_ends(pair: Pair) {
    let (a, b) = pair.connected();
    let mut requests = b.requests();
    let mut asked = pin!(a.request::<_, u32>(b.me(), &1_u32));
    assert_eq!(already(asked.as_mut()), None, "nobody has answered");
    let request = within("a question", requests.next()).expect("the node lives");
    until("it is known to be taken", || a.unacknowledged(b.me()).is_some_and(|window| window.messages == 0));
    assert_eq!(already(asked.as_mut()), None, "nobody has answered");
    b.forget(a.me()).expect("it is known");
    assert_eq!(within("it is told", asked), Err(RequestError::Ended(Reason::Forgotten)));
    drop(request);
    // Whoever keeps it soon has tried again, and may be up by then.
    until("both know", || ended(&a).contains(&Reason::Forgotten));

    // Whoever is away has taken nothing.
    let mut asked = pin!(a.request::<_, u32>(crate::member::Member::calm().identity.id(), &1_u32));
    assert_eq!(already(asked.as_mut()), None, "nobody is there");
    a.end();
    let told = within("it is told", asked).expect_err("nobody is there");
    let ended =
        [RequestError::Ended(Reason::Shutdown), RequestError::Undelivered(Outcome::Ended(Reason::Shutdown))];
    assert!(ended.contains(&told), "{told}");
}

fn an_answer_to_an_ended_session_goes_to_nobody(pair: Pair) {
    let (a, b) = pair.connected();
    let mut requests = b.requests();
    let mut asked = pin!(a.request::<_, u32>(b.me(), &1_u32));
    assert_eq!(already(asked.as_mut()), None, "nobody has answered");
    let request = within("a question", requests.next()).expect("the node lives");
    a.forget(b.me()).expect("it is known");
    until("both know", || !is_up(&a, b.me()) && !is_up(&b, a.me()));
    assert_eq!(within("it is told", request.answer(&1_u32)), Err(AnswerError::Ended));
    assert!(b.peer(a.me()).is_none_or(|view| matches!(view.standing, Standing::Down { .. })));
}

fn an_answer_to_an_earlier_run_is_none_to_the_next(pair: Pair) {
    let (a, b) = pair.connected();
    let mut requests = b.requests();
    let mut ask = |a: &Node| {
        let (mesh, to) = (Mesh::clone(a), b.me());
        let mut asked = Box::pin(async move { mesh.request::<_, String>(to, &1_u32).await });
        assert_eq!(already(asked.as_mut()), None, "nobody has answered");
        (within("a question", requests.next()).expect("the node lives"), asked)
    };
    let (early, _) = ask(&a);
    let next_run = a.member().next_run();
    drop(a);
    let a = next_run.start(pair.dialer);
    a.keep((b.me(), b.address())).expect("there is room");
    meet(&a, &b);
    let (late, mut asked) = ask(&a);
    within("it is sent", early.answer(&"early")).expect("there is a session");
    b.try_send(a.me(), "behind it").expect("it is known");
    assert_eq!(next(&a).body[..], b"behind it"[..]);
    assert_eq!(already(asked.as_mut()), None, "it was an answer to another question");
    within("it is sent", late.answer(&"late")).expect("there is a session");
    assert_eq!(within("the answer", asked), Ok("late".to_owned()));
}

fn an_answer_that_cannot_be_sent(pair: Pair) {
    let (a, b) = pair.connected();
    let mut requests = b.requests();
    let mut asked = pin!(a.request::<_, Vec<u8>>(b.me(), &1_u32));
    assert_eq!(already(asked.as_mut()), None, "nobody has answered");
    let request = within("a question", requests.next()).expect("the node lives");
    let limit = Limits::default().message;
    let answered = within("it is told", request.answer(&vec![0_u8; limit as usize]));
    assert_eq!(answered, Err(AnswerError::Unsent(SendError::TooLarge { limit })));
    assert_eq!(within("it is told", asked), Err(RequestError::Declined));
}

fn messages_of_one_type(pair: Pair) {
    let (a, b) = pair.connected();
    let (there, mut here) = (a.typed::<(u32, String)>(), b.typed::<(u32, String)>());
    let message = (7, "seven".to_owned());
    within("there is room", there.send(b.me(), &message)).expect("it is known");
    assert_eq!(within("a message", here.next()), Some(Ok((a.me(), message))));
    a.try_send(b.me(), "").expect("it is known");
    let came = within("a message", here.next()).expect("the node lives");
    assert!(matches!(came, Err(Undecodable(received)) if received.body.is_empty()));
}

fn who_sends_a_typed_message_with_a_receipt_hears_whether_it_was_read(pair: Pair) {
    let (a, b) = pair.connected();
    let (there, mut here) = (a.typed::<(u32, String)>(), b.typed::<(u32, String)>());
    let message = (7, "seven".to_owned());
    let mut told = pin!(there.send_with_receipt(b.me(), &message));
    assert_eq!(already(told.as_mut()), None, "nobody has taken it");
    assert_eq!(within("a message", here.next()), Some(Ok((a.me(), message.clone()))));
    assert_eq!(within("it is told", told), Ok(()));

    let other = a.typed::<u8>();
    let mut told = pin!(other.send_with_receipt(b.me(), &1));
    assert_eq!(already(told.as_mut()), None, "nobody has taken it");
    let came = within("a message", here.next()).expect("the node lives");
    let Err(Undecodable(received)) = came else { panic!("{came:?}") };
    assert_eq!((received.kind, &received.body[..]), (0, &[1][..]), "it is as it was sent");
    assert_eq!(within("it is told", told), Err(TypedError::Unreadable));

    let mut told = pin!(there.send_with_receipt(b.me(), &message));
    assert_eq!(already(told.as_mut()), None, "nobody has taken it");
    assert_eq!(next(&b).body[..], b"\x07\x05seven"[..]);
    assert_eq!(within("it is told", told), Ok(()), "as bytes it can be read");

    let mut told = pin!(there.send_with_receipt(b.me(), &message));
    assert_eq!(already(told.as_mut()), None, "nobody has taken it");
    b.forget(a.me()).expect("it is known");
    let ended = Reason::Forgotten;
    let told = within("it is told", told).expect_err("nobody took it");
    assert!(
        [TypedError::Ended(ended), TypedError::Undelivered(Outcome::Ended(ended))].contains(&told),
        "{told}"
    );
}
