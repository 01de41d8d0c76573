//! What nodes in these tests are made from, and what is asked of their world.

use core::net::SocketAddr;
use core::time::Duration;

use mesh_proto::node::{Door, Halves, Settings};
use mesh_proto::sim::End;
use mesh_proto::storage::Storage;
use mesh_proto::wire::{Identity, MeshSecret, MeshSecrets};
use mesh_proto::{
    Answer, Config, Fixed, Incarnation, Limits, Message, NodeId, Reason, Seed, Side, Standing, Stats, Window,
};

pub(crate) use mesh_proto::sim::NodeName;
pub(crate) use mesh_proto::sim::nodes::{Plane, What, World};

pub(crate) const A: NodeName = NodeName(0);
pub(crate) const B: NodeName = NodeName(1);
pub(crate) const C: NodeName = NodeName(2);

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn identity(name: u8) -> Identity {
    Identity::new([name; 32])
}

pub(crate) fn id(name: u8) -> NodeId {
    identity(name).id()
}

pub(crate) fn secret(name: u8) -> MeshSecret {
    MeshSecret::new([name; 32])
}

pub(crate) fn open<S: Storage>(name: u8) -> Settings<S> {
    settings(name, Door::Open(identity(name)))
}

pub(crate) fn closed<S: Storage>(name: u8) -> Settings<S> {
    closed_by(name, MeshSecrets::one(secret(0x77)))
}

pub(crate) fn closed_by<S: Storage>(name: u8, secrets: MeshSecrets) -> Settings<S> {
    settings(name, Door::Closed(identity(name), secrets))
}

pub(crate) fn unprotected<S: Storage>(name: u8) -> Settings<S> {
    settings(name, Door::Unprotected(id(name)))
}

fn settings<S: Storage>(name: u8, door: Door) -> Settings<S> {
    let incarnation = Incarnation::new(1, u64::from(name));
    let settings = Settings::new(door, "test", incarnation, Seed::Number(u64::from(name)));
    Settings { config: Config { announce_every: None, limits: limits::<S>(), ..Config::lan() }, ..settings }
}

/// Tables in place that have room for what [`limits`] asks for there.
pub(crate) type InPlace = Fixed<6, 40, 4096, 64>;

/// What is usual on the heap, and little in place.
pub(crate) fn limits<S: Storage>() -> Limits {
    let few = Limits {
        peers: 6,
        half_open: 8,
        half_open_per_source: 8,
        dials_in_flight: 8,
        message: 1024,
        record: 1000,
        window: Window { bytes: 4096, messages: 64 },
        ..Limits::default()
    };
    if S::PEERS.is_some() { few } else { Limits::default() }
}

pub(crate) fn outside<S: Storage>(settings: Settings<S>) -> Settings<S> {
    Settings { halves: Halves::Outside, ..settings }
}

/// How much of something: as usual on the heap, less in place.
pub(crate) fn fit<S: Storage>(usual: usize, in_place: usize) -> usize {
    if S::PEERS.is_some() { in_place } else { usual }
}

/// Where strangers and those are who are not there.
pub(crate) fn host(n: u16) -> SocketAddr {
    let [high, low] = n.to_be_bytes();
    SocketAddr::from(([10, 9, high, low], 5000))
}

/// These nodes, where nothing takes any time, and announcements go where a test brings them.
pub(crate) fn world_of<S: Storage>(all: impl IntoIterator<Item = Settings<S>>) -> World<S> {
    let mut world = World::with_storage(1);
    world.delay(Duration::ZERO);
    world.announcements(Plane::Swallows);
    for settings in all {
        world.add(settings);
    }
    world
}

/// What these tests ask of a world.
pub(crate) trait Scene {
    /// Sends this, with a receipt.
    fn send(&mut self, n: NodeName, other: NodeName, says: &[u8]) -> Answer;
    /// Whether it comes to hold; if not, says what is known.
    fn until(&mut self, within: Duration, holds: impl FnMut(&Self) -> bool) -> bool;
    /// Every stream of a node dies, with whatever is on its way.
    fn cut_all(&mut self, n: NodeName);
    /// One cut of what is on its way arrives, on every stream in both directions.
    fn carry(&mut self);
    fn are_up(&self, n: NodeName, other: NodeName) -> bool;
    /// Why a node has no session with a peer.
    fn down(&self, n: NodeName, peer: &NodeId) -> Option<Reason>;
    fn stats(&self, n: NodeName) -> Stats;
    /// What came at a node, in order.
    fn came(&self, n: NodeName) -> Vec<&[u8]>;
    /// How its links ended, by its own order.
    fn closed(&self, n: NodeName) -> Vec<Reason>;
    fn dials(&self, n: NodeName) -> usize;
}

impl<S: Storage> Scene for World<S> {
    fn send(&mut self, n: NodeName, other: NodeName, says: &[u8]) -> Answer {
        self.post(n, other, Message::plain(says.to_vec().into()).with_receipt(0))
    }

    fn until(&mut self, within: Duration, holds: impl FnMut(&Self) -> bool) -> bool {
        self.run_until(within, holds).inspect_err(|why| println!("{why}")).is_ok()
    }

    fn cut_all(&mut self, n: NodeName) {
        for stream in self.streams_at(n) {
            self.lose(stream, End::Both);
        }
    }

    fn carry(&mut self) {
        for stream in self.streams() {
            for from in [Side::Dialed, Side::Accepted] {
                let bytes = 1 + usize::try_from(self.draw(3000)).expect("few bytes");
                self.let_through(stream, from, bytes);
            }
        }
    }

    fn are_up(&self, n: NodeName, other: NodeName) -> bool {
        self.up(n, other) && self.up(other, n)
    }

    fn down(&self, n: NodeName, peer: &NodeId) -> Option<Reason> {
        match self.node(n).mesh().peer(peer)?.standing {
            Standing::Down { reason } => reason,
            Standing::Up { .. } | Standing::Away { .. } => None,
        }
    }

    fn stats(&self, n: NodeName) -> Stats {
        *self.node(n).mesh().stats()
    }

    fn came(&self, n: NodeName) -> Vec<&[u8]> {
        self.inbox(n).iter().map(|message| &*message.body).collect()
    }

    fn closed(&self, n: NodeName) -> Vec<Reason> {
        let by = self.log().iter().filter(|happening| happening.node == n);
        by.filter_map(
            |happening| if let What::Closes { reason, .. } = happening.what { Some(reason) } else { None },
        )
        .collect()
    }

    fn dials(&self, n: NodeName) -> usize {
        let by = self.log().iter().filter(|happening| happening.node == n);
        by.filter(|happening| matches!(happening.what, What::Dials { .. })).count()
    }
}
