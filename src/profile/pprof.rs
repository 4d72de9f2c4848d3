//! Reads `profile.proto`, gzipped or raw, into a [`Profile`].
//!
//! Samples are decoded one at a time and dropped, so memory follows the distinct stacks and not what the bytes claim.
//! It must check every index and id that it follows, and must not guess: what does not add up is an error that says where.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use prost::Message;
use regex::{Regex, RegexBuilder};
use target_service::profile_proto as proto;

use super::stacks::{MAX_DEPTH, MAX_STACKS, Weight, too_large};
use super::wire::{Field, fields, varints};
use super::{Error, Profile};

/// What a profile may unpack to. 30 s of a busy service are some MiB.
const MAX_UNPACKED: usize = 256 << 20;
/// Entries of each table.
const MAX_ENTRIES: usize = 1 << 20;
/// One entry of a table, or one sample.
const MAX_MESSAGE: usize = 1 << 20;
/// Compiled size of a `drop_frames` expression.
const MAX_PATTERN: usize = 1 << 20;
/// Sample types that a message lists.
const SHOWN_TYPES: usize = 8;

/// The numeric label of a sample that says in which slice of a capture it was taken, from 0. `go tool pprof` shows it as a tag.
pub(super) const SLICE_LABEL: &str = "telemload_slice";

/// Reads a profile, gzipped or not.
///
/// Of several sample types `cpu` in nanoseconds is taken, else the profile's default, else the last. The number of
/// samples is the `samples` type, else the counting type that stands before the chosen one (objects for bytes, contentions
/// for delays), else the number of sample records. Inlined calls become frames of their own; a frame without a name is
/// called after its file and address. `drop_frames` is honoured, labels are not kept.
///
/// # Errors
/// [`Error::Gzip`] and [`Error::Malformed`] for what is no profile (a negative value included: a difference of profiles has no
/// shares), [`Error::TooLarge`] and [`Error::Overflow`] for what is too much.
pub fn decode(bytes: &[u8]) -> Result<Profile, Error> {
    decode_type(bytes, None)
}

/// Like [`decode`], but reads the sample type of the given name, such as `alloc_space`.
///
/// # Errors
/// [`Error::SampleType`] lists what there is; else those of [`decode`].
pub fn decode_type(bytes: &[u8], sample_type: Option<&str>) -> Result<Profile, Error> {
    unpacked(&plain(bytes)?, sample_type)
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

fn unpacked(raw: &[u8], sample_type: Option<&str>) -> Result<Profile, Error> {
    let tables = Tables::read(raw)?;
    let columns = Columns::choose(&tables, sample_type)?;
    let slice_key = tables.slice_key();
    let mut profile = Profile::new(&columns.sample_type, &columns.unit, tables.period_ns()?)
        .with_duration_ns(u64::try_from(tables.duration_nanos).unwrap_or(0));
    let locations = tables.resolve(&mut profile)?;
    let mut pruning = Pruning::new(&tables)?;
    let mut number = 0_u64;
    let mut read = Sample::default();
    // Where stacks are by the bytes of their locations: most samples repeat one.
    let mut places: HashMap<&[u8], u32> = HashMap::new();
    for field in fields(raw) {
        let Field::Bytes(2, message) = field? else {
            continue;
        };
        number += 1;
        let packed = read.fill(message, slice_key)?;
        let weight = columns.weight(&read.values, number)?;
        if weight == Weight::default() {
            continue;
        }
        if let Some(place) = packed.and_then(|packed| places.get(packed)) {
            profile.add_at(*place, weight, read.slice)?;
            continue;
        }
        let mut frames = Vec::new();
        for id in read.locations(packed)?.iter().rev() {
            let Some(names) = locations.get(id) else {
                return Err(malformed(format!(
                    "sample {number} refers to location {id}, which is not in it"
                )));
            };
            if frames.len() + names.len() > MAX_DEPTH {
                return Err(too_large("frames in one stack", MAX_DEPTH));
            }
            frames.extend_from_slice(names);
        }
        pruning.apply(&mut frames, &profile);
        let place = profile.add_ids(frames, weight, read.slice)?;
        if let (Some(packed), Some(place)) = (packed, place)
            && places.len() < MAX_STACKS
        {
            places.insert(packed, place);
        }
    }
    Ok(profile)
}

/// What is read of one sample; its buffers are used again for the next.
#[derive(Default)]
struct Sample {
    locations: Vec<u64>,
    values: Vec<i64>,
    slice: Option<u8>,
}

impl Sample {
    /// Reads a message. Locations that are packed in one piece are returned as they are, others are kept.
    fn fill<'a>(
        &mut self,
        message: &'a [u8],
        slice_key: Option<i64>,
    ) -> Result<Option<&'a [u8]>, Error> {
        if message.len() > MAX_MESSAGE {
            return Err(too_large("bytes in one entry", MAX_MESSAGE));
        }
        self.locations.clear();
        self.values.clear();
        self.slice = None;
        let mut packed: Option<&[u8]> = None;
        let mut in_pieces = false;
        for field in fields(message) {
            match field? {
                Field::Bytes(1, bytes) => {
                    if let Some(before) = packed.replace(bytes) {
                        in_pieces = true;
                        unpack(before, |id| self.locations.push(id))?;
                    }
                }
                Field::Varint(1, id) => {
                    in_pieces = true;
                    if let Some(before) = packed.take() {
                        unpack(before, |id| self.locations.push(id))?;
                    }
                    self.locations.push(id);
                }
                Field::Bytes(2, bytes) => {
                    unpack(bytes, |value| self.values.push(value.cast_signed()))?;
                }
                Field::Varint(2, value) => self.values.push(value.cast_signed()),
                Field::Bytes(3, bytes) if slice_key.is_some() => {
                    let label: proto::Label = message_of(bytes, "label")?;
                    if Some(label.key) == slice_key {
                        self.slice = u8::try_from(label.num).ok();
                    }
                }
                _ => {}
            }
        }
        if in_pieces && let Some(last) = packed.take() {
            unpack(last, |id| self.locations.push(id))?;
        }
        Ok(packed)
    }

    /// The locations, the leaf first.
    fn locations(&mut self, packed: Option<&[u8]>) -> Result<&[u64], Error> {
        if let Some(packed) = packed {
            unpack(packed, |id| self.locations.push(id))?;
        }
        Ok(&self.locations)
    }
}

