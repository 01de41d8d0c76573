//! The clauses of the rules, as a type parameter of the machine.
//!
//! The machine that ships is a `Mesh<_, Shipped>`: every clause holds, known when it is compiled, so there is no
//! switch in it. With the feature `sim` there is a second type whose machines lack one clause. The explorer and the
//! tests run it to show that they would notice.

use core::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

macro_rules! clauses {
    ($($(#[doc = $says:literal])+ $clause:ident,)*) => {
        /// One clause of a rule, as far as it can be taken away alone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Clause {
            $($(#[doc = $says])+ $clause,)*
        }

        impl Clause {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$clause,)*];

            /// What the clause says.
            #[must_use]
            pub fn says(self) -> &'static str {
                let says = match self {
                    $(Self::$clause => concat!($($says,)+),)*
                };
                says.trim_start()
            }
        }
    };
}

clauses! {
    /// R1: what comes over a link whose other end is not proven says nothing of any peer.
    NothingBeforeAdmission,
    /// R1: who is proven but not let in says nothing either.
    ProvenIsNotAdmitted,
    /// R1: ids are compared whole.
    WholeIds,
    /// R1: when half-open room is full, a random one of the unproven ones gives way.
    RandomGivesWay,
    /// R1: half-open room is bounded per source too.
    RoomPerSource,
    /// R1: a link whose other end is not proven in time ends.
    HandshakeDeadline,
    /// R1: the same deadline covers the admission of who is proven.
    AdmissionDeadline,
    /// R1: a hello comes once, at the beginning.
    HelloOnce,
    /// R2: only the decider closes a healthy link for being surplus.
    OneDecider,
    /// R2: a link is closed in favour of another only after that has answered a probe sent since both were admitted.
    ProofBeforeClose,
    /// R3: the better path class first, then the link that the lower id dialed.
    Preference,
    /// R3: among equals the incumbent stays.
    IncumbentStays,
    /// R4: the arrival of a newcomer does not prove the incumbent dead.
    NewcomerWaits,
    /// R4: only the decider acts on a probe that ran out.
    OnlyDeciderActsOnRunOut,
    /// R4: a link whose probe ran out no longer keeps a dial from being made.
    SuspectsAreDialed,
    /// R4: who reads a close answers with its own.
    CloseIsAnswered,
    /// R5: what a node has lost it tells.
    LossesAreTold,
    /// R5: follower and decider alike drop what the other end has lost.
    LossesReadByBoth,
    /// R5: evidence is applied before bounds are checked.
    EvidenceBeforeBounds,
    /// R5: a newer run ends the links of the older one.
    NewerEndsOlder,
    /// R6: a lower start number is doubtful.
    IncarnationOrder,
    /// R6: the same start number with other bits is doubtful.
    RandomBits,
    /// R6: when both answer, the newcomer is refused as conflict.
    ConflictIsRefused,
    /// R6: one's own id is refused.
    OwnIdRefused,
    /// R6: one's own address is remembered and not dialed.
    OwnAddressRemembered,
    /// R7: a dialer that finds another than it expected closes the link.
    DialWhatWasAsked,
    /// R8: every link has its own life.
    LifePerLink,
    /// R8: a silent link dies.
    SilenceIsDeath,
    /// R8: the smaller of both ends' knobs counts at both.
    SmallerKnob,
    /// R8: a probe that runs out makes a link suspect, and does not end it.
    RunOutIsNotDeath,
    /// R8: a probe waits three round trips.
    ProbeFromRoundTrip,
    /// R8: any frame makes a probe wait longer.
    FramesExtendProbe,
    /// R8: an answer covers all earlier probes of its link.
    AnswerCoversEarlier,
    /// R8: links are pinged before they die.
    PingsBeforeDeath,
    /// R9: lateness is looked at before anything expires.
    WakeBeforeExpiry,
    /// R9: what is due in a late step gets one further probe time.
    LateStepGrace,
    /// R9: after a gap only answers to new probes are life.
    OnlyAnswersAfterGap,
    /// R9: after a gap all links are probed and peers redialed at once.
    ProbeAfterGap,
    /// R9: after a gap no wait from before it holds back a dial.
    NoBackoffAfterGap,
    /// R9: a second clock tells that the first stood still.
    TwoClocks,
    /// R9: ages are counted by the clock that nobody sets.
    AgesByAwake,
    /// R9: a node that wakes announces at once.
    AnnounceOnWake,
    /// R9: deadlines move by the lateness, not for ever.
    DeadlinesMoveByGapOnly,
    /// R10: an announcement causes a probe or a dial, nothing else.
    HintsOnlyHint,
    /// R10: hints that nobody vouches for get a quarter.
    HintsAreBounded,
    /// R10: an announcement of another run probes the link.
    NewRunIsProbed,
    /// R10: answers are not answered.
    AnswersAreMarked,
    /// R10: answers are bounded in number, and given only while there is room.
    AnswersAreBounded,
    /// R11: no attempt while a link or an attempt exists.
    OneAttempt,
    /// R11: a live link is used whoever dialed it.
    AnyLinkServes,
    /// R12: a dial that leads nowhere in time ends.
    DialDeadline,
    /// R12: both sides may redial.
    BothMayDial,
    /// R12: the wait between attempts grows.
    BackoffGrows,
    /// R12: the wait starts over after a link that was of use, not after one that opened.
    ResetByUse,
    /// R12: at once again only after a link that was of use.
    ImmediateOnlyAfterUse,
    /// R12: a refusal that will not change earns the long pause.
    LongPause,
    /// R12: dials are bounded in flight and per second.
    DialBudget,
    /// R12: an address that fails loses trust.
    TrustMoves,
    /// R13: when the sending link changes, sending goes on from what the peer has not received.
    ResumeFromMark,
    /// R13: who knows less than the marks is told again: on a new link, and when it sends what was received before.
    DuplicatesAnswered,
    /// R13: what was received before is not handed out again.
    OldIsIgnored,
    /// R13: what is sent while there is no link waits for the next.
    SendsWait,
    /// R13: marks below those that are known are old news, unless they were written later.
    OldMarksAreOldNews,
    /// R13: what is left of an older session counts against the window of the next.
    LeftoverCounts,
    /// R13: the numbers of sessions rise.
    BirthsRise,
    /// R13: marks that were written for another session are void.
    MarksForBirth,
    /// R13: no more lies untaken than the window of the peer.
    WindowBounds,
    /// R13: a piece that straddles the mark counts from the mark on.
    PiecesStraddle,
    /// R13: each lane has its own numbers.
    LanesApart,
    /// R15: a clean leave is believed at once.
    LeaveIsBelieved,
    /// R15: a node that leaves says so.
    LeaveIsTold,
    /// R17: links of one peer are bounded.
    LinksAreBounded,
    /// R17: a session that this side keeps holds its place, and a wish only orders eviction.
    KeptHoldsPlace,
    /// R17: who gives way is told 'full' and stays away for long.
    GivenWayStaysAway,
    /// The interface: a reader that comes late gets what holds.
    NewsIsState,
    /// The interface: an event for a link that is gone changes nothing.
    LinkNames,
    /// The interface: what holds is derived when it is asked for, never from what was once told.
    TargetIsDerived,
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Which clauses hold. Sealed: a program can have the rules, or, with the feature `sim`, the rules less one clause.
pub trait Rules: sealed::Sealed + Clone + fmt::Debug + Serialize + DeserializeOwned + 'static {
    /// Whether this clause holds.
    #[doc(hidden)]
    fn holds(&self, clause: Clause) -> bool;
}

/// All the rules.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Shipped;

impl Rules for Shipped {
    #[inline(always)]
    fn holds(&self, _: Clause) -> bool {
        true
    }
}

/// All the rules but one clause, to see that somebody notices.
#[cfg(feature = "sim")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Without(pub Clause);

#[cfg(feature = "sim")]
impl Rules for Without {
    fn holds(&self, clause: Clause) -> bool {
        self.0 != clause
    }
}

mod sealed {
    /// Keeps [`Rules`](super::Rules) to the types of this crate.
    pub trait Sealed {}
    impl Sealed for super::Shipped {}
    #[cfg(feature = "sim")]
    impl Sealed for super::Without {}
}
