//! Certificates and keys in PEM files.

use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::encrypted;
use super::error::TlsError;
use crate::transport::input::read_at_most;

/// The passphrase in a file: its first line.
///
/// # Errors
/// The file cannot be read, or is no line.
pub fn passphrase(path: &Path) -> Result<Vec<u8>, TlsError> {
    let bytes = read(path)?;
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        let cause = std::io::Error::other("its first line is empty, and should be the passphrase");
        let path = path.to_owned();
        return Err(TlsError::Unreadable { path, cause });
    }
    Ok(line.to_vec())
}

/// The most bytes of a file with certificates or a key: the bundle of a whole system has some 200 KiB.
const MAX_FILE: u64 = 4 << 20;

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

/// The private key of a file, which this passphrase opens if it is encrypted.
pub(super) fn private_key(
    path: &Path,
    passphrase: Option<&[u8]>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    private_key_in(&read(path)?, path, passphrase)
}

fn private_key_in(
    bytes: &[u8],
    path: &Path,
    passphrase: Option<&[u8]>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    if let Some(key) = encrypted::find(bytes) {
        let wanted = || TlsError::EncryptedKey(path.to_owned());
        return encrypted::opened(key, passphrase.ok_or_else(wanted)?, path);
    }
    // The old form, whose body would be taken for a key.
    if memchr::memmem::find(bytes, b"Proc-Type: 4,ENCRYPTED").is_some() {
        return Err(TlsError::OldEncryption(path.to_owned()));
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
            Just(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n".to_vec()),
            Just(b"-----END ENCRYPTED PRIVATE KEY-----\n".to_vec()),
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
                private_key_in(&marked, path, None).err(),
                private_key_in(&marked, path, Some(secret.as_bytes())).err(),
            ].into_iter().flatten() {
                let (shown, debugged) = (error.to_string(), format!("{error:?}"));
                prop_assert!(!shown.contains(&secret) && !debugged.contains(&secret));
                prop_assert!(shown.contains("a.pem"));
            }
        }
    }
}
