//! What is explored: how many nodes, who dials whom how often, and which faults happen.

use core::time::Duration;

use crate::config::{Config, Limits, Taken};
use crate::message::{Takes, Window};
use crate::rules::Clause;

/// The largest message that the first node sends; the others take none as large.
pub(super) const LARGEST: u32 = 700;

/// One thing that can go wrong. Each happens at most as often, in all, as a [`Case`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A node is killed and starts again: the system resets its streams.
    Restart,
    /// The same, and nobody hears of it.
    SilentRestart,
    /// A node starts again from an older state, and nobody hears of it: its start number is the same, or lower.
    Restored,
    /// A stream dies at one end. The other is not told, and what it sends goes nowhere.
    LostAtOneEnd,
    /// A stream carries nothing any more, in either direction, and neither end is told.
    BlackHole,
    /// What the acceptor says in a handshake goes nowhere from now on, and neither end is told: one end may admit the
    /// link, and the other runs out.
    HalfHandshake,
    /// A node stops, for up to a little more than `detect_within`.
    Freeze,
    /// The system closes a stream, and tells both ends.
    ClosedBySystem,
    /// A deadline passes although frames are on their way.
    SlowAnswer,
    /// A node ends the session, and begins another.
    Forget,
}

impl Fault {
    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::SilentRestart => "silent-restart",
            Self::Restored => "restored",
            Self::LostAtOneEnd => "lost-at-one-end",
            Self::BlackHole => "black-hole",
            Self::HalfHandshake => "half-handshake",
            Self::Freeze => "freeze",
            Self::ClosedBySystem => "closed-by-system",
            Self::SlowAnswer => "slow-answer",
            Self::Forget => "forget",
        }
    }

    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Restart,
        Self::SilentRestart,
        Self::Restored,
        Self::LostAtOneEnd,
        Self::BlackHole,
        Self::HalfHandshake,
        Self::Freeze,
        Self::ClosedBySystem,
        Self::SlowAnswer,
    ];

    /// Those but for the freeze: most of all there is comes after one.
    pub const BUT_FREEZE: &'static [Self] = &[
        Self::Restart,
        Self::SilentRestart,
        Self::Restored,
        Self::LostAtOneEnd,
        Self::BlackHole,
        Self::HalfHandshake,
        Self::ClosedBySystem,
        Self::SlowAnswer,
    ];

    /// All, and the one that is about messages.
    pub const TALKING: &'static [Self] = &[
        Self::Restart,
        Self::SilentRestart,
        Self::Restored,
        Self::LostAtOneEnd,
        Self::BlackHole,
        Self::HalfHandshake,
        Self::Freeze,
        Self::ClosedBySystem,
        Self::SlowAnswer,
        Self::Forget,
    ];
}

/// The clauses of the rules that are missed at once when they are gone.
pub const CAUGHT: &[Clause] = &[
    Clause::OneDecider,
    Clause::ProofBeforeClose,
    Clause::Preference,
    Clause::NewcomerWaits,
    Clause::LossesAreTold,
    Clause::IncarnationOrder,
    Clause::RandomBits,
    Clause::WakeBeforeExpiry,
    Clause::LinkNames,
    Clause::OnlyDeciderActsOnRunOut,
    Clause::LossesReadByBoth,
    Clause::NewerEndsOlder,
    Clause::SuspectsAreDialed,
    Clause::SilenceIsDeath,
    Clause::ResumeFromMark,
    Clause::DuplicatesAnswered,
    Clause::BirthsRise,
    Clause::MarksForBirth,
    Clause::WindowBounds,
    Clause::PiecesStraddle,
    Clause::LanesApart,
];

/// One family of states to visit.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// How many nodes there are. Each keeps all the others, as far as it has places.
    pub nodes: u8,
    /// How many places for peers each has.
    pub places: u32,
    /// How many dials each node begins with, at the same time: one or two.
    pub abreast: [u8; 3],
    /// How many more it is told to make, whenever none is under way.
    pub seeks: u8,
    /// How many faults there are in all.
    pub faults: u8,
    /// How many of them may be such that time passes in them: a freeze, or a slow answer. What comes after those is
    /// most of all there is.
    pub pauses: u8,
    /// Of which kinds.
    pub kinds: &'static [Fault],
    /// Which of them comes first, if that is said: see [`Case::parts`].
    pub first: Option<Fault>,
    /// Whether a node that is due is called before it takes anything in. Otherwise what is on its way may come first,
    /// and what is due is done in the same turn.
    pub called_first: bool,
    /// Whether what lies on its way to an end is read in one go, as who was away for long finds it, and not record by
    /// record. A close is read alone, unless it went out in one turn with what is before it.
    pub in_one_go: bool,
    /// Whether each node sends the other messages: one in two pieces, one behind it, and one that is urgent. The first
    /// node also sends one that the other never takes.
    pub talks: bool,
    /// Whether it is small enough to be visited completely.
    pub complete: bool,
}

