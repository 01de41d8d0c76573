//! Frames as bytes.
//!
//! Each has a length of two bytes, the high one first, a kind of one byte, and the body of that kind. What stands on the
//! wire has types of its own here, so that it does not change when a type of the machine does.
//!
//! * A kind below [`MAY_BE_SKIPPED`] must be understood; others are skipped and counted.
//! * A body grows at its end only: what a reader does not know is there, it does not read.
//! * Every list is bounded by its type, and nothing in a list is empty.
//! * What a piece of a message says is the end of its frame: it is not copied when it is read.

use core::ops::Range;
use core::time::Duration;

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::body::Body;
use crate::frame::{Frame, Hello, Loss, Losses, MAX_LOSSES, PathClass, Welcome};
use crate::id::{Incarnation, LinkTag};
use crate::message::{Lane, LaneMarks, Marks, PerLane, Piece, Place, Takes, Window};
use crate::reason::{Reason, Refusal, SystemError};
use crate::wire::primitives::TAG;
use crate::wire::varint;
use crate::wire::writer::NoRoom;

/// Kinds from here on may be skipped by who does not know them.
const MAY_BE_SKIPPED: u8 = 0x80;

/// The numbers of the kinds. None is ever used for something else.
mod kind {
    pub(super) const HELLO: u8 = 0x01;
    pub(super) const WELCOME: u8 = 0x02;
    pub(super) const REFUSED: u8 = 0x03;
    pub(super) const PING: u8 = 0x04;
    pub(super) const PONG: u8 = 0x05;
    pub(super) const LOST: u8 = 0x06;
    pub(super) const NOTED: u8 = 0x07;
    pub(super) const DOUBTED: u8 = 0x08;
    pub(super) const CLEARED: u8 = 0x09;
    pub(super) const CLOSE: u8 = 0x0a;
    pub(super) const DATA: u8 = 0x0b;
    pub(super) const MARKS: u8 = 0x0c;
}

/// The most bytes that a frame without payload takes.
pub const MAX_CONTROL: usize = 320;

const _: () = assert!(
    MAX_CONTROL + TAG <= Takes::LEAST_RECORD as usize,
    "every control frame fits into the smallest record that a node may ask for"
);

/// What is wrong with a frame. The link is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It is longer than the record, or has no kind.
    Length,
    /// It must be understood and is not.
    Kind(u8),
    /// The body of this kind does not say what it must.
    Body(u8),
}

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length => f.write_str("a frame's length is wrong"),
            Self::Kind(kind) => write!(f, "frame kind {kind:#04x} must be understood and is not"),
            Self::Body(kind) => write!(f, "the body of a frame of kind {kind:#04x} is malformed"),
        }
    }
}

impl core::error::Error for Malformed {}

/// Writes a frame with its length to the front of `out`; gives how long it is.
///
/// # Errors
///
/// It does not fit: nothing in `out` means anything.
pub fn encode(frame: &Frame<'_>, out: &mut [u8]) -> Result<usize, NoRoom> {
    let (head, body) = out.split_first_chunk_mut::<3>().ok_or(NoRoom)?;
    let (kind, length) = match frame {
        Frame::Hello(hello) => (kind::HELLO, write(body, &HelloBody::of(hello))?),
        Frame::Welcome(welcome) => {
            let body_of = WelcomeBody { doubt: welcome.doubt, hello: HelloBody::of(&welcome.hello) };
            (kind::WELCOME, write(body, &body_of)?)
        }
        Frame::Refused(reason) => (kind::REFUSED, write(body, &ReasonBody::of(*reason))?),
        Frame::Ping { nonce } => (kind::PING, write(body, &NonceBody { nonce: *nonce })?),
        Frame::Pong { nonce } => (kind::PONG, write(body, &NonceBody { nonce: *nonce })?),
        Frame::Lost(losses) => {
            (kind::LOST, write(body, &LostBody { lost: losses.iter().map(LossBody::of).collect() })?)
        }
        Frame::Noted(tags) => (
            kind::NOTED,
            write(body, &NotedBody { tags: tags.iter().map(|tag| TagBody::of(*tag)).collect() })?,
        ),
        Frame::Doubted => (kind::DOUBTED, 0),
        Frame::Cleared { birth } => (kind::CLEARED, write(body, &ClearedBody { birth: *birth })?),
        Frame::Data(piece) => (kind::DATA, write_piece(body, piece)?),
        Frame::Marks(marks) => (kind::MARKS, write_marks(body, marks)?),
        Frame::Close(reason) => (kind::CLOSE, write(body, &ReasonBody::of(*reason))?),
    };
    let [high, low] = u16::try_from(length + 1).map_err(|_| NoRoom)?.to_be_bytes();
    *head = [high, low, kind];
    Ok(head.len() + length)
}

