//! The digest under which an accepted credential is remembered. It replaces the secret everywhere behind the check.

use gateway_config::{Config, DigestKind, Key};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::Error;

/// What is remembered of a credential.
pub(crate) type Digest = [u8; 32];

/// Makes digests in the configured way. Both bind device and secret.
pub(crate) enum Digester {
    /// Fast to compute, and so to guess: who reads the store can try out weak secrets.
    Sha256,
    /// The state after the key: it is hashed once and not per request.
    Hmac(Box<Hmac<Sha256>>),
}

impl Digester {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        Ok(match config.digest() {
            DigestKind::Sha256 => Self::Sha256,
            DigestKind::HmacSha256 => {
                let key = match &config.digest_key {
                    Some(key) => key.clone(),
                    None => Key::random().map_err(Error::start("read random bytes"))?,
                };
                Self::Hmac(Box::new(
                    Hmac::new_from_slice(key.bytes()).expect("HMAC takes keys of any length"),
                ))
            }
        })
    }

    /// Hash(len(id) || id || secret) with the length as 32-bit little endian: without it, `ab` + `c` and `a` + `bc` would
    /// be one credential. Up to 51 bytes of both are one block of the hash, which is most of what a cached check costs.
    pub(crate) fn digest(&self, id: &[u8], secret: &[u8]) -> Digest {
        use sha2::Digest as _;
        let length = u32::try_from(id.len()).expect("the limit of a head is far below 4 GiB");
        let length = length.to_le_bytes();
        let parts = [&length[..], id, secret];
        match self {
            Self::Sha256 => {
                let mut hash = Sha256::new();
                for part in parts {
                    hash.update(part);
                }
                hash.finalize().into()
            }
            Self::Hmac(keyed) => {
                let mut mac = (**keyed).clone();
                for part in parts {
                    mac.update(part);
                }
                mac.finalize().into_bytes().into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keyed(key: Option<&str>) -> Digester {
        let config = Config {
            digest: Some(DigestKind::HmacSha256),
            digest_key: key.map(|hex| serde_json::from_value(hex.into()).unwrap()),
            ..Config::default()
        };
        Digester::new(&config).unwrap()
    }

    #[test]
    fn a_key_decides_the_digest() {
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        let digest = |digester: &Digester| digester.digest(b"car", b"secret");
        assert_eq!(digest(&keyed(Some(&one))), digest(&keyed(Some(&one))));
        assert_ne!(digest(&keyed(Some(&one))), digest(&keyed(Some(&two))));
        assert_ne!(
            digest(&keyed(None)),
            digest(&keyed(None)),
            "each process has its own"
        );
        assert_ne!(digest(&keyed(Some(&one))), digest(&Digester::Sha256));
    }

    proptest! {
        #[test]
        fn moving_the_boundary_changes_the_digest(text in "[ab]{2,12}", at in 1_usize..12) {
            let bytes = text.as_bytes();
            let at = at.min(bytes.len() - 1);
            for digester in [Digester::Sha256, keyed(None)] {
                let digest = |at: usize| digester.digest(&bytes[..at], &bytes[at..]);
                prop_assert_ne!(digest(at), digest(at - 1));
                prop_assert_eq!(digest(at), digest(at));
            }
        }
    }
}
