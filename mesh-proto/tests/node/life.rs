//! A life of two nodes that are joined by their bytes, and of strangers who come by, among everything that can happen to
//! them. What their driver must see is checked on the way, by the world. Where the choices come from is the caller's: a
//! seed, or the bytes of a fuzzer.

use core::time::Duration;

use mesh_proto::node::{Fresh, Input, LetsIn, Node, Settings, Verdict};
use mesh_proto::sim::nodes::Told;
use mesh_proto::sim::{End, StreamName};
use mesh_proto::storage::{Array, Storage};
use mesh_proto::wire::{MeshSecrets, Network};
use mesh_proto::{
    Config, Frame, Lane, Limits, LinkId, Message, PathClass, Side, SystemError, Unable, Wake, Wants, Window,
};

use crate::world::*;

/// Strangers write no more than this at a time.
const MOST_NOISE: u64 = 300;
/// What is on its way in one direction: what may lie unwritten, and the control frames of a link that nobody reads.
const MOST_ON_THE_WAY: usize = 96 * 1024;

/// Chooses: gives a number below the bound, or nothing when there is nothing left to choose by.
pub(crate) trait Choose: FnMut(u64) -> Option<u64> {
    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        from.get(usize::try_from(self(from.len() as u64)?).ok()?).cloned()
    }

    fn yes(&mut self) -> Option<bool> {
        Some(self(2)? == 1)
    }

    /// Some bytes, that may begin as a handshake does.
    fn noise(&mut self) -> Option<Vec<u8>> {
        let starts: [&[u8]; 5] =
            [&[], &[0, 60], b"\x00\x3amesh\x01\x00", b"\x00\x3amesh\x01\x01", &[0, 1, 1]];
        let start = self.pick(&starts)?;
        let (length, first) = (self(MOST_NOISE)?, self(256)?);
        let rest = (0..length).map(|at| (first.wrapping_mul(at + 1) >> (at % 7)).to_le_bytes()[0]);
        Some(start.iter().copied().chain(rest).collect())
    }
}

impl<F: FnMut(u64) -> Option<u64>> Choose for F {}

/// Small, so that everything has an end that can be reached.
fn limits() -> Limits {
    Limits {
        peers: 3,
        links_per_peer: 3,
        half_open: 4,
        half_open_per_source: 3,
        incoming_per_second: 40,
        dials_in_flight: 4,
        dials_per_second: 6,
        message: 300,
        record: 512,
        window: Window { bytes: 1024, messages: 16 },
    }
}

fn lets_in<S: Storage>(choose: &mut impl Choose, other: u8) -> Option<LetsIn<S>> {
    let listed = |name| {
        let mut list = S::Peers::default();
        list.try_push(id(name)).ok().map(|()| LetsIn::Listed(list))
    };
    choose.pick(&[LetsIn::Anyone, LetsIn::Anyone, LetsIn::Asked, listed(other)?, listed(9)?])
}

fn secrets(choose: &mut impl Choose) -> Option<MeshSecrets> {
    let (old, new) = (secret(1), secret(2));
    choose.pick(&[
        MeshSecrets::one(old.clone()),
        MeshSecrets::two(old.clone(), new.clone()),
        MeshSecrets::two(new.clone(), old),
        MeshSecrets::one(new),
    ])
}

/// Who may talk to both.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Closed,
    Unprotected,
}

fn settings<S: Storage>(choose: &mut impl Choose, kind: Kind, name: u8) -> Option<Settings<S>> {
    let settings = match kind {
        Kind::Open => open(name),
        Kind::Closed => closed_by(name, secrets(choose)?),
        Kind::Unprotected => unprotected(name),
    };
    let config = Config { limits: limits(), ..Config::loopback() };
    let network = choose.pick(&["test", "test", "test", "test", "test", "another"])?;
    let lets_in = lets_in(choose, 3 - name)?;
    let settings = Settings { config, lets_in, network: Network::named(network), ..settings };
    Some(if choose.yes()? { outside(settings) } else { settings })
}

/// One life, of so many steps at most; `check` looks at each node after each of them.
pub(crate) fn life<S: Storage>(
    mut choose: impl FnMut(u64) -> Option<u64>,
    steps: u32,
    check: impl Fn(&Node<S>),
) {
    let choose = &mut choose;
    let Some((mut world, kind)) = begin(choose) else { return };
    let mut so_far = SoFar::default();
    for _ in 0..steps {
        if step_of(choose, &mut world, &mut so_far).is_none() {
            break;
        }
        world.nodes().for_each(|n| check(world.node(n)));
        holds(&world, kind != Kind::Unprotected || !so_far.tampered);
    }
    for n in [A, B] {
        world.tell(n, Input::Leave);
    }
    world.run_for(secs(600));
    holds(&world, kind != Kind::Unprotected || !so_far.tampered);
    assert!(world.nodes().all(|n| world.links_at(n).next().is_none()), "a node that left has links");
}

