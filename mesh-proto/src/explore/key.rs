//! The key of a state: two states with the same key have the same future.
//!
//! Streams are named by who dialed them and in which order, times are told relative to now, nonces relative to the
//! newest. So a state that comes about in many ways, or again and again, is visited once.

use alloc::vec::Vec;

use crate::explore::check::kept_in_silence;
use crate::explore::stream::{ACCEPTOR, DIALER, End, Item, Stream};
use crate::explore::world::{World, name};
use crate::frame::{Frame, Hello, Losses};
use crate::id::{Incarnation, LinkId, LinkTag, NodeId};
use crate::machine::view::{Names, close_that_counts, digest, fold, loss_that_counts};
use crate::reason::Reason;
use crate::rules::Rules;
use crate::time::{Instant, micros};

const NONE: u64 = u64::MAX;
/// So many orders of streams that look alike are tried. Beyond that a state may be visited more than once.
const MOST_ORDERS: usize = 24;
/// Tags of streams that are no more are numbered from here on, in the order in which they are met. States that differ in
/// that order alone are visited apart, which costs time and nothing else.
const FORMER: u64 = 1000;

/// The names of the links of one node, and of the tags that all know.
pub(super) struct Ranks<'a> {
    streams: &'a [Stream],
    /// The streams in the order of their names.
    order: Vec<usize>,
    former: Vec<LinkTag>,
    /// The run that each node is in.
    runs: Vec<(NodeId, Incarnation)>,
    /// The other runs that were met, and their names once all were met.
    others: Vec<(NodeId, Incarnation)>,
    named: Vec<u64>,
    node: usize,
}

impl Names for Ranks<'_> {
    fn link(&mut self, link: LinkId) -> u64 {
        let at = self
            .streams
            .iter()
            .position(|stream| stream.ends.iter().any(|end| end.node == self.node && end.link == Some(link)));
        at.map_or(NONE, |at| self.rank(at))
    }

    fn tag(&mut self, tag: LinkTag) -> u64 {
        if let Some(at) = self.streams.iter().position(|stream| stream.tag == tag) {
            return self.rank(at);
        }
        let at = self.former.iter().position(|former| *former == tag).unwrap_or_else(|| {
            self.former.push(tag);
            self.former.len() - 1
        });
        FORMER + at as u64
    }

    fn run(&mut self, node: NodeId, run: Incarnation) -> u64 {
        if self.runs.contains(&(node, run)) {
            return 0;
        }
        let at = self.others.iter().position(|other| *other == (node, run)).unwrap_or_else(|| {
            self.others.push((node, run));
            self.others.len() - 1
        });
        self.named.get(at).copied().unwrap_or(at as u64 + 1)
    }
}

impl Ranks<'_> {
    fn rank(&self, stream: usize) -> u64 {
        self.order.iter().position(|at| *at == stream).map_or(NONE, |rank| rank as u64)
    }

    /// Names the runs that were met, others than those that the nodes are in. It counts only how their numbers stand to
    /// each other and to those that faults can still lead to, and which are the same.
    fn name_runs(&mut self, faults: u8) {
        for (node, run) in &self.others {
            let current = self.runs.iter().find(|(id, _)| id == node).map_or(*run, |(_, current)| *current);
            let (mut ahead, mut behind) = (Vec::new(), Vec::new());
            for (_, other) in self.others.iter().filter(|(id, _)| id == node) {
                match other.start.checked_sub(current.start) {
                    Some(0) => {}
                    Some(by) => ahead.push(by),
                    None => behind.push(current.start - other.start),
                }
            }
            let reach = u64::from(faults);
            let start = match run.start.checked_sub(current.start) {
                Some(0) => 0,
                Some(by) => closest(&mut ahead, by, reach.max(1)),
                None => 1 << 32 | closest(&mut behind, current.start - run.start, reach + 1),
            };
            let same = |other: &&(NodeId, Incarnation)| other.0 == *node && other.1.start == run.start;
            let bits = self.others.iter().filter(same).position(|(_, other)| other == run).unwrap_or(0);
            self.named.push(start << 8 | (bits as u64 + 1));
        }
    }
}

