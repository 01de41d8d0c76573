//! A handshake in progress: what came of each record, and nothing of what it means.

use core::fmt;
use core::mem;
use core::net::SocketAddr;

use super::settings::Fresh;
use crate::apart::Apart;
use crate::event::Proof;
use crate::frame::{Frame, Hello};
use crate::id::{LinkTag, NodeId};
use crate::time::Instant;
use crate::wire::{
    Answer, Answering, Calling, Failed, Frames, Greeted, Introduced, MAX_OPENING, Met, Mismatch, Opener,
    Records, Sealer, Short, Terms,
};

/// The most bytes that this end says before the other end must have said something.
const MOST_WORDS: usize = 160;

/// One link on its way to its halves.
pub(super) struct Shaking {
    input: Records<[u8; MAX_OPENING]>,
    /// What is to be written.
    pub(super) words: heapless::Vec<u8, MOST_WORDS>,
    pub(super) stage: Stage,
    /// When this end had its last word.
    said: Instant,
    /// Whether 'wait' was said already.
    waited: bool,
    /// Where it was dialed to, if this node did so by an order.
    address: Option<SocketAddr>,
}

/// How far it is, and what the channel has for that.
#[cfg_attr(
    not(feature = "alloc"),
    expect(clippy::large_enum_variant, reason = "there is one in each handshake, which is boxed")
)]
pub(super) enum Stage {
    /// At the dialer: the stream is not open.
    Dialed,
    /// The first word is said.
    Calling(Calling),
    /// Who is there is known; the machine's hello is to come.
    Met(Met),
    /// Somebody is asked before that goes out.
    Wondering(Met, Apart<Hello>),
    /// The answer is yes: it is to go out.
    LetIn(Met, Apart<Hello>),
    /// Everything is said.
    Introduced(Introduced),
    /// At the acceptor: the first word is awaited.
    Accepted(Fresh),
    /// It is answered.
    Answering(Answering),
    /// Who is there is known, and somebody is asked whether to let it in.
    Asking(Greeted, Apart<Hello>),
    /// The machine's answer is to come; and how large a record the dialer takes.
    Greeted(Greeted, u32),
    /// It failed, and the machine will order the link to be closed.
    Over,
}

/// What came of a record.
pub(super) enum Step {
    /// There is no whole one.
    None,
    /// This end has something to say.
    Reply(Short),
    /// At the dialer: who is there.
    Met(Proof),
    /// At the acceptor: who is there. The stage is for whoever asked to go on with.
    Greeted(Proof, Greeted, Apart<Hello>),
    /// The acceptor asks for patience, the first time.
    Wait,
    /// The acceptor has answered: this, and what the channel goes on with.
    Answered(Frame<'static>, Sealer, Opener),
    /// It is over, with these last words.
    Failed(Failed, heapless::Vec<u8, 16>),
}

impl Shaking {
    pub(super) const fn dialed(address: SocketAddr) -> Self {
        Self::at(Stage::Dialed, Some(address))
    }

    pub(super) const fn attached() -> Self {
        Self::at(Stage::Dialed, None)
    }

    pub(super) const fn accepted(fresh: Fresh) -> Self {
        Self::at(Stage::Accepted(fresh), None)
    }

    const fn at(stage: Stage, address: Option<SocketAddr>) -> Self {
        Self {
            input: Records::new([0; MAX_OPENING]),
            words: heapless::Vec::new(),
            stage,
            said: Instant::START,
            waited: false,
            address,
        }
    }

    /// The stream that this node opened is there: gives the first record, unless it was open already.
    pub(super) fn begin(
        &mut self,
        terms: &Terms<'_>,
        attempt: u32,
        fresh: &Fresh,
        now: Instant,
    ) -> Option<Short> {
        if !matches!(self.stage, Stage::Dialed) {
            return None;
        }
        let (calling, first) = Calling::begin(terms, attempt, fresh.bytes());
        self.stage = Stage::Calling(calling);
        self.said = now;
        Some(first)
    }

    /// The address whose secret may have been wrong, if the stream ended now.
    pub(super) fn unanswered(&self) -> Option<SocketAddr> {
        self.address.filter(|_| matches!(self.stage, Stage::Calling(_)))
    }

    /// The address that was dialed.
    pub(super) const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Takes as many bytes as there is room for; says how many.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        self.input.push(bytes)
    }

    /// What came behind the last record that was read.
    pub(super) fn rest(&self) -> &[u8] {
        self.input.waiting()
    }

    /// Whether the other end is to speak next.
    pub(super) const fn listens(&self) -> bool {
        match self.stage {
            Stage::Calling(_) | Stage::Introduced(_) | Stage::Accepted(_) | Stage::Answering(_) => true,
            Stage::Dialed
            | Stage::Met(_)
            | Stage::Wondering(..)
            | Stage::LetIn(..)
            | Stage::Asking(..)
            | Stage::Greeted(..)
            | Stage::Over => false,
        }
    }

    /// Takes what there is for the next word; whoever does not go on with it puts it back.
    pub(super) const fn take_stage(&mut self) -> Stage {
        mem::replace(&mut self.stage, Stage::Over)
    }

    /// Who waits for an answer.
    pub(super) const fn in_question(&self) -> Option<NodeId> {
        match &self.stage {
            Stage::Wondering(met, _) => Some(met.peer()),
            Stage::Asking(greeted, _) => Some(greeted.peer()),
            Stage::Dialed
            | Stage::Calling(_)
            | Stage::Met(_)
            | Stage::LetIn(..)
            | Stage::Introduced(_)
            | Stage::Accepted(_)
            | Stage::Answering(_)
            | Stage::Greeted(..)
            | Stage::Over => None,
        }
    }

