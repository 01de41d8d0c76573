//! The rows in which messages wait: every step does to each kind of table what it does to two plain rows, and both are
//! written alike (R13).

use alloc::vec;
use alloc::vec::Vec;

use mesh_proto::storage::{FixedParcels, Full, HeapParcels, Parcels};
use mesh_proto::{Body, Lane};
use proptest::prelude::*;

/// What fits in place here.
const BYTES: usize = 40;
const MESSAGES: usize = 5;

type InPlace = FixedParcels<u16, BYTES, MESSAGES>;
type OnTheHeap = HeapParcels<u16>;

#[derive(Clone, Debug)]
enum Step {
    /// Of so many bytes so many come at first, as far as that is fewer.
    Push {
        lane: Lane,
        total: usize,
        first: usize,
    },
    /// As many more, if as many are missing.
    Extend {
        lane: Lane,
        more: usize,
    },
    GiveUp {
        lane: Lane,
        at: usize,
    },
    Remove {
        lane: Lane,
        at: usize,
    },
}

/// A message as the model has it.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    header: u16,
    body: Vec<u8>,
    total: usize,
}

/// Two plain rows, and what goes into them next.
#[derive(Default)]
struct Model {
    ordinary: Vec<Told>,
    urgent: Vec<Told>,
    next: u8,
}

impl Model {
    fn row(&mut self, lane: Lane) -> &mut Vec<Told> {
        match lane {
            Lane::Ordinary => &mut self.ordinary,
            Lane::Urgent => &mut self.urgent,
        }
    }

    /// Bytes that nobody else has.
    fn fresh(&mut self, len: usize) -> Vec<u8> {
        let bytes = (0..len).map(|at| self.next.wrapping_add(at as u8).max(1)).collect();
        self.next = self.next.wrapping_add(len as u8);
        bytes
    }

    /// Whether so many bytes, once all have come, fit beside all that will have.
    fn fits(&self, total: usize) -> bool {
        let all = || self.ordinary.iter().chain(&self.urgent);
        all().count() < MESSAGES && all().map(|told| told.total).sum::<usize>() + total <= BYTES
    }

    /// What a table has, in the form of a model.
    fn of(parcels: &impl Parcels<u16>, totals: &Self) -> Self {
        let row = |lane: Lane, totals: &[Told]| {
            let told = |at| Told {
                header: *parcels.header(lane, at).expect("it is one of them"),
                body: parcels.body(lane, at).to_vec(),
                total: totals.get(at).map_or(0, |told| told.total),
            };
            (0..parcels.len(lane)).map(told).collect()
        };
        let (ordinary, urgent) = (row(Lane::Ordinary, &totals.ordinary), row(Lane::Urgent, &totals.urgent));
        Self { ordinary, urgent, next: totals.next }
    }

    fn take(&mut self, parcels: &mut impl Parcels<u16>, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Push { lane, total, first } => {
                let body = self.fresh(first.min(total));
                let header = u16::from(self.next);
                if self.fits(total) {
                    prop_assert_eq!(parcels.push(lane, header, &mut Body::from(&body[..]), total), Ok(()));
                    self.row(lane).push(Told { header, body, total });
                }
            }
            Step::Extend { lane, more } => {
                let bytes = self.fresh(more);
                let body = Body::from(&bytes[..]);
                match self.row(lane).last_mut() {
                    None => prop_assert_eq!(parcels.extend(lane, &body), Err(Full)),
                    Some(told) if told.body.len() + more <= told.total && more > 0 => {
                        prop_assert_eq!(parcels.extend(lane, &body), Ok(()));
                        told.body.extend(bytes);
                    }
                    Some(_) => {}
                }
            }
            Step::GiveUp { lane, at } => {
                let mut given = None;
                parcels.give_up(lane, at, |header, body| {
                    given = Some((*header, body.to_vec()));
                    *header += 1000;
                });
                let told = self.row(lane).get_mut(at).map(|told| {
                    (told.header, told.total) = (told.header + 1000, 0);
                    (told.header - 1000, core::mem::take(&mut told.body))
                });
                prop_assert_eq!(given, told);
            }
            Step::Remove { lane, at } => {
                let row = self.row(lane);
                let told = (at < row.len()).then(|| row.remove(at).header);
                prop_assert_eq!(parcels.remove(lane, at), told);
            }
        }
        Ok(())
    }

    /// The same, all zero: what is left of it in a snapshot.
    fn zeroed(mut self) -> Self {
        for told in self.ordinary.iter_mut().chain(&mut self.urgent) {
            told.body.fill(0);
        }
        self
    }
}

