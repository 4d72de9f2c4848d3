//! What may be wrong with certificates, keys and names. No error holds a key.

use std::path::PathBuf;

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
        "the key in {0} is encrypted; name what opens it with `tls.passphrase = \"{{{{env.NAME}}}}\"` or `tls.passphrase_file`, or write a plain one with `openssl pkey -in KEY -out PLAIN`"
    )]
    EncryptedKey(PathBuf),
    /// A passphrase opens no private key.
    #[error("the passphrase does not open the key in {0}; check both")]
    Passphrase(PathBuf),
    /// A private key is encrypted in a way that is not read.
    #[error(
        "the key in {0} is encrypted in a way that telemload does not read; encrypt it anew with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW`"
    )]
    OldEncryption(PathBuf),
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
