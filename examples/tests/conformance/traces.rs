//! What was recorded on a runtime, again: a machine goes through it, and orders the same.

use adapter_std::handle::Message;
use mesh_proto::trace::replay;
use mesh_proto::{Heap, Outcome, Shipped};

use crate::flow::Flow;
use crate::looking::{agree, are_up};
use crate::member::{Member, Trace};
use crate::pairs::{Pair, meet};
use crate::waiting::{PATIENCE, next, until, within};

cases! {
    a_conversation_goes_the_same_way_again,
}

fn a_conversation_goes_the_same_way_again(pair: Pair) {
    let (at_a, at_b) = (Trace::default(), Trace::default());
    let member = |trace: &Trace| Member { trace: Some(trace.clone()), ..Member::quick() };
    let (a, b) = pair.start_as(member(&at_a), member(&at_b));
    let relay = b.behind_relay();
    a.keep((b.me(), relay.address())).expect("there is room");
    meet(&a, &b);
    Flow::during(&a, &b, |there| {
        Flow::during(&b, &a, |back| {
            for again in 0..3 {
                there.goes_on(10);
                back.goes_on(10);
                a.seek(b.me(), Some(b.address())).expect("there is room");
                if again == 1 {
                    a.wake();
                }
                there.goes_on(10);
                relay.cut();
            }
        });
    });
    until("one link is left", || are_up(&a, &b) && agree(&a, &b));
    let receipt = within("it is sent", a.send_with_receipt(b.me(), Message::from(vec![1; 1 << 20]).urgent()))
        .expect("it is known");
    next(&b);
    assert_eq!(within("it is told", receipt), Some(Outcome::Taken));
    within("it leaves", a.leave(PATIENCE));
    b.end();
    for trace in [at_a, at_b] {
        let report = replay::<Heap, Shipped>(&trace.bytes()).expect("no difference");
        assert_eq!(report.cut_short, None);
        assert!(report.events > 100 && report.actions > 50, "{report:?}");
    }
}
