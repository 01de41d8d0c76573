//! What one event leads to: an answer, orders to carry out, and the time to come back.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::announcement::{Announcement, AnnouncementKind, Audience, Cause};
use crate::frame::{Frame, Hello, Losses, Tags, Welcome};
use crate::id::LinkId;
use crate::machine::mail::Greeting;
use crate::machine::{Link, Mesh};
use crate::rules::Rules;
use crate::storage::{Slot, Storage};
use crate::time::{Instant, Wait, micros};

/// What one event leads to. It borrows the machine, so nothing else can happen until it is carried out.
///
/// A second event while this one is pending does not compile:
///
/// ```compile_fail,E0499
/// # use mesh_proto::*;
/// # fn twice(mesh: &mut Mesh<Fixed<4, 24>>, now: Now) {
/// let first = mesh.handle(now, Event::Tick);
/// let second = mesh.handle(now, Event::Tick);
/// first.carry_out(|_| {});
/// # }
/// ```
///
/// while one after the other does:
///
/// ```
/// # use mesh_proto::*;
/// # fn one_by_one(mesh: &mut Mesh<Fixed<4, 24>>, now: Now) -> Wait {
/// let _: Wait = mesh.handle(now, Event::Tick).carry_out(|_| {});
/// mesh.handle(now, Event::Tick).carry_out(|_| {})
/// # }
/// ```
///
/// Awaiting in the middle of it does not compile, for the orders are given to a plain closure:
///
/// ```compile_fail,E0728
/// # use mesh_proto::*;
/// # async fn write(_: LinkId) {}
/// # async fn awaits(mesh: &mut Mesh<Fixed<4, 24>>, now: Now) -> Wait {
/// mesh.handle(now, Event::Tick).carry_out(|action| {
///     if let Action::Close { link, .. } = action {
///         write(link).await;
///     }
/// })
/// # }
/// ```
///
/// And the time to come back cannot be had without ending the turn, nor forgotten without a warning, which this
/// project makes an error:
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # use mesh_proto::*;
/// # fn forgets(mesh: &mut Mesh<Fixed<4, 24>>, now: Now) {
/// mesh.handle(now, Event::Tick).carry_out(|_| {});
/// # }
/// ```
#[must_use = "orders are pending: carry them out"]
pub struct Turn<'m, S: Storage, R: Rules> {
    mesh: &'m mut Mesh<S, R>,
    answer: Answer,
}

/// What a wish came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Answer {
    /// There is nothing to say.
    Done,
    /// The accepted stream has this name from now on.
    Link(LinkId),
    /// Messages were taken in, from the first on.
    Sent {
        /// How many. For a message to all: by how many peers.
        queued: u32,
        /// Why the next one was not; those behind it were not looked at.
        stopped: Option<Unable>,
    },
    /// What was asked for cannot be done; nothing has changed.
    Unable(Unable),
}

/// Why a wish could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Unable {
    /// Every place for a peer is held by one that is to be kept.
    PeersFull {
        /// How many places there are.
        limit: u32,
    },
    /// More streams were accepted within a second than the configuration allows.
    TooFast {
        /// How many it allows.
        limit: u32,
    },
    /// The table of links is full.
    LinksFull,
    /// No such peer or address is known.
    Unknown,
    /// That is this node itself.
    OwnSelf,
    /// The node leaves.
    Leaving,
    /// The window is full: [`Action::Roomy`] tells when there is room again.
    NoRoom,
    /// The message is larger than this node sends.
    TooLarge {
        /// The largest that it does.
        limit: u32,
    },
}

impl fmt::Display for Unable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeersFull { limit } => {
                write!(
                    f,
                    "all {limit} places for peers are held by peers that are to be kept: forget one or raise the limit"
                )
            }
            Self::TooFast { limit } => write!(f, "more than {limit} streams were accepted within a second"),
            Self::LinksFull => f.write_str("the table of links is full"),
            Self::Unknown => f.write_str("no such peer is known"),
            Self::OwnSelf => f.write_str("that is this node itself"),
            Self::Leaving => f.write_str("the node is leaving"),
            Self::NoRoom => f.write_str("the window of this peer is full: wait until there is room"),
            Self::TooLarge { limit } => {
                write!(f, "the message is larger than {limit} bytes: split it or raise the limit")
            }
        }
    }
}

impl Answer {
    /// The name of the accepted stream.
    ///
    /// # Errors
    ///
    /// Why it has none: the caller ends the stream.
    pub fn link(self) -> Result<LinkId, Unable> {
        match self {
            Self::Link(link) => Ok(link),
            Self::Unable(why) => Err(why),
            Self::Done | Self::Sent { .. } => Err(Unable::Unknown),
        }
    }
}

impl<'m, S: Storage, R: Rules> Turn<'m, S, R> {
    pub(crate) fn new(mesh: &'m mut Mesh<S, R>, answer: Answer) -> Self {
        Self { mesh, answer }
    }

    /// What the wish came to, where the event was one.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// Hands every pending order to `perform`, in the order in which they must be carried out, and gives the time to
    /// wait until. That lies strictly ahead.
    pub fn carry_out(self, mut perform: impl FnMut(Action<'_>)) -> Wait {
        self.mesh.drain(&mut perform);
        self.mesh.promise()
    }
}

impl<S: Storage, R: Rules> fmt::Debug for Turn<'_, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("answer", &self.answer).finish_non_exhaustive()
    }
}

