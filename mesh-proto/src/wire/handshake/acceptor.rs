//! The acceptor's end of a handshake.

use core::fmt;

use zeroize::Zeroizing;

use super::terms::{Ciphers, NoPreamble, Preamble, Terms};
use super::{
    Failed, LastWords, MAX_OPENING_FRAME, Mismatch, Short, fourth, halves, put_head, second, short, tag,
    take_head,
};
use crate::frame::Frame;
use crate::id::{LinkTag, NodeId};
use crate::wire::cipher::CipherState;
use crate::wire::codec;
use crate::wire::keys::MeshSecret;
use crate::wire::noise::{End, Failure, Noise};
use crate::wire::primitives::Secret;
use crate::wire::record::{HEAD, Opener, Sealer};
use crate::wire::writer::{NoRoom, Writer};

/// A dialer is turned away before anything is known of it. The link is over, once the last words are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declined {
    /// Why.
    pub failed: Failed,
    /// What to write before closing: a hint, or nothing.
    pub last_words: LastWords,
}

/// An acceptor that has answered the first word.
pub struct Answering {
    noise: Noise,
    version: u16,
    tag: LinkTag,
}

impl Answering {
    /// Reads record 1; gives record 2, which is to be written.
    ///
    /// `fresh` must be random, and is never to be given again.
    ///
    /// # Errors
    ///
    /// The dialer is turned away.
    pub fn to(terms: &Terms<'_>, fresh: [u8; 32], record: &mut [u8]) -> Result<(Self, Short), Declined> {
        let fresh = Zeroizing::new(fresh);
        let mine = Preamble::of(terms);
        let theirs = Preamble::read(record).map_err(|no| match no {
            NoPreamble::NotOurs => Declined { failed: Failed::Unreadable, last_words: LastWords::new() },
            NoPreamble::OtherFormat => decline(terms, Mismatch::Version),
        })?;
        if !theirs.same_network(&mine) {
            return Err(decline(terms, Mismatch::Network));
        }
        if !theirs.same_guard(&mine) {
            return Err(decline(terms, Mismatch::Guard));
        }
        let Some(used) = terms.versions.best(theirs.versions) else {
            return Err(decline(terms, Mismatch::Version));
        };
        let mut noise =
            first(terms, &fresh, record).map_err(|failed| match (failed, terms.guard.secrets()) {
                (Failed::Unreadable, Some(_)) => decline(terms, Mismatch::Secret),
                (Failed::Unreadable | Failed::BadKey | Failed::TalkedDown | Failed::Mismatch(_), _) => {
                    Declined { failed, last_words: LastWords::new() }
                }
            })?;
        let [a, b, c, d] = terms.versions.bytes();
        let [e, f] = used.to_be_bytes();
        let mut written = Ok(());
        let reply = short(|out| {
            out.put(&[second::MESSAGE])?;
            written = noise.write(terms.guard.keys(None), &[a, b, c, d, e, f], out);
            Ok(())
        });
        written.map_err(|failure| Declined { failed: failure.into(), last_words: LastWords::new() })?;
        let tag = tag(&noise);
        Ok((Self { noise, version: used, tag }, reply))
    }

    /// Reads record 3; gives the dialer's hello too, to be read with [`Frames`](crate::wire::Frames).
    ///
    /// # Errors
    ///
    /// It is none. The link is over.
    pub fn read<'r>(
        mut self,
        terms: &Terms<'_>,
        record: &'r mut [u8],
    ) -> Result<(Greeted, &'r [u8]), Failed> {
        let payload = self.noise.read(terms.guard.keys(None), record)?;
        let ([ciphers], frames) = take_head(payload).ok_or(Failed::Unreadable)?;
        let peer = self.noise.peer().map(NodeId::new).ok_or(Failed::Unreadable)?;
        let (seal, open) = self.noise.split(terms.guard.suite()).ok_or(Failed::Unreadable)?;
        let Self { version, tag, .. } = self;
        let greeted = Greeted {
            sealer: Sealer::new(seal),
            open,
            theirs: Ciphers::of_byte(ciphers),
            version,
            peer,
            tag,
        };
        Ok((greeted, frames))
    }
}

