//! A machine with many peers, each with a link, and the events whose cost is of interest.

use core::net::SocketAddr;
use core::time::Duration;

use mesh_proto::{
    Action, Announcement, AnnouncementKind, Batch, Config, Event, Frame, Heap, Hello, Incarnation, Instant,
    Limits, LinkId, LinkTag, Losses, Marks, Mesh, NodeId, Now, PathClass, Proof, Reason, Route, Routes, Seed,
    Takes, Vouched, Wait, Welcome, Window,
};
use serde::{Deserialize, Serialize};

/// The numbers of peers that are compared.
pub(crate) const SIZES: [usize; 3] = [10, 1_000, 100_000];

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// A peer asks whether this node is there, and is answered.
    PingIn,
    /// It is time to ask a peer.
    PingDue,
    /// Nothing is due.
    IdleTick,
    /// A link from the accepted stream to the admitted link: three events.
    Accept,
    /// The same from the wish to dial: four events.
    Dial,
    /// An announcement of a peer that is up.
    Heard,
}

impl Case {
    #[allow(dead_code, reason = "not every bench goes through all")]
    pub(crate) const ALL: [Self; 6] =
        [Self::PingIn, Self::IdleTick, Self::Heard, Self::PingDue, Self::Accept, Self::Dial];

    #[allow(dead_code, reason = "not every bench names them")]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PingIn => "a ping in",
            Self::PingDue => "a ping due",
            Self::IdleTick => "an idle tick",
            Self::Accept => "a connect, as acceptor",
            Self::Dial => "a connect, as dialer",
            Self::Heard => "an announcement heard",
        }
    }
}

/// A machine whose peers are all up.
#[derive(Serialize, Deserialize)]
pub(crate) struct Scene {
    mesh: Mesh<Heap>,
    /// The link of each peer.
    links: Vec<LinkId>,
    /// The peers in the order in which they are touched.
    order: Vec<u32>,
    next: usize,
    /// The pings that were not answered yet.
    asked: Vec<(LinkId, u32)>,
    clock: u64,
    /// When the machine wants to be called again.
    due: u64,
    random: u64,
    tags: u64,
}

/// Some peers that are about to be touched, none twice.
pub(crate) struct Chosen(Vec<u32>);

impl Scene {
    /// Lets `size` peers come, as they would.
    pub(crate) fn new(size: usize) -> Self {
        let many = u32::MAX / 2;
        let limits = Limits {
            peers: u32::try_from(size).expect("the sizes are small"),
            links_per_peer: 2,
            half_open: 1_024,
            half_open_per_source: many,
            incoming_per_second: many,
            dials_in_flight: 1_024,
            dials_per_second: many,
            ..Limits::default()
        };
        let config = Config { announce_every: None, limits, ..Config::lan() };
        let mesh = Mesh::new(NodeId::new([0x80; 32]), Incarnation::new(1, 1), config, Seed::Number(1));
        let mut scene = Self {
            mesh: mesh.expect("the configuration agrees with itself"),
            links: Vec::with_capacity(size),
            order: (0..u32::try_from(size).expect("the sizes are small")).collect(),
            next: size,
            asked: Vec::with_capacity(size),
            clock: 1,
            due: 1,
            random: 0x2545_f491_4f6c_dd1d,
            tags: 0,
        };
        for peer in 0..size {
            let link = scene.accept(peer);
            scene.links.push(link);
        }
        scene.settle();
        scene
    }

    /// The next peers in the random order: as many as asked for, though each once only where a case needs that.
    pub(crate) fn choose(&mut self, case: Case, many: usize) -> Chosen {
        let chosen = match case {
            Case::Accept | Case::Dial => self.draw(many),
            Case::PingIn | Case::PingDue | Case::IdleTick | Case::Heard => {
                core::iter::repeat_with(|| self.draw(many)).flatten().take(many).collect()
            }
        };
        Chosen(chosen)
    }

    /// The next peers in the random order, each once.
    fn draw(&mut self, many: usize) -> Vec<u32> {
        let many = many.min(self.order.len());
        if self.next + many > self.order.len() {
            let mut order = core::mem::take(&mut self.order);
            self.shuffle(&mut order);
            (self.order, self.next) = (order, 0);
        }
        let chosen = self.order[self.next..self.next + many].to_vec();
        self.next += many;
        chosen
    }

    /// What must happen before a case can be measured.
    pub(crate) fn prepare(&mut self, case: Case, Chosen(peers): &Chosen) {
        match case {
            Case::PingIn | Case::IdleTick | Case::Heard => {}
            Case::Accept | Case::Dial => {
                for peer in peers {
                    let peer = *peer as usize;
                    let link = self.links[peer];
                    self.tell(Event::Forget { peer: id(peer) }, |_| {});
                    let close = Frame::Close(Reason::Forgotten);
                    self.tell(Event::Frames { link, frames: Batch::from(&close) }, |_| {});
                }
            }
            // Just before the pings are due.
            Case::PingDue => {
                self.tell(Event::Tick, |_| {});
                self.clock = self.due - 1;
            }
        }
    }

    /// The same for a single event: nothing else is due beside it.
    #[allow(dead_code, reason = "not every bench counts single events")]
    pub(crate) fn prepare_one(&mut self, case: Case, chosen: &Chosen) {
        let Chosen(peers) = chosen;
        if case == Case::PingDue {
            // Everybody is asked, and all others answer half a second later: too late to be asked together.
            self.prepare(case, chosen);
            self.tell(Event::Tick, |_| {});
            let theirs =
                |(link, _): &(LinkId, u32)| peers.iter().any(|peer| self.links[*peer as usize] == *link);
            let (first, rest): (Vec<_>, Vec<_>) =
                core::mem::take(&mut self.asked).into_iter().partition(theirs);
            self.asked = first;
            self.tidy();
            self.clock += 500_000;
            self.asked = rest;
            self.tidy();
        }
        self.prepare(case, chosen);
    }

