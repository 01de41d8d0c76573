//! The published vectors of our handshakes, by Cacophony and by snow.
//!
//! XXpsk0 with these primitives has none: what it adds to XX is tested with NNpsk0, which adds it to NN, and with snow
//! at the other end in the tests of the whole handshake.

use super::*;

/// One exchange: prologue, keys, and what each message says and looks like, all in hexadecimal.
struct Vector {
    pattern: Pattern,
    prologue: &'static str,
    psk: &'static str,
    /// Of both ends: the key that is the name, and the one for this handshake alone.
    dialer: [&'static str; 2],
    acceptor: [&'static str; 2],
    /// What both ends have seen at the end; not every publisher tells it.
    hash: &'static str,
    /// Payload and message.
    messages: &'static [[&'static str; 2]],
}

const NN_PSK0: Pattern = Pattern {
    name: b"Noise_NNpsk0_25519_ChaChaPoly_SHA256",
    messages: &[&[Token::Psk, Token::E], &[Token::E, Token::Ee]],
    psk: true,
};

const CACOPHONY_XX: Vector = Vector {
    pattern: Pattern::XX,
    prologue: "4a6f686e2047616c74",
    psk: "",
    dialer: [
        "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
        "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
    ],
    acceptor: [
        "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
        "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
    ],
    hash: "c8e5f64e846193be2a834104c2a009868d6c9f3bd3c186299888b488b2f1f58e",
    messages: &[
        [
            "4c756477696720766f6e204d69736573",
            "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d69736573",
        ],
        [
            "4d757272617920526f746862617264",
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f14480884381cbad1f276e038c48378ffce2b65285\
             e08d6b68aaa3629a5a8639392490e5b9bd5269c2f1e4f488ed8831161f19b7815528f8982ffe09be9b5c412f8a0db50f\
             8814c7194e83f23dbd8d162c9326ad",
        ],
        [
            "462e20412e20486179656b",
            "c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a80ae475b9df0f169ae80a89be0865b57f\
             58c9fea0d4ec82a286427402f113e4b6ae769a1d95941d49b25030",
        ],
        ["4361726c204d656e676572", "96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df"],
        [
            "4a65616e2d426170746973746520536179",
            "3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5",
        ],
        [
            "457567656e2042f6686d20766f6e2042617765726b",
            "eb3f3515110702e047a6c9da4478b6ead94873c11c0f2d710ddb3f09fce024b3a58502ae3f",
        ],
    ],
};

const CACOPHONY_NN_PSK0: Vector = Vector {
    pattern: NN_PSK0,
    prologue: "4a6f686e2047616c74",
    psk: "54686973206973206d7920417573747269616e20706572737065637469766521",
    dialer: ["", "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"],
    acceptor: ["", "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"],
    hash: "f4d03dc34495c95729ea6de9e1b59004b59733102488b3e24bc441e0be208eaf",
    messages: &[
        [
            "4c756477696720766f6e204d69736573",
            "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c794479b962b8aff8485742ac32f905ba4536\
             9e2465fb59e138a93d67a0d1266b6a54",
        ],
        [
            "4d757272617920526f746862617264",
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843d6062704d5a9c422a8e834423f8c1fea\
             da7e8d0d910a1a2cd030fb584221e3",
        ],
        ["462e20412e20486179656b", "e632c3763d7669067383433197a3baddf146e9e70ad4b4e9e59e0f"],
        ["4361726c204d656e676572", "64c6bee32ea91c8474bb4c21d7a700109ad45af77b29764ba5eb1e"],
        [
            "4a65616e2d426170746973746520536179",
            "e2fa0bed0603b62d3ccac2ecabbf3fe33f3e86514909b323361626266cb2471cc8",
        ],
        [
            "457567656e2042f6686d20766f6e2042617765726b",
            "0c01dc9cec1fe4ddd692e8dd32188aa351088dc91183639a53b57aa4692b5ebdef8b8ca111",
        ],
    ],
};

