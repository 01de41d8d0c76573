//! A life of one machine among events that no reasonable world would send, with every promise of the interface checked on
//! the way. Where the choices come from is the caller's: a seed, or the bytes of a fuzzer.

extern crate alloc;
use alloc::collections::BTreeMap;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use mesh_proto::{
    Action, Announcement, AnnouncementKind, Batch, Body, Config, Event, Frame, Hello, Incarnation, Instant,
    Lane, LaneMarks, Limits, LinkId, LinkTag, Loss, Losses, Marks, Mesh, Message, NodeId, Now, OnRestart,
    PathClass, PerLane, Piece, Place, Proof, Reason, Refusal, Route, Routes, Seed, SystemError, Tags, Takes,
    Vouched, Wait, Wake, Wants, Welcome, Window, storage::Storage,
};

pub(crate) const PEERS: u32 = 3;

/// What became of each link that was ever named: exactly one of the three.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Live,
    OrderedClosed,
    ReportedLost,
}

/// What chooses among the things that can happen.
pub(crate) trait Dice {
    /// A number below the bound.
    fn below(&mut self, bound: u64) -> u64;

    /// Whether there is nothing left to choose by.
    fn is_over(&self) -> bool;

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).expect("a small number")].clone()
    }
}

fn config() -> Config {
    let limits = Limits {
        peers: PEERS,
        links_per_peer: 2,
        half_open: 4,
        half_open_per_source: 3,
        incoming_per_second: 40,
        dials_in_flight: 4,
        dials_per_second: 6,
        message: 512,
        record: 512,
        window: Window { bytes: 1024, messages: 16 },
    };
    Config { idle_after: Some(Duration::from_secs(60)), limits, ..Config::loopback() }
}

fn address(number: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + (number % 5) as u8], 7000))
}

fn node(number: u64) -> NodeId {
    NodeId::new([(number % 6) as u8; 32])
}

fn reason(dice: &mut impl Dice) -> Reason {
    dice.pick(&[
        Reason::Left,
        Reason::Forgotten,
        Reason::Silent,
        Reason::Superseded,
        Reason::Duplicate,
        Reason::Restarted,
        Reason::Refused(Refusal::Full),
        Reason::Refused(Refusal::WrongMesh),
        Reason::OwnSelf,
        Reason::Conflict,
        Reason::ProtocolError,
        Reason::Idle,
        Reason::Shutdown,
        Reason::System(SystemError::Reset),
    ])
}

fn hello(dice: &mut impl Dice) -> Hello {
    let lost: Losses = (0..dice.below(4))
        .map(|_| Loss { tag: LinkTag::new(dice.below(40)), reason: reason(dice) })
        .collect();
    Hello {
        incarnation: Incarnation::new(dice.below(3), dice.below(2)),
        detect_within: dice.pick(&[
            Duration::ZERO,
            Duration::from_millis(2500),
            Duration::from_secs(10),
            Duration::MAX,
        ]),
        class: dice.pick(&[PathClass::Direct, PathClass::Relayed]),
        keep: dice.below(2) == 0,
        lost,
        birth: dice.below(4),
        meant: (dice.below(2) == 0).then(|| (Incarnation::new(1, 1), dice.below(8))),
        marks: marks(dice),
        takes: Takes {
            message: dice.pick(&[8, 64, 1 << 20]),
            record: dice.pick(&[0, 512, 65_519]),
            window: Window { bytes: dice.pick(&[16, 128, 4 << 20]), messages: dice.pick(&[2, 16, 0]) },
        },
    }
}

fn marks(dice: &mut impl Dice) -> Marks {
    let mut lane = || LaneMarks {
        received: Place { number: dice.below(3), offset: dice.pick(&[0, 0, 1, 7]) },
        taken: dice.below(2),
    };
    let lanes = PerLane { ordinary: lane(), urgent: lane() };
    Marks { lanes, open: Window { bytes: dice.pick(&[0, 100, 1000]), messages: dice.pick(&[0, 3, 16]) } }
}

fn lane(dice: &mut impl Dice) -> Lane {
    dice.pick(&[Lane::Ordinary, Lane::Urgent])
}

fn body(dice: &mut impl Dice) -> Body<'static> {
    const BYTES: &[u8] = &[7; 600];
    Body::from(&BYTES[..dice.pick(&[0, 1, 7, 8, 300, 513])])
}

