//! Two ends of a channel, with nothing random about them.

use core::time::Duration;

use mesh_proto::wire::{
    Answer, Answering, Calling, Ciphers, Declined, Failed, Frames, Guard, Identity, MAX_OPENING, MeshSecret,
    MeshSecrets, Network, Opener, Sealer, Terms, Versions,
};
use mesh_proto::{
    Frame, Hello, Incarnation, LaneMarks, LinkTag, Loss, Marks, NodeId, PathClass, PerLane, Place, Reason,
    Refusal, Takes, Welcome, Window,
};

/// What the dialer's and the acceptor's fresh bytes are.
pub(crate) const FRESH: [[u8; 32]; 2] = [[0x51; 32], [0x62; 32]];

/// Who may talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Open,
    Closed,
    Unprotected,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Open, Kind::Closed, Kind::Unprotected];
pub(crate) const PROTECTED: [Kind; 2] = [Kind::Open, Kind::Closed];

/// What an end brings along; its terms borrow from it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) identity: Identity,
    pub(crate) secrets: MeshSecrets,
    pub(crate) kind: Kind,
    pub(crate) network: Network,
    pub(crate) versions: Versions,
    pub(crate) ciphers: Ciphers,
}

impl Node {
    pub(crate) fn new(name: u8, kind: Kind) -> Self {
        Self {
            identity: Identity::new([name; 32]),
            secrets: MeshSecrets::one(MeshSecret::new([0x77; 32])),
            kind,
            network: Network::named("test"),
            versions: Versions::SPOKEN,
            ciphers: Ciphers::NONE,
        }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.identity.id()
    }

    pub(crate) fn terms(&self) -> Terms<'_> {
        let guard = match self.kind {
            Kind::Open => Guard::open(&self.identity),
            Kind::Closed => Guard::closed(&self.identity, &self.secrets),
            Kind::Unprotected => Guard::unprotected(self.id()),
        };
        Terms { guard, network: self.network, versions: self.versions, ciphers: self.ciphers }
    }
}

/// A dialer and an acceptor of this kind.
pub(crate) fn pair(kind: Kind) -> [Node; 2] {
    [Node::new(1, kind), Node::new(2, kind)]
}

/// Why two ends did not come together, by who noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Apart {
    /// The acceptor turned the dialer away with the first record.
    Declined(Declined),
    /// The dialer, with the second or fourth record.
    AtDialer(Failed),
    /// The acceptor, with the third record.
    AtAcceptor(Failed),
}

/// Everything that came of a handshake.
pub(crate) struct Together {
    /// The halves of the dialer, then of the acceptor.
    pub(crate) dialer: (Sealer, Opener),
    pub(crate) acceptor: (Sealer, Opener),
    /// Who each end met.
    pub(crate) met: [NodeId; 2],
    /// The name that each end gives the link.
    pub(crate) tags: [LinkTag; 2],
    /// What each end read.
    pub(crate) hello: Frame<'static>,
    pub(crate) answer: Frame<'static>,
    /// The records, whole, as they went over the wire.
    pub(crate) wire: Vec<Vec<u8>>,
}

