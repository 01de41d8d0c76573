//! A life of two nodes that are joined by their bytes, and of strangers who come by, among everything that can happen to
//! them. What their driver must see is checked on the way, by the world. Where the choices come from is the caller's: a
//! seed, or the bytes of a fuzzer.

use core::time::Duration;

use mesh_proto::node::{Fresh, Input, LetsIn, Node, Settings, Verdict};
use mesh_proto::storage::{Array, Storage};
use mesh_proto::wire::{MeshSecrets, Network};
use mesh_proto::{Config, Frame, Lane, Limits, Message, SystemError, Unable, Wake, Wants, Window};

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
    let mut tampered = false;
    for _ in 0..steps {
        if step_of(choose, &mut world, &mut tampered).is_none() {
            break;
        }
        world.members.iter().for_each(|member| check(&member.node));
        holds(&world, kind != Kind::Unprotected || !tampered);
    }
    for n in 0..2 {
        world.tell(n, Input::Leave);
    }
    world.pass(secs(600));
    holds(&world, kind != Kind::Unprotected || !tampered);
    assert!(world.members.iter().all(|member| member.links() == 0), "a node that left has links");
}

fn begin<S: Storage>(choose: &mut impl Choose) -> Option<(World<S>, Kind)> {
    let kind = choose.pick(&[Kind::Open, Kind::Closed, Kind::Unprotected])?;
    let mut world = World::new([settings(choose, kind, 1)?, settings(choose, kind, 2)?]);
    for n in 0..2 {
        world.listens_on(n, &[7000]);
    }
    Some((world, kind))
}

/// What must hold at any time, beside what the world sees to itself.
fn holds<S: Storage>(world: &World<S>, trusted: bool) {
    for (n, member) in world.members.iter().enumerate() {
        assert!(member.links() as u64 <= limits().links(), "{} links", member.links());
        let strangers = world.strangers_at(n);
        assert!(strangers <= limits().half_open as usize, "{strangers} strangers hold a place");
        // Nothing comes twice, or out of the order of its lane, or from anybody else.
        for lane in Lane::ALL {
            let of_lane = member.came.iter().filter(|(_, of, _)| *of == lane);
            let numbers: Vec<u64> = of_lane.map(|(_, _, body)| numbered(body)).collect();
            assert!(!trusted || numbers.is_sorted_by(|one, next| one < next), "{lane:?}: {numbers:?}");
        }
        let other = world.id(1 - n);
        assert!(!trusted || member.came.iter().all(|(from, ..)| *from == other));
    }
    let longest = world.longest_on_the_way();
    assert!(longest <= MOST_ON_THE_WAY, "{longest} bytes are on their way");
}

fn numbered(body: &[u8]) -> u64 {
    body.first_chunk().map_or(u64::MAX, |number| u64::from_le_bytes(*number))
}

fn step_of<S: Storage>(choose: &mut impl Choose, world: &mut World<S>, tampered: &mut bool) -> Option<()> {
    let n = usize::from(choose.yes()?);
    let stream = (world.streams() > 0).then(|| choose(world.streams() as u64)).flatten();
    let stream = stream.and_then(|stream| usize::try_from(stream).ok());
    match (choose(32)?, stream) {
        (0..=2, _) => world.pass(Duration::from_micros(choose(5_000_000)?)),
        // It does not run for a while.
        (3, _) => world.now += Duration::from_micros(choose(20_000_000)?),
        (4, _) => world.pass(secs(choose(100)?)),
        (5, _) => {
            world.longest_cut = 1 + usize::try_from(choose(2000)?).ok()?;
            world.carry();
        }
        (6..=10, Some(stream)) => {
            let from = usize::from(choose.yes()?);
            world.carry_from(stream, from, 1 + usize::try_from(choose(600)?).ok()?);
        }
        (11, Some(stream)) => {
            let (from, at, bit) = (usize::from(choose.yes()?), choose(4096)?, choose(8)?);
            *tampered |= world.flip_on_the_way(stream, from, at, 1 << bit);
        }
        (12, Some(stream)) => world.cut(stream),
        (13, Some(stream)) => {
            let noise = choose.noise()?;
            if world.is_strange(stream) {
                world.write_as_stranger(stream, &noise);
                world.read_as_stranger(stream);
            }
        }
        (14, _) => {
            let from = address(100 + usize::try_from(choose(3)?).ok()?);
            world.stranger(n, from);
        }
        (15, _) => {
            let expected = choose.pick(&[None, Some(world.id(1 - n)), Some(id(9))])?;
            let _full: Result<(), Unable> = world.try_attach(n, 1 - n, expected);
        }
        (16, Some(stream)) => {
            if let Some(link) = world.link_at(stream, n) {
                world.tell(n, Input::Broken { link });
            }
        }
        (17, _) => {
            let secrets = secrets(choose)?;
            world.members[n].node.change_secrets(secrets);
        }
        (18, _) => {
            let lets_in = lets_in(choose, 2 - u8::try_from(n).ok()?)?;
            world.members[n].node.change_admission(lets_in);
        }
        (19, Some(stream)) => {
            // What nobody sent, and what a driver never says twice.
            let (noise, fresh) = (choose.noise()?, Fresh::new([0x98; 32]));
            let frame =
                choose.pick(&[Frame::Pong { nonce: 77 }, Frame::Ping { nonce: 1 }, Frame::Doubted])?;
            let Some(link) = world.link_at(stream, n) else { return Some(()) };
            *tampered = true;
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
            if let Some(link) = world.link_at(stream, n) {
                world.tell(n, Input::Room { link, bytes });
            }
        }
        _ => wish(choose, world, n)?,
    }
    Some(())
}

/// What an application, or the system, says to a node; now and then its driver stops before it has carried anything out.
fn wish<S: Storage>(choose: &mut impl Choose, world: &mut World<S>, n: usize) -> Option<()> {
    let peer = choose.pick(&[world.id(1 - n), world.id(1 - n), world.id(1 - n), world.id(n), id(9)])?;
    let (routes, from) = (world.routes(1 - n), address(choose.pick(&[0, 1, 9])?));
    let noise = choose.noise()?;
    let heard = world.members[1 - n].datagrams.last().map_or(noise.clone(), |(_, bytes)| bytes.clone());
    let verdict = choose.pick(&[Verdict::LetIn, Verdict::LetIn, Verdict::TurnAway])?;
    let number = world.number();
    let length = choose.pick(&[8, 9, 100, 300, 301])?;
    let mut body = number.to_le_bytes().to_vec();
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
        16 => match (choose(4)?, world.members[n].gone) {
            (0, Some(link)) => Input::Bytes { link, bytes: &noise },
            (1, Some(link)) => Input::Broken { link },
            (2, Some(link)) => Input::Connected { link, fresh },
            (_, Some(link)) => Input::Closed { link, error: SystemError::Reset },
            (_, None) => Input::Tick,
        },
        _ => Input::Send { peer, messages: (&message).into() },
    };
    if choose(16)? == 0 {
        world.tell_and_stop(n, input);
    } else {
        world.tell(n, input);
    }
    Some(())
}
