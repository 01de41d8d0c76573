//! The threads that read standard input and hear signals.

use std::io::{self, BufRead, IsTerminal, Read};
use std::thread;

use async_channel::{Receiver, Sender};

use super::asked::Asked;
use super::line::Form;
#[cfg(unix)]
use crate::signals::SIGNALS;
use crate::signals::{Stop, stop_on_signals};

/// The longest line that is read, in bytes.
const LONGEST: u64 = 8 << 20;
/// How many lines wait at most; the reader waits when there are more.
const WAITING: usize = 256;

/// What comes from outside of the mesh.
#[derive(Debug)]
pub(super) struct Input {
    /// Each line, or what is wrong with it.
    pub(super) lines: Receiver<Result<Asked, String>>,
    /// The program is to leave.
    pub(super) stops: Receiver<()>,
    /// For those who know of another reason to leave.
    pub(super) stopper: Sender<()>,
}

impl Input {
    /// Begins to read and to listen. A second signal ends the program at once, whatever it does.
    pub(super) fn begin(form: Form) -> io::Result<Self> {
        let (stopper, stops) = async_channel::unbounded();
        let (sender, lines) = async_channel::bounded(WAITING);
        hear(stopper.clone())?;
        let at_end = stopper.clone();
        thread::Builder::new().name("input".to_owned()).spawn(move || {
            if read(&sender, form).is_ok() && io::stdin().is_terminal() {
                stop(&at_end);
            }
        })?;
        Ok(Self { lines, stops, stopper })
    }
}

/// Says that the program is to leave. Who does not hear it any more is leaving.
pub(super) fn stop(stopper: &Sender<()>) {
    stopper.try_send(()).ok();
}

/// Reads to the end of the input, or until nobody wants more.
fn read(sender: &Sender<Result<Asked, String>>, form: Form) -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let asked = if line.len() as u64 == LONGEST && !line.ends_with(b"\n") {
            input.skip_until(b'\n')?;
            Some(Err(format!("this line is longer than {LONGEST} bytes; split it")))
        } else {
            match str::from_utf8(&line) {
                Ok(line) => Asked::read(line, form),
                Err(_) => Some(Err("this line is not UTF-8; write it so".to_owned())),
            }
        };
        if let Some(asked) = asked
            && sender.send_blocking(asked).is_err()
        {
            return Ok(());
        }
    }
}

fn hear(stopper: Sender<()>) -> io::Result<()> {
    first_signal(stopper, stop_on_signals()?)
}

#[cfg(unix)]
fn first_signal(stopper: Sender<()>, _asked: Stop) -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new(SIGNALS)?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            stop(&stopper);
        }
    })?;
    Ok(())
}

/// There is nothing to wait on here, so it is looked for.
#[cfg(not(unix))]
fn first_signal(stopper: Sender<()>, asked: Stop) -> io::Result<()> {
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        while !asked.is_asked() {
            thread::sleep(core::time::Duration::from_millis(100));
        }
        stop(&stopper);
    })?;
    Ok(())
}
