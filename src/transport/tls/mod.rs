//! Whom a target's certificate is checked against, and who telemload says that it is: files → [`Tls`] → [`Connector`].
//!
//! Files are read here, once, when a scenario is validated; nothing is connected. The system's authorities are loaded only
//! by a [`Tls::connector`] that trusts them, so that plain HTTP never pays for them. No error and no `Debug` output holds
//! a key.

mod fault;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

pub use fault::{handshake_failure, stream_failure};

/// The most bytes of a file with certificates or a key: the bundle of a whole system has some 200 KiB.
const MAX_FILE: u64 = 4 << 20;

/// The only protocol that is offered.
const ALPN: &[u8] = b"http/1.1";

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

/// Validated settings of TLS.
#[derive(Clone)]
pub struct Tls {
    trust: Trust,
    identity: Option<Arc<CertifiedKey>>,
    server_name: Option<ServerName<'static>>,
}

/// Who may vouch for the target.
#[derive(Clone)]
enum Trust {
    /// The authorities of the system.
    System,
    /// These authorities alone.
    Only(Arc<RootCertStore>),
    /// Nobody is asked.
    Unchecked,
}

impl Tls {
    /// The authorities of the system vouch for the target, and no certificate is shown to it.
    pub fn system() -> Self {
        Self {
            trust: Trust::System,
            identity: None,
            server_name: None,
        }
    }

    /// The certificates in a PEM file vouch for the target, those of the system no longer do.
    ///
    /// # Errors
    /// The file cannot be read or holds no usable certificate.
    pub fn trusting(mut self, ca: &Path) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(ca)? {
            let bad = |error: rustls::Error| TlsError::BadCertificate {
                path: ca.to_owned(),
                cause: error.to_string(),
            };
            roots.add(certificate).map_err(bad)?;
        }
        self.trust = Trust::Only(Arc::new(roots));
        Ok(self)
    }

    /// Any certificate is accepted: what answers may be anyone.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.trust = Trust::Unchecked;
        self
    }

    /// Shows a certificate with its chain (PEM) to a target that asks for one. Both may be in one file.
    ///
    /// # Errors
    /// A file cannot be read or holds nothing usable, the key is encrypted, or it is not that of the certificate.
    pub fn identified(mut self, certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = certificates(certificate)?;
        let found =
            CertifiedKey::from_der(chain, private_key(key)?, &provider()).map_err(|error| {
                match error {
                    rustls::Error::InconsistentKeys(_) => TlsError::KeyMismatch {
                        certificate: certificate.to_owned(),
                        key: key.to_owned(),
                    },
                    rustls::Error::InvalidCertificate(_) => TlsError::BadCertificate {
                        path: certificate.to_owned(),
                        cause: error.to_string(),
                    },
                    _ => TlsError::BadKey {
                        path: key.to_owned(),
                        cause: error.to_string(),
                    },
                }
            })?;
        self.identity = Some(Arc::new(found));
        Ok(self)
    }

    /// Asks for the certificate of this name, and checks it, instead of the host of the URL.
    ///
    /// # Errors
    /// It is neither a host name nor an address.
    pub fn named(mut self, name: &str) -> Result<Self, TlsError> {
        self.server_name = Some(server_name(name)?);
        Ok(self)
    }

    /// Whether the target's certificate is checked.
    pub fn is_checked(&self) -> bool {
        !matches!(self.trust, Trust::Unchecked)
    }

    /// What connections to `host` are secured with. Sessions are resumed among the connections of one connector.
    ///
    /// # Errors
    /// The system's authorities are needed and there are none, or `host` cannot be in a certificate.
    pub fn connector(&self, host: &str) -> Result<Connector, TlsError> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => server_name(host)?,
        };
        Ok(Connector {
            config: Arc::new(self.client_config()?),
            name,
        })
    }

    /// The same settings for a client that has its own idea of names.
    ///
    /// # Errors
    /// The system's authorities are needed and there are none.
    pub fn client_config(&self) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Library)?;
        let builder = match &self.trust {
            Trust::System => builder.with_root_certificates(system_roots()?),
            Trust::Only(roots) => builder.with_root_certificates(roots.clone()),
            Trust::Unchecked => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anyone(provider()))),
        };
        let mut config = match &self.identity {
            Some(identity) => builder
                .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.clone()))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }
}

/// Says what was set, and nothing of a key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trust = match &self.trust {
            Trust::System => "system".to_owned(),
            Trust::Only(roots) => format!("{} own", roots.len()),
            Trust::Unchecked => "anyone".to_owned(),
        };
        f.debug_struct("Tls")
            .field("trust", &trust)
            .field("identity", &self.identity.is_some())
            .field("server_name", &self.server_name)
            .finish()
    }
}

/// Secures connections to one name; cheap to clone.
#[derive(Clone)]
pub struct Connector {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A client for plain HTTP alone, to which no target can prove who it is. Costs nothing to make.
///
/// # Errors
/// Never in practice: the provider supports the default versions.
pub fn trusting_nobody() -> Result<ClientConfig, TlsError> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Library)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first();
        return Err(TlsError::NoRoots(
            why.map(|error| format!(" ({error})")).unwrap_or_default(),
        ));
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
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

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
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
    use std::io::Read as _;
    let unreadable = |cause| TlsError::Unreadable {
        path: path.to_owned(),
        cause,
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        let words = format!("it has more than {MAX_FILE} bytes, which is the limit");
        return Err(unreadable(std::io::Error::other(words)));
    }
    Ok(bytes)
}

/// Accepts every certificate, and still checks that the peer has the key of the one that it shows.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
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

    #[test]
    fn a_name_of_a_certificate_is_a_host_or_an_address() {
        for name in ["shop.test", "127.0.0.1", "::1", "localhost"] {
            assert!(Tls::system().unchecked().connector(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "shop.test/x", "[::1]"] {
            let error = Tls::system().named(name).unwrap_err().to_string();
            assert!(
                error.contains("neither a host name nor an address"),
                "{error}"
            );
        }
    }
}
