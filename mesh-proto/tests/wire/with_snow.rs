//! Another implementation of Noise at the other end, in both roles.

use mesh_proto::wire::{Answer, Answering, Calling, Frames, MAX_OPENING, MAX_RECORD, Opener, Sealer, encode};
use mesh_proto::{Frame, NodeId};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState, TransportState};

use crate::scene::{FRESH, Kind, Node, PROTECTED, body, hello, pair, welcome};

/// How long what record 1 says in the clear is.
pub(crate) const PREAMBLE: usize = 26;

/// After so many texts a direction goes on with the next key.
pub(crate) const TEXTS_PER_KEY: u64 = 1 << 16;

/// snow's own primitives, with the random bytes that a test gives.
struct Given([u8; 32]);

impl Random for Given {
    fn try_fill_bytes(&mut self, room: &mut [u8]) -> Result<(), snow::Error> {
        room.copy_from_slice(&self.0[..room.len()]);
        Ok(())
    }
}

impl CryptoResolver for Given {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Self(self.0)))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

/// How a snow is made that stands for this node.
pub(crate) fn snow<'k>(
    node: &'k Node,
    psk: &'k [u8; 32],
    fresh: [u8; 32],
    prologue: &'k [u8],
) -> Builder<'k> {
    let name = match node.kind {
        Kind::Open => "Noise_XX_25519_ChaChaPoly_SHA256",
        Kind::Closed => "Noise_XXpsk0_25519_ChaChaPoly_SHA256",
        Kind::Unprotected => unreachable!("that is no Noise"),
    };
    let builder =
        Builder::with_resolver(name.parse().expect("a name that snow knows"), Box::new(Given(fresh)))
            .prologue(prologue)
            .and_then(|builder| builder.local_private_key(node.identity.secret()))
            .expect("each is set once");
    match node.kind {
        Kind::Closed => builder.psk(0, psk).expect("it is set once"),
        Kind::Open | Kind::Unprotected => builder,
    }
}

pub(crate) fn written(snow: &mut HandshakeState, payload: &[u8]) -> Vec<u8> {
    let mut message = vec![0; MAX_OPENING];
    let length = snow.write_message(payload, &mut message).expect("it is snow's turn");
    message.truncate(length);
    message
}

pub(crate) fn read(snow: &mut HandshakeState, message: &[u8]) -> Vec<u8> {
    let mut payload = vec![0; MAX_OPENING];
    let length = snow.read_message(message, &mut payload).expect("snow reads what we write");
    payload.truncate(length);
    payload
}

pub(crate) fn peer(snow: &HandshakeState) -> NodeId {
    let bytes = snow.get_remote_static().and_then(|id| id.try_into().ok()).expect("snow knows who is there");
    NodeId::new(bytes)
}

pub(crate) fn with_head(head: &[u8], frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = vec![0; MAX_OPENING];
    let length = encode(frame, &mut bytes).expect("enough room");
    bytes.truncate(length);
    [head, &bytes].concat()
}

/// After the answer both ends have the next keys: many texts each way, of all sizes, past the change to the keys after
/// these, each direction at its own time.
fn both_understand(snow: &mut TransportState, sealer: &mut Sealer, opener: &mut Opener) {
    let (mut record, mut text) = (vec![0; MAX_RECORD], vec![0; MAX_RECORD]);
    let lengths = [1, 2, 1000, 65_519].into_iter().chain((1..8).cycle());
    for (nth, length) in (0..TEXTS_PER_KEY + 10).zip(lengths) {
        record[2..2 + length].fill(0xc3);
        let sealed = sealer.seal(&mut record, length).expect("enough room");
        assert_eq!(snow.read_message(&sealed[2..], &mut text), Ok(length), "text {nth}");
        assert!(text[..length].iter().all(|byte| *byte == 0xc3));

        let sealed = snow.write_message(&text[..length], &mut record).expect("enough room");
        assert_eq!(opener.open(&mut record[..sealed]).map(|text| text.len()), Ok(length), "text {nth}");
        if snow.receiving_nonce().is_multiple_of(TEXTS_PER_KEY) {
            snow.rekey_incoming();
        }
        if snow.sending_nonce().is_multiple_of(TEXTS_PER_KEY) {
            snow.rekey_outgoing();
        }
    }
}

