//! What an event costs in instructions, with few peers and with many: a number that does not depend on what else the
//! computer does.
//!
//! `cargo bench -p mesh-proto --bench instructions` needs valgrind and gungraun's runner, and says so if they are
//! missing.

mod scene;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use scene::{Case, Chosen, SIZES, Scene};

/// The version of the runner that the library asks for.
const RUNNER: &str = "0.20.0";

fn main() {
    let measured = std::env::args().nth(1).is_some_and(|argument| argument == "--gungraun-run");
    if !measured {
        if let Some((what, how)) = missing() {
            println!("skipped: instructions, because {what} (install with `{how}`)");
            return;
        }
        for size in SIZES {
            let bytes = postcard::to_allocvec(&Scene::new(size)).expect("a scene can be written");
            std::fs::write(kept(size), bytes).expect("the build's own folder can be written to");
        }
    }
    measure::begin();
}

/// What is needed and not there, and how to get it.
fn missing() -> Option<(&'static str, &'static str)> {
    let says = |program: &str| {
        let output = Command::new(program).arg("--version").stderr(Stdio::null()).output();
        output.ok().filter(|output| output.status.success()).map(|output| output.stdout)
    };
    if says("valgrind").is_none() {
        return Some(("valgrind is not there", "apt-get install valgrind"));
    }
    let runner = says(option_env!("GUNGRAUN_RUNNER").unwrap_or("gungraun-runner"));
    let how = "cargo install gungraun-runner --version 0.20.0 --locked";
    match runner.map(|said| String::from_utf8_lossy(&said).trim_end().ends_with(RUNNER)) {
        Some(true) => None,
        Some(false) => Some(("gungraun-runner has another version than 0.20.0", how)),
        None => Some(("gungraun-runner is not there", how)),
    }
}

/// Where a scene waits for its measurement: to let 100,000 peers come takes too long under valgrind.
fn kept(size: usize) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("scene-of-{size}"))
}

/// A scene in which one event is about to happen.
pub(crate) struct Ready {
    scene: Box<Scene>,
    case: Case,
    chosen: Chosen,
}

impl Ready {
    fn new(case: Case, size: usize) -> Self {
        let bytes = std::fs::read(kept(size)).expect("the scene was kept before");
        let mut scene: Box<Scene> = postcard::from_bytes(&bytes).expect("the scene was written so");
        let chosen = scene.choose(case, 1);
        scene.prepare_one(case, &chosen);
        Self { scene, case, chosen }
    }

    fn run(mut self) -> Self {
        self.scene.run(self.case, &self.chosen);
        self
    }
}

mod measure {
    use gungraun::prelude::*;

    use super::{Case, Ready};

    macro_rules! cases {
        ($($name:ident: $case:ident;)*) => {
            $(
                #[library_benchmark]
                #[bench::peers_10(args = (Case::$case, 10), setup = Ready::new)]
                #[bench::peers_1_000(args = (Case::$case, 1_000), setup = Ready::new)]
                #[bench::peers_100_000(args = (Case::$case, 100_000), setup = Ready::new)]
                fn $name(ready: Ready) -> Ready {
                    ready.run()
                }
            )*

            library_benchmark_group!(name = events, benchmarks = [$($name),*]);
        };
    }

    cases! {
        ping_in: PingIn;
        idle_tick: IdleTick;
        announcement_heard: Heard;
        ping_due: PingDue;
        connect_as_acceptor: Accept;
        connect_as_dialer: Dial;
    }

    gungraun::main!(library_benchmark_groups = events);

    pub(super) fn begin() {
        main();
    }
}
