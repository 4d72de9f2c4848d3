//! The tables of a `profile.proto`: strings, functions and mappings, and what they call its locations.
//!
//! It must check every index and id that it follows. Tables may share what they name a million times: a string becomes text once
//! for each place that needs it and is bounded in length, names are interned once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use pprof_format as proto;
use prost::Message;

use super::observations::SHORTEST_PERIOD_NS;
use super::stacks::{Launches, MAX_NAME, MAX_SLICES, long_name, too_large};
use super::wire::{Field, fields};
use super::{Error, Profile};

/// Entries of each table.
const MAX_ENTRIES: usize = 1 << 20;
/// Go writes four sample types, others some dozens.
const MAX_TYPES: usize = 256;
/// One entry of a table, or one sample.
pub(super) const MAX_MESSAGE: usize = 1 << 20;

/// Times that one sample may stand for.
const PERIODS_NS: std::ops::RangeInclusive<u64> = SHORTEST_PERIOD_NS..=3_600_000_000_000;

/// The numeric label of a sample that says in which slice of a capture it was taken, from 0. `go tool pprof` shows it as a tag.
pub(super) const SLICE_LABEL: &str = "telemload_slice";

/// The label of a sample that names its thread.
pub(super) const THREAD_LABEL: &str = "thread";
/// A comment of profiles whose counts are of samples, whatever they look like.
pub(super) const COUNTS_SAMPLES: &str = "telemload: each count is one sample";
/// A comment of profiles whose counts do not stand for their values. The stacks of a profile may have lost that: it is of single samples.
pub(super) const UNEVEN_COUNTS: &str = "telemload: counts do not stand for the values";
/// A comment of profiles whose stacks begin with the names of their threads.
pub(super) const BEGINS_AT_THREADS: &str = "telemload: stacks begin with the names of threads";
/// How the comment of a profile begins that spans several launches: their run, and which launch each slice is of, from 0.
const LAUNCHES: &str = "telemload: launches of the slices, run ";

/// How the comment of a profile begins that was selected of a larger one.
const SELECTED: &str = "telemload: holds alone ";
/// Characters of that which are read.
const MAX_SELECTED: usize = 256;

/// The comment of a profile that holds this alone; none if it is all.
pub(super) fn of_selected(what: &str) -> Option<String> {
    (!what.is_empty()).then(|| format!("{SELECTED}{what}"))
}

/// That of a profile that spans launches.
pub(super) fn of_launches(launches: &Launches) -> String {
    let slices = launches.of_slices.iter().map(|launch| format!(" {launch}"));
    format!("{LAUNCHES}{}:{}", launches.run, slices.collect::<String>())
}

/// Everything but the samples; messages that are needed once stay bytes until then.
#[derive(Default)]
pub(super) struct Tables<'a> {
    strings: Vec<&'a [u8]>,
    pub(super) sample_types: Vec<proto::ValueType>,
    functions: Vec<&'a [u8]>,
    locations: Vec<&'a [u8]>,
    mappings: Vec<&'a [u8]>,
    pub(super) period_type: proto::ValueType,
    pub(super) period: i64,
    pub(super) time_nanos: i64,
    pub(super) duration_nanos: i64,
    pub(super) drop_frames: i64,
    pub(super) keep_frames: i64,
    pub(super) default_sample_type: i64,
}