/// How far away a number must be taken to be, where all beyond `reach` count alike but for their order.
fn closest(all: &mut Vec<u64>, one: u64, reach: u64) -> u64 {
    all.sort_unstable();
    all.dedup();
    let mut before = 0;
    for other in all.iter() {
        before = (*other).min(reach.max(before + 1));
        if *other == one {
            break;
        }
    }
    before
}

impl<R: Rules> World<R> {
    pub(super) fn names(&self, node: usize) -> Ranks<'_> {
        let mut order: Vec<usize> = (0..self.streams.len()).collect();
        order.sort_by_key(|at| self.streams[*at].ends[DIALER].node);
        self.names_by(order, node)
    }

    fn names_by(&self, order: Vec<usize>, node: usize) -> Ranks<'_> {
        Ranks {
            streams: &self.streams,
            order,
            former: Vec::new(),
            runs: self.nodes.iter().map(|node| (node.mesh.me(), node.run)).collect(),
            others: Vec::new(),
            named: Vec::new(),
            node,
        }
    }

    /// The orders in which the streams can be named: by who dialed them, and then by how far they are. Two dials of one
    /// node that change their parts are the same state; where nothing tells them apart both orders are tried.
    fn orders(&self) -> Vec<Vec<usize>> {
        let looks: Vec<_> =
            self.streams.iter().map(|stream| (stream.ends[DIALER].node, stream.look())).collect();
        let mut order: Vec<usize> = (0..self.streams.len()).collect();
        order.sort_by_key(|at| looks[*at]);
        let mut orders = alloc::vec![order];
        let mut done = 0;
        while let Some(order) = orders.get(done).cloned() {
            for at in 1..order.len() {
                if looks[order[at - 1]] == looks[order[at]] {
                    let mut other = order.clone();
                    other.swap(at - 1, at);
                    if orders.len() < MOST_ORDERS && !orders.contains(&other) {
                        orders.push(other);
                    }
                }
            }
            done += 1;
        }
        orders
    }

    /// The key, in 128 bits: the least over all orders of the streams.
    pub(super) fn key(&self, words: &mut Vec<u64>) -> u128 {
        let keys = self.orders().into_iter().map(|order| {
            let mut names = self.names_by(order, 0);
            words.clear();
            self.write(&mut names, words);
            if !names.others.is_empty() {
                names.name_runs(self.faults);
                names.former.clear();
                words.clear();
                self.write(&mut names, words);
            }
            hash(words)
        });
        keys.min().unwrap_or_default()
    }

    fn write(&self, names: &mut Ranks<'_>, words: &mut Vec<u64>) {
        words.push(u64::from(self.faults) << 8 | u64::from(self.pauses.min(self.faults)));
        words.push(u64::from(self.ended && self.talks));
        for (index, node) in self.nodes.iter().enumerate() {
            names.node = index;
            words.push(node.frozen.map_or(NONE, |since| self.now - since));
            words.push(u64::from(node.seeks));
            words.push(digest(&node.posted));
            for (other, known) in node.known.iter().enumerate() {
                words.push(known.map_or(NONE, |run| names.run(name(other), run)));
            }
            node.mesh.view(Instant::from_micros(self.now), names, words);
        }
        for at in names.order.clone() {
            let stream = &self.streams[at];
            words.push(u64::from(stream.open));
            words.push(names.tag(stream.tag));
            for side in [DIALER, ACCEPTOR] {
                self.write_end(&stream.ends[side], names, words);
                words.push(u64::from(stream.is_deaf(side)));
                let (to, from) = (&stream.ends[side], &stream.ends[1 - side]);
                for item in &stream.towards[side] {
                    write_item(item, to, from, names, words);
                }
            }
        }
    }

    fn write_end(&self, end: &End, names: &mut Ranks<'_>, words: &mut Vec<u64>) {
        let End { node, run, age, link, admitted, doubts, closes, told, asked, newest, answered, heard } =
            end;
        words.push(*node as u64);
        words.push(names.run(name(*node), *run));
        words.push(u64::from(*age == self.nodes[*node].posted.age));
        let restarted = *closes == Some(Reason::Restarted);
        let flags = [link.is_some(), closes.is_some(), restarted];
        words.push(flags.iter().fold(0, |bits, flag| bits << 1 | u64::from(*flag)));
        // Once it is on its way out, nothing is judged by what was seen of it.
        if link.is_none() || closes.is_some() {
            return;
        }
        let flags = [admitted.is_some(), *doubts, *told];
        words.push(flags.iter().fold(0, |bits, flag| bits << 1 | u64::from(*flag)));
        words.push(self.admissions_before(end, *answered, names));
        words.push(asked.len() as u64);
        // Beyond this it counts no more how long it is.
        let most = 2 * micros(self.nodes[*node].mesh.config().probe_floor);
        let awake = self.awake(*node);
        for asked in asked {
            words.push(u64::from(newest.wrapping_sub(asked.nonce)));
            words.push(self.admissions_before(end, Some(asked.event), names));
            words.push((awake - asked.awake).min(most) << 1 | u64::from(asked.anew));
        }
        // What lets it in is heard too.
        let most = kept_in_silence(self.nodes[*node].mesh.config());
        words.push(if end.holds() { (awake - heard).min(most) } else { NONE });
    }

    /// Which other links of its node, to the same node, had been let in at that time, by the count of events: those
    /// that it may be compared with. One that is in doubt is compared with itself too.
    fn admissions_before(&self, own: &End, event: Option<u32>, names: &Ranks<'_>) -> u64 {
        let Some(event) = event else { return 0 };
        names.order.iter().fold(0, |bits, at| {
            let before = self.streams[*at].ends.iter().any(|end| {
                end.node == own.node
                    && end.holds()
                    && (own.doubts || end.link != own.link)
                    && end.admitted.is_some_and(|at| event >= at)
            });
            bits << 1 | u64::from(before)
        })
    }
}

