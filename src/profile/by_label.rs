//! The samples of a profile.proto by groups of the values of a label, each as a share of the whole.

use super::labels::labelled;
use super::pprof::decode_choice;
use super::table::{Count, FunctionTable, Matched};
use super::{Choice, Error, Profile};

/// The samples of each group, and those that belong to none: of other values, or without the label.
#[derive(Debug, Clone, PartialEq)]
pub struct ByLabel {
    /// In the order of the groups; `None` for one that no sample belongs to.
    pub groups: Vec<Option<Matched>>,
    /// What belongs to none.
    pub rest: Matched,
    /// Values that belong to none, with most samples first.
    pub others: Vec<String>,
}

/// Divides the samples of `bytes`, which were read as `whole`, by the group that `group` gives for a value of the label `key`.
///
/// # Errors
/// Those of reading it.
pub fn by_label(
    bytes: &[u8],
    whole: &Profile,
    key: &str,
    groups: usize,
    group: impl Fn(&str) -> Option<usize>,
) -> Result<ByLabel, Error> {
    let table = FunctionTable::without_functions(whole);
    let mut counts: Vec<Count> = vec![Count::default(); groups];
    let mut others = Vec::new();
    for label in labelled(bytes, Choice::default(), Some(key))? {
        match group(&label.value) {
            Some(at) if at < groups => {
                let choice = Choice {
                    label: Some((key, &label.value)),
                    ..Choice::default()
                };
                counts[at].join(&Count::of_all(&decode_choice(bytes, choice)?));
            }
            _ => others.push(label.value),
        }
    }
    let mut rest = Count::of_all(whole);
    counts.iter().for_each(|count| rest.take_away(count));
    let matched = |count: &Count| count.matched(&table);
    let groups = counts.iter();
    Ok(ByLabel {
        groups: groups
            .map(|count| (count.weight > 0).then(|| matched(count)))
            .collect(),
        rest: matched(&rest),
        others,
    })
}

#[cfg(test)]
mod tests {
    use super::super::labels::tests::labelled as profile;
    use super::super::pprof::decode;
    use super::*;

    #[test]
    fn samples_are_divided_by_a_label() {
        // Two samples of /slow, one of /fast, one without the label.
        let bytes = profile();
        let whole = decode(&bytes).expect("reads");
        let group = |value: &str| {
            ["/fast", "/gone", "/slow"]
                .iter()
                .position(|of| *of == value)
        };
        let found = by_label(&bytes, &whole, "endpoint", 3, group).expect("reads");
        let samples = |of: &Option<Matched>| of.map(|of| (of.samples, of.share.value));
        let groups: Vec<_> = found.groups.iter().map(samples).collect();
        assert_eq!(groups, [Some((1, 0.25)), None, Some((2, 0.5))]);
        assert_eq!((found.rest.samples, found.rest.share.value), (1, 0.25));
        assert!(found.others.is_empty());
        let found = by_label(&bytes, &whole, "endpoint", 0, |_| None).expect("reads");
        assert_eq!(found.others, ["/slow", "/fast"]);
        assert_eq!(found.rest.samples, 4);
    }
}
