//! The states that were met: their keys, how each was met first, and which lead to which without a fault.

use alloc::vec::Vec;

/// The number of a state, in the order in which they were met.
pub(super) type Id = u32;

/// A place in the table that holds no state.
const EMPTY: Id = Id::MAX;

/// All states met so far, each in 16 bytes for its key, 4 for its parent and some for finding it again.
pub(super) struct Table {
    keys: Vec<u128>,
    parents: Vec<Id>,
    /// Open addressing: numbers of states, by the low bits of their keys.
    places: Vec<Id>,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { keys: Vec::new(), parents: Vec::new(), places: alloc::vec![EMPTY; 1 << 12] }
    }

    /// The number of the state with this key, and whether it is new.
    pub(super) fn insert(&mut self, key: u128, parent: Option<Id>) -> (Id, bool) {
        if self.keys.len() * 5 >= self.places.len() * 3 {
            self.grow();
        }
        let place = self.place(key);
        if self.places[place] != EMPTY {
            return (self.places[place], false);
        }
        let id = Id::try_from(self.keys.len()).unwrap_or(EMPTY);
        self.places[place] = id;
        self.keys.push(key);
        self.parents.push(parent.unwrap_or(EMPTY));
        (id, true)
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn key(&self, id: Id) -> u128 {
        self.keys[id as usize]
    }

    /// The states on the shortest way to this one, from the first on.
    pub(super) fn way(&self, to: Id) -> Vec<Id> {
        let mut way = alloc::vec![to];
        let mut at = to;
        while self.parents[at as usize] != EMPTY {
            at = self.parents[at as usize];
            way.push(at);
        }
        way.reverse();
        way
    }

    fn place(&self, key: u128) -> usize {
        let mask = self.places.len() - 1;
        let mut place = key as usize & mask;
        while self.places[place] != EMPTY && self.keys[self.places[place] as usize] != key {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        self.places = alloc::vec![EMPTY; self.places.len() * 2];
        for id in 0..self.keys.len() {
            let place = self.place(self.keys[id]);
            self.places[place] = id as Id;
        }
    }
}

/// Which states lead to which. States are added in the order of their numbers.
pub(super) struct Graph {
    /// Where the edges of each state begin.
    begins: Vec<u64>,
    edges: Vec<Id>,
}

impl Graph {
    pub(super) fn new() -> Self {
        Self { begins: Vec::new(), edges: Vec::new() }
    }

    pub(super) fn begin(&mut self) {
        self.begins.push(self.edges.len() as u64);
    }

    pub(super) fn lead_to(&mut self, id: Id) {
        self.edges.push(id);
    }

    /// How many states were added.
    pub(super) fn len(&self) -> usize {
        self.begins.len()
    }

    fn edges(&self, id: Id) -> &[Id] {
        let begin = self.begins[id as usize] as usize;
        let end = self.begins.get(id as usize + 1).map_or(self.edges.len(), |end| *end as usize);
        &self.edges[begin..end]
    }

    /// Calls `rest` with each set of states that lead to each other and out to nothing else. States that were met but
    /// not added lead nobody knows where. (Tarjan's algorithm, without recursion.)
    pub(super) fn rests(&self, mut rest: impl FnMut(&[Id])) {
        const UNSEEN: u32 = u32::MAX;
        /// The set is known.
        const DONE: u32 = u32::MAX - 1;
        let many = self.len();
        let mut low: Vec<u32> = alloc::vec![UNSEEN; many];
        // Whether something leads out of the set that the state is in, as far as is known.
        let mut leaks: Vec<bool> = alloc::vec![false; many];
        let mut stack: Vec<Id> = Vec::new();
        let mut calls: Vec<(Id, u32, u32)> = Vec::new();
        let mut count = 0;
        for root in 0..many as Id {
            if low[root as usize] != UNSEEN {
                continue;
            }
            calls.push((root, 0, count));
            low[root as usize] = count;
            count += 1;
            stack.push(root);
            while let Some((at, next, index)) = calls.pop() {
                let edges = self.edges(at);
                if let Some(to) = edges.get(next as usize) {
                    calls.push((at, next + 1, index));
                    if *to as usize >= many {
                        leaks[at as usize] = true;
                    } else if low[*to as usize] == UNSEEN {
                        calls.push((*to, 0, count));
                        low[*to as usize] = count;
                        count += 1;
                        stack.push(*to);
                    } else if low[*to as usize] == DONE {
                        leaks[at as usize] = true;
                    } else {
                        low[at as usize] = low[at as usize].min(low[*to as usize]);
                    }
                    continue;
                }
                if low[at as usize] == index {
                    let begin = stack.iter().rposition(|id| *id == at).unwrap_or(0);
                    let set = &stack[begin..];
                    if set.iter().all(|id| !leaks[*id as usize]) {
                        rest(set);
                    }
                    for id in set {
                        low[*id as usize] = DONE;
                    }
                    stack.truncate(begin);
                    // Whoever called leads out of its own set.
                    if let Some((caller, _, _)) = calls.last() {
                        leaks[*caller as usize] = true;
                    }
                } else if let Some((caller, _, _)) = calls.last() {
                    low[*caller as usize] = low[*caller as usize].min(low[at as usize]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_found_again_under_its_key() {
        let mut table = Table::new();
        for key in 0..10_000_u128 {
            assert_eq!(table.insert(key << 3, (key > 0).then(|| key as Id - 1)), (key as Id, true));
        }
        for key in 0..10_000_u128 {
            assert_eq!(table.insert(key << 3, None), (key as Id, false));
        }
        assert_eq!(table.way(3), [0, 1, 2, 3]);
    }

    #[test]
    fn only_sets_that_lead_nowhere_else_are_rests() {
        // 0 -> 1 <-> 2 -> 3 <-> 4, 0 -> 5 (itself), 0 -> 6 -> 7, which was not added.
        let edges: [&[Id]; 7] = [&[1, 5, 6], &[2], &[1, 3], &[4], &[3], &[5], &[7]];
        let mut graph = Graph::new();
        for from in edges {
            graph.begin();
            from.iter().for_each(|to| graph.lead_to(*to));
        }
        let mut rests = Vec::new();
        graph.rests(|set| {
            let mut set = set.to_vec();
            set.sort_unstable();
            rests.push(set);
        });
        rests.sort_unstable();
        assert_eq!(rests, [alloc::vec![3, 4], alloc::vec![5]]);
    }
}
