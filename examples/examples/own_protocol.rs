//! A protocol of one's own on top of the machine, and its test in the simulator: no socket, no waiting, every fault.
//!
//! ```text
//! cargo run -p examples --example own_protocol
//! ```
//!
//! The protocol keeps a set of words that all nodes share. The first half is all of it; the second half cuts links and kills
//! nodes while words are added, for many seeds, and looks whether all come to have the same words.

extern crate alloc;

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use mesh_proto::sim::{self, NodeName, Start, Stop, World};
use mesh_proto::{Body, Config, Cursor, Heap, Incarnation, Mesh, Message, NodeId, Standing};

/// A set of words that only grows. Every node tells what it knows to each new run of a peer, and what it learns to all.
#[derive(Default)]
struct Words {
    known: BTreeSet<String>,
    told: BTreeMap<NodeId, Incarnation>,
    cursor: Cursor,
}

impl Words {
    /// Whom to tell what, after something has changed at the peers.
    fn changed(&mut self, mesh: &Mesh<Heap>) -> Vec<(NodeId, String)> {
        let mut out = Vec::new();
        for peer in mesh.news(&mut self.cursor) {
            // A session survives its links, and what was sent in it arrives. Only a new run knows nothing.
            if let Standing::Up { incarnation, .. } = peer.standing
                && self.told.insert(peer.id, incarnation) != Some(incarnation)
            {
                out.extend(self.known.iter().map(|word| (peer.id, word.clone())));
            }
        }
        out
    }

    /// Whom to tell what, after a word was added here or has come.
    fn learn(&mut self, word: &str) -> Vec<(NodeId, String)> {
        if !self.known.insert(word.to_owned()) {
            return Vec::new();
        }
        self.told.keys().map(|peer| (*peer, word.to_owned())).collect()
    }
}

/// The nodes of a world, each with what it knows.
type Nodes = [(NodeName, Words); 4];

fn keep_all(world: &mut World, nodes: &Nodes, from: usize) {
    for to in (0..nodes.len()).filter(|to| *to != from) {
        world.keep(nodes[from].0, nodes[to].0);
    }
}

fn say(world: &mut World, nodes: &Nodes, from: usize, out: Vec<(NodeId, String)>) {
    for (peer, word) in out {
        if let Some((to, _)) = nodes.iter().find(|(name, _)| world.id(*name) == peer) {
            world.post(nodes[from].0, *to, Message::plain(Body::from(word.into_bytes())));
        }
    }
}

/// A little time passes; then every node reads what came, and says what follows from it.
fn pass(world: &mut World, nodes: &mut Nodes) {
    world.run_for(Duration::from_millis(100));
    for who in 0..nodes.len() {
        let (name, words) = &mut nodes[who];
        let mut out = words.changed(world.mesh(*name));
        for came in world.take_inbox(*name) {
            out.extend(words.learn(&String::from_utf8_lossy(&came.body)));
        }
        say(world, nodes, who, out);
    }
}

fn main() {
    let (mut cuts, mut kills, mut words) = (0, 0, 0);
    sim::check!("all come to know the same words", 0..100, |seed| {
        let mut world = World::new(seed);
        world.jitter(Duration::from_millis(20));
        let mut nodes: Nodes = [(); 4].map(|()| (world.add(Config::lan()), Words::default()));
        (0..4).for_each(|who| keep_all(&mut world, &nodes, who));
        for round in 0..60 {
            let [one, other, fate] = [4, 4, 10].map(|bound| usize::try_from(world.draw(bound)).unwrap_or(0));
            if fate == 0 {
                // It keeps no file: what it knew comes back from the others.
                world.stop(nodes[one].0, Stop::Kill);
                world.start(nodes[one].0, Start::Fresh);
                world.take_inbox(nodes[one].0);
                nodes[one].1 = Words::default();
                keep_all(&mut world, &nodes, one);
                kills += 1;
            } else if fate < 4 {
                for link in world.links(nodes[one].0, nodes[other].0) {
                    world.lose(link.stream, sim::End::Both);
                    cuts += 1;
                }
            } else {
                let out = nodes[one].1.learn(&format!("word {round} of {one}"));
                say(&mut world, &nodes, one, out);
            }
            pass(&mut world, &mut nodes);
        }
        let end = world.now() + Duration::from_secs(30);
        while nodes.windows(2).any(|pair| pair[0].1.known != pair[1].1.known) {
            assert!(world.now() < end, "they do not know the same words:\n{}", world.report());
            pass(&mut world, &mut nodes);
        }
        words += nodes[0].1.known.len();
    });
    println!(
        "100 worlds, {cuts} links cut, {kills} nodes killed: everywhere all knew the same words, {words} in all"
    );
}
