//! The loop between the node, the input and the output.

use alloc::collections::BTreeMap;
use core::fmt;
use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::thread;

use adapter_std::handle::{
    Contact, Happened, Happening, Happenings, Left, Mesh, Messages, Paused, Received, Watch,
};
use async_channel::{Receiver, Sender};
use futures_util::stream::Stream;
use mesh_proto::{LinkId, NodeId, PeerView, Reason, Side, Standing};

use super::asked::{ALL, Asked};
use super::input::{Input, stop};
use super::line::{Explained, Known, Line, LinkState, Output, Pause, Peer, PeerState, millis};
use super::post::Post;
use crate::failure::Failure;
use crate::reasons::Why;

/// How long what was sent may take to be taken, when the node leaves.
const FLUSH: Duration = Duration::from_secs(5);
/// How much of one kind is done before the others have their turn.
const BATCH: usize = 64;
/// What two readings of the clocks may differ by without a suspend.
const JITTER: Duration = Duration::from_millis(100);

/// A node that runs, with what is told of it.
pub(super) struct Session {
    mesh: Mesh,
    output: Output,
    /// How late the node must be to call it a gap.
    gap: Duration,
    lines: Pin<Box<Receiver<Result<Asked, String>>>>,
    stops: Pin<Box<Receiver<()>>>,
    stopper: Sender<()>,
    happenings: Happenings,
    changes: Watch,
    messages: Messages,
    post: Post,
    /// What is known of each open link.
    links: BTreeMap<LinkId, Facts>,
    /// What was told of each peer.
    told: BTreeMap<NodeId, (Standing, bool)>,
    /// How many messages came from each peer.
    came: BTreeMap<NodeId, u64>,
    ending: Ending,
}

#[derive(Clone, Copy)]
struct Facts {
    side: Side,
    local: Option<SocketAddr>,
    remote: Option<SocketAddr>,
}

/// How far the end is.
enum Ending {
    /// Nobody thinks of it.
    No,
    /// What waits for room goes to the node first; the next stop ends that.
    HandsOver,
    /// The node leaves.
    Leaves(Pin<Box<dyn Future<Output = Left>>>),
    /// It has left, and what became of all messages is told.
    Left,
}

impl Session {
    pub(super) fn new(mesh: Mesh, input: Input, output: Output, gap: Duration) -> Self {
        let Input { lines, stops, stopper } = input;
        Self {
            output,
            gap,
            lines: Box::pin(lines),
            stops: Box::pin(stops),
            stopper,
            happenings: mesh.happenings_from_the_start(),
            changes: mesh.watch(),
            messages: mesh.messages(),
            post: Post::default(),
            links: BTreeMap::new(),
            told: BTreeMap::new(),
            came: BTreeMap::new(),
            ending: Ending::No,
            mesh,
        }
    }

    pub(super) const fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    pub(super) fn tell(&mut self, line: &Line) {
        self.output.tell(line);
    }

