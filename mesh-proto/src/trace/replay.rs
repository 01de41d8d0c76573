//! Reading a trace, and having a machine go through it again.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::difference::{Difference, Differs, Unreplayable};
use super::format::{FORMAT, Kind, MAGIC};
use super::order::Order;
use super::reading::{self, Item, Stop};
use super::recorder::{BUILD, Start};
use crate::event::Event;
use crate::machine::{Answer, Mesh};
use crate::rules::Rules;
use crate::storage::Storage;
use crate::time::{Now, Wait};

/// What came of a replay that found no difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many segments there were.
    pub segments: u64,
    /// How many events.
    pub events: u64,
    /// How many actions they led to.
    pub actions: u64,
    /// Where the last record begins, if it is cut short. Everything before it was replayed.
    pub cut_short: Option<usize>,
}

/// Replays a trace, or one segment of it, from its beginning to its end.
///
/// The tables may be of another kind than those that were recorded, as long as the machine fits in.
///
/// # Errors
///
/// The first difference, or why there can be none: see [`Unreplayable`].
pub fn replay<S: Storage, R: Rules>(trace: &[u8]) -> Result<Report, Unreplayable> {
    let mut replay = Replay::<'_, S, R>::new(trace)?;
    while replay.step()?.is_some() {}
    Ok(replay.report())
}

/// A replay, event by event: to look at the machine, and to explain its peers, between any two.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use mesh_proto::trace::{Replay, Unreplayable};
/// use mesh_proto::{Heap, Shipped};
///
/// fn show(trace: &[u8], until: u64) -> Result<(), Unreplayable> {
///     let mut replay = Replay::<Heap, Shipped>::new(trace)?;
///     while let Some(step) = replay.step()? {
///         println!("{} {:?} {:?} -> {:?}", step.number, step.now.awake, step.event, step.actions);
///         if step.number == until {
///             println!("{:?}", replay.mesh().peers().collect::<Vec<_>>());
///         }
///     }
///     Ok(())
/// }
/// # assert_eq!(show(b"", 0), Err(Unreplayable::NotATrace));
/// # }
/// ```
#[derive(Debug)]
pub struct Replay<'t, S: Storage, R: Rules> {
    trace: &'t [u8],
    at: usize,
    mesh: Box<Mesh<S, R>>,
    /// The number of the next event.
    number: u64,
    report: Report,
}

/// One event of a replay, and what it led to: the same as is in the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number, from 0.
    pub number: u64,
    /// Its time.
    pub now: Now,
    /// The event.
    pub event: Event<'static>,
    /// The actions, in their order.
    pub actions: Vec<Order>,
    /// The answer, and the time to wait until; `None` when the turn was not carried out to its end.
    pub end: Option<(Answer, Wait)>,
}

impl<'t, S: Storage, R: Rules> Replay<'t, S, R> {
    /// Begins with the first segment in `trace`.
    ///
    /// # Errors
    ///
    /// Why that cannot be replayed.
    pub fn new(trace: &'t [u8]) -> Result<Self, Unreplayable> {
        let Ok((Item::Magic { format }, len)) = reading::read(trace) else {
            return Err(Unreplayable::NotATrace);
        };
        let mut reader = Reader { trace, at: len };
        let (start, mesh) = reader.segment::<S, R>(format)?;
        let report = Report { segments: 1, ..Report::default() };
        Ok(Self { trace, at: reader.at, mesh, number: start.events, report })
    }

    /// Replays the next event and compares what it leads to; `None` at the end.
    ///
    /// # Errors
    ///
    /// A difference, or what is wrong with the trace. There is no going on after that.
    pub fn step(&mut self) -> Result<Option<Step>, Unreplayable> {
        let mut reader = Reader { trace: self.trace, at: self.at };
        loop {
            let at = reader.at;
            match reader.next() {
                Ok(Item::Magic { format }) => {
                    let (start, mesh) = reader.segment::<S, R>(format)?;
                    self.enter(start, mesh)?;
                }
                Ok(Item::Record { kind: Kind::Event, body }) => {
                    let (now, event) = decode(body).ok_or(Unreplayable::unreadable(at, Kind::Event))?;
                    let step = self.one(&mut reader, now, event)?;
                    self.at = reader.at;
                    return Ok(Some(step));
                }
                Ok(Item::Record {
                    kind: kind @ (Kind::Start | Kind::Snapshot | Kind::Action | Kind::End),
                    ..
                }) => return Err(Unreplayable::misplaced(at, kind)),
                Err(Stop::End) => return Ok(None),
                Err(Stop::CutShort) => {
                    self.report.cut_short = Some(at);
                    return Ok(None);
                }
                Err(Stop::Damaged) => return Err(Unreplayable::Damaged { at }),
            }
            self.at = reader.at;
        }
    }

