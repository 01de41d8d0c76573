//! What an event costs in time, with few peers and with many.
//!
//! `cargo bench -p mesh-proto --bench cost` prints the median and the least nanoseconds of one, and how often that is the
//! cost with the fewest peers. Rounds go through all numbers of peers and all events in turn, so that whatever else the
//! computer does hits all alike.
//!
//! With many peers a machine is larger than the caches. What one access costs then that has to wait for the memory is
//! measured beside the events, by a walk through a table as large; the last column says how many such waits the time
//! amounts to that the most peers cost more than the fewest.

mod scene;

use std::time::Instant;

use scene::{Case, SIZES, Scene};

/// Rounds that are thrown away.
const WARM_UP: usize = 2;
/// Rounds that count.
const ROUNDS: usize = 20;
/// How many peers are touched in one run, at most. The links of those that are to connect are taken away just before:
/// they must be too many for that to leave them in the cache.
const fn touched(case: Case) -> usize {
    match case {
        Case::Accept | Case::Dial => 8_000,
        Case::PingIn | Case::PingDue | Case::IdleTick | Case::Heard => 128,
    }
}

fn main() {
    // Cargo asks the benches of a workspace what tests they have.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let mut scenes = SIZES.map(|size| {
        let begun = Instant::now();
        let scene = Scene::new(size);
        let nanos = begun.elapsed().as_nanos();
        println!("{size:>7} peers came in {:>6} ms", nanos / 1_000_000);
        scene
    });
    let mut walks = SIZES.map(Walk::new);
    let mut walked = SIZES.map(|_| Vec::new());
    let mut samples = Case::ALL.map(|_| SIZES.map(|_| Vec::new()));
    for round in 0..WARM_UP + ROUNDS {
        for (case, samples) in Case::ALL.into_iter().zip(&mut samples) {
            for ((size, scene), samples) in SIZES.into_iter().zip(&mut scenes).zip(samples) {
                for _ in 0..runs(case, size) {
                    let sample = run(scene, case);
                    samples.extend(sample.filter(|_| round >= WARM_UP));
                }
            }
        }
        for (walk, walked) in walks.iter_mut().zip(&mut walked) {
            let steps = core::iter::repeat_with(|| walk.go(128)).take(20);
            walked.extend(steps.filter(|_| round >= WARM_UP));
        }
        scenes.iter_mut().for_each(Scene::settle);
    }
    println!(
        "\n{:<24} {:>9} {:>9} {:>9} {:>9} {:>7} {:>9} {:>7}",
        "", "peers", "median", "least", "worst", "ratio", "an event", "waits"
    );
    let waits = walked.each_mut().map(|walked| Spread::of(walked).median);
    for (size, wait) in SIZES.into_iter().zip(waits) {
        println!("{:<24} {size:>9} {wait:>6.1} ns", "a step of a walk");
    }
    for (case, samples) in Case::ALL.into_iter().zip(&mut samples) {
        let spreads = samples.each_mut().map(|samples| Spread::of(samples));
        let few = spreads[0].median;
        for ((size, spread), wait) in SIZES.into_iter().zip(&spreads).zip(waits) {
            let Spread { least, median, worst } = spread;
            print!(
                "{:<24} {size:>9} {median:>6.0} ns {least:>6.0} ns {worst:>6.0} ns {:>6.2}x {:>6.0} ns",
                case.name(),
                median / few,
                median / f64::from(events(case)),
            );
            if SIZES.last() == Some(&size) {
                print!(" {:>7.1}", (median - few) / wait);
            }
            println!();
        }
    }
}

/// How many events a case is made of.
const fn events(case: Case) -> u32 {
    match case {
        Case::Accept => 3,
        Case::Dial => 4,
        Case::PingIn | Case::PingDue | Case::IdleTick | Case::Heard => 1,
    }
}

/// What many measurements of one thing came to.
struct Spread {
    least: f64,
    median: f64,
    worst: f64,
}

impl Spread {
    fn of(samples: &mut [f64]) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |index: usize| samples.get(index).copied().unwrap_or(f64::NAN);
        Self { least: at(0), median: at(samples.len() / 2), worst: at(samples.len().saturating_sub(1)) }
    }
}

/// A table with about as many bytes as the tables of a machine have, and a walk through it in random order. No step can
/// begin before the one before it is over.
struct Walk {
    table: Vec<[usize; 128]>,
    at: usize,
}

impl Walk {
    fn new(size: usize) -> Self {
        let mut next: Vec<usize> = (0..size).collect();
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        // One circle through all of them.
        for last in (1..size).rev() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            next.swap(last, (random % last as u64) as usize);
        }
        Self { table: next.into_iter().map(|next| [next; 128]).collect(), at: 0 }
    }

    /// The nanoseconds that a step takes on average.
    fn go(&mut self, steps: u32) -> f64 {
        let begun = Instant::now();
        for _ in 0..steps {
            self.at = self.table[self.at][0];
        }
        self.at = core::hint::black_box(self.at);
        begun.elapsed().as_nanos() as f64 / f64::from(steps)
    }
}

/// How many times a case is run in a round. All the pings of a machine are due together, and take the longer the more
/// they are.
const fn runs(case: Case, size: usize) -> usize {
    match case {
        Case::PingDue if size > 1_000 => 2,
        Case::Accept | Case::Dial if size > 1_000 => 1,
        Case::PingDue | Case::PingIn | Case::IdleTick | Case::Heard | Case::Accept | Case::Dial => 20,
    }
}

/// The nanoseconds that one event takes on average, if there was one.
fn run(scene: &mut Scene, case: Case) -> Option<f64> {
    let chosen = scene.choose(case, touched(case));
    scene.prepare(case, &chosen);
    let begun = Instant::now();
    let many = scene.run(case, &chosen);
    let nanos = begun.elapsed().as_nanos() as f64;
    scene.tidy();
    (many > 0).then(|| nanos / many as f64)
}
