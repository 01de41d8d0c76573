//! One body for many seeds.

/// Runs a body for many seeds, and says which one failed.
///
/// With `MESH_SEED` in the environment it runs for that seed alone.
///
/// ```
/// use core::time::Duration;
/// use mesh_proto::{Config, sim};
///
/// sim::check!("two nodes agree", 0..20, |seed| {
///     let mut world = sim::World::new(seed);
///     let (a, b) = (world.add(Config::lan()), world.add(Config::lan()));
///     world.keep(a, b);
///     world.run_until(Duration::from_secs(1), |world| world.agreed(a, b)).expect("they agree");
/// });
/// ```
// A macro, for it catches a panic, reads the environment and prints: the caller can, this crate cannot.
#[doc(hidden)]
#[macro_export]
macro_rules! __check {
    ($name:expr, $seeds:expr, $body:expr $(,)?) => {{
        fn for_each_seed(name: &str, seeds: impl IntoIterator<Item = u64>, mut body: impl FnMut(u64)) {
            let alone = ::std::env::var("MESH_SEED").ok().and_then(|seed| seed.parse().ok());
            if let Some(seed) = alone {
                return body(seed);
            }
            for seed in seeds {
                let run = ::core::panic::AssertUnwindSafe(|| body(seed));
                if let Err(panic) = ::std::panic::catch_unwind(run) {
                    ::std::eprintln!("{name}: seed {seed} failed; run it alone with MESH_SEED={seed}");
                    ::std::panic::resume_unwind(panic);
                }
            }
        }
        for_each_seed($name, $seeds, $body)
    }};
}
