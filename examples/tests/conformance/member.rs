//! The nodes.

use alloc::sync::Arc;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::ops::Deref;
use core::time::Duration;
use std::io;
use std::net::UdpSocket;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use adapter_std::handle::{Builder, Driver, Mesh, Question};
#[cfg(unix)]
use adapter_std::hub::{Attached, Unattached};
use adapter_std::platform::beacon::Group;
use adapter_std::platform::entropy;
use examples::relay::Relay;
use examples::runtime::{Engine, Runtime, Setup};
#[cfg(unix)]
use mesh_proto::PathClass;
use mesh_proto::trace::Through;
use mesh_proto::wire::{Identity, MeshSecret};
use mesh_proto::{Config, Incarnation, NodeId};

/// How soon a quick node finds a dead link.
pub(crate) const QUICK: Duration = Duration::from_millis(800);
/// How soon a calm one does: later than any test waits, so that whatever is found before was found in some other way.
pub(crate) const CALM: Duration = Duration::from_secs(60);

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Where whoever is found by its announcements listens: these come from other addresses than loopback, too.
pub(crate) const EVERYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A group that no other test has.
pub(crate) fn own_group() -> Group {
    let socket = UdpSocket::bind(EVERYWHERE).expect("there is a port");
    Group { port: socket.local_addr().expect("it is bound").port(), ..Group::COMMON }
}

/// What a node is to be.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) identity: Identity,
    pub(crate) run: Incarnation,
    pub(crate) secret: MeshSecret,
    pub(crate) config: Config,
    /// Nowhere, if it only dials.
    pub(crate) listens: Option<SocketAddr>,
    pub(crate) group: Option<Group>,
    pub(crate) trace: Option<Trace>,
    pub(crate) lets_in: LetsIn,
    /// Where its identity is kept, in place of the one that it is given.
    pub(crate) file: Option<PathBuf>,
}

/// Whom a node lets in.
#[derive(Clone)]
pub(crate) enum LetsIn {
    Everybody,
    Listed(Vec<NodeId>),
    Asked(Arc<dyn Fn(Question) + Send + Sync>),
}

impl Member {
    /// A node that does nothing for its own sake as long as a test lasts.
    pub(crate) fn calm() -> Self {
        let config = Config {
            detect_within: CALM,
            handshake_within: Duration::from_secs(10),
            probe_floor: Duration::from_millis(200),
            backoff_first: Duration::from_millis(20),
            backoff_most: Duration::from_millis(200),
            stable_after: Duration::from_millis(50),
            announce_every: None,
            ..Config::loopback()
        };
        Self {
            identity: entropy::identity().expect("the system has entropy"),
            run: entropy::incarnation(1).expect("the system has entropy"),
            secret: MeshSecret::new([7; 32]),
            config,
            listens: Some(LOOPBACK),
            group: None,
            trace: None,
            lets_in: LetsIn::Everybody,
            file: None,
        }
    }

    /// A node that soon finds a dead link.
    pub(crate) fn quick() -> Self {
        let calm = Self::calm();
        let handshake_within = Duration::from_secs(1);
        Self { config: Config { detect_within: QUICK, handshake_within, ..calm.config }, ..calm }
    }

    /// The same node, which announces itself and hears others.
    pub(crate) fn announcing_in(self, group: Group) -> Self {
        let config = Config { announce_every: Some(Duration::from_secs(1)), ..self.config };
        Self { config, group: Some(group), listens: Some(EVERYWHERE), ..self }
    }

    /// The same node in its next run.
    pub(crate) fn next_run(&self) -> Self {
        let run = entropy::incarnation(self.run.start + 1).expect("the system has entropy");
        Self { run, ..self.clone() }
    }

    pub(crate) fn start(self, runtime: Runtime) -> Node {
        let engine = Arc::new(runtime.begin().expect("there is room for its threads"));
        self.start_on(&engine)
    }

    /// Starts on a runtime that others share.
    pub(crate) fn start_on(self, engine: &Arc<Engine>) -> Node {
        let mesh = engine.start(self.clone()).expect("it starts");
        Node { mesh, member: self, engine: Arc::clone(engine) }
    }
}

impl Setup for Member {
    fn set_up<D: Driver>(self, builder: Builder<D>) -> Builder<D> {
        let builder = builder
            .identity_in_run(self.identity, self.run)
            .secret(self.secret)
            .network("conformance")
            .config(self.config);
        let builder = match self.listens {
            Some(address) => builder.listen(address),
            None => builder.listen_nowhere(),
        };
        let builder = match self.group {
            Some(group) => builder.discover_in(group),
            None => builder.discover_nobody(),
        };
        let builder = match self.lets_in {
            LetsIn::Everybody => builder,
            LetsIn::Listed(ids) => builder.allow(ids),
            LetsIn::Asked(admits) => builder.admit(move |question| admits(question)),
        };
        let builder = match self.file {
            Some(path) => builder.identity_file(path),
            None => builder,
        };
        match self.trace {
            Some(Trace(bytes)) => builder.trace(Through(move |more: &[u8]| {
                bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(more);
                Ok::<(), io::Error>(())
            })),
            None => builder,
        }
    }
}

/// What a node wrote down.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<u8>>>);

impl Trace {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A node that was started. It ends without a word when it is dropped.
pub(crate) struct Node {
    mesh: Mesh,
    member: Member,
    /// Goes when the last of its nodes has ended.
    engine: Arc<Engine>,
}

impl Node {
    /// Where to dial it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.mesh.addresses().first().copied().expect("it listens")
    }

    /// What it was made from.
    pub(crate) fn member(&self) -> &Member {
        &self.member
    }

    /// Attaches a stream.
    #[cfg(unix)]
    pub(crate) fn attach(
        &self,
        stream: UnixStream,
        side: Attached,
        class: PathClass,
    ) -> Result<(), Unattached> {
        self.engine.attach(&self.mesh, stream, side, class)
    }

    /// A relay that leads here.
    pub(crate) fn behind_relay(&self) -> Relay {
        let relay = Relay::open().expect("there is room");
        relay.lead_to(Some(self.address()));
        relay
    }
}

impl Deref for Node {
    type Target = Mesh;

    fn deref(&self) -> &Mesh {
        &self.mesh
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let me = self.mesh.me();
            for peer in self.mesh.peers() {
                eprintln!("{me:?}: {}", self.mesh.explain(peer.id).expect("it is known"));
            }
            eprintln!("{me:?}: {:?}, {:#?}", self.mesh.stats(), crate::looking::happened(&self.mesh));
        }
        self.mesh.end();
    }
}