impl Case {
    /// One dial on each side, and two faults.
    pub const ONE_EACH_TWO_FAULTS: Self = Self {
        name: "one-each-two-faults",
        nodes: 2,
        places: 1,
        abreast: [1; 3],
        seeks: 0,
        faults: 2,
        pauses: 1,
        kinds: Fault::ALL,
        first: None,
        called_first: true,
        in_one_go: false,
        talks: false,
        complete: true,
    };
    /// The same, and in neither fault does time pass.
    pub const ONE_EACH_TWO_FAULTS_NO_PAUSE: Self =
        Self { name: "one-each-two-faults-no-pause", pauses: 0, ..Self::ONE_EACH_TWO_FAULTS };
    /// Two dials on each side, and one fault, but no freeze.
    pub const TWO_EACH_ONE_FAULT: Self = Self {
        name: "two-each-one-fault",
        abreast: [2; 3],
        faults: 1,
        kinds: Fault::BUT_FREEZE,
        ..Self::ONE_EACH_TWO_FAULTS
    };
    /// Two dials by the node that decides, one by the other, and a freeze of either.
    pub const TWO_AND_ONE_FREEZE: Self = Self {
        name: "two-and-one-freeze",
        abreast: [2, 1, 0],
        kinds: &[Fault::Freeze],
        ..Self::TWO_EACH_ONE_FAULT
    };
    /// One dial by the node that decides, two by the other, and a freeze of either.
    pub const ONE_AND_TWO_FREEZE: Self =
        Self { name: "one-and-two-freeze", abreast: [1, 2, 0], ..Self::TWO_AND_ONE_FREEZE };
    /// Two dials on each side, and a freeze of either; what lies on its way to an end is read in one go.
    pub const TWO_EACH_FREEZE: Self =
        Self { name: "two-each-freeze", abreast: [2; 3], in_one_go: true, ..Self::TWO_AND_ONE_FREEZE };
    /// Three dials on each side, and one fault.
    pub const THREE_EACH: Self =
        Self { name: "three-each", seeks: 1, kinds: Fault::ALL, complete: false, ..Self::TWO_EACH_ONE_FAULT };
    /// Three nodes with one place each, and one fault.
    pub const THREE_NODES: Self =
        Self { name: "three-nodes", nodes: 3, faults: 1, complete: false, ..Self::ONE_EACH_TWO_FAULTS };
    /// One dial on each side, and one fault: small enough to be visited while one waits.
    pub const ONE_EACH_ONE_FAULT: Self =
        Self { name: "one-each-one-fault", faults: 1, called_first: false, ..Self::ONE_EACH_TWO_FAULTS };