fn write(room: &mut [u8], body: &impl Serialize) -> Result<usize, NoRoom> {
    postcard::to_slice(body, room).map(|written| written.len()).map_err(|_| NoRoom)
}

/// Writes what stands before the bytes of a piece, and these: the one copy that a message takes to be sent.
fn write_piece(room: &mut [u8], piece: &Piece<'_>) -> Result<usize, NoRoom> {
    let before = room.len();
    let rest = PieceHead::of(piece).write(room).ok_or(NoRoom)?;
    let head = before - rest.len();
    rest.get_mut(..piece.body.len()).ok_or(NoRoom)?.copy_from_slice(&piece.body);
    Ok(head + piece.body.len())
}

/// Almost every record has marks, so they are written and read by hand.
fn write_marks(room: &mut [u8], marks: &Marks) -> Result<usize, NoRoom> {
    let before = room.len();
    let rest = MarksBody::of(marks).write(room).ok_or(NoRoom)?;
    Ok(before - rest.len())
}

/// How many bytes the first of these frames take, as many of them as fit in so many bytes.
#[cfg(feature = "alloc")]
pub(crate) fn whole(frames: &[u8], most: usize) -> usize {
    if frames.len() <= most {
        return frames.len();
    }
    let mut end = 0;
    while let Some(length) = frames.get(end..).and_then(|rest| rest.first_chunk::<2>()) {
        let next = end + length.len() + usize::from(u16::from_be_bytes(*length));
        if next > most {
            break;
        }
        end = next;
    }
    end
}

/// The frames of an opened record, in order. After a malformed one there are no more.
#[derive(Clone, Debug)]
pub struct Frames<'r> {
    record: Body<'r>,
    /// How much of it is read.
    read: usize,
    skipped: u32,
}

impl<'r> Frames<'r> {
    /// The frames in what [`Opener::open`](super::Opener::open) gave. Pieces of messages borrow from it; made from
    /// `Bytes` (feature `alloc`), they are handles to a part of it.
    #[must_use]
    pub fn new(record: impl Into<Body<'r>>) -> Self {
        Self { record: record.into(), read: 0, skipped: 0 }
    }

    /// How many were not understood and need not be.
    #[must_use]
    pub const fn skipped(&self) -> u32 {
        self.skipped
    }

    /// The kind of the next frame, and where its body stands.
    #[inline(always)]
    fn cut(&mut self) -> Result<(u8, Range<usize>), Malformed> {
        let rest = self.record.get(self.read..).unwrap_or_default();
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(Malformed::Length)?;
        let frame = rest.get(..usize::from(u16::from_be_bytes(*length))).ok_or(Malformed::Length)?;
        let (kind, body) = frame.split_first().ok_or(Malformed::Length)?;
        self.read += length.len() + frame.len();
        Ok((*kind, self.read - body.len()..self.read))
    }

    #[inline(always)]
    fn data(&self, body: Range<usize>) -> Result<Piece<'r>, Malformed> {
        let end = body.end;
        let (lane, head, length) = piece(self.record.get(body).unwrap_or_default())?;
        let PieceHead { kind, number, offset, total, .. } = head;
        Ok(Piece { lane, kind, number, offset, total, body: self.record.part(end - length..end) })
    }

    /// Gives the next frame, if there is one. A frame is large beside a small message: it is given where it is made, since one
    /// that is made and then moved is waited for.
    #[inline(always)]
    pub(crate) fn give_next(&mut self, give: impl FnOnce(Frame<'r>)) -> Result<(), Malformed> {
        while self.read < self.record.len() {
            let malformed = match self.cut() {
                Ok((kind::DATA, body)) => match self.data(body) {
                    Ok(piece) => {
                        give(Frame::Data(piece));
                        return Ok(());
                    }
                    Err(malformed) => malformed,
                },
                Ok((kind, body)) => match control(kind, self.record.get(body).unwrap_or_default()) {
                    Ok(frame) => {
                        give(frame);
                        return Ok(());
                    }
                    Err(malformed) => malformed,
                },
                Err(malformed) => malformed,
            };
            match malformed {
                Malformed::Kind(kind) if kind >= MAY_BE_SKIPPED => self.skipped += 1,
                Malformed::Length | Malformed::Kind(_) | Malformed::Body(_) => {
                    self.read = self.record.len();
                    return Err(malformed);
                }
            }
        }
        Ok(())
    }

    /// Whether all of the record is read.
    #[cfg(feature = "alloc")]
    pub(crate) fn is_over(&self) -> bool {
        self.read >= self.record.len()
    }
}

