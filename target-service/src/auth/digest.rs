//! The digest under which an accepted credential is remembered. It replaces the secret everywhere behind the check.

use sha2::Sha256;

/// SHA-256 of a credential.
pub(crate) type Digest = [u8; 32];

/// SHA-256(len(id) || id || len(secret) || secret) with lengths as 64-bit little endian: without them, `ab` + `c`
/// and `a` + `bc` would be one credential.
pub(crate) fn digest(id: &[u8], secret: &[u8]) -> Digest {
    use sha2::Digest as _;
    let mut hash = Sha256::new();
    for part in [id, secret] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn moving_the_boundary_changes_the_digest(text in "[ab]{2,12}", at in 1_usize..12) {
            let bytes = text.as_bytes();
            let at = at.min(bytes.len() - 1);
            prop_assert_ne!(digest(&bytes[..at], &bytes[at..]), digest(&bytes[..at - 1], &bytes[at - 1..]));
            prop_assert_eq!(digest(&bytes[..at], &bytes[at..]), digest(&bytes[..at], &bytes[at..]));
        }
    }
}
