//! What the channel costs beside the ciphers that it is made of, and a handshake beside those of others.
//!
//! `cargo bench -p mesh-proto --bench channel --features aws-lc`, or `--features noise` for the primitives in Rust. Rounds go
//! through everything in turn, so that whatever else the computer does hits all alike. Times are medians; a ratio is the
//! median of what the rounds had, each for itself.

mod bare;
mod others;
mod ours;

use core::hint::black_box;
use std::time::Instant;

use bare::{BY, Bare, Suite, TAG};
use mesh_proto::wire::{Ciphers, Frames, MAX_PLAIN, MAX_RECORD, Opener, Outgoing, Records, Sealer, encode};
use mesh_proto::{Body, Frame, Lane, Piece};
use others::Snow;
#[cfg(feature = "aws-lc")]
use others::Tls;
use ours::Pair;

const SIZES: [usize; 4] = [64, 1 << 10, 16 << 10, 64 << 10];
/// Rounds that are thrown away.
const WARM_UP: usize = 20;
/// Rounds that count.
const ROUNDS: usize = 400;
/// How many bytes a round seals and opens, at least in one message.
const BYTES: usize = 128 << 10;
/// A round takes no more messages than this: a small one takes about as long as a whole kilobyte.
const MESSAGES: usize = 512;
/// Rounds of handshakes, which take longer.
const SHAKES: usize = 400;

fn main() {
    // Cargo asks the benches of a workspace what tests they have.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    println!("primitives by {BY}; nanoseconds a message");
    for suite in Suite::ALL {
        if suite == Suite::AesGcm && Ciphers::of_this_processor() == Ciphers::NONE {
            println!("{}: this processor does not have it", suite.name());
            continue;
        }
        let mut benches = SIZES.map(|size| Bench::new(suite, size));
        for round in 0..WARM_UP + ROUNDS {
            benches.iter_mut().for_each(|bench| bench.round(round >= WARM_UP));
        }
        benches.iter_mut().for_each(Bench::print);
    }
    handshakes();
}

/// The ways to seal a message, then those to open one.
#[derive(Clone, Copy)]
enum Way {
    /// The cipher alone.
    Bare,
    /// The message copied to where it is sealed, as everybody must who is given one; sealed text copied to where it is
    /// opened, as it is who reads from a stream.
    Copied,
    /// From a frame to a sealed record; from the bytes of a stream to frames.
    Ours,
    /// From frames that stand in the record; from bytes that were read to where they are opened.
    InPlace,
    /// The cipher alone, for as many bytes as the record has: the message, and what stands in front of it in its frame.
    BareFrame,
    /// Copied side by side and sealed in one text, as many as fit.
    CopiedTogether,
    /// Frames, as many as fit into a record.
    OursTogether,
}

const SEALING: [Way; 7] =
    [Way::Bare, Way::Copied, Way::Ours, Way::InPlace, Way::BareFrame, Way::CopiedTogether, Way::OursTogether];
const OPENING: [Way; 5] = [Way::Bare, Way::Copied, Way::Ours, Way::InPlace, Way::BareFrame];

/// All of it for messages of one size.
struct Bench {
    suite: Suite,
    message: Vec<u8>,
    /// The message as frames, each of which a record can take.
    frames: Vec<Frame<'static>>,
    /// How long these are when they are written.
    written: usize,
    room: Vec<u8>,
    stream: Vec<u8>,
    /// How long the records in the stream are.
    lengths: Vec<usize>,
    bare: Bare,
    sealer: Sealer,
    /// What is sealed to be opened.
    theirs: (Bare, Sealer, Opener),
    sealing: [Vec<f64>; SEALING.len()],
    opening: [Vec<f64>; OPENING.len()],
}

impl Bench {
    fn new(suite: Suite, size: usize) -> Self {
        let mut pair = Pair::open(suite);
        let (sealer, opener) = pair.shake();
        let frames: Vec<_> = pieces(&vec![0x5a; size]).map(Frame::into_owned).collect();
        let mut room = vec![0; 2 * MAX_RECORD];
        let mut write = |frame| encode(frame, &mut room).expect("enough room");
        Self {
            suite,
            message: vec![0x5a; size],
            written: frames.iter().map(&mut write).sum(),
            frames,
            room,
            stream: Vec::new(),
            lengths: Vec::new(),
            bare: Bare::new(suite),
            sealer: pair.shake().0,
            theirs: (Bare::new(suite), sealer, opener),
            sealing: Default::default(),
            opening: Default::default(),
        }
    }

