//! Both ends of our channel, in one place.

use core::time::Duration;

use mesh_proto::wire::{
    Answer, Answering, Calling, Ciphers, Guard, Identity, MAX_OPENING, MeshSecret, MeshSecrets, Network,
    Opener, Sealer, Terms, Versions,
};
use mesh_proto::{
    Frame, Hello, Incarnation, LaneMarks, Marks, PathClass, PerLane, Place, Takes, Welcome, Window,
};

use crate::bare::Suite;

/// What two ends bring to all their handshakes.
pub(crate) struct Pair {
    identities: [Identity; 2],
    secrets: Option<MeshSecrets>,
    ciphers: Ciphers,
    hello: Hello,
    /// How many handshakes there were: no two have the same random bytes.
    count: u64,
}

impl Pair {
    /// Anybody may talk.
    pub(crate) fn open(suite: Suite) -> Self {
        let ciphers = match suite {
            Suite::ChaChaPoly => Ciphers::NONE,
            Suite::AesGcm => Ciphers::of_this_processor(),
        };
        let identities = [Identity::new([1; 32]), Identity::new([2; 32])];
        Self { identities, secrets: None, ciphers, hello: hello(), count: 0 }
    }

    /// Who has the secret may talk.
    pub(crate) fn closed(suite: Suite) -> Self {
        Self { secrets: Some(MeshSecrets::one(MeshSecret::new([3; 32]))), ..Self::open(suite) }
    }

    /// A whole handshake; gives the dialer's half for saying, and the acceptor's for hearing.
    pub(crate) fn shake(&mut self) -> (Sealer, Opener) {
        self.count += 1;
        let [mut at_dialer, mut at_acceptor] = [[5; 32], [6; 32]];
        for fresh in [&mut at_dialer, &mut at_acceptor] {
            fresh[..8].copy_from_slice(&self.count.to_le_bytes());
        }
        let [dialer, acceptor] = self.identities.each_ref().map(|identity| Terms {
            guard: match &self.secrets {
                None => Guard::open(identity),
                Some(secrets) => Guard::closed(identity, secrets),
            },
            network: Network::named("bench"),
            versions: Versions::SPOKEN,
            ciphers: self.ciphers,
        });
        let [mut first_room, mut second_room] = [[0; MAX_OPENING]; 2];
        let (calling, mut first) = Calling::begin(&dialer, 0, at_dialer);
        let (answering, mut second) =
            Answering::to(&acceptor, at_acceptor, &mut first[2..]).expect("they go together");
        let met = calling.read(&dialer, &mut second[2..]).expect("nobody is in between");
        let hello = Frame::Hello(self.hello.clone().into());
        let (introduced, third) = met.introduce(&dialer, &hello, &mut first_room).expect("enough room");
        let length = third.len();
        let (greeted, _) =
            answering.read(&acceptor, &mut first_room[2..length]).expect("nobody is in between");
        let welcome = Frame::Welcome(Welcome { hello: self.hello.clone(), doubt: false }.into());
        let (fourth, _, opener) = greeted.answer(&acceptor, &welcome, &mut second_room).expect("enough room");
        let length = fourth.len();
        match introduced.read(&dialer, &mut second_room[2..length]) {
            Ok(Answer::Answered { sealer, .. }) => (sealer, opener),
            Ok(Answer::Wait(_)) | Err(_) => panic!("that was the answer"),
        }
    }
}

fn hello() -> Hello {
    let lane = || LaneMarks { received: Place { number: 1, offset: 0 }, taken: 1 };
    let window = Window { bytes: 4 << 20, messages: 1 << 14 };
    Hello {
        incarnation: Incarnation::new(3, 4),
        detect_within: Duration::from_secs(10),
        class: PathClass::Direct,
        keep: true,
        lost: [].into_iter().collect(),
        birth: 2,
        meant: None,
        marks: Marks { lanes: PerLane { ordinary: lane(), urgent: lane() }, open: window },
        takes: Takes { message: 1 << 20, record: 65_519, window },
    }
}
