//! The key of a state: two states with the same key have the same future.
//!
//! Streams are named by who dialed them and in which order, times are told relative to now, nonces relative to the
//! newest. So a state that comes about in many ways, or again and again, is visited once.

use alloc::vec::Vec;

use crate::explore::stream::{ACCEPTOR, DIALER, End, Item, Stream};
use crate::explore::world::{World, name};
use crate::frame::{Frame, Hello, Losses};
use crate::id::{Incarnation, LinkId, LinkTag, NodeId};
use crate::machine::view::{Names, digest};
use crate::rules::Rules;
use crate::time::{Instant, micros};

const NONE: u64 = u64::MAX;
/// Tags of streams that are no more are numbered from here on, in the order in which they are met.
const FORMER: u64 = 1000;

/// The names of the links of one node, and of the tags that all know.
pub(super) struct Ranks<'a> {
    streams: &'a [Stream],
    /// The name of each stream.
    ranks: Vec<u64>,
    former: Vec<LinkTag>,
    /// The run that each node is in: others are told by how they differ from it.
    runs: Vec<(NodeId, Incarnation)>,
    node: usize,
}

impl Names for Ranks<'_> {
    fn link(&mut self, link: LinkId) -> u64 {
        let at = self
            .streams
            .iter()
            .position(|stream| stream.ends.iter().any(|end| end.node == self.node && end.link == Some(link)));
        at.map_or(NONE, |at| self.ranks[at])
    }

    fn tag(&mut self, tag: LinkTag) -> u64 {
        if let Some(at) = self.streams.iter().position(|stream| stream.tag == tag) {
            return self.ranks[at];
        }
        let at = self.former.iter().position(|former| *former == tag).unwrap_or_else(|| {
            self.former.push(tag);
            self.former.len() - 1
        });
        FORMER + at as u64
    }

    fn run(&mut self, node: NodeId, run: Incarnation) -> u64 {
        let current = self.runs.iter().find(|(id, _)| *id == node).map_or(run, |(_, current)| *current);
        run.start.wrapping_sub(current.start) << 32 ^ run.bits.wrapping_sub(current.bits)
    }
}

