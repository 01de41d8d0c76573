//! What a machine is given, what it orders, and what both mean for the explorer's own books.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use crate::action::Action;
use crate::event::{Event, Proof};
use crate::explore::stream::{ACCEPTOR, Asked, End, Item, Stream};
use crate::explore::violation::Violation;
use crate::explore::world::{LENGTHS, MESSAGES, Node, Posted, World, is_doubtful, letter, name};
use crate::frame::{Frame, Loss};
use crate::id::{LinkId, LinkTag, NodeId};
use crate::machine::{Answer, Mesh};
use crate::message::{Lane, Outcome};
use crate::reason::{Reason, SystemError};
use crate::rules::Rules;
use crate::time::{Instant, Now, Wait};

/// Who hears what is done: the search does not, the report does.
pub(super) type Log<'a> = &'a mut dyn FnMut(fmt::Arguments<'_>);

/// A link that a machine began to end by itself.
pub(super) struct Closing {
    pub(super) stream: usize,
    pub(super) end: usize,
    pub(super) reason: Reason,
    /// Whether it said so on the link.
    pub(super) said: bool,
    /// The end as it was.
    pub(super) closed: End,
}

/// What one event made a machine do that is judged once all of it is known.
#[derive(Default)]
pub(super) struct Doings {
    pub(super) closings: Vec<Closing>,
    /// Whether it has a new link.
    began: bool,
    /// Whether it noticed a gap.
    woke: bool,
}

/// How many names of links that are gone are tried again.
const LATE_NAMES: usize = 4;

impl<R: Rules> World<R> {
    pub(super) fn deliver(&mut self, index: usize, end: usize, log: Log<'_>) -> Result<(), Violation> {
        let stream = &mut self.streams[index];
        let (node, other) = (stream.ends[end].node, stream.ends[1 - end].node);
        let Some(item) = stream.towards[end].pop_front() else { return Ok(()) };
        let Some(link) = stream.ends[end].link else { return Ok(()) };
        let proof = Proof { peer: name(other), tag: stream.tag, round_trip: core::time::Duration::ZERO };
        match item {
            Item::Proof => self.feed(node, Event::Proven { link, proof }, log),
            Item::Gone(error) => self.tell_closed(index, end, node, link, error, log),
            Item::Record(frames) => {
                if end == ACCEPTOR && matches!(frames.first(), Some(Frame::Hello(_))) {
                    self.feed(node, Event::Proven { link, proof }, log)?;
                }
                self.read(index, end, link, &frames, log)
            }
        }
    }

    /// Gives frames to a machine, and notes what they mean for the explorer's own books.
    fn read(
        &mut self,
        index: usize,
        end: usize,
        link: LinkId,
        frames: &[Frame<'static>],
        log: Log<'_>,
    ) -> Result<(), Violation> {
        let (node, other) = (self.streams[index].ends[end].node, self.streams[index].ends[1 - end].node);
        let from = self.streams[index].ends[1 - end].run;
        let believed = self.nodes[node].known[other];
        let doubtful = believed.is_some_and(|known| is_doubtful(from, known));
        let mut must_go = Vec::new();
        self.streams[index].ends[end].heard = self.awake(node);
        for frame in frames {
            let here = &mut self.streams[index].ends[end];
            match frame {
                Frame::Pong { nonce } => {
                    if let Some(asked) = here.asked.iter().find(|asked| asked.nonce == *nonce) {
                        here.answered = Some(asked.event);
                    }
                    here.asked.retain(|asked| asked.nonce > *nonce);
                }
                Frame::Close(_) | Frame::Refused(_) => here.told = true,
                Frame::Welcome(welcome) => {
                    self.welcomed = Some(self.streams[index].tag);
                    let here = &mut self.streams[index].ends[end];
                    here.admitted = Some(self.nodes[node].events + 1);
                    if !doubtful {
                        self.note_losses(node, &welcome.hello.lost, &mut must_go);
                    }
                    if !doubtful {
                        self.nodes[node].known[other] = Some(from);
                    }
                }
                Frame::Hello(hello) => {
                    if !doubtful {
                        self.note_losses(node, &hello.lost, &mut must_go);
                    }
                }
                Frame::Lost(losses) => {
                    if !here.doubts && here.holds() {
                        self.note_losses(node, losses, &mut must_go);
                    }
                }
                Frame::Ping { .. }
                | Frame::Noted(_)
                | Frame::Doubted
                | Frame::Cleared { .. }
                | Frame::Data(_)
                | Frame::Marks(_) => {}
            }
        }
        let sender = &self.streams[index].ends[1 - end];
        self.reading = Some((sender.run, sender.age));
        self.feed(node, Event::Frames { link, frames: frames.into() }, log)?;
        self.reading = None;
        let here = &self.streams[index].ends[end];
        if here.link.is_none() {
            // It ended before it was read, or by what was read.
            must_go.clear();
        }
        if self.welcomed.is_some() && here.link.is_none() {
            // Its deadline came first: the welcome was not read.
            self.nodes[node].known[other] = believed;
        }
        if self.welcomed.take().is_some() && doubtful && here.holds() && !here.doubts {
            return Err(Violation::new(
                "doubt",
                "a dialer let in a run that is not known to be newer, and does not say that it doubts it",
            ));
        }
        for lost in must_go {
            if self.streams.iter().any(|stream| {
                stream.tag == lost && stream.ends.iter().any(|end| end.node == node && end.holds())
            }) {
                return Err(Violation::new("losses read", "a node read that a link is lost, and keeps it"));
            }
        }
        Ok(())
    }

    fn note_losses(&mut self, node: usize, losses: &[Loss], must_go: &mut Vec<LinkTag>) {
        for loss in losses {
            for stream in self.streams.iter_mut().filter(|stream| stream.tag == loss.tag) {
                for end in stream.ends.iter_mut().filter(|end| end.node == node && end.link.is_some()) {
                    end.told = true;
                    must_go.push(loss.tag);
                }
            }
        }
    }

    pub(super) fn feed(&mut self, node: usize, event: Event<'_>, log: Log<'_>) -> Result<(), Violation> {
        self.feed_for(node, event, log).map(|_| ())
    }

    /// Gives one event to one machine, carries out what it orders, and judges it.
    pub(super) fn feed_for(
        &mut self,
        node: usize,
        event: Event<'_>,
        log: Log<'_>,
    ) -> Result<Answer, Violation> {
        log(format_args!("    {} gets {}", letter(node), Told(&event)));
        let now = Now::single(Instant::from_micros(self.now));
        self.nodes[node].events += 1;
        let mesh = Arc::make_mut(&mut self.nodes[node].mesh);
        let mut orders = Vec::new();
        let gaps = mesh.stats().gaps + mesh.stats().wakes;
        let turn = mesh.handle(now, event);
        let answer = turn.answer();
        let wait = turn.carry_out(|action| {
            orders.push(match action {
                Action::Dial { link, route, .. } => Order::Dial(link, route.address),
                Action::Send { link, frame } => Order::Send(link, Box::new(frame.clone().into_owned())),
                Action::Close { link, reason } => Order::Close(link, reason),
                Action::Announce { .. } => Order::Announce,
                Action::Deliver { peer, message } => Order::Deliver(peer, message.lane, message.body.len()),
                Action::Settled { token, outcome, .. } => Order::Settled(token, outcome),
                Action::Roomy { .. } => return,
            });
        });
        let holds = mesh.timers_hold();
        let woke = mesh.stats().gaps + mesh.stats().wakes != gaps;
        self.nodes[node].due = match wait {
            Wait::Until(at) => Some(at.as_micros()),
            Wait::Forever => None,
        };
        let mut doings = Doings { began: answer.link().is_ok(), woke, ..Doings::default() };
        let mut begun = Vec::new();
        for order in orders {
            log(format_args!("      {} {order}", letter(node)));
            self.carry_out(node, order, &mut begun, &mut doings)?;
        }
        if self.nodes[node].due.is_some_and(|at| at <= self.now) {
            return Err(Violation::new("wait", "the time to wait until does not lie ahead"));
        }
        if !holds {
            return Err(Violation::new("timers", "a deadline is not in the table of timers"));
        }
        self.judge(node, &doings)?;
        if doings.began {
            self.late_names_change_nothing(node)?;
        }
        Ok(answer)
    }

    fn carry_out(
        &mut self,
        node: usize,
        order: Order,
        begun: &mut Vec<(usize, usize)>,
        doings: &mut Doings,
    ) -> Result<(), Violation> {
        match order {
            Order::Dial(link, to) => {
                doings.began = true;
                let tag = LinkTag::new(self.born);
                self.born += 1;
                let other = usize::from(to.port() / 10);
                let end = |node: &Node<R>, at, link| End::new(at, node.run, node.posted.age, link);
                let dialer = end(&self.nodes[node], node, Some(link));
                let acceptor = end(&self.nodes[other], other, None);
                self.streams.push(Stream::new(tag, dialer, acceptor));
            }
            Order::Send(link, frame) => {
                let Some((index, end)) = self.find(node, link) else {
                    return Err(Violation::new("names", "a frame was sent on a link that is gone"));
                };
                self.note_sent(index, end, &frame, doings)?;
                let place = (index, 1 - end);
                let stream = &mut self.streams[index];
                if !stream.reads(1 - end, &frame) {
                    return Ok(());
                }
                // A close is judged by what was there before it.
                let joins = self.in_one_go && !matches!(*frame, Frame::Close(_));
                if (joins || begun.contains(&place))
                    && let Some(Item::Record(frames)) = stream.towards[1 - end].back_mut()
                {
                    frames.push(*frame);
                } else {
                    begun.push(place);
                    stream.push(1 - end, Item::Record([*frame].into()));
                }
            }
            Order::Close(link, reason) => {
                let Some((index, end)) = self.find(node, link) else {
                    return Err(Violation::new("names", "a link that is gone was closed"));
                };
                let here = &self.streams[index].ends[end];
                let let_in = self.welcomed != Some(self.streams[index].tag);
                if here.holds() && !here.told && let_in {
                    let closed = here.clone();
                    doings.closings.push(Closing { stream: index, end, reason, said: false, closed });
                }
                if reason == Reason::Restarted {
                    // Even if another close was under way.
                    self.streams[index].ends[end].closes = Some(reason);
                }
                self.streams[index].end_at(end, Some(SystemError::Ended));
                self.forget_name(node, link);
            }
            Order::Announce => {}
            Order::Deliver(peer, lane, len) => return self.note_arrival(peer, lane, len),
            Order::Settled(token, outcome) => return self.note_settled(node, token, outcome),
        }
        Ok(())
    }

    fn note_sent(
        &mut self,
        index: usize,
        end: usize,
        frame: &Frame,
        doings: &mut Doings,
    ) -> Result<(), Violation> {
        let (node, other) = (self.streams[index].ends[end].node, self.streams[index].ends[1 - end].node);
        let run = self.streams[index].ends[1 - end].run;
        let (event, awake) = (self.nodes[node].events, self.awake(node));
        let age = self.nodes[node].posted.age;
        let here = &mut self.streams[index].ends[end];
        match frame {
            Frame::Ping { nonce } => {
                here.newest = *nonce;
                here.asked.push(Asked { nonce: *nonce, event, awake, anew: doings.woke });
            }
            Frame::Welcome(welcome) => {
                here.admitted = Some(event);
                here.age = age;
                here.doubts = welcome.doubt;
                let known = self.nodes[node].known[other];
                if known.is_none_or(|known| !is_doubtful(run, known)) {
                    self.nodes[node].known[other] = Some(run);
                } else if !welcome.doubt {
                    return Err(Violation::new(
                        "doubt",
                        "an acceptor let in a run that is not known to be newer, and does not doubt it",
                    ));
                }
            }
            Frame::Doubted => here.doubts = true,
            Frame::Cleared { .. } => {
                here.doubts = false;
                self.judge_belief(index, end)?;
                self.nodes[node].known[other] = Some(run);
            }
            Frame::Close(reason) => {
                if here.holds() && !here.told {
                    let closed = here.clone();
                    doings.closings.push(Closing { stream: index, end, reason: *reason, said: true, closed });
                }
                here.closes = Some(*reason);
                self.streams[index].drop_unread(end);
            }
            Frame::Hello(_)
            | Frame::Refused(_)
            | Frame::Pong { .. }
            | Frame::Lost(_)
            | Frame::Noted(_)
            | Frame::Data(_)
            | Frame::Marks(_) => {}
        }
        Ok(())
    }

    /// A message was handed out: once, and in the order of its lane.
    fn note_arrival(&mut self, from: NodeId, lane: Lane, len: usize) -> Result<(), Violation> {
        let sender = (0..self.nodes.len()).find(|node| name(*node) == from);
        let which = LENGTHS.iter().position(|one| *one == (lane, len as u32));
        let (Some(sender), Some(which)) = (sender, which) else {
            return Err(Violation::new("messages", "something came that nobody sent"));
        };
        let sender = &mut self.nodes[sender];
        if self.reading != Some((sender.run, sender.posted.age)) {
            // Of a session that is over: nobody counts on it.
            return Ok(());
        }
        let Posted { came, settled, .. } = &mut sender.posted;
        came[which] += 1;
        if came[which] > 1 {
            return Err(Violation::new("messages", "a message came twice"));
        }
        let overtaken = |before: usize| came[before] == 0 && settled[before].is_none();
        if (0..which).any(|before| LENGTHS[before].0 == lane && overtaken(before)) {
            return Err(Violation::new("messages", "a message overtook another of its lane"));
        }
        Ok(())
    }

    /// A sender was told what became of a message: once, and not that it was taken if it never came.
    fn note_settled(&mut self, node: usize, token: u64, outcome: Outcome) -> Result<(), Violation> {
        let Posted { came, settled, .. } = &mut self.nodes[node].posted;
        let Some(which) = usize::try_from(token).ok().filter(|which| *which < MESSAGES) else {
            return Err(Violation::new("messages", "a receipt for something that was never sent"));
        };
        if outcome == Outcome::Taken && came[which] == 0 {
            return Err(Violation::new("messages", "a message counts as taken, and never came"));
        }
        if settled[which].replace(outcome).is_some() {
            return Err(Violation::new("messages", "a message was told of twice"));
        }
        Ok(())
    }

    /// An event for a link that is gone changes nothing, whoever has its place now.
    fn late_names_change_nothing(&self, node: usize) -> Result<(), Violation> {
        let now = Instant::from_micros(self.now);
        let mut before = Vec::new();
        let mut names = self.names(node);
        self.nodes[node].mesh.view(now, &mut names, &mut before);
        for link in &self.nodes[node].gone {
            let mut mesh = Mesh::clone(&self.nodes[node].mesh);
            let mut orders = 0;
            let event = Event::Closed { link: *link, error: SystemError::Reset };
            let _until: Wait = mesh.handle(Now::single(now), event).carry_out(|_| orders += 1);
            let mut after = Vec::new();
            mesh.view(now, &mut self.names(node), &mut after);
            if orders > 0 || before != after {
                return Err(Violation::new("names", "a late word of a link that is gone changed something"));
            }
        }
        Ok(())
    }

    pub(super) fn forget_name(&mut self, node: usize, link: LinkId) {
        let gone = &mut self.nodes[node].gone;
        if gone.len() == LATE_NAMES {
            gone.remove(0);
        }
        gone.push(link);
    }
}

/// An order, to be carried out once the turn has ended.
enum Order {
    Dial(LinkId, SocketAddr),
    Send(LinkId, Box<Frame<'static>>),
    Close(LinkId, Reason),
    Announce,
    Deliver(NodeId, Lane, usize),
    Settled(u64, Outcome),
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial(link, _) => write!(f, "dials: link {link}"),
            Self::Send(link, frame) => write!(f, "sends on {link}: {frame:?}"),
            Self::Close(link, reason) => write!(f, "ends {link}: {reason}"),
            Self::Announce => f.write_str("announces"),
            Self::Deliver(_, lane, len) => write!(f, "hands out {len} B, {lane:?}"),
            Self::Settled(token, outcome) => write!(f, "tells of message {token}: {outcome}"),
        }
    }
}

/// An event, in words.
struct Told<'a>(&'a Event<'a>);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Frames { link, frames } => {
                write!(f, "on {link}: {:?}", &**frames)
            }
            Event::Incoming { .. } => f.write_str("an accepted stream"),
            Event::Attached { .. } => f.write_str("an attached stream"),
            Event::Connected { .. }
            | Event::Proven { .. }
            | Event::Closed { .. }
            | Event::Heard { .. }
            | Event::Tick
            | Event::Wake(_)
            | Event::Keep { .. }
            | Event::KeepAt { .. }
            | Event::Seek { .. }
            | Event::Forget { .. }
            | Event::ForgetAt { .. }
            | Event::Expel { .. }
            | Event::Waits { .. }
            | Event::Failed { .. }
            | Event::Room { .. }
            | Event::Send { .. }
            | Event::SendAll { .. }
            | Event::Took { .. }
            | Event::Collect { .. }
            | Event::Leave => write!(f, "{:?}", self.0),
        }
    }
}
