//! Certificates and keys in PEM files, and what may be wrong with them. No error holds a key.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::transport::input::read_at_most;

/// The most bytes of a file with certificates or a key: the bundle of a whole system has some 200 KiB.
const MAX_FILE: u64 = 4 << 20;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {cause}; paths in a scenario are taken from its directory")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A file holds no certificate.
    #[error(
        "{0} holds no certificate; it must be PEM with BEGIN CERTIFICATE, which `openssl x509 -inform der` makes of DER"
    )]
    NoCertificate(PathBuf),
    /// A file is PEM in part only.
    #[error("{0} is broken PEM: it was cut off or changed; copy it again")]
    BrokenPem(PathBuf),
    /// A certificate cannot be decoded.
    #[error("a certificate in {path} cannot be used: {cause}; export it again")]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A file holds no private key.
    #[error("{0} holds no private key; it must be PEM with BEGIN PRIVATE KEY")]
    NoKey(PathBuf),
    /// A private key wants a passphrase.
    #[error(
        "the key in {0} is encrypted; write a plain one with `openssl pkey -in KEY -out PLAIN`"
    )]
    EncryptedKey(PathBuf),
    /// A private key is of a kind that is not supported.
    #[error("the key in {path} cannot be used: {cause}; use an RSA, ECDSA or Ed25519 key")]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A certificate is that of another key.
    #[error(
        "the key in {key} is not that of the certificate in {certificate}; name the pair, the client's own certificate first in its file"
    )]
    KeyMismatch {
        /// File of the certificate.
        certificate: PathBuf,
        /// File of the key.
        key: PathBuf,
    },
    /// A name that no certificate can be for.
    #[error("`{}` is neither a host name nor an address", .0.escape_debug())]
    Name(String),
    /// The system trusts nobody.
    #[error(
        "the system has no certificate authorities{0}; install `ca-certificates`, or name the target's with `tls.ca` or --cacert"
    )]
    NoRoots(String),
    /// The TLS library refuses what it was given.
    #[error("TLS cannot be set up: {0}")]
    Library(rustls::Error),
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    certificates_in(&read(path)?, path)
}

fn certificates_in(bytes: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::NoCertificate(path.to_owned())),
        Ok(found) => Ok(found),
        Err(_) => Err(TlsError::BrokenPem(path.to_owned())),
    }
}

pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    private_key_in(&read(path)?, path)
}

fn private_key_in(bytes: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let has = |words: &[u8]| memchr::memmem::find(bytes, words).is_some();
    // The second is the old form, whose body would be taken for a key.
    if has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError::EncryptedKey(path.to_owned()));
    }
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey(path.to_owned()),
        _ => TlsError::BrokenPem(path.to_owned()),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    read_at_most(path, MAX_FILE).map_err(|cause| TlsError::Unreadable {
        path: path.to_owned(),
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes that look like PEM, and some that do not.
    fn files() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"-----BEGIN CERTIFICATE-----\n".to_vec()),
            Just(b"-----END CERTIFICATE-----\n".to_vec()),
            Just(b"-----BEGIN PRIVATE KEY-----\n".to_vec()),
            Just(b"-----END PRIVATE KEY-----\n".to_vec()),
            Just(b"-----BEGIN EC PRIVATE KEY-----".to_vec()),
            Just(b"Proc-Type: 4,ENCRYPTED\n".to_vec()),
            "[A-Za-z0-9+/=\n]{0,80}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..40),
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_file_does_harm_and_no_error_tells_what_is_in_it(bytes in files(), secret in "[A-Z]{24}") {
            let path = Path::new("a.pem");
            let marked = [&bytes[..], secret.as_bytes()].concat();
            for error in [
                certificates_in(&marked, path).err(),
                private_key_in(&marked, path).err(),
            ].into_iter().flatten() {
                let (shown, debugged) = (error.to_string(), format!("{error:?}"));
                prop_assert!(!shown.contains(&secret) && !debugged.contains(&secret));
                prop_assert!(shown.contains("a.pem"));
            }
        }
    }
}
