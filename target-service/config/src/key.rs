//! Keys that protect what the gateway stores and signs, as values. Nothing here hashes.
//!
//! A key may not appear in `Debug`, in an error or in a log. It travels in the configuration on stdin, which is the only place
//! meant for it.

use std::fmt;
use std::io;

use rustix::rand::{GetRandomFlags, getrandom};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

    /// As it is written: 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn digits(&self) -> String {
        hex(&self.0)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes from the system's generator of random numbers.
///
/// # Errors
///
/// The system has no randomness to give.
pub fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        filled += getrandom(&mut bytes[filled..], GetRandomFlags::empty())?;
    }
    Ok(bytes)
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
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
        serializer.serialize_str(&self.digits())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
