//! The nodes, and the threads that talk and listen for them.

use alloc::sync::Arc;
use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use adapter_std::handle::{Builder, Driver, Happening, Mesh, Message};
use adapter_std::platform::entropy;
use examples::relay::Relay;
use futures_lite::future::block_on;
use mesh_proto::wire::{Identity, MeshSecret};
use mesh_proto::{Config, NodeId, Role, Side, Standing};
use serde_json::json;

use super::ledger::Way;
use super::scene::{Condition, NAMES, Peer, PeerState, Shared, Weight, lock};
use super::told::Teller;
use crate::failure::Failure;
use crate::reasons::Why;
use crate::runtime::{Engine, Runtime, Setup};

/// How often each node says something to each other.
const TALKS: Duration = Duration::from_millis(5);
/// How often what the nodes say of each other is looked at.
const LOOKS: Duration = Duration::from_millis(50);
/// How soon a dead link is found.
const DETECT: Duration = Duration::from_secs(2);
/// What stands in front of each message: the life of its sender, and its number.
const HEAD: usize = 12;
/// The longest message.
const LONGEST: usize = 8 * 1024;

/// All three, the ways between them, and what is known.
pub(super) struct Cast {
    pub(super) players: [Player; 3],
    /// From each to each; none to oneself.
    relays: [[Option<Relay>; 3]; 3],
    secret: MeshSecret,
    pub(super) scene: Shared,
    pub(super) teller: Teller,
    over: AtomicBool,
}

/// A node and what it is made from, through all its lives.
pub(super) struct Player {
    engine: Engine,
    identity: Identity,
    mesh: Mutex<Option<Mesh>>,
    frozen: AtomicBool,
}

impl Cast {
    /// All that is needed, and no node yet.
    pub(super) fn new(scene: &Shared, teller: Teller) -> Result<Arc<Self>, Failure> {
        let wrong = |error| Failure::Running(format!("the demo cannot begin: {error}"));
        let player = |runtime: Runtime| {
            Ok(Player {
                engine: runtime.begin()?,
                identity: entropy::identity()?,
                mesh: Mutex::default(),
                frozen: AtomicBool::new(false),
            })
        };
        let [tokio, smol, std] = Runtime::EACH;
        let players =
            [player(tokio).map_err(wrong)?, player(smol).map_err(wrong)?, player(std).map_err(wrong)?];
        let mut relays: [[Option<Relay>; 3]; 3] = Default::default();
        for (from, row) in relays.iter_mut().enumerate() {
            for (to, relay) in row.iter_mut().enumerate().filter(|(to, _)| *to != from) {
                debug_assert_ne!(from, to, "nobody dials itself");
                *relay = Some(Relay::open().map_err(wrong)?);
            }
        }
        let secret = entropy::mesh_secret().map_err(wrong)?;
        let over = AtomicBool::new(false);
        Ok(Arc::new(Self { players, relays, secret, scene: Arc::clone(scene), teller, over }))
    }

    /// Starts a node, in its first life or in another, and whoever talks and listens for it.
    pub(super) fn start(self: &Arc<Self>, who: usize) -> Result<(), Failure> {
        let player = &self.players[who];
        let role = Member { identity: player.identity.clone(), secret: self.secret.clone() };
        let mesh = player.engine.start(role)?;
        let life = {
            let mut scene = lock(&self.scene);
            let node = &mut scene.nodes[who];
            node.life += 1;
            node.condition = Condition::Runs;
            node.life
        };
        let address = mesh.addresses().first().copied();
        for (from, row) in self.relays.iter().enumerate() {
            if let Some(relay) = &row[who] {
                relay.lead_to(address);
            }
            if let Some(relay) = &self.relays[who][from] {
                mesh.keep((self.id(from), relay.address()))
                    .map_err(|error| Failure::Running(error.to_string()))?;
            }
        }
        *player.mesh() = Some(mesh.clone());
        let wrong = |error| Failure::Running(format!("there is no room for another thread: {error}"));
        let (cast, listens) = (Arc::clone(self), mesh.clone());
        thread::Builder::new().spawn(move || cast.listen(who, &listens)).map_err(wrong)?;
        let cast = Arc::clone(self);
        thread::Builder::new().spawn(move || cast.report(who, &mesh)).map_err(wrong)?;
        let cast = Arc::clone(self);
        thread::Builder::new().spawn(move || cast.talk(who, life)).map_err(wrong)?;
        Ok(())
    }

    /// Ends a node without a word, as a killed process ends.
    pub(super) fn kill(&self, who: usize) {
        for row in &self.relays {
            if let Some(relay) = &row[who] {
                relay.lead_to(None);
            }
        }
        {
            let mut scene = lock(&self.scene);
            scene.nodes[who].condition = Condition::Dead;
            scene.nodes[who].peers = Default::default();
        }
        if let Some(mesh) = self.players[who].mesh().take() {
            mesh.end();
        }
    }

