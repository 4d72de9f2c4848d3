//! Writes `profile.proto`: the slices of a capture as one profile, and profiles that were read from something else.
//!
//! Captured slices keep what they hold (addresses, lines, labels) and each sample gets a label with the number of its
//! slice, so that the spread between slices can be read again. Slices come from a target: it must not trust their indices, and
//! messages are copied one at a time, as they are read.

use std::collections::HashMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use pprof_format as proto;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::plain::plain;
use super::stacks::{Counts, MAX_SLICES, too_large};
use super::symbols::{
    BEGINS_AT_THREADS, COUNTS_SAMPLES, SLICE_LABEL, THREAD_LABEL, UNEVEN_COUNTS, of_launches,
    of_selected,
};
use super::wire::{Field, fields};
use super::{Error, Observed, Profile};

/// Where [`encode`] writes the key of threads.
const THREAD_STRING: i64 = 7;

/// What the merged profile may have unpacked; what is read may have the same.
const MAX_MERGED: usize = 256 << 20;

/// Joins slices of one capture.
#[derive(Debug, Default)]
pub struct Merger {
    slices: u8,
    /// Whether the profile at hand is the first one of all, and of its slice.
    is_first: bool,
    begins_slice: bool,
    out: Vec<u8>,
    strings: Interned,
    mappings: Interned,
    functions: Interned,
    locations: Interned,
    types: Vec<(i64, i64)>,
    period_type: proto::ValueType,
    period: i64,
    drop_frames: i64,
    keep_frames: i64,
    default_sample_type: i64,
    /// The sample type that readers are to take, whatever the slices say.
    preferred: Option<&'static str>,
    time_nanos: i64,
    duration_nanos: i64,
}

/// Entries that are told apart by their content; numbered from 0.
#[derive(Debug, Default)]
struct Interned {
    ids: HashMap<Vec<u8>, u64>,
}

impl Interned {
    /// The number of the entry, and whether it is new.
    fn insert(&mut self, content: &[u8]) -> (u64, bool) {
        if let Some(id) = self.ids.get(content) {
            return (*id, false);
        }
        let id = self.ids.len() as u64;
        self.ids.insert(content.to_vec(), id);
        (id, true)
    }
}

impl Merger {
    /// The same of profiles whose readers are to take this sample type.
    pub fn preferring(sample_type: &'static str) -> Self {
        Self {
            preferred: Some(sample_type),
            ..Self::default()
        }
    }

