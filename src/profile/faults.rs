//! What is said of a profile.proto that cannot be shown as it was asked for: whose fault it is, and how much of it is affected.
//!
//! It looks at all samples again, which only happens once reading has failed.

use std::collections::HashMap;

use super::Error;
use super::sample::Sample;
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

#[cfg(test)]
mod tests {
    use pprof_format as proto;

    use super::super::tests::{check, encode, gzip, reads_bytes, small_profile};

    /// Values of three types: objects and their bytes, and bytes that were ever allocated.
    fn heap(p: &mut proto::Profile, values: [[i64; 3]; 3]) {
        let at = p.string_table.len() as i64;
        p.string_table
            .extend(["inuse_space", "bytes", "alloc_space"].map(str::to_owned));
        let of = |name, unit| proto::ValueType { r#type: name, unit };
        p.sample_type = vec![of(1, 2), of(at, at + 1), of(at + 2, at + 1)];
        p.default_sample_type = at;
        for (sample, values) in p.sample.iter_mut().zip(values) {
            sample.value = values.to_vec();
        }
    }

    #[test]
    fn types_that_can_be_shown_are_named() {
        check(
            |p| heap(p, [[0, 0, 3], [0, 0, 4], [0, 0, 0]]),
            Err(
                "the profile's values of `inuse_space` are all zero; show others with --sample-type alloc_space",
            ),
        );
        check(
            |p| heap(p, [[1, -5, 3], [1, 4, 4], [1, 1, 1]]),
            Err(
                "`inuse_space` are negative in part, as differences of profiles are; show others with --sample-type alloc_space",
            ),
        );
        check(
            |p| heap(p, [[1, -5, -3], [1, 4, 4], [1, 1, 1]]),
            Err(
                "sample 1 has the negative value -5; differences of profiles are not read: give the two profiles to `telemload flame diff`",
            ),
        );
        check(|p| heap(p, [[0; 3]; 3]), Ok(&[]));
    }

    #[test]
    fn whose_fault_it_is_and_how_much_is_affected_is_said() {
        check(
            |p| {
                p.sample[0].location_id = vec![99, 3];
                p.sample[2].location_id = vec![98];
            },
            Err(
                "sample 1 refers to location 99, which is not in it; the program that wrote it left out what 2 of its 3 samples need",
            ),
        );
        check(
            |p| p.function.iter_mut().for_each(|function| function.id = 0),
            Err(
                "a function has the id 0, as 3 of its 3 have, so that nothing can refer to them; the program that wrote it is at fault",
            ),
        );
    }

    #[test]
    fn the_type_cpu_may_be_written_large() {
        let mut message = small_profile();
        message.string_table[3] = "CPU".to_owned();
        message.sample_type.reverse();
        for sample in &mut message.sample {
            sample.value.reverse();
        }
        let profile = reads_bytes(&encode(&message), "main 1\nmain;verify;hash 3\n");
        assert_eq!(profile.cpu_ns(), Some(40_000_000));
    }

    #[test]
    fn profiles_behind_one_another_are_added_up() {
        let one = encode(&small_profile());
        for bytes in [
            [one.clone(), one.clone(), one.clone()].concat(),
            [gzip(&one), gzip(&one), gzip(&one)].concat(),
        ] {
            let profile = reads_bytes(&bytes, "main 3\nmain;verify;hash 9\n");
            assert_eq!(profile.slices(), [4, 4, 4]);
            assert_eq!(
                profile.notes(),
                ["it holds 3 profiles, one behind the other, which are shown together"]
            );
        }
        let mut other = small_profile();
        other.period = 7_000_000;
        let mixed = [one, encode(&other)].concat();
        let error = super::super::pprof::decode(&mixed)
            .expect_err("differ")
            .to_string();
        assert!(error.contains("cannot be merged"), "{error}");
    }

    #[test]
    fn dropped_frames_are_known_by_their_names_alone() {
        check(
            |p| {
                p.string_table[7] = "operator new(unsigned long)".to_owned();
                p.drop_frames = p.string_table.len() as i64;
                p.string_table.push("operator new".to_owned());
            },
            Ok(&[("main", 1, 10_000_000), ("main;verify", 3, 30_000_000)]),
        );
    }
}