impl<'a> Tables<'a> {
    pub(super) fn read(raw: &'a [u8]) -> Result<Self, Error> {
        let mut tables = Self::default();
        for field in fields(raw) {
            match field? {
                Field::Bytes(1, bytes) => push(
                    &mut tables.sample_types,
                    message_of(bytes, "sample type")?,
                    "sample types",
                    MAX_TYPES,
                )?,
                Field::Bytes(3, bytes) => {
                    push(&mut tables.mappings, bytes, "mappings", MAX_ENTRIES)?
                }
                Field::Bytes(4, bytes) => {
                    push(&mut tables.locations, bytes, "locations", MAX_ENTRIES)?
                }
                Field::Bytes(5, bytes) => {
                    push(&mut tables.functions, bytes, "functions", MAX_ENTRIES)?
                }
                Field::Bytes(6, bytes) => push(&mut tables.strings, bytes, "strings", MAX_ENTRIES)?,
                Field::Bytes(11, bytes) => tables.period_type = message_of(bytes, "period type")?,
                Field::Varint(7, value) => tables.drop_frames = value.cast_signed(),
                Field::Varint(8, value) => tables.keep_frames = value.cast_signed(),
                Field::Varint(9, value) => tables.time_nanos = value.cast_signed(),
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
    pub(super) fn slice_key(&self) -> Option<i64> {
        let mut strings = self.strings.iter();
        let at = strings.position(|text| *text == SLICE_LABEL.as_bytes())?;
        i64::try_from(at).ok()
    }

    /// Where a text stands in the table; usually once.
    pub(super) fn indices(&self, text: &str) -> Vec<i64> {
        let all = (0..).zip(&self.strings);
        all.filter(|(_, known)| **known == text.as_bytes())
            .map(|(at, _)| at)
            .collect()
    }

    /// Which launches the slices are of, if a comment says so.
    pub(super) fn launches(&self) -> Option<Launches> {
        let mut strings = self.strings.iter();
        let text = strings.find_map(|text| text.strip_prefix(LAUNCHES.as_bytes()))?;
        let (run, slices) = std::str::from_utf8(text).ok()?.split_once(':')?;
        let slices = slices.split_ascii_whitespace().take(MAX_SLICES + 1);
        let of_slices: Vec<u8> = slices.map(|of| of.parse().ok()).collect::<Option<_>>()?;
        // Numbered without gaps, in order.
        let mut pairs = of_slices.windows(2);
        let is_sound = of_slices.first() == Some(&0)
            && of_slices.len() <= MAX_SLICES
            && pairs.all(|of| of[1] == of[0] || of[0].checked_add(1) == Some(of[1]));
        let run = run.parse().ok()?;
        is_sound.then_some(Launches { run, of_slices })
    }

    /// What of a larger profile it holds alone, if a comment says so.
    pub(super) fn selected(&self) -> Option<String> {
        let mut strings = self.strings.iter();
        let text = strings.find_map(|text| text.strip_prefix(SELECTED.as_bytes()))?;
        let text = &text[..text.len().min(4 * MAX_SELECTED)];
        Some(
            String::from_utf8_lossy(text)
                .chars()
                .take(MAX_SELECTED)
                .collect(),
        )
    }

    fn bytes(&self, index: i64) -> Result<&'a [u8], Error> {
        let found = usize::try_from(index).ok();
        found
            .and_then(|index| self.strings.get(index).copied())
            .ok_or_else(|| {
                malformed(format!(
                    "string table index {index} is out of range ({} strings)",
                    self.strings.len()
                ))
            })
    }

    /// A string as text; bytes that are not UTF-8 are replaced.
    pub(super) fn string(&self, index: i64) -> Result<Cow<'a, str>, Error> {
        text(self.bytes(index)?)
    }

    /// 0 if it names none, or one that no sampler has (profile stores write 1).
    pub(super) fn period_ns(&self) -> Result<u64, Error> {
        let in_ns = self.string(self.period_type.unit)? == "nanoseconds";
        let period = u64::try_from(self.period).ok();
        let period = period.filter(|period| in_ns && PERIODS_NS.contains(period));
        Ok(period.unwrap_or(0))
    }

    /// Refuses functions with the id 0, which stands for none.
    fn refuse_zero(&self) -> Result<(), Error> {
        let mut zero = 0;
        for message in &self.functions {
            let function: proto::Function = message_of(message, "function")?;
            zero += u64::from(function.id == 0);
        }
        if zero == 0 {
            return Ok(());
        }
        let all = self.functions.len();
        Err(malformed(format!(
            "a function has the id 0, as {zero} of its {all} have, so that nothing can refer to them; the program that wrote it is at fault (Pyroscope's agents for .NET did so until 2023): update it"
        )))
    }

    /// The names of every location's frames, outermost first, interned in the profile.
    pub(super) fn resolve(&self, profile: &mut Profile) -> Result<HashMap<u64, Vec<u32>>, Error> {
        let mut functions = HashMap::new();
        self.refuse_zero()?;
        for message in &self.functions {
            let function: proto::Function = message_of(message, "function")?;
            let (name, system_name) = (
                self.bytes(function.name)?,
                self.bytes(function.system_name)?,
            );
            self.bytes(function.filename)?;
            let named = if name.is_empty() {
                (!system_name.is_empty()).then_some(function.system_name)
            } else {
                Some(function.name)
            };
            insert(&mut functions, function.id, named, "function")?;
        }
        let mut files = HashMap::new();
        for message in &self.mappings {
            let mapping: proto::Mapping = message_of(message, "mapping")?;
            self.bytes(mapping.filename)?;
            insert(&mut files, mapping.id, Place::of(&mapping), "mapping")?;
        }
        let mut names = Names::of(self, profile);
        let mut locations = HashMap::new();
        let mut lines = 0;
        for message in &self.locations {
            let location: proto::Location = message_of(message, "location")?;
            let id = location.id;
            let file = match files.get(&location.mapping_id) {
                Some(place) => *place,
                None if location.mapping_id == 0 => Place::default(),
                None => return Err(dangling(id, "mapping", location.mapping_id)),
            };
            lines += location.line.len();
            if lines > MAX_ENTRIES {
                return Err(too_large("inlined calls", MAX_ENTRIES));
            }
            let mut frames = Vec::with_capacity(location.line.len().max(1));
            for line in location.line.iter().rev() {
                let named = match functions.get(&line.function_id) {
                    Some(named) => *named,
                    None if line.function_id == 0 => None,
                    None => return Err(dangling(id, "function", line.function_id)),
                };
                frames.push(match named {
                    None => names.place(file.file, file.offset(location.address))?,
                    Some(index) => names.function(index)?,
                });
            }
            if frames.is_empty() {
                frames.push(names.place(file.file, file.offset(location.address))?);
            }
            insert(&mut locations, id, frames, "location")?;
        }
        Ok(locations)
    }
}

/// Where a file was loaded.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Index of its name.
    file: i64,
    begin: u64,
    end: u64,
    /// Of the begin, in the file.
    offset: u64,
}

