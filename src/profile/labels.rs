//! Labels of a profile.proto's samples, such as `endpoint=/slow` or `thread=worker`: which there are, and which samples have one.
//!
//! Labels are looked at apart from reading: what they cost is bounded by the keys and values that a message shows.

use std::collections::HashMap;

use super::Error;
use super::choice::Choice;
use super::columns::Columns;
use super::plain::plain;
use super::sample::Sample;
use super::share::FEWEST_SAMPLES;
use super::stacks::too_large;
use super::symbols::{SLICE_LABEL, Tables};
use super::wire::{Field, fields};
use crate::units::printable;

/// Labels that are told apart (each sample may have its own), and those that a message looks at.
const LABELS: usize = 1 << 19;
const SOME_KEYS: usize = 8;
const SOME_VALUES: usize = 64;
/// Values of a key that a message shows.
const SHOWN: usize = 3;
const SHOWN_TEXT: usize = 40;

/// A label as it is written: indices of strings, or a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Label {
    key: i64,
    text: i64,
    number: i64,
}

impl Label {
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut label = Self::default();
        for field in fields(bytes) {
            match field.ok()? {
                Field::Varint(1, key) => label.key = key.cast_signed(),
                Field::Varint(2, text) => label.text = text.cast_signed(),
                Field::Varint(3, number) => label.number = number.cast_signed(),
                _ => {}
            }
        }
        Some(label)
    }
}

/// The labels of one sample; what is unreadable is none.
fn labels(sample: &[u8]) -> impl Iterator<Item = Label> {
    fields(sample).filter_map(|field| match field {
        Ok(Field::Bytes(3, bytes)) => Label::of(bytes),
        _ => None,
    })
}

/// Samples that have a label of this key and value. A text may stand in the table of strings any number of times: indices rise.
#[derive(Debug)]
pub(super) struct Filter {
    keys: Vec<i64>,
    texts: Vec<i64>,
    number: Option<i64>,
}

impl Filter {
    /// The samples meant.
    ///
    /// # Errors
    /// [`Error::NoLabel`] if no sample has the label; it lists what there is.
    pub(super) fn of(
        tables: &Tables<'_>,
        raw: &[u8],
        (key, value): (&str, &str),
    ) -> Result<Self, Error> {
        let filter = Self {
            keys: tables.indices(key),
            texts: tables.indices(value),
            number: value.parse().ok(),
        };
        let any = samples(raw).any(|sample| filter.takes(sample));
        any.then_some(filter).ok_or_else(|| Error::NoLabel {
            wanted: format!("{key}={value}"),
            known: known(tables, raw).unwrap_or_else(|| "none".to_owned()),
        })
    }

    /// Whether a sample has the label.
    pub(super) fn takes(&self, sample: &[u8]) -> bool {
        labels(sample).any(|label| {
            let is_value = if label.text == 0 {
                self.number == Some(label.number)
            } else {
                self.texts.binary_search(&label.text).is_ok()
            };
            is_value && self.keys.binary_search(&label.key).is_ok()
        })
    }
}

/// What there is to say of the labels; `None` without any.
pub(super) fn note(tables: &Tables<'_>, raw: &[u8]) -> Option<String> {
    let known = known(tables, raw)?;
    Some(format!(
        "its samples have the labels {known}; --where KEY=VALUE selects"
    ))
}

/// A label, and what of the profile has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// Such as `endpoint`.
    pub key: String,
    /// Such as `/slow`.
    pub value: String,
    /// Samples that have it.
    pub samples: u64,
    /// Their values.
    pub amount: u64,
}

/// What of the profile has a label.
#[derive(Default)]
struct Has {
    samples: u64,
    amount: u64,
    /// Number of the last sample that has it.
    last: u64,
}

/// Values of a key that are always listed, how many are no reason to leave any out, and the most that are listed.
const HEAVIEST: usize = 5;
const FEW_VALUES: usize = 16;
const MOST_VALUES: usize = 64;

/// How many values of one key, of which those with most in them come first, are worth a row each: of a key that tells single samples apart, as
/// the id of a request does, a few.
pub fn worth_a_row(values: &[Labelled]) -> usize {
    if values.len() <= FEW_VALUES {
        return values.len();
    }
    let is_judged = |of: &&Labelled| of.samples >= FEWEST_SAMPLES;
    let judged = values.iter().filter(is_judged).count();
    judged.clamp(HEAVIEST, MOST_VALUES)
}

