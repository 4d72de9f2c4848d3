//! Values of where the gateway keeps its data.

use crate::auth::DigestKind;
use crate::config::Config;
use crate::range::{ConfigError, LONGEST_LIFE, SHORTEST_LIFE, in_range};
use crate::store::StoreKind;

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let unusable = |key, why: &str| {
        Err(ConfigError::Unusable {
            key,
            why: why.to_owned(),
        })
    };
    let shared = matches!(config.store, StoreKind::Redis(_));
    if let Some(prefix) = &config.store_prefix {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:.".contains(&byte);
        if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(plain) {
            return unusable(
                "store_prefix",
                "use 1 to 64 letters, digits, `-`, `_`, `.` and `:`",
            );
        }
        if shared && config.digest == Some(DigestKind::HmacSha256) && config.digest_key.is_none() {
            return unusable(
                "digest_key",
                "instances that share a store_prefix need one key, or they evict each other's digests; give all the same, or leave store_prefix out",
            );
        }
    }
    in_range(
        "store_timeout",
        config.store_timeout,
        SHORTEST_LIFE,
        LONGEST_LIFE,
    )?;
    let Some(ttl) = config.local_ttl else {
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
