//! Whole handshakes: who meets whom, and who does not.

use mesh_proto::wire::{
    Answering, Calling, Ciphers, Declined, Failed, Guard, MAX_OPENING, MeshSecret, MeshSecrets, Mismatch,
    Network, NoRoom, Terms, Versions,
};
use mesh_proto::{NodeId, Reason, Refusal};

use crate::scene::{Apart, FRESH, KINDS, Kind, Node, PROTECTED, body, hello, pair, shake, welcome};

fn untouched(nodes: &[Node; 2]) -> Result<crate::scene::Together, Apart> {
    shake(nodes, 0, |_, _| {})
}

/// What the dialer is told in the clear when the acceptor turns it away.
fn told(declined: &Declined, dialer: &Node) -> Failed {
    let (calling, _) = Calling::begin(&dialer.terms(), 0, FRESH[0]);
    calling.read(&dialer.terms(), &mut body(&declined.last_words)).expect_err("it was turned away")
}

#[test]
fn why_two_do_not_come_together_is_said() {
    for (failed, words) in [
        (Failed::Mismatch(Mismatch::Network), "the other end belongs to another network"),
        (Failed::Mismatch(Mismatch::Guard), "one end wants a secret or no protection, the other does not"),
        (Failed::Mismatch(Mismatch::Version), "no version in common"),
        (Failed::Mismatch(Mismatch::Secret), "noise to the other end: is the mesh secret the same?"),
        (Failed::Unreadable, "not what belongs here, or altered on the way"),
        (Failed::BadKey, "a key that is none"),
        (Failed::TalkedDown, "not the best version that both speak"),
    ] {
        assert_eq!(failed.to_string(), words);
    }
}

#[test]
fn both_ends_know_each_other_and_the_link() {
    for kind in KINDS {
        let nodes = pair(kind);
        let together = untouched(&nodes).unwrap_or_else(|apart| panic!("{kind:?}: {apart:?}"));
        assert_eq!(together.met, [nodes[1].id(), nodes[0].id()]);
        assert_eq!(together.tags[0], together.tags[1]);
        assert_eq!((together.hello, together.answer), (hello(), welcome()));
    }
}

#[test]
fn every_link_has_a_name_of_its_own() {
    for kind in KINDS {
        let nodes = pair(kind);
        let name = |dialer: u8, acceptor: u8| {
            let (_, first) = Calling::begin(&nodes[0].terms(), 0, [dialer; 32]);
            let answered = Answering::to(&nodes[1].terms(), [acceptor; 32], &mut body(&first));
            let (calling, _) = Calling::begin(&nodes[0].terms(), 0, [dialer; 32]);
            let second = answered.expect("they go together").1;
            calling.read(&nodes[0].terms(), &mut body(&second)).expect("they go together").tag()
        };
        let names = [name(1, 2), name(1, 3), name(2, 2), name(2, 3)];
        assert!((1..4).all(|nth| !names[..nth].contains(&names[nth])), "{names:?}");
    }
}

#[test]
fn another_network_is_told_in_the_clear() {
    for kind in KINDS {
        let mut nodes = pair(kind);
        nodes[1].network = Network::named("another");
        let Err(Apart::Declined(declined)) = untouched(&nodes) else { panic!("they came together") };
        assert_eq!(declined.failed, Failed::Mismatch(Mismatch::Network));
        assert_eq!(told(&declined, &nodes[0]), declined.failed);
        assert_eq!(declined.failed.reason(), Reason::Refused(Refusal::WrongMesh));
        assert!(!declined.failed.reason().lasts());
    }
}

#[test]
fn the_kinds_of_channel_do_not_mix() {
    for dialer in KINDS {
        for acceptor in KINDS.into_iter().filter(|acceptor| *acceptor != dialer) {
            let nodes = [Node::new(1, dialer), Node::new(2, acceptor)];
            let Err(Apart::Declined(declined)) = untouched(&nodes) else { panic!("they came together") };
            assert_eq!(told(&declined, &nodes[0]), Failed::Mismatch(Mismatch::Guard));
        }
    }
}