fn write_item(item: &Item, to: &End, from: &End, names: &mut Ranks<'_>, words: &mut Vec<u64>) {
    match item {
        Item::Proof => words.push(100),
        // Whatever the system says of it.
        Item::Gone(_) => words.push(101),
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
            // Each is noted for itself, so their order does not count.
            let mut named: Vec<_> = tags.iter().map(|tag| names.tag(*tag)).collect();
            named.sort_unstable();
            words.push(named.len() as u64);
            words.append(&mut named);
        }
        Frame::Doubted => words.push(7),
        Frame::Cleared { birth } => {
            words.push(8);
            words.push(*birth);
        }
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
            words.push(close_that_counts(*reason));
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
    let mut named: Vec<_> =
        losses.iter().map(|loss| (names.tag(loss.tag), loss_that_counts(loss.reason))).collect();
    named.sort_unstable();
    words.push(named.len() as u64);
    for (tag, reason) in named {
        words.push(tag);
        words.push(reason);
    }
}

/// All words in 128 bits.
fn hash(words: &[u64]) -> u128 {
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
    fn equal_keys_have_equal_futures_around_a_freeze() {
        let many = equal_keys_have_equal_futures(&Case::TWO_AND_ONE_FREEZE, 400, 80);
        assert!(many > 500, "only {many} states were met again");
    }

    #[test]
    fn equal_keys_have_equal_futures_while_they_talk() {
        let many = equal_keys_have_equal_futures(&Case::ONE_EACH_ONE_PAUSE_TALKING, 800, 80);
        assert!(many > 1000, "only {many} states were met again");
    }

    #[test]
    fn equal_keys_have_equal_futures_with_three_nodes() {
        let many = equal_keys_have_equal_futures(&Case::THREE_NODES, 500, 80);
        assert!(many > 100, "only {many} states were met again");
    }
}
