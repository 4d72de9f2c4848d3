//! How random a text looks. Pure.

use crate::import::mark;

/// Whether a text is so long and holds so many bits a character.
pub(super) fn is_random(text: &str, length: usize, bits: f64) -> bool {
    if text.len() < length || mark::is_in(text) {
        return false;
    }
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = text.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0);
    let shares = shares.map(|count| f64::from(*count) / length);
    shares.map(|share| -share * share.log2()).sum::<f64>() >= bits
}
