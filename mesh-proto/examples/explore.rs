//! Visits every interleaving of the machine, and says what it found.

use std::ops::ControlFlow;
use std::time::Instant;

use mesh_proto::Shipped;
use mesh_proto::explore::{Case, explore};

fn main() {
    let case = match std::env::args().nth(1).as_deref() {
        Some("two") => Case::TWO_EACH_ONE_FAULT,
        Some("three") => Case::THREE_EACH,
        Some("nodes") => Case::THREE_NODES,
        Some("onetwo") => Case::ONE_EACH_TWO_FAULTS,
        Some("zero") => Case { faults: 0, ..Case::ONE_EACH_TWO_FAULTS },
        Some("two0") => Case { faults: 0, ..Case::TWO_EACH_ONE_FAULT },
        _ => Case::ONE_EACH_ONE_FAULT,
    };
    let began = Instant::now();
    let out = explore(&case, Shipped, |p| {
        if p.done >> 12 & 31 == 0 {
            eprintln!("{p:?} {:?}", began.elapsed());
        }
        if p.states > 20_000_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    println!("{:?} complete {} rests {} {:?}", out.progress, out.complete, out.rests, began.elapsed());
    if let Some(v) = out.violation {
        println!("{v}");
    }
}
