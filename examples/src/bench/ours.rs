//! What is measured of the mesh.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::time::Instant;

use adapter_std::handle::{Builder, Driver, Mesh};
use adapter_std::platform::entropy;
use bytes::Bytes;
use mesh_proto::Standing;
use mesh_proto::wire::{Identity, MeshSecret};

use super::Problem;
use super::lane::Lane;
use crate::runtime::Setup;

/// Two nodes with a session.
#[derive(Debug)]
pub struct Pair {
    near: Mesh,
    far: Mesh,
}

impl Pair {
    /// Starts both, and waits for the session.
    ///
    /// # Errors
    ///
    /// A node cannot be started.
    pub fn new(lane: &Lane) -> Result<Self, Problem> {
        let secret = entropy::mesh_secret()?;
        let (near, far) = (node(lane, &secret)?, node(lane, &secret)?);
        join(lane, &near, &far)?;
        Ok(Self { near, far })
    }

    /// Round trips of 64 bytes, one by one.
    pub fn round_trips(&self, lane: &Lane, count: usize) -> Result<Vec<Duration>, Problem> {
        let (near, far) = (self.near.clone(), self.far.clone());
        let (to_near, to_far) = (near.me(), far.me());
        let echo = lane.beside(async move {
            let mut messages = far.messages();
            for _ in 0..count {
                let received = messages.next().await.ok_or("the node has ended")?;
                far.send(to_near, received.body).await?;
            }
            Ok::<_, Problem>(())
        });
        let trips = lane.run(async move {
            let (mut messages, body) = (near.messages(), Bytes::from_static(&[7; 64]));
            let mut trips = Vec::with_capacity(count);
            for _ in 0..count {
                let began = Instant::now();
                near.send(to_far, body.clone()).await?;
                messages.next().await.ok_or("the node has ended")?;
                trips.push(began.elapsed());
            }
            Ok::<_, Problem>(trips)
        })??;
        lane.join(echo)??;
        Ok(trips)
    }

    /// Many messages, one plain send each, until the last one is taken.
    pub fn messages(&self, lane: &Lane, size: usize, count: usize) -> Result<Duration, Problem> {
        let (near, far) = (self.near.clone(), self.far.clone());
        let to = far.me();
        let began = Instant::now();
        let taking = lane.beside(async move {
            let mut messages = far.messages();
            for _ in 0..count {
                messages.next().await.ok_or("the node has ended")?;
            }
            Ok::<_, Problem>(())
        });
        lane.run(async move {
            let body = Bytes::from(vec![7; size]);
            for _ in 0..count {
                near.send(to, body.clone()).await?;
            }
            Ok::<_, Problem>(())
        })??;
        lane.join(taking)??;
        Ok(began.elapsed())
    }
}

/// From the wish to keep a peer to the session with it, handshake and all.
pub fn connect(lane: &Lane) -> Result<Duration, Problem> {
    let secret = entropy::mesh_secret()?;
    let (near, far) = (node(lane, &secret)?, node(lane, &secret)?);
    join(lane, &near, &far)
}

/// Keeps a session between two nodes: how long until it is there.
pub fn join(lane: &Lane, near: &Mesh, far: &Mesh) -> Result<Duration, Problem> {
    let address = far.addresses().first().copied().ok_or("the node listens nowhere")?;
    let (near, peer) = (near.clone(), far.me());
    let began = Instant::now();
    near.keep((peer, address))?;
    lane.run(async move {
        let mut watch = near.watch();
        while let Some(change) = watch.next().await {
            if change.peer.id == peer && matches!(change.peer.standing, Standing::Up { .. }) {
                return Ok(());
            }
        }
        Err(Problem::from("the node has ended"))
    })??;
    Ok(began.elapsed())
}

/// A node that the others of its secret let in.
///
/// # Errors
///
/// It cannot be started.
pub fn node(lane: &Lane, secret: &MeshSecret) -> Result<Mesh, Problem> {
    Ok(lane.start(Member { identity: entropy::identity()?, secret: secret.clone() })?)
}

/// A node of the bench.
struct Member {
    identity: Identity,
    secret: MeshSecret,
}

impl Setup for Member {
    fn set_up<D: Driver>(self, builder: Builder<D>) -> Builder<D> {
        builder
            .identity(self.identity)
            .secret(self.secret)
            .network("bench")
            .discover_nobody()
            .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }
}
