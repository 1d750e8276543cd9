//! Whose certificates are believed.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Believes the system's authorities, and those in the files and in the bundle.
///
/// A file that cannot be read adds none: the server's certificate is then refused, in words of its
/// own.
pub(super) fn config(files: &[PathBuf], bundle: &[u8]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for file in files {
        if let Ok(certificates) = CertificateDer::pem_file_iter(file) {
            roots.add_parsable_certificates(certificates.filter_map(Result::ok));
        }
    }
    let certificates = CertificateDer::pem_slice_iter(bundle).filter_map(Result::ok);
    roots.add_parsable_certificates(certificates);
    ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