/// All labels of a profile.proto, or those of a key, by key, the values with most samples first.
///
/// # Errors
/// [`Error::WithoutLabels`] for other formats, [`Error::TooLarge`] for more than are told apart, and those of reading it.
pub(super) fn labelled(
    bytes: &[u8],
    choice: Choice<'_>,
    key: Option<&str>,
) -> Result<Vec<Labelled>, Error> {
    let raw = plain(bytes)?;
    let tables = Tables::read(&raw).map_err(|_| Error::WithoutLabels)?;
    let columns = Columns::choose(&tables, &raw, choice)?;
    let slices = tables.indices(SLICE_LABEL);
    let wanted = key.map(|key| tables.indices(key));
    let is_wanted = |label: &Label| match &wanted {
        Some(keys) => keys.binary_search(&label.key).is_ok(),
        None => slices.binary_search(&label.key).is_err(),
    };
    let mut found: HashMap<Label, Has> = HashMap::new();
    let mut sample = Sample::default();
    for (number, message) in (1..).zip(samples(&raw)) {
        sample.fill(message, None)?;
        let weight = columns.weight(&sample.values, number)?;
        for label in labels(message).filter(is_wanted) {
            let has = found.entry(label).or_default();
            // A sample has a label once, however often it is written.
            if has.last == number {
                continue;
            }
            *has = Has {
                samples: has.samples.saturating_add(weight.samples),
                amount: has.amount.saturating_add(weight.value),
                last: number,
            };
            if found.len() > LABELS {
                return Err(too_large("labels", LABELS));
            }
        }
    }
    let mut all: Vec<Labelled> = Vec::new();
    for (label, has) in found {
        all.push(Labelled {
            key: tables.string(label.key)?.into_owned(),
            value: match label.text {
                0 => label.number.to_string(),
                index => tables.string(index)?.into_owned(),
            },
            samples: has.samples,
            amount: has.amount,
        });
    }
    all.sort_by(|a, b| {
        let by_weight = (b.amount, b.samples).cmp(&(a.amount, a.samples));
        let by_key = a.key.cmp(&b.key).then(by_weight);
        by_key.then_with(|| a.value.cmp(&b.value))
    });
    Ok(all)
}

/// Keys with some of their values.
fn known(tables: &Tables<'_>, raw: &[u8]) -> Option<String> {
    let mut found: Vec<(i64, Vec<Label>)> = Vec::new();
    let slices = tables.indices(SLICE_LABEL);
    for label in samples(raw).flat_map(labels) {
        if slices.binary_search(&label.key).is_ok() {
            continue;
        }
        let is_full = found.len() == SOME_KEYS;
        match found.iter_mut().find(|(key, _)| *key == label.key) {
            Some((_, values)) if values.len() < SOME_VALUES && !values.contains(&label) => {
                values.push(label)
            }
            Some(_) => {}
            None if !is_full => found.push((label.key, vec![label])),
            None => {}
        }
    }
    let text = |index| {
        let text = tables.string(index).unwrap_or_default();
        printable(&text)
            .chars()
            .take(SHOWN_TEXT)
            .collect::<String>()
    };
    let keys: Vec<String> = found
        .iter()
        .map(|(key, values)| {
            let shown = values.iter().take(SHOWN).map(|label| match label.text {
                0 => label.number.to_string(),
                index => text(index),
            });
            let shown: Vec<String> = shown.collect();
            let more = if values.len() > SHOWN { ", …" } else { "" };
            format!("{} ({}{more})", text(*key), shown.join(", "))
        })
        .collect();
    (!keys.is_empty()).then(|| keys.join(", "))
}