    /// The machine, after the last step.
    #[must_use]
    pub fn mesh(&self) -> &Mesh<S, R> {
        &self.mesh
    }

    /// What was replayed so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.report
    }

    /// A further segment begins: its snapshot is to be what the one before ended with.
    fn enter(&mut self, start: Start<'_>, mesh: Box<Mesh<S, R>>) -> Result<(), Unreplayable> {
        if start.continues {
            if let Some(byte) = first_difference(&*mesh, &*self.mesh) {
                let differs = Differs::State { byte };
                let difference = Difference { event: start.events, told: None, differs };
                return Err(Unreplayable::Different(Box::new(difference)));
            }
        } else {
            self.mesh = mesh;
        }
        self.number = start.events;
        self.report.segments += 1;
        Ok(())
    }

    /// Replays one event, whose actions and end come next.
    fn one(
        &mut self,
        reader: &mut Reader<'t>,
        now: Now,
        event: Event<'static>,
    ) -> Result<Step, Unreplayable> {
        let recorded = reader.turn()?;
        let turn = self.mesh.handle(now, event.clone());
        let answer = turn.answer();
        let (mut actions, mut end) = (Vec::new(), None);
        // Without an end the turn was dropped, or what carried it out did not get to its end.
        if recorded.end.is_some() || !recorded.actions.is_empty() {
            let wait = turn.carry_out(|action| actions.push(Order::from(action)));
            if recorded.end.is_some() {
                end = Some((answer, wait));
            } else {
                actions.truncate(recorded.actions.len());
            }
        }
        if let Some(differs) = recorded.differs_from(&actions, end) {
            let difference = Difference { event: self.number, told: Some((now, event)), differs };
            return Err(Unreplayable::Different(Box::new(difference)));
        }
        let number = self.number;
        self.number = number.saturating_add(1);
        self.report.events += 1;
        self.report.actions += actions.len() as u64;
        Ok(Step { number, now, event, actions, end })
    }
}

/// What a trace says of a turn.
struct Recorded {
    actions: Vec<Order>,
    end: Option<(Answer, Wait)>,
}

impl Recorded {
    fn differs_from(&self, actions: &[Order], end: Option<(Answer, Wait)>) -> Option<Differs> {
        let boxed = |order: Option<&Order>| order.cloned().map(Box::new);
        let most = self.actions.len().max(actions.len());
        let pairs = (0..most).map(|nth| (nth, self.actions.get(nth), actions.get(nth)));
        for (nth, expected, got) in pairs {
            if expected != got {
                return Some(Differs::Action { nth, expected: boxed(expected), got: boxed(got) });
            }
        }
        let ((expected_answer, expected), (answer, got)) = (self.end?, end?);
        if expected_answer != answer {
            return Some(Differs::Answer { expected: expected_answer, got: answer });
        }
        (expected != got).then_some(Differs::Wait { expected, got })
    }
}

/// Reads items one by one.
struct Reader<'t> {
    trace: &'t [u8],
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Result<(Item<'t>, usize), Stop> {
        self.trace.get(self.at..).map_or(Err(Stop::End), reading::read)
    }

    fn next(&mut self) -> Result<Item<'t>, Stop> {
        let (item, len) = self.peek()?;
        self.at = self.at.saturating_add(len);
        Ok(item)
    }

    /// The record that must stand here.
    fn expect(&mut self, wanted: Kind) -> Result<&'t [u8], Unreplayable> {
        let at = self.at;
        match self.next() {
            Ok(Item::Record { kind, body }) if kind == wanted => Ok(body),
            Ok(Item::Record { kind, .. }) => Err(Unreplayable::misplaced(at, kind)),
            Ok(Item::Magic { .. }) => Err(Unreplayable::misplaced(at, Kind::Start)),
            Err(Stop::End | Stop::CutShort | Stop::Damaged) => Err(Unreplayable::Damaged { at }),
        }
    }

    /// What stands behind the magic number of a segment.
    fn segment<S: Storage, R: Rules>(
        &mut self,
        format: u8,
    ) -> Result<(Start<'t>, Box<Mesh<S, R>>), Unreplayable> {
        if format != FORMAT {
            return Err(Unreplayable::OtherFormat { found: format });
        }
        let at = self.at;
        let unreadable = Unreplayable::unreadable(at, Kind::Start);
        let (start, rules) =
            postcard::take_from_bytes::<Start<'t>>(self.expect(Kind::Start)?).map_err(|_| unreadable)?;
        if start.build != BUILD {
            return Err(Unreplayable::OtherBuild { found: String::from(start.build) });
        }
        let rules = decode::<R>(rules).ok_or(Unreplayable::OtherRules)?;
        Mesh::<S, R>::check(&start.config).map_err(Unreplayable::DoesNotFit)?;
        let at = self.at;
        let body = self.expect(Kind::Snapshot)?;
        let mesh: Box<Mesh<S, R>> = decode(body).ok_or(Unreplayable::unreadable(at, Kind::Snapshot))?;
        if first_difference(&mesh.rules, &rules).is_some() || mesh.config != start.config {
            return Err(Unreplayable::unreadable(at, Kind::Snapshot));
        }
        Ok((start, mesh))
    }

    /// The actions and the end that follow an event, as far as there are any.
    fn turn(&mut self) -> Result<Recorded, Unreplayable> {
        let mut actions = Vec::new();
        loop {
            let at = self.at;
            match self.peek() {
                Ok((Item::Record { kind: Kind::Action, body }, len)) => {
                    actions.push(decode(body).ok_or(Unreplayable::unreadable(at, Kind::Action))?);
                    self.at = at.saturating_add(len);
                }
                Ok((Item::Record { kind: Kind::End, body }, len)) => {
                    let end = decode(body).ok_or(Unreplayable::unreadable(at, Kind::End))?;
                    self.at = at.saturating_add(len);
                    return Ok(Recorded { actions, end: Some(end) });
                }
                // A turn that was begun is carried out to its end, or a segment begins.
                Ok((Item::Record { kind: Kind::Event, .. }, _)) if !actions.is_empty() => {
                    return Err(Unreplayable::misplaced(at, Kind::Event));
                }
                Ok((
                    Item::Magic { .. }
                    | Item::Record { kind: Kind::Event | Kind::Start | Kind::Snapshot, .. },
                    _,
                ))
                | Err(Stop::End | Stop::CutShort) => return Ok(Recorded { actions, end: None }),
                Err(Stop::Damaged) => return Err(Unreplayable::Damaged { at }),
            }
        }
    }
}

