//! Announcements as datagrams (R10).
//!
//! In a mesh with a secret a datagram is sealed, and looks like noise to everybody else: a stranger can neither make one
//! nor tell which mesh it belongs to. Without a secret it is in the clear, and nobody vouches for it.
//!
//! | without a secret | with one |
//! |---|---|
//! | `mesh`, the format, `b`, who may talk | a nonce of 12 bytes |
//! | the network's 16 bytes | |
//! | what is announced | what is announced, sealed, and its tag |
//!
//! The nonce is made from what is announced, which has a number that rises: no randomness is needed, and no two are
//! alike.

use heapless::Vec;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::announcement::{Announcement, AnnouncementKind, Vouched};
use crate::id::{Incarnation, NodeId};
use crate::wire::handshake::{Network, Terms};
use crate::wire::keys::MeshSecret;
use crate::wire::primitives::{Aead, ChaChaPoly, Secret, TAG};

/// How many ports a node can announce.
pub const MAX_PORTS: usize = 2;

/// The ports that a node listens on, the one to try first in front.
pub type Ports = Vec<u16, MAX_PORTS>;

/// The longest datagram that is written.
pub const MAX_BEACON: usize = PREFIX + CONTENT + TAG;

/// A datagram.
pub type Beacon = Vec<u8, MAX_BEACON>;

/// What stands before the content where there is no secret: the longer of both.
const PREFIX: usize = MAGIC.len() + 1 + Network::LENGTH;
const MAGIC: [u8; 6] = *b"mesh\x01b";
const NONCE: usize = 12;
const CONTENT: usize = 1 + 1 + 32 + 8 + 8 + 1 + 2 * MAX_PORTS + 8;
/// How the content is laid out. A later version only adds at its end, or is another one.
const VERSION: u8 = 1;

/// What a datagram says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Who, in which run, what for.
    pub announcement: Announcement,
    /// Where it listens, at the address that the datagram came from.
    pub ports: Ports,
    /// Whether a member of the mesh vouches for it.
    pub vouched: Vouched,
}

/// Writes a datagram. `number` rises with each that this run of the node writes.
#[must_use]
pub fn write_beacon(terms: &Terms<'_>, announcement: &Announcement, ports: &Ports, number: u64) -> Beacon {
    let mut content = content(announcement, ports, number);
    let Some(secret) = terms.guard.secrets().and_then(|secrets| secrets.iter().next()) else {
        return clear(terms, &content);
    };
    let (nonce, tag) = seal(terms, secret, &mut content);
    [&nonce[..], &content[..], &tag[..]].into_iter().flatten().copied().collect()
}

/// Reads a datagram; nothing if it is not for this mesh, or none at all.
#[must_use]
pub fn read_beacon(terms: &Terms<'_>, datagram: &[u8]) -> Option<Announced> {
    match terms.guard.secrets() {
        Some(secrets) => {
            let (nonce, rest) = datagram.split_first_chunk::<NONCE>()?;
            let (sealed, tag) = rest.split_last_chunk::<TAG>()?;
            let mut room = Vec::<u8, MAX_SEALED>::from_slice(sealed).ok()?;
            secrets.iter().find_map(|secret| {
                // Opening spoils what it cannot open.
                room.copy_from_slice(sealed);
                let [key, _] = keys(terms, secret);
                ChaChaPoly::new(&key)?.open(nonce, b"", &mut room, tag)?;
                announced(&room, Vouched::ByMember)
            })
        }
        None => {
            let rest = datagram.strip_prefix(&MAGIC)?;
            let (guard, rest) = rest.split_first()?;
            let content = rest.strip_prefix(terms.network.as_bytes())?;
            if *guard == terms.guard.code() { announced(content, Vouched::ByNobody) } else { None }
        }
    }
}

/// The longest content that is opened: a later version may have added to it.
const MAX_SEALED: usize = 512;

fn clear(terms: &Terms<'_>, content: &[u8]) -> Beacon {
    let parts = [&MAGIC[..], &[terms.guard.code()], terms.network.as_bytes(), content];
    parts.into_iter().flatten().copied().collect()
}

fn content(announcement: &Announcement, ports: &Ports, number: u64) -> [u8; CONTENT] {
    let Announcement { node, incarnation, kind } = announcement;
    let kind = match kind {
        AnnouncementKind::Hail => 0,
        AnnouncementKind::Answer => 1,
        AnnouncementKind::Farewell => 2,
    };
    let count = u8::try_from(ports.len()).unwrap_or(0);
    let mut listed = ports.iter().copied().chain([0; MAX_PORTS]).flat_map(u16::to_be_bytes);
    let listed: [u8; 2 * MAX_PORTS] = core::array::from_fn(|_| listed.next().unwrap_or(0));
    let (start, bits, number) =
        (incarnation.start.to_be_bytes(), incarnation.bits.to_be_bytes(), number.to_be_bytes());
    let parts: [&[u8]; 7] = [&[VERSION, kind], node.as_bytes(), &start, &bits, &[count], &listed, &number];
    let mut bytes = parts.into_iter().flatten().copied();
    core::array::from_fn(|_| bytes.next().unwrap_or(0))
}

fn announced(content: &[u8], vouched: Vouched) -> Option<Announced> {
    let ([VERSION, kind], rest) = content.split_first_chunk()? else { return None };
    let kind = match kind {
        0 => AnnouncementKind::Hail,
        1 => AnnouncementKind::Answer,
        2 => AnnouncementKind::Farewell,
        _ => return None,
    };
    let (node, rest) = rest.split_first_chunk::<32>()?;
    let (start, rest) = rest.split_first_chunk()?;
    let (bits, rest) = rest.split_first_chunk()?;
    let (count, rest) = rest.split_first()?;
    let (listed, rest) = rest.split_first_chunk::<{ 2 * MAX_PORTS }>()?;
    let (_number, _added) = rest.split_first_chunk::<8>()?;
    let node = NodeId::new(*node);
    let incarnation = Incarnation::new(u64::from_be_bytes(*start), u64::from_be_bytes(*bits));
    let ports = listed
        .as_chunks::<2>()
        .0
        .iter()
        .take(usize::from(*count))
        .map(|port| u16::from_be_bytes(*port))
        .filter(|port| *port != 0)
        .collect();
    let announcement = Announcement { node, incarnation, kind };
    node.is_canonical().then_some(Announced { announcement, ports, vouched })
}

fn seal(terms: &Terms<'_>, secret: &MeshSecret, content: &mut [u8]) -> ([u8; NONCE], [u8; TAG]) {
    let [key, for_nonce] = keys(terms, secret);
    let (drawn, _) = Hkdf::<Sha256>::extract(Some(&*for_nonce), content);
    let nonce = *drawn.first_chunk().expect("a digest is longer than a nonce");
    let tag = ChaChaPoly::new(&key).and_then(|cipher| cipher.seal(&nonce, b"", content));
    (nonce, tag.expect("every build has this cipher, and a beacon is short"))
}

/// The key that seals, and the one that makes nonces.
fn keys(terms: &Terms<'_>, secret: &MeshSecret) -> [Secret; 2] {
    let source = Hkdf::<Sha256>::new(Some(terms.network.as_bytes()), secret.secret());
    [b"mesh beacon key", b"mesh beacon non"].map(|name| {
        let mut key = Zeroizing::new([0; 32]);
        source.expand(name, key.as_mut_slice()).expect("32 bytes can be had");
        key
    })
}
