//! What went wrong with TLS, in words that say what to do. Pure; texts of the peer are escaped.

use std::io;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error, PeerMisbehaved};

/// The most names of a certificate that are listed.
const NAMES: usize = 4;

/// What is said of a TLS 1.2 server that wants another handshake.
pub const RENEGOTIATION: &str = "the server asks to negotiate TLS anew within a connection (renegotiation), which telemload does not do; let it ask for client certificates in the first handshake, as Apache does of a whole host, and not of a path";

/// Why a handshake failed that was to prove that the peer is `name`.
pub fn handshake_failure(error: &io::Error, name: &ServerName<'_>) -> String {
    match of_tls(error) {
        Some(error) => words(error, &name.to_str()),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server closed the connection in the handshake; check that it serves TLS at this port, and its log"
                .to_owned()
        }
        None => format!("the connection broke in the handshake: {error}; check that the server speaks TLS at this port, and its log"),
    }
}

/// What an error of an established connection says of TLS; `None` if it says nothing of it.
pub fn stream_failure(error: &io::Error) -> Option<String> {
    if let Some(error) = of_tls(error) {
        return Some(words(error, ""));
    }
    (error.kind() == io::ErrorKind::UnexpectedEof).then(|| {
        "the connection ended without TLS's close_notify, so that what came may be cut off; look for a crash or a timeout of the server or a proxy"
            .to_owned()
    })
}

/// Whether a peer that said this refuses the client, as servers of TLS 1.3 do behind the handshake.
pub fn is_refusal(error: &io::Error) -> bool {
    matches!(of_tls(error), Some(Error::AlertReceived(_)))
}

/// What an error of a client library says of TLS, in the same words; `name` is whom it asked, where it was still in the handshake.
pub fn client_failure(error: &io::Error, name: Option<&str>) -> Option<String> {
    let name = name.map(|name| name.trim_matches(['[', ']']));
    let name = name.and_then(|name| ServerName::try_from(name).ok());
    match (name, error.kind()) {
        (
            Some(name),
            io::ErrorKind::InvalidData
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset,
        ) => Some(handshake_failure(error, &name)),
        // The library's own word for an answer that was cut off is of the same kind.
        (None, io::ErrorKind::UnexpectedEof) if !error.to_string().contains("close_notify") => None,
        _ => stream_failure(error),
    }
}

fn of_tls(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}

fn words(error: &Error, name: &str) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate(error, name),
        Error::AlertReceived(alert) => refusal(*alert),
        Error::InvalidMessage(_) => {
            "what answers there does not speak TLS; check the port, or use http://".to_owned()
        }
        Error::PeerIncompatible(_) => format!(
            "the server shares no version or algorithm with telemload ({error}); it must speak TLS 1.2 or 1.3"
        ),
        Error::NoCertificatesPresented => {
            "the server showed no certificate; configure one there".to_owned()
        }
        Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests) => {
            RENEGOTIATION.to_owned()
        }
        _ => format!("the server broke the TLS protocol: {error}; look for a proxy in between"),
    }
}

fn certificate(error: &CertificateError, name: &str) -> String {
    use CertificateError as Kind;
    match error {
        Kind::UnknownIssuer => "the server's certificate is signed by nobody that is trusted; name its authority with `tls.ca` or --cacert, or do without the check with `tls.insecure` or --insecure".to_owned(),
        Kind::BadSignature | Kind::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => "the server's certificate is signed by another authority of the name of one that is trusted, as after an authority was made anew; name the right one with `tls.ca` or --cacert, or do without the check with `tls.insecure` or --insecure".to_owned(),
        Kind::NotValidForName => wrong_name(name, &["another name".to_owned()]),
        Kind::NotValidForNameContext { presented, .. } => wrong_name(name, presented),
        Kind::Expired | Kind::ExpiredContext { .. } => {
            "the server's certificate has expired; renew it, or check this machine's clock".to_owned()
        }
        Kind::NotValidYet | Kind::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet; check this machine's clock".to_owned()
        }
        Kind::Revoked => "the server's certificate was revoked; replace it".to_owned(),
        Kind::InvalidPurpose | Kind::InvalidPurposeContext { .. } => {
            "the server's certificate is not meant for servers; issue one with the purpose serverAuth".to_owned()
        }
        // A self-signed certificate that says it is an authority.
        _ if is_of_authority(error) => {
            "the server shows the certificate of an authority as its own, as `openssl req -x509` makes them unless told `-addext basicConstraints=critical,CA:FALSE`; name that very certificate with `tls.ca` or --cacert, issue one for the server, or do without the check with `tls.insecure` or --insecure".to_owned()
        }
        Kind::Other(_) if error.to_string().contains("UnsupportedCertVersion") => {
            "the server's certificate is of X.509 version 1, as `openssl x509 -req` makes them without `-extfile`, and cannot say what it is for; issue one of version 3 with alternative names, or do without the check with `tls.insecure` or --insecure".to_owned()
        }
        _ => format!("the server's certificate is not valid: {error}; issue another, or do without the check with `tls.insecure` or --insecure"),
    }
}

/// Whether a certificate was refused because it is that of an authority. The library has no type for it.
pub(super) fn is_of_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(_)) && error.to_string().contains("CaUsedAsEndEntity")
}

