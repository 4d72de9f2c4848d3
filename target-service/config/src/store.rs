//! Where the gateway keeps its data, as a value. Nothing here connects.
//!
//! A password inside a URL may not appear in `Debug`, in an error or in a log. It travels in the configuration on stdin,
//! which is the only place meant for it.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
            // What is no scheme may be a password.
            let word = text.split_once("://").map_or(text, |(scheme, _)| scheme);
            let is_word = word.len() <= 16 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
            let shown = if is_word {
                format!(" `{word}`")
            } else {
                String::new()
            };
            return Err(format!(
                "unknown store{shown}, use \"memory\" or \"redis://HOST:PORT\""
            ));
        };
        if rest.find(['/', '?', '#']) < rest.rfind('@') && rest.contains(['/', '?', '#']) {
            return Err(
                "the store's URL has an `@` behind its host; write `/`, `?`, `#` and `@` of a password as %2F, %3F, %23 and %40"
                    .to_owned(),
            );
        }
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
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it carries a user or a password.
    #[must_use]
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
        check("redis://user:pa%2Fss@cache/1", "redis://cache/1");
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
        // Wherever the password ends, it is not said.
        let encoded = "the store's URL has an `@` behind its host; write `/`, `?`, `#` and `@` of a password as %2F, %3F, %23 and %40";
        for password in ["pa/ss", "pa?ss", "pa#ss", "/", "pa/s@s"] {
            check(&format!("redis://user:{password}@host:6379/1"), encoded);
        }
        let unknown = "unknown store, use \"memory\" or \"redis://HOST:PORT\"";
        for text in [
            "user:pass@host",
            "redis:/user:pass@host",
            "pa55word",
            "redis:user",
        ] {
            check(text, unknown);
        }
        check(
            "redis://host?protocol=resp2",
            "the store's URL has more than host, port and database, write one such as \"redis://127.0.0.1:6379/0\"",
        );
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