    /// The one who was asked about at a dialer is let in; whether anybody was.
    pub(super) fn let_in(&mut self) -> bool {
        if !matches!(self.stage, Stage::Wondering(..)) {
            return false;
        }
        let Stage::Wondering(met, hello) = self.take_stage() else { return false };
        self.stage = Stage::LetIn(met, hello);
        true
    }

    /// Takes what a dialer is to say now.
    pub(super) fn take_let_in(&mut self) -> Option<(Met, Apart<Hello>)> {
        if !matches!(self.stage, Stage::LetIn(..)) {
            return None;
        }
        let Stage::LetIn(met, hello) = mem::replace(&mut self.stage, Stage::Over) else { return None };
        Some((met, hello))
    }

    /// Takes what was held back at an acceptor while somebody was asked: the machine's answer is to come.
    pub(super) fn take_asking(&mut self) -> Option<Apart<Hello>> {
        if !matches!(self.stage, Stage::Asking(..)) {
            return None;
        }
        let Stage::Asking(greeted, hello) = mem::replace(&mut self.stage, Stage::Over) else { return None };
        self.stage = Stage::Greeted(greeted, hello.takes.record);
        Some(hello)
    }

    /// The one who was asked about is not: an acceptor says what the machine answers, a dialer says nothing more.
    pub(super) fn turn_away(&mut self) {
        if matches!(self.stage, Stage::Wondering(..)) {
            self.stage = Stage::Over;
        }
        let _hello = self.take_asking();
    }

    /// Reads the next record.
    pub(super) fn read(&mut self, terms: &Terms<'_>, now: Instant) -> Step {
        let record = match self.input.next() {
            Ok(Some(record)) => record,
            Ok(None) => return Step::None,
            Err(_) => {
                self.stage = Stage::Over;
                return failed(Failed::Unreadable);
            }
        };
        let round_trip = now.since(self.said);
        let proof = |peer: NodeId, tag: LinkTag| Proof { peer, tag, round_trip };
        let read = match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Calling(calling) => calling.read(terms, record).map(|met| {
                let proof = proof(met.peer(), met.tag());
                self.stage = Stage::Met(met);
                Step::Met(proof)
            }),
            Stage::Introduced(introduced) => match introduced.read(terms, record) {
                Ok(Answer::Wait(introduced)) => {
                    self.stage = Stage::Introduced(introduced);
                    let first = !mem::replace(&mut self.waited, true);
                    Ok(if first { Step::Wait } else { Step::Reply(Short::new()) })
                }
                Ok(Answer::Answered { frames, sealer, opener }) => {
                    only(frames).map(|answer| Step::Answered(answer, sealer, opener))
                }
                Err(failed) => Err(failed),
            },
            Stage::Accepted(fresh) => match Answering::to(terms, fresh.bytes(), record) {
                Ok((answering, second)) => {
                    self.stage = Stage::Answering(answering);
                    self.said = now;
                    Ok(Step::Reply(second))
                }
                Err(declined) => return Step::Failed(declined.failed, declined.last_words),
            },
            Stage::Answering(answering) => answering.read(terms, record).and_then(|(greeted, frames)| {
                let Frame::Hello(hello) = only(frames)? else { return Err(Failed::Unreadable) };
                Ok(Step::Greeted(proof(greeted.peer(), greeted.tag()), greeted, hello))
            }),
            Stage::Dialed
            | Stage::Met(_)
            | Stage::Wondering(..)
            | Stage::LetIn(..)
            | Stage::Asking(..)
            | Stage::Greeted(..)
            | Stage::Over => Err(Failed::Unreadable),
        };
        read.unwrap_or_else(failed)
    }
}

impl Step {
    /// Whether a wrong secret may be why it failed.
    pub(super) const fn blames_the_secret(failed: Failed) -> bool {
        matches!(failed, Failed::Mismatch(Mismatch::Secret))
    }
}

fn failed(failed: Failed) -> Step {
    Step::Failed(failed, heapless::Vec::new())
}

/// The one frame of a record of the handshake.
fn only(frames: &[u8]) -> Result<Frame<'static>, Failed> {
    let mut frames = Frames::new(frames);
    let first = frames.next().and_then(Result::ok).ok_or(Failed::Unreadable)?;
    match (first, frames.next()) {
        (Frame::Hello(hello), None) => Ok(Frame::Hello(hello)),
        (Frame::Welcome(welcome), None) => Ok(Frame::Welcome(welcome)),
        (Frame::Refused(reason), None) => Ok(Frame::Refused(reason)),
        (
            Frame::Ping { .. }
            | Frame::Pong { .. }
            | Frame::Lost(_)
            | Frame::Noted(_)
            | Frame::Doubted
            | Frame::Cleared { .. }
            | Frame::Data(_)
            | Frame::Marks(_)
            | Frame::Close(_),
            None,
        )
        | (_, Some(_)) => Err(Failed::Unreadable),
    }
}

impl fmt::Debug for Shaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::Dialed => "Dialed",
            Stage::Calling(_) => "Calling",
            Stage::Met(_) => "Met",
            Stage::Wondering(..) => "Wondering",
            Stage::LetIn(..) => "LetIn",
            Stage::Introduced(_) => "Introduced",
            Stage::Accepted(_) => "Accepted",
            Stage::Answering(_) => "Answering",
            Stage::Asking(..) => "Asking",
            Stage::Greeted(..) => "Greeted",
            Stage::Over => "Over",
        };
        f.write_str(stage)
    }
}
