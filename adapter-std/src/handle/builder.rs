//! How a node is started.

use alloc::sync::Arc;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;

use mesh_proto::node::{Door, Halves, LetsIn, Node, Settings, SinkError};
use mesh_proto::trace::Sink;
use mesh_proto::wire::{Identity, MeshSecret, MeshSecrets, Ports};
use mesh_proto::{Config, ConfigError, Incarnation, Limits, NodeId, Seed, Taken, Unable};

use super::contact::Contact;
use super::mesh::{Mesh, WishError};
use crate::hub::{Admits, Hub, Question};
use crate::platform::beacon::Group;
use crate::platform::clock::{Clock, Time};
use crate::platform::entropy;
use crate::platform::identity_file::{IdentityFile, IdentityFileError};
use crate::platform::listen::{ListenError, listen_all};
use crate::platform::surroundings::Watched;

/// The network that a node belongs to if nobody says another name.
const NETWORK: &str = "mesh";

/// What drives a node: how a runtime accepts, dials, reads, writes and sleeps.
pub trait Driver {
    /// What the application gets.
    type Mesh;

    /// Where time comes from.
    fn time(&self) -> Arc<dyn Time>;

    /// Begins to drive, and returns.
    ///
    /// # Errors
    ///
    /// The system has no room for it. What was begun ends with the hub.
    fn drive(self, started: Started) -> io::Result<Self::Mesh>;
}

/// A node that is to be driven.
#[derive(Debug)]
pub struct Started {
    /// For the application.
    pub mesh: Mesh,
    /// For the tasks.
    pub hub: Hub,
    /// Where streams are accepted. None of them blocks.
    pub listeners: Vec<TcpListener>,
    /// From which all socket options follow.
    pub detect_within: Duration,
}

/// Makes a node: who it is, who may talk to it, where it listens, whom it keeps.
///
/// One of [`secret`](Self::secret), [`open`](Self::open) and [`unprotected`](Self::unprotected) has to be said. All else is as
/// it mostly is: an identity for this run alone, both families at a free port, peers of the neighbourhood found by
/// themselves, a dead link found within ten seconds.
pub struct Builder<D> {
    driver: D,
    network: String,
    who: Who,
    gate: Option<Gate>,
    lets_in: LetsIn,
    admits: Option<Admits>,
    listens: Option<Vec<SocketAddr>>,
    contacts: Vec<Contact>,
    group: Option<Group>,
    config: Config,
    seed: Option<u64>,
    trace: Option<Records>,
}

/// Begins to write a node's trace down.
type Records = Box<dyn FnOnce(&mut Node) + Send>;

/// Who the node is.
enum Who {
    Drawn,
    Given(Identity, Option<Incarnation>),
    Kept(PathBuf),
}

/// Who may talk to it.
enum Gate {
    Closed(MeshSecrets),
    Open,
    Unprotected,
}

impl<D: Driver> Builder<D> {
    /// A node that this drives.
    pub fn new(driver: D) -> Self {
        Self {
            driver,
            network: NETWORK.to_owned(),
            who: Who::Drawn,
            gate: None,
            lets_in: LetsIn::Anyone,
            admits: None,
            listens: None,
            contacts: Vec::new(),
            group: Some(Group::COMMON),
            config: Config::lan(),
            seed: None,
            trace: None,
        }
    }

    /// The identity that is kept in this file, which is made if it is not there. One process at a time can have it.
    #[must_use]
    pub fn identity_file(self, path: impl Into<PathBuf>) -> Self {
        Self { who: Who::Kept(path.into()), ..self }
    }

    /// This identity. The number of this run comes from the wall clock.
    #[must_use]
    pub fn identity(self, identity: Identity) -> Self {
        Self { who: Who::Given(identity, None), ..self }
    }

    /// This identity, in this run of it: the run's number must rise with every start.
    #[must_use]
    pub fn identity_in_run(self, identity: Identity, incarnation: Incarnation) -> Self {
        Self { who: Who::Given(identity, Some(incarnation)), ..self }
    }

    /// Nobody may talk who does not have this secret.
    #[must_use]
    pub fn secret(self, secret: MeshSecret) -> Self {
        self.secrets(MeshSecrets::one(secret))
    }

