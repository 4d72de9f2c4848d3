//! Bytes of a profile without their gzip, within a limit.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::Error;
use super::stacks::too_large;

/// What a profile may unpack to. 30 s of a busy service are some MiB.
const MAX_UNPACKED: usize = 256 << 20;

/// The bytes without their gzip, if they have one.
pub(super) fn plain(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    if is_gzip(bytes) {
        Ok(Cow::Owned(gunzip(bytes, MAX_UNPACKED)?))
    } else if bytes.len() > MAX_UNPACKED {
        Err(too_large("bytes", MAX_UNPACKED))
    } else {
        Ok(Cow::Borrowed(bytes))
    }
}

/// Whether the bytes begin like a gzip stream.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
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