impl<R: Rules> World<R> {
    pub(super) fn names(&self, node: usize) -> Ranks<'_> {
        let mut ranks: Vec<u64> = self.streams.iter().map(|_| 0).collect();
        for (name, at) in self.in_order().into_iter().enumerate() {
            ranks[at] = name as u64;
        }
        let runs = self.nodes.iter().map(|node| (node.mesh.me(), node.run)).collect();
        Ranks { streams: &self.streams, ranks, former: Vec::new(), runs, node }
    }

    /// The streams by who dialed them, and then by age.
    fn in_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.streams.len()).collect();
        order.sort_by_key(|at| self.streams[*at].ends[DIALER].node);
        order
    }

    /// The key, in 128 bits.
    pub(super) fn key(&self, words: &mut Vec<u64>) -> u128 {
        words.clear();
        self.write(words);
        let (mut low, mut high) = (0x243f_6a88_85a3_08d3_u64, 0x1319_8a2e_0370_7344_u64);
        for pair in words.chunks(2) {
            let (one, other) = (pair[0], pair.get(1).copied().unwrap_or(NONE));
            low = fold(low ^ one, other ^ 0xa409_3822_299f_31d0);
            high = fold(high ^ other, one ^ 0x082e_fa98_ec4e_6c89);
        }
        let (low, high) =
            (fold(low, words.len() as u64 ^ 0x4528_21e6_38d0_1377), fold(high, 0xbe54_66cf_34e9_0c6c));
        u128::from(high) << 64 | u128::from(low)
    }

    pub(super) fn write(&self, words: &mut Vec<u64>) {
        let mut names = self.names(0);
        words.push(u64::from(self.faults) << 8 | u64::from(self.pauses.min(self.faults)));
        for (index, node) in self.nodes.iter().enumerate() {
            names.node = index;
            words.push(node.frozen.map_or(NONE, |since| self.now - since));
            words.push(u64::from(node.seeks));
            for (other, known) in node.known.iter().enumerate() {
                words.push(known.map_or(NONE, |run| names.run(name(other), run)));
            }
            node.mesh.view(Instant::from_micros(self.now), &mut names, words);
        }
        for at in self.in_order() {
            let stream = &self.streams[at];
            words.push(u64::from(stream.open));
            words.push(names.tag(stream.tag));
            for side in [DIALER, ACCEPTOR] {
                self.write_end(&stream.ends[side], &mut names, words);
                words.push(u64::from(stream.swallows[side]));
                let (to, from) = (&stream.ends[side], &stream.ends[1 - side]);
                for item in &stream.towards[side] {
                    write_item(item, to, from, &mut names, words);
                }
            }
        }
    }

    fn write_end(&self, end: &End, names: &mut Ranks<'_>, words: &mut Vec<u64>) {
        let End { node, run, link, admitted, doubts, closes, told, asked, newest, answered, heard } = end;
        words.push(*node as u64);
        words.push(names.run(name(*node), *run));
        let flags = [link.is_some(), admitted.is_some(), *doubts, *told];
        words.push(flags.iter().fold(0, |bits, flag| bits << 1 | u64::from(*flag)));
        words.push(digest(closes));
        if link.is_none() {
            return;
        }
        words.push(self.admissions_before(*node, *answered));
        words.push(asked.len() as u64);
        for asked in asked {
            words.push(u64::from(newest.wrapping_sub(asked.nonce)));
            words.push(self.admissions_before(*node, Some(asked.event)));
        }
        // Beyond this it counts no more how long it is.
        let most = 2 * micros(self.nodes[*node].mesh.config().probe_floor);
        let awake = self.awake(*node);
        words.push(asked.first().map_or(NONE, |asked| (awake - asked.awake).min(most)));
        words.push(if asked.is_empty() { NONE } else { (awake - heard).min(most) });
    }

    /// Which of a node's links had been let in at that time, by its count of events.
    fn admissions_before(&self, node: usize, event: Option<u32>) -> u64 {
        let Some(event) = event else { return NONE };
        self.in_order().into_iter().fold(0, |bits, at| {
            let before = self.streams[at].ends.iter().any(|end| {
                end.node == node && end.link.is_some() && end.admitted.is_some_and(|at| event >= at)
            });
            bits << 1 | u64::from(before)
        })
    }
}

fn write_item(item: &Item, to: &End, from: &End, names: &mut Ranks<'_>, words: &mut Vec<u64>) {
    match item {
        Item::Proof => words.push(100),
        Item::Gone(error) => {
            words.push(101);
            words.push(digest(error));
        }
        Item::Record(frames) => {
            words.push(102);
            words.push(frames.len() as u64);
            for frame in frames {
                write_frame(frame, to, from, names, words);
            }
        }
    }
}

fn write_frame(frame: &Frame, to: &End, from: &End, names: &mut Ranks<'_>, words: &mut Vec<u64>) {
    match frame {
        Frame::Hello(hello) => {
            words.push(0);
            write_hello(hello, to, from, names, words);
        }
        Frame::Welcome(welcome) => {
            words.push(1);
            words.push(u64::from(welcome.doubt));
            write_hello(&welcome.hello, to, from, names, words);
        }
        Frame::Refused(reason) => {
            words.push(2);
            words.push(digest(reason));
        }
        Frame::Ping { nonce } => {
            words.push(3);
            words.push(u64::from(from.newest.wrapping_sub(*nonce)));
        }
        Frame::Pong { nonce } => {
            words.push(4);
            words.push(u64::from(to.newest.wrapping_sub(*nonce)));
        }
        Frame::Lost(losses) => {
            words.push(5);
            write_losses(losses, names, words);
        }
        Frame::Noted(tags) => {
            words.push(6);
            words.push(tags.len() as u64);
            for tag in tags {
                words.push(names.tag(*tag));
            }
        }
        Frame::Doubted => words.push(7),
        Frame::Cleared => words.push(8),
        Frame::Data(piece) => {
            words.push(10);
            words.push(digest(piece));
        }
        Frame::Marks(marks) => {
            words.push(11);
            words.push(digest(marks));
        }
        Frame::Close(reason) => {
            words.push(9);
            words.push(digest(reason));
        }
    }
}

