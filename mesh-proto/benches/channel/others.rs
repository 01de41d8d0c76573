//! The handshakes of others: Noise by snow, and TLS by rustls.

use snow::params::{CipherChoice, DHChoice, HashChoice, NoiseParams};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState};

/// snow with its own primitives.
pub(crate) struct Snow {
    name: NoiseParams,
    closed: bool,
    count: u64,
}

impl Snow {
    pub(crate) fn open() -> Self {
        Self { name: name("Noise_XX_25519_ChaChaPoly_SHA256"), closed: false, count: 0 }
    }

    pub(crate) fn closed() -> Self {
        Self { name: name("Noise_XXpsk0_25519_ChaChaPoly_SHA256"), closed: true, count: 0 }
    }

    /// A whole handshake, with nothing but what Noise puts into it.
    pub(crate) fn shake(&mut self) {
        self.count += 1;
        let mut dialer = self.end(1).build_initiator().expect("everything is set");
        let mut acceptor = self.end(2).build_responder().expect("everything is set");
        let [mut message, mut payload] = [[0; 256]; 2];
        let mut say = |from: &mut HandshakeState, to: &mut HandshakeState| {
            let length = from.write_message(b"", &mut message).expect("it is its turn");
            to.read_message(&message[..length], &mut payload).expect("nobody is in between");
        };
        say(&mut dialer, &mut acceptor);
        say(&mut acceptor, &mut dialer);
        say(&mut dialer, &mut acceptor);
        for end in [dialer, acceptor] {
            core::hint::black_box(end.into_transport_mode().expect("the handshake is done"));
        }
    }

    fn end(&self, name: u8) -> Builder<'static> {
        const KEYS: [[u8; 32]; 2] = [[1; 32], [2; 32]];
        let resolver = Box::new(Given(u64::from(name) << 56 | self.count));
        let builder = Builder::with_resolver(self.name.clone(), resolver)
            .local_private_key(&KEYS[usize::from(name) - 1])
            .expect("it is set once");
        if self.closed { builder.psk(0, &[3; 32]).expect("it is set once") } else { builder }
    }
}

fn name(name: &str) -> NoiseParams {
    name.parse().expect("a name that snow knows")
}

/// snow's primitives, with bytes that are no secret.
struct Given(u64);

impl Random for Given {
    fn try_fill_bytes(&mut self, room: &mut [u8]) -> Result<(), snow::Error> {
        room.fill(5);
        room[..8].copy_from_slice(&self.0.to_le_bytes());
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

#[cfg(feature = "aws-lc")]
pub(crate) use tls::Tls;

/// TLS 1.3 in which both ends prove a key and nothing else (RFC 7250), as ours do: X25519 and Ed25519, no certificates, no
/// tickets.
#[cfg(feature = "aws-lc")]
mod tls {
    extern crate alloc;
    use alloc::sync::Arc;

    use rustls::client::AlwaysResolvesClientRawPublicKeys;
    use rustls::client::Resumption;
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
    use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
    use rustls::pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
    };
    use rustls::server::AlwaysResolvesServerRawPublicKeys;
    use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
    use rustls::sign::CertifiedKey;
    use rustls::version::TLS13;
    use rustls::{
        ClientConfig, ClientConnection, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
        ServerConnection, SignatureScheme,
    };

    pub(crate) struct Tls {
        dialer: Arc<ClientConfig>,
        acceptor: Arc<ServerConfig>,
    }

    impl Tls {
        pub(crate) fn new() -> Self {
            let provider = Arc::new(CryptoProvider {
                cipher_suites: vec![cipher_suite::TLS13_CHACHA20_POLY1305_SHA256],
                kx_groups: vec![kx_group::X25519],
                ..default_provider()
            });
            let anybody = Arc::new(Anybody(provider.signature_verification_algorithms));
            let mut dialer = ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(&[&TLS13])
                .expect("there are suites for it")
                .dangerous()
                .with_custom_certificate_verifier(Arc::<Anybody>::clone(&anybody))
                .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(key(
                    &provider, 1,
                ))));
            dialer.resumption = Resumption::disabled();
            let mut acceptor = ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(&[&TLS13])
                .expect("there are suites for it")
                .with_client_cert_verifier(anybody)
                .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key(&provider, 2))));
            acceptor.send_tls13_tickets = 0;
            Self { dialer: Arc::new(dialer), acceptor: Arc::new(acceptor) }
        }

        /// A whole handshake.
        pub(crate) fn shake(&self) {
            let name = ServerName::try_from("bench").expect("a name");
            let mut dialer = ClientConnection::new(Arc::clone(&self.dialer), name).expect("it fits together");
            let mut acceptor = ServerConnection::new(Arc::clone(&self.acceptor)).expect("it fits together");
            let mut wire = Vec::with_capacity(4096);
            while dialer.is_handshaking() || acceptor.is_handshaking() {
                wire.clear();
                while dialer.wants_write() {
                    dialer.write_tls(&mut wire).expect("memory takes everything");
                }
                acceptor.read_tls(&mut &wire[..]).expect("memory gives everything");
                acceptor.process_new_packets().expect("nobody is in between");
                wire.clear();
                while acceptor.wants_write() {
                    acceptor.write_tls(&mut wire).expect("memory takes everything");
                }
                dialer.read_tls(&mut &wire[..]).expect("memory gives everything");
                dialer.process_new_packets().expect("nobody is in between");
            }
        }
    }

    fn key(provider: &CryptoProvider, name: u8) -> Arc<CertifiedKey> {
        // What stands before the 32 bytes of a key of Ed25519 (RFC 8410).
        let mut bytes = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        bytes.extend([name; 32]);
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(bytes));
        let secret = provider.key_provider.load_private_key(secret).expect("it is a key");
        let public = secret.public_key().expect("it has a public half");
        let public = CertificateDer::from(public.as_ref().to_vec());
        Arc::new(CertifiedKey::new(vec![public], secret))
    }

    /// Lets in whoever proves a key.
    #[derive(Debug)]
    struct Anybody(WebPkiSupportedAlgorithms);

    impl Anybody {
        fn proves(
            &self,
            message: &[u8],
            key: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let key = SubjectPublicKeyInfoDer::from(key.as_ref());
            verify_tls13_signature_with_raw_key(message, &key, signature, &self.0)
        }
    }

    impl ServerCertVerifier for Anybody {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("only TLS 1.3 is spoken".into()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            key: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.proves(message, key, signature)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }

        fn requires_raw_public_keys(&self) -> bool {
            true
        }
    }

    impl ClientCertVerifier for Anybody {
        fn root_hint_subjects(&self) -> &[DistinguishedName] {
            &[]
        }

        fn verify_client_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: UnixTime,
        ) -> Result<ClientCertVerified, Error> {
            Ok(ClientCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("only TLS 1.3 is spoken".into()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            key: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            self.proves(message, key, signature)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }

        fn requires_raw_public_keys(&self) -> bool {
            true
        }
    }
}
