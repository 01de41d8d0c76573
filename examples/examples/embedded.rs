//! A build for a small device: tables of a size known when compiled, no allocator, no runtime, a driver of one loop.
//!
//! ```text
//! cargo run -p examples --example embedded
//! ```
//!
//! Two machines at the ends of a wire that is two byte arrays, one for each direction; a real one would be a serial line
//! inside a box. Nobody else is on that wire, so there is nothing to prove on it: anywhere else the channel of
//! `mesh_proto::wire` stands between the frames and the bytes, and the proof comes from its handshake.

use mesh_proto::wire::{Frames, encode};
use mesh_proto::{
    Action, Answer, Body, Config, Event, Fixed, Incarnation, Instant, Limits, LinkId, LinkTag, Mesh, Message,
    NodeId, Now, PathClass, Proof, Route, Seed, SystemError, Wait, Window,
};

/// A machine, and what it has written that is not read yet.
struct Device {
    mesh: Mesh<Fixed<4, 24>>,
    out: [u8; 1024],
    used: usize,
    dialed: Option<LinkId>,
    link: Option<LinkId>,
    until: Wait,
    sum: u32,
}

impl Device {
    fn new(name: u8) -> Self {
        let window = Window { bytes: 1024, messages: 16 };
        let fewer = Limits { peers: 4, half_open: 4, dials_in_flight: 4, ..Limits::default() };
        let limits = Limits { message: 64, record: 512, window, ..fewer };
        let config = Config { limits, announce_every: None, ..Config::lan() };
        // In a device the number of the start is counted in flash, and the seed comes from its source of randomness.
        let (run, seed) = (Incarnation::new(1, name.into()), Seed::Number(name.into()));
        let mesh = Mesh::new(NodeId::new([name; 32]), run, config, seed).expect("it fits the tables");
        Self { mesh, out: [0; 1024], used: 0, dialed: None, link: None, until: Wait::Forever, sum: 0 }
    }

    /// The whole driver: one event, and all that follows from it.
    fn tell(&mut self, now: Instant, event: Event<'_>) -> Answer {
        let Self { mesh, out, used, dialed, link: plugged, until, sum } = self;
        let turn = mesh.handle(Now::single(now), event);
        let answer = turn.answer();
        *until = turn.carry_out(|action| match action {
            Action::Dial { link, .. } => *dialed = Some(link),
            Action::Close { link, .. } => *plugged = plugged.filter(|held| *held != link),
            Action::Send { frame, .. } => {
                *used += encode(frame, &mut out[*used..]).expect("all was read before");
            }
            Action::Deliver { message, .. } => *sum += u32::from(message.body[0]),
            Action::Announce { .. } | Action::Settled { .. } | Action::Roomy { .. } => {}
        });
        answer
    }

    fn plugged(&mut self, now: Instant, link: LinkId, peer: NodeId) {
        self.link = Some(link);
        let proof =
            Proof { peer, tag: LinkTag::new(now.as_micros()), round_trip: core::time::Duration::ZERO };
        self.tell(now, Event::Proven { link, proof });
        self.tell(now, Event::Room { link, bytes: 512 });
    }

    fn unplugged(&mut self, now: Instant) {
        if let Some(link) = self.link.take() {
            self.tell(now, Event::Closed { link, error: SystemError::Reset });
        }
    }

    /// Reads what the other end wrote; what this end wrote is read too, so there is room again.
    fn read(&mut self, now: Instant, bytes: &[u8]) {
        for frame in Frames::new(bytes).map_while(Result::ok) {
            if let Some(link) = self.link {
                self.tell(now, Event::Frames { link, frames: (&frame).into() });
                self.tell(now, Event::Room { link, bytes: 512 });
            }
        }
    }
}

fn main() {
    let (mut a, mut b) = (Device::new(1), Device::new(2));
    let ids @ [_, to] = [a.mesh.me(), b.mesh.me()];
    let route = Route::direct(([10, 0, 0, 2], 7000).into());
    a.tell(Instant::START, Event::Keep { peer: to, routes: [route].into_iter().collect() });
    for tenths in 1..=600_u64 {
        let now = Instant::from_micros(tenths * 100_000);
        if tenths % 10 == 0 {
            let message = Message::plain(Body::from(&[1]));
            a.tell(now, Event::Send { peer: to, messages: (&message).into() });
        }
        if tenths == 305 {
            a.unplugged(now);
            b.unplugged(now);
        }
        for device in [&mut a, &mut b] {
            if matches!(device.until, Wait::Until(at) if at <= now) {
                device.tell(now, Event::Tick);
            }
        }
        // Whoever dials plugs the wire in.
        if let Some(link) = a.dialed.take() {
            let there = b.tell(now, Event::Incoming { from: None, class: PathClass::Direct }).link();
            a.tell(now, Event::Connected { link });
            b.plugged(now, there.expect("there is room for one"), ids[0]);
            a.plugged(now, link, ids[1]);
        }
        while a.used + b.used > 0 {
            let (there, used) = (a.out, core::mem::take(&mut a.used));
            b.read(now, &there[..used]);
            let (back, used) = (b.out, core::mem::take(&mut b.used));
            a.read(now, &back[..used]);
        }
    }
    println!("60 readings sent over a wire that was unplugged once, {} arrived", b.sum);
    println!("{} bytes of memory for the machine, none from the heap", size_of::<Mesh<Fixed<4, 24>>>());
    assert_eq!(b.sum, 60);
}
