//! Visits every interleaving of the machine, and says how far it came and what it found.
//!
//! ```text
//! explore [--case NAME] [--small] [--mutate] [--clause NAME] [--budget-states N] [--budget-seconds N]
//!         [--only FAULT] [--first FAULT] [--parts] [--pauses N]
//! ```
//!
//! Without options it visits all cases with the rules that ship. `--mutate` takes one clause of the rules away at a
//! time, and fails unless each is missed; `--clause` takes that one alone. `--only` leaves all faults but one out,
//! and `--pauses` says how many of the faults may be such that time passes in them. `--parts` visits a case in parts,
//! one for each fault that can come first, with a budget for each: that is how the large ones are visited to their
//! end. `--first` visits one of the parts.

use core::ops::ControlFlow;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use mesh_proto::Shipped;
use mesh_proto::explore::{CAUGHT, Case, Fault, Outcome, explore};
use mesh_proto::rules::{Clause, Without};

/// Searches at a time. Each holds its states in memory, so more cores do not mean more of them.
const WORKERS: usize = 2;

struct Options {
    case: Option<String>,
    small: bool,
    mutate: bool,
    clause: Option<Clause>,
    states: usize,
    seconds: u64,
    only: Option<&'static [Fault]>,
    first: Option<Fault>,
    parts: bool,
    pauses: Option<u8>,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let mut cases: Vec<Case> = match (&options.case, options.small || options.mutate) {
        (Some(name), _) => named(name),
        (None, true) if options.mutate => Case::TELLING.to_vec(),
        (None, true) => Case::SMALL.to_vec(),
        (None, false) => Case::ALL.to_vec(),
    };
    if cases.is_empty() {
        let names: Vec<&str> = Case::EVERY.iter().map(|case| case.name).collect();
        eprintln!("there is no such case; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    for case in &mut cases {
        case.kinds = options.only.unwrap_or(case.kinds);
        case.first = options.first;
        case.pauses = options.pauses.unwrap_or(case.pauses);
    }
    if options.parts {
        cases = cases.into_iter().flat_map(Case::parts).collect();
    }
    let fine = if options.mutate { mutate(&options, &cases) } else { visit(&options, &cases) };
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        case: None,
        small: false,
        mutate: false,
        clause: None,
        states: 100_000_000,
        seconds: 540,
        only: None,
        first: None,
        parts: false,
        pauses: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--case" => options.case = Some(value()?),
            "--pauses" => options.pauses = Some(number(&value()?)? as u8),
            "--small" => options.small = true,
            "--mutate" => options.mutate = true,
            "--clause" => {
                let name = value()?;
                let clause = CAUGHT.iter().find(|clause| clause.to_string() == name);
                options.clause = Some(*clause.ok_or(format!("no clause that is missed is called {name}"))?);
                options.mutate = true;
            }
            "--budget-states" => options.states = number(&value()?)?,
            "--budget-seconds" => options.seconds = number(&value()?)? as u64,
            "--parts" => options.parts = true,
            "--only" => options.only = Some(core::slice::from_ref(fault(&value()?)?)),
            "--first" => options.first = Some(*fault(&value()?)?),
            _ => return Err(format!("what is {word}? See the head of this program for what there is")),
        }
    }
    Ok(options)
}

fn fault(name: &str) -> Result<&'static Fault, String> {
    Fault::TALKING.iter().find(|fault| fault.name() == name).ok_or_else(|| {
        let names: Vec<&str> = Fault::TALKING.iter().map(|fault| fault.name()).collect();
        format!("there is no such fault; there are {}", names.join(", "))
    })
}

fn number(word: &str) -> Result<usize, String> {
    word.replace('_', "").parse().map_err(|_| format!("{word} is not a number"))
}

fn named(name: &str) -> Vec<Case> {
    Case::EVERY.iter().filter(|case| case.name == name).copied().collect()
}

/// Visits the cases with the rules that ship; whether nothing was found.
fn visit(options: &Options, cases: &[Case]) -> bool {
    in_parallel(cases.len(), |at| {
        let case = &cases[at];
        let began = Instant::now();
        let outcome = explore(case, Shipped, |progress| watch(options, &called(case), began, progress));
        println!("{}", told(case, &outcome, began.elapsed()));
        if let Some(violation) = &outcome.violation {
            println!("{violation}");
        }
        outcome.violation.is_none() && (outcome.complete || !case.complete || budgeted(options))
    })
}

/// Takes each clause away in turn; whether each was missed.
fn mutate(options: &Options, cases: &[Case]) -> bool {
    let clauses: &[Clause] = options.clause.as_ref().map_or(CAUGHT, core::slice::from_ref);
    in_parallel(clauses.len(), |at| {
        let clause = clauses[at];
        let mut states = 0;
        for case in cases {
            let began = Instant::now();
            let outcome =
                explore(case, Without(clause), |progress| watch(options, &called(case), began, progress));
            states += outcome.progress.states;
            if let Some(violation) = outcome.violation {
                println!(
                    "without {clause}: found in {} by '{}' after {states} states: {}",
                    case.name, violation.check, violation.says
                );
                return true;
            }
        }
        println!("without {clause}: NOT FOUND in {states} states ({})", Clause::says(clause).trim());
        false
    })
}

/// Whether the caller has set a bound of his own, and so does not expect a whole case.
fn budgeted(options: &Options) -> bool {
    options.only.is_some() || options.seconds != 540 || options.states != 100_000_000
}

fn watch(
    options: &Options,
    name: &str,
    began: Instant,
    progress: mesh_proto::explore::Progress,
) -> ControlFlow<()> {
    if std::io::stderr().is_terminal() {
        eprint!("\r{name}: {} states, depth {}   ", progress.states, progress.depth);
    }
    let spent = progress.states >= options.states || began.elapsed() >= Duration::from_secs(options.seconds);
    if spent { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn told(case: &Case, outcome: &Outcome, took: Duration) -> String {
    let reach = if outcome.complete {
        format!("complete, {} steps deep, {} states of rest", outcome.progress.depth, outcome.rests)
    } else {
        format!("{} steps deep", outcome.progress.depth)
    };
    let states = outcome.progress.states;
    format!("{}: {states} states, {reach}, {:.1} s", called(case), took.as_secs_f64())
}

fn called(case: &Case) -> String {
    case.first.map_or_else(|| case.name.into(), |first| format!("{}, {} first", case.name, first.name()))
}

/// Does all the jobs, a few at a time; whether all went well.
fn in_parallel(jobs: usize, job: impl Fn(usize) -> bool + Sync) -> bool {
    let next = AtomicUsize::new(0);
    let fine = Mutex::new(true);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS.min(jobs) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= jobs {
                        return;
                    }
                    if !job(at)
                        && let Ok(mut fine) = fine.lock()
                    {
                        *fine = false;
                    }
                }
            });
        }
    });
    fine.into_inner().unwrap_or(false)
}