    /// Adds the next slice, gzipped or not.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is no profile or refers to what is not in it, [`Error::Mismatch`] if its sample types are
    /// others than before, [`Error::TooLarge`] beyond 64 slices or the limits on size.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.add_together(&[bytes])
    }

    /// Adds the next slice of several processes that were sampled at once, as one.
    ///
    /// # Errors
    /// As for [`Merger::add`].
    pub fn add_together<B: AsRef<[u8]>>(&mut self, processes: &[B]) -> Result<(), Error> {
        if usize::from(self.slices) >= MAX_SLICES {
            return Err(too_large("slices", MAX_SLICES));
        }
        for (at, bytes) in processes.iter().enumerate() {
            self.begins_slice = at == 0;
            self.is_first = self.slices == 0 && at == 0;
            let raw = plain(bytes.as_ref())?;
            if self.is_first {
                self.string(b"");
            }
            let copy = Copy::of(self, &raw)?;
            copy.headers(self, &raw)?;
            let (mappings, functions) = copy.tables(self, &raw)?;
            copy.samples(self, &raw, &mappings, &functions)?;
        }
        self.slices += 1;
        Ok(())
    }

    /// The merged profile, gzipped.
    ///
    /// # Errors
    /// [`Error::Io`] if compressing fails.
    pub fn finish(mut self) -> Result<Vec<u8>, Error> {
        if let Some(preferred) = self.preferred {
            self.default_sample_type = self.string(preferred.as_bytes());
        }
        let types = std::mem::take(&mut self.types);
        for (r#type, unit) in types {
            self.put(1, &proto::ValueType { r#type, unit });
        }
        let period_type = self.period_type;
        self.put(11, &period_type);
        for (tag, number) in [
            (7, self.drop_frames),
            (8, self.keep_frames),
            (9, self.time_nanos),
            (10, self.duration_nanos),
            (12, self.period),
            (14, self.default_sample_type),
        ] {
            encode_key(tag, WireType::Varint, &mut self.out);
            encode_varint(number.cast_unsigned(), &mut self.out);
        }
        let mut strings: Vec<_> = self.strings.ids.drain().collect();
        strings.sort_unstable_by_key(|(_, id)| *id);
        for (text, _) in strings {
            encode_key(6, WireType::LengthDelimited, &mut self.out);
            encode_varint(text.len() as u64, &mut self.out);
            self.out.extend_from_slice(&text);
        }
        gzip(&self.out)
    }

    fn string(&mut self, text: &[u8]) -> i64 {
        self.strings.insert(text).0.cast_signed()
    }

    fn put(&mut self, tag: u32, message: &impl Message) {
        encode_key(tag, WireType::LengthDelimited, &mut self.out);
        message
            .encode_length_delimited(&mut self.out)
            .expect("a vector grows");
    }
}

/// One slice while it is copied: what its numbers are in the merged profile.
struct Copy {
    strings: Vec<i64>,
}

type Ids = HashMap<u64, u64>;

impl Copy {
    fn of(merger: &mut Merger, raw: &[u8]) -> Result<Self, Error> {
        let mut strings = Vec::new();
        for field in fields(raw) {
            if let Field::Bytes(6, text) = field? {
                strings.push(merger.string(text));
            }
        }
        Ok(Self { strings })
    }

    fn text(&self, index: i64) -> Result<i64, Error> {
        let found = usize::try_from(index).ok();
        found
            .and_then(|index| self.strings.get(index).copied())
            .ok_or_else(|| missing("string", index.cast_unsigned()))
    }

    fn headers(&self, merger: &mut Merger, raw: &[u8]) -> Result<(), Error> {
        let mut types = Vec::new();
        for field in fields(raw) {
            match field? {
                Field::Bytes(1, bytes) => types.push(self.value_type(bytes)?),
                Field::Bytes(11, bytes) if merger.is_first => {
                    let (r#type, unit) = self.value_type(bytes)?;
                    merger.period_type = proto::ValueType { r#type, unit };
                }
                // Processes that were sampled at once took no longer than one.
                Field::Varint(10, value) if merger.begins_slice => {
                    let sum = merger.duration_nanos.checked_add(value.cast_signed());
                    merger.duration_nanos = sum.ok_or(Error::Overflow)?;
                }
                Field::Varint(number, value) if merger.is_first => {
                    let value = value.cast_signed();
                    match number {
                        7 => merger.drop_frames = self.text(value)?,
                        8 => merger.keep_frames = self.text(value)?,
                        9 => merger.time_nanos = value,
                        12 => merger.period = value,
                        14 => merger.default_sample_type = self.text(value)?,
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        if merger.is_first {
            merger.types = types;
        } else if merger.types != types {
            return Err(Error::Mismatch {
                ours: "the sample types of the first slice".to_owned(),
                theirs: format!("those of slice {}", merger.slices + 1),
            });
        }
        Ok(())
    }

    fn value_type(&self, bytes: &[u8]) -> Result<(i64, i64), Error> {
        let of: proto::ValueType = message(bytes, "sample type")?;
        Ok((self.text(of.r#type)?, self.text(of.unit)?))
    }

    /// Copies mappings and functions; what their ids are now.
    fn tables(&self, merger: &mut Merger, raw: &[u8]) -> Result<(Ids, Ids), Error> {
        let (mut mappings, mut functions) = (Ids::new(), Ids::new());
        for field in fields(raw) {
            match field? {
                Field::Bytes(3, bytes) => {
                    let mut mapping: proto::Mapping = message(bytes, "mapping")?;
                    mapping.filename = self.text(mapping.filename)?;
                    mapping.build_id = self.text(mapping.build_id)?;
                    let old = std::mem::take(&mut mapping.id);
                    let (at, new) = merger.mappings.insert(&mapping.encode_to_vec());
                    mapping.id = at + 1;
                    if new {
                        merger.put(3, &mapping);
                    }
                    mappings.insert(old, mapping.id);
                }
                Field::Bytes(5, bytes) => {
                    let mut function: proto::Function = message(bytes, "function")?;
                    function.name = self.text(function.name)?;
                    function.system_name = self.text(function.system_name)?;
                    function.filename = self.text(function.filename)?;
                    let old = std::mem::take(&mut function.id);
                    let (at, new) = merger.functions.insert(&function.encode_to_vec());
                    function.id = at + 1;
                    if new {
                        merger.put(5, &function);
                    }
                    functions.insert(old, function.id);
                }
                _ => {}
            }
        }
        Ok((mappings, functions))
    }

    /// Copies locations and samples, each sample with the number of its slice.
    fn samples(
        &self,
        merger: &mut Merger,
        raw: &[u8],
        mappings: &Ids,
        functions: &Ids,
    ) -> Result<(), Error> {
        let mut locations = Ids::new();
        for field in fields(raw) {
            let Field::Bytes(4, bytes) = field? else {
                continue;
            };
            let mut location: proto::Location = message(bytes, "location")?;
            location.mapping_id = known(mappings, location.mapping_id, "mapping")?;
            for line in &mut location.line {
                line.function_id = known(functions, line.function_id, "function")?;
            }
            let old = std::mem::take(&mut location.id);
            let (at, new) = merger.locations.insert(&location.encode_to_vec());
            location.id = at + 1;
            if new {
                merger.put(4, &location);
            }
            locations.insert(old, location.id);
        }
        let label = proto::Label {
            key: merger.string(SLICE_LABEL.as_bytes()),
            num: i64::from(merger.slices),
            ..Default::default()
        };
        for field in fields(raw) {
            let Field::Bytes(2, bytes) = field? else {
                continue;
            };
            let mut sample: proto::Sample = message(bytes, "sample")?;
            for id in &mut sample.location_id {
                *id = known(&locations, *id, "location")?;
            }
            for label in &mut sample.label {
                for index in [&mut label.key, &mut label.str, &mut label.num_unit] {
                    *index = self.text(*index)?;
                }
            }
            sample.label.retain(|own| own.key != label.key);
            sample.label.push(label);
            merger.put(2, &sample);
            if merger.out.len() > MAX_MERGED {
                return Err(too_large("bytes in all slices", MAX_MERGED));
            }
        }
        Ok(())
    }
}

/// Id 0 is none.
fn known(ids: &Ids, id: u64, what: &str) -> Result<u64, Error> {
    if id == 0 {
        return Ok(0);
    }
    ids.get(&id).copied().ok_or_else(|| missing(what, id))
}

fn missing(what: &str, id: u64) -> Error {
    Error::Malformed(format!("it refers to {what} {id}, which is not in it"))
}

fn message<M: Message + Default>(bytes: &[u8], what: &str) -> Result<M, Error> {
    M::decode(bytes).map_err(|error| Error::Malformed(format!("a {what} cannot be read ({error})")))
}

/// Writes a profile that was read from something else, gzipped: functions by name, without addresses and lines. Reading it gives
/// the same stacks and sample type; slices are kept.
///
/// # Errors
/// [`Error::Io`] if compressing fails, [`Error::Overflow`] for counts beyond 63 bits.
pub fn encode(profile: &Profile) -> Result<Vec<u8>, Error> {
    let has_values = profile.unit() != "count" || profile.observed() != Observed::Samples;
    let counts = if has_values {
        profile.counts()
    } else {
        profile.sample_type()
    };
    let mut strings = vec![
        String::new(),
        counts.to_owned(),
        "count".to_owned(),
        profile.sample_type().to_owned(),
        profile.unit().to_owned(),
        "nanoseconds".to_owned(),
        SLICE_LABEL.to_owned(),
        THREAD_LABEL.to_owned(),
    ];
    let first_name = strings.len() as i64;
    strings.extend(profile.names().iter().map(|name| name.to_string()));
    let first_comment = strings.len() as i64;
    strings.extend(comments(profile));
    let comment = (first_comment..strings.len() as i64).collect();
    let mut sample_type = vec![proto::ValueType { r#type: 1, unit: 2 }];
    if has_values {
        sample_type.push(proto::ValueType { r#type: 3, unit: 4 });
    }
    let (function, location) = symbols(first_name, profile.names().len());
    let mut sample = Vec::new();
    for counts in profile.unordered() {
        let before = sample.len();
        add_samples(counts, has_values, &mut sample)?;
        if profile.begins_at_threads() {
            let thread = proto::Label {
                key: THREAD_STRING,
                str: first_name + i64::from(counts.ids[0]),
                ..Default::default()
            };
            sample[before..]
                .iter_mut()
                .for_each(|of| of.label.push(thread));
        }
    }
    sample.sort_unstable_by(|a, b| {
        a.location_id.cmp(&b.location_id).then_with(|| {
            a.label
                .first()
                .map(|label| label.num)
                .cmp(&b.label.first().map(|label| label.num))
        })
    });
    let period = proto::ValueType { r#type: 3, unit: 5 };
    let document = proto::Profile {
        time_nanos: profile.taken_ns(),
        sample_type,
        sample,
        location,
        function,
        comment,
        string_table: strings,
        duration_nanos: signed(profile.duration_ns())?,
        period_type: (profile.period_ns() > 0).then_some(period),
        period: signed(profile.period_ns())?,
        ..Default::default()
    };
    gzip(&document.encode_to_vec())
}

/// What of a profile no field of the format holds.
fn comments(profile: &Profile) -> impl Iterator<Item = String> {
    let known = [
        (true, COUNTS_SAMPLES),
        (profile.begins_at_threads(), BEGINS_AT_THREADS),
        (profile.is_uneven(), UNEVEN_COUNTS),
    ];
    let known = known.into_iter().filter(|(is_so, _)| *is_so);
    let launches = profile.known_launches().map(of_launches);
    let parts = launches.into_iter().chain(of_selected(profile.selected()));
    known.map(|(_, words)| words.to_owned()).chain(parts)
}

/// A function for each name, and a location for each function: both with ids from 1.
fn symbols(first_name: i64, count: usize) -> (Vec<proto::Function>, Vec<proto::Location>) {
    let ids = (1_u64..).zip(first_name..).take(count);
    ids.map(|(id, name)| {
        let function = proto::Function {
            id,
            name,
            system_name: name,
            ..Default::default()
        };
        let line = vec![proto::Line {
            function_id: id,
            ..Default::default()
        }];
        let location = proto::Location {
            id,
            line,
            ..Default::default()
        };
        (function, location)
    })
    .unzip()
}

/// Adds the samples of a stack: those of each slice, and those that are of none.
fn add_samples(
    counts: Counts<'_>,
    has_values: bool,
    into: &mut Vec<proto::Sample>,
) -> Result<(), Error> {
    let location_id: Vec<u64> = counts
        .ids
        .iter()
        .rev()
        .map(|id| u64::from(*id) + 1)
        .collect();
    let mut left = counts.weight;
    for (slice, of) in counts.by_slice {
        let mut value = vec![signed(of.samples)?];
        left.samples -= of.samples;
        left.value -= of.value;
        if has_values {
            value.push(signed(of.value)?);
        }
        let label = vec![proto::Label {
            key: 6,
            num: i64::from(*slice),
            ..Default::default()
        }];
        into.push(proto::Sample {
            location_id: location_id.clone(),
            value,
            label,
        });
    }
    if left.samples > 0 || left.value > 0 {
        let mut value = vec![signed(left.samples)?];
        if has_values {
            value.push(signed(left.value)?);
        }
        into.push(proto::Sample {
            location_id,
            value,
            label: Vec::new(),
        });
    }
    Ok(())
}

fn signed(count: u64) -> Result<i64, Error> {
    i64::try_from(count).map_err(|_| Error::Overflow)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
