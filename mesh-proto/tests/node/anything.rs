//! Whatever comes, in whatever order: nothing panics, and the machine agrees with itself.

use core::net::SocketAddr;

use mesh_proto::node::{Door, Fresh, Halves, Input, LetsIn, Node, Order, Settings, Verdict};
use mesh_proto::wire::MeshSecrets;
use mesh_proto::{
    Config, Frame, Incarnation, Instant, LinkId, Message, NodeId, Now, PathClass, Route, Seed, SystemError,
    Wait,
};

use crate::world::{address, id, identity, secret};

/// A few draws from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.below(300);
        let start: &[u8] = match self.below(4) {
            0 => &[],
            1 => &[0, 60],
            2 => b"\x00\x3amesh\x01\x00",
            _ => &[0, 1, 1],
        };
        start.iter().copied().chain((0..length).map(|_| self.0 as u8 ^ self.below(256) as u8)).collect()
    }
}

fn life(seed: u64) {
    let mut dice = Dice(seed);
    let door = match seed % 3 {
        0 => Door::Open(identity(1)),
        1 => Door::Closed(identity(1), MeshSecrets::two(secret(1), secret(2))),
        _ => Door::Unprotected(id(1)),
    };
    let lets_in = match dice.below(3) {
        0 => LetsIn::Anyone,
        1 => LetsIn::Listed(vec![id(2)]),
        _ => LetsIn::Asked,
    };
    let halves = if dice.below(2) == 0 { Halves::Inside } else { Halves::Outside };
    let settings = Settings::new(door, "test", Incarnation::new(1, 1), Seed::Number(seed));
    let settings = Settings { lets_in, halves, config: Config::loopback(), ..settings };
    let mut node: Node = Node::new(settings).expect("the settings are sound");
    let mut links: Vec<LinkId> = Vec::new();
    let mut now = 0;
    for _ in 0..400 {
        now += [0, 1000, 400_000, 3_000_000][dice.below(4) as usize];
        let link = links.get(dice.below(links.len().max(1) as u64) as usize).copied();
        let peer: NodeId = id(1 + dice.below(4) as u8);
        let from: SocketAddr = address(1 + dice.below(3) as usize);
        let bytes = dice.bytes();
        let routes = [Route::direct(from)].into_iter().collect();
        let fresh = Fresh::new([dice.below(256) as u8; 32]);
        let input = match (dice.below(17), link) {
            (0, _) => Input::Keep { peer, routes },
            (1, _) => Input::Seek { peer, routes },
            (2, _) => Input::Expel { peer },
            (3, _) => Input::KeepAt { route: Route::direct(from) },
            (4, _) => Input::Datagram { from, bytes: &bytes },
            (5, _) => {
                Input::Answer { peer, verdict: [Verdict::LetIn, Verdict::TurnAway][dice.below(2) as usize] }
            }
            (6, _) => Input::SendAll { message: Message::plain(bytes.into()) },
            (7, Some(link)) => Input::Closed { link, error: SystemError::Reset },
            (8, Some(link)) => Input::Broken { link },
            (9, Some(link)) => Input::Frames { link, frames: vec![Frame::Ping { nonce: 1 }].into() },
            (10, Some(link)) => Input::Connected { link, fresh },
            (11 | 12, Some(link)) => Input::Bytes { link, bytes: &bytes },
            (13, Some(link)) => Input::Room { link, bytes: 1000 },
            (14, _) => {
                let expected = [None, Some(peer)][dice.below(2) as usize];
                Input::Attached { expected, class: PathClass::Direct, fresh }
            }
            _ => Input::Accepted { from: Some(from), class: PathClass::Direct, fresh },
        };
        let turn = node.handle(Now::single(Instant::from_micros(now)), input);
        links.extend(turn.answer().link());
        // Now and then a driver stops before it has carried anything out.
        if dice.below(8) > 0 {
            let _until: Wait = turn.carry_out(|order| {
                if let Order::Dial { link, .. } = order {
                    links.push(link);
                }
            });
        }
    }
}

#[test]
fn nothing_that_comes_makes_a_node_panic() {
    for seed in 0..300 {
        life(seed);
    }
}
