//! Announcements as bytes, heard at times that the fuzzer chooses: they come back as they were written, and a flood of them
//! costs no more than the budgets allow and closes nothing (R10).
#![no_main]

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;

use libfuzzer_sys::fuzz_target;
use mesh_proto::{
    Action, Announcement, Audience, Config, Event, Heap, Incarnation, Instant, LinkId, Mesh, NodeId, Now,
    Route, Seed, Shipped, SystemError, Turn, Vouched,
};

/// What one announcement is here: itself, who vouches for it, where it came from and how long after the one before.
type Heard = (Announcement, Vouched, (Ipv4Addr, u16), u32);

const SECOND: Duration = Duration::from_secs(1);

fuzz_target!(|bytes: &[u8]| {
    let config = Config::loopback();
    let per_second = usize::try_from(config.limits.dials_per_second).expect("a small number");
    let mesh = Mesh::<Heap>::new(NodeId::new([1; 32]), Incarnation::new(1, 1), config, Seed::Number(1));
    let mut mesh = mesh.expect("the configuration is sound");
    let mut clock = Duration::ZERO;
    let mut ordered = Ordered { per_second, ..Ordered::default() };
    let mut rest = bytes;
    while let Ok(((announcement, vouched, from, pause), after)) = postcard::take_from_bytes::<Heard>(rest) {
        rest = after;
        comes_back(&announcement);
        clock += Duration::from_micros(u64::from(pause));
        let routes = [Route::direct(SocketAddr::from(from))].into_iter().collect();
        ordered.by(clock, mesh.handle(at(clock), Event::Heard { announcement, routes, vouched }));
        while let Some(link) = ordered.dialed.pop() {
            let error = SystemError::Refused;
            ordered.by(clock, mesh.handle(at(clock), Event::Closed { link, error }));
        }
        mesh.audit().expect("the tables agree with the state");
    }
});

fn comes_back(announcement: &Announcement) {
    let mut room = [0; 128];
    let written = postcard::to_slice(announcement, &mut room).expect("an announcement is short");
    assert_eq!(postcard::from_bytes(written).as_ref(), Ok(announcement));
}

fn at(clock: Duration) -> Now {
    let micros = u64::try_from(clock.as_micros()).expect("a few hours");
    Now::single(Instant::from_micros(micros))
}

/// What was ordered lately.
#[derive(Default)]
struct Ordered {
    per_second: usize,
    dials: VecDeque<Duration>,
    announced: Option<Duration>,
    answered: Option<Duration>,
    /// Links whose dial nothing came of yet.
    dialed: Vec<LinkId>,
}

impl Ordered {
    fn by(&mut self, clock: Duration, turn: Turn<'_, Heap, Shipped>) {
        let _until = turn.carry_out(|action| match action {
            Action::Dial { link, .. } => {
                self.dialed.push(link);
                self.dials.push_back(clock);
                while self.dials.front().is_some_and(|begun| *begun + SECOND <= clock) {
                    self.dials.pop_front();
                }
                assert!(self.dials.len() <= self.per_second, "{} dials in a second", self.dials.len());
            }
            Action::Announce { to, .. } => {
                let last = match to {
                    Audience::Everyone => &mut self.announced,
                    Audience::One(_) => &mut self.answered,
                };
                assert!(last.is_none_or(|last| last + SECOND <= clock), "two announcements in a second");
                *last = Some(clock);
            }
            // A dial that did not come to anything in time.
            Action::Close { link, .. } => self.dialed.retain(|dialed| *dialed != link),
            Action::Send { .. } | Action::Deliver { .. } | Action::Settled { .. } | Action::Roomy { .. } => {
                panic!("{action:?}, though nobody is there")
            }
        });
    }
}