    /// What is measured: as many times as peers are chosen, or as it says.
    pub(crate) fn run(&mut self, case: Case, Chosen(peers): &Chosen) -> usize {
        match case {
            Case::PingIn => {
                for peer in peers {
                    let link = self.links[*peer as usize];
                    let frame = Frame::Ping { nonce: *peer };
                    self.tell(Event::Frames { link, frames: Batch::from(&frame) }, |_| {});
                }
            }
            Case::IdleTick => {
                for _ in peers {
                    self.tell(Event::Tick, |_| {});
                }
            }
            Case::Accept => {
                for peer in peers {
                    let peer = *peer as usize;
                    self.links[peer] = self.accept(peer);
                }
            }
            Case::Dial => {
                for peer in peers {
                    let peer = *peer as usize;
                    self.links[peer] = self.dial(peer);
                }
            }
            Case::Heard => {
                for peer in peers {
                    let peer = *peer as usize;
                    let announcement =
                        Announcement { node: id(peer), incarnation: RUN, kind: AnnouncementKind::Hail };
                    let routes = Routes::from_iter([Route::direct(address(peer))]);
                    self.tell(Event::Heard { announcement, routes, vouched: Vouched::ByMember }, |_| {});
                }
            }
            Case::PingDue => {
                let before = self.asked.len();
                self.tell(Event::Tick, |_| {});
                return self.asked.len() - before;
            }
        }
        peers.len()
    }

    /// Sets right what a case left behind: whoever was asked answers, in random order.
    pub(crate) fn tidy(&mut self) {
        while !self.asked.is_empty() {
            let mut asked = core::mem::take(&mut self.asked);
            self.shuffle(&mut asked);
            for (link, nonce) in asked {
                self.tell(Event::Frames { link, frames: Batch::from(&Frame::Pong { nonce }) }, |_| {});
            }
        }
    }

    /// Lets all links get old enough to have been of use.
    pub(crate) fn settle(&mut self) {
        let old_enough = self.clock + 11_000_000;
        while self.clock < old_enough {
            self.prepare(Case::PingDue, &Chosen(Vec::new()));
            self.run(Case::PingDue, &Chosen(Vec::new()));
            self.tidy();
        }
    }

    /// A link of this peer comes, and is admitted.
    fn accept(&mut self, peer: usize) -> LinkId {
        let from = Some(address(peer));
        let link = self.tell(Event::Incoming { from, class: PathClass::Direct }, |_| {});
        let link = link.expect("there is room");
        let proof = self.proof(peer);
        self.tell(Event::Proven { link, proof }, |_| {});
        self.tell(Event::Frames { link, frames: Batch::from(&Frame::Hello(hello().into())) }, |_| {});
        link
    }

    /// A link to this peer is asked for, dialed and admitted.
    fn dial(&mut self, peer: usize) -> LinkId {
        let routes = Routes::from_iter([Route::direct(address(peer))]);
        let mut dialed = None;
        self.tell(Event::Seek { peer: id(peer), routes }, |action| {
            if let Action::Dial { link, .. } = action {
                dialed = Some(link);
            }
        });
        let link = dialed.expect("a peer that is sought is dialed");
        self.tell(Event::Connected { link }, |_| {});
        let proof = self.proof(peer);
        self.tell(Event::Proven { link, proof }, |_| {});
        let welcome = Frame::Welcome(Welcome { hello: hello(), doubt: false }.into());
        self.tell(Event::Frames { link, frames: Batch::from(&welcome) }, |_| {});
        link
    }

    fn proof(&mut self, peer: usize) -> Proof {
        self.tags += 1;
        Proof { peer: id(peer), tag: LinkTag::new(self.tags), round_trip: Duration::from_millis(1) }
    }

    /// One event, a microsecond after the one before; gives the name of an accepted link.
    fn tell(&mut self, event: Event<'_>, mut see: impl FnMut(Action<'_>)) -> Option<LinkId> {
        self.clock += 1;
        let asked = &mut self.asked;
        let turn = self.mesh.handle(Now::single(Instant::from_micros(self.clock)), event);
        let answer = turn.answer();
        let wait = turn.carry_out(|action| {
            if let Action::Send { link, frame: Frame::Ping { nonce } } = action {
                asked.push((link, *nonce));
            }
            see(action);
        });
        self.due = match wait {
            Wait::Until(at) => at.as_micros(),
            Wait::Forever => self.clock,
        };
        answer.link().ok()
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            list.swap(last, (self.random % (last as u64 + 1)) as usize);
        }
    }
}

/// The run of every peer.
const RUN: Incarnation = Incarnation::new(1, 1);

/// What every peer takes.
const TAKES: Takes =
    Takes { message: 1 << 20, record: 65_519, window: Window { bytes: 4 << 20, messages: 16_384 } };

fn hello() -> Hello {
    Hello {
        incarnation: RUN,
        detect_within: Duration::from_secs(10),
        class: PathClass::Direct,
        keep: false,
        lost: Losses::new(),
        birth: 1,
        meant: None,
        marks: Marks::default(),
        takes: TAKES,
    }
}

/// Ids are spread as those of real keys are.
fn id(peer: usize) -> NodeId {
    let spread = (peer as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&spread);
    bytes[24..].copy_from_slice(&(peer as u64).to_be_bytes());
    NodeId::new(bytes)
}

fn address(peer: usize) -> SocketAddr {
    let [_, a, b, c] = (peer as u32).to_be_bytes();
    SocketAddr::from(([10, a, b, c], 7_000))
}
