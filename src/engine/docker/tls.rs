//! The certificates of a TLS connection, checked before bollard reads them.

#![expect(
    clippy::disallowed_methods,
    reason = "certificates are files that the user names"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The certificates of a connection, all PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Who must have signed the engine's certificate.
    pub ca: PathBuf,
    /// The certificate by which the engine knows this client, and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Finds `ca.pem`, `cert.pem` and `key.pem` in a directory, as docker names them.
    ///
    /// The files are looked into here because the client library reads the key in the middle of
    /// the handshake and goes on without it where it cannot: the engine's "certificate required"
    /// would then hide a mistyped path.
    pub(super) fn from_directory(directory: &Path) -> Result<Self, String> {
        let ca = directory.join("ca.pem");
        pem(&ca)?;
        let (cert, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        let client = match (cert.exists(), key.exists()) {
            (false, false) => None,
            _ => {
                pem(&cert)?;
                pem(&key)?;
                Some((cert, key))
            }
        };
        Ok(Self { ca, client })
    }

    /// Names the directory of the certificates, for help.
    pub(super) fn directory(&self) -> &Path {
        self.ca.parent().unwrap_or(&self.ca)
    }
}

/// Checks that a file can be read and holds PEM.
fn pem(path: &Path) -> Result<(), String> {
    match fs::read_to_string(path) {
        Ok(text) if text.contains("-----BEGIN ") => Ok(()),
        Ok(_) => Err(format!("{} is no PEM file", path.display())),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}