    fn round(&mut self, counts: bool) {
        let messages = (BYTES / self.message.len()).clamp(2, MESSAGES);
        for (nth, way) in SEALING.into_iter().enumerate() {
            let begun = Instant::now();
            let sealed = self.seal(way, messages);
            let nanos = begun.elapsed().as_nanos() as f64 / sealed as f64;
            if counts {
                self.sealing[nth].push(nanos);
            }
        }
        for (nth, way) in OPENING.into_iter().enumerate() {
            self.fill_stream(way, messages);
            let begun = Instant::now();
            self.open(way);
            let nanos = begun.elapsed().as_nanos() as f64 / messages as f64;
            if counts {
                self.opening[nth].push(nanos);
            }
        }
    }

    /// Seals about so many messages; says how many.
    fn seal(&mut self, way: Way, messages: usize) -> usize {
        let Self { message, frames, written, room, bare, sealer, .. } = self;
        let size = message.len();
        match way {
            Way::Bare | Way::BareFrame => {
                let size = if matches!(way, Way::Bare) { size } else { *written };
                for _ in 0..messages {
                    black_box(bare.seal(black_box(&mut room[..size])));
                }
            }
            Way::Copied => {
                for _ in 0..messages {
                    let text = &mut room[..size + TAG];
                    text[..size].copy_from_slice(black_box(message));
                    bare.seal_whole(text, size);
                    black_box(&room[..]);
                }
            }
            Way::Ours => {
                for _ in 0..messages {
                    for frame in black_box(&*frames) {
                        let mut record = Outgoing::new(room, sealer);
                        record.push(frame).expect("enough room");
                        black_box(record.seal(sealer).expect("there is a frame in it"));
                    }
                }
            }
            Way::InPlace => {
                for _ in 0..messages {
                    let mut rest = size;
                    while rest > 0 {
                        let plain = rest.min(MAX_PLAIN);
                        black_box(sealer.seal(black_box(room), plain).expect("enough room"));
                        rest -= plain;
                    }
                }
            }
            Way::CopiedTogether => {
                let together = (MAX_PLAIN / size).max(1);
                for text in room[..together * size].chunks_mut(size) {
                    text.copy_from_slice(black_box(message));
                }
                bare.seal_whole(&mut room[..together * size + TAG], together * size);
                black_box(&room[..]);
                return together;
            }
            Way::OursTogether => {
                let mut record = Outgoing::new(room, sealer);
                let frames = black_box(&*frames).iter().cycle();
                let together = frames.take_while(|frame| record.push(frame).is_ok()).count();
                black_box(record.seal(sealer).expect("there is a frame in it"));
                return together;
            }
        }
        messages
    }

    /// What the other end said, so many messages, each by itself.
    fn fill_stream(&mut self, way: Way, messages: usize) {
        let Self { message, frames, written, room, stream, lengths, theirs: (bare, sealer, _), .. } = self;
        stream.clear();
        lengths.clear();
        match way {
            Way::Bare | Way::Copied | Way::CopiedTogether | Way::BareFrame => {
                let length = if matches!(way, Way::BareFrame) { *written } else { message.len() };
                for _ in 0..messages {
                    let from = stream.len();
                    stream.resize(from + length + TAG, 0x5a);
                    bare.seal_whole(&mut stream[from..], length);
                }
            }
            Way::Ours | Way::InPlace | Way::OursTogether => {
                for _ in 0..messages {
                    for frame in &*frames {
                        let mut record = Outgoing::new(room, sealer);
                        record.push(frame).expect("enough room");
                        let sealed = record.seal(sealer).expect("there is a frame in it");
                        stream.extend_from_slice(sealed);
                        lengths.push(sealed.len());
                    }
                }
            }
        }
    }

    fn open(&mut self, way: Way) {
        let Self { message, written, room, stream, lengths, theirs: (bare, _, opener), .. } = self;
        let text = TAG + if matches!(way, Way::BareFrame) { *written } else { message.len() };
        match way {
            Way::Bare | Way::BareFrame => {
                for sealed in stream.chunks_mut(text) {
                    black_box(bare.open_whole(sealed));
                }
            }
            Way::Copied | Way::CopiedTogether => {
                for sealed in stream.chunks(text) {
                    room[..text].copy_from_slice(sealed);
                    black_box(bare.open_whole(&mut room[..text]));
                }
            }
            Way::Ours | Way::OursTogether => {
                let mut records = Records::new(&mut room[..]);
                let mut rest = &stream[..];
                for length in lengths {
                    let (record, after) = rest.split_at(*length);
                    rest = after;
                    assert_eq!(records.push(record), *length);
                    open_all(&mut records, opener);
                }
            }
            Way::InPlace => {
                let length = stream.len();
                let mut records = Records::new(&mut stream[..]);
                records.filled(length);
                open_all(&mut records, opener);
            }
        }
    }

