//! The dialer's end of a handshake.

use core::fmt;

use zeroize::Zeroizing;

use super::terms::{Ciphers, Preamble, Terms, Versions};
use super::{
    Failed, MAX_OPENING_FRAME, Mismatch, Short, fourth, halves, put_head, record, second, short, tag,
    take_head,
};
use crate::frame::Frame;
use crate::id::{LinkTag, NodeId};
use crate::wire::cipher::CipherState;
use crate::wire::codec;
use crate::wire::noise::{End, Noise};
use crate::wire::record::{Opener, Sealer};
use crate::wire::writer::{NoRoom, Writer};

/// A dialer that has said the first word.
pub struct Calling {
    noise: Noise,
}

impl Calling {
    /// Begins; gives record 1, which is to be written.
    ///
    /// `fresh` must be random, and is never to be given again. `attempt` counts the failures that a wrong secret may
    /// have caused: while two secrets are valid, the next attempt takes the other one.
    #[must_use]
    pub fn begin(terms: &Terms<'_>, attempt: u32, fresh: [u8; 32]) -> (Self, Short) {
        let fresh = Zeroizing::new(fresh);
        let secret = terms.guard.secrets().map(|secrets| secrets.for_attempt(attempt));
        let mut prologue = [0; Preamble::LENGTH];
        Preamble::of(terms).write(&mut Writer::new(&mut prologue)).expect("it has this length");
        let mut noise = Noise::new(terms.guard.pattern(), End::Dialer, &prologue, fresh);
        let first = short(|out| {
            out.put(&prologue)?;
            noise.write(terms.guard.keys(secret), b"", out).map_err(|_| NoRoom)
        });
        (Self { noise }, first)
    }

    /// Reads record 2.
    ///
    /// # Errors
    ///
    /// There will be no channel, for this reason.
    pub fn read(mut self, terms: &Terms<'_>, record: &mut [u8]) -> Result<Met, Failed> {
        let (kind, rest) = record.split_first_mut().ok_or(Failed::Unreadable)?;
        match *kind {
            second::MESSAGE => {}
            second::MISMATCH => {
                let mismatch = rest.first().copied().and_then(Mismatch::of).ok_or(Failed::Unreadable)?;
                return Err(Failed::Mismatch(mismatch));
            }
            _ => return Err(Failed::Unreadable),
        }
        let payload = self.noise.read(terms.guard.keys(None), rest)?;
        let (versions, rest) = payload.split_first_chunk().ok_or(Failed::Unreadable)?;
        let theirs = Versions::of_bytes(*versions).ok_or(Failed::Unreadable)?;
        let used = rest.first_chunk().map(|used| u16::from_be_bytes(*used)).ok_or(Failed::Unreadable)?;
        if terms.versions.best(theirs) != Some(used) {
            return Err(Failed::TalkedDown);
        }
        let peer = self.noise.peer().map(NodeId::new).ok_or(Failed::Unreadable)?;
        Ok(Met { tag: tag(&self.noise), noise: self.noise, version: used, peer })
    }
}

/// A dialer that knows who it dialed, and has not said who it is: now is the time to decide whether to go on.
pub struct Met {
    noise: Noise,
    version: u16,
    peer: NodeId,
    tag: LinkTag,
}

impl Met {
    /// Who is there.
    #[must_use]
    pub const fn peer(&self) -> NodeId {
        self.peer
    }

    /// The name of the link that both ends know.
    #[must_use]
    pub const fn tag(&self) -> LinkTag {
        self.tag
    }

    /// The version that both speak.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// Goes on: writes record 3, with the dialer's hello, into `out`, which
    /// [`MAX_OPENING`](super::MAX_OPENING) bytes are enough for.
    ///
    /// # Errors
    ///
    /// It does not fit. The handshake is over.
    pub fn introduce<'o>(
        mut self,
        terms: &Terms<'_>,
        hello: &Frame<'_>,
        out: &'o mut [u8],
    ) -> Result<(Introduced, &'o [u8]), NoRoom> {
        let mut payload = [0; MAX_OPENING_FRAME];
        let mut writer = Writer::new(&mut payload);
        put_head(&mut writer, &[terms.ciphers.byte()])?;
        writer.put_with(|room| codec::encode(hello, room))?;
        let third = record(out, |out| {
            self.noise.write(terms.guard.keys(None), writer.since(0), out).map_err(|_| NoRoom)
        })?;
        let (seal, open) = self.noise.split(terms.guard.suite()).ok_or(NoRoom)?;
        Ok((Introduced { seal, open }, third))
    }
}

/// A dialer that has said everything, and waits for the answer.
pub struct Introduced {
    seal: CipherState,
    open: CipherState,
}

/// What the acceptor says to a dialer that introduced itself.
pub enum Answer<'r> {
    /// Somebody is being asked: both ends wait longer.
    Wait(Introduced),
    /// The answer: the link goes on as it says.
    Answered {
        /// What the acceptor says, to be read with [`Frames`](crate::wire::Frames).
        frames: &'r [u8],
        /// Seals what the dialer says from now on.
        sealer: Sealer,
        /// Opens what the acceptor says from now on.
        opener: Opener,
    },
}

impl Introduced {
    /// Reads a record of the acceptor.
    ///
    /// # Errors
    ///
    /// It is none. The link is over.
    pub fn read<'r>(self, terms: &Terms<'_>, record: &'r mut [u8]) -> Result<Answer<'r>, Failed> {
        let mut opener = Opener::new(self.open);
        let text = opener.open(record).map_err(|_| Failed::Unreadable)?;
        let ([kind, ciphers], frames) = take_head(text).ok_or(Failed::Unreadable)?;
        let states = (self.seal, opener.into_state());
        match kind {
            fourth::WAIT => Ok(Answer::Wait(Self { seal: states.0, open: states.1 })),
            fourth::ANSWER => {
                let theirs = Ciphers::of_byte(ciphers);
                let (sealer, opener) = halves(states, terms.guard.is_protected(), terms.ciphers, theirs)
                    .ok_or(Failed::Unreadable)?;
                Ok(Answer::Answered { frames, sealer, opener })
            }
            _ => Err(Failed::Unreadable),
        }
    }
}

impl fmt::Debug for Calling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calling").finish_non_exhaustive()
    }
}

impl fmt::Debug for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Met").field("peer", &self.peer).field("tag", &self.tag).finish_non_exhaustive()
    }
}

impl fmt::Debug for Introduced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introduced").finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wait(_) => "Wait",
            Self::Answered { .. } => "Answered",
        })
    }
}
