//! What a string of a document says.

/// A string without its quotes.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    raw: &'a str,
    has_escapes: bool,
}

impl<'a> Text<'a> {
    pub(super) fn new(raw: &'a str, has_escapes: bool) -> Self {
        Self { raw, has_escapes }
    }

    /// Whether it says this.
    pub(super) fn is(self, text: &str) -> bool {
        if !self.has_escapes {
            return self.raw == text;
        }
        let mut rest = text;
        self.pieces(|piece| {
            let after = rest.strip_prefix(piece);
            rest = after.unwrap_or(rest);
            after.is_some()
        }) && rest.is_empty()
    }

    /// What it says, in `scratch` if it is not written so.
    pub(super) fn bytes<'b>(self, scratch: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        if !self.has_escapes {
            return self.raw.as_bytes();
        }
        scratch.clear();
        self.pieces(|piece| {
            scratch.extend_from_slice(piece.as_bytes());
            true
        });
        scratch
    }

    /// What it says piece by piece, until one is not wanted; whether all were.
    fn pieces(self, mut wants: impl FnMut(&str) -> bool) -> bool {
        let mut rest = self.raw;
        while let Some(run) = memchr::memchr(b'\\', rest.as_bytes()) {
            let Some((character, length)) = escape(&rest.as_bytes()[run..]) else {
                return false;
            };
            if !wants(&rest[..run]) || !wants(character.encode_utf8(&mut [0; 4])) {
                return false;
            }
            rest = &rest[run + length..];
        }
        wants(rest)
    }
}

/// The character of an escape, which begins with a backslash, and its length.
pub(super) fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let simple = |character| Some((character, 2));
    match bytes.get(1)? {
        b'"' => simple('"'),
        b'\\' => simple('\\'),
        b'/' => simple('/'),
        b'b' => simple('\u{8}'),
        b'f' => simple('\u{c}'),
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'u' => {
            let high = hexadecimal(bytes.get(2..6)?)?;
            if !(0xd800..0xdc00).contains(&high) {
                return Some((char::from_u32(high)?, 6));
            }
            // The first half of a surrogate pair.
            let low = hexadecimal(bytes.get(6..12)?.strip_prefix(b"\\u")?)?;
            let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
            Some((
                char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)?,
                12,
            ))
        }
        _ => None,
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| {
        Some(value * 16 + char::from(digit).to_digit(16)?)
    })
}