/// A whole handshake; `alter` may change each record on its way, by its number from 0.
pub(crate) fn shake(
    [dialer, acceptor]: &[Node; 2],
    attempt: u32,
    mut alter: impl FnMut(usize, &mut Vec<u8>),
) -> Result<Together, Apart> {
    let (at_dialer, at_acceptor) = (dialer.terms(), acceptor.terms());
    let mut wire = Vec::new();
    let mut carry = |record: &[u8]| {
        let mut record = record.to_vec();
        alter(wire.len(), &mut record);
        wire.push(record.clone());
        record.split_off(2.min(record.len()))
    };
    let mut out = [0; MAX_OPENING];

    let (calling, first) = Calling::begin(&at_dialer, attempt, FRESH[0]);
    let (answering, second) =
        Answering::to(&at_acceptor, FRESH[1], &mut carry(&first)).map_err(Apart::Declined)?;
    let met = calling.read(&at_dialer, &mut carry(&second)).map_err(Apart::AtDialer)?;
    let (peer_of_dialer, tag_of_dialer) = (met.peer(), met.tag());
    let (mut introduced, third) = met.introduce(&at_dialer, &hello(), &mut out).expect("enough room");
    let mut third = carry(third);
    let (mut greeted, frames) = answering.read(&at_acceptor, &mut third).map_err(Apart::AtAcceptor)?;
    let hello = only(frames).ok_or(Apart::AtAcceptor(Failed::Unreadable))?;
    let (met, tags) = ([peer_of_dialer, greeted.peer()], [tag_of_dialer, greeted.tag()]);

    let mut patience = carry(greeted.wait(&mut out).expect("enough room"));
    introduced = match introduced.read(&at_dialer, &mut patience).map_err(Apart::AtDialer)? {
        Answer::Wait(introduced) => introduced,
        Answer::Answered { .. } => return Err(Apart::AtDialer(Failed::Unreadable)),
    };
    let (answer, sealer, opener) = greeted.answer(&at_acceptor, &welcome(), &mut out).expect("enough room");
    let acceptor = (sealer, opener);
    let mut answer = carry(answer);
    match introduced.read(&at_dialer, &mut answer).map_err(Apart::AtDialer)? {
        Answer::Wait(_) => Err(Apart::AtDialer(Failed::Unreadable)),
        Answer::Answered { frames, sealer, opener } => {
            let answer = only(frames).ok_or(Apart::AtDialer(Failed::Unreadable))?;
            Ok(Together { dialer: (sealer, opener), acceptor, met, tags, hello, answer, wire })
        }
    }
}

/// The one frame in these bytes.
fn only(frames: &[u8]) -> Option<Frame<'static>> {
    let mut frames = Frames::new(frames);
    let frame = frames.next()?.ok()?;
    frames.next().is_none().then(|| frame.into_owned())
}

pub(crate) const MARKS: Marks = Marks {
    lanes: PerLane {
        ordinary: LaneMarks { received: Place { number: 300, offset: 4 }, taken: 299 },
        urgent: LaneMarks { received: Place { number: 1, offset: 0 }, taken: 1 },
    },
    open: Window { bytes: 500, messages: 3 },
};

pub(crate) fn hello() -> Frame<'static> {
    Frame::Hello(
        Hello {
            incarnation: Incarnation::new(3, 0x0102_0304_0506_0708),
            detect_within: Duration::from_secs(10),
            class: PathClass::Relayed,
            keep: true,
            lost: [Loss { tag: LinkTag::new(9), reason: Reason::Silent }].into_iter().collect(),
            birth: 2,
            meant: Some((Incarnation::new(4, 5), 6)),
            marks: MARKS,
            takes: Takes {
                message: 1 << 20,
                record: 65_519,
                window: Window { bytes: 4 << 20, messages: 1 << 14 },
            },
        }
        .into(),
    )
}

pub(crate) fn welcome() -> Frame<'static> {
    let Frame::Hello(hello) = hello() else { unreachable!("a hello is one") };
    Frame::Welcome(
        Welcome { hello: Hello { incarnation: Incarnation::new(4, 5), ..(*hello).clone() }, doubt: true }
            .into(),
    )
}

pub(crate) const REFUSED: Frame<'static> = Frame::Refused(Reason::Refused(Refusal::NotListed));

/// Bytes from hexadecimal, in which spaces do not matter.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|digit| !digit.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|digits| u8::from_str_radix(&digits.iter().collect::<String>(), 16).expect("hexadecimal"))
        .collect()
}

/// The other way round.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A record as it goes over the wire, without its length: the last record of a first short message.
pub(crate) fn body(record: &[u8]) -> Vec<u8> {
    record[2..].to_vec()
}