impl<'r> Iterator for Frames<'r> {
    type Item = Result<Frame<'r>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut next = None;
        match self.give_next(|frame| next = Some(frame)) {
            Ok(()) => next.map(Ok),
            Err(malformed) => Some(Err(malformed)),
        }
    }
}

/// The lane and the head of a piece, and how many bytes stand behind it.
#[inline(always)]
fn piece(body: &[u8]) -> Result<(Lane, PieceHead, usize), Malformed> {
    let (head, rest) = PieceHead::read(body).ok_or(Malformed::Body(kind::DATA))?;
    let lane = head.lane().ok_or(Malformed::Body(kind::DATA))?;
    Ok((lane, head, rest.len()))
}

/// Any other frame. Apart, so that it stays out of the way of those that carry messages.
#[inline(never)]
fn control<'f>(kind: u8, body: &[u8]) -> Result<Frame<'f>, Malformed> {
    match kind {
        kind::HELLO => {
            read::<HelloBody>(body).and_then(HelloBody::hello).map(|hello| Frame::Hello(hello.into()))
        }
        kind::WELCOME => read::<WelcomeBody>(body).and_then(|WelcomeBody { doubt, hello }| {
            hello.hello().map(|hello| Frame::Welcome(Welcome { hello, doubt }.into()))
        }),
        kind::REFUSED => read::<ReasonBody>(body).and_then(ReasonBody::reason).map(Frame::Refused),
        kind::PING => read::<NonceBody>(body).map(|NonceBody { nonce }| Frame::Ping { nonce }),
        kind::PONG => read::<NonceBody>(body).map(|NonceBody { nonce }| Frame::Pong { nonce }),
        kind::LOST => {
            read::<LostBody>(body).and_then(|body| losses(&body.lost)).map(|lost| Frame::Lost(lost.into()))
        }
        kind::NOTED => {
            read::<NotedBody>(body).map(|body| Frame::Noted(body.tags.iter().map(TagBody::tag).collect()))
        }
        kind::DOUBTED => Some(Frame::Doubted),
        kind::CLEARED => read::<ClearedBody>(body).map(|ClearedBody { birth }| Frame::Cleared { birth }),
        kind::MARKS => MarksBody::read(body).map(|body| Frame::Marks(body.marks())),
        kind::CLOSE => read::<ReasonBody>(body).and_then(ReasonBody::reason).map(Frame::Close),
        unknown => return Err(Malformed::Kind(unknown)),
    }
    .ok_or(Malformed::Body(kind))
}

fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Option<T> {
    // What comes behind it was added by a later version.
    postcard::take_from_bytes(body).ok().map(|(body, _)| body)
}

#[derive(Serialize, Deserialize)]
struct ClearedBody {
    birth: u64,
}

#[derive(Serialize, Deserialize)]
struct HelloBody {
    start: u64,
    bits: [u8; 8],
    /// In microseconds.
    detect_within: u64,
    class: u8,
    keep: bool,
    lost: Vec<LossBody, MAX_LOSSES>,
    birth: u64,
    meant: Option<MeantBody>,
    marks: MarksBody,
    takes: TakesBody,
}

#[derive(Serialize, Deserialize)]
struct MeantBody {
    start: u64,
    bits: [u8; 8],
    birth: u64,
}

#[derive(Serialize, Deserialize)]
struct TakesBody {
    message: u32,
    record: u32,
    window: WindowBody,
}