fn rekey(snow: &mut TransportState) {
    snow.rekey_outgoing();
    snow.rekey_incoming();
}

#[test]
fn we_dial_snow() {
    for kind in PROTECTED {
        let [dialer, acceptor] = pair(kind);
        let (calling, first) = Calling::begin(&dialer.terms(), 0, FRESH[0]);
        let first = body(&first);
        let psk = [0x77; 32];
        let builder = snow(&acceptor, &psk, FRESH[1], &first[..PREAMBLE]);
        let mut snow = builder.build_responder().expect("everything is set");
        assert!(read(&mut snow, &first[PREAMBLE..]).is_empty());

        let mut second = vec![1];
        second.extend(written(&mut snow, &[0, 1, 0, 1, 0, 1]));
        let met = calling.read(&dialer.terms(), &mut second).expect("we read what snow writes");
        assert_eq!(met.peer(), acceptor.id());

        let mut out = [0; MAX_OPENING];
        let (introduced, third) = met.introduce(&dialer.terms(), &hello(), &mut out).expect("enough room");
        assert_eq!(read(&mut snow, &third[2..]), with_head(&[1, 0], &hello()));
        assert_eq!(peer(&snow), dialer.id());

        let mut snow = snow.into_transport_mode().expect("the handshake is done");
        let mut fourth = vec![0; MAX_OPENING];
        let length =
            snow.write_message(&with_head(&[2, 1, 0], &welcome()), &mut fourth).expect("enough room");
        let answer =
            introduced.read(&dialer.terms(), &mut fourth[..length]).expect("we read what snow writes");
        let Answer::Answered { frames, mut sealer, mut opener } = answer else {
            panic!("that was the answer")
        };
        assert_eq!(Frames::new(frames).collect::<Vec<_>>(), [Ok(welcome())]);
        rekey(&mut snow);
        both_understand(&mut snow, &mut sealer, &mut opener);
    }
}

#[test]
fn snow_dials_us() {
    for kind in PROTECTED {
        let [dialer, acceptor] = pair(kind);
        let (_, ours) = Calling::begin(&dialer.terms(), 0, FRESH[0]);
        let preamble = &body(&ours)[..PREAMBLE];
        let psk = [0x77; 32];
        let mut snow = snow(&dialer, &psk, FRESH[0], preamble).build_initiator().expect("everything is set");
        let mut first = [preamble, &written(&mut snow, b"")].concat();
        assert_eq!(first, body(&ours), "the same keys, the same bytes");

        let (answering, second) =
            Answering::to(&acceptor.terms(), FRESH[1], &mut first).expect("we read what snow writes");
        assert_eq!(second[2], 1);
        assert_eq!(read(&mut snow, &second[3..]), [0, 1, 0, 1, 0, 1]);
        assert_eq!(peer(&snow), acceptor.id());

        let mut third = written(&mut snow, &with_head(&[1, 0], &hello()));
        let (mut greeted, frames) =
            answering.read(&acceptor.terms(), &mut third).expect("we read what snow writes");
        assert_eq!(greeted.peer(), dialer.id());
        assert_eq!(Frames::new(frames).collect::<Vec<_>>(), [Ok(hello())]);

        let mut snow = snow.into_transport_mode().expect("the handshake is done");
        let (mut out, mut text) = ([0; MAX_OPENING], [0; MAX_OPENING]);
        let wait = greeted.wait(&mut out).expect("enough room");
        assert_eq!(
            snow.read_message(&wait[2..], &mut text).map(|length| text[..length].to_vec()),
            Ok(vec![2, 0, 0])
        );
        let (answer, mut sealer, mut opener) =
            greeted.answer(&acceptor.terms(), &welcome(), &mut out).expect("enough room");
        let length = snow.read_message(&answer[2..], &mut text).expect("snow reads what we write");
        assert_eq!(text[..length], with_head(&[2, 1, 0], &welcome()));
        rekey(&mut snow);
        both_understand(&mut snow, &mut sealer, &mut opener);
    }
}