fn message(dice: &mut impl Dice) -> Message<'static> {
    Message {
        lane: lane(dice),
        kind: dice.pick(&[0, 0, 1]),
        token: dice.below(5),
        wants: dice.pick(&[Wants::Nothing, Wants::Report, Wants::Receipt]),
        on_restart: dice.pick(&[OnRestart::Report, OnRestart::SendAgain]),
        body: body(dice),
    }
}

fn frame(dice: &mut impl Dice) -> Frame<'static> {
    match dice.below(22) {
        0..=2 => Frame::Hello(hello(dice).into()),
        3..=5 => Frame::Welcome(Welcome { hello: hello(dice), doubt: dice.below(4) == 0 }.into()),
        6 => Frame::Refused(reason(dice)),
        7 => Frame::Ping { nonce: dice.pick(&[0, 1, 2, u32::MAX]) },
        8..=10 => Frame::Pong { nonce: dice.pick(&[1, 1, 2, 3, 0, u32::MAX]) },
        11 => Frame::Lost(hello(dice).lost.into()),
        12 => Frame::Noted((0..dice.below(8)).map(|_| LinkTag::new(dice.below(40))).collect::<Tags>().into()),
        13 => Frame::Doubted,
        14 => Frame::Cleared { birth: dice.below(4) },
        15 | 16 => Frame::Marks(marks(dice)),
        17..=20 => {
            let (body, number) = (body(dice), dice.below(3));
            let offset = dice.pick(&[0, 0, 0, 1, 7]);
            let total = dice.pick(&[body.len() as u32, body.len() as u32 + offset, 8]);
            Frame::Data(Piece {
                lane: lane(dice),
                kind: dice.pick(&[0, 0, 0, 1]),
                number,
                offset,
                total,
                body,
            })
        }
        _ => Frame::Close(reason(dice)),
    }
}

fn routes(dice: &mut impl Dice) -> Routes {
    (0..dice.below(3))
        .map(|_| Route {
            address: address(dice.below(5)),
            class: dice.pick(&[PathClass::Direct, PathClass::Relayed]),
        })
        .collect()
}

fn event<'a, D: Dice>(dice: &mut D, links: &[LinkId], frames: &'a mut Vec<Frame<'static>>) -> Event<'a> {
    let link = |dice: &mut D| dice.pick(links);
    let peer = node(dice.below(6));
    match dice.below(if links.is_empty() { 16 } else { 46 }) {
        0 => Event::Incoming {
            from: (dice.below(4) > 0).then(|| address(dice.below(5))),
            class: PathClass::Direct,
        },
        1 => Event::Attached {
            expected: dice.pick(&[None, Some(peer)]),
            class: dice.pick(&[PathClass::Direct, PathClass::Relayed]),
        },
        2 => Event::Heard {
            announcement: Announcement {
                node: peer,
                incarnation: Incarnation::new(dice.below(3), dice.below(2)),
                kind: dice.pick(&[
                    AnnouncementKind::Hail,
                    AnnouncementKind::Answer,
                    AnnouncementKind::Farewell,
                ]),
            },
            routes: routes(dice),
            vouched: dice.pick(&[Vouched::ByMember, Vouched::ByNobody]),
        },
        3 => Event::Tick,
        4 => Event::Wake(dice.pick(&[Wake::Suspended, Wake::Frozen, Wake::Moved])),
        5 | 6 => Event::Keep { peer, routes: routes(dice) },
        7 => Event::KeepAt { route: Route::direct(address(dice.below(5))) },
        8 => Event::Seek { peer, routes: routes(dice) },
        9 => Event::Forget { peer },
        10 => Event::ForgetAt { address: address(dice.below(5)) },
        11 => Event::Expel { peer },
        12 | 13 => {
            let messages: Vec<_> = (0..1 + dice.below(3)).map(|_| message(dice)).collect();
            Event::Send { peer, messages: messages.into() }
        }
        14 => match dice.below(2) {
            0 => Event::SendAll { message: message(dice) },
            _ => Event::Collect { peer },
        },
        15 => Event::Took { peer, lane: lane(dice), serial: dice.below(40) },
        16 | 17 => Event::Room { link: link(dice), bytes: dice.pick(&[0, 20, 33, 64 * 1024]) },
        18..=22 => Event::Connected { link: link(dice) },
        23..=29 => {
            let proof = Proof {
                peer,
                tag: LinkTag::new(dice.below(40)),
                round_trip: dice.pick(&[Duration::ZERO, Duration::from_millis(800), Duration::MAX]),
            };
            Event::Proven { link: link(dice), proof }
        }
        30..=33 => Event::Closed {
            link: link(dice),
            error: dice.pick(&[SystemError::Reset, SystemError::Other(-1)]),
        },
        34 => Event::Waits { link: link(dice) },
        35 | 36 => Event::Failed {
            link: link(dice),
            reason: dice.pick(&[
                Reason::ProtocolError,
                Reason::Refused(Refusal::NotListed),
                Reason::Refused(Refusal::WrongMesh),
            ]),
        },
        _ => {
            *frames = (0..1 + dice.below(3)).map(|_| frame(dice)).collect();
            Event::Frames { link: link(dice), frames: Batch::from(frames.as_slice()) }
        }
    }
}