    /// Nobody may talk who does not have one of these secrets, while the mesh changes from one to the other.
    #[must_use]
    pub fn secrets(self, secrets: MeshSecrets) -> Self {
        Self { gate: Some(Gate::Closed(secrets)), ..self }
    }

    /// Whoever proves a name may talk: whom to let in is for [`allow`](Self::allow) and [`admit`](Self::admit) to say.
    #[must_use]
    pub fn open(self) -> Self {
        Self { gate: Some(Gate::Open), ..self }
    }

    /// **Not secure**: nothing is encrypted and nothing authenticated. For links that are trusted by other means, and for
    /// tests.
    #[must_use]
    pub fn unprotected(self) -> Self {
        Self { gate: Some(Gate::Unprotected), ..self }
    }

    /// Lets in these only.
    #[must_use]
    pub fn allow(self, ids: impl IntoIterator<Item = NodeId>) -> Self {
        Self { lets_in: LetsIn::Listed(ids.into_iter().collect()), ..self }
    }

    /// Asks about everybody who has proven a name. The answer may come later, from wherever it likes. A panic is a refusal:
    /// [`Happening::AdmitPanicked`](crate::hub::Happening::AdmitPanicked) tells of it, and nothing else ends for it.
    #[must_use]
    pub fn admit(self, admits: impl Fn(Question) + Send + Sync + 'static) -> Self {
        Self { lets_in: LetsIn::Asked, admits: Some(Box::new(admits)), ..self }
    }

    /// The name of the network. Nodes of different networks never talk to each other.
    #[must_use]
    pub fn network(self, name: impl Into<String>) -> Self {
        Self { network: name.into(), ..self }
    }

    /// Listens here; said again, here too. Port 0 takes a free one.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listens.get_or_insert_default().push(address);
        self
    }

    /// Listens nowhere: this node dials, and nobody dials it.
    #[must_use]
    pub fn listen_nowhere(self) -> Self {
        Self { listens: Some(Vec::new()), ..self }
    }

    /// Keeps a session with this peer; said again, with this one too.
    #[must_use]
    pub fn keep(mut self, contact: impl Into<Contact>) -> Self {
        self.contacts.push(contact.into());
        self
    }

    /// Where the neighbourhood finds each other, if not in the group of all.
    #[must_use]
    pub fn discover_in(self, group: Group) -> Self {
        Self { group: Some(group), ..self }
    }

    /// Neither tells the neighbourhood that this node is there, nor listens for others.
    #[must_use]
    pub fn discover_nobody(self) -> Self {
        Self { group: None, ..self }
    }

    /// How soon a dead link is found; everything else that takes time follows from this.
    #[must_use]
    pub fn detect_within(mut self, within: Duration) -> Self {
        self.config.detect_within = within;
        self
    }

    /// The bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Everything that the machine can be set to. When a message counts as taken is the handle's to say.
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// What delays are drawn from, for tests that are to go the same way again. Keys never are.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: Some(seed), ..self }
    }

    /// Writes down everything that the machine is told, to be [replayed](mesh_proto::trace::replay). A sink that fails ends
    /// the trace, and disturbs nothing else.
    #[must_use]
    pub fn trace<K>(self, sink: K) -> Self
    where
        K: Sink<Error: Into<SinkError>> + Send + 'static,
    {
        Self { trace: Some(Box::new(move |node| node.record(sink))), ..self }
    }

    /// Starts the node.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do about it. Nothing is left open.
    pub fn start(self) -> Result<D::Mesh, StartError> {
        let (identity, incarnation, file) = self.who.resolve()?;
        let door = match self.gate.ok_or(StartError::NoDoor)? {
            Gate::Closed(secrets) => Door::Closed(identity, secrets),
            Gate::Open => Door::Open(identity),
            Gate::Unprotected => Door::Unprotected(identity.id()),
        };
        let seed = self
            .seed
            .map_or_else(entropy::seed, |seed| Ok(Seed::Number(seed)))
            .map_err(StartError::System)?;
        let settings = Settings {
            config: Config { taken: Taken::WhenSaid, ..self.config },
            lets_in: self.lets_in,
            halves: Halves::Outside,
            ..Settings::new(door, &self.network, incarnation, seed)
        };
        let detect_within = settings.config.detect_within;
        let mut node = Node::new(settings).map_err(StartError::Config)?;
        if let Some(records) = self.trace {
            records(&mut node);
        }
        let listeners = listeners(self.listens)?;
        let listens: Vec<SocketAddr> = listeners
            .iter()
            .map(TcpListener::local_addr)
            .collect::<io::Result<_>>()
            .map_err(StartError::System)?;
        node.listens_on(ports(&listens));
        let hub = Hub::new(node, self.driver.time(), self.admits);
        let mesh = Mesh::new(hub.clone(), listens, file);
        let watched = Watched { group: self.group, ..Watched::default() };
        hub.watch_surroundings(watched, Clock::new()).map_err(StartError::System)?;
        for contact in self.contacts {
            match mesh.keep(contact) {
                Ok(()) => {}
                Err(error) if error.why() == Unable::OwnSelf => return Err(StartError::OwnSelf),
                Err(error) => return Err(StartError::Keep(error)),
            }
        }
        self.driver.drive(Started { mesh, hub, listeners, detect_within }).map_err(StartError::System)
    }
}

