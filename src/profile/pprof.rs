//! Reads `profile.proto`, gzipped or raw, into a [`Profile`].
//!
//! Samples are decoded one at a time and dropped, so memory follows the distinct stacks and not what the bytes claim.
//! It must not guess: what does not add up is an error that says where.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::num::NonZeroU64;

use flate2::read::MultiGzDecoder;
use prost::encoding::encoded_len_varint;

use super::choice::Choice;
use super::faults::{self, Fault};
use super::labels::{self, Filter};
use super::pruning::Pruning;
use super::sample::Sample;
use super::stacks::{MAX_DEPTH, MAX_FRAMES, MAX_SLICES, MAX_STACKS, RECORDS, Weight, too_large};
use super::symbols::{Tables, malformed};
use super::wire::{Field, fields};
use super::{Error, Profile};
use crate::units::printable;

/// What a profile may unpack to. 30 s of a busy service are some MiB.
const MAX_UNPACKED: usize = 256 << 20;
/// Frames of all samples that repeat none before. A profile as large as what is read has half of it.
const MAX_EXPANDED: usize = 8 * MAX_FRAMES;
/// Sample types that a message lists.
const SHOWN_TYPES: usize = 8;

/// Reads a profile, gzipped or not.
///
/// Of several sample types `cpu` in nanoseconds is taken, else the profile's default, else the last. The number of samples is the
/// chosen type itself if it counts, else the `samples` type (of CPU time) or the counting type that stands right before the chosen
/// one (objects for bytes, contentions for delays). Where there is neither, it is the value over the period, and without a period
/// in the same unit shares are of values. Inlined calls become frames of their own; a frame without a name is
/// called after its file and address. `drop_frames` is honoured; labels are noted and not kept.
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

/// The bytes without their gzip, if they have one.
pub(super) fn plain(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    if is_gzip(bytes) {
        Ok(Cow::Owned(gunzip(bytes, MAX_UNPACKED)?))
    } else if bytes.len() > MAX_UNPACKED {
        Err(too_large("bytes", MAX_UNPACKED))
    } else {
        Ok(Cow::Borrowed(bytes))
    }
}

/// Whether the bytes begin like a gzip stream.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let mut raw = Vec::new();
    let mut reader = MultiGzDecoder::new(bytes).take(limit as u64 + 1);
    reader.read_to_end(&mut raw).map_err(Error::Gzip)?;
    if raw.len() > limit {
        return Err(too_large("unpacked bytes", limit));
    }
    Ok(raw)
}

fn unpacked(raw: &[u8], choice: Choice<'_>, max_expanded: usize) -> Result<Profile, Error> {
    let tables = Tables::read(raw)?;
    let columns = Columns::choose(&tables, choice.sample_type)?;
    let slice_key = tables.slice_key();
    let mut profile = Profile::new(&columns.sample_type, &columns.unit, tables.period_ns()?)
        .with_duration_ns(u64::try_from(tables.duration_nanos).unwrap_or(0));
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
    let counts = columns.counted(&profile);
    Ok(profile.counting(counts))
}

/// Which of a sample's values are read.
struct Columns {
    sample_type: String,
    unit: String,
    all: usize,
    value: usize,
    samples: Samples,
    /// The name of what samples are counts of.
    counts: String,
}

/// Where the number of samples is from.
enum Samples {
    Column(usize),
    /// The value that one sample stands for.
    Period(NonZeroU64),
    /// Each record counts once.
    Records,
}

