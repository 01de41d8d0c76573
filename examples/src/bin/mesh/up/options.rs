//! What can be said on the command line, and in the configuration file.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;
use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use adapter_std::handle::{Builder, Contact, Driver};
use clap::{Args, Parser, ValueEnum};
use mesh_proto::wire::MeshSecret;
use mesh_proto::{Config, Limits, NodeId};

use super::line::Form;
use crate::failure::Failure;
use crate::runtime::{Runtime, Setup};
use crate::trace::Trace;
use crate::{folder, secret};

/// The shortest time within which a dead link can be found with the usual patience for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A node, as it is asked for.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Options {
    /// What drives the node. [default: tokio]
    #[arg(long, value_enum)]
    pub(super) runtime: Option<Runtime>,
    /// Where to listen.
    #[arg(help = "Where to listen; may be said again. Port 0 takes a free one, [::] means both families. [default: [::]:0]", long, value_name = "ADDR", value_parser = address)]
    listen: Vec<SocketAddr>,
    /// Whom to keep a session with: ID, HOST:PORT or ID@HOST:PORT; may be said again.
    #[arg(long, value_name = "PEER", value_parser = Contact::from_str)]
    peer: Vec<Contact>,
    /// The file with this node's identity, made if it is not there. [default: in this user's data folder]
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// An identity for this run alone.
    #[arg(long)]
    ephemeral: bool,
    /// The file with the secret of the mesh; `mesh secret new FILE` makes one.
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// Without a secret: whoever proves an id may talk.
    #[arg(long)]
    open: bool,
    /// Whom to let in, if not everybody who may talk; may be said again.
    #[arg(long, value_name = "ID", value_parser = id)]
    allow: Vec<NodeId>,
    /// How soon a dead link is found: 500ms, 10s, 2m, or loopback, lan, wan, battery. [default: lan]
    #[arg(long, value_name = "TIME", value_parser = time)]
    detect_within: Option<Duration>,
    /// How many peers are known at one time. [default: 128]
    #[arg(long, value_name = "N")]
    max_peers: Option<u32>,
    /// Where peers are looked for. [default: lan]
    #[arg(long, value_enum)]
    discover: Option<Discover>,
    /// JSON lines on standard input and output.
    #[arg(long)]
    json: bool,
    /// Writes down all that the node does, for `mesh replay`. It has the messages in it.
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    /// A TOML file with these same names, as in `listen = ["0.0.0.0:7000"]`. What is said here comes before it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Where peers are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Discover {
    /// In the local network, by multicast.
    Lan,
    /// Nowhere: only those are met who are named, or who come.
    Off,
}

/// What the configuration file is read with: the same options without a command.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Alone {
    #[command(flatten)]
    options: Options,
}

impl Options {
    /// These, and what the configuration file says where they say nothing.
    pub(super) fn with_file(self) -> Result<Self, Failure> {
        let Some(path) = self.config.clone() else { return Ok(self) };
        let file = read(&path)?;
        let many = |own: Vec<SocketAddr>, other| if own.is_empty() { other } else { own };
        let (own_identity, own_door) = (self.identity.is_some() || self.ephemeral, self.is_door_said());
        Ok(Self {
            runtime: self.runtime.or(file.runtime),
            listen: many(self.listen, file.listen),
            peer: if self.peer.is_empty() { file.peer } else { self.peer },
            identity: if own_identity { self.identity } else { file.identity },
            ephemeral: if own_identity { self.ephemeral } else { file.ephemeral },
            secret: if own_door { self.secret } else { file.secret },
            open: if own_door { self.open } else { file.open },
            allow: if self.allow.is_empty() { file.allow } else { self.allow },
            detect_within: self.detect_within.or(file.detect_within),
            max_peers: self.max_peers.or(file.max_peers),
            discover: self.discover.or(file.discover),
            json: self.json || file.json,
            trace: self.trace.or(file.trace),
            config: None,
        })
    }

    pub(super) const fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::People }
    }

    const fn is_door_said(&self) -> bool {
        self.secret.is_some() || self.open
    }
}

/// What stands in a configuration file, read as if it had been said on the command line: one set of names and rules.
fn read(path: &Path) -> Result<Options, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::of_file("the configuration", path, &error))?;
    let wrong = |what: String| Failure::Usage(format!("the configuration {}: {what}", path.display()));
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        wrong(format!("line {line}: {}", error.message().replace('\n', " ")))
    })?;
    let mut words = Vec::new();
    for (name, value) in table {
        if name == "config" {
            return Err(wrong("it cannot name another configuration; put all into one".to_owned()));
        }
        match value {
            toml::Value::Boolean(true) => words.push(format!("--{name}")),
            toml::Value::Boolean(false) => {}
            toml::Value::Array(values) => {
                for value in values {
                    words.push(format!("--{name}={}", plain(&name, value).map_err(wrong)?));
                }
            }
            value @ (toml::Value::String(_)
            | toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Datetime(_)
            | toml::Value::Table(_)) => {
                words.push(format!("--{name}={}", plain(&name, value).map_err(wrong)?));
            }
        }
    }
    let options = Alone::try_parse_from(words).map(|alone| alone.options);
    options.map_err(|error| match crate::failure::of_arguments(&error) {
        Ok(()) => wrong("it can only set options".to_owned()),
        Err(failure) => wrong(failure.to_string()),
    })
}