impl HelloBody {
    fn of(hello: &Hello) -> Self {
        let Hello { incarnation, detect_within, class, keep, lost, birth, meant, marks, takes } = hello;
        Self {
            start: incarnation.start,
            bits: incarnation.bits.to_le_bytes(),
            detect_within: crate::time::micros(*detect_within),
            class: match class {
                PathClass::Direct => 0,
                PathClass::Relayed => 1,
            },
            keep: *keep,
            lost: lost.iter().map(LossBody::of).collect(),
            birth: *birth,
            meant: meant.map(|(incarnation, birth)| MeantBody {
                start: incarnation.start,
                bits: incarnation.bits.to_le_bytes(),
                birth,
            }),
            marks: MarksBody::of(marks),
            takes: TakesBody {
                message: takes.message,
                record: takes.record,
                window: WindowBody::of(takes.window),
            },
        }
    }

    fn hello(self) -> Option<Hello> {
        Some(Hello {
            incarnation: Incarnation::new(self.start, u64::from_le_bytes(self.bits)),
            detect_within: Duration::from_micros(self.detect_within),
            class: match self.class {
                0 => PathClass::Direct,
                1 => PathClass::Relayed,
                _ => return None,
            },
            keep: self.keep,
            lost: losses(&self.lost)?,
            birth: self.birth,
            meant: self.meant.map(|MeantBody { start, bits, birth }| {
                (Incarnation::new(start, u64::from_le_bytes(bits)), birth)
            }),
            marks: self.marks.marks(),
            takes: Takes {
                message: self.takes.message,
                record: self.takes.record,
                window: self.takes.window.window(),
            },
        })
    }
}

/// The hello stands last, so that both can grow.
#[derive(Serialize, Deserialize)]
struct WelcomeBody {
    doubt: bool,
    hello: HelloBody,
}

#[derive(Serialize, Deserialize)]
struct NonceBody {
    nonce: u32,
}

/// What stands before the bytes of a piece. It cannot grow: these come right behind it.
struct PieceHead {
    lane: u8,
    kind: u8,
    number: u64,
    offset: u32,
    total: u32,
}

const _: () =
    assert!(2 + 1 + 1 + 1 + 10 + 5 + 5 <= Piece::OVERHEAD, "the machine leaves enough room before a piece");

impl PieceHead {
    const fn of(piece: &Piece<'_>) -> Self {
        let lane = match piece.lane {
            Lane::Ordinary => 0,
            Lane::Urgent => 1,
        };
        Self { lane, kind: piece.kind, number: piece.number, offset: piece.offset, total: piece.total }
    }

    /// One behind the other, as serde would write them.
    fn write<'r>(&self, room: &'r mut [u8]) -> Option<&'r mut [u8]> {
        let Self { lane, kind, number, offset, total } = *self;
        let (places, rest) = room.split_first_chunk_mut()?;
        *places = [lane, kind];
        let rest = varint::put(rest, number)?;
        let rest = varint::put(rest, u64::from(offset))?;
        varint::put(rest, u64::from(total))
    }

    /// The same, as serde would read them.
    #[inline(always)]
    fn read(body: &[u8]) -> Option<(Self, &[u8])> {
        let ([lane, kind], rest) = body.split_first_chunk()?;
        let (number, rest) = varint::take::<64>(rest)?;
        let (offset, rest) = varint::take::<32>(rest)?;
        let (total, rest) = varint::take::<32>(rest)?;
        let (offset, total) = (u32::try_from(offset).ok()?, u32::try_from(total).ok()?);
        Some((Self { lane: *lane, kind: *kind, number, offset, total }, rest))
    }

    const fn lane(&self) -> Option<Lane> {
        match self.lane {
            0 => Some(Lane::Ordinary),
            1 => Some(Lane::Urgent),
            _ => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct MarksBody {
    ordinary: LaneBody,
    urgent: LaneBody,
    open: WindowBody,
}

impl MarksBody {
    const fn of(marks: &Marks) -> Self {
        let PerLane { ordinary, urgent } = &marks.lanes;
        Self {
            ordinary: LaneBody::of(ordinary),
            urgent: LaneBody::of(urgent),
            open: WindowBody::of(marks.open),
        }
    }

    const fn marks(&self) -> Marks {
        let lanes = PerLane { ordinary: self.ordinary.marks(), urgent: self.urgent.marks() };
        Marks { lanes, open: self.open.window() }
    }

    /// One behind the other, as serde would write them.
    fn write<'r>(&self, room: &'r mut [u8]) -> Option<&'r mut [u8]> {
        let rest = self.urgent.write(self.ordinary.write(room)?)?;
        self.open.write(rest)
    }

    /// The same, as serde would read them. What comes behind was added by a later version.
    fn read(body: &[u8]) -> Option<Self> {
        let (ordinary, rest) = LaneBody::read(body)?;
        let (urgent, rest) = LaneBody::read(rest)?;
        Some(Self { ordinary, urgent, open: WindowBody::read(rest)? })
    }
}

