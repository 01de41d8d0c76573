//! What holds among nodes.

use alloc::vec::Vec;

use super::World;
use super::log::What;
use crate::announcement::Audience;
use crate::id::{LinkId, NodeId};
use crate::message::Outcome;
use crate::news::Standing;
use crate::sim::node::Received;
use crate::sim::stream::{At, State};
use crate::sim::{Happening, NodeName, StreamName};
use crate::storage::Storage;

impl<S: Storage> World<S> {
    /// The messages that a node was handed, and that were not taken out.
    #[must_use]
    pub fn inbox(&self, n: NodeName) -> &[Received] {
        &self.members[n.0].inbox
    }

    /// Takes the messages out that a node was handed.
    pub fn take_inbox(&mut self, n: NodeName) -> Vec<Received> {
        core::mem::take(&mut self.members[n.0].inbox)
    }

    /// What became of messages, as a node was told: to whom, under which token, and what. Not what was taken out.
    #[must_use]
    pub fn settled(&self, n: NodeName) -> &[(NodeId, u64, Outcome)] {
        &self.members[n.0].settled
    }

    /// Takes out what became of messages.
    pub fn take_settled(&mut self, n: NodeName) -> Vec<(NodeId, u64, Outcome)> {
        core::mem::take(&mut self.members[n.0].settled)
    }

    /// Whom a node asked about, in order, over all its runs.
    #[must_use]
    pub fn asked(&self, n: NodeName) -> &[NodeId] {
        &self.members[n.0].asked
    }

    /// The datagrams that a node announced, and that were not taken out.
    #[must_use]
    pub fn announced(&self, n: NodeName) -> &[(Audience, Vec<u8>)] {
        &self.members[n.0].announced
    }

    /// Takes the datagrams out that a node announced.
    pub fn take_announced(&mut self, n: NodeName) -> Vec<(Audience, Vec<u8>)> {
        core::mem::take(&mut self.members[n.0].announced)
    }

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
        self.node(a).mesh().peer(&self.id(b)).map(|view| view.standing)
    }

    /// Whether two nodes agree: each says that the other's present run is up, both say so of the same stream, and there is
    /// no other between them.
    #[must_use]
    pub fn agreed(&self, a: NodeName, b: NodeName) -> bool {
        let runs = |x: NodeName, y: NodeName| match self.standing(x, y) {
            Some(Standing::Up { incarnation, .. }) => incarnation == self.node(y).mesh().incarnation(),
            Some(Standing::Away { .. } | Standing::Down { .. }) | None => false,
        };
        let over = |x: NodeName, y: NodeName| self.stream_of(x, self.carrier(x, y)?);
        let between = self.streams_between(a, b);
        let [only] = between.as_slice() else { return false };
        runs(a, b) && runs(b, a) && over(a, b) == Some(*only) && over(b, a) == Some(*only)
    }

    /// What the news of `a` told of `b`, in order, over all runs of `a`. What was told twice in a row, because something
    /// else about the peer changed, is there once.
    #[must_use]
    pub fn changes(&self, a: NodeName, b: NodeName) -> Vec<Standing> {
        self.members[a.0].tidings.of(&self.id(b))
    }

    /// All streams that there ever were, oldest first.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = StreamName> + use<S> {
        (0..self.net.streams.len()).map(StreamName)
    }

    /// The streams between two nodes that at least one of them still holds, oldest first. One that is being dialed counts
    /// as going to whoever listens there.
    #[must_use]
    pub fn streams_between(&self, a: NodeName, b: NodeName) -> Vec<StreamName> {
        self.net.between(a.0, b.0).map(StreamName).collect()
    }

    /// The streams that a node holds, oldest first.
    #[must_use]
    pub fn streams_at(&self, n: NodeName) -> Vec<StreamName> {
        let held = |stream: &usize| {
            let ends = &self.net.streams[*stream].ends;
            ends.iter().any(|end| end.node == Some(n.0) && end.state == State::Open)
        };
        self.net.hosts[n.0].streams.iter().copied().filter(held).map(StreamName).collect()
    }

    /// The stream that a link of a node goes over.
    #[must_use]
    pub fn stream_of(&self, n: NodeName, link: LinkId) -> Option<StreamName> {
        self.net.stream_of(n.0, link).map(StreamName)
    }

    /// The name that a node has for a stream that it holds; of one to itself, the dialer's.
    #[must_use]
    pub fn link_at(&self, n: NodeName, stream: StreamName) -> Option<LinkId> {
        let ends = [At::Dialer, At::Acceptor].map(|at| self.net.streams[stream.0].end(at));
        let held = ends.into_iter().find(|end| end.node == Some(n.0) && end.state == State::Open)?;
        held.link
    }

    /// The names of the links that a node has.
    pub fn links_at(&self, n: NodeName) -> impl Iterator<Item = LinkId> + '_ {
        self.net.hosts[n.0].by_link.keys().copied()
    }

    /// What happened, oldest first, as far back as the log goes.
    #[must_use]
    pub fn log(&self) -> &[Happening<What>] {
        self.log.all()
    }

    /// Whether nothing is under way: what comes next comes from a timer. What a hole or a partition holds counts as lost.
    #[must_use]
    pub fn quiet(&self) -> bool {
        self.net.quiet()
    }
}
