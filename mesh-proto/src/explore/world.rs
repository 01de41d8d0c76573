//! Some machines and the streams between them: a state.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::body::Body;
use crate::event::{Event, Route, Routes};
use crate::explore::case::{Case, LARGEST};
use crate::explore::feed::Log;
use crate::explore::stream::Stream;
use crate::explore::violation::Violation;
use crate::id::{Incarnation, LinkId, LinkTag, NodeId};
use crate::machine::Mesh;
use crate::message::{Lane, Message, Outcome};
use crate::rules::Rules;
use crate::storage::Heap;
use crate::{Config, Seed};

/// What messages say: nothing looks at it.
const ZEROS: &[u8] = &[0; LARGEST as usize];

/// A state: everything that the future depends on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct World<R: Rules> {
    pub(super) nodes: Vec<Node<R>>,
    pub(super) streams: Vec<Stream>,
    pub(super) now: u64,
    /// How many faults may still happen.
    pub(super) faults: u8,
    /// How many of them may be such that time passes in them.
    pub(super) pauses: u8,
    pub(super) born: u64,
    /// The link whose welcome is being read: until that is done nobody knows whether it was let in.
    pub(super) welcomed: Option<LinkTag>,
    /// The link of whose end a node is being told.
    pub(super) leaving: Option<LinkTag>,
    /// Whose messages are being read: the run, and the session, of the end that sent them.
    pub(super) reading: Option<(Incarnation, u8)>,
    /// Whether what lies on its way to an end is read in one go.
    pub(super) in_one_go: bool,
    /// Whether messages are sent.
    pub(super) talks: bool,
    /// Whether a fault has ended a session.
    pub(super) ended: bool,
    rules: R,
}

/// One node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Node<R: Rules> {
    #[serde(with = "shared")]
    pub(super) mesh: Arc<Mesh<Heap, R>>,
    pub(super) run: Incarnation,
    /// When the machine wants to be called again.
    pub(super) due: Option<u64>,
    pub(super) frozen: Option<u64>,
    /// How many more dials it will be told to make.
    pub(super) seeks: u8,
    /// The run of each node that it believes in, by what it said.
    pub(super) known: [Option<Incarnation>; 3],
    /// How often it was called.
    pub(super) events: u32,
    /// For how long it was frozen in all.
    pub(super) slept: u64,
    /// Runs so far.
    pub(super) runs: u64,
    /// Names of links that are gone.
    pub(super) gone: Vec<LinkId>,
    /// What became of its messages.
    pub(super) posted: Posted,
}

/// How many messages a node sends at most.
pub(super) const MESSAGES: usize = 4;

/// The messages of a node: on which lane, and how long. The first goes in two pieces; the last is more than the others
/// take, and only the first node sends it.
pub(super) const LENGTHS: [(Lane, u32); MESSAGES] =
    [(Lane::Ordinary, LARGEST - 150), (Lane::Ordinary, 1), (Lane::Urgent, 2), (Lane::Ordinary, LARGEST - 50)];

/// What became of the messages of a node, in one session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Posted {
    /// Which of its sessions this is.
    pub(super) age: u8,
    /// How often each came.
    pub(super) came: [u8; MESSAGES],
    /// What the node was told of each.
    pub(super) settled: [Option<Outcome>; MESSAGES],
}
impl<R: Rules> World<R> {
    /// The state in which every node has just been told whom to keep.
    pub(super) fn new(case: &Case, rules: R, reversed: u32) -> Result<Self, Violation> {
        let mut world = Self {
            nodes: Vec::new(),
            streams: Vec::new(),
            now: 0,
            faults: case.faults,
            pauses: case.pauses,
            born: 0,
            welcomed: None,
            leaving: None,
            reading: None,
            in_one_go: case.in_one_go,
            talks: case.talks,
            ended: false,
            rules,
        };
        for node in 0..usize::from(case.nodes) {
            let run = Incarnation::new(10, 0);
            let mesh = world.machine(node, run, case.config_of(node))?;
            world.nodes.push(Node {
                mesh,
                run,
                due: None,
                frozen: None,
                seeks: case.seeks,
                known: [None; 3],
                events: 0,
                slept: 0,
                runs: 0,
                gone: Vec::new(),
                posted: Posted::default(),
            });
        }
        for node in 0..world.nodes.len() {
            world.boot(case, node, reversed >> node & 1 == 1, &mut |_| {})?;
        }
        if case.abreast.iter().any(|abreast| *abreast > 1) {
            // The second candidate is dialed beside the first when that takes its time.
            world.now = 250_000;
            for node in 0..world.nodes.len() {
                world.feed(node, Event::Tick, &mut |_| {})?;
            }
        }
        Ok(world)
    }