/// Says in the clear what does not go together.
fn decline(terms: &Terms<'_>, mismatch: Mismatch) -> Declined {
    let last_words = short(|out| {
        out.put(&[second::MISMATCH, mismatch.code()])?;
        out.put(&terms.versions.bytes())
    });
    Declined { failed: Failed::Mismatch(mismatch), last_words }
}

/// Reads the first message of Noise with the secret that it was written with, if that is valid here.
fn first(terms: &Terms<'_>, fresh: &Secret, record: &mut [u8]) -> Result<Noise, Failed> {
    let (prologue, message) = record.split_at_mut_checked(Preamble::LENGTH).ok_or(Failed::Unreadable)?;
    let with = |secret: Option<&MeshSecret>, message: &mut [u8]| {
        let mut noise = Noise::new(terms.guard.pattern(), End::Acceptor, prologue, fresh.clone());
        noise.read(terms.guard.keys(secret), message).map(|_| noise)
    };
    let Some(secrets) = terms.guard.secrets() else { return Ok(with(None, message)?) };
    let mut copy = Short::from_slice(message).map_err(|_| Failed::Unreadable)?;
    let mut failed = Failure::Unreadable;
    for secret in secrets.iter() {
        // Reading spoils what it cannot read.
        copy.copy_from_slice(message);
        match with(Some(secret), &mut copy) {
            Ok(noise) => return Ok(noise),
            Err(failure) => failed = failure,
        }
    }
    Err(failed.into())
}

/// An acceptor that knows who dialed it, and has not answered.
pub struct Greeted {
    sealer: Sealer,
    open: CipherState,
    theirs: Ciphers,
    version: u16,
    peer: NodeId,
    tag: LinkTag,
}

impl Greeted {
    /// Who dialed.
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

    /// Asks the dialer for patience: somebody is being asked whether it may come in. Gives what is to be written.
    ///
    /// # Errors
    ///
    /// It does not fit into `out`. Nothing has changed.
    pub fn wait<'o>(&mut self, out: &'o mut [u8]) -> Result<&'o [u8], NoRoom> {
        let plain = {
            let mut writer = Writer::new(out.get_mut(HEAD..).ok_or(NoRoom)?);
            put_head(&mut writer, &[fourth::WAIT, 0])?;
            writer.len()
        };
        self.sealer.seal(out, plain)
    }

    /// Answers, with a welcome or a refusal, into `out`, which [`MAX_OPENING`](super::MAX_OPENING) bytes are enough
    /// for. Gives what is to be written, and the halves for everything after it.
    ///
    /// # Errors
    ///
    /// It does not fit. The handshake is over.
    pub fn answer<'o>(
        mut self,
        terms: &Terms<'_>,
        answer: &Frame<'_>,
        out: &'o mut [u8],
    ) -> Result<(&'o [u8], Sealer, Opener), NoRoom> {
        let plain = {
            let mut writer = Writer::new(out.get_mut(HEAD..).ok_or(NoRoom)?);
            put_head(&mut writer, &[fourth::ANSWER, terms.ciphers.byte()])?;
            writer.put_with(|room| codec::encode(answer, room))?;
            writer.len()
        };
        let fourth = self.sealer.seal(out, plain)?;
        let states = (self.sealer.into_state(), self.open);
        let (sealer, opener) =
            halves(states, terms.guard.is_protected(), terms.ciphers, self.theirs).ok_or(NoRoom)?;
        Ok((fourth, sealer, opener))
    }
}

const _: () = assert!(HEAD + MAX_OPENING_FRAME + 16 <= super::MAX_OPENING, "the answer fits into a record");

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").field("tag", &self.tag).finish_non_exhaustive()
    }
}

impl fmt::Debug for Greeted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Greeted").field("peer", &self.peer).field("tag", &self.tag).finish_non_exhaustive()
    }
}