fn unpack(packed: &[u8], mut each: impl FnMut(u64)) -> Result<(), Error> {
    for value in varints(packed) {
        each(value.ok_or_else(|| {
            malformed("a sample cannot be read (a number is cut off)".to_owned())
        })?);
    }
    Ok(())
}

/// Everything but the samples; messages that are needed once stay bytes until then.
#[derive(Default)]
struct Tables<'a> {
    strings: Vec<&'a [u8]>,
    sample_types: Vec<proto::ValueType>,
    functions: Vec<&'a [u8]>,
    locations: Vec<&'a [u8]>,
    mappings: Vec<&'a [u8]>,
    period_type: proto::ValueType,
    period: i64,
    duration_nanos: i64,
    drop_frames: i64,
    keep_frames: i64,
    default_sample_type: i64,
}

impl<'a> Tables<'a> {
    fn read(raw: &'a [u8]) -> Result<Self, Error> {
        let mut tables = Self::default();
        for field in fields(raw) {
            match field? {
                Field::Bytes(1, bytes) => push(
                    &mut tables.sample_types,
                    message_of(bytes, "sample type")?,
                    "sample types",
                )?,
                Field::Bytes(3, bytes) => push(&mut tables.mappings, bytes, "mappings")?,
                Field::Bytes(4, bytes) => push(&mut tables.locations, bytes, "locations")?,
                Field::Bytes(5, bytes) => push(&mut tables.functions, bytes, "functions")?,
                Field::Bytes(6, bytes) => push(&mut tables.strings, bytes, "strings")?,
                Field::Bytes(11, bytes) => tables.period_type = message_of(bytes, "period type")?,
                Field::Varint(7, value) => tables.drop_frames = value.cast_signed(),
                Field::Varint(8, value) => tables.keep_frames = value.cast_signed(),
                Field::Varint(10, value) => tables.duration_nanos = value.cast_signed(),
                Field::Varint(12, value) => tables.period = value.cast_signed(),
                Field::Varint(14, value) => tables.default_sample_type = value.cast_signed(),
                _ => {}
            }
        }
        if tables.sample_types.is_empty() {
            return Err(malformed("it names no sample types".to_owned()));
        }
        if tables.strings.first().is_none_or(|first| !first.is_empty()) {
            return Err(malformed(
                "its string table does not begin with the empty string".to_owned(),
            ));
        }
        Ok(tables)
    }

