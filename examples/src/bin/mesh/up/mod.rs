//! `mesh up`: one node for real use.
//!
//! | file | what it has |
//! |---|---|
//! | `options` | what can be said on the command line, and in the configuration file |
//! | `asked` | what is typed, or written as JSON lines |
//! | `input` | the threads that read, and hear signals |
//! | `line` | what is told, as JSON lines or for people |
//! | `reasons` | the names of reasons |
//! | `post` | what was sent, and what became of it |
//! | `session` | the loop between all of these and the node |

mod asked;
mod input;
mod line;
mod options;
mod post;

mod session;

use core::time::Duration;
use std::io;
use std::time::Instant;

use crate::failure::Failure;
use crate::trace::Trace;
use input::Input;
use line::{Line, Output};
use options::Node;
use session::Session;

pub(crate) use options::Options;

pub(crate) fn run(options: Options, began: Instant) -> Result<(), Failure> {
    let system = |error: io::Error| Failure::Running(format!("the system said: {error}"));
    let options = options.with_file()?;
    let (runtime, form) = (options.runtime.unwrap_or_default(), options.form());
    let trace = options.trace.as_deref().map(Trace::create).transpose()?;
    let node = Node::of(&options, trace.clone())?;
    let gap = node.gap();
    // Signals are heard before anything is begun that is to be ended well.
    let input = Input::begin(form).map_err(system)?;
    let engine = runtime.begin().map_err(system)?;
    let mesh = engine.start(node)?;
    let output = Output::new(form, began);
    let mut session = Session::new(mesh, input, output, gap);
    let addresses = session.mesh().addresses();
    let node = session.mesh().me().into();
    session.tell(&Line::Listening { node, addrs: addresses, runtime: runtime.name() });
    futures_lite::future::block_on(async {
        let done = session.run().await;
        if done.is_err() {
            // Nobody can be told what becomes of it, but the others are told that this node goes.
            session.mesh().leave(Duration::ZERO).await;
        }
        done
    })?;
    trace.map_or(Ok(()), |trace| trace.end())
}
