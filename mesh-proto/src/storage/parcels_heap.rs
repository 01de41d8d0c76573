//! Messages on the heap: handles that are moved, and bytes that are copied only where pieces are put together.

extern crate alloc;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::parcels::Written;
use super::{Full, Parcels, Plain};
use crate::body::Body;
use crate::message::{Lane, PerLane};

/// Messages on the heap.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct HeapParcels<H: Plain>(PerLane<VecDeque<Parcel<H>>>);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "", from = "Written<H>", into = "Written<H>")]
struct Parcel<H: Plain> {
    header: H,
    bytes: Held,
}

/// The bytes of a message.
#[derive(Clone, Debug)]
enum Held {
    /// A handle to all of them.
    Whole(Bytes),
    /// Those that have come so far, of so many.
    Growing(Vec<u8>, usize),
}

impl Held {
    fn body(&self) -> Body<'_> {
        match self {
            Self::Whole(bytes) => bytes.into(),
            Self::Growing(bytes, _) => bytes.as_slice().into(),
        }
    }
}

impl<H: Plain> From<Parcel<H>> for Written<H> {
    fn from(parcel: Parcel<H>) -> Self {
        let (len, total) = match &parcel.bytes {
            Held::Whole(bytes) => (bytes.len(), bytes.len()),
            Held::Growing(bytes, total) => (bytes.len(), *total),
        };
        Self::new(parcel.header, len, total)
    }
}

impl<H: Plain> From<Written<H>> for Parcel<H> {
    fn from(written: Written<H>) -> Self {
        let (len, total) = written.lengths();
        let bytes = alloc::vec![0; len];
        let bytes = if len < total { Held::Growing(bytes, total) } else { Held::Whole(bytes.into()) };
        Self { header: written.header, bytes }
    }
}

impl<H: Plain> Default for HeapParcels<H> {
    fn default() -> Self {
        Self(PerLane { ordinary: VecDeque::new(), urgent: VecDeque::new() })
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

    fn header_mut(&mut self, lane: Lane, at: usize) -> Option<&mut H> {
        self.0.of_mut(lane).get_mut(at).map(|parcel| &mut parcel.header)
    }

    fn body(&self, lane: Lane, at: usize) -> Body<'_> {
        self.0.of(lane).get(at).map_or(Body::EMPTY, |parcel| parcel.bytes.body())
    }

    fn whole_from<'a>(&'a self, lane: Lane, at: usize) -> impl Iterator<Item = (&'a H, &'a Bytes)>
    where
        H: 'a,
    {
        let row = self.0.of(lane);
        row.range(at.min(row.len())..).map_while(|parcel| match &parcel.bytes {
            Held::Whole(bytes) => Some((&parcel.header, bytes)),
            Held::Growing(..) => None,
        })
    }

    fn push(&mut self, lane: Lane, header: H, body: &Body<'_>, total: usize) -> Result<(), Full> {
        let row = self.0.of_mut(lane);
        row.try_reserve(1).map_err(|_| Full)?;
        // Made where it is put: what is made in two ways is made elsewhere first, and then copied.
        if body.len() >= total {
            row.push_back(Parcel { header, bytes: Held::Whole(body.to_bytes()) });
        } else {
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(total).map_err(|_| Full)?;
            bytes.extend_from_slice(body);
            row.push_back(Parcel { header, bytes: Held::Growing(bytes, total) });
        }
        Ok(())
    }

    fn extend(&mut self, lane: Lane, body: &Body<'_>) -> Result<(), Full> {
        let last = self.0.of_mut(lane).back_mut().ok_or(Full)?;
        match &mut last.bytes {
            Held::Whole(_) => return Err(Full),
            Held::Growing(bytes, total) => {
                bytes.try_reserve(body.len()).map_err(|_| Full)?;
                bytes.extend_from_slice(body);
                if bytes.len() >= *total {
                    last.bytes = Held::Whole(core::mem::take(bytes).into());
                }
            }
        }
        Ok(())
    }

    fn strip(&mut self, lane: Lane, at: usize) {
        if let Some(parcel) = self.0.of_mut(lane).get_mut(at) {
            parcel.bytes = Held::Whole(Bytes::new());
        }
    }

    fn remove(&mut self, lane: Lane, at: usize) -> Option<H> {
        let row = self.0.of_mut(lane);
        let parcel = if at == 0 { row.pop_front() } else { row.remove(at) };
        parcel.map(|parcel| parcel.header)
    }
}