const SNOW_XX: Vector = Vector {
    pattern: Pattern::XX,
    prologue: "5468657265206973206e6f20726967687420616e642077726f6e672e2054686572652773206f6e6c792066756e20616e\
             6420626f72696e672e",
    psk: "",
    dialer: [
        "7dec208517a3b81a2861d7a71266d5d6dc944c5a8816634a86fe63198a0148ee",
        "a32daf21e93c0131495ce1d903181fde81cc46937daaeb990bae7c992709421e",
    ],
    acceptor: [
        "4d0aed5098e3b4ef20357e9f686ce66204c792b358da2e475017d6c485304881",
        "4eece0f195d026db035ff987597c429d3ad3bcc2944df37d649528951b2a27c5",
    ],
    hash: "",
    messages: &[
        [
            "d03c489139e645d0711a3c9e810d776b46a84912463fafa87b884eebf242dc34",
            "f9fa868ba97ab8a2686deccfaad5a484ee10a5bb85e3d1dce015a84797f92818d03c489139e645d0711a3c9e810d776b\
             46a84912463fafa87b884eebf242dc34",
        ],
        [
            "d8190a92f7dc0c93dbea9118ba8055751fb7c6590c416ffbd419964132b99a85",
            "8c4e6fdb7d09d501a86f7eca5c234522751706ed409182c05cdf5f827d4dae47b81c6c5f43b025692c24391eefee725c\
             17d8cb0fbe3e4abb8aedf42c4fd2592d4ea48ac08989d6ae8b4adae08b2c34087c808c7aa55a63c02b0fab9e93061233\
             6bd43eaea04d3c670a0a146691aa9cc9d357872320dc735dbc48580cffb553db",
        ],
        [
            "77891b19dcb92ef7c055b672c4a5aa7fdf1c84146b8b303459022729473ce254",
            "933ca6b5ed60df3df66121f0ab49a09e49efa45c613a86a3cecbf4c535cef2f83f72b42837b18e3572f2fdc2b74c331e\
             2368a545cef54bdca081678ab0e9dd5348122459e0c034c851984d88ce610963d43cde6cfe73a67fbd5a63e8bfca96d0",
        ],
        [
            "d7efdf988072881941db045a42882433817555128fbf5663e56081712ec7d212",
            "54ef0ff0629e1aaa7685a2806ab111cba76b52331f2642276736f415868eacb69ab2577f3bda0cbf72f879685f6ed25f",
        ],
        [
            "dd7bf01a588bafb52c6cfba952e5d8fe35cc2b3f92b4730ae2474615157345ce",
            "356be70f110306d5c699bb834bb9d58d909e325924dfbec972e406e6f294dc63e1daebefe8a62a334facc8048ab4ad66",
        ],
    ],
};

fn bytes(hex: &str) -> heapless::Vec<u8, 256> {
    let digits = hex.as_bytes().chunks(2).map(|digits| core::str::from_utf8(digits).expect("digits"));
    digits.map(|digits| u8::from_str_radix(digits, 16).expect("hexadecimal")).collect()
}

fn key(hex: &str) -> [u8; 32] {
    *bytes(hex).first_chunk().unwrap_or(&[0; 32])
}

/// Both ends, and what each says of itself.
fn both_ends_agree_with(vector: &Vector) {
    let prologue = bytes(vector.prologue);
    let psk = key(vector.psk);
    let begin =
        |end, [_, fresh]: [&str; 2]| Noise::new(vector.pattern, end, &prologue, Zeroizing::new(key(fresh)));
    let mut ends = [begin(End::Dialer, vector.dialer), begin(End::Acceptor, vector.acceptor)];
    let secrets = [vector.dialer, vector.acceptor].map(|[own, _]| key(own));
    let secrets = secrets.map(|secret| X25519::key(&secret));
    let publics = secrets.each_ref().map(X25519::public);
    let keys = |nth: usize| Keys { public: &publics[nth], secret: Some(&secrets[nth]), psk: Some(&psk) };

    let (handshake, rest) = vector.messages.split_at(vector.pattern.messages.len());
    for (nth, [payload, expected]) in handshake.iter().enumerate() {
        let (writer, reader) = (nth % 2, (nth + 1) % 2);
        let mut room = [0; 256];
        let mut out = Writer::new(&mut room);
        assert_eq!(ends[writer].write(keys(writer), &bytes(payload), &mut out), Ok(()));
        let message = out.since(0);
        assert_eq!(message, bytes(expected), "message {nth}");
        assert_eq!(ends[reader].read(keys(reader), message), Ok(&mut *bytes(payload)));
    }

    assert_eq!(ends[0].hash(), ends[1].hash());
    if !vector.hash.is_empty() {
        assert_eq!(ends[0].hash(), &key(vector.hash));
    }
    let [dialer, acceptor] = ends.map(|end| end.split(Suite::ChaChaPoly).expect("every processor has it"));
    let ((mut dialer_seals, mut dialer_opens), (mut acceptor_seals, mut acceptor_opens)) = (dialer, acceptor);
    for (nth, [payload, expected]) in rest.iter().enumerate() {
        let (seals, opens) = match (handshake.len() + nth) % 2 {
            0 => (&mut dialer_seals, &mut acceptor_opens),
            _ => (&mut acceptor_seals, &mut dialer_opens),
        };
        let (mut text, expected) = (bytes(payload), bytes(expected));
        let tag = seals.seal(b"", &mut text).expect("short");
        assert_eq!((&*text, &tag[..]), expected.split_at(text.len()), "message {nth} after the handshake");
        assert_eq!(opens.open(b"", &mut text, &tag), Some(()));
        assert_eq!(text, bytes(payload));
    }
}

#[test]
fn the_vector_of_cacophony_for_xx_passes() {
    both_ends_agree_with(&CACOPHONY_XX);
}

#[test]
fn the_vector_of_cacophony_for_nn_psk0_passes() {
    both_ends_agree_with(&CACOPHONY_NN_PSK0);
}

#[test]
fn the_vector_of_snow_for_xx_passes() {
    both_ends_agree_with(&SNOW_XX);
}
