//! The axes of credentials and permissions: how they are checked, and for how long an answer is believed. Values alone.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the credential of a device is checked.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// One bcrypt per request.
    Naive,
    /// A digest cache with a fixed time to live; every concurrent miss runs its own bcrypt.
    Cached,
    /// The same cache, and at most one bcrypt in flight per device and credential.
    #[default]
    Singleflight,
    /// bcrypt at a handshake, then a short-lived signed token.
    Token,
    /// Singleflight that spends little on credentials which were never right.
    Shielded,
}

/// What of a credential is remembered.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DigestKind {
    /// SHA-256: whoever reads the store can try out weak secrets at full speed, and whoever writes to it can log in.
    Sha256,
    /// HMAC-SHA-256 under a key that is never in the store.
    HmacSha256,
}

/// From when on the life of a remembered credential counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expiry {
    /// From the bcrypt.
    #[default]
    Fixed,
    /// From its last use.
    Sliding,
}

/// How the user path tests a permission.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rbac {
    /// Decodes the whole stored user object, then looks at one entry.
    #[default]
    Json,
    /// Tests one bit of a stored mask.
    Bitmask,
    /// Allows everything.
    Off,
}

impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Naive => "naive",
            Self::Cached => "cached",
            Self::Singleflight => "singleflight",
            Self::Token => "token",
            Self::Shielded => "shielded",
        })
    }
}

impl fmt::Display for Rbac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Bitmask => "bitmask",
            Self::Off => "off",
        })
    }
}
