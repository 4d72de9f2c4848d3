//! Reads `profile.proto`, gzipped or raw, into a [`Profile`].
//!
//! Samples are decoded one at a time and dropped, so memory follows the distinct stacks and not what the bytes claim.
//! It must not guess: what does not add up is an error that says where.

use std::borrow::Cow;
use std::collections::HashMap;

use prost::encoding::encoded_len_varint;

use super::choice::Choice;
use super::columns::Columns;
use super::faults::{self, Fault};
use super::labels::{self, Filter};
use super::plain::plain;
use super::pruning::Pruning;
use super::sample::Sample;
use super::stacks::{MAX_DEPTH, MAX_FRAMES, MAX_SLICES, MAX_STACKS, Weight, too_large};
use super::symbols::{BEGINS_AT_THREADS, Tables};
use super::wire::{Field, fields};
use super::{Error, Profile};

/// Frames of all samples that repeat none before. A profile as large as what is read has half of it.
const MAX_EXPANDED: usize = 8 * MAX_FRAMES;

/// Reads a profile, gzipped or not.
///
/// Of several sample types `cpu` in nanoseconds is taken, else the profile's default, else the last. The number of samples is the
/// chosen type itself if it counts, else the `samples` type (of CPU time) or the counting type that stands right before the chosen
/// one (contentions for delays; objects for bytes, of which those that were seen are worked out). Where there is neither, it is the value
/// over the period, or over what all values are multiples of, and else each record is one. Inlined calls become frames of their own; a frame without a name is
/// called after its file and address. Counts that do not go with CPU times are left. `drop_frames` is honoured; labels are noted and not kept.
///
/// # Errors
/// [`Error::Gzip`] and [`Error::Malformed`] for what is no profile (a negative value included: a difference of profiles has no
/// shares), [`Error::TooLarge`] and [`Error::Overflow`] for what is too much.
pub fn decode(bytes: &[u8]) -> Result<Profile, Error> {
    decode_choice(bytes, Choice::default())
}

/// Like [`decode`], but reads the sample type chosen, such as `alloc_space`, and the samples that have the label chosen.
///
/// # Errors
/// [`Error::SampleType`] and [`Error::NoLabel`] list what there is; else those of [`decode`].
pub(super) fn decode_choice(bytes: &[u8], choice: Choice<'_>) -> Result<Profile, Error> {
    let raw = plain(bytes)?;
    match unpacked(&raw, choice, MAX_EXPANDED) {
        Err(error @ Error::Malformed(_)) => match concatenated(&raw, choice) {
            Some(profile) => profile,
            None => Err(error),
        },
        read => read,
    }
}

/// Profiles that stand one behind the other in one file, as those of one capture; `None` if it is not several.
fn concatenated(raw: &[u8], choice: Choice<'_>) -> Option<Result<Profile, Error>> {
    let parts = parts(raw);
    if parts.len() < 2 {
        return None;
    }
    let mut whole: Option<Profile> = None;
    for (number, part) in parts.iter().enumerate() {
        let part = unpacked(part, choice, MAX_EXPANDED / parts.len()).ok()?;
        let whole = whole
            .get_or_insert_with(|| Profile::new(part.sample_type(), part.unit(), part.period_ns()));
        if let Err(error) = whole.merge_slice(&part, number) {
            return Some(Err(error));
        }
    }
    let mut whole = whole?;
    whole.note(format!(
        "it holds {} profiles, one behind the other, which are shown together",
        parts.len()
    ));
    Some(Ok(whole))
}

