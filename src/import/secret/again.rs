//! Where values that are known stand a second time, as they were recorded or written in another way. Pure; in time linear in the text, but
//! for the logarithm of how many values there are; it holds the values and their forms, and no more.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use crate::traffic::redact::forms;

/// Shorter values are not looked for where no rule points at them: they would blank out ordinary text.
pub(super) const SHORTEST: usize = 8;
/// Bytes of other ways of writing the values; of values that have more, the recorded form alone is looked for.
const MOST_BYTES: usize = 16 << 20;

/// Values to look for.
pub(super) struct Known {
    /// In order, each once.
    all: Vec<String>,
    /// The longest other one that each begins with.
    shorter: Vec<Option<usize>>,
    /// What the first two bytes of one may be.
    begins: Vec<bool>,
    /// The first bytes of all.
    heads: HashSet<[u8; SHORTEST]>,
    /// Whether other ways of writing them are looked for.
    pub(super) has_forms: bool,
}

impl Known {
    /// Takes in those values that are long enough.
    pub(super) fn of<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let values: BTreeSet<&str> = values.filter(|value| value.len() >= SHORTEST).collect();
        let other = other_forms(&values);
        let has_forms = other.is_some();
        let mut all: Vec<String> = values.into_iter().map(str::to_owned).collect();
        all.extend(other.unwrap_or_default());
        all.sort_unstable();
        all.dedup();
        let mut shorter = Vec::with_capacity(all.len());
        let mut open: Vec<usize> = Vec::new();
        for (at, text) in all.iter().enumerate() {
            while open
                .last()
                .is_some_and(|&last| !text.starts_with(&all[last]))
            {
                open.pop();
            }
            shorter.push(open.last().copied());
            open.push(at);
        }
        let mut begins = vec![false; 1 << 16];
        let mut heads = HashSet::new();
        for text in &all {
            begins[two(text.as_bytes())] = true;
            heads.extend(head(text.as_bytes()));
        }
        Self {
            all,
            shorter,
            begins,
            heads,
            has_forms,
        }
    }

    /// Where they stand, the longest one at each place.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        let bytes = text.as_bytes();
        let mut found = Vec::new();
        let mut at = 0;
        while at + SHORTEST <= bytes.len() {
            let rest = &bytes[at..];
            let may_begin =
                self.begins[two(rest)] && head(rest).is_some_and(|head| self.heads.contains(&head));
            match may_begin.then(|| self.longest(rest)).flatten() {
                Some(length) => {
                    found.push(at..at + length);
                    at += length;
                }
                None => at += 1,
            }
        }
        found
    }

    /// Bytes of the longest one that `rest` begins with. It is the last one before `rest` in order, or one that this begins with.
    fn longest(&self, rest: &[u8]) -> Option<usize> {
        let behind = self.all.partition_point(|text| text.as_bytes() <= rest);
        let mut at = behind.checked_sub(1);
        while let Some(candidate) = at {
            if rest.starts_with(self.all[candidate].as_bytes()) {
                return Some(self.all[candidate].len());
            }
            at = self.shorter[candidate];
        }
        None
    }
}

/// Other ways of writing values, unless they are too many.
fn other_forms(values: &BTreeSet<&str>) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut bytes = 0;
    for value in values {
        let forms = forms(value.as_bytes()).into_iter();
        for form in forms.filter_map(|form| String::from_utf8(form).ok()) {
            if form.len() >= SHORTEST {
                bytes += form.len();
                found.push(form);
            }
        }
        if bytes > MOST_BYTES {
            return None;
        }
    }
    Some(found)
}

fn two(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

fn head(bytes: &[u8]) -> Option<[u8; SHORTEST]> {
    bytes.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_value_is_found_at_each_place() {
        let known =
            Known::of(["abcdefgh", "abcdefghij", "abcdefgx", "éééé-é", "short"].into_iter());
        let found = |text: &str| -> Vec<String> {
            let found = known.find(text).into_iter();
            found.map(|range| text[range].to_owned()).collect()
        };
        assert_eq!(
            found("abcdefghijk abcdefghi éééé-é short"),
            ["abcdefghij", "abcdefgh", "éééé-é"]
        );
        assert_eq!(found("abcdefg"), [""; 0]);
        assert!(Known::of([].into_iter()).find("abcdefghij").is_empty());
    }

    proptest! {
        #[test]
        fn all_that_a_plain_search_finds_is_found(values in proptest::collection::vec("[ab]{8,12}", 0..12), text in "[ab]{0,60}") {
            let known = Known::of(values.iter().map(String::as_str));
            let mut left = text.clone();
            for range in known.find(&text).into_iter().rev() {
                left.replace_range(range, "|");
            }
            for value in &values {
                prop_assert!(!left.contains(value.as_str()), "{} in {} of {}", value, left, text);
            }
        }
    }
}
