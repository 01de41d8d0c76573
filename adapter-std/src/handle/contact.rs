//! Whom to keep, as people say it.

use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;

use mesh_proto::NodeId;
use mesh_proto::wire::TextError;

/// A peer, by what is known of it: who it is, where it is, or both.
///
/// As text it is an id, an address, a name with a port, or an id at one of these:
///
/// ```
/// use adapter_std::handle::Contact;
///
/// let contact: Contact = "node.example:7000".parse()?;
/// assert_eq!(contact, Contact::named("node.example:7000"));
/// assert_eq!("10.0.0.2:7000".parse(), Ok(Contact::from(std::net::SocketAddr::from(([10, 0, 0, 2], 7000)))));
/// # Ok::<(), adapter_std::handle::ContactError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub(super) id: Option<NodeId>,
    pub(super) place: Option<Place>,
}

/// Where somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    At(SocketAddr),
    Named(String),
}

impl Contact {
    /// Whoever is at this name, which is `host:port`. It is looked up when the node needs it, and again every minute.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { id: None, place: Some(Place::Named(name.into())) }
    }

    /// The same, if it is this one who is there.
    #[must_use]
    pub fn expecting(self, id: NodeId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Who it is, if that is known.
    #[must_use]
    pub const fn id(&self) -> Option<NodeId> {
        self.id
    }
}

impl From<NodeId> for Contact {
    fn from(id: NodeId) -> Self {
        Self { id: Some(id), place: None }
    }
}

impl From<SocketAddr> for Contact {
    fn from(address: SocketAddr) -> Self {
        Self { id: None, place: Some(Place::At(address)) }
    }
}

impl From<(NodeId, SocketAddr)> for Contact {
    fn from((id, address): (NodeId, SocketAddr)) -> Self {
        Self::from(address).expecting(id)
    }
}

impl FromStr for Contact {
    type Err = ContactError;

    fn from_str(text: &str) -> Result<Self, ContactError> {
        let wrong = |problem| ContactError { text: text.to_owned(), problem };
        let (id, place) = match text.split_once('@') {
            Some((id, place)) => (Some(id), Some(place)),
            None if text.contains(':') => (None, Some(text)),
            None => (Some(text), None),
        };
        let id = id.map(NodeId::from_str).transpose().map_err(|error| wrong(Problem::Id(error)))?;
        let place = place.map(|place| place_of(place).ok_or_else(|| wrong(Problem::Place))).transpose()?;
        Ok(Self { id, place })
    }
}

fn place_of(text: &str) -> Option<Place> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (address.port() != 0).then_some(Place::At(address));
    }
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let sound = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    (sound && port != 0).then(|| Place::Named(text.to_owned()))
}

/// What is wrong with a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactError {
    text: String,
    problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Id(TextError),
    Place,
}

impl fmt::Display for ContactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no peer: ", self.text)?;
        match self.problem {
            Problem::Id(error) => write!(f, "{error}; give an id, HOST:PORT, or ID@HOST:PORT"),
            Problem::Place => f.write_str(
                "no address or name with a port from 1 on; give HOST:PORT, with an IPv6 address in brackets",
            ),
        }
    }
}

impl core::error::Error for ContactError {}