    pub(super) fn machine(
        &self,
        node: usize,
        run: Incarnation,
        config: Config,
    ) -> Result<Arc<Mesh<Heap, R>>, Violation> {
        match Mesh::with_rules(name(node), run, config, Seed::Still, self.rules.clone()) {
            Ok(mesh) => Ok(Arc::new(mesh)),
            Err(_) => {
                Err(Violation::new("configuration", "the configuration of the case contradicts itself"))
            }
        }
    }

    pub(super) fn boot(
        &mut self,
        case: &Case,
        node: usize,
        reversed: bool,
        log: Log<'_>,
    ) -> Result<(), Violation> {
        let others = self.nodes.len();
        for step in 1..others {
            let step = if reversed { others - step } else { step };
            let other = (node + step) % others;
            let routes: Routes =
                (0..case.abreast[node]).map(|way| Route::direct(address(other, way))).collect();
            self.feed(node, Event::Keep { peer: name(other), routes }, log)?;
            if case.talks {
                let many = if node == 0 { MESSAGES } else { MESSAGES - 1 };
                let message = |(token, (lane, len)): (u64, (Lane, u32))| Message {
                    lane,
                    ..Message::plain(Body::from(&ZEROS[..len as usize])).with_receipt(token)
                };
                let messages: Vec<_> = (0..).zip(LENGTHS).map(message).take(many).collect();
                self.feed(node, Event::Send { peer: name(other), messages: messages.into() }, log)?;
            }
        }
        Ok(())
    }

    pub(super) fn find(&self, node: usize, link: LinkId) -> Option<(usize, usize)> {
        self.streams.iter().enumerate().find_map(|(index, stream)| {
            let end = stream.ends.iter().position(|end| end.node == node && end.link == Some(link))?;
            Some((index, end))
        })
    }

    /// For how long a node has not been frozen.
    pub(super) fn awake(&self, node: usize) -> u64 {
        let node = &self.nodes[node];
        node.frozen.unwrap_or(self.now) - node.slept
    }
}

/// A machine that several states share, written out in each.
mod shared {
    use alloc::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(it: &Arc<T>, to: S) -> Result<S::Ok, S::Error> {
        T::serialize(it, to)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(from).map(Arc::new)
    }
}

/// A lower number, or the same with other bits, is doubtful (R6).
pub(super) fn is_doubtful(run: Incarnation, known: Incarnation) -> bool {
    run.start < known.start || (run.start == known.start && run.bits != known.bits)
}

/// The lower the index, the lower the id.
pub(super) fn name(node: usize) -> NodeId {
    let byte = u8::try_from(node + 1).unwrap_or(u8::MAX);
    NodeId::new([byte; 32])
}

/// What a node is called in a report.
pub(super) fn letter(node: usize) -> char {
    char::from(b'A' + u8::try_from(node).unwrap_or(25).min(25))
}

/// Where a node can be dialed.
pub(super) fn address(node: usize, way: u8) -> SocketAddr {
    let port = u16::try_from(node * 10 + usize::from(way)).unwrap_or(u16::MAX);
    SocketAddr::from(([10, 0, 0, 1], port))
}