fn samples(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    fields(raw).filter_map(|field| match field {
        Ok(Field::Bytes(2, message)) => Some(message),
        _ => None,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use pprof_format as proto;

    use super::super::tests::{encode, small_profile};
    use super::super::{Choice, read};

    /// Two samples of one endpoint, one of another, one with a number.
    pub(in crate::profile) fn labelled() -> Vec<u8> {
        let mut profile = small_profile();
        let at = profile.string_table.len() as i64;
        profile
            .string_table
            .extend(["endpoint", "/slow", "/fast", "size"].map(str::to_owned));
        let text = |str| proto::Label {
            key: at,
            str,
            ..Default::default()
        };
        profile.sample[0].label = vec![text(at + 1)];
        profile.sample[1].label = vec![text(at + 2)];
        profile.sample[2].label = vec![proto::Label {
            key: at + 3,
            num: 30,
            ..Default::default()
        }];
        encode(&profile)
    }

    #[test]
    fn a_label_selects_samples() {
        let samples = |label| {
            let choice = Choice {
                label: Some(label),
                ..Choice::default()
            };
            read(&labelled(), choice).map(|profile| profile.samples())
        };
        assert_eq!(samples(("endpoint", "/slow")).expect("there"), 2);
        assert_eq!(samples(("endpoint", "/fast")).expect("there"), 1);
        assert_eq!(samples(("size", "30")).expect("there"), 1);
        for wanted in [
            ("endpoint", "/x"),
            ("size", "31"),
            ("x", "/slow"),
            ("endpoint", "30"),
        ] {
            let error = samples(wanted).expect_err("not there").to_string();
            assert!(
                error.ends_with("its samples have endpoint (/slow, /fast), size (30)"),
                "{error}"
            );
        }
    }

    #[test]
    fn labels_are_listed() {
        let profile = read(&labelled(), Choice::default()).expect("reads");
        assert_eq!(
            profile.notes(),
            [
                "its samples have the labels endpoint (/slow, /fast), size (30); --where KEY=VALUE selects"
            ]
        );
        let plain = read(&encode(&small_profile()), Choice::default()).expect("reads");
        assert!(plain.notes().is_empty());
    }

    #[test]
    fn labels_have_their_samples() {
        let all = super::labelled(&labelled(), Choice::default(), None).expect("reads");
        let all: Vec<_> = all
            .iter()
            .map(|of| (of.key.as_str(), of.value.as_str(), of.samples, of.amount))
            .collect();
        assert_eq!(
            all,
            [
                ("endpoint", "/slow", 2, 20_000_000),
                ("endpoint", "/fast", 1, 10_000_000),
                ("size", "30", 1, 10_000_000),
            ]
        );
        let error = super::labelled(b"main;f 3", Choice::default(), None).expect_err("has none");
        assert!(error.to_string().contains("profile.proto alone"));
    }

    #[test]
    fn no_value_of_a_label_is_lost() {
        let mut profile = small_profile();
        let at = profile.string_table.len() as i64;
        profile.string_table.push("user".to_owned());
        let sample = profile.sample[0].clone();
        profile.sample = (0..200)
            .map(|num| proto::Sample {
                label: vec![proto::Label {
                    key: at,
                    num,
                    ..Default::default()
                }],
                ..sample.clone()
            })
            .collect();
        let bytes = encode(&profile);
        let of = |key| super::labelled(&bytes, Choice::default(), key).expect("reads");
        let all = of(Some("user"));
        assert_eq!(
            (all.len(), of(None).len(), of(Some("x")).len()),
            (200, 200, 0)
        );
        assert!(all.iter().all(|of| of.amount == 20_000_000));
    }

    #[test]
    fn of_a_label_that_tells_samples_apart_a_few_values_are_listed() {
        let of = |samples: &[u64]| -> usize {
            let values = samples.iter().map(|samples| super::Labelled {
                key: "id".to_owned(),
                value: samples.to_string(),
                samples: *samples,
                amount: *samples,
            });
            super::worth_a_row(&values.collect::<Vec<_>>())
        };
        for (samples, expected) in [
            (&[][..], 0),
            (&[1; 16], 16),
            (&[1; 17], 5),
            (&[4; 2000], 5),
            (&[5; 20], 20),
            (
                &[
                    900, 900, 900, 900, 900, 900, 9, 4, 4, 4, 4, 4, 4, 4, 1, 1, 1,
                ],
                7,
            ),
            (&[9; 200], 64),
        ] {
            assert_eq!(of(samples), expected, "{samples:?}");
        }
    }

    #[test]
    fn a_sample_has_a_label_once() {
        let mut profile = small_profile();
        let at = profile.string_table.len() as i64;
        profile.string_table.push("user".to_owned());
        let label = |num| proto::Label {
            key: at,
            num,
            ..Default::default()
        };
        profile.sample[0].label = vec![label(7), label(7), label(8)];
        let all = super::labelled(&encode(&profile), Choice::default(), None).expect("reads");
        let all: Vec<_> = all.iter().map(|of| (&*of.value, of.amount)).collect();
        assert_eq!(all, [("7", 20_000_000), ("8", 20_000_000)]);
    }

    /// As many as an entry has room for: what looks at each pair of them takes minutes.
    #[test]
    fn a_sample_may_have_a_great_many_labels() {
        let mut profile = small_profile();
        let at = profile.string_table.len() as i64;
        profile.string_table.push("user".to_owned());
        let label = |num: i64| proto::Label {
            key: at,
            num: num % 50_000,
            ..Default::default()
        };
        profile.sample[0].label = (0..100_000).map(label).collect();
        let all = super::labelled(&encode(&profile), Choice::default(), None).expect("reads");
        assert_eq!(all.len(), 50_000);
        assert!(all.iter().all(|of| of.amount == 20_000_000));
    }

    #[test]
    fn other_formats_have_none() {
        let choice = Choice {
            label: Some(("a", "b")),
            ..Choice::default()
        };
        let error = read(b"main;f 3", choice).expect_err("refuses").to_string();
        assert!(
            error.contains("labels are read of profile.proto alone"),
            "{error}"
        );
    }
}
