//! The engine behind TLS, with certificates as docker names them.

use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};
use tokio::net::UnixStream;

use super::tls::{Issuer, serve};

/// The socket of the local engine.
pub const SOCKET: &str = "/var/run/docker.sock";

/// Makes a certificate and writes it with its key and the CA's, as docker names them.
pub fn certificates(folder: &Path, ca: &Issuer, signer: &Issuer) {
    let key = KeyPair::generate().expect("a key is made");
    let params = CertificateParams::new(["client".to_owned()]).expect("the name is well formed");
    let cert = params.signed_by(&key, signer).expect("the CA signs");
    fs::create_dir_all(folder).expect("the folder is made");
    for (name, text) in [
        ("ca.pem", ca.pem()),
        ("cert.pem", cert.pem()),
        ("key.pem", key.serialize_pem()),
    ] {
        fs::write(folder.join(name), text).expect("the file is written");
    }
}

/// Ends TLS in front of the engine's socket, for clients with a certificate of the CA.
pub async fn proxy(ca: &Issuer) -> String {
    let address = serve("127.0.0.1", ca, true, |mut near| async move {
        let mut far = UnixStream::connect(SOCKET)
            .await
            .expect("the engine listens");
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    });
    format!("tcp://{}", address.await)
}