impl<S: Storage, R: Rules> Mesh<S, R> {
    fn drain(&mut self, perform: &mut impl FnMut(Action<'_>)) {
        if let Some(cause) = self.announcing.owed.take() {
            let kind = match cause {
                Cause::Farewell => AnnouncementKind::Farewell,
                Cause::Start | Cause::Woke | Cause::Moved | Cause::Regular | Cause::Answer => {
                    AnnouncementKind::Hail
                }
            };
            perform(Action::Announce {
                to: Audience::Everyone,
                announcement: self.announcement(kind),
                cause,
            });
        }
        if let Some(to) = self.announcing.answer_owed.take() {
            let announcement = self.announcement(AnnouncementKind::Answer);
            perform(Action::Announce { to: Audience::One(to), announcement, cause: Cause::Answer });
        }
        self.drain_mail(perform);
        while let Some(slot) = self.ready.head() {
            while self.perform_one(slot, perform) {}
            self.ready.remove(&mut self.links, slot);
            if self.links.get(slot).is_some_and(Link::is_ended) {
                self.remove_link(slot);
            }
        }
    }

    /// Hands out what a link owes first; `false` when it owes nothing more. What is handed out is owed no longer, so
    /// that a driver that stops half way finds the rest.
    fn perform_one(&mut self, slot: Slot, perform: &mut impl FnMut(Action<'_>)) -> bool {
        let Some(link) = self.links.get_mut(slot) else { return false };
        let (id, admitted, owes) = (link.id, link.is_admitted(), &mut link.owes);
        let frame = if core::mem::take(&mut owes.dial) {
            let class = link.class;
            let expected = link.peer.and_then(|peer| self.peers.get(peer)?.id);
            if let Some(address) = link.remote {
                perform(Action::Dial { link: id, route: crate::event::Route { address, class }, expected });
            }
            return true;
        } else if core::mem::take(&mut owes.hello) {
            Frame::Hello(self.hello(slot).into())
        } else if core::mem::take(&mut owes.welcome) {
            let doubt = link.doubted_here;
            Frame::Welcome(Welcome { hello: self.hello(slot), doubt }.into())
        } else if let Some(reason) = owes.refused.take() {
            Frame::Refused(reason)
        } else if core::mem::take(&mut owes.doubted) {
            Frame::Doubted
        } else if core::mem::take(&mut owes.cleared) {
            let peer = link.peer;
            let birth = peer.and_then(|peer| self.mail.get(peer)).map_or(0, |mail| mail.birth);
            Frame::Cleared { birth }
        } else if core::mem::take(&mut owes.noted) {
            let peer = link.peer;
            Frame::Noted(peer.map_or_else(Tags::new, |peer| self.take_noted(peer)).into())
        } else if admitted && core::mem::take(&mut owes.lost) {
            let peer = link.peer;
            Frame::Lost(
                peer.and_then(|peer| self.peers.get(peer))
                    .map_or_else(Losses::new, |peer| peer.losses.clone())
                    .into(),
            )
        } else if let Some(nonce) = owes.pong.take() {
            Frame::Pong { nonce }
        } else if core::mem::take(&mut owes.ping) {
            Frame::Ping { nonce: link.pulse.as_ref().map_or(0, crate::machine::Pulse::newest) }
        } else if core::mem::take(&mut owes.marks) {
            let Some(marks) = self.marks_owed(slot) else { return true };
            Frame::Marks(marks)
        } else if owes.data {
            owes.data = false;
            self.send_pieces(slot, perform);
            return true;
        } else if let Some(reason) = owes.close.take() {
            Frame::Close(reason)
        } else if let Some(reason) = owes.end.take() {
            perform(Action::Close { link: id, reason });
            return true;
        } else {
            return false;
        };
        if !matches!(&frame, Frame::Noted(tags) if tags.is_empty()) {
            perform(Action::Send { link: id, frame: &frame });
        }
        true
    }

    /// What this node says of itself at the beginning of a link.
    fn hello(&mut self, slot: Slot) -> Hello {
        let Greeting { birth, meant, marks, takes } = self.greeting(slot);
        let link = self.links.get(slot);
        let peer = link.and_then(|link| self.peers.get(link.peer?));
        Hello {
            incarnation: self.incarnation,
            detect_within: self.config.detect_within,
            class: link.map(|link| link.class).unwrap_or_default(),
            keep: peer.is_some_and(|peer| peer.kept_here),
            lost: peer.map_or_else(Losses::new, |peer| self.losses_to_tell(peer)),
            birth,
            meant,
            marks,
            takes,
        }
    }

    fn announcement(&self, kind: AnnouncementKind) -> Announcement {
        Announcement { node: self.me, incarnation: self.incarnation, kind }
    }

    /// Notes and gives the time to wait until.
    fn promise(&mut self) -> Wait {
        let due = self.due().map(|at| Instant::from_micros(at.as_micros().saturating_add(self.shift)));
        self.promised = due;
        due.map_or(Wait::Forever, Wait::Until)
    }

    /// How late the node is against the deadline that it gave last, in microseconds.
    pub(crate) fn lateness(&self, awake: Instant) -> u64 {
        self.promised.map_or(0, |promised| micros(awake.since(promised)))
    }
}