impl Who {
    fn resolve(self) -> Result<(Identity, Incarnation, Option<IdentityFile>), StartError> {
        let by_clock = || entropy::incarnation_by_clock().map_err(StartError::System);
        Ok(match self {
            Self::Drawn => (entropy::identity().map_err(StartError::System)?, by_clock()?, None),
            Self::Given(identity, Some(incarnation)) => (identity, incarnation, None),
            Self::Given(identity, None) => (identity, by_clock()?, None),
            Self::Kept(path) => {
                let file = IdentityFile::open(&path, entropy::identity).map_err(StartError::Identity)?;
                let incarnation = entropy::incarnation(file.start()).map_err(StartError::System)?;
                (file.identity().clone(), incarnation, Some(file))
            }
        })
    }
}

/// Both families at one free port, or the one that this system has; or what was asked for.
fn listeners(asked: Option<Vec<SocketAddr>>) -> Result<Vec<TcpListener>, StartError> {
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    match asked {
        Some(addresses) => listen_all(&addresses),
        None => listen_all(&[v6, v4]).or_else(|_| listen_all(&[v4])).or_else(|_| listen_all(&[v6])),
    }
    .map_err(StartError::Listen)
}

/// The ports to announce, each once.
fn ports(listens: &[SocketAddr]) -> Ports {
    let mut ports = Ports::new();
    for port in listens.iter().map(SocketAddr::port) {
        if !ports.contains(&port) && ports.push(port).is_err() {
            log::debug!("port {port} is not announced: there are more than can be");
        }
    }
    ports
}

impl<D> fmt::Debug for Builder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("network", &self.network)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Why a node was not started. Nothing is left open.
#[derive(Debug)]
pub enum StartError {
    /// Nobody said who may talk to it.
    NoDoor,
    /// The identity file cannot be used.
    Identity(IdentityFileError),
    /// The configuration contradicts itself.
    Config(ConfigError),
    /// An address cannot be listened at.
    Listen(ListenError),
    /// It was to keep itself.
    OwnSelf,
    /// It cannot keep all that it was to.
    Keep(WishError),
    /// The system says something else.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDoor => f.write_str(
                "nobody has said who may talk to this node: give it the secret of its mesh, or say that it is open",
            ),
            Self::Identity(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Listen(error) => error.fmt(f),
            Self::OwnSelf => f.write_str("one of the peers to keep is this node itself: take its own id off the list"),
            Self::Keep(error) => write!(f, "not all peers can be kept: {error}"),
            Self::System(error) => write!(f, "the system said: {error}"),
        }
    }
}

impl core::error::Error for StartError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Identity(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Listen(error) => Some(error),
            Self::Keep(error) => Some(error),
            Self::System(error) => Some(error),
            Self::NoDoor | Self::OwnSelf => None,
        }
    }
}