    /// The index of the label that numbers slices.
    fn slice_key(&self) -> Option<i64> {
        let mut strings = self.strings.iter();
        let at = strings.position(|text| *text == SLICE_LABEL.as_bytes())?;
        i64::try_from(at).ok()
    }

    fn string(&self, index: i64) -> Result<Cow<'a, str>, Error> {
        let found = usize::try_from(index)
            .ok()
            .and_then(|index| self.strings.get(index));
        found
            .map(|bytes| String::from_utf8_lossy(bytes))
            .ok_or_else(|| {
                malformed(format!(
                    "string table index {index} is out of range ({} strings)",
                    self.strings.len()
                ))
            })
    }

    fn period_ns(&self) -> Result<u64, Error> {
        let in_ns = self.string(self.period_type.unit)? == "nanoseconds";
        Ok(if in_ns {
            u64::try_from(self.period).unwrap_or(0)
        } else {
            0
        })
    }

    /// The names of every location's frames, outermost first, interned in the profile.
    fn resolve(&self, profile: &mut Profile) -> Result<HashMap<u64, Vec<u32>>, Error> {
        let mut functions = HashMap::new();
        for message in &self.functions {
            let function: proto::Function = message_of(message, "function")?;
            let (name, system_name) = (
                self.string(function.name)?,
                self.string(function.system_name)?,
            );
            self.string(function.filename)?;
            insert(
                &mut functions,
                function.id,
                if name.is_empty() { system_name } else { name },
                "function",
            )?;
        }
        let mut files = HashMap::new();
        for message in &self.mappings {
            let mapping: proto::Mapping = message_of(message, "mapping")?;
            insert(
                &mut files,
                mapping.id,
                self.string(mapping.filename)?,
                "mapping",
            )?;
        }
        let mut locations = HashMap::new();
        let mut lines = 0;
        for message in &self.locations {
            let location: proto::Location = message_of(message, "location")?;
            let id = location.id;
            let file = match files.get(&location.mapping_id) {
                Some(file) => file,
                None if location.mapping_id == 0 => "",
                None => return Err(dangling(id, "mapping", location.mapping_id)),
            };
            lines += location.line.len();
            if lines > MAX_ENTRIES {
                return Err(too_large("inlined calls", MAX_ENTRIES));
            }
            let mut frames = Vec::with_capacity(location.line.len().max(1));
            for line in location.line.iter().rev() {
                let name = match functions.get(&line.function_id) {
                    Some(name) => name,
                    None if line.function_id == 0 => "",
                    None => return Err(dangling(id, "function", line.function_id)),
                };
                frames.push(match name {
                    "" => profile.intern(&address(file, location.address))?,
                    name => profile.intern(name)?,
                });
            }
            if frames.is_empty() {
                frames.push(profile.intern(&address(file, location.address))?);
            }
            insert(&mut locations, id, frames, "location")?;
        }
        Ok(locations)
    }
}

/// `libc.so.6+0x1234`, as pprof names a place without symbols.
fn address(file: &str, address: u64) -> String {
    let file = file.rsplit('/').next().unwrap_or(file);
    match (file, address) {
        ("", 0) => "[unknown]".to_owned(),
        ("", address) => format!("{address:#x}"),
        (file, address) => format!("{file}+{address:#x}"),
    }
}

/// Which of a sample's values are read.
struct Columns {
    sample_type: String,
    unit: String,
    all: usize,
    value: usize,
    samples: Option<usize>,
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
        let named = || {
            types
                .iter()
                .position(|(name, _)| !default.is_empty() && *name == default)
        };
        let value = match wanted {
            Some(wanted) => {
                let found = types.iter().position(|(name, _)| name == wanted);
                found.ok_or_else(|| no_sample_type(wanted, &types))?
            }
            None => types
                .iter()
                .position(|(name, unit)| name == "cpu" && unit == "nanoseconds")
                .or_else(named)
                .unwrap_or(types.len() - 1),
        };
        let counts = |(_, unit): &(Cow<'_, str>, Cow<'_, str>)| unit == "count";
        let samples = types
            .iter()
            .position(|(name, unit)| name == "samples" && unit == "count")
            .or_else(|| types[..value].iter().rposition(counts))
            .or_else(|| counts(&types[value]).then_some(value));
        let (name, unit) = &types[value];
        Ok(Self {
            sample_type: name.to_string(),
            unit: unit.to_string(),
            all: types.len(),
            value,
            samples,
        })
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
                    "sample {number} has the negative value {value}; differences of profiles are not read"
                )
            };
            u64::try_from(value).map_err(|_| malformed(reason()))
        };
        Ok(Weight {
            value: positive(self.value)?,
            samples: self.samples.map_or(Ok(1), positive)?,
        })
    }
}

