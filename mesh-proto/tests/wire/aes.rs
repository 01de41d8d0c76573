//! AES-256-GCM after the answer, against another implementation: its own keys from its own handshake, its own next key, and
//! its own way to write a number as a nonce, which is not the one of the cipher before.

use mesh_proto::wire::{Answer, Calling, Ciphers, Frames, MAX_OPENING, MAX_RECORD};
use snow::params::CipherChoice;
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::Cipher;

use crate::scene::{FRESH, PROTECTED, body, hello, pair, welcome};
use crate::with_snow::{PREAMBLE, TEXTS_PER_KEY, peer, read, snow, with_head, written};

const TAG: usize = 16;

/// One direction at snow's end.
struct Half {
    cipher: Box<dyn Cipher>,
    next: u64,
}

impl Half {
    fn new(choice: CipherChoice, key: &[u8; 32], next: u64) -> Self {
        let mut cipher = DefaultResolver.resolve_cipher(&choice).expect("snow has it");
        cipher.set(key);
        Self { cipher, next }
    }

    /// The same direction with the next key, which drives AES from now on.
    fn with_aes(&self) -> Self {
        let mut sealed = [0; 32 + TAG];
        self.cipher.encrypt(u64::MAX, b"", &[0; 32], &mut sealed);
        Self::new(CipherChoice::AESGCM, sealed.first_chunk().expect("32 bytes and a tag"), self.next)
    }

    fn seal(&mut self, text: &[u8], out: &mut [u8]) -> usize {
        let length = self.cipher.encrypt(self.next, b"", text, out);
        self.count();
        length
    }

    fn open(&mut self, sealed: &[u8], out: &mut [u8]) -> Result<usize, snow::Error> {
        let length = self.cipher.decrypt(self.next, b"", sealed, out)?;
        self.count();
        Ok(length)
    }

    fn count(&mut self) {
        self.next += 1;
        if self.next.is_multiple_of(TEXTS_PER_KEY) {
            self.cipher.rekey();
        }
    }
}

#[test]
fn both_understand_aes_after_the_answer() {
    if Ciphers::of_this_processor() == Ciphers::NONE {
        println!("skipped: AES after the answer because this processor does not have it");
        return;
    }
    for kind in PROTECTED {
        let [mut dialer, acceptor] = pair(kind);
        dialer.ciphers = Ciphers::of_this_processor();
        let (calling, first) = Calling::begin(&dialer.terms(), 0, FRESH[0]);
        let first = body(&first);
        let psk = [0x77; 32];
        let builder = snow(&acceptor, &psk, FRESH[1], &first[..PREAMBLE]);
        let mut snow = builder.build_responder().expect("everything is set");
        read(&mut snow, &first[PREAMBLE..]);
        let mut second = [&[1][..], &written(&mut snow, &[0, 1, 0, 1, 0, 1])].concat();
        let met = calling.read(&dialer.terms(), &mut second).expect("we read what snow writes");
        let mut out = [0; MAX_OPENING];
        let (introduced, third) = met.introduce(&dialer.terms(), &hello(), &mut out).expect("enough room");
        assert_eq!(read(&mut snow, &third[2..]), with_head(&[1, 1], &hello()), "it has AES");
        assert_eq!(peer(&snow), dialer.id());

        let (from_us, to_us) = snow.dangerously_get_raw_split();
        let hears = Half::new(CipherChoice::ChaChaPoly, &from_us, 0);
        let mut says = Half::new(CipherChoice::ChaChaPoly, &to_us, 0);
        let mut fourth = vec![0; MAX_OPENING];
        let length = says.seal(&with_head(&[2, 1, 1], &welcome()), &mut fourth);
        let answer = introduced.read(&dialer.terms(), &mut fourth[..length]);
        let Ok(Answer::Answered { frames, mut sealer, mut opener }) = answer else {
            panic!("that was the answer: {answer:?}")
        };
        assert_eq!(Frames::new(frames).collect::<Vec<_>>(), [Ok(welcome())]);

        let (mut hears, mut says) = (hears.with_aes(), says.with_aes());
        let (mut record, mut text) = (vec![0; MAX_RECORD], vec![0; MAX_RECORD]);
        let lengths = [1, 2, 1000, 65_519].into_iter().chain((1..40).cycle());
        for (nth, length) in (0..TEXTS_PER_KEY + 10).zip(lengths) {
            record[2..2 + length].fill(0xc3);
            let sealed = sealer.seal(&mut record, length).expect("enough room");
            assert_eq!(hears.open(&sealed[2..], &mut text), Ok(length), "text {nth}");
            assert!(text[..length].iter().all(|byte| *byte == 0xc3));

            let sealed = says.seal(&text[..length], &mut record);
            let opened = opener.open(&mut record[..sealed]).expect("as snow sealed it");
            assert!(opened.len() == length && opened.iter().all(|byte| *byte == 0xc3), "text {nth}");
        }
    }
}
