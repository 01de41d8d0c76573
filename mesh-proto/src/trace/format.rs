//! How a trace looks in bytes: the magic number, the records and their checksums.

use serde::Serialize;

use super::recorder::{Sink, Stopped};

/// What each segment of a trace begins with. The first byte is not that of any record.
pub const MAGIC: [u8; 7] = *b"\x93mesh\n\x1a";
/// The version of the format, which is the byte behind the magic number.
pub const FORMAT: u8 = 1;

/// Bytes of a record before its body.
pub(super) const HEAD: usize = 8;
/// And behind it.
pub(super) const TAIL: usize = 4;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is to be known before the snapshot can be read.
    Start,
    /// The whole machine.
    Snapshot,
    /// An event and its time.
    Event,
    /// One action of the turn.
    Action,
    /// The turn was carried out: its answer, and the time to wait until.
    End,
}

impl Kind {
    #[cfg(feature = "alloc")]
    const ALL: [Self; 5] = [Self::Start, Self::Snapshot, Self::Event, Self::Action, Self::End];

    const fn byte(self) -> u8 {
        match self {
            Self::Start => 1,
            Self::Snapshot => 2,
            Self::Event => 3,
            Self::Action => 4,
            Self::End => 5,
        }
    }

    /// What it is called.
    #[cfg(feature = "alloc")]
    pub(super) const fn says(self) -> &'static str {
        match self {
            Self::Start => "start of a segment",
            Self::Snapshot => "snapshot",
            Self::Event => "event",
            Self::Action => "action",
            Self::End => "end of a turn",
        }
    }

    #[cfg(feature = "alloc")]
    pub(super) fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }
}

/// Writes the beginning of a segment.
pub(super) fn write_magic<K: Sink>(sink: &mut K) -> Result<u64, Stopped<K::Error>> {
    let [a, b, c, d, e, f, g] = MAGIC;
    sink.write(&[a, b, c, d, e, f, g, FORMAT]).map_err(Stopped::BySink)?;
    Ok(MAGIC.len() as u64 + 1)
}

/// Writes one record, and says how long it is.
pub(super) fn write<K: Sink>(
    sink: &mut K,
    kind: Kind,
    body: &(impl Serialize + ?Sized),
) -> Result<u64, Stopped<K::Error>> {
    // The length comes first, and there is no place to keep the body until it is known: so it is made twice.
    let size = postcard::serialize_with_flavor(body, postcard::ser_flavors::Size::default());
    let len = size.ok().and_then(|size| u32::try_from(size).ok()).ok_or(Stopped::ByLength)?;
    let [a, b, c, d] = len.to_le_bytes();
    let [x, y, z] = head_check([kind.byte(), a, b, c, d]);
    let mut failed = None;
    let out = Out { sink, failed: &mut failed, checksum: Checksum::new(), waiting: heapless::Vec::new() };
    let written = out
        .with(&[kind.byte(), a, b, c, d, x, y, z])
        .and_then(|out| postcard::serialize_with_flavor(body, out));
    match (written, failed) {
        (Ok(()), None) => Ok(HEAD as u64 + u64::from(len) + TAIL as u64),
        (_, Some(error)) => Err(Stopped::BySink(error)),
        (Err(_), None) => Err(Stopped::ByLength),
    }
}

/// Gathers what is made byte by byte, so that the sink is given larger pieces.
struct Out<'s, K: Sink> {
    sink: &'s mut K,
    failed: &'s mut Option<K::Error>,
    checksum: Checksum,
    waiting: heapless::Vec<u8, 256>,
}

impl<K: Sink> Out<'_, K> {
    fn with(mut self, bytes: &[u8]) -> postcard::Result<Self> {
        postcard::ser_flavors::Flavor::try_extend(&mut self, bytes)?;
        Ok(self)
    }

    fn flush(&mut self) -> postcard::Result<()> {
        self.checksum.add(&self.waiting);
        let written = self.sink.write(&self.waiting);
        self.waiting.clear();
        written.map_err(|error| {
            *self.failed = Some(error);
            postcard::Error::SerializeBufferFull
        })
    }
}

impl<K: Sink> postcard::ser_flavors::Flavor for Out<'_, K> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        if self.waiting.is_full() {
            self.flush()?;
        }
        self.waiting.push(byte).map_err(|_| postcard::Error::SerializeBufferFull)
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if self.waiting.extend_from_slice(bytes).is_ok() {
            return Ok(());
        }
        bytes.iter().try_for_each(|byte| self.try_push(*byte))
    }

    fn finalize(mut self) -> postcard::Result<()> {
        let mut checksum = self.checksum;
        checksum.add(&self.waiting);
        self.try_extend(&checksum.value().to_le_bytes())?;
        self.flush()
    }
}

/// The low three bytes of the checksum of what stands before them in the head of a record.
pub(super) fn head_check(head: [u8; 5]) -> [u8; 3] {
    let mut checksum = Checksum::new();
    checksum.add(&head);
    let [x, y, z, _] = checksum.value().to_le_bytes();
    [x, y, z]
}

/// CRC-32 as Ethernet and zip have it.
#[derive(Clone, Copy)]
pub(super) struct Checksum(u32);

impl Checksum {
    /// What four bits do to it. A table for eight would be twice as fast and take 1 KiB.
    const TABLE: [u32; 16] = {
        let mut table = [0; 16];
        let mut at = 0;
        while at < table.len() {
            let mut value = at as u32;
            let mut bit = 0;
            while bit < 4 {
                value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[at] = value;
            at += 1;
        }
        table
    };

    pub(super) const fn new() -> Self {
        Self(!0)
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        let step = |value: u32| (value >> 4) ^ Self::TABLE[(value & 15) as usize];
        self.0 = bytes.iter().fold(self.0, |value, byte| step(step(value ^ u32::from(*byte))));
    }

    pub(super) const fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sink of a bounded size.
    struct Small(heapless::Vec<u8, 1024>, usize);

    impl Sink for Small {
        type Error = usize;

        fn write(&mut self, bytes: &[u8]) -> Result<(), usize> {
            if self.0.len() + bytes.len() > self.1 {
                return Err(self.1);
            }
            self.0.extend_from_slice(bytes).map_err(|_| self.1)
        }
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        let mut checksum = Checksum::new();
        checksum.add(b"1234");
        checksum.add(b"56789");
        assert_eq!(checksum.value(), 0xcbf4_3926);
    }

    /// The bytes of one record: whoever changes them raises the version of the format.
    #[test]
    fn a_record_in_bytes() {
        let mut sink = Small(heapless::Vec::new(), 1024);
        assert_eq!(write_magic(&mut sink), Ok(8));
        assert_eq!(write(&mut sink, Kind::Action, &(1u8, true)), Ok(14));

        let expected = [
            0x93, b'm', b'e', b's', b'h', b'\n', 0x1a, 1, // magic
            4, 2, 0, 0, 0, 0x56, 0x99, 0xab, // head
            1, 1, // body
            0x99, 0xc7, 0xbd, 0x08, // checksum
        ];
        assert_eq!(sink.0, expected);
    }

    #[test]
    fn a_sink_that_fails_is_told() {
        for room in 0..14 {
            let mut sink = Small(heapless::Vec::new(), room);
            assert_eq!(write(&mut sink, Kind::Action, &(1u8, true)), Err(Stopped::BySink(room)));
        }
    }
}
