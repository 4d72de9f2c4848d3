//! The check of a target by certificates that the user names. One that is the target's own, an authority too as `openssl req -x509`
//! makes them, is taken at its word as curl takes it: whoever has its key is who the user meant.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::error::TlsError;
use super::fault::is_of_authority;

/// Certificates that vouch for a target, or are its own.
#[derive(Clone)]
pub(super) struct Own {
    roots: Arc<RootCertStore>,
    certificates: Arc<[CertificateDer<'static>]>,
}

impl Own {
    /// Of certificates that a client can take for authorities.
    ///
    /// # Errors
    /// One of them cannot be decoded.
    pub(super) fn of(certificates: Vec<CertificateDer<'static>>) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone())?;
        }
        Ok(Self {
            roots: Arc::new(roots),
            certificates: certificates.into(),
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.certificates.len()
    }

    /// What checks a target by them.
    ///
    /// # Errors
    /// There are none.
    pub(super) fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<Verifier>, TlsError> {
        let chains = WebPkiServerVerifier::builder_with_provider(self.roots.clone(), provider);
        let chains = chains.build();
        let chains =
            chains.map_err(|error| TlsError::Library(Error::General(error.to_string())))?;
        Ok(Arc::new(Verifier {
            chains,
            own: self.certificates.clone(),
        }))
    }
}

/// Checks chains, and takes a certificate that was named for the target's own.
#[derive(Debug)]
pub(super) struct Verifier {
    chains: Arc<WebPkiServerVerifier>,
    own: Arc<[CertificateDer<'static>]>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.chains.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let is_own = || {
            self.own
                .iter()
                .any(|own| own.as_ref() == end_entity.as_ref())
        };
        match verified {
            // Whether its time has come, and has not passed, was looked at before that.
            Err(Error::InvalidCertificate(cause)) if is_of_authority(&cause) && is_own() => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}
