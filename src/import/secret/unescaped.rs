//! A text in which letters and digits may be escaped (`%77`, `\u0077`), as it reads without that: names of credentials are known however
//! they are written. Pure; in time linear in the text.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// A letter, a digit, `-` or `_` that needs no escape.
static ESCAPE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:%|\\u00)(3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a]|2d)")
        .expect("it is a pattern")
});

/// A text without such escapes.
pub(super) struct Unescaped<'a> {
    pub(super) text: Cow<'a, str>,
    /// Where in the text characters stand that were escaped, each with how many bytes longer all is to its end.
    longer: Vec<(usize, usize)>,
}

impl<'a> Unescaped<'a> {
    pub(super) fn of(original: &'a str) -> Self {
        let mut text = String::new();
        let mut longer = Vec::new();
        let mut at = 0;
        for escape in ESCAPE.captures_iter(original) {
            let (Some(whole), Ok(code)) = (escape.get(0), u8::from_str_radix(&escape[1], 16))
            else {
                continue;
            };
            text.push_str(&original[at..whole.start()]);
            longer.push((text.len(), whole.end() - text.len() - 1));
            text.push(char::from(code));
            at = whole.end();
        }
        if longer.is_empty() {
            return Self {
                text: Cow::Borrowed(original),
                longer,
            };
        }
        text.push_str(&original[at..]);
        Self {
            text: Cow::Owned(text),
            longer,
        }
    }

    /// Where a range of the text stands in the original.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        self.at(range.start)..self.at(range.end)
    }

    fn at(&self, at: usize) -> usize {
        let before = self.longer.partition_point(|(escaped, _)| *escaped < at);
        let last = before.checked_sub(1).map(|last| self.longer[last].1);
        at + last.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lead_back_to_what_was_written() {
        let original = "a=1&p%61ss\\u0077ord=%48%75é%20%2541&z";
        let plain = Unescaped::of(original);
        assert_eq!(plain.text, "a=1&password=Hué%20%2541&z");
        for (read, written) in [
            ("password", "p%61ss\\u0077ord"),
            ("Hué", "%48%75é"),
            ("z", "z"),
            ("a=1", "a=1"),
        ] {
            let start = plain.text.find(read).unwrap();
            let range = plain.original(start..start + read.len());
            assert_eq!(&original[range], written);
        }
        assert!(matches!(Unescaped::of("%20 a").text, Cow::Borrowed(_)));
    }
}
