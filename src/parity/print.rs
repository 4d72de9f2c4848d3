//! What is kept of a value: a keyed hash, its length and its alphabet. Whoever has a print cannot tell the value, because the key is
//! nowhere written; two prints of one key tell whether two values were equal.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A key of prints, which lives as long as the process.
#[derive(Clone)]
pub struct Key([u8; 32]);

/// What is kept of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Print {
    /// 64 bits of SHA-256 over key and value.
    #[serde(rename = "h", with = "hex")]
    pub hash: u64,
    /// Length in bytes.
    #[serde(rename = "n")]
    pub bytes: u64,
    /// What it is made of.
    #[serde(rename = "a")]
    pub alphabet: Alphabet,
}

/// What a value is made of: the first of these that has all its characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    /// 0 to 9.
    Digits,
    /// Hexadecimal digits and hyphens, as of UUIDs.
    Hex,
    /// Letters and digits of ASCII.
    Alnum,
    /// What base64, tokens and their encodings are made of.
    Token,
    /// Anything else.
    Text,
}

impl Alphabet {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Hex => "hexadecimal",
            Self::Alnum => "letters and digits",
            Self::Token => "a token",
            Self::Text => "text",
        }
    }

    fn of(value: &[u8]) -> Self {
        let all = |is: fn(u8) -> bool| value.iter().copied().all(is);
        if all(|byte| byte.is_ascii_digit()) {
            Self::Digits
        } else if all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            Self::Hex
        } else if all(|byte| byte.is_ascii_alphanumeric()) {
            Self::Alnum
        } else if all(|byte| byte.is_ascii_alphanumeric() || b"-_.~+/=%:".contains(&byte)) {
            Self::Token
        } else {
            Self::Text
        }
    }
}

impl Key {
    /// A key of random bytes.
    pub fn of(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// The print of a value.
    pub fn print(&self, value: &[u8]) -> Print {
        let digest = Sha256::new_with_prefix(self.0)
            .chain_update(value)
            .finalize();
        let mut hash = [0; 8];
        hash.copy_from_slice(&digest[..8]);
        Print {
            hash: u64::from_be_bytes(hash),
            bytes: value.len() as u64,
            alphabet: Alphabet::of(value),
        }
    }
}

// By hand: with it values could be guessed.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// Hashes as 16 hexadecimal digits: JSON's readers have 53 bits for a number.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(hash: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{hash:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hash = is_hex.then(|| u64::from_str_radix(&text, 16).ok());
        hash.flatten()
            .ok_or_else(|| D::Error::custom("a hash has 16 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_of_one_key_tell_equal_values_and_no_more() {
        let (one, other) = (Key::of([1; 32]), Key::of([2; 32]));
        let print = one.print(b"hush-4711");
        assert_eq!(print, one.print(b"hush-4711"));
        assert_ne!(print.hash, one.print(b"hush-4712").hash);
        assert_ne!(print.hash, other.print(b"hush-4711").hash);
        assert_eq!((print.bytes, print.alphabet), (9, Alphabet::Token));
        let text = serde_json::to_string(&print).unwrap();
        assert!(!text.contains("hush"), "{text}");
        assert_eq!(serde_json::from_str::<Print>(&text).unwrap(), print);
    }

    #[test]
    fn alphabets_are_told_apart() {
        for (value, alphabet) in [
            (&b"4711"[..], Alphabet::Digits),
            (b"7f3c9a52-0a1b", Alphabet::Hex),
            (b"Zebra1", Alphabet::Alnum),
            (b"eyJ.abc-_=", Alphabet::Token),
            (b"two words", Alphabet::Text),
            (b"\xff", Alphabet::Text),
        ] {
            assert_eq!(Alphabet::of(value), alphabet, "{value:?}");
        }
    }
}