fn write_hello(hello: &Hello, to: &End, from: &End, names: &mut Ranks<'_>, words: &mut Vec<u64>) {
    let Hello {
        incarnation,
        // The same for all.
        detect_within: _,
        class,
        keep,
        lost,
        birth,
        meant,
        marks,
        // The same for all.
        takes: _,
    } = hello;
    words.push(names.run(name(from.node), *incarnation));
    words.push(digest(&(class, keep)));
    write_losses(lost, names, words);
    words.push(*birth);
    words.push(meant.map_or(NONE, |(run, _)| names.run(name(to.node), run)));
    words.push(digest(&(meant.map(|(_, birth)| birth), marks)));
}

fn write_losses(losses: &Losses, names: &mut Ranks<'_>, words: &mut Vec<u64>) {
    let mut named: Vec<_> = losses.iter().map(|loss| (names.tag(loss.tag), digest(&loss.reason))).collect();
    named.sort_unstable();
    words.push(named.len() as u64);
    for (tag, reason) in named {
        words.push(tag);
        words.push(reason);
    }
}

/// Both halves of a product, folded: every bit of either moves about half of the result's.
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;
    use crate::explore::case::Case;
    use crate::rules::Shipped;

    /// The keys of what can come next, whether it is quiet, and whether it is right.
    type Successors = (Vec<u128>, bool, bool);

    /// The keys of all that can come next, and whether the state is quiet, and right if it is.
    fn future(case: &Case, world: &World<Shipped>) -> (Vec<u128>, bool, bool) {
        let mut steps = Vec::new();
        world.steps(case, &mut steps);
        let mut words = Vec::new();
        let mut keys: Vec<u128> = steps
            .iter()
            .map(|step| {
                let mut after = world.clone();
                after.take(case, *step, &mut |_| {}).expect("no rule is broken");
                after.key(&mut words)
            })
            .collect();
        keys.sort_unstable();
        (keys, world.is_quiet(), world.is_quiet() && world.judge_rest().is_ok())
    }

    /// Walks at random, and compares the futures of all states that have the same key and came about in another way.
    fn equal_keys_have_equal_futures(case: &Case, walks: u64, length: usize) -> usize {
        let mut seen: BTreeMap<u128, (Vec<u64>, Successors)> = BTreeMap::new();
        let mut draw = 7_u64;
        let mut compared = 0;
        for _ in 0..walks {
            let mut world = World::new(case, Shipped, 0).expect("the case is sound");
            let mut way = Vec::new();
            for _ in 0..length {
                let mut steps = Vec::new();
                world.steps(case, &mut steps);
                draw = fold(draw ^ 0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9);
                let Some(step) = steps.get(draw as usize % steps.len().max(1)) else { break };
                world.take(case, *step, &mut |_| {}).expect("no rule is broken");
                let key = world.key(&mut Vec::new());
                way.push(key as u64);
                match seen.get(&key) {
                    Some((other, _)) if *other == way => {}
                    Some((_, before)) => {
                        compared += 1;
                        assert_eq!(future(case, &world), *before, "the key leaves out something that counts");
                    }
                    None => {
                        seen.insert(key, (way.clone(), future(case, &world)));
                    }
                }
            }
        }
        compared
    }

    #[test]
    fn equal_keys_have_equal_futures_with_one_dial_each() {
        let many = equal_keys_have_equal_futures(&Case::ONE_EACH_TWO_FAULTS, 1500, 60);
        assert!(many > 1000, "only {many} states were met again");
    }

    #[test]
    fn equal_keys_have_equal_futures_with_two_dials_each() {
        let many = equal_keys_have_equal_futures(&Case::TWO_EACH_ONE_FAULT, 800, 80);
        assert!(many > 1000, "only {many} states were met again");
    }

    #[test]
    fn equal_keys_have_equal_futures_with_three_nodes() {
        let many = equal_keys_have_equal_futures(&Case::THREE_NODES, 500, 80);
        assert!(many > 100, "only {many} states were met again");
    }
}
