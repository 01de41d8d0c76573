//! One byte stream between two nodes: what is under way on it, and how far each end is.

use alloc::collections::VecDeque;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use crate::frame::PathClass;
use crate::id::LinkId;
use crate::reason::SystemError;

/// A stream's name in its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(pub(super) usize);

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    Dialer = 0,
    Acceptor = 1,
}

impl At {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Acceptor,
            Self::Acceptor => Self::Dialer,
        }
    }
}

/// How far an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody is there yet: the stream is being opened.
    Opening,
    /// The program holds it.
    Open,
    /// The program holds it no longer: what arrives is answered with a reset.
    Closed,
    /// Its host is gone, or it never was one: what arrives is swallowed.
    Gone,
}

/// One end.
#[derive(Clone, Debug)]
pub(super) struct StreamEnd<W> {
    /// Whose it is: `None` until somebody accepts, and for a stranger's.
    pub(super) node: Option<usize>,
    pub(super) state: State,
    /// The name that the machine gave it.
    pub(super) link: Option<LinkId>,
    /// Whether the system granted the stream to this end, or this end to the other.
    pub(super) opened: bool,
    /// What arrived and was not read, because the program stands still.
    pub(super) unread: VecDeque<Packet<W>>,
    /// What is on its way here, in order.
    pub(super) inbound: VecDeque<(Duration, Packet<W>)>,
    /// Whether nothing arrives here on this stream.
    pub(super) hole: bool,
    /// Whether there came to be room while the program stood still.
    pub(super) room_untold: bool,
}

impl<W> StreamEnd<W> {
    pub(super) fn new(node: Option<usize>, state: State, link: Option<LinkId>) -> Self {
        Self {
            node,
            state,
            link,
            opened: false,
            unread: VecDeque::new(),
            inbound: VecDeque::new(),
            hole: false,
            room_untold: false,
        }
    }
}

/// One stream.
#[derive(Clone, Debug)]
pub(super) struct Stream<W> {
    pub(super) class: PathClass,
    /// What was dialed.
    pub(super) to: SocketAddr,
    /// Where it seems to come from.
    pub(super) from: SocketAddr,
    /// Its own one-way delay, if it has one.
    pub(super) delay: Option<Duration>,
    pub(super) ends: [StreamEnd<W>; 2],
    /// Whether its nodes have taken it off their lists.
    pub(super) retired: bool,
}

impl<W> Stream<W> {
    pub(super) fn end(&self, at: At) -> &StreamEnd<W> {
        &self.ends[at as usize]
    }

    pub(super) fn end_mut(&mut self, at: At) -> &mut StreamEnd<W> {
        &mut self.ends[at as usize]
    }

    /// Which of its ends this node holds: both, if it dialed itself.
    pub(super) fn sides_of(&self, node: usize) -> impl Iterator<Item = At> + use<W> {
        let held = self.ends.each_ref().map(|end| end.node == Some(node));
        [At::Dialer, At::Acceptor].into_iter().filter(move |at| held[*at as usize])
    }

    /// Whether nothing more can come of it.
    pub(super) fn is_over(&self) -> bool {
        self.ends
            .iter()
            .all(|end| end.state != State::Open && end.inbound.is_empty() && end.unread.is_empty())
    }
}

/// What travels on a stream: what systems say to each other, and words of the programs.
#[derive(Clone, Debug)]
pub(super) enum Packet<W> {
    /// The system of the dialer asks for a stream.
    Open,
    /// The system of the acceptor grants it.
    Opened,
    /// The acceptor's program can take the stream from its system.
    Accept,
    /// Something that a program said.
    Word(W),
    /// The end of the stream, for this reason.
    End(SystemError),
}
