//! What holds in a world.

use alloc::vec::Vec;

use crate::explain::Role;
use crate::id::{LinkId, LinkTag};
use crate::news::Standing;
use crate::rules::Rules;
use crate::sim::stream::{At, State};
use crate::sim::{Happening, NodeName, StreamName, World};
use crate::storage::Storage;

/// One stream between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// Its name in the world.
    pub stream: StreamName,
    /// Its name at both ends.
    pub tag: LinkTag,
    /// The end that dialed.
    pub dialer: LinkEnd,
    /// The end that accepted, or will.
    pub acceptor: LinkEnd,
}

/// One end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkEnd {
    /// Whose it is.
    pub node: NodeName,
    /// Its name there, once it has one.
    pub link: Option<LinkId>,
    /// Whether the program there holds it.
    pub open: bool,
    /// What it does for the machine there, as that explains it; `None` for a link that belongs to no peer yet.
    pub role: Option<Role>,
}

impl LinkEnd {
    /// Whether this end has admitted the link, and does not end it.
    #[must_use]
    pub fn admitted(&self) -> bool {
        match self.role {
            Some(Role::Carrying | Role::Waiting | Role::Suspect | Role::Doubted | Role::DoubtedThere) => {
                self.open
            }
            Some(Role::Dialing | Role::Shaking | Role::Ending(_)) | None => false,
        }
    }

    /// Whether the session can go over it.
    #[must_use]
    pub fn usable(&self) -> bool {
        match self.role {
            Some(Role::Carrying | Role::Waiting | Role::Suspect) => self.open,
            Some(Role::Doubted | Role::DoubtedThere | Role::Dialing | Role::Shaking | Role::Ending(_))
            | None => false,
        }
    }
}

impl LinkInfo {
    /// The end that a node holds; the dialer's, if it holds both.
    #[must_use]
    pub fn at(&self, node: NodeName) -> Option<&LinkEnd> {
        [&self.dialer, &self.acceptor].into_iter().find(|end| end.node == node)
    }
}

impl<S: Storage, R: Rules> World<S, R> {
    /// Whether `a` runs and says that `b` is up.
    #[must_use]
    pub fn up(&self, a: NodeName, b: NodeName) -> bool {
        self.carrier(a, b).is_some()
    }

    /// The link that carries the session with `b` at `a`.
    #[must_use]
    pub fn carrier(&self, a: NodeName, b: NodeName) -> Option<LinkId> {
        match self.standing(a, b)? {
            Standing::Up { link, .. } if self.net.has_process(a.0) => Some(link),
            Standing::Up { .. } | Standing::Away { .. } | Standing::Down { .. } => None,
        }
    }

    /// What holds of `b` at `a`; `None` if `a` knows nothing of it.
    #[must_use]
    pub fn standing(&self, a: NodeName, b: NodeName) -> Option<Standing> {
        self.mesh(a).peer(&self.id(b)).map(|view| view.standing)
    }

    /// Whether two nodes agree: each says that the other's present run is up, both say so of the same link, and there
    /// is no other stream between them.
    #[must_use]
    pub fn agreed(&self, a: NodeName, b: NodeName) -> bool {
        let (Some(here), Some(there)) = (self.carrier(a, b), self.carrier(b, a)) else { return false };
        let runs = |x: NodeName, y: NodeName| match self.standing(x, y) {
            Some(Standing::Up { incarnation, .. }) => incarnation == self.mesh(y).incarnation(),
            Some(Standing::Away { .. } | Standing::Down { .. }) | None => false,
        };
        let links = self.links(a, b);
        let [only] = links.as_slice() else { return false };
        let same =
            |end: Option<&LinkEnd>, link| end.is_some_and(|end| end.link == Some(link) && end.usable());
        runs(a, b) && runs(b, a) && same(only.at(a), here) && same(only.at(b), there)
    }

    /// The streams between two nodes that at least one of them still holds, oldest first. One that is being dialed
    /// counts as going to whoever listens there.
    #[must_use]
    pub fn links(&self, a: NodeName, b: NodeName) -> Vec<LinkInfo> {
        self.net.between(a.0, b.0).filter_map(|stream| self.info(stream)).collect()
    }

    fn info(&self, stream: usize) -> Option<LinkInfo> {
        let end = |at: At| {
            let node = NodeName(self.net.host_of(stream, at)?);
            let end = self.net.streams[stream].end(at);
            let peer = self.net.host_of(stream, at.other()).map(|peer| self.nodes[peer].id);
            let open = end.state == State::Open && self.net.has_process(node.0);
            let role = end.link.zip(peer).and_then(|(link, peer)| {
                let explanation = self.mesh(node).explain(&peer)?;
                explanation.links.iter().find(|view| view.link == link).map(|view| view.role)
            });
            Some(LinkEnd { node, link: end.link, open, role })
        };
        Some(LinkInfo {
            stream: StreamName(stream),
            tag: self.handshakes[stream].tag,
            dialer: end(At::Dialer)?,
            acceptor: end(At::Acceptor)?,
        })
    }

    /// The stream that a link of a node goes over.
    #[must_use]
    pub fn stream_of(&self, n: NodeName, link: LinkId) -> Option<StreamName> {
        self.net.stream_of(n.0, link).map(StreamName)
    }

    pub(super) fn links_at(&self, n: NodeName, stream: StreamName) -> impl Iterator<Item = LinkId> + '_ {
        let one = &self.net.streams[stream.0];
        one.sides_of(n.0).filter_map(|at| one.end(at).link)
    }

    /// What happened, oldest first, as far back as the log goes.
    #[must_use]
    pub fn log(&self) -> &[Happening] {
        self.log.all()
    }

    /// What the news of `a` told of `b`, in order, over all runs of `a`. What was told twice in a row, because something
    /// else about the peer changed, is there once.
    #[must_use]
    pub fn changes(&self, a: NodeName, b: NodeName) -> Vec<Standing> {
        self.nodes[a.0].tidings.of(&self.id(b))
    }

    /// Whether nothing is under way: what comes next comes from a timer. What a hole or a partition holds counts as lost.
    #[must_use]
    pub fn quiet(&self) -> bool {
        self.net.quiet()
    }
}
