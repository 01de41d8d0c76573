//! Kills the links of two nodes every 50 ms through ten simulated minutes of traffic both ways, seed after seed, and says
//! whether anything was lost, doubled or reordered.
//!
//! ```text
//! soak [--seeds N] [--first N] [--minutes N]
//! ```

mod life;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread::available_parallelism;
use std::time::Instant;

use life::{Summary, soak};

fn main() -> ExitCode {
    match options() {
        Ok((first, seeds, minutes)) => run(first, seeds, Duration::from_secs(60 * minutes)),
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<(u64, u64, u64), String> {
    let (mut first, mut seeds, mut minutes) = (0, 20, 10);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = match word.as_str() {
            "--first" => &mut first,
            "--seeds" => &mut seeds,
            "--minutes" => &mut minutes,
            _ => return Err(format!("what is {word}? There are --first, --seeds and --minutes")),
        };
        let said = words.next().ok_or(format!("{word} needs a number"))?;
        *value = said.parse().map_err(|_| format!("{said} is not a number"))?;
    }
    Ok((first, seeds, minutes))
}

fn run(first: u64, seeds: u64, span: Duration) -> ExitCode {
    let (next, done, fine) = (AtomicU64::new(first), AtomicU64::new(0), AtomicBool::new(true));
    let total = Mutex::new(Summary::default());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    match soak(seed, span) {
                        Ok(summary) => add(&total, summary),
                        Err(problem) => {
                            fine.store(false, Ordering::Relaxed);
                            println!("{problem}");
                        }
                    }
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if std::io::stderr().is_terminal() {
                        eprint!("\r{done} of {seeds} seeds   ");
                        if std::io::stderr().flush().is_err() {
                            continue;
                        }
                    }
                }
            });
        }
    });
    let fine = fine.into_inner();
    let Summary { killed, arrived, resent, duplicates } = total.into_inner().unwrap_or_default();
    println!(
        "{seeds} seeds of {} s each, {:.0} s: {killed} links killed, {arrived} messages arrived, each once and in order; \
         {resent} pieces went out again, {duplicates} came again and were ignored",
        span.as_secs(),
        began.elapsed().as_secs_f64()
    );
    if fine {
        ExitCode::SUCCESS
    } else {
        println!("NOT all is well: see above");
        ExitCode::FAILURE
    }
}

fn add(total: &Mutex<Summary>, one: Summary) {
    if let Ok(mut total) = total.lock() {
        total.killed += one.killed;
        total.arrived += one.arrived;
        total.resent += one.resent;
        total.duplicates += one.duplicates;
    }
}
