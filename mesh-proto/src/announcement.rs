//! 'I am here': what a node tells its neighbourhood (R10).

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, NodeId};

/// What is announced. Where the sender can be dialed is known from where the announcement came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Announcement {
    /// Who.
    pub node: NodeId,
    /// In which run.
    pub incarnation: Incarnation,
    /// What for.
    pub kind: AnnouncementKind,
}

/// What an announcement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AnnouncementKind {
    /// 'I am here': somebody new answers it.
    Hail,
    /// The answer to one. It is not answered.
    Answer,
    /// 'I leave'.
    Farewell,
}

/// Whether a member of the mesh vouches for an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Vouched {
    /// It carries the tag of the mesh.
    ByMember,
    /// Nothing authenticates it: it is worth a quarter of the budgets at most.
    ByNobody,
}

/// Who is to hear an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Audience {
    /// Everybody who listens.
    Everyone,
    /// The node at this address alone, where the plane can.
    One(#[serde(with = "crate::address")] SocketAddr),
}

/// Why a node announces itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// It has just started.
    Start,
    /// It has just woken up.
    Woke,
    /// Its addresses changed.
    Moved,
    /// It is time again.
    Regular,
    /// Somebody new was heard.
    Answer,
    /// It leaves.
    Farewell,
}
