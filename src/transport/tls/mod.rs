//! Whom a target's certificate is checked against, and who telemload says that it is: files → [`Tls`] → [`Connector`].
//!
//! Files are read here, once, when a scenario is validated; nothing is connected. The system's authorities are loaded only
//! by a [`Tls::connector`] that trusts them, so that plain HTTP never pays for them. No error and no `Debug` output holds
//! a key.

mod anyone;
mod encrypted;
mod error;
mod fault;
mod files;
mod handshakes;
mod own;
mod public_key;
mod share;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use anyone::Anyone;
pub use error::TlsError;
pub use fault::{RENEGOTIATION, client_failure, handshake_failure, is_refusal, stream_failure};
pub use files::passphrase;
use files::{certificates, private_key};
pub use handshakes::{Handshake, Handshakes, Negotiated};
use own::Own;
use share::Turns;

/// The only protocol that is offered.
const ALPN: &[u8] = b"http/1.1";

/// Validated settings of TLS.
#[derive(Clone)]
pub struct Tls {
    trust: Trust,
    identity: Option<Arc<CertifiedKey>>,
    server_name: Option<ServerName<'static>>,
    /// Share of connections that may go on with a session of an earlier one.
    resumption: f64,
}

/// Who may vouch for the target.
#[derive(Clone)]
enum Trust {
    /// The authorities of the system.
    System,
    /// These authorities alone, and whoever shows one of them as its own.
    Only(Own),
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
            resumption: 1.0,
        }
    }

    /// Only this share of connections, 0 to 1, may go on with a session of an earlier one; all others shake hands in full.
    #[must_use]
    pub fn resuming(mut self, share: f64) -> Self {
        self.resumption = share;
        self
    }

    /// The certificates in a PEM file vouch for the target, or are its own; those of the system no longer do.
    ///
    /// # Errors
    /// The file cannot be read or holds no usable certificate.
    pub fn trusting(mut self, ca: &Path) -> Result<Self, TlsError> {
        let own = Own::of(certificates(ca)?).map_err(|error| TlsError::BadCertificate {
            path: ca.to_owned(),
            cause: error.to_string(),
        })?;
        self.trust = Trust::Only(own);
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
    /// A file cannot be read or holds nothing usable, the key is encrypted and the passphrase does not open it, or it is not that of
    /// the certificate.
    pub fn identified(
        mut self,
        certificate: &Path,
        key: &Path,
        passphrase: Option<&[u8]>,
    ) -> Result<Self, TlsError> {
        let chain = certificates(certificate)?;
        let secret = provider()
            .key_provider
            .load_private_key(private_key(key, passphrase)?)
            .map_err(|error| TlsError::BadKey {
                path: key.to_owned(),
                cause: error.to_string(),
            })?;
        // What version it has and what is in it is for the server to judge, but one of another key helps nobody.
        let of_certificate = chain
            .first()
            .and_then(|own| public_key::of_certificate(own));
        let info = secret.public_key();
        let of_key = info.as_ref().and_then(|info| public_key::of_info(info));
        if of_certificate.is_none() {
            return Err(TlsError::BadCertificate {
                path: certificate.to_owned(),
                cause: "it has no public key".to_owned(),
            });
        }
        if of_key.is_some() && of_certificate != of_key {
            return Err(TlsError::KeyMismatch {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
            });
        }
        let found = CertifiedKey::new(chain, secret);
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
        let resuming = self.client_config()?;
        let mut full = resuming.clone();
        full.resumption = Resumption::disabled();
        Ok(Connector {
            resuming: Arc::new(resuming),
            full: Arc::new(full),
            turns: Turns::new(self.resumption),
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
            Trust::Only(own) => builder
                .dangerous()
                .with_custom_certificate_verifier(own.verifier(provider())?),
            Trust::Unchecked => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anyone)),
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
            Trust::Only(own) => format!("{} own", own.len()),
            Trust::Unchecked => "anyone".to_owned(),
        };
        f.debug_struct("Tls")
            .field("trust", &trust)
            .field("identity", &self.identity.is_some())
            .field("server_name", &self.server_name)
            .field("resumption", &self.resumption)
            .finish()
    }
}

/// Secures connections to one name; cheap to clone.
#[derive(Clone)]
pub struct Connector {
    resuming: Arc<ClientConfig>,
    full: Arc<ClientConfig>,
    turns: Turns,
    pub(super) name: ServerName<'static>,
}

impl Connector {
    /// What the next connection is secured with.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        if self.turns.next() {
            self.resuming.clone()
        } else {
            self.full.clone()
        }
    }
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

/// Random bytes that nobody can guess; `None` if the system gives none.
pub fn random_bytes() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let filled = provider().secure_random.fill(&mut bytes);
    filled.is_ok().then_some(bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

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