fn no_sample_type(wanted: &str, types: &[(Cow<'_, str>, Cow<'_, str>)]) -> Error {
    let shown = types.iter().take(SHOWN_TYPES);
    let names: Vec<String> = shown
        .map(|(name, _)| name.chars().filter(|c| !c.is_control()).take(40).collect())
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

/// Cuts a stack at the first dropped frame below a kept one, as pprof does for `drop_frames` and `keep_frames`.
struct Pruning {
    drop: Option<Regex>,
    keep: Option<Regex>,
    dropped: HashMap<u32, bool>,
}

impl Pruning {
    fn new(tables: &Tables<'_>) -> Result<Self, Error> {
        let pattern = |index, what| match &*tables.string(index)? {
            "" => Ok(None),
            text => RegexBuilder::new(&format!("^(?:{text})$"))
                .size_limit(MAX_PATTERN)
                .build()
                .map(Some)
                .map_err(|_| {
                    malformed(format!(
                        "{what} is not a regular expression that can be used"
                    ))
                }),
        };
        Ok(Self {
            drop: pattern(tables.drop_frames, "drop_frames")?,
            keep: pattern(tables.keep_frames, "keep_frames")?,
            dropped: HashMap::new(),
        })
    }

    fn apply(&mut self, frames: &mut Vec<u32>, profile: &Profile) {
        let Some(drop) = &self.drop else { return };
        let mut kept_any = false;
        for (depth, id) in frames.iter().enumerate() {
            let dropped = *self.dropped.entry(*id).or_insert_with(|| {
                let name = &profile.names()[*id as usize];
                drop.is_match(name) && !self.keep.as_ref().is_some_and(|keep| keep.is_match(name))
            });
            if dropped && kept_any {
                frames.truncate(depth);
                return;
            }
            kept_any |= !dropped;
        }
    }
}

fn message_of<M: Message + Default>(bytes: &[u8], what: &str) -> Result<M, Error> {
    if bytes.len() > MAX_MESSAGE {
        return Err(too_large("bytes in one entry", MAX_MESSAGE));
    }
    M::decode(bytes).map_err(|error| malformed(format!("a {what} cannot be read ({error})")))
}

fn push<T>(table: &mut Vec<T>, entry: T, what: &'static str) -> Result<(), Error> {
    if table.len() == MAX_ENTRIES {
        return Err(too_large(what, MAX_ENTRIES));
    }
    table.push(entry);
    Ok(())
}

fn insert<T>(table: &mut HashMap<u64, T>, id: u64, entry: T, what: &str) -> Result<(), Error> {
    if id == 0 {
        return Err(malformed(format!("a {what} has the id 0")));
    }
    match table.insert(id, entry) {
        None => Ok(()),
        Some(_) => Err(malformed(format!("{what} {id} is there twice"))),
    }
}

fn dangling(location: u64, what: &str, id: u64) -> Error {
    malformed(format!(
        "location {location} refers to {what} {id}, which is not in it"
    ))
}

fn malformed(reason: String) -> Error {
    Error::Malformed(reason)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_gzip_bomb_stops_at_the_limit() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder
            .write_all(&vec![0; 1 << 20])
            .expect("writes to memory");
        let bomb = encoder.finish().expect("writes to memory");
        assert!(bomb.len() < 10_000);
        assert!(matches!(
            gunzip(&bomb, 4096),
            Err(Error::TooLarge { limit: 4096, .. })
        ));
        assert_eq!(gunzip(&bomb, 1 << 20).expect("fits").len(), 1 << 20);
        // Concatenated members count together.
        let twice = [bomb.clone(), bomb].concat();
        assert!(matches!(
            gunzip(&twice, 1 << 20),
            Err(Error::TooLarge { .. })
        ));
    }
}