fn wrong_name(name: &str, presented: &[String]) -> String {
    if presented.is_empty() {
        let kind = match name.parse::<std::net::IpAddr>() {
            Ok(_) => "IP",
            Err(_) => "DNS",
        };
        return format!(
            "the server's certificate has no alternative names (subjectAltName), and its common name is for people alone; issue one with `openssl req -addext subjectAltName={kind}:{name}`, or do without the check with `tls.insecure` or --insecure"
        );
    }
    let listed: Vec<String> = presented
        .iter()
        .take(NAMES)
        .map(|name| name.escape_debug().to_string())
        .collect();
    let whose = if presented.len() > NAMES {
        format!("{} and others", listed.join(", "))
    } else {
        listed.join(", ")
    };
    format!(
        "the server's certificate is for {whose}, not for {name}; name the right one with `tls.server_name` or --server-name"
    )
}

fn refusal(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired => "the server wants a client certificate; give `tls.cert` and `tls.key`, or --cert and --key".to_owned(),
        Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateUnknown | Alert::UnsupportedCertificate | Alert::AccessDenied | Alert::DecryptError => format!(
            "the server refused the client certificate ({alert:?}); give one of an authority that it trusts with `tls.cert` and `tls.key`, or --cert and --key"
        ),
        Alert::CertificateExpired | Alert::CertificateRevoked => format!(
            "the server refused the client certificate ({alert:?}); renew the one of `tls.cert` or --cert"
        ),
        Alert::ProtocolVersion => {
            "the server speaks neither TLS 1.2 nor 1.3, which are what telemload speaks; enable one of them there".to_owned()
        }
        Alert::HandshakeFailure | Alert::InsufficientSecurity => format!(
            "the server refused the handshake ({alert:?}): it may want a client certificate (`tls.cert` and `tls.key`), or share no cipher or group with telemload (AES-GCM or ChaCha20, ECDHE over X25519, P-256 or P-384)"
        ),
        Alert::UnrecognisedName => "the server does not know the name; name one that it serves with `tls.server_name` or --server-name".to_owned(),
        Alert::NoApplicationProtocol => {
            "the server does not offer HTTP/1.1, which is what telemload speaks; enable it there".to_owned()
        }
        _ => format!("the server ended TLS with the alert {alert:?}; see its log"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{InvalidMessage, OtherError};

    fn check(error: Error, says: &[&str]) {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        let name = ServerName::try_from("shop.test").unwrap();
        let words = handshake_failure(&error, &name);
        for part in says {
            assert!(words.contains(part), "no {part:?} in {words}");
        }
        assert!(!words.ends_with('.') && !words.contains('\n'), "{words}");
    }

    #[test]
    fn what_a_server_wants_that_telemload_does_not_do_is_named() {
        check(
            Error::AlertReceived(AlertDescription::ProtocolVersion),
            &["neither TLS 1.2 nor 1.3", "enable one"],
        );
        check(
            PeerMisbehaved::TooManyRenegotiationRequests.into(),
            &[
                "renegotiation",
                "client certificates in the first handshake",
            ],
        );
    }

    #[test]
    fn every_fault_has_words_with_a_remedy() {
        let name = || ServerName::try_from("shop.test").unwrap();
        let presented = |names: &[&str]| CertificateError::NotValidForNameContext {
            expected: name(),
            presented: names.iter().map(|&name| name.to_owned()).collect(),
        };
        let five = ["a", "b", "c", "d", "e"];
        check(
            presented(&["other.test\n"]).into(),
            &["is for other.test\\n, not for shop.test", "--server-name"],
        );
        check(presented(&five).into(), &["a, b, c, d and others"]);
        check(CertificateError::NotValidForName.into(), &["another name"]);
        check(
            presented(&[]).into(),
            &[
                "no alternative names",
                "subjectAltName=DNS:shop.test",
                "--insecure",
            ],
        );
        let old = OtherError(std::sync::Arc::new(io::Error::other(
            "UnsupportedCertVersion",
        )));
        check(
            CertificateError::Other(old).into(),
            &["version 1", "version 3"],
        );
        check(
            CertificateError::UnknownIssuer.into(),
            &["tls.ca", "--insecure"],
        );
        check(CertificateError::Expired.into(), &["expired", "clock"]);
        check(CertificateError::NotValidYet.into(), &["clock"]);
        check(
            CertificateError::BadSignature.into(),
            &["made anew", "--cacert"],
        );
        check(CertificateError::BadEncoding.into(), &["--insecure"]);
        check(
            Error::AlertReceived(AlertDescription::CertificateRequired),
            &["--cert", "--key"],
        );
        check(
            Error::AlertReceived(AlertDescription::UnknownCA),
            &["UnknownCA", "tls.cert"],
        );
        check(
            Error::AlertReceived(AlertDescription::HandshakeFailure),
            &["client certificate"],
        );
        check(
            Error::AlertReceived(AlertDescription::InternalError),
            &["InternalError", "log"],
        );
        check(
            Error::AlertReceived(AlertDescription::NoApplicationProtocol),
            &["HTTP/1.1"],
        );
        check(
            InvalidMessage::InvalidContentType.into(),
            &["http://", "port"],
        );
        check(Error::General("odd".to_owned()), &["odd"]);
        let other = OtherError(std::sync::Arc::new(io::Error::other("CaUsedAsEndEntity")));
        check(
            CertificateError::Other(other).into(),
            &["authority as its own"],
        );
    }

    #[test]
    fn an_end_without_notice_is_told_from_other_ends() {
        let early = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(stream_failure(&early).unwrap().contains("close_notify"));
        assert_eq!(
            stream_failure(&io::Error::from(io::ErrorKind::ConnectionReset)),
            None
        );
    }
}
