//! Where a peer may be reached, in the order in which to try (R12).

use core::net::SocketAddr;

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::event::{MAX_ROUTES, Route};
use crate::frame::PathClass;

/// The routes to one peer. What was told or proven last comes first; a route that fails loses trust and sinks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Candidates {
    pub(super) list: Vec<Candidate, MAX_ROUTES>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Candidate {
    pub(super) route: Route,
    pub(super) origin: Origin,
    /// How often in a row it led nowhere.
    pub(super) failures: u8,
    /// Whether the attempt that is under way has tried it.
    pub(super) tried: bool,
}

/// Who says that a peer is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Origin {
    /// A hint that nobody vouches for: it holds a quarter of the places at most.
    Hint,
    /// A member of the mesh.
    Member,
    /// The caller, or a link that was admitted there.
    Trusted,
}

/// How many of the places hints may hold that nobody vouches for.
const HINT_PLACES: usize = MAX_ROUTES / 4;

impl Candidates {
    /// Takes note that the peer is said to be at `route`. Says whether that was taken.
    pub(crate) fn learn(&mut self, route: Route, origin: Origin, hints_are_bounded: bool) -> bool {
        if let Some(at) = self.list.iter().position(|known| known.route == route) {
            if origin == Origin::Hint && hints_are_bounded {
                return true;
            }
            let mut known = self.list.remove(at);
            known.origin = known.origin.max(origin);
            known.failures = 0;
            return self.put(known);
        }
        let hints = self.list.iter().filter(|known| known.origin == Origin::Hint).count();
        if origin == Origin::Hint && hints_are_bounded && hints >= HINT_PLACES {
            // A hint makes room among the hints only.
            let Some(at) = self.list.iter().rposition(|known| known.origin == Origin::Hint) else {
                return false;
            };
            self.list.remove(at);
        } else if self.list.is_full() {
            if origin == Origin::Hint && hints_are_bounded {
                return false;
            }
            self.list.pop();
        }
        self.put(Candidate { route, origin, failures: 0, tried: false })
    }

    /// A link to `address` was admitted.
    pub(crate) fn praise(&mut self, route: Route) {
        self.learn(route, Origin::Trusted, true);
    }

    /// A dial to `address` led nowhere.
    pub(crate) fn blame(&mut self, address: SocketAddr) {
        if let Some(at) = self.list.iter().position(|known| known.route.address == address) {
            let mut known = self.list.remove(at);
            known.failures = known.failures.saturating_add(1);
            self.put(known);
        }
    }

    pub(crate) fn forget(&mut self, address: SocketAddr) {
        self.list.retain(|known| known.route.address != address);
    }

    /// A new attempt begins: nothing was tried in it.
    pub(crate) fn start_over(&mut self) {
        for known in &mut self.list {
            known.tried = false;
        }
    }

    /// Takes the next route to try, none worse than `worst`.
    pub(crate) fn take_next(&mut self, worst: PathClass) -> Option<Route> {
        let next = self.list.iter_mut().find(|known| !known.tried && known.route.class <= worst)?;
        next.tried = true;
        Some(next.route)
    }

    /// Whether [`Self::take_next`] would give one.
    pub(crate) fn has_next(&self, worst: PathClass) -> bool {
        self.list.iter().any(|known| !known.tried && known.route.class <= worst)
    }

    /// The best kind of way that can be tried at all.
    pub(crate) fn best_class(&self) -> Option<PathClass> {
        self.list.iter().map(|known| known.route.class).min()
    }

    #[cfg(test)]
    fn routes(&self) -> impl Iterator<Item = Route> + '_ {
        self.list.iter().map(|known| known.route)
    }

    /// Puts it before all that failed as often or more often.
    fn put(&mut self, candidate: Candidate) -> bool {
        let at = self.list.iter().position(|known| known.failures >= candidate.failures);
        self.list.insert(at.unwrap_or(self.list.len()), candidate).is_ok()
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::vec::Vec as List;

    fn route(port: u16) -> Route {
        Route::direct(SocketAddr::from(([10, 0, 0, 1], port)))
    }

    fn ports(candidates: &Candidates) -> List<u16> {
        candidates.routes().map(|route| route.address.port()).collect()
    }

    #[test]
    fn what_was_told_last_comes_first_and_what_failed_sinks() {
        let mut candidates = Candidates::default();
        for port in [1, 2, 3] {
            assert!(candidates.learn(route(port), Origin::Trusted, true));
        }
        assert_eq!(ports(&candidates), [3, 2, 1]);
        candidates.blame(route(3).address);
        assert_eq!(ports(&candidates), [2, 1, 3]);
        candidates.blame(route(2).address);
        candidates.blame(route(2).address);
        assert_eq!(ports(&candidates), [1, 3, 2]);
        candidates.praise(route(2));
        assert_eq!(ports(&candidates), [2, 1, 3]);
    }

    #[test]
    fn hints_that_nobody_vouches_for_hold_one_place() {
        let mut candidates = Candidates::default();
        for port in 1..=9 {
            candidates.learn(route(port), Origin::Hint, true);
        }
        assert_eq!(ports(&candidates), [9]);
        for port in 11..=14 {
            candidates.learn(route(port), Origin::Member, true);
        }
        assert_eq!(ports(&candidates), [14, 13, 12, 11]);
        assert!(!candidates.learn(route(1), Origin::Hint, true));
        assert_eq!(ports(&candidates), [14, 13, 12, 11]);
    }

    #[test]
    fn an_attempt_tries_each_once_and_none_that_is_worse_than_asked() {
        let mut candidates = Candidates::default();
        candidates.learn(Route::relayed(route(1).address), Origin::Trusted, true);
        candidates.learn(route(2), Origin::Trusted, true);
        assert_eq!(candidates.take_next(PathClass::Direct), Some(route(2)));
        assert!(!candidates.has_next(PathClass::Direct));
        assert!(candidates.has_next(PathClass::Relayed));
        assert_eq!(
            candidates.take_next(PathClass::Relayed).map(|route| route.class),
            Some(PathClass::Relayed)
        );
        assert_eq!(candidates.take_next(PathClass::Relayed), None);
        candidates.start_over();
        assert!(candidates.has_next(PathClass::Direct));
    }
}