    /// Stops everything that a node does, for so long.
    pub(super) fn freeze(&self, who: usize, span: Duration) {
        let player = &self.players[who];
        let Some(mesh) = self.mesh(who) else { return };
        player.frozen.store(true, Ordering::Release);
        lock(&self.scene).nodes[who].condition = Condition::Frozen;
        mesh.freeze(span);
        player.frozen.store(false, Ordering::Release);
        lock(&self.scene).nodes[who].condition = Condition::Runs;
    }

    /// Cuts every stream between two nodes: how many.
    pub(super) fn cut(&self, one: usize, other: usize) -> usize {
        self.between(one, other).map(Relay::cut).sum()
    }

    /// Every stream between two nodes swallows everything from now on: how many.
    pub(super) fn swallow(&self, one: usize, other: usize) -> usize {
        self.between(one, other).map(Relay::swallow).sum()
    }

    /// Dials again where a link exists.
    pub(super) fn dial_again(&self, from: usize, to: usize) -> Result<(), Failure> {
        let (Some(mesh), Some(relay)) = (self.mesh(from), &self.relays[from][to]) else { return Ok(()) };
        mesh.seek(self.id(to), Some(relay.address())).map_err(|error| Failure::Running(error.to_string()))
    }

    /// A node with another secret that dials this one.
    pub(super) fn stranger(&self, whom: usize) -> Result<Mesh, Failure> {
        let wrong = |error| Failure::Running(format!("there is no stranger: {error}"));
        let role = Member {
            identity: entropy::identity().map_err(wrong)?,
            secret: entropy::mesh_secret().map_err(wrong)?,
        };
        let mesh = self.players[whom].engine.start(role)?;
        let address = self.mesh(whom).and_then(|mesh| mesh.addresses().first().copied());
        if let Some(address) = address {
            mesh.keep((self.id(whom), address)).map_err(|error| Failure::Running(error.to_string()))?;
        }
        Ok(mesh)
    }

    pub(super) fn mesh(&self, who: usize) -> Option<Mesh> {
        self.players[who].mesh().clone()
    }

    pub(super) fn id(&self, who: usize) -> NodeId {
        self.players[who].identity.id()
    }

