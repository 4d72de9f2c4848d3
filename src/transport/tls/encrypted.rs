//! Private keys that a passphrase opens (PKCS#8, RFC 5958, with PBES2, RFC 8018). Neither the passphrase nor the key is kept or named.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::pbes2::Kdf;
use rustls::pki_types::PrivateKeyDer;

use super::error::TlsError;

const BEGIN: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
const END: &[u8] = b"-----END ENCRYPTED PRIVATE KEY-----";

/// A key that asks for more rounds keeps telemload busy for minutes; openssl asks for 2,048.
const MOST_ROUNDS: u32 = 10_000_000;

/// A key that asks for more memory is none that a person made; openssl asks for 16 MiB.
const MOST_MEMORY: u64 = 1 << 28;

/// The first encrypted key of a file, if it has one.
pub(super) fn find(bytes: &[u8]) -> Option<&[u8]> {
    let begin = memchr::memmem::find(bytes, BEGIN)? + BEGIN.len();
    let length = memchr::memmem::find(&bytes[begin..], END)?;
    Some(&bytes[begin..begin + length])
}

/// What the passphrase makes of it.
pub(super) fn opened(
    key: &[u8],
    passphrase: &[u8],
    path: &Path,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let path = || path.to_owned();
    let text: Vec<u8> = key
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let der = STANDARD
        .decode(text)
        .map_err(|_| TlsError::BrokenPem(path()))?;
    let info = EncryptedPrivateKeyInfoRef::try_from(&der[..])
        .map_err(|_| TlsError::OldEncryption(path()))?;
    let kdf = info.encryption_algorithm.pbes2().map(|scheme| &scheme.kdf);
    let is_within = match kdf {
        Some(Kdf::Pbkdf2(of)) => of.iteration_count <= MOST_ROUNDS,
        Some(Kdf::Scrypt(of)) => {
            let memory = of
                .cost_parameter
                .saturating_mul(128 * u64::from(of.block_size));
            memory.saturating_mul(u64::from(of.parallelization)) <= MOST_MEMORY
        }
        _ => return Err(TlsError::OldEncryption(path())),
    };
    if !is_within {
        return Err(TlsError::OldEncryption(path()));
    }
    let opened = info
        .decrypt(passphrase)
        .map_err(|_| TlsError::Passphrase(path()))?;
    PrivateKeyDer::try_from(opened.as_bytes().to_vec()).map_err(|_| TlsError::Passphrase(path()))
}