fn plain(name: &str, value: toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => {
            Err(format!("`{name}` is to be a text, a whole number, or a list of these; write it as a text"))
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "give IP:PORT, as in 127.0.0.1:7000 or [::]:0".to_owned())
}

fn id(text: &str) -> Result<NodeId, String> {
    text.parse().map_err(|error| format!("{error}; `mesh id` prints the id of a node"))
}

fn time(text: &str) -> Result<Duration, String> {
    let within = |config: Config| Ok(config.detect_within);
    match text {
        "loopback" => within(Config::loopback()),
        "lan" => within(Config::lan()),
        "wan" => within(Config::wan()),
        "battery" => within(Config::battery()),
        _ => {
            let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
            let number = text.get(..text.len() - unit.len()).and_then(|number| number.parse::<u64>().ok());
            let unit = match unit {
                "ms" => Some(1),
                "s" => Some(1_000),
                "m" => Some(60_000),
                _ => None,
            };
            number
                .zip(unit)
                .and_then(|(number, unit)| number.checked_mul(unit))
                .map(Duration::from_millis)
                .ok_or_else(|| {
                    "give a time as in 500ms, 10s or 2m, or loopback, lan, wan, battery".to_owned()
                })
        }
    }
}

/// A node that can be started: what was asked for makes sense, and its files were read.
#[derive(Debug)]
pub(super) struct Node {
    listen: Vec<SocketAddr>,
    peers: Vec<Contact>,
    /// `None` for an identity of this run alone.
    identity: Option<PathBuf>,
    /// `None` for a node that is open.
    secret: Option<MeshSecret>,
    allow: Vec<NodeId>,
    config: Config,
    discover: Discover,
    trace: Option<Trace>,
}

impl Node {
    pub(super) fn of(options: &Options, trace: Option<Trace>) -> Result<Self, Failure> {
        let secret = match (&options.secret, options.open) {
            (Some(path), false) => Some(secret::read(path)?),
            (None, true) => None,
            (Some(_), true) => {
                return Err(Failure::Usage(
                    "--secret and --open exclude each other; leave out one of them".to_owned(),
                ));
            }
            (None, false) => {
                return Err(Failure::Usage(
                    "say who may talk to this node: --secret FILE, which `mesh secret new FILE` makes, or --open for everybody"
                        .to_owned(),
                ));
            }
        };
        let identity = match (&options.identity, options.ephemeral) {
            (Some(path), false) => Some(path.clone()),
            (None, false) => Some(folder::identity()?),
            (None, true) => None,
            (Some(_), true) => {
                return Err(Failure::Usage(
                    "--identity and --ephemeral exclude each other; leave out one of them".to_owned(),
                ));
            }
        };
        let mut config = Config::lan();
        if let Some(within) = options.detect_within {
            config.detect_within = within;
            if within < PATIENCE {
                config.probe_floor = within / 2;
            }
        }
        if let Some(peers) = options.max_peers {
            config.limits = Limits { peers, ..config.limits };
        }
        let (listen, peers, allow) = (options.listen.clone(), options.peer.clone(), options.allow.clone());
        let discover = options.discover.unwrap_or(Discover::Lan);
        Ok(Self { listen, peers, identity, secret, allow, config, discover, trace })
    }

    /// How late the node must be to call it a gap.
    pub(super) fn gap(&self) -> Duration {
        self.config.gap()
    }
}

impl Setup for Node {
    fn set_up<D: Driver>(self, builder: Builder<D>) -> Builder<D> {
        let Self { listen, peers, identity, secret, allow, config, discover, trace } = self;
        let mut builder = builder.config(config);
        builder = match secret {
            Some(secret) => builder.secret(secret),
            None => builder.open(),
        };
        if let Some(path) = identity {
            builder = builder.identity_file(path);
        }
        if !allow.is_empty() {
            builder = builder.allow(allow);
        }
        // Alone it is what the builder does by itself, also where the system has one family only.
        if listen != [SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))] {
            for address in both_families(&listen) {
                builder = builder.listen(address);
            }
        }
        for peer in peers {
            builder = builder.keep(peer);
        }
        if discover == Discover::Off {
            builder = builder.discover_nobody();
        }
        match trace {
            Some(trace) => builder.trace(trace.sink()),
            None => builder,
        }
    }
}

/// What is to be listened at, with every IPv4 address behind every IPv6 one where no address is told.
fn both_families(listen: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for address in listen {
        let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
        let both = address.is_ipv6() && address.ip().is_unspecified();
        for address in [Some(*address), both.then_some(v4)].into_iter().flatten() {
            if address.port() == 0 || !all.contains(&address) {
                all.push(address);
            }
        }
    }
    all
}
