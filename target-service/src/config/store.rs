//! Where the gateway keeps its data and the keys that protect it, as values. Nothing here connects or hashes.
//!
//! Neither a password inside a URL nor a key may appear in `Debug`, in an error or in a log; both do travel in the
//! configuration on stdin, which is the only place meant for them.

use std::fmt;
use std::io;

use rustix::rand::{GetRandomFlags, getrandom};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::range::{LONGEST_LIFE, SHORTEST_LIFE, in_range};
use super::{Config, ConfigError, DigestKind};

/// Where users and digests are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StoreKind {
    /// Inside the process.
    #[default]
    Memory,
    /// A Redis server, shared by all instances with the same prefix.
    Redis(RedisUrl),
}

impl<'de> Deserialize<'de> for StoreKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "memory" {
            return Ok(Self::Memory);
        }
        RedisUrl::parse(&text)
            .map(Self::Redis)
            .map_err(D::Error::custom)
    }
}

impl Serialize for StoreKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Memory => "memory",
            Self::Redis(url) => &url.0,
        })
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Redis(url) => url.fmt(f),
        }
    }
}

/// `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`. Shown without the credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("redis://") else {
            let scheme = text.split_once("://").map_or(text, |(scheme, _)| scheme);
            return Err(format!(
                "unknown store `{}`, use \"memory\" or \"redis://HOST:PORT\"",
                scheme.chars().take(32).collect::<String>()
            ));
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        if host.is_empty() || host.starts_with(':') {
            return Err(
                "the store's URL has no host, write one such as \"redis://127.0.0.1:6379\""
                    .to_owned(),
            );
        }
        if rest.contains(['?', '#']) || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(
                "the store's URL has more than host, port and database, write one such as \"redis://127.0.0.1:6379/0\""
                    .to_owned(),
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// The URL with its credentials: for the connection alone.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it carries a user or a password.
    pub fn has_credentials(&self) -> bool {
        self.0.contains('@')
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.rsplit_once('@') {
            Some((_, place)) => write!(f, "redis://{place}"),
            None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Config {
    pub(super) fn validate_store(&self) -> Result<(), ConfigError> {
        let unusable = |key, why: &str| {
            Err(ConfigError::Unusable {
                key,
                why: why.to_owned(),
            })
        };
        let shared = matches!(self.store, StoreKind::Redis(_));
        if let Some(prefix) = &self.store_prefix {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:.".contains(&byte);
            if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(plain) {
                return unusable(
                    "store_prefix",
                    "use 1 to 64 letters, digits, `-`, `_`, `.` and `:`",
                );
            }
            if shared && self.digest == DigestKind::HmacSha256 && self.digest_key.is_none() {
                return unusable(
                    "digest_key",
                    "instances that share a store_prefix need one key, or they evict each other's digests; give all the same, or leave store_prefix out",
                );
            }
        }
        in_range(
            "store_timeout",
            self.store_timeout,
            SHORTEST_LIFE,
            LONGEST_LIFE,
        )?;
        let Some(ttl) = self.local_ttl else {
            return Ok(());
        };
        if !shared {
            return unusable(
                "local_ttl",
                "the memory store is local already; leave it out, or use a redis store",
            );
        }
        in_range("local_ttl", ttl, SHORTEST_LIFE, LONGEST_LIFE)
    }
}

/// A secret key of 32 bytes, written as 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; Key::LENGTH]);

impl Key {
    const LENGTH: usize = 32;

    /// A key from the system's generator of random numbers.
    ///
    /// # Errors
    ///
    /// The system has no randomness to give.
    pub fn random() -> io::Result<Self> {
        random_bytes().map(Self)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes from the system's generator of random numbers.
pub(crate) fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        filled += getrandom(&mut bytes[filled..], GetRandomFlags::empty())?;
    }
    Ok(bytes)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
            text
        })
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // What was typed may be most of a real key and is not repeated.
        let refuse = || D::Error::custom("a key is 64 hexadecimal digits");
        if text.len() != 2 * Self::LENGTH || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refuse());
        }
        let mut key = [0; Self::LENGTH];
        for (byte, at) in key.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| refuse())?;
        }
        Ok(Self(key))
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn store(text: &str) -> Result<StoreKind, String> {
        serde_json::from_value(text.into()).map_err(|error: serde_json::Error| error.to_string())
    }

    #[test]
    fn stores_are_read_and_shown_without_credentials() {
        let check = |text: &str, shown: &str| {
            let read = store(text).unwrap();
            assert_eq!(read.to_string(), shown, "{text}");
            assert!(!format!("{read:?}").contains("pass"), "{read:?}");
            assert_eq!(serde_json::to_value(&read).unwrap(), text);
        };
        check("memory", "memory");
        check("redis://127.0.0.1:6379", "redis://127.0.0.1:6379");
        check("redis://[::1]:6379/3", "redis://[::1]:6379/3");
        check("redis://user:pa@ss@cache/1", "redis://cache/1");
    }

    #[test]
    fn stores_that_are_none_are_refused_with_the_remedy() {
        let check =
            |text: &str, expected: &str| assert_eq!(store(text).unwrap_err(), expected, "{text}");
        check(
            "floppy",
            "unknown store `floppy`, use \"memory\" or \"redis://HOST:PORT\"",
        );
        check(
            "rediss://user:pass@host",
            "unknown store `rediss`, use \"memory\" or \"redis://HOST:PORT\"",
        );
        let no_host = "the store's URL has no host, write one such as \"redis://127.0.0.1:6379\"";
        check("redis://", no_host);
        check("redis://user:pass@:6379", no_host);
        check(
            "redis://host?protocol=resp2",
            "the store's URL has more than host, port and database, write one such as \"redis://127.0.0.1:6379/0\"",
        );
    }

    #[test]
    fn keys_are_read_and_never_shown() {
        let key = Key::random().unwrap();
        assert_ne!(key, Key::random().unwrap());
        let text = serde_json::to_value(&key).unwrap();
        assert_eq!(serde_json::from_value::<Key>(text.clone()).unwrap(), key);
        assert!(!format!("{key:?}").contains(&text.as_str().unwrap()[..8]));
        for junk in ["", "abcd", &"g".repeat(64), &"é".repeat(32)] {
            let error = serde_json::from_value::<Key>(junk.into()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "a key is 64 hexadecimal digits",
                "{junk}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_store_or_refused(text in "(redis://)?.*") {
            if let Ok(store) = store(&text) {
                prop_assert_eq!(serde_json::to_value(&store).unwrap(), text);
            }
        }
    }
}