#[derive(Serialize, Deserialize)]
struct LaneBody {
    number: u64,
    offset: u32,
    taken: u64,
}

impl LaneBody {
    const fn of(lane: &LaneMarks) -> Self {
        Self { number: lane.received.number, offset: lane.received.offset, taken: lane.taken }
    }

    const fn marks(&self) -> LaneMarks {
        LaneMarks { received: Place { number: self.number, offset: self.offset }, taken: self.taken }
    }

    fn write<'r>(&self, room: &'r mut [u8]) -> Option<&'r mut [u8]> {
        let rest = varint::put(room, self.number)?;
        let rest = varint::put(rest, u64::from(self.offset))?;
        varint::put(rest, self.taken)
    }

    #[inline(always)]
    fn read(body: &[u8]) -> Option<(Self, &[u8])> {
        let (number, rest) = varint::take::<64>(body)?;
        let (offset, rest) = varint::take::<32>(rest)?;
        let (taken, rest) = varint::take::<64>(rest)?;
        Some((Self { number, offset: u32::try_from(offset).ok()?, taken }, rest))
    }
}

#[derive(Serialize, Deserialize)]
struct WindowBody {
    bytes: u32,
    messages: u32,
}

impl WindowBody {
    const fn of(window: Window) -> Self {
        Self { bytes: window.bytes, messages: window.messages }
    }

    const fn window(&self) -> Window {
        Window { bytes: self.bytes, messages: self.messages }
    }

    fn write<'r>(&self, room: &'r mut [u8]) -> Option<&'r mut [u8]> {
        varint::put(varint::put(room, u64::from(self.bytes))?, u64::from(self.messages))
    }

    #[inline(always)]
    fn read(body: &[u8]) -> Option<Self> {
        let (bytes, rest) = varint::take::<32>(body)?;
        let (messages, _) = varint::take::<32>(rest)?;
        Some(Self { bytes: u32::try_from(bytes).ok()?, messages: u32::try_from(messages).ok()? })
    }
}

#[derive(Serialize, Deserialize)]
struct LostBody {
    lost: Vec<LossBody, MAX_LOSSES>,
}

#[derive(Serialize, Deserialize)]
struct NotedBody {
    tags: Vec<TagBody, MAX_LOSSES>,
}

#[derive(Serialize, Deserialize)]
struct TagBody([u8; 8]);

impl TagBody {
    fn of(tag: LinkTag) -> Self {
        Self(tag.get().to_le_bytes())
    }

    fn tag(&self) -> LinkTag {
        LinkTag::new(u64::from_le_bytes(self.0))
    }
}

#[derive(Serialize, Deserialize)]
struct LossBody {
    tag: TagBody,
    reason: ReasonBody,
}

impl LossBody {
    fn of(loss: &Loss) -> Self {
        Self { tag: TagBody::of(loss.tag), reason: ReasonBody::of(loss.reason) }
    }

    fn loss(&self) -> Option<Loss> {
        Some(Loss { tag: self.tag.tag(), reason: self.reason.reason()? })
    }
}

fn losses(bodies: &[LossBody]) -> Option<Losses> {
    bodies.iter().map(LossBody::loss).collect()
}

/// A reason by its number, and what the system said where it has no number of its own.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct ReasonBody {
    number: u8,
    detail: i32,
}