/// The bytes from each first sample type on that stands behind a string.
fn parts(raw: &[u8]) -> Vec<&[u8]> {
    let mut begins = vec![0];
    let mut has_strings = false;
    for field in fields(raw) {
        match field {
            Ok(Field::Bytes(6, _)) => has_strings = true,
            Ok(Field::Bytes(1, bytes)) if has_strings && begins.len() < MAX_SLICES => {
                let head = 1 + encoded_len_varint(bytes.len() as u64);
                begins.push(bytes.as_ptr().addr() - raw.as_ptr().addr() - head);
                has_strings = false;
            }
            Ok(_) => {}
            Err(_) => return Vec::new(),
        }
    }
    let ends = begins.iter().skip(1).copied().chain([raw.len()]);
    begins
        .iter()
        .zip(ends)
        .map(|(begin, end)| &raw[*begin..end])
        .collect()
}

fn unpacked(raw: &[u8], choice: Choice<'_>, max_expanded: usize) -> Result<Profile, Error> {
    let tables = Tables::read(raw)?;
    let columns = Columns::choose(&tables, raw, choice)?;
    let slice_key = tables.slice_key();
    let mut profile = Profile::new(&columns.sample_type, &columns.unit, tables.period_ns()?)
        .with_duration_ns(u64::try_from(tables.duration_nanos).unwrap_or(0))
        .taken_at(tables.time_nanos);
    profile = profile.spanning(tables.launches());
    if let Some(what) = tables.selected() {
        profile = profile.selecting(&what);
    }
    if !tables.indices(BEGINS_AT_THREADS).is_empty() {
        profile = profile.beginning_at_threads();
    }
    let locations = tables.resolve(&mut profile)?;
    let mut pruning = Pruning::new(&tables)?;
    let filter = choice
        .label
        .map(|label| Filter::of(&tables, raw, label))
        .transpose()?;
    let mut number = 0_u64;
    let mut read = Sample::default();
    // Where stacks are by the packed ids of their locations: most samples repeat one.
    let mut places: HashMap<Cow<'_, [u8]>, u32> = HashMap::new();
    let mut expanded = 0;
    for field in fields(raw) {
        let Field::Bytes(2, message) = field? else {
            continue;
        };
        number += 1;
        if filter.as_ref().is_some_and(|filter| !filter.takes(message)) {
            continue;
        }
        let packed = read.fill(message, slice_key)?;
        let weight = columns.weight(&read.values, number).map_err(|error| {
            faults::values(raw, &tables, &columns.read(), Fault::Negative).unwrap_or(error)
        })?;
        if weight == Weight::default() {
            continue;
        }
        if let Some(place) = places.get(packed.unwrap_or(&read.pieces)) {
            profile.add_at(*place, weight, read.slice)?;
            continue;
        }
        let mut frames = Vec::new();
        read.unpack_locations(packed)?;
        for id in read.locations.iter().rev() {
            let Some(names) = locations.get(id) else {
                return Err(faults::dangling(raw, &locations, number, *id));
            };
            if frames.len() + names.len() > MAX_DEPTH {
                return Err(too_large("frames in one stack", MAX_DEPTH));
            }
            frames.extend_from_slice(names);
        }
        expanded += frames.len();
        if expanded > max_expanded {
            return Err(too_large("frames over all samples", max_expanded));
        }
        pruning.apply(&mut frames, &profile);
        let place = profile.add_ids(frames, weight, read.slice)?;
        if let Some(place) = place
            && places.len() < MAX_STACKS
        {
            let key = packed.map_or_else(|| Cow::Owned(read.pieces.clone()), Cow::Borrowed);
            places.insert(key, place);
        }
    }
    if filter.is_none() && profile.is_empty() && profile.value() == 0 {
        faults::values(raw, &tables, &columns.read(), Fault::Zero).map_or(Ok(()), Err)?;
    }
    if let Some(note) = labels::note(&tables, raw).filter(|_| filter.is_none()) {
        profile.note(note);
    }
    profile.note_all(columns.notes());
    Ok(profile
        .counting(columns.counts())
        .unevenly(columns.is_uneven()))
}

#[cfg(test)]
#[path = "pprof_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "pprof_bounds_tests.rs"]
mod bounds_tests;
