//! What handshakes came to: how many with which version and cipher, in full or resumed. Pure.

use std::borrow::Cow;

use rustls::{CipherSuite, ClientConnection, HandshakeKind};
use serde::{Deserialize, Deserializer, Serialize};

use crate::units::printable;

/// How one connection was secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    version: &'static str,
    cipher: &'static str,
    is_resumed: bool,
}

impl Handshake {
    /// That of a connection; `None` if it has not ended.
    pub(crate) fn of(connection: &ClientConnection) -> Option<Self> {
        let version = connection.protocol_version()?.as_str().unwrap_or("unknown");
        let cipher = connection.negotiated_cipher_suite()?.suite();
        Some(Self {
            version: match version {
                "TLSv1_2" => "TLS 1.2",
                "TLSv1_3" => "TLS 1.3",
                other => other,
            },
            cipher: match cipher {
                CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
                CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
                CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
                other => other.as_str().unwrap_or("unknown"),
            },
            is_resumed: connection.handshake_kind()? == HandshakeKind::Resumed,
        })
    }
}

/// Handshakes with one version and cipher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negotiated {
    /// Such as `TLS 1.3`.
    #[serde(deserialize_with = "plain")]
    pub version: Cow<'static, str>,
    /// As IANA names it.
    #[serde(deserialize_with = "plain")]
    pub cipher: Cow<'static, str>,
    /// Handshakes in full.
    pub full: u64,
    /// Those that went on with a session of another connection.
    pub resumed: u64,
}

/// All handshakes of a load.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handshakes(Vec<Negotiated>);

impl Handshakes {
    /// Counts one.
    pub fn record(&mut self, one: Handshake) {
        let at = self.place(one.version.into(), one.cipher.into());
        at.resumed += u64::from(one.is_resumed);
        at.full += u64::from(!one.is_resumed);
    }

    /// Counts those of another.
    pub fn add(&mut self, other: &Self) {
        for one in &other.0 {
            let at = self.place(one.version.clone(), one.cipher.clone());
            at.full += one.full;
            at.resumed += one.resumed;
        }
    }

    /// Whether no connection was secured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By version and cipher, in the order in which they came first.
    pub fn all(&self) -> &[Negotiated] {
        &self.0
    }

    fn place(&mut self, version: Cow<'static, str>, cipher: Cow<'static, str>) -> &mut Negotiated {
        let found = self
            .0
            .iter()
            .position(|one| (&one.version, &one.cipher) == (&version, &cipher));
        let at = found.unwrap_or_else(|| {
            self.0.push(Negotiated {
                version,
                cipher,
                full: 0,
                resumed: 0,
            });
            self.0.len() - 1
        });
        &mut self.0[at]
    }
}

/// A stored text, fit to be shown.
fn plain<'de, D: Deserializer<'de>>(from: D) -> Result<Cow<'static, str>, D::Error> {
    let text = String::deserialize(from)?;
    Ok(printable(&text).into_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_are_counted_by_what_was_negotiated() {
        let one = |version, is_resumed| Handshake {
            version,
            cipher: "c",
            is_resumed,
        };
        let (mut all, mut other) = (Handshakes::default(), Handshakes::default());
        all.record(one("TLS 1.3", false));
        all.record(one("TLS 1.3", true));
        other.record(one("TLS 1.2", false));
        other.record(one("TLS 1.3", true));
        all.add(&other);
        let found: Vec<_> = all
            .all()
            .iter()
            .map(|one| (&*one.version, one.full, one.resumed))
            .collect();
        assert_eq!(found, [("TLS 1.3", 1, 2), ("TLS 1.2", 1, 0)]);
    }
}
