//! The two halves of a link, on two threads.

use std::io::{self, ErrorKind, Read, Write};

use super::park::block_on;
use crate::hub::{Incoming, Outgoing};

/// Reads until the link is over: somebody shuts the stream then, which ends a read that waits.
pub(super) fn read(mut incoming: Incoming, mut stream: impl Read) {
    let over = incoming.over();
    loop {
        let read = stream.read(incoming.space());
        let goes_on = if has_waited(&read) { !over.is_over() } else { incoming.came(read) };
        if !goes_on {
            return;
        }
    }
}

/// Writes until the link is over, and is told then before each further write.
pub(super) fn write(mut outgoing: Outgoing, mut stream: impl Write, mut is_over: impl FnMut()) {
    let over = outgoing.over();
    while block_on(outgoing.ready()) {
        if over.is_over() {
            is_over();
        }
        let written = stream.write(outgoing.bytes());
        if has_waited(&written) && !over.is_over() {
            continue;
        }
        if !outgoing.wrote(written) {
            return;
        }
        if outgoing.bytes().is_empty()
            && let Err(error) = flush(&mut stream)
            && !outgoing.wrote(Err(error))
        {
            return;
        }
    }
}

/// What a stream keeps to itself goes out before anybody waits.
fn flush(stream: &mut impl Write) -> io::Result<()> {
    match stream.flush() {
        Err(error) if waited(&error) => Ok(()),
        flushed => flushed,
    }
}

fn has_waited<T>(done: &io::Result<T>) -> bool {
    done.as_ref().is_err_and(waited)
}

/// Whether a stream gave up for now, rather than for good. Where the system says of a stream that it timed out, it is dead;
/// but for Windows, which says so of a write that has waited.
fn waited(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == ErrorKind::WouldBlock
        || kind == ErrorKind::TimedOut && (cfg!(windows) || error.raw_os_error().is_none())
}
