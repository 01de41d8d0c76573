//! What an event costs in time, with few peers and with many.
//!
//! `cargo bench -p mesh-proto --bench cost` prints the median and the least nanoseconds of one, and how often that is the
//! cost with the fewest peers. Rounds go through all numbers of peers and all events in turn, so that whatever else the
//! computer does hits all alike.

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
        scenes.iter_mut().for_each(Scene::settle);
    }
    println!("\n{:<24} {:>9} {:>9} {:>9} {:>9} {:>7}", "", "peers", "median", "least", "worst", "ratio");
    for (case, samples) in Case::ALL.into_iter().zip(&mut samples) {
        let mut first = None;
        for (size, samples) in SIZES.into_iter().zip(samples) {
            samples.sort_by(f64::total_cmp);
            let (Some(least), Some(worst)) = (samples.first(), samples.last()) else { continue };
            let median = samples[samples.len() / 2];
            let few = *first.get_or_insert(median);
            println!(
                "{:<24} {size:>9} {median:>6.0} ns {least:>6.0} ns {worst:>6.0} ns {:>6.2}x",
                case.name(),
                median / few
            );
        }
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
