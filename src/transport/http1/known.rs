//! The header block that a server sends again and again. Pure.

use super::head;
use crate::transport::answer::ExpectBody;

/// The longest header block that is remembered: thousands of connections stay small.
const MAX_KNOWN: usize = 512;

/// The last header block that was parsed at once: a server that answers alike sends the same bytes until its Date
/// changes, and comparing them takes a tenth of the time of parsing them.
#[derive(Default)]
pub(super) struct Known {
    block: Vec<u8>,
    parsed: Option<(ExpectBody, head::Parsed)>,
}

impl Known {
    /// What parsing `block` yields, if it begins with the known one: parsing ends with the empty line, so that what
    /// follows does not count.
    #[inline]
    pub(super) fn parsed(&self, block: &[u8], expects: ExpectBody) -> Option<head::Parsed> {
        self.parsed
            .filter(|(expected, _)| *expected == expects && block.starts_with(&self.block))
            .map(|(_, parsed)| parsed)
    }

    pub(super) fn learn(&mut self, block: &[u8], expects: ExpectBody, parsed: head::Parsed) {
        self.block.clear();
        self.parsed = (parsed.len <= MAX_KNOWN).then_some((expects, parsed));
        if self.parsed.is_some() {
            self.block.extend_from_slice(&block[..parsed.len]);
        }
    }
}
