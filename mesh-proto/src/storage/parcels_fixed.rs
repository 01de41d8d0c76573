//! Messages in place: their bytes lie one behind the other, and close up when one is taken out.

use serde::{Deserialize, Serialize};

use super::parcels::Written;
use super::{Full, Parcels, Plain};
use crate::body::{Body, Handed};
use crate::message::{Lane, PerLane};

/// At most `MESSAGES` messages with `BYTES` bytes in all, of both lanes together.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "", from = "Lanes<H, MESSAGES>", into = "Lanes<H, MESSAGES>")]
pub struct FixedParcels<H: Plain, const BYTES: usize, const MESSAGES: usize> {
    headers: heapless::Vec<Parcel<H>, MESSAGES>,
    /// The bytes of all, in the order of the headers.
    bytes: heapless::Vec<u8, BYTES>,
}

/// What is written of it.
type Lanes<H, const MESSAGES: usize> = PerLane<heapless::Vec<Written<H>, MESSAGES>>;

#[derive(Clone, Debug)]
struct Parcel<H: Plain> {
    lane: Lane,
    header: H,
    /// How many bytes are here.
    len: u32,
    /// How many there will be.
    total: u32,
}

impl<H: Plain, const BYTES: usize, const MESSAGES: usize> From<FixedParcels<H, BYTES, MESSAGES>>
    for Lanes<H, MESSAGES>
{
    fn from(parcels: FixedParcels<H, BYTES, MESSAGES>) -> Self {
        let lane = |lane| {
            let of_lane = parcels.headers.iter().filter(|parcel| parcel.lane == lane);
            let written = |parcel: &Parcel<H>| {
                Written::new(parcel.header.clone(), parcel.len as usize, parcel.total as usize)
            };
            of_lane.map(written).collect()
        };
        Self { ordinary: lane(Lane::Ordinary), urgent: lane(Lane::Urgent) }
    }
}

impl<H: Plain, const BYTES: usize, const MESSAGES: usize> From<Lanes<H, MESSAGES>>
    for FixedParcels<H, BYTES, MESSAGES>
{
    fn from(lanes: Lanes<H, MESSAGES>) -> Self {
        let mut parcels = Self::default();
        let PerLane { ordinary, urgent } = lanes;
        for (lane, row) in [(Lane::Ordinary, ordinary), (Lane::Urgent, urgent)] {
            for written in row {
                let (len, total) = written.lengths();
                let longer = parcels.bytes.len().saturating_add(len);
                let (len, total) = (len as u32, total as u32);
                let parcel = Parcel { lane, header: written.header, len, total };
                // There is room for what was written by tables of this size; what is beyond it is left out.
                if parcels.bytes.resize(longer, 0).is_err() || parcels.headers.push(parcel).is_err() {
                    return parcels;
                }
            }
        }
        parcels
    }
}

impl<H: Plain, const BYTES: usize, const MESSAGES: usize> FixedParcels<H, BYTES, MESSAGES> {
    /// Where a message stands among all, and where its bytes begin.
    fn find(&self, lane: Lane, at: usize) -> Option<(usize, usize)> {
        let mut begin = 0;
        let mut before = 0;
        for (index, parcel) in self.headers.iter().enumerate() {
            if parcel.lane == lane {
                if before == at {
                    return Some((index, begin));
                }
                before += 1;
            }
            begin += parcel.len as usize;
        }
        None
    }

    /// Takes bytes out.
    fn close_up(&mut self, begin: usize, len: usize) {
        let end = (begin + len).min(self.bytes.len());
        let begin = begin.min(end);
        self.bytes.copy_within(end.., begin);
        self.bytes.truncate(self.bytes.len() - (end - begin));
    }
}

impl<H: Plain, const BYTES: usize, const MESSAGES: usize> Default for FixedParcels<H, BYTES, MESSAGES> {
    fn default() -> Self {
        Self { headers: heapless::Vec::new(), bytes: heapless::Vec::new() }
    }
}

impl<H: Plain, const BYTES: usize, const MESSAGES: usize> Parcels<H> for FixedParcels<H, BYTES, MESSAGES> {
    const EACH: usize = size_of::<Parcel<H>>();

    type Whole<'a>
        = &'a [u8]
    where
        Self: 'a,
        H: 'a;

    fn len(&self, lane: Lane) -> usize {
        self.headers.iter().filter(|parcel| parcel.lane == lane).count()
    }

    fn header(&self, lane: Lane, at: usize) -> Option<&H> {
        let (index, _) = self.find(lane, at)?;
        self.headers.get(index).map(|parcel| &parcel.header)
    }

    fn body(&self, lane: Lane, at: usize) -> Body<'_> {
        let bytes = self.find(lane, at).and_then(|(index, begin)| {
            let len = self.headers.get(index)?.len as usize;
            self.bytes.get(begin..begin + len)
        });
        bytes.unwrap_or_default().into()
    }

    fn whole_from<'a>(&'a self, lane: Lane, at: usize) -> impl Iterator<Item = (&'a H, &'a [u8])>
    where
        H: 'a,
    {
        let mut begin = 0;
        let all = self.headers.iter().map(move |parcel| {
            let bytes = begin..begin + parcel.len as usize;
            begin = bytes.end;
            (parcel, bytes)
        });
        all.filter(move |(parcel, _)| parcel.lane == lane)
            .take_while(|(parcel, _)| parcel.len >= parcel.total)
            .skip(at)
            .map(|(parcel, bytes)| (&parcel.header, self.bytes.get(bytes).unwrap_or_default()))
    }

    fn push(&mut self, lane: Lane, header: H, body: &mut Body<'_>, total: usize) -> Result<(), Full> {
        // Room for all of it, so that what has begun can be ended.
        if self.headers.is_full() || BYTES - self.bytes.len() < total.max(body.len()) {
            return Err(Full);
        }
        let len = u32::try_from(body.len()).map_err(|_| Full)?;
        let total = u32::try_from(total).map_err(|_| Full)?;
        self.bytes.extend_from_slice(body).map_err(|_| Full)?;
        self.headers.push(Parcel { lane, header, len, total }).map_err(|_| Full)
    }

    fn extend(&mut self, lane: Lane, body: &Body<'_>) -> Result<(), Full> {
        let (index, begin) =
            self.len(lane).checked_sub(1).and_then(|last| self.find(lane, last)).ok_or(Full)?;
        let parcel = self.headers.get_mut(index).ok_or(Full)?;
        let at = begin + parcel.len as usize;
        let old = self.bytes.len();
        self.bytes.extend_from_slice(body).map_err(|_| Full)?;
        parcel.len += u32::try_from(body.len()).map_err(|_| Full)?;
        if let Some(behind) = self.bytes.get_mut(at..) {
            behind.rotate_left(old - at);
        }
        Ok(())
    }

    fn give_up(&mut self, lane: Lane, at: usize, to: impl FnOnce(&mut H, Handed<'_>)) {
        let Some((index, begin)) = self.find(lane, at) else { return };
        if let Some(parcel) = self.headers.get_mut(index) {
            let len = parcel.len as usize;
            let bytes = self.bytes.get(begin..begin + len).unwrap_or_default();
            to(&mut parcel.header, bytes.into());
            (parcel.len, parcel.total) = (0, 0);
            self.close_up(begin, len);
        }
    }

    fn remove(&mut self, lane: Lane, at: usize) -> Option<H> {
        let (index, begin) = self.find(lane, at)?;
        let parcel = self.headers.remove(index);
        self.close_up(begin, parcel.len as usize);
        Some(parcel.header)
    }
}
