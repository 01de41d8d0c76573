//! What nodes say of each other.

use core::net::SocketAddr;

use adapter_std::handle::{Happening, Mesh};
use mesh_proto::{Dialing, LinkId, NodeId, Reason, Role, Side, Standing};

use crate::waiting::already;

/// The link that carries the session, if there is one.
pub(crate) fn link(mesh: &Mesh, peer: NodeId) -> Option<LinkId> {
    match mesh.peer(peer)?.standing {
        Standing::Up { link, .. } => Some(link),
        Standing::Away { .. } | Standing::Down { .. } => None,
    }
}

pub(crate) fn is_up(mesh: &Mesh, peer: NodeId) -> bool {
    link(mesh, peer).is_some()
}

/// Whether both say so.
pub(crate) fn are_up(one: &Mesh, other: &Mesh) -> bool {
    is_up(one, other.me()) && is_up(other, one.me())
}

/// Why there is no session, if there is none.
pub(crate) fn down(mesh: &Mesh, peer: NodeId) -> Option<Reason> {
    match mesh.peer(peer)?.standing {
        Standing::Down { reason } => reason,
        Standing::Up { .. } | Standing::Away { .. } => None,
    }
}

/// Who opened the one link that there is with a peer; nothing if there are more, or none that carries.
pub(crate) fn only_link(mesh: &Mesh, peer: NodeId) -> Option<Side> {
    let explained = mesh.explain(peer)?;
    match &explained.links[..] {
        [only] if only.role == Role::Carrying => Some(only.side),
        _ => None,
    }
}

/// Whether there is one link, and it is the same at both ends.
pub(crate) fn agree(one: &Mesh, other: &Mesh) -> bool {
    match (only_link(one, other.me()), only_link(other, one.me())) {
        (Some(here), Some(there)) => here != there,
        (None, _) | (_, None) => false,
    }
}

pub(crate) fn dialing(mesh: &Mesh, peer: NodeId) -> Option<Dialing> {
    mesh.explain(peer).map(|explained| explained.dialing)
}

/// Everything that happened to a node from its start on, as far as it is kept.
pub(crate) fn happened(mesh: &Mesh) -> Vec<Happening> {
    let mut happenings = mesh.happenings_from_the_start();
    core::iter::from_fn(|| already(happenings.next())?).map(|happened| happened.what).collect()
}

/// Why links ended, in order.
pub(crate) fn ended(mesh: &Mesh) -> Vec<Reason> {
    let of = |what| {
        let Happening::LinkClosed { reason, .. } = what else { return None };
        Some(reason)
    };
    happened(mesh).into_iter().filter_map(of).collect()
}

/// Where both ends of a link are, this one first.
pub(crate) fn ends(mesh: &Mesh, of: LinkId) -> Option<(SocketAddr, SocketAddr)> {
    happened(mesh).into_iter().find_map(|what| {
        let Happening::LinkOpened { link, local, remote, .. } = what else { return None };
        if link == of { Some((local?, remote?)) } else { None }
    })
}