/// One segment of a trace: a trace of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'t> {
    /// Where it begins in the whole.
    pub at: usize,
    /// All of it, to be kept or replayed alone.
    pub bytes: &'t [u8],
    /// The number of its first event in the whole.
    pub first_event: u64,
}

/// The segments of a trace, in their order, also those behind damage.
pub fn segments(trace: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut next = find_segment(trace, 0);
    core::iter::from_fn(move || {
        let (at, first_event) = next?;
        next = find_segment(trace, at.saturating_add(MAGIC.len() + 1));
        let end = next.map_or(trace.len(), |(at, _)| at);
        Some(Segment { at, bytes: trace.get(at..end)?, first_event })
    })
}

/// Where the first segment at or behind `from` begins, which is where an item does, and the number of its first event.
fn find_segment(trace: &[u8], from: usize) -> Option<(usize, u64)> {
    let mut reader = Reader { trace, at: from };
    loop {
        let at = reader.at;
        match reader.next() {
            Ok(Item::Magic { .. }) => {
                if let Ok((Item::Record { kind: Kind::Start, body }, _)) = reader.peek()
                    && let Ok((start, _)) = postcard::take_from_bytes::<Start<'_>>(body)
                {
                    return Some((at, start.events));
                }
            }
            Ok(Item::Record { .. }) => {}
            Err(Stop::End) => return None,
            // Behind damage nobody knows where a record begins, but a segment can be told.
            Err(Stop::CutShort | Stop::Damaged) => {
                let rest = trace.get(at.saturating_add(1)..)?;
                let found = rest.windows(MAGIC.len()).position(|bytes| bytes == MAGIC)?;
                reader.at = at.saturating_add(1).saturating_add(found);
            }
        }
    }
}

/// A value that takes all of these bytes.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        Ok(_) | Err(_) => None,
    }
}

/// The first byte in which two values differ.
fn first_difference(one: &impl Serialize, other: &impl Serialize) -> Option<usize> {
    // Values of this crate can always be written: they know how long they are.
    let (one, other) = (postcard::to_allocvec(one).ok()?, postcard::to_allocvec(other).ok()?);
    let alike = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    (alike < one.len().max(other.len())).then_some(alike)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Peers;
    use crate::storage::Heap;

    /// A list that is said to hold as many as can be said is not made room for.
    #[test]
    fn a_length_that_lies_is_not_believed() {
        const MOST: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        // The event of the seventh kind, about link 1, at time 0.
        let event = [&[0, 0, 6, 1][..], &MOST, &[3, 1]].concat();
        assert_eq!(decode::<(Now, Event<'static>)>(&event), None);
        assert!(decode::<Peers<Heap>>(&[&MOST[..], &[0, 0]].concat()).is_none());
        // Told truly, the same is read.
        let event = [0, 0, 6, 1, 1, 3, 7];
        assert!(
            matches!(decode::<(Now, Event<'_>)>(&event), Some((_, Event::Frames { frames, .. })) if frames.len() == 1)
        );
    }
}
