//! What is said of a profile.proto that cannot be shown as it was asked for: whose fault it is, and how much of it is affected.
//!
//! It looks at all samples again, which only happens once reading has failed.

use std::collections::HashMap;

use super::Error;
use super::pprof::Sample;
use super::symbols::{Tables, malformed};
use super::wire::{Field, fields};
use crate::units::printable;

/// Why values cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// There are none but zeros.
    Zero,
    /// Some are below zero.
    Negative,
}

/// Other sample types that can be shown, if there are any; `columns` are those that were tried, that of the values first.
pub(super) fn values(
    raw: &[u8],
    tables: &Tables<'_>,
    columns: &[usize],
    fault: Fault,
) -> Option<Error> {
    let mut any = vec![false; tables.sample_types.len()];
    let mut negative = any.clone();
    for sample in samples(raw) {
        for (at, value) in sample.values.iter().enumerate().take(any.len()) {
            any[at] |= *value != 0;
            negative[at] |= *value < 0;
        }
    }
    let name = |at: usize| {
        let name = tables.string(tables.sample_types[at].r#type).ok()?;
        Some(printable(&name).into_owned())
    };
    let usable = (0..any.len()).filter(|at| any[*at] && !negative[*at] && !columns.contains(at));
    let others: Vec<String> = usable.filter_map(name).collect();
    if others.is_empty() {
        return None;
    }
    Some(Error::NoValues {
        sample_type: name(*columns.first()?)?,
        fault: match fault {
            Fault::Zero => "all zero",
            Fault::Negative => "negative in part, as differences of profiles are",
        },
        others: others.join(" or "),
    })
}

/// What is said of a sample whose location is not there.
pub(super) fn dangling(
    raw: &[u8],
    locations: &HashMap<u64, Vec<u32>>,
    number: u64,
    id: u64,
) -> Error {
    let (mut all, mut affected) = (0_u64, 0_u64);
    for sample in samples(raw) {
        all += 1;
        affected += u64::from(
            sample
                .locations
                .iter()
                .any(|id| !locations.contains_key(id)),
        );
    }
    malformed(format!(
        "sample {number} refers to location {id}, which is not in it; the program that wrote it left out what {affected} of its {all} samples need"
    ))
}

/// Calls with each sample in turn.
fn samples(raw: &[u8]) -> impl Iterator<Item = Sample> {
    let messages = fields(raw).filter_map(|field| match field {
        Ok(Field::Bytes(2, message)) => Some(message),
        _ => None,
    });
    messages.filter_map(|message| {
        let mut sample = Sample::default();
        let packed = sample.fill(message, None).ok()?;
        sample.unpack_locations(packed).ok()?;
        Some(sample)
    })
}