    /// Two dials on each side, and no fault.
    pub const TWO_EACH: Self = Self { name: "two-each", faults: 0, ..Self::TWO_EACH_ONE_FAULT };
    /// One dial on each side, messages, and no fault.
    pub const ONE_EACH_TALKING: Self =
        Self { name: "one-each-talking", abreast: [1; 3], in_one_go: true, talks: true, ..Self::TWO_EACH };
    /// Two dials on each side, messages, and no fault.
    pub const TWO_EACH_TALKING: Self =
        Self { name: "two-each-talking", in_one_go: true, talks: true, complete: false, ..Self::TWO_EACH };
    /// One dial on each side, messages, and a stream that dies at one end.
    pub const ONE_EACH_ONE_LOSS_TALKING: Self = Self {
        name: "one-each-one-loss-talking",
        kinds: &[Fault::LostAtOneEnd],
        ..Self::ONE_EACH_ONE_FAULT_TALKING
    };
    /// One dial on each side, messages, and one fault in which no time passes.
    pub const ONE_EACH_ONE_FAULT_TALKING: Self = Self {
        name: "one-each-one-fault-talking",
        faults: 1,
        pauses: 0,
        in_one_go: true,
        talks: true,
        kinds: Fault::TALKING,
        ..Self::ONE_EACH_TWO_FAULTS
    };
    /// The same, and in the fault time may pass.
    pub const ONE_EACH_ONE_PAUSE_TALKING: Self = Self {
        name: "one-each-one-pause-talking",
        pauses: 1,
        complete: false,
        ..Self::ONE_EACH_ONE_FAULT_TALKING
    };
    /// Every one that has a name.
    pub const EVERY: &'static [Self] = &[
        Self::ONE_EACH_ONE_PAUSE_TALKING,
        Self::ONE_EACH_TALKING,
        Self::TWO_EACH_TALKING,
        Self::ONE_EACH_ONE_LOSS_TALKING,
        Self::ONE_EACH_ONE_FAULT_TALKING,
        Self::ONE_EACH_ONE_FAULT,
        Self::TWO_EACH,
        Self::ONE_EACH_TWO_FAULTS_NO_PAUSE,
        Self::ONE_EACH_TWO_FAULTS,
        Self::TWO_EACH_ONE_FAULT,
        Self::TWO_AND_ONE_FREEZE,
        Self::ONE_AND_TWO_FREEZE,
        Self::TWO_EACH_FREEZE,
        Self::THREE_EACH,
        Self::THREE_NODES,
    ];
    /// Those that are visited while one waits.
    pub const SMALL: &'static [Self] = &[Self::TWO_EACH, Self::ONE_EACH_ONE_FAULT, Self::ONE_EACH_TALKING];
    /// Those in which a rule that is missing is missed.
    pub const TELLING: &'static [Self] = &[
        Self::TWO_EACH,
        Self::ONE_EACH_TALKING,
        Self::ONE_EACH_ONE_FAULT,
        Self::ONE_EACH_ONE_LOSS_TALKING,
        Self::ONE_EACH_ONE_FAULT_TALKING,
    ];
    /// Those that are visited unless others are asked for.
    pub const ALL: &'static [Self] = &[
        Self::ONE_EACH_TALKING,
        Self::ONE_EACH_ONE_LOSS_TALKING,
        Self::ONE_EACH_ONE_FAULT_TALKING,
        Self::ONE_EACH_ONE_PAUSE_TALKING,
        Self::TWO_EACH_TALKING,
        Self::ONE_EACH_TWO_FAULTS_NO_PAUSE,
        Self::ONE_EACH_TWO_FAULTS,
        Self::TWO_EACH_ONE_FAULT,
        Self::TWO_AND_ONE_FREEZE,
        Self::ONE_AND_TWO_FREEZE,
        Self::TWO_EACH_FREEZE,
        Self::THREE_EACH,
        Self::THREE_NODES,
    ];

    /// The case taken apart by the fault that comes first. Every way through the case is a way through one of the parts,
    /// so when all of them are complete the case is. Each needs less memory, and they can be visited side by side.
    pub fn parts(self) -> impl Iterator<Item = Self> {
        let passes = |kind: &Fault| matches!(kind, Fault::Freeze | Fault::SlowAnswer);
        let kinds = self.kinds.iter().filter(move |kind| self.pauses > 0 || !passes(kind));
        kinds.map(move |kind| Self { first: Some(*kind), ..self })
    }

    /// The kinds of faults that can come next where so many are left.
    pub(super) fn kinds_next(&self, left: u8) -> &[Fault] {
        match &self.first {
            Some(first) if left == self.faults => core::slice::from_ref(first),
            Some(_) | None => self.kinds,
        }
    }

    /// The configuration of one node: it is the same for all, but for the messages that they take where they talk.
    #[must_use]
    pub fn config_of(&self, node: usize) -> Config {
        let config = self.config();
        if !self.talks {
            return config;
        }
        let message = if node == 0 { LARGEST } else { LARGEST - 100 };
        // The first node has room for all that it sends.
        let window = Window { bytes: if node == 0 { 4 } else { 2 } * message, messages: 8 };
        let limits = Limits { message, window, record: Takes::LEAST_RECORD, ..config.limits };
        Config { limits, ..config }
    }

    /// The configuration of every node.
    ///
    /// All times are multiples of two seconds, so that deadlines which are set at different moments fall on the same
    /// ones again and again: there are few ways in which they can lie to each other, and those that coincide are
    /// visited in every order. Nothing is announced: announcements are hints, and would dial at moments of their own.
    /// A pause is as short as can be, for there is nothing to see in a longer one.
    #[must_use]
    pub fn config(&self) -> Config {
        let unit = Duration::from_secs(2);
        Config {
            detect_within: unit * 4,
            handshake_within: unit * 2,
            dial_within: unit,
            probe_floor: unit,
            // Draws give the middle, and the bound is reached at once: every wait is two units.
            backoff_first: unit * 4,
            backoff_most: unit * 4,
            stable_after: unit,
            pause_first: unit * 4,
            pause_most: unit * 4,
            announce_every: None,
            idle_after: None,
            taken: Taken::WhenDelivered,
            limits: Limits {
                peers: self.places,
                links_per_peer: 4,
                half_open: 8,
                half_open_per_source: 8,
                // Out of reach.
                incoming_per_second: u32::MAX,
                dials_in_flight: 8,
                dials_per_second: u32::MAX,
                ..Limits::default()
            },
        }
    }
}