    /// Goes on until the node has left.
    pub(super) async fn run(&mut self) -> Result<(), Failure> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        loop {
            let mut rests = self.poll_stops(context);
            self.catch_up(context);
            rests &= self.poll_messages(context);
            rests &= self.poll_lines(context);
            rests &= self.poll_post(context);
            rests &= self.poll_ending(context);
            if rests {
                self.output.flush();
            }
            if let Some(error) = self.output.failed() {
                return Poll::Ready(Err(Failure::of_output(&error)));
            }
            if matches!(self.ending, Ending::Left) {
                return Poll::Ready(Ok(()));
            }
            if rests {
                return Poll::Pending;
            }
        }
    }

    /// The program is to leave. Says, as all of these, whether there is nothing to do but to wait.
    fn poll_stops(&mut self, context: &mut Context<'_>) -> bool {
        match self.stops.as_mut().poll_next(context) {
            Poll::Ready(Some(())) => {
                self.end();
                false
            }
            Poll::Ready(None) | Poll::Pending => true,
        }
    }

    fn end(&mut self) {
        match self.ending {
            Ending::No if self.post.is_handed_over() => self.leave(),
            Ending::No => {
                self.ending = Ending::HandsOver;
                let stopper = self.stopper.clone();
                let timer = thread::Builder::new().name("deadline".to_owned()).spawn(move || {
                    thread::sleep(FLUSH);
                    stop(&stopper);
                });
                if timer.is_err() {
                    self.leave();
                }
            }
            Ending::HandsOver => self.leave(),
            Ending::Leaves(_) | Ending::Left => {}
        }
    }

    fn leave(&mut self) {
        let mesh = self.mesh.clone();
        self.ending = Ending::Leaves(Box::pin(async move { mesh.leave(FLUSH).await }));
    }

    fn poll_ending(&mut self, context: &mut Context<'_>) -> bool {
        match &mut self.ending {
            Ending::No | Ending::Left => true,
            Ending::HandsOver => {
                let done = self.post.is_handed_over();
                if done {
                    self.leave();
                }
                !done
            }
            Ending::Leaves(leaving) => match leaving.as_mut().poll(context) {
                Poll::Pending => true,
                Poll::Ready(left) => {
                    self.has_left(&left, context);
                    false
                }
            },
        }
    }

    /// Everything that waited is told now, for nothing more comes.
    fn has_left(&mut self, left: &Left, context: &mut Context<'_>) {
        let waiting = u32::try_from(self.post.waiting()).unwrap_or(u32::MAX);
        let unflushed = left.unflushed.messages.saturating_add(waiting);
        while !self.poll_messages(context) {}
        while !self.poll_post(context) {}
        self.catch_up(context);
        self.tell(&Line::Bye { flushed: unflushed == 0, unflushed });
        self.output.flush();
        self.ending = Ending::Left;
    }

    /// Tells what happened, and then what changed: a peer is up on a link that was told of before.
    fn catch_up(&mut self, context: &mut Context<'_>) {
        self.poll_happenings(context);
        while let Poll::Ready(Some(change)) = Pin::new(&mut self.changes).poll_next(context) {
            self.changed(change.peer, context);
        }
    }

    fn poll_happenings(&mut self, context: &mut Context<'_>) {
        while let Poll::Ready(Some(Happened { what, .. })) = Pin::new(&mut self.happenings).poll_next(context)
        {
            self.happened(what);
        }
    }

    fn happened(&mut self, what: Happening) {
        match what {
            Happening::LinkOpened { link, side, remote, local, .. } => {
                let facts = Facts { side, local, remote };
                self.links.insert(link, facts);
                self.link_is_open(link, None, facts);
            }
            Happening::LinkUp { link, peer } => {
                if let Some(facts) = self.links.get(&link) {
                    self.link_is_open(link, Some(peer), *facts);
                }
            }
            Happening::LinkClosed { link, peer, side, remote, local, reason, .. } => {
                self.links.remove(&link);
                self.tell(&Line::Link {
                    link,
                    peer: peer.map(Into::into),
                    state: LinkState::Closed,
                    dialed: side == Side::Dialed,
                    local,
                    remote,
                    reason: Some(Why(reason)),
                });
                match reason {
                    Reason::Refused(_) => self.tell(&Line::Refused { remote, reason: Why(reason) }),
                    // Of a peer that is known, `changed` tells it, once.
                    Reason::Conflict if peer.is_none_or(|peer| peer == self.mesh.me()) => {
                        self.tell(&Line::Conflict { peer: peer.map(Into::into), reason: Why(reason) });
                    }
                    Reason::Conflict
                    | Reason::Left
                    | Reason::Forgotten
                    | Reason::Silent
                    | Reason::Superseded
                    | Reason::Duplicate
                    | Reason::Restarted
                    | Reason::WrongPeer
                    | Reason::OwnSelf
                    | Reason::ProtocolError
                    | Reason::Idle
                    | Reason::Shutdown
                    | Reason::Abandoned
                    | Reason::System(_) => {}
                }
            }
            Happening::Announced(cause) => self.tell(&Line::Announced { cause: cause.into() }),
            Happening::Woke(Paused { idle, suspended }) => {
                let (slept, kind) = if suspended > JITTER {
                    (suspended, Pause::Suspended)
                } else if idle >= self.gap {
                    (idle, Pause::Frozen)
                } else {
                    (Duration::ZERO, Pause::Told)
                };
                self.tell(&Line::Woke { slept_ms: millis(slept), kind });
            }
            Happening::NameFailed { name, error } => {
                self.complain(format_args!("the name {name} was not found, and is looked up again: {error}"));
            }
            // It asks nobody whom to let in, and what later versions have is told by later versions of this.
            Happening::AdmitPanicked { .. } | _ => {}
        }
    }

    fn link_is_open(&mut self, link: LinkId, peer: Option<NodeId>, facts: Facts) {
        let Facts { side, local, remote } = facts;
        let (peer, dialed) = (peer.map(Into::into), side == Side::Dialed);
        self.tell(&Line::Link { link, peer, state: LinkState::Open, dialed, local, remote, reason: None });
    }

    fn changed(&mut self, view: PeerView, context: &mut Context<'_>) {
        let now = (view.standing, view.conflict);
        let before = self.told.insert(view.id, now);
        if before.is_none_or(|(standing, _)| standing != view.standing) {
            if let Standing::Up { link, .. } = view.standing
                && !self.links.contains_key(&link)
            {
                self.poll_happenings(context);
            }
            let peer = self.peer(&view);
            self.tell(&Line::Peer(peer));
        }
        if view.conflict && before.is_none_or(|(_, conflict)| !conflict) {
            self.tell(&Line::Conflict { peer: Some(view.id.into()), reason: Why(Reason::Conflict) });
        }
    }

    fn peer(&self, view: &PeerView) -> Peer {
        let peer = view.id.into();
        let none = Peer {
            peer,
            state: PeerState::Down,
            reason: None,
            link: None,
            dialed: None,
            local: None,
            remote: None,
            incarnation: None,
        };
        match view.standing {
            Standing::Up { link, incarnation } => {
                let facts = self.links.get(&link);
                Peer {
                    state: PeerState::Up,
                    link: Some(link),
                    dialed: facts.map(|facts| facts.side == Side::Dialed),
                    local: facts.and_then(|facts| facts.local),
                    remote: facts.and_then(|facts| facts.remote),
                    incarnation: Some(incarnation),
                    ..none
                }
            }
            Standing::Away { reason } => Peer { state: PeerState::Away, reason: Some(Why(reason)), ..none },
            Standing::Down { reason } => Peer { reason: reason.map(Why), ..none },
        }
    }

    fn poll_messages(&mut self, context: &mut Context<'_>) -> bool {
        for _ in 0..BATCH {
            let Poll::Ready(Some(received)) = Pin::new(&mut self.messages).poll_next(context) else {
                return true;
            };
            // It came on a link of a peer that was told of before.
            self.catch_up(context);
            self.came(&received);
        }
        false
    }

    fn came(&mut self, received: &Received) {
        let seq = self.came.entry(received.from).or_default();
        *seq += 1;
        let (seq, text) = (*seq, String::from_utf8_lossy(&received.body).into_owned());
        self.tell(&Line::Message { from: received.from.into(), text, seq });
    }

    fn poll_post(&mut self, context: &mut Context<'_>) -> bool {
        for _ in 0..BATCH {
            let Poll::Ready(line) = self.post.poll(&self.mesh, context) else { return true };
            self.tell(&line);
        }
        false
    }

    fn poll_lines(&mut self, context: &mut Context<'_>) -> bool {
        for _ in 0..BATCH {
            let Poll::Ready(Some(line)) = self.lines.as_mut().poll_next(context) else { return true };
            if !matches!(self.ending, Ending::No) {
                continue;
            }
            // What is answered is answered as of now.
            self.catch_up(context);
            match line {
                Ok(asked) => self.asked(asked),
                Err(message) => self.complain(format_args!("{message}")),
            }
        }
        false
    }

    fn asked(&mut self, asked: Asked) {
        match asked {
            Asked::Send { to, text, token } if to == ALL => self.send_to_all(&text, token.as_deref()),
            Asked::Send { to, text, token } => match self.resolve(&to) {
                Ok(to) => self.send(to, text, token),
                Err(message) => self.complain(format_args!("{message}")),
            },
            Asked::Peers {} => {
                let known = |view: PeerView| Known {
                    peer: self.peer(&view),
                    kept_here: view.kept_here,
                    kept_there: view.kept_there,
                    conflict: view.conflict,
                };
                let peers = self.mesh.peers().into_iter().map(known).collect();
                self.tell(&Line::Peers { peers });
            }
            Asked::Explain { peer } => match self.resolve(&peer) {
                Ok(id) => match self.mesh.explain(id) {
                    Some(explanation) => {
                        self.tell(&Line::Explain(Box::new(Explained::from(&explanation))));
                    }
                    None => self.complain(format_args!("{peer} is not known here; /peers tells who is")),
                },
                Err(message) => self.complain(format_args!("{message}")),
            },
            Asked::Dial { addr } => match addr.parse::<Contact>() {
                Ok(contact) => self.wish(self.mesh.keep(contact)),
                Err(error) => self.complain(format_args!("{error}")),
            },
            Asked::Forget { peer } => {
                let contact = self.resolve(&peer).map(Contact::from).or_else(|message| {
                    // Whoever was to be kept by an address alone may have no id here.
                    peer.parse().map_err(|_| message)
                });
                match contact {
                    Ok(contact) => self.wish(self.mesh.forget(contact)),
                    Err(message) => self.complain(format_args!("{message}")),
                }
            }
            Asked::Wake {} => self.mesh.wake(),
            Asked::Stats {} => self.tell(&Line::Stats(self.mesh.stats())),
            Asked::Quit {} => self.end(),
        }
    }

    fn wish(&mut self, wish: Result<(), impl fmt::Display>) {
        if let Err(error) = wish {
            self.complain(format_args!("{error}"));
        }
    }

    /// To all that have a session.
    fn send_to_all(&mut self, text: &str, token: Option<&str>) {
        let there = |view: &PeerView| match view.standing {
            Standing::Up { .. } | Standing::Away { .. } => true,
            Standing::Down { .. } => false,
        };
        let peers: Vec<_> = self.mesh.peers().into_iter().filter(there).collect();
        if peers.is_empty() {
            self.complain(format_args!(
                "nobody is there to have this; /dial ADDR, or wait for somebody to come"
            ));
        }
        for view in peers {
            self.send(view.id, text.to_owned(), token.map(str::to_owned));
        }
    }

    fn send(&mut self, to: NodeId, text: String, token: Option<String>) {
        if let Some(line) = self.post.send(&self.mesh, to, text, token) {
            self.tell(&line);
        }
    }

    fn complain(&mut self, message: fmt::Arguments<'_>) {
        self.tell(&Line::Error { message: message.to_string() });
    }

    /// Who is meant: an id, or its beginning if that fits one known peer.
    fn resolve(&self, text: &str) -> Result<NodeId, String> {
        let whole = match text.parse() {
            Ok(id) => return Ok(id),
            Err(error) => error,
        };
        let start = text.trim().to_ascii_lowercase();
        let start = start.strip_prefix("meshnode1").unwrap_or(&start);
        let peers = self.mesh.peers();
        let mut fitting = peers.iter().filter(|view| {
            let id = view.id.to_string();
            id.split_once('1').is_some_and(|(_, key)| key.starts_with(start))
        });
        match (fitting.next(), fitting.count()) {
            (Some(view), 0) if !start.is_empty() => Ok(view.id),
            (Some(_), more) => Err(format!("`{text}` fits {} peers; say more of the id", more + 1)),
            (None, _) if text.trim().len() >= WHOLE => Err(format!("`{text}` is no id: {whole}")),
            (None, _) => Err(format!("`{text}` fits no peer; /peers tells who is known")),
        }
    }
}

/// About as long as a whole id is.
const WHOLE: usize = 60;