#[test]
fn the_best_version_of_both_is_used() {
    let range = |least, most| Versions::new(least, most).expect("a range");
    for (ours, theirs, best) in [(range(1, 3), range(2, 5), Some(3)), (range(2, 9), range(1, 2), Some(2))] {
        assert_eq!(ours.best(theirs), best);
        let mut nodes = pair(Kind::Open);
        (nodes[0].versions, nodes[1].versions) = (ours, theirs);
        assert!(untouched(&nodes).is_ok());
    }
    assert_eq!(Versions::new(2, 1), None);

    let mut nodes = pair(Kind::Closed);
    nodes[1].versions = range(2, 3);
    let Err(Apart::Declined(declined)) = untouched(&nodes) else { panic!("they came together") };
    assert_eq!(told(&declined, &nodes[0]), Failed::Mismatch(Mismatch::Version));
    assert_eq!(declined.failed.reason(), Reason::Refused(Refusal::WrongVersion));
}

/// Somebody in between takes versions out of what the dialer says, so that an older one is used.
#[test]
fn nobody_talks_them_down() {
    let most = 2 + 4 + 2 + 16 + 3;
    for kind in PROTECTED {
        let mut nodes = pair(kind);
        for node in &mut nodes {
            node.versions = Versions::new(1, 2).expect("a range");
        }
        let apart = shake(&nodes, 0, |nth, record| {
            if nth == 0 {
                assert_eq!(record[most], 2);
                record[most] = 1;
            }
        });
        assert!(matches!(apart, Err(Apart::AtDialer(Failed::Unreadable) | Apart::Declined(_))), "{kind:?}");
    }
    // Where nothing is protected, what the acceptor says of itself still does not fit.
    let mut nodes = pair(Kind::Unprotected);
    for node in &mut nodes {
        node.versions = Versions::new(1, 2).expect("a range");
    }
    let apart = shake(&nodes, 0, |nth, record| {
        if nth == 0 {
            record[most] = 1;
        }
    });
    assert_eq!(apart.err(), Some(Apart::AtDialer(Failed::TalkedDown)));
}

/// O7: only the secret that belongs to a name proves it. An outsider does not get beyond the first record.
#[test]
fn an_outsider_fails_with_the_first_record() {
    let mut nodes = pair(Kind::Closed);
    nodes[0].secrets = MeshSecrets::one(MeshSecret::new([0x78; 32]));
    let Err(Apart::Declined(declined)) = untouched(&nodes) else { panic!("they came together") };
    assert_eq!(told(&declined, &nodes[0]), Failed::Mismatch(Mismatch::Secret));
    assert_eq!(declined.failed.reason(), Reason::Refused(Refusal::WrongMesh));
}

/// Y25: a dialer with the old and the new secret meets one with only one of them.
#[test]
fn while_secrets_change_the_second_attempt_gets_in() {
    let [old, new] = [MeshSecret::new([1; 32]), MeshSecret::new([2; 32])];
    let with = |dialer: MeshSecrets, acceptor: MeshSecrets| {
        let mut nodes = pair(Kind::Closed);
        (nodes[0].secrets, nodes[1].secrets) = (dialer, acceptor);
        [0, 1, 2].map(|attempt| shake(&nodes, attempt, |_, _| {}).is_ok())
    };
    let both = || MeshSecrets::two(new.clone(), old.clone());
    let one = |secret: &MeshSecret| MeshSecrets::one(secret.clone());
    assert_eq!(with(both(), one(&old)), [false, true, false]);
    assert_eq!(with(both(), one(&new)), [true, false, true]);
    assert_eq!(with(one(&old), both()), [true; 3]);
    assert_eq!(with(one(&new), both()), [true; 3]);
    assert_eq!(with(both(), both()), [true; 3]);
    assert_eq!(with(one(&new), one(&old)), [false; 3]);
}

/// X10: what is no mesh at all is closed without a word.
#[test]
fn strangers_are_closed_at_once() {
    for kind in KINDS {
        let node = Node::new(2, kind);
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"", b"m", b"mesh", b"mesh\x01\x00", &[0; 1000]] {
            let declined = Answering::to(&node.terms(), FRESH[1], &mut stranger.to_vec()).err();
            let silent = Declined { failed: Failed::Unreadable, last_words: Default::default() };
            assert_eq!(declined, Some(silent), "{kind:?} {stranger:?}");
        }
        let mut other_format = body(&Calling::begin(&node.terms(), 0, FRESH[0]).1);
        other_format[4] = 2;
        let declined = Answering::to(&node.terms(), FRESH[1], &mut other_format).expect_err("another format");
        assert_eq!(declined.failed, Failed::Mismatch(Mismatch::Version));
    }
}

