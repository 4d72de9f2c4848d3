//! Bytes of a profile without their gzip or zstd, within a limit.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::Error;
use super::stacks::too_large;
use crate::traffic::content::{self, Undecoded};

/// What a profile may unpack to. 30 s of a busy service are some MiB.
const MAX_UNPACKED: usize = 256 << 20;

/// What is packed around one another and undone: the profile's own, and that of the server that sent it.
const MAX_LAYERS: usize = 2;

/// The bytes without their gzip or zstd, if they have one.
pub(super) fn plain(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let mut plain = Cow::Borrowed(bytes);
    for _ in 0..MAX_LAYERS {
        plain = match packed_by(&plain) {
            Some(Packer::Gzip) => Cow::Owned(gunzip(&plain, MAX_UNPACKED)?),
            Some(Packer::Zstd) => Cow::Owned(unzstd(&plain, MAX_UNPACKED)?),
            None => break,
        };
    }
    if plain.len() > MAX_UNPACKED {
        return Err(too_large("bytes", MAX_UNPACKED));
    }
    Ok(plain)
}

enum Packer {
    Gzip,
    Zstd,
}

/// What the bytes begin like a stream of.
fn packed_by(bytes: &[u8]) -> Option<Packer> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        Some(Packer::Gzip)
    } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Some(Packer::Zstd)
    } else {
        None
    }
}

/// Whether the bytes begin like what is unpacked before it is read.
pub(super) fn is_packed(bytes: &[u8]) -> bool {
    packed_by(bytes).is_some()
}

/// Agents of Datadog pack so.
fn unzstd(bytes: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let mut raw = Vec::new();
    match content::decode(b"zstd", bytes, limit, &mut raw) {
        Ok(()) => Ok(raw),
        Err(Undecoded::TooLong) => Err(too_large("unpacked bytes", limit)),
        Err(_) => Err(Error::Zstd),
    }
}

pub(super) fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let mut raw = Vec::new();
    let mut reader = MultiGzDecoder::new(bytes).take(limit as u64 + 1);
    reader.read_to_end(&mut raw).map_err(Error::Gzip)?;
    if raw.len() > limit {
        return Err(too_large("unpacked bytes", limit));
    }
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::super::tests::gzip;
    use super::*;

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    #[test]
    fn what_is_packed_is_undone_within_a_limit() {
        let text = b"main;f 3\n";
        for packed in [
            text.to_vec(),
            gzip(text),
            zstd(text),
            gzip(&gzip(text)),
            gzip(&zstd(text)),
        ] {
            assert_eq!(&*plain(&packed).expect("unpacks"), text);
        }
        let thrice = gzip(&gzip(&gzip(text)));
        assert!(is_packed(&plain(&thrice).expect("unpacks")));
        let packed = zstd(&vec![0; 1 << 20]);
        let error = unzstd(&packed, 1 << 10).expect_err("too much").to_string();
        assert!(error.contains("more than 1024 unpacked bytes"), "{error}");
        let error = plain(&packed[..packed.len() / 2]).expect_err("cut");
        assert!(
            error.to_string().contains("the zstd stream is damaged"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(mut bytes in prop::collection::vec(any::<u8>(), 0..200), packer in 0usize..3) {
            let magic: &[u8] = [&[0x1f, 0x8b, 8][..], &[0x28, 0xb5, 0x2f, 0xfd], &[]][packer];
            bytes.splice(0..0, magic.iter().copied());
            let _ = plain(&bytes);
        }
    }
}