fn begin<S: Storage>(choose: &mut impl Choose) -> Option<(World<S>, Kind)> {
    let kind = choose.pick(&[Kind::Open, Kind::Closed, Kind::Unprotected])?;
    let mut world = world_of([settings(choose, kind, 1)?, settings(choose, kind, 2)?]);
    // Timers that ring late: then it is something else that tells a node how late it is.
    world.timer_jitter(secs(choose.pick(&[0, 0, 1, 20])?));
    Some((world, kind))
}

/// What a life keeps of itself.
#[derive(Default)]
struct SoFar {
    /// Whether anything was altered, or said that nobody said.
    tampered: bool,
    /// How many messages there were.
    number: u64,
}

fn other(n: NodeName) -> NodeName {
    if n == A { B } else { A }
}

/// The link of a node that ended last.
fn gone<S: Storage>(world: &World<S>, n: NodeName) -> Option<LinkId> {
    let by = world.log().iter().rev().filter(|happening| happening.node == n);
    let ended = |what: &What| {
        if let What::Closes { link, .. } | What::Told(Told::Closed { link, .. }) = what {
            Some(*link)
        } else {
            None
        }
    };
    by.filter_map(|happening| ended(&happening.what)).next()
}

/// What must hold at any time, beside what the world sees to itself.
fn holds<S: Storage>(world: &World<S>, trusted: bool) {
    for n in world.nodes() {
        let links = world.links_at(n).count();
        assert!(links as u64 <= limits().links(), "{links} links");
        let strange = |stream: &StreamName| world.is_strange(*stream) && world.link_at(n, *stream).is_some();
        let strangers = world.streams_at(n).into_iter().filter(strange).count();
        assert!(strangers <= limits().half_open as usize, "{strangers} strangers hold a place");
        // Nothing comes twice, or out of the order of its lane, or from anybody else.
        for lane in Lane::ALL {
            let of_lane = world.inbox(n).iter().filter(|message| message.lane == lane);
            let numbers: Vec<u64> = of_lane.map(|message| numbered(&message.body)).collect();
            assert!(!trusted || numbers.is_sorted_by(|one, next| one < next), "{lane:?}: {numbers:?}");
        }
        let other = world.id(other(n));
        assert!(!trusted || world.inbox(n).iter().all(|message| message.from == other));
    }
    let on_the_way = |stream| {
        let strange = world.is_strange(stream);
        let dialed = if strange { 0 } else { world.under_way(stream, Side::Dialed) };
        dialed.max(world.under_way(stream, Side::Accepted))
    };
    let longest = world.streams().map(on_the_way).max().unwrap_or(0);
    assert!(longest <= MOST_ON_THE_WAY, "{longest} bytes are on their way");
}

fn numbered(body: &[u8]) -> u64 {
    body.first_chunk().map_or(u64::MAX, |number| u64::from_le_bytes(*number))
}

