//! A pause of accepting, which ends with the node.
#![cfg(target_os = "linux")]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::fs::{self, File};
use std::time::Instant;

use log::{LevelFilter, Log, Metadata, Record};
use mesh_proto::wire::MeshSecret;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use tokio::runtime::{Builder, Handle};

const PATIENCE: Duration = Duration::from_secs(20);

/// Whether accepting paused for as long as it ever does.
static PAUSES: AtomicBool = AtomicBool::new(false);

struct SeesPauses;

impl Log for SeesPauses {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if record.args().to_string().starts_with("accepting pauses for 1s") {
            PAUSES.store(true, Ordering::Release);
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_pause_of_accepting_ends_with_the_node() {
    log::set_logger(&SeesPauses).expect("nobody else logs here");
    log::set_max_level(LevelFilter::Debug);
    let runtime = Builder::new_current_thread().enable_all().build().expect("there is room");
    runtime.block_on(async {
        let at = "127.0.0.1:0".parse().expect("an address");
        let builder = adapter_tokio::builder().secret(MeshSecret::new([7; 32])).discover_nobody().listen(at);
        let node = builder.start().expect("it starts");
        let at = node.addresses()[0];
        let stranger = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there is room");

        let open = fs::read_dir("/proc/self/fd").expect("proc is mounted").count() as u64;
        let was = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(open + 8), ..was }).expect("it may be lowered");
        let files: Vec<File> = core::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        stranger.connect(&at.into()).expect("it listens");
        let by = Instant::now() + PATIENCE;
        while !PAUSES.load(Ordering::Acquire) {
            assert!(Instant::now() < by, "accepting never pauses");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }

        // From here on no time passes: what ends, ends because the node does.
        tokio::time::pause();
        drop(node);
        let tasks = || Handle::current().metrics().num_alive_tasks();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks(), 0, "a task outlives its node");
        drop(files);
        setrlimit(Resource::Nofile, was).expect("it may be raised again");
    });
}
