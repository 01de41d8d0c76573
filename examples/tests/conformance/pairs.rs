//! Which runtimes meet.

use examples::runtime::Runtime;

use crate::looking::{are_up, is_up};
use crate::member::{Member, Node};
use crate::waiting::until;

/// Two runtimes: the first dials, the second accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) dialer: Runtime,
    pub(crate) acceptor: Runtime,
}

impl Pair {
    /// Two nodes that do not know each other.
    pub(crate) fn start(self) -> (Node, Node) {
        self.start_as(Member::calm(), Member::calm())
    }

    /// The same, of these kinds.
    pub(crate) fn start_as(self, dialer: Member, acceptor: Member) -> (Node, Node) {
        (dialer.start(self.dialer), acceptor.start(self.acceptor))
    }

    /// Two nodes with a session, which the first keeps.
    pub(crate) fn connected(self) -> (Node, Node) {
        self.connected_as(Member::calm(), Member::calm())
    }

    /// The same, of these kinds.
    pub(crate) fn connected_as(self, dialer: Member, acceptor: Member) -> (Node, Node) {
        let (a, b) = self.start_as(dialer, acceptor);
        a.keep((b.me(), b.address())).expect("there is room");
        meet(&a, &b);
        (a, b)
    }
}

/// Waits until two nodes have a session, and each knows who keeps it.
pub(crate) fn meet(a: &Node, b: &Node) {
    until("both are up", || {
        let told = |one: &Node, other: &Node| {
            let (here, there) = (one.peer(other.me()), other.peer(one.me()));
            here.is_some_and(|here| there.is_some_and(|there| here.kept_there == there.kept_here))
        };
        are_up(a, b) && is_up(b, a.me()) && told(a, b) && told(b, a)
    });
}

/// One test for each of these cases and each ordered pair of runtimes.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        $(
            mod $case {
                cases!(@pair super::$case, tokio_to_tokio, Tokio, Tokio);
                cases!(@pair super::$case, tokio_to_smol, Tokio, Smol);
                cases!(@pair super::$case, tokio_to_std, Tokio, Std);
                cases!(@pair super::$case, smol_to_tokio, Smol, Tokio);
                cases!(@pair super::$case, smol_to_smol, Smol, Smol);
                cases!(@pair super::$case, smol_to_std, Smol, Std);
                cases!(@pair super::$case, std_to_tokio, Std, Tokio);
                cases!(@pair super::$case, std_to_smol, Std, Smol);
                cases!(@pair super::$case, std_to_std, Std, Std);
            }
        )*
    };
    (@pair $case:path, $name:ident, $dialer:ident, $acceptor:ident) => {
        #[test]
        fn $name() {
            use examples::runtime::Runtime;
            $case($crate::pairs::Pair { dialer: Runtime::$dialer, acceptor: Runtime::$acceptor });
        }
    };
}