    fn print(&mut self) {
        println!("\n{}, {} bytes", self.suite.name(), self.message.len());
        let names =
            ["cipher alone", "copy and cipher", "ours", "ours in place", "cipher alone, of the frame"];
        let against = [None, None, Some(1), Some(0), Some(0)];
        for (what, times) in [("sealing", &self.sealing[..]), ("opening", &self.opening[..])] {
            for ((name, against), nth) in names.into_iter().zip(against).zip(0..) {
                line(
                    &format!("{what}: {name}"),
                    &times[nth],
                    against.map(|other| (names[other], &times[other])),
                );
            }
        }
        if self.message.len() <= 1 << 10 {
            let [.., copied, ours] = &self.sealing;
            let name = "side by side, copy and cipher";
            line(&format!("sealing: {name}"), copied, None);
            line("sealing: many frames to a record", ours, Some((name, copied)));
        }
    }
}

fn pieces(message: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let total = u32::try_from(message.len()).expect("small");
    let most = MAX_PLAIN - Piece::OVERHEAD as usize;
    message.chunks(most).zip((0..).step_by(most)).map(move |(body, offset)| {
        Frame::Data(Piece {
            lane: Lane::Ordinary,
            kind: 0,
            number: 70_000,
            offset,
            total,
            body: Body::from(body),
        })
    })
}

fn open_all(records: &mut Records<&mut [u8]>, opener: &mut Opener) {
    while let Some(record) = records.next().expect("no record is longer") {
        for frame in Frames::new(&*opener.open(record).expect("as it was sealed")) {
            black_box(&frame.expect("as it was written"));
        }
    }
}

/// Somebody's handshake, and how it is called.
type Shake<'a> = (&'static str, Box<dyn FnMut() + 'a>);

fn handshakes() {
    println!("\nhandshakes, both ends on one core");
    let mut open = Pair::open(Suite::AesGcm);
    let mut closed = Pair::closed(Suite::AesGcm);
    let (mut snow_open, mut snow_closed) = (Snow::open(), Snow::closed());
    #[cfg(feature = "aws-lc")]
    let tls = Tls::new();
    let mut ways: Vec<Shake<'_>> = vec![
        ("snow, XX", Box::new(|| snow_open.shake())),
        ("snow, XXpsk0", Box::new(|| snow_closed.shake())),
        #[cfg(feature = "aws-lc")]
        ("rustls, TLS 1.3 with raw keys", Box::new(|| tls.shake())),
        ("ours, open", Box::new(|| drop(black_box(open.shake())))),
        ("ours, with a secret", Box::new(|| drop(black_box(closed.shake())))),
    ];
    let mut times = vec![Vec::new(); ways.len()];
    for round in 0..WARM_UP + SHAKES {
        for ((_, shake), times) in ways.iter_mut().zip(&mut times) {
            let begun = Instant::now();
            shake();
            let nanos = begun.elapsed().as_nanos() as f64;
            if round >= WARM_UP {
                times.push(nanos);
            }
        }
    }
    let others = ways.len() - 2;
    let better = (0..others).min_by(|one, two| median(&times[*one]).total_cmp(&median(&times[*two])));
    let better = better.expect("there is one at least");
    for (nth, (name, _)) in ways.iter().enumerate() {
        line(name, &times[nth], (nth >= others).then_some((ways[better].0, &times[better])));
        println!("{:<44} {:>9.0} a second", "", 1e9 / median(&times[nth]));
    }
}

/// One line: the median, the least, and how they compare with those of another way.
fn line(name: &str, times: &[f64], against: Option<(&str, &Vec<f64>)>) {
    let least = times.iter().copied().fold(f64::INFINITY, f64::min);
    print!("{name:<44} {:>9.0} ns, {least:>9.0} at least", median(times));
    if let Some((other, theirs)) = against {
        let ratios: Vec<f64> = times.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        let best = theirs.iter().copied().fold(f64::INFINITY, f64::min);
        print!(", {:.3} of {other} ({:.3} at least)", median(&ratios), least / best);
    }
    println!();
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