impl ReasonBody {
    const fn of(reason: Reason) -> Self {
        let (number, detail) = match reason {
            Reason::Left => (0x01, 0),
            Reason::Forgotten => (0x02, 0),
            Reason::Silent => (0x03, 0),
            Reason::Superseded => (0x04, 0),
            Reason::Duplicate => (0x05, 0),
            Reason::Restarted => (0x06, 0),
            Reason::WrongPeer => (0x07, 0),
            Reason::OwnSelf => (0x08, 0),
            Reason::Conflict => (0x09, 0),
            Reason::ProtocolError => (0x0a, 0),
            Reason::Idle => (0x0b, 0),
            Reason::Shutdown => (0x0c, 0),
            Reason::Abandoned => (0x0d, 0),
            Reason::Refused(Refusal::NotListed) => (0x20, 0),
            Reason::Refused(Refusal::WrongMesh) => (0x21, 0),
            Reason::Refused(Refusal::WrongVersion) => (0x22, 0),
            Reason::Refused(Refusal::Full) => (0x23, 0),
            Reason::System(SystemError::Ended) => (0x30, 0),
            Reason::System(SystemError::Reset) => (0x31, 0),
            Reason::System(SystemError::Refused) => (0x32, 0),
            Reason::System(SystemError::Unreachable) => (0x33, 0),
            Reason::System(SystemError::TimedOut) => (0x34, 0),
            Reason::System(SystemError::Exhausted) => (0x35, 0),
            Reason::System(SystemError::Other(number)) => (0x3f, number),
        };
        Self { number, detail }
    }

    const fn reason(self) -> Option<Reason> {
        Some(match self.number {
            0x01 => Reason::Left,
            0x02 => Reason::Forgotten,
            0x03 => Reason::Silent,
            0x04 => Reason::Superseded,
            0x05 => Reason::Duplicate,
            0x06 => Reason::Restarted,
            0x07 => Reason::WrongPeer,
            0x08 => Reason::OwnSelf,
            0x09 => Reason::Conflict,
            0x0a => Reason::ProtocolError,
            0x0b => Reason::Idle,
            0x0c => Reason::Shutdown,
            0x0d => Reason::Abandoned,
            0x20 => Reason::Refused(Refusal::NotListed),
            0x21 => Reason::Refused(Refusal::WrongMesh),
            0x22 => Reason::Refused(Refusal::WrongVersion),
            0x23 => Reason::Refused(Refusal::Full),
            0x30 => Reason::System(SystemError::Ended),
            0x31 => Reason::System(SystemError::Reset),
            0x32 => Reason::System(SystemError::Refused),
            0x33 => Reason::System(SystemError::Unreachable),
            0x34 => Reason::System(SystemError::TimedOut),
            0x35 => Reason::System(SystemError::Exhausted),
            0x3f => Reason::System(SystemError::Other(self.detail)),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In a hello they stand as serde writes them.
        #[test]
        fn marks_are_written_as_postcard_writes_them(
            numbers in any::<[(u64, u32, u64); 2]>(),
            open in any::<(u32, u32)>(),
            short in any::<[u8; 8]>(),
            room in 0..64_usize,
        ) {
            let mut short = short.into_iter().map(u32::from);
            let mut long = |number: u64| number >> (short.next().unwrap_or_default() % 64);
            let [ordinary, urgent] = numbers.map(|(number, offset, taken)| {
                let offset = long(u64::from(offset) << 32) >> 32;
                LaneBody { number: long(number), offset: offset as u32, taken: long(taken) }
            });
            let marks = MarksBody { ordinary, urgent, open: WindowBody { bytes: open.0, messages: open.1 } };
            let (mut ours, mut theirs) = ([0xaa; 64], [0xaa; 64]);
            let length = write_marks(ours.get_mut(..room).unwrap_or_default(), &marks.marks());
            let said = write(theirs.get_mut(..room).unwrap_or_default(), &marks);
            prop_assert_eq!(length.is_ok(), said.is_ok());
            if let (Ok(length), Ok(said)) = (length, said) {
                prop_assert_eq!(ours.get(..length), theirs.get(..said));
            }
        }

        #[test]
        fn marks_are_read_as_postcard_reads_them(
            bytes in vec(prop_oneof![4 => 0..=0x7f_u8, 1 => any::<u8>(), 1 => Just(0xff)], 0..40),
        ) {
            let ours = MarksBody::read(&bytes).map(|body| body.marks());
            prop_assert_eq!(ours, read::<MarksBody>(&bytes).map(|body| body.marks()));
        }
    }
}