    /// Nothing is said any more.
    pub(super) fn fall_silent(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Lets a node leave, and takes down what it could not deliver.
    pub(super) fn leave(&self, who: usize, within: Duration) {
        let Some(mesh) = self.players[who].mesh().take() else { return };
        let life = lock(&self.scene).nodes[who].life;
        let left = block_on(mesh.leave(within));
        self.undelivered(who, life, left.undelivered.iter().map(|message| (message.peer, message.token)));
    }

    /// Looks at what the nodes say of each other.
    pub(super) fn look(&self) {
        for who in 0..self.players.len() {
            let frozen = self.players[who].frozen.load(Ordering::Acquire);
            let Some(mesh) = self.mesh(who).filter(|_| !frozen) else { continue };
            for to in (0..self.players.len()).filter(|to| *to != who) {
                let seen = seen(&mesh, self.id(to));
                let mut scene = lock(&self.scene);
                if scene.nodes[who].condition == Condition::Runs {
                    scene.nodes[who].peers[to] = seen;
                }
            }
        }
    }

    /// Looks again and again until it is over.
    pub(super) fn keep_looking(&self) {
        while !self.over.load(Ordering::Acquire) {
            self.look();
            thread::sleep(LOOKS);
        }
    }

    fn between(&self, one: usize, other: usize) -> impl Iterator<Item = &Relay> {
        [&self.relays[one][other], &self.relays[other][one]].into_iter().flatten()
    }

    /// Takes what comes to a node.
    fn listen(&self, who: usize, mesh: &Mesh) {
        let mut messages = mesh.messages();
        while let Some(received) = block_on(messages.next()) {
            self.players[who].wait_while_frozen();
            let from = (0..self.players.len()).find(|from| self.id(*from) == received.from);
            let head = received.body.first_chunk::<HEAD>().map(|head| {
                let (life, number) = head.split_at(4);
                let life = life.try_into().map(u32::from_le_bytes).unwrap_or_default();
                (life, number.try_into().map(u64::from_le_bytes).unwrap_or_default())
            });
            if let (Some(from), Some((life, number))) = (from, head) {
                lock(&self.scene).ledger.arrived(Way { from, life, to: who }, number);
            }
        }
    }

    /// Says something to everybody, again and again, in one life of a node.
    fn talk(&self, who: usize, life: u32) {
        let mut turn = 0_usize;
        while !self.over.load(Ordering::Acquire) && lock(&self.scene).nodes[who].life == life {
            thread::sleep(TALKS);
            self.players[who].wait_while_frozen();
            let Some(mesh) = self.mesh(who) else { return };
            for to in (0..self.players.len()).filter(|to| *to != who) {
                turn += 1;
                self.say(&mesh, Way { from: who, life, to }, turn);
            }
            let undelivered = mesh.undelivered();
            self.undelivered(who, life, undelivered.iter().map(|message| (message.peer, message.token)));
        }
    }

    fn say(&self, mesh: &Mesh, way: Way, turn: usize) {
        // The ledger knows before the message can arrive; a message that was not taken in gives its number back.
        let mut scene = lock(&self.scene);
        let number = scene.ledger.next(way);
        let mut body = way.life.to_le_bytes().to_vec();
        body.extend(number.to_le_bytes());
        body.resize(HEAD + turn.wrapping_mul(2_654_435_761) % LONGEST, 7);
        if mesh.try_send(self.id(way.to), Message::from(body).with_report(number)).is_ok() {
            scene.ledger.sent(way);
        }
    }

    fn undelivered(&self, who: usize, life: u32, messages: impl Iterator<Item = (NodeId, u64)>) {
        for (peer, number) in messages {
            if let Some(to) = (0..self.players.len()).find(|to| self.id(*to) == peer) {
                lock(&self.scene).ledger.undelivered(Way { from: who, life, to }, number);
            }
        }
    }

    /// Says what happens to the links of a node.
    fn report(&self, who: usize, mesh: &Mesh) {
        let mut happenings = mesh.happenings();
        while let Some(happened) = block_on(happenings.next()) {
            let node = NAMES[who];
            let name = |peer: &NodeId| {
                (0..3).find(|other| self.id(*other) == *peer).map_or("a stranger", |who| NAMES[who])
            };
            let (text, object) = match &happened.what {
                Happening::LinkUp { link, peer } => (
                    format!("{node}: link {link} to {} is up", name(peer)),
                    json!({"event": "link", "node": node, "state": "up", "link": link.to_string(), "peer": name(peer)}),
                ),
                Happening::LinkClosed { link, peer: Some(peer), side, reason, .. } => {
                    lock(&self.scene).links_lost += 1;
                    let dialed = *side == Side::Dialed;
                    (
                        format!("{node}: link {link} to {} ended: {reason}", name(peer)),
                        json!({"event": "link", "node": node, "state": "closed", "link": link.to_string(),
                            "peer": name(peer), "dialed": dialed, "reason": Why(*reason)}),
                    )
                }
                Happening::Woke(paused) => (
                    format!("{node}: had not run for {} ms", paused.idle.as_millis()),
                    json!({"event": "woke", "node": node, "slept_ms": paused.idle.as_millis()}),
                ),
                Happening::LinkOpened { .. }
                | Happening::LinkClosed { .. }
                | Happening::Announced(_)
                | Happening::NameFailed { .. }
                | _ => continue,
            };
            self.teller.tell(&self.scene, Weight::Detail, text, object);
        }
    }
}

impl Player {
    fn mesh(&self) -> MutexGuard<'_, Option<Mesh>> {
        self.mesh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The application is a part of the node: it does not run either.
    fn wait_while_frozen(&self) {
        while self.frozen.load(Ordering::Acquire) {
            thread::sleep(TALKS);
        }
    }
}

/// What a node says of another.
fn seen(mesh: &Mesh, peer: NodeId) -> Peer {
    let Some(explained) = mesh.explain(peer) else { return Peer::default() };
    let carrying = explained.links.iter().find(|link| link.role == Role::Carrying);
    Peer {
        state: match explained.peer.standing {
            Standing::Up { .. } => PeerState::Up,
            Standing::Away { .. } => PeerState::Away,
            Standing::Down { .. } => PeerState::Down,
        },
        dialed: carrying.is_some_and(|link| link.side == Side::Dialed),
        links: explained
            .links
            .iter()
            .filter(|link| !matches!(link.role, Role::Dialing | Role::Shaking))
            .count(),
        round_trip: carrying.and_then(|link| link.round_trip),
        unacknowledged: mesh.unacknowledged(peer).unwrap_or_default().messages,
    }
}

/// A node of the demo.
struct Member {
    identity: Identity,
    secret: MeshSecret,
}

impl Setup for Member {
    fn set_up<D: Driver>(self, builder: Builder<D>) -> Builder<D> {
        let config = Config { detect_within: DETECT, backoff_most: DETECT, ..Config::loopback() };
        builder
            .identity(self.identity)
            .secret(self.secret)
            .network("demo")
            .config(config)
            .discover_nobody()
            .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }
}

/// When something is to be given up.
pub(super) fn deadline(within: Duration) -> Instant {
    Instant::now() + within
}
