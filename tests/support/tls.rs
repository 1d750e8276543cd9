//! Certificates of a test's own authority, and servers that end TLS with them.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

/// A certificate authority.
pub type Issuer = CertifiedIssuer<'static, KeyPair>;

/// Makes a certificate authority.
pub fn authority() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).expect("no names are well formed");
    params
        .distinguished_name
        .push(DnType::CommonName, "builder's tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key is made");
    CertifiedIssuer::self_signed(params, key).expect("a key signs its own certificate")
}

/// Serves TLS on a free port of a host, for everyone or only for clients with a certificate of the CA.
pub async fn serve<Serving: Future<Output = ()> + Send + 'static>(
    host: &str,
    ca: &Issuer,
    only_known_clients: bool,
    answer: impl Fn(TlsStream<TcpStream>) -> Serving + Send + Clone + 'static,
) -> SocketAddr {
    let key = KeyPair::generate().expect("a key is made");
    let params = CertificateParams::new([host.to_owned()]).expect("the address is well formed");
    let cert = params.signed_by(&key, ca).expect("the CA signs");
    let config = ServerConfig::builder();
    let config = if only_known_clients {
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).expect("the CA is well formed");
        let verifier = WebPkiClientVerifier::builder(roots.into())
            .build()
            .expect("there is a CA");
        config.with_client_cert_verifier(verifier)
    } else {
        config.with_no_client_auth()
    };
    let config = config
        .with_single_cert(
            vec![cert.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .expect("certificate and key belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((host, 0)).await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream).await;
                }
            });
        }
    });
    address
}