impl Place {
    fn of(mapping: &proto::Mapping) -> Self {
        Self {
            file: mapping.filename,
            begin: mapping.memory_start,
            end: mapping.memory_limit,
            offset: mapping.file_offset,
        }
    }

    /// An address by its place in the file, which is the same wherever that was loaded; the kernel is loaded where its addresses are.
    fn offset(self, address: u64) -> u64 {
        let is_inside = (self.begin..self.end).contains(&address);
        if is_inside && self.begin > 0 {
            (address - self.begin).saturating_add(self.offset)
        } else {
            address
        }
    }
}

/// What is interned already, by index of a string, or of a file's name and an address in it.
struct Names<'a, 'b> {
    tables: &'b Tables<'a>,
    profile: &'b mut Profile,
    functions: HashMap<i64, u32>,
    files: HashMap<i64, Cow<'a, str>>,
    places: HashMap<(i64, u64), u32>,
}

impl<'a, 'b> Names<'a, 'b> {
    fn of(tables: &'b Tables<'a>, profile: &'b mut Profile) -> Self {
        Self {
            tables,
            profile,
            functions: HashMap::new(),
            files: HashMap::new(),
            places: HashMap::new(),
        }
    }

    fn function(&mut self, index: i64) -> Result<u32, Error> {
        if let Some(id) = self.functions.get(&index) {
            return Ok(*id);
        }
        let id = self.profile.intern(&self.tables.string(index)?)?;
        self.functions.insert(index, id);
        Ok(id)
    }

    fn place(&mut self, file: i64, at: u64) -> Result<u32, Error> {
        if let Some(id) = self.places.get(&(file, at)) {
            return Ok(*id);
        }
        let name = match self.files.entry(file) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let path = self.tables.bytes(file)?;
                let end = path.rsplit(|byte| *byte == b'/').next();
                new.insert(text(end.unwrap_or(path))?)
            }
        };
        let id = self.profile.intern(&address(name, at))?;
        self.places.insert((file, at), id);
        Ok(id)
    }
}

/// A string as text, unless it is longer than what a name may be.
fn text(bytes: &[u8]) -> Result<Cow<'_, str>, Error> {
    if bytes.len() > MAX_NAME {
        return Err(long_name(bytes));
    }
    Ok(String::from_utf8_lossy(bytes))
}

/// `libc.so.6+0x1234`, as pprof names a place without symbols.
pub(super) fn address(file: &str, address: u64) -> String {
    match (file, address) {
        ("", 0) => "[unknown]".to_owned(),
        ("", address) => format!("{address:#x}"),
        (file, address) => format!("{file}+{address:#x}"),
    }
}

pub(super) fn message_of<M: Message + Default>(bytes: &[u8], what: &str) -> Result<M, Error> {
    if bytes.len() > MAX_MESSAGE {
        return Err(too_large("bytes in one entry", MAX_MESSAGE));
    }
    M::decode(bytes).map_err(|error| malformed(format!("a {what} cannot be read ({error})")))
}

fn push<T>(table: &mut Vec<T>, entry: T, what: &'static str, limit: usize) -> Result<(), Error> {
    if table.len() == limit {
        return Err(too_large(what, limit));
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

pub(super) fn malformed(reason: String) -> Error {
    Error::Malformed(reason)
}