/// One life of a machine, of so many events at most; `tell` hears what it ordered and answered.
pub(crate) fn life<S: Storage>(
    dice: &mut impl Dice,
    seed: u64,
    steps: u32,
    mut tell: impl FnMut(fmt::Arguments<'_>),
) {
    let mut mesh: Mesh<S> = Mesh::new(node(2), Incarnation::new(1, 1), config(), Seed::Number(seed))
        .expect("the configuration is sound");
    let (mut awake, mut elapsed) = (0_u64, 0_u64);
    let mut fates: BTreeMap<LinkId, Fate> = BTreeMap::new();
    let mut frames = Vec::new();
    let mut due = None;
    for step in 0..steps {
        if dice.is_over() {
            return;
        }
        let span = match dice.below(10) {
            0..=4 => dice.below(50_000),
            5..=7 => dice.below(2_000_000),
            8 => due.map_or(0, |due: u64| due.saturating_sub(awake)),
            _ => dice.below(40_000_000),
        };
        awake += span;
        elapsed += span + if dice.below(60) == 0 { dice.below(100_000_000) } else { 0 };
        let now = Now::new(Instant::from_micros(awake), Instant::from_micros(elapsed));
        let links: Vec<LinkId> = fates.keys().rev().take(12).copied().collect();
        let event = if step + 1 == steps && dice.below(4) == 0 {
            Event::Leave
        } else {
            event(dice, &links, &mut frames)
        };
        if let Event::Closed { link, .. } = event {
            // Only the first end of a link is one; a driver has no stream left to report after it.
            fates.entry(link).and_modify(|fate| {
                if *fate == Fate::Live {
                    *fate = Fate::ReportedLost
                }
            });
        }
        let turn = mesh.handle(now, event.clone());
        let answer = turn.answer();
        if let Ok(link) = answer.link() {
            assert_eq!(fates.insert(link, Fate::Live), None, "seed {seed}: {link} was named twice");
        }
        let mut wait = Wait::Forever;
        if dice.below(20) == 0 {
            // A driver that stops half way finds the rest at the next turn.
            drop(turn);
        } else {
            wait = turn.carry_out(|action| {
                match action {
                    Action::Dial { link, .. } => {
                        assert_eq!(
                            fates.insert(link, Fate::Live),
                            None,
                            "seed {seed}: {link} was named twice"
                        );
                    }
                    Action::Close { link, .. } => {
                        let before = fates.insert(link, Fate::OrderedClosed);
                        assert_eq!(
                            before,
                            Some(Fate::Live),
                            "seed {seed}: {link} is closed though it is not live"
                        );
                    }
                    Action::Send { link, .. } => {
                        assert_eq!(
                            fates.get(&link),
                            Some(&Fate::Live),
                            "seed {seed}: {link} is sent to though it is not live"
                        );
                    }
                    Action::Announce { .. }
                    | Action::Deliver { .. }
                    | Action::Settled { .. }
                    | Action::Roomy { .. } => {}
                }
                tell(format_args!("{action:?}"));
            });
            if let Wait::Until(at) = wait {
                assert!(
                    at > now.awake,
                    "seed {seed}, step {step}: a hot loop: {at:?} at {:?} after {event:?}",
                    now.awake
                );
                due = Some(at.as_micros());
            }
        }
        if let Err(problem) = mesh.audit() {
            panic!("seed {seed}, step {step}, after {event:?}: {problem}");
        }
        tell(format_args!("{now:?} {answer:?} {wait:?}"));
    }
}
