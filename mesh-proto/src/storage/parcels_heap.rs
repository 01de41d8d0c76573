//! Messages on the heap: handles that are moved, and bytes that are copied only where pieces are put together.

extern crate alloc;

use alloc::vec::Vec;
use core::mem::take;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::parcels::Written;
use super::row::Row;
use super::{Full, Parcels, Plain};
use crate::body::{Body, Handed};
use crate::message::{Lane, PerLane};

/// Messages on the heap.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct HeapParcels<H: Plain>(PerLane<Row<Parcel<H>>>);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "", from = "Written<H>", into = "Written<H>")]
struct Parcel<H: Plain> {
    header: H,
    bytes: Held,
}

/// The bytes of a message.
#[derive(Clone, Debug)]
enum Held {
    /// A handle to all of them, until it is given up.
    Whole(Option<Bytes>),
    /// Those that have come so far, of so many.
    Growing(Vec<u8>, usize),
}

impl Held {
    fn body(&self) -> Body<'_> {
        match self {
            Self::Whole(bytes) => bytes.as_ref().map_or(Body::EMPTY, Body::from),
            Self::Growing(bytes, _) => bytes.as_slice().into(),
        }
    }
}

impl<H: Plain> From<Parcel<H>> for Written<H> {
    fn from(parcel: Parcel<H>) -> Self {
        let len = parcel.bytes.body().len();
        let total = match &parcel.bytes {
            Held::Whole(_) => len,
            Held::Growing(_, total) => *total,
        };
        Self::new(parcel.header, len, total)
    }
}

impl<H: Plain> From<Written<H>> for Parcel<H> {
    fn from(written: Written<H>) -> Self {
        let (len, total) = written.lengths();
        let bytes = alloc::vec![0; len];
        let bytes = if len < total { Held::Growing(bytes, total) } else { Held::Whole(Some(bytes.into())) };
        Self { header: written.header, bytes }
    }
}

impl<H: Plain> Default for HeapParcels<H> {
    fn default() -> Self {
        Self(PerLane { ordinary: Row::default(), urgent: Row::default() })
    }
}

impl<H: Plain> Parcels<H> for HeapParcels<H> {
    const EACH: usize = size_of::<Parcel<H>>();

    type Whole<'a>
        = &'a Bytes
    where
        Self: 'a,
        H: 'a;

    fn len(&self, lane: Lane) -> usize {
        self.0.of(lane).len()
    }

    fn header(&self, lane: Lane, at: usize) -> Option<&H> {
        self.0.of(lane).get(at).map(|parcel| &parcel.header)
    }

    fn body(&self, lane: Lane, at: usize) -> Body<'_> {
        self.0.of(lane).get(at).map_or(Body::EMPTY, |parcel| parcel.bytes.body())
    }

    fn whole_from<'a>(&'a self, lane: Lane, at: usize) -> impl Iterator<Item = (&'a H, &'a Bytes)>
    where
        H: 'a,
    {
        self.0.of(lane).iter_from(at).map_while(|parcel| match &parcel.bytes {
            Held::Whole(bytes) => Some((&parcel.header, bytes.as_ref()?)),
            Held::Growing(..) => None,
        })
    }

    #[inline(always)]
    fn push(&mut self, lane: Lane, header: H, body: &mut Body<'_>, total: usize) -> Result<(), Full> {
        let growing = if body.len() < total { Some(first(body, total)?) } else { None };
        let row = self.0.of_mut(lane);
        if row.is_full() {
            row.grow(Parcel { header: header.clone(), bytes: Held::Whole(None) })?;
        }
        let place = row.begin().ok_or(Full)?;
        place.header = header;
        if let Some(bytes) = growing {
            place.bytes = Held::Growing(bytes, total);
        } else if let Some(bytes) = body.take_handle() {
            place.bytes = Held::Whole(Some(bytes));
        } else {
            place.bytes = Held::Whole(Some(body.lend().into_bytes()));
        }
        Ok(())
    }

    fn extend(&mut self, lane: Lane, body: &Body<'_>) -> Result<(), Full> {
        let last = self.0.of_mut(lane).last_mut().ok_or(Full)?;
        match &mut last.bytes {
            Held::Whole(_) => return Err(Full),
            Held::Growing(bytes, total) => {
                bytes.try_reserve(body.len()).map_err(|_| Full)?;
                bytes.extend_from_slice(body);
                if bytes.len() >= *total {
                    last.bytes = Held::Whole(Some(take(bytes).into()));
                }
            }
        }
        Ok(())
    }

    fn give_up(&mut self, lane: Lane, at: usize, to: impl FnOnce(&mut H, Handed<'_>)) {
        if let Some(parcel) = self.0.of_mut(lane).get_mut(at) {
            match &mut parcel.bytes {
                Held::Whole(bytes) => to(&mut parcel.header, bytes.into()),
                Held::Growing(bytes, _) => to(&mut parcel.header, bytes.as_slice().into()),
            }
            parcel.bytes = Held::Whole(None);
        }
    }

    fn remove(&mut self, lane: Lane, at: usize) -> Option<H> {
        let parcel = self.0.of_mut(lane).remove(at)?;
        parcel.bytes = Held::Whole(None);
        Some(parcel.header.clone())
    }
}

/// The first bytes of a message, with room for all.
fn first(bytes: &[u8], total: usize) -> Result<Vec<u8>, Full> {
    let mut all = Vec::new();
    all.try_reserve_exact(total).map_err(|_| Full)?;
    all.extend_from_slice(bytes);
    Ok(all)
}
