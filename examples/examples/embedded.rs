//! A build for a small device: a whole node in memory of a size known when compiled, no allocator, no runtime, a driver of
//! one loop.
//!
//! ```text
//! cargo run -p examples --example embedded
//! ```
//!
//! Two nodes with one mesh secret, at the ends of a wire that is two byte arrays, one for each direction; a real one would
//! be a serial line, or a radio. Who is there is proven, and what goes over it is sealed.

use mesh_proto::node::{Door, Fresh, Input, Node, Order, Settings};
use mesh_proto::wire::{Identity, MeshSecret, MeshSecrets};
use mesh_proto::{
    Answer, Body, Config, Fixed, Incarnation, Instant, Limits, LinkId, Message, Now, PathClass, Route, Seed,
    SystemError, Wait, Window,
};

/// Four peers with two links each, and four links that are not that far.
type Tables = Fixed<4, 12>;

/// How many bytes of messages may be on the wire.
const ROOM: u32 = 512;

/// A node, and what it has written that is not read yet.
struct Device {
    node: Node<Tables>,
    out: [u8; 2048],
    used: usize,
    dialed: Option<LinkId>,
    link: Option<LinkId>,
    until: Wait,
    sum: u32,
}

impl Device {
    fn new(name: u8) -> Self {
        let window = Window { bytes: 1024, messages: 16 };
        let few =
            Limits { peers: 4, links_per_peer: 2, half_open: 2, dials_in_flight: 2, ..Limits::default() };
        let limits = Limits { message: 64, record: 512, window, ..few };
        // In a device the number of the start is counted in flash, and whatever is random comes from its source of that.
        let (run, seed) = (Incarnation::new(1, name.into()), Seed::Number(name.into()));
        let secrets = MeshSecrets::one(MeshSecret::new([0x77; 32]));
        let door = Door::Closed(Identity::new([name; 32]), secrets);
        let settings = Settings::new(door, "embedded", run, seed);
        let config = Config { limits, announce_every: None, ..Config::lan() };
        let node = Node::new(Settings { config, room: ROOM, ..settings }).expect("it fits the tables");
        Self { node, out: [0; 2048], used: 0, dialed: None, link: None, until: Wait::Forever, sum: 0 }
    }

    /// The whole driver: one input, and all that follows from it.
    fn tell(&mut self, now: Instant, input: Input<'_>) -> Answer {
        let Self { node, out, used, dialed, link: plugged, until, sum } = self;
        let turn = node.handle(Now::single(now), input);
        let answer = turn.answer();
        *until = turn.carry_out(|order| match order {
            Order::Dial { link, .. } => *dialed = Some(link),
            Order::Close { link, .. } => *plugged = plugged.filter(|held| *held != link),
            Order::Write { bytes, .. } => {
                out[*used..*used + bytes.len()].copy_from_slice(bytes);
                *used += bytes.len();
            }
            Order::Deliver { message, .. } => *sum += u32::from(message.body[0]),
            Order::Ask { .. } | Order::Announce { .. } | Order::Settled { .. } | Order::Roomy { .. } => {}
            // These are there where there is a heap, for drivers that seal and open in tasks of their own.
            Order::Up { .. } | Order::Send { .. } => {}
        });
        answer
    }

    fn unplugged(&mut self, now: Instant) {
        if let Some(link) = self.link.take() {
            self.tell(now, Input::Closed { link, error: SystemError::Reset });
        }
    }

    /// Reads what the other end wrote; what this end wrote is read too, so there is room again.
    fn read(&mut self, now: Instant, bytes: &[u8]) {
        if let Some(link) = self.link {
            self.tell(now, Input::Bytes { link, bytes });
            self.tell(now, Input::Room { link, bytes: ROOM });
        }
    }
}

/// For one handshake: random, and never the same again.
fn fresh(now: Instant, name: u8) -> Fresh {
    let mut bytes = [name; 32];
    bytes[..8].copy_from_slice(&now.as_micros().to_le_bytes());
    Fresh::new(bytes)
}

fn main() {
    let (mut a, mut b) = (Device::new(1), Device::new(2));
    let peer = b.node.mesh().me();
    let route = Route::direct(([10, 0, 0, 2], 7000).into());
    a.tell(Instant::START, Input::Keep { peer, routes: [route].into_iter().collect() });
    for tenths in 1..=600_u64 {
        let now = Instant::from_micros(tenths * 100_000);
        if tenths % 10 == 0 {
            let message = Message::plain(Body::from(&[1]));
            a.tell(now, Input::Send { peer, messages: (&message).into() });
        }
        if tenths == 305 {
            a.unplugged(now);
            b.unplugged(now);
        }
        for device in [&mut a, &mut b] {
            if matches!(device.until, Wait::Until(at) if at <= now) {
                device.tell(now, Input::Tick);
            }
        }
        // Whoever dials plugs the wire in.
        if let Some(link) = a.dialed.take() {
            let accepted = Input::Accepted { from: None, class: PathClass::Direct, fresh: fresh(now, 2) };
            b.link = b.tell(now, accepted).link().ok();
            a.link = Some(link);
            a.tell(now, Input::Connected { link, fresh: fresh(now, 1) });
        }
        while a.used + b.used > 0 {
            let (there, used) = (a.out, core::mem::take(&mut a.used));
            b.read(now, &there[..used]);
            let (back, used) = (b.out, core::mem::take(&mut b.used));
            a.read(now, &back[..used]);
        }
    }
    println!("60 readings sent over a wire that was unplugged once, {} arrived", b.sum);
    println!("{} bytes of memory for the node, none from the heap", size_of::<Node<Tables>>());
    assert_eq!(b.sum, 60);
}
