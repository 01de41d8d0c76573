//! The handshake: a type for each state at each end, so that what may come next is all that can be called.
//!
//! | dialer | acceptor |
//! |---|---|
//! | [`Calling::begin`] writes record 1 | [`Answering::to`] reads it, and writes record 2 |
//! | [`Calling::read`] reads that: [`Met`], who is there is known | |
//! | [`Met::introduce`] writes record 3, with the hello | [`Answering::read`] reads it: [`Greeted`] |
//! | [`Introduced::read`] reads each of these | [`Greeted::wait`], [`Greeted::answer`] |
//!
//! Whatever goes wrong ends the handshake, and with it the link: no state comes back with an error.

mod acceptor;
mod dialer;
mod terms;

use core::fmt;

use heapless::Vec;
use sha2::{Digest, Sha256};

pub use acceptor::{Answering, Declined, Greeted};
pub use dialer::{Answer, Calling, Introduced, Met};
pub(super) use terms::Guarded;
pub use terms::{Ciphers, Guard, Network, Terms, Versions};

use crate::id::LinkTag;
use crate::reason::{Reason, Refusal};
use crate::wire::cipher::{CipherState, Suite};
use crate::wire::codec::MAX_CONTROL;
use crate::wire::noise::{Failure, Noise};
use crate::wire::record::{HEAD, Opener, Sealer};
use crate::wire::writer::{NoRoom, Writer};

/// The longest record of a handshake, with its length. A buffer of this size takes and writes all of them.
pub const MAX_OPENING: usize = 1024;

const _: () =
    assert!(HEAD + 48 + 16 + MAX_OPENING_FRAME <= MAX_OPENING, "the hello fits into the third message");

/// What stands in front of the hello and of the answer, and the longest of these.
const MAX_OPENING_FRAME: usize = 3 + MAX_CONTROL;

/// One of the short records of a handshake.
pub type Short = Vec<u8, 128>;

/// The record that says what does not go together.
pub type LastWords = Vec<u8, 16>;

/// In what the two ends differ. It is said in the clear, so anybody could have said it: worth an ordinary backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mismatch {
    /// They belong to networks of different names.
    Network,
    /// One wants a secret, or no protection, and the other does not.
    Guard,
    /// There is no version that both speak.
    Version,
    /// What the dialer said is noise to the acceptor. Most likely their secrets differ.
    Secret,
}

impl Mismatch {
    const fn code(self) -> u8 {
        match self {
            Self::Network => 1,
            Self::Guard => 2,
            Self::Version => 3,
            Self::Secret => 4,
        }
    }

    const fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Network),
            2 => Some(Self::Guard),
            3 => Some(Self::Version),
            4 => Some(Self::Secret),
            _ => None,
        }
    }
}

/// Why there is no channel. The link is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failed {
    /// The two ends do not go together.
    Mismatch(Mismatch),
    /// It is not what belongs here, or was altered on the way.
    Unreadable,
    /// A key is none, or is written in a way that hides another (Y15).
    BadKey,
    /// The version in use is not the best that both speak: somebody in between had a hand in it.
    TalkedDown,
}

impl Failed {
    /// How the link ends.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Mismatch(Mismatch::Version) => Reason::Refused(Refusal::WrongVersion),
            Self::Mismatch(Mismatch::Network | Mismatch::Guard | Mismatch::Secret) => {
                Reason::Refused(Refusal::WrongMesh)
            }
            Self::Unreadable | Self::BadKey | Self::TalkedDown => Reason::ProtocolError,
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mismatch(Mismatch::Network) => "the other end belongs to another network",
            Self::Mismatch(Mismatch::Guard) => "one end wants a secret or no protection, the other does not",
            Self::Mismatch(Mismatch::Version) => "no version in common",
            Self::Mismatch(Mismatch::Secret) => "noise to the other end: is the mesh secret the same?",
            Self::Unreadable => "not what belongs here, or altered on the way",
            Self::BadKey => "a key that is none",
            Self::TalkedDown => "not the best version that both speak",
        })
    }
}

impl core::error::Error for Failed {}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::BadKey => Self::BadKey,
            Failure::Unreadable | Failure::NoRoom => Self::Unreadable,
        }
    }
}

/// What the second record begins with.
mod second {
    /// It says what does not go together.
    pub(super) const MISMATCH: u8 = 0;
    /// The second message of Noise comes behind.
    pub(super) const MESSAGE: u8 = 1;
}

/// What a record begins with that the acceptor says after the handshake of Noise.
mod fourth {
    /// Somebody is being asked; another record will come.
    pub(super) const WAIT: u8 = 0;
    /// The answer comes behind.
    pub(super) const ANSWER: u8 = 1;
}

/// Writes a record: its length, and what `fill` puts behind it.
fn record(
    out: &mut [u8],
    fill: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>,
) -> Result<&mut [u8], NoRoom> {
    let (head, body) = out.split_first_chunk_mut::<HEAD>().ok_or(NoRoom)?;
    let mut writer = Writer::new(body);
    fill(&mut writer)?;
    let length = writer.len();
    *head = u16::try_from(length).map_err(|_| NoRoom)?.to_be_bytes();
    out.get_mut(..HEAD + length).ok_or(NoRoom)
}

/// Writes one of the short ones.
fn short<const N: usize>(fill: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>) -> Vec<u8, N> {
    let mut room = [0; N];
    let written = record(&mut room, fill).expect("the short records of a handshake have fixed sizes");
    Vec::from_slice(written).expect("it stood in a buffer of this size")
}

/// The name of the link that both ends know after the second message: each has put a fresh key into it by then.
fn tag(noise: &Noise) -> LinkTag {
    let digest: [u8; 32] =
        Sha256::new().chain_update(b"mesh link tag").chain_update(noise.hash()).finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    LinkTag::new(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

/// Puts a few bytes that a later version may add to, with their number in front.
fn put_head(out: &mut Writer<'_>, head: &[u8]) -> Result<(), NoRoom> {
    out.put(&[u8::try_from(head.len()).map_err(|_| NoRoom)?])?;
    out.put(head)
}

/// Takes such bytes, of which this version knows the first `N`; gives them and what comes behind all of them.
fn take_head<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (head, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((*head.first_chunk()?, rest))
}

/// Both directions go on with their next key, for the cipher that was agreed.
fn halves(
    (mut seal, mut open): (CipherState, CipherState),
    protected: bool,
    mine: Ciphers,
    theirs: Ciphers,
) -> Option<(Sealer, Opener)> {
    let suite = match (protected, mine.has_aes() && theirs.has_aes()) {
        (false, _) => Suite::Clear,
        (true, true) => Suite::AesGcm,
        (true, false) => Suite::ChaChaPoly,
    };
    seal.rekey(suite)?;
    open.rekey(suite)?;
    Some((Sealer::new(seal), Opener::new(open)))
}