fn step_of<S: Storage>(choose: &mut impl Choose, world: &mut World<S>, so_far: &mut SoFar) -> Option<()> {
    let n = if choose.yes()? { B } else { A };
    let streams: Vec<StreamName> = world.streams().collect();
    let stream = if streams.is_empty() { None } else { choose.pick(&streams) };
    match (choose(32)?, stream) {
        (0..=2, _) => world.run_for(Duration::from_micros(choose(5_000_000)?)),
        // Nobody runs for a while.
        (3, _) => {
            let span = Duration::from_micros(choose(20_000_000)?);
            for n in [A, B] {
                world.freeze(n, span);
            }
            world.run_for(span);
        }
        (4, _) => world.run_for(secs(choose(100)?)),
        (5, _) => {
            world.pieces(1 + usize::try_from(choose(2000)?).ok()?);
            world.carry();
        }
        (6..=10, Some(stream)) => {
            let from = choose.pick(&[Side::Dialed, Side::Accepted])?;
            world.let_through(stream, from, 1 + usize::try_from(choose(600)?).ok()?);
        }
        (11, Some(stream)) => {
            let from = choose.pick(&[Side::Dialed, Side::Accepted])?;
            let (at, bit) = (choose(4096)?, choose(8)?);
            world.alter(stream, from, |bytes| {
                let at = usize::try_from(at).unwrap_or(0) % bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << bit;
                    so_far.tampered = true;
                }
            });
        }
        (12, Some(stream)) => world.lose(stream, End::Both),
        (13, Some(stream)) => {
            let noise = choose.noise()?;
            if world.is_strange(stream) {
                world.stranger_says(stream, &noise);
                world.stranger_hears(stream);
            }
        }
        (14, _) => {
            let from = host(u16::try_from(choose(3)?).ok()?);
            let _full: Result<StreamName, Unable> = world.accept_stranger(n, from);
        }
        (15, _) => {
            let expected = choose.pick(&[None, Some(world.id(other(n))), Some(id(9))])?;
            let _full: Result<StreamName, Unable> = world.attach(n, other(n), expected, PathClass::Direct);
        }
        (16, Some(stream)) => {
            if let Some(link) = world.link_at(n, stream) {
                world.tell(n, Input::Broken { link });
            }
        }
        (17, _) => {
            let secrets = secrets(choose)?;
            world.change_secrets(n, secrets);
        }
        (18, _) => {
            let lets_in = lets_in(choose, if n == A { 2 } else { 1 })?;
            world.change_admission(n, lets_in);
        }
        (19, Some(stream)) => {
            // What nobody sent, and what a driver never says twice.
            let (noise, fresh) = (choose.noise()?, Fresh::new([0x98; 32]));
            let frame =
                choose.pick(&[Frame::Pong { nonce: 77 }, Frame::Ping { nonce: 1 }, Frame::Doubted])?;
            let Some(link) = world.link_at(n, stream) else { return Some(()) };
            so_far.tampered = true;
            world.tell(
                n,
                match choose(3)? {
                    0 => Input::Frames { link, frames: (&frame).into() },
                    1 => Input::Bytes { link, bytes: &noise },
                    _ => Input::Connected { link, fresh },
                },
            );
        }
        (20, Some(stream)) => {
            let bytes = choose.pick(&[0, 20, 33, 1000, 64 * 1024])?;
            if let Some(link) = world.link_at(n, stream) {
                world.tell(n, Input::Room { link, bytes });
            }
        }
        _ => wish(choose, world, n, so_far)?,
    }
    Some(())
}

/// What an application, or the system, says to a node; now and then its driver stops before it has carried anything out.
fn wish<S: Storage>(
    choose: &mut impl Choose,
    world: &mut World<S>,
    n: NodeName,
    so_far: &mut SoFar,
) -> Option<()> {
    let peer =
        choose.pick(&[world.id(other(n)), world.id(other(n)), world.id(other(n)), world.id(n), id(9)])?;
    let from = choose.pick(&[world.address(A), world.address(B), host(9)])?;
    let routes = world.routes_to(other(n));
    let noise = choose.noise()?;
    let heard = world.announced(other(n)).last().map_or(noise.clone(), |(_, bytes)| bytes.clone());
    let verdict = choose.pick(&[Verdict::LetIn, Verdict::LetIn, Verdict::TurnAway])?;
    so_far.number += 1;
    let length = choose.pick(&[8, 9, 100, 300, 301])?;
    let mut body = so_far.number.to_le_bytes().to_vec();
    body.resize(length, 7);
    let message = Message { wants: Wants::Receipt, ..Message::plain(body.into()) };
    let message = if choose.yes()? { message.urgent() } else { message };
    let fresh = Fresh::new([0x99; 32]);
    let input = match choose(20)? {
        0..=2 => Input::Keep { peer, routes },
        3 => Input::Seek { peer, routes },
        4 => Input::Forget { peer },
        5 => Input::Expel { peer },
        6 => Input::KeepAt { route: routes[0] },
        7 => Input::ForgetAt { address: routes[0].address },
        8 | 9 => Input::Answer { peer, verdict },
        10 => Input::Datagram { from, bytes: &noise },
        11 => Input::Datagram { from, bytes: &heard },
        12 => Input::SendAll { message },
        13 => Input::Collect { peer },
        14 => Input::Wake(choose.pick(&[Wake::Suspended, Wake::Frozen, Wake::Moved])?),
        15 => Input::Took { peer, lane: Lane::Ordinary, serial: choose(40)? },
        // A link that is gone, whose place another may have.
        16 => match (choose(4)?, gone(world, n)) {
            (0, Some(link)) => Input::Bytes { link, bytes: &noise },
            (1, Some(link)) => Input::Broken { link },
            (2, Some(link)) => Input::Connected { link, fresh },
            (_, Some(link)) => Input::Closed { link, error: SystemError::Reset },
            (_, None) => Input::Tick,
        },
        _ => Input::Send { peer, messages: (&message).into() },
    };
    if choose(16)? == 0 {
        world.tell_and_drop(n, input);
    } else {
        world.tell(n, input);
    }
    Some(())
}