/// Takes every step, and holds what there is against the model; gives what is written after each.
fn follow<P: Parcels<u16>>(steps: &[Step]) -> Result<Vec<Vec<u8>>, TestCaseError> {
    let (mut parcels, mut model) = (P::default(), Model::default());
    let mut snapshots = Vec::new();
    for step in steps {
        model.take(&mut parcels, step)?;
        let there = Model::of(&parcels, &model);
        prop_assert_eq!((&there.ordinary, &there.urgent), (&model.ordinary, &model.urgent));
        for (lane, len) in [(Lane::Ordinary, model.ordinary.len()), (Lane::Urgent, model.urgent.len())] {
            prop_assert_eq!((parcels.header(lane, len), parcels.body(lane, len).len()), (None, 0));
        }
        let written = postcard::to_allocvec(&parcels).expect("it can be written");
        let mut again: P = postcard::from_bytes(&written).expect("what was written can be read");
        let (left, zeroed) = (Model::of(&again, &model), there.zeroed());
        prop_assert_eq!((&left.ordinary, &left.urgent), (&zeroed.ordinary, &zeroed.urgent));
        for (lane, row) in [(Lane::Ordinary, &model.ordinary), (Lane::Urgent, &model.urgent)] {
            if let Some(told) = row.last().filter(|told| told.body.len() < told.total) {
                let rest = vec![7; told.total - told.body.len()];
                prop_assert_eq!(
                    again.extend(lane, &Body::from(&rest[..])),
                    Ok(()),
                    "what began can be ended"
                );
                prop_assert_eq!(again.body(lane, row.len() - 1).len(), told.total);
            }
        }
        snapshots.push(written);
    }
    Ok(snapshots)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lane = || prop_oneof![Just(Lane::Ordinary), Just(Lane::Urgent)];
    let step = prop_oneof![
        3 => (lane(), 0..16usize, 0..16usize).prop_map(|(lane, total, first)| Step::Push { lane, total, first }),
        3 => (lane(), 0..6usize).prop_map(|(lane, more)| Step::Extend { lane, more }),
        2 => (lane(), 0..4usize).prop_map(|(lane, at)| Step::GiveUp { lane, at }),
        2 => (lane(), 0..4usize).prop_map(|(lane, at)| Step::Remove { lane, at }),
    ];
    proptest::collection::vec(step, 0..40)
}

proptest! {
    #[test]
    fn r13_messages_wait_in_two_rows(steps in steps()) {
        prop_assert_eq!(follow::<InPlace>(&steps)?, follow::<OnTheHeap>(&steps)?);
    }
}

/// Rows of one message after another, each all there.
fn rows<P: Parcels<u16>>(lens: &[usize]) -> P {
    let mut parcels = P::default();
    for (header, len) in (0..).zip(lens) {
        let body = vec![1; *len];
        parcels.push(Lane::Ordinary, header, &mut Body::from(&body[..]), *len).expect("there is room");
    }
    parcels
}

#[test]
fn r17_in_place_a_message_is_refused_that_could_not_come_whole() {
    let mut parcels = rows::<InPlace>(&[30]);
    assert_eq!(parcels.push(Lane::Urgent, 1, &mut Body::from(&[1; 2]), 11), Err(Full));
    assert_eq!(parcels.push(Lane::Urgent, 1, &mut Body::from(&[1; 2]), 10), Ok(()));
    assert_eq!(parcels.extend(Lane::Urgent, &Body::from(&[1; 9])), Err(Full));
    assert_eq!(parcels.body(Lane::Urgent, 0).len(), 2, "nothing has changed");
    assert_eq!(parcels.extend(Lane::Urgent, &Body::from(&[1; 8])), Ok(()));

    let mut parcels = rows::<InPlace>(&[0; MESSAGES]);
    assert_eq!(parcels.push(Lane::Ordinary, 9, &mut Body::default(), 0), Err(Full));
    assert_eq!(parcels.len(Lane::Ordinary), MESSAGES);
}

#[test]
fn r17_what_is_restored_takes_no_more_room_than_there_is() {
    let lens = |written: &[u8]| -> Vec<usize> {
        let parcels: InPlace = postcard::from_bytes(written).expect("it can be read");
        (0..parcels.len(Lane::Ordinary)).map(|at| parcels.body(Lane::Ordinary, at).len()).collect()
    };
    let written =
        |lens: &[usize]| postcard::to_allocvec(&rows::<OnTheHeap>(lens)).expect("it can be written");
    assert_eq!(lens(&written(&[30, 10])), [30, 10]);
    assert_eq!(lens(&written(&[30, 11, 1])), [30], "what is behind it is left out too");

    // A message that says of itself that it has four billion bytes.
    let row = vec![(1_u16, u32::MAX, u32::MAX)];
    let claimed = postcard::to_allocvec(&(row, Vec::<(u16, u32, u32)>::new())).expect("it can be written");
    assert_eq!(lens(&claimed), []);
    let parcels: OnTheHeap = postcard::from_bytes(&claimed).expect("it can be read");
    assert_eq!(parcels.body(Lane::Ordinary, 0).len(), 1 << 24);
}