/// Y15: a name that is another one, written differently.
#[test]
fn a_name_that_hides_another_ends_the_handshake() {
    let node = Node::new(1, Kind::Unprotected);
    let terms = node.terms();
    let hidden = Terms { guard: Guard::unprotected(NodeId::new([0xff; 32])), ..terms };

    let (calling, first) = Calling::begin(&terms, 0, FRESH[0]);
    let (_, second) = Answering::to(&hidden, FRESH[1], &mut body(&first)).expect("it is not known yet");
    assert_eq!(calling.read(&terms, &mut body(&second)).map(drop), Err(Failed::BadKey));

    let (calling, first) = Calling::begin(&hidden, 0, FRESH[0]);
    let (answering, second) =
        Answering::to(&terms, FRESH[1], &mut body(&first)).expect("it is not known yet");
    let met = calling.read(&hidden, &mut body(&second)).expect("this end is honest");
    let mut out = [0; MAX_OPENING];
    let third = met.introduce(&hidden, &hello(), &mut out).expect("enough room").1;
    assert_eq!(answering.read(&terms, &mut body(third)).map(drop), Err(Failed::BadKey));
}

/// Y15: a key whose shared secret is zero.
#[test]
fn a_key_of_low_order_ends_the_handshake() {
    let nodes = pair(Kind::Open);
    let apart = shake(&nodes, 0, |nth, record| {
        if nth == 0 {
            let start = record.len() - 32;
            record[start..].fill(0);
        }
    });
    let silent = Declined { failed: Failed::BadKey, last_words: Default::default() };
    assert_eq!(apart.err(), Some(Apart::Declined(silent)));
    let apart = shake(&nodes, 0, |nth, record| {
        if nth == 1 {
            record[3..35].fill(0);
        }
    });
    assert_eq!(apart.err(), Some(Apart::AtDialer(Failed::BadKey)));
}

#[test]
fn a_buffer_that_is_too_small_is_said() {
    let nodes = pair(Kind::Closed);
    let met = || {
        let (calling, first) = Calling::begin(&nodes[0].terms(), 0, FRESH[0]);
        let (answering, second) =
            Answering::to(&nodes[1].terms(), FRESH[1], &mut body(&first)).expect("they go together");
        (calling.read(&nodes[0].terms(), &mut body(&second)).expect("they go together"), answering)
    };
    let mut out = [0; MAX_OPENING];
    let (dialer, _) = met();
    let whole = dialer.introduce(&nodes[0].terms(), &hello(), &mut out).expect("enough room").1.len();
    for length in 0..whole {
        let introduced = met().0.introduce(&nodes[0].terms(), &hello(), &mut out[..length]).map(|_| ());
        assert_eq!(introduced, Err(NoRoom), "{length} of {whole}");
    }
    let (dialer, answering) = met();
    let (_, third) = dialer.introduce(&nodes[0].terms(), &hello(), &mut out).expect("enough room");
    let mut third = third[2..].to_vec();
    let (mut greeted, _) = answering.read(&nodes[1].terms(), &mut third).expect("they go together");
    for length in 0..21 {
        assert_eq!(greeted.wait(&mut out[..length]).map(|_| ()), Err(NoRoom));
    }
    assert!(greeted.wait(&mut out[..21]).is_ok());
}

#[test]
fn aes_is_used_where_both_have_it() {
    let has = Ciphers::of_this_processor();
    if has == Ciphers::NONE {
        return;
    }
    let sealed = |dialer, acceptor| {
        let mut nodes = pair(Kind::Open);
        (nodes[0].ciphers, nodes[1].ciphers) = (dialer, acceptor);
        let mut together = untouched(&nodes).unwrap_or_else(|apart| panic!("{apart:?}"));
        let mut record = [0; 64];
        let record = together.dialer.0.seal(&mut record, 40).expect("enough room").to_vec();
        together.acceptor.1.open(&mut record[2..].to_vec()).expect("the same cipher at both ends");
        record
    };
    let both = sealed(has, has);
    assert_ne!(both, sealed(has, Ciphers::NONE));
    assert_eq!(sealed(Ciphers::NONE, Ciphers::NONE).len(), both.len());
}