impl Columns {
    fn choose(tables: &Tables<'_>, wanted: Option<&str>) -> Result<Self, Error> {
        let mut types = Vec::new();
        for value_type in &tables.sample_types {
            types.push((
                tables.string(value_type.r#type)?,
                tables.string(value_type.unit)?,
            ));
        }
        let default = tables.string(tables.default_sample_type)?;
        let cpu = |(name, unit): &(Cow<'_, str>, Cow<'_, str>)| {
            name.eq_ignore_ascii_case("cpu") && unit == "nanoseconds"
        };
        let named = || {
            types
                .iter()
                .position(|(name, _)| !default.is_empty() && *name == default)
        };
        let value = match wanted {
            Some(wanted) => {
                let found = types.iter().position(|(name, _)| name == wanted);
                let found = found.or_else(|| {
                    types
                        .iter()
                        .position(|of| cpu(of) && wanted.eq_ignore_ascii_case("cpu"))
                });
                found.ok_or_else(|| no_sample_type(wanted, &types))?
            }
            None => types
                .iter()
                .position(cpu)
                .or_else(named)
                .unwrap_or(types.len() - 1),
        };
        let is_count = |at: &usize| types[*at].1 == "count";
        let before = || value.checked_sub(1).filter(is_count);
        let samples = || (0..types.len()).find(|at| is_count(at) && types[*at].0 == "samples");
        let column = if is_count(&value) {
            Some(value)
        } else if cpu(&types[value]) {
            samples().or_else(before)
        } else {
            before().or_else(samples)
        };
        let (name, unit) = &types[value];
        let period = u64::try_from(tables.period).ok().and_then(NonZeroU64::new);
        let (samples, counts) = match (column, period) {
            (Some(column), _) => (Samples::Column(column), &*types[column].0),
            (None, Some(period)) if tables.string(tables.period_type.unit)? == *unit => {
                (Samples::Period(period), "samples")
            }
            _ => (Samples::Records, RECORDS),
        };
        Ok(Self {
            sample_type: if cpu(&types[value]) {
                "cpu".to_owned()
            } else {
                name.to_string()
            },
            unit: unit.to_string(),
            all: types.len(),
            value,
            samples,
            counts: counts.to_owned(),
        })
    }

    /// The columns that are read: the values, and the samples if they have one.
    fn read(&self) -> Vec<usize> {
        match self.samples {
            Samples::Column(column) => vec![self.value, column],
            _ => vec![self.value],
        }
    }

    fn weight(&self, of: &[i64], number: u64) -> Result<Weight, Error> {
        if of.len() != self.all {
            let values = of.len();
            return Err(malformed(format!(
                "sample {number} has {values} values for {} sample types",
                self.all
            )));
        }
        let positive = |column: usize| {
            let value = of[column];
            let reason = || {
                format!(
                    "sample {number} has the negative value {value}; differences of profiles are not read: give the two profiles to `telemload flame diff`"
                )
            };
            u64::try_from(value).map_err(|_| malformed(reason()))
        };
        let value = positive(self.value)?;
        let samples = match self.samples {
            Samples::Column(column) => positive(column)?,
            _ if value == 0 => 0,
            Samples::Period(period) => {
                (value / period + value % period / period.get().div_ceil(2)).max(1)
            }
            Samples::Records => 1,
        };
        Ok(Weight { value, samples })
    }

    /// What the samples that were read are counts of: of a period that most values fall short of they are none.
    fn counted(&self, profile: &Profile) -> &str {
        match self.samples {
            Samples::Period(period) => {
                let stand_for = u128::from(profile.samples()) * u128::from(period.get());
                let value = u128::from(profile.value());
                if stand_for.abs_diff(value) * 100 > value {
                    RECORDS
                } else {
                    &self.counts
                }
            }
            _ => &self.counts,
        }
    }
}

fn no_sample_type(wanted: &str, types: &[(Cow<'_, str>, Cow<'_, str>)]) -> Error {
    let shown = types.iter().take(SHOWN_TYPES);
    let names: Vec<String> = shown
        .map(|(name, _)| printable(name).chars().take(40).collect())
        .collect();
    let more = if types.len() > SHOWN_TYPES {
        ", …"
    } else {
        ""
    };
    Error::SampleType {
        wanted: wanted.to_owned(),
        known: format!("{}{more}", names.join(", ")),
    }
}

#[cfg(test)]
#[path = "pprof_tests.rs"]
mod tests;
