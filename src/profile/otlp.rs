//! Reads OTLP profiles, OpenTelemetry's protobuf: several profiles over one dictionary of stacks, locations, functions and strings.
//!
//! Written for versions 1.8 and later of the protocol, which number the fields of a sample differently. Profiles of one sample type are added up.

use std::borrow::Cow;
use std::collections::HashMap;

use super::observations;
use super::stacks::{MAX_DEPTH, MAX_NAME, RECORDS, Weight, long_name, too_large};
use super::wire::{Field, fields, varints};
use super::{Error, Profile};
use crate::units::printable;

const FORMAT: &str = "OTLP profiles (OpenTelemetry)";

/// Entries of each table.
const MAX_ENTRIES: usize = 1 << 20;
const SHOWN_TYPES: usize = 8;

/// Whether the bytes are such profiles: their first field holds messages, where that of profile.proto holds two numbers.
pub(super) fn looks_like(raw: &[u8]) -> bool {
    let mut seen = false;
    for field in fields(raw) {
        match field {
            Ok(Field::Bytes(1, bytes)) => {
                let nested =
                    |field: &Result<Field<'_>, Error>| matches!(field, Ok(Field::Bytes(1 | 2, _)));
                let is_resource = fields(bytes).all(|field| field.is_ok())
                    && fields(bytes).any(|field| nested(&field));
                if !is_resource && !bytes.is_empty() {
                    return false;
                }
                seen |= is_resource;
            }
            Ok(Field::Bytes(2..=8, _)) => {}
            _ => return false,
        }
    }
    seen
}

/// The tables that all profiles refer to; their messages stay bytes until they are needed.
#[derive(Default)]
struct Dictionary<'a> {
    mappings: Vec<&'a [u8]>,
    locations: Vec<&'a [u8]>,
    functions: Vec<&'a [u8]>,
    strings: Vec<&'a [u8]>,
    attributes: usize,
    stacks: Vec<&'a [u8]>,
}

impl<'a> Dictionary<'a> {
    fn read(&mut self, bytes: &'a [u8]) -> Result<(), Error> {
        for field in fields(bytes) {
            let Field::Bytes(number, entry) = field? else {
                continue;
            };
            let (table, what) = match number {
                1 => (&mut self.mappings, "mappings"),
                2 => (&mut self.locations, "locations"),
                3 => (&mut self.functions, "functions"),
                5 => (&mut self.strings, "strings"),
                7 => (&mut self.stacks, "stacks"),
                6 => {
                    self.attributes += 1;
                    continue;
                }
                _ => continue,
            };
            if table.len() == MAX_ENTRIES {
                return Err(too_large(what, MAX_ENTRIES));
            }
            table.push(entry);
        }
        Ok(())
    }

    fn string(&self, index: u64) -> Result<Cow<'a, str>, Error> {
        let bytes = entry(&self.strings, index, "string")?;
        if bytes.len() > MAX_NAME {
            return Err(long_name(bytes));
        }
        Ok(String::from_utf8_lossy(bytes))
    }
}

fn entry<'a>(table: &[&'a [u8]], index: u64, what: &str) -> Result<&'a [u8], Error> {
    let found = usize::try_from(index)
        .ok()
        .and_then(|index| table.get(index));
    found.copied().ok_or_else(|| {
        damaged(format!(
            "{what} {index} is referred to and not in it; the program that wrote it left it out"
        ))
    })
}

fn damaged(reason: String) -> Error {
    Error::Damaged {
        format: FORMAT,
        reason,
    }
}

/// The number of a field, 0 if it is not there.
fn number(bytes: &[u8], wanted: u32) -> Result<u64, Error> {
    let mut found = 0;
    for field in fields(bytes) {
        if let Field::Varint(number, value) = field?
            && number == wanted
        {
            found = value;
        }
    }
    Ok(found)
}

/// One profile of the file.
struct One<'a> {
    sample_type: Cow<'a, str>,
    unit: Cow<'a, str>,
    period: u64,
    /// What a period is of, and its unit.
    period_type: Cow<'a, str>,
    period_unit: Cow<'a, str>,
    duration_ns: u64,
    bytes: &'a [u8],
}

/// Reads the profiles of one sample type: the one asked for, else `cpu`, else what is sampled by a period of `cpu`, else that of the first.
///
/// # Errors
/// [`Error::Damaged`] for what does not fit together, [`Error::SampleType`] lists the types that there are; limits as in [`Profile::add`].
pub(super) fn read(raw: &[u8], wanted: Option<&str>) -> Result<Profile, Error> {
    let mut dictionary = Dictionary::default();
    let mut messages = Vec::new();
    for field in fields(raw) {
        match field? {
            Field::Bytes(1, resource) => profiles_of(resource, &mut messages)?,
            Field::Bytes(2, bytes) => dictionary.read(bytes)?,
            _ => {}
        }
    }
    let mut profiles = Vec::new();
    for bytes in messages {
        if fields(bytes).any(|field| matches!(field, Ok(Field::Bytes(2, _)))) {
            profiles.push(one(&dictionary, bytes)?);
        }
    }
    if profiles.is_empty() {
        return Err(damaged(
            "it has no samples; record it while the program is under load".to_owned(),
        ));
    }
    let (sample_type, chosen, others) = choose(&profiles, wanted)?;
    let first = chosen[0];
    let (unit, duration_ns) = (
        first.unit.clone(),
        chosen.iter().map(|one| one.duration_ns).max().unwrap_or(0),
    );
    let period_ns = if first.period_unit == "nanoseconds" {
        first.period
    } else {
        0
    };
    let mut profile = Profile::new(sample_type, &unit, period_ns).with_duration_ns(duration_ns);
    let mut names = Names::new(&dictionary);
    let is_newest = samples(&chosen)
        .any(|sample| fields(sample).any(|field| matches!(field, Ok(Field::Bytes(4, _)))));
    let is_older = samples(&chosen)
        .any(|sample| fields(sample).any(|field| matches!(field, Ok(Field::Bytes(3, _)))));
    let values = if is_newest || (!is_older && counts_by_time(&chosen, &dictionary)) {
        4
    } else {
        2
    };
    let mut counted = true;
    for one in &chosen {
        if one.unit != unit {
            let (ours, theirs) = (
                printable(&unit).into_owned(),
                printable(&one.unit).into_owned(),
            );
            return Err(Error::Mismatch { ours, theirs });
        }
        counted &= add(one, values, &mut names, &mut profile)?;
    }
    if let Some(others) = others {
        profile.note(others);
    }
    Ok(if counted {
        profile
    } else {
        profile.counting(RECORDS)
    })
}

/// The sample type that is read, its profiles, of which there is one at least, and what to say of other types.
fn choose<'a, 'b>(
    profiles: &'b [One<'a>],
    wanted: Option<&'b str>,
) -> Result<(&'b str, Vec<&'b One<'a>>, Option<String>), Error> {
    let mut types: Vec<&str> = Vec::new();
    for profile in profiles {
        if !types.contains(&&*profile.sample_type) && types.len() < SHOWN_TYPES {
            types.push(&profile.sample_type);
        }
    }
    let of_cpu = types.iter().find(|name| **name == "cpu").copied();
    // OpenTelemetry's profiler calls samples of a CPU `samples`, beside those of waiting.
    let by_period = || {
        let sampled = profiles.iter().find(|one| one.period_type == "cpu");
        sampled.map(|one| &*one.sample_type)
    };
    let preferred = of_cpu.or_else(by_period).or(types.first().copied());
    let preferred = preferred.unwrap_or_default();
    let sample_type = wanted.unwrap_or(preferred);
    let chosen: Vec<&One<'_>> = profiles
        .iter()
        .filter(|one| one.sample_type == sample_type)
        .collect();
    if chosen.is_empty() {
        return Err(Error::SampleType {
            wanted: sample_type.to_owned(),
            known: printable(&types.join(", ")).into_owned(),
        });
    }
    types.retain(|name| *name != sample_type);
    let note = (wanted.is_none() && !types.is_empty()).then(|| {
        let others = types.join(", ");
        let note =
            format!("shown is {sample_type}; there are also {others}, which --sample-type selects");
        printable(&note).into_owned()
    });
    Ok((sample_type, chosen, note))
}

fn profiles_of<'a>(resource: &'a [u8], into: &mut Vec<&'a [u8]>) -> Result<(), Error> {
    for scope in fields(resource) {
        let Field::Bytes(2, scope) = scope? else {
            continue;
        };
        for profile in fields(scope) {
            if let Field::Bytes(2, profile) = profile? {
                if into.len() == MAX_ENTRIES {
                    return Err(too_large("profiles", MAX_ENTRIES));
                }
                into.push(profile);
            }
        }
    }
    Ok(())
}

fn one<'a>(dictionary: &Dictionary<'a>, bytes: &'a [u8]) -> Result<One<'a>, Error> {
    let mut value_type: &[u8] = &[];
    let mut period_type: &[u8] = &[];
    let (mut period, mut duration_ns) = (0, 0);
    let mut types = 0;
    for field in fields(bytes) {
        match field? {
            Field::Bytes(1, bytes) => {
                value_type = bytes;
                types += 1;
            }
            Field::Bytes(5, bytes) => period_type = bytes,
            Field::Varint(4, value) => duration_ns = value,
            Field::Varint(6, value) => period = value,
            _ => {}
        }
    }
    if dictionary.stacks.is_empty() || types > 1 {
        return Err(damaged(
            "it is written in a version of the protocol before 1.8; let its exporter or collector write a newer one, or profile.proto".to_owned(),
        ));
    }
    Ok(One {
        sample_type: dictionary.string(number(value_type, 1)?)?,
        unit: dictionary.string(number(value_type, 2)?)?,
        period,
        period_type: dictionary.string(number(period_type, 1)?)?,
        period_unit: dictionary.string(number(period_type, 2)?)?,
        duration_ns,
        bytes,
    })
}

fn samples<'a>(profiles: &[&One<'a>]) -> impl Iterator<Item = &'a [u8]> {
    let all = profiles.iter().flat_map(|one| fields(one.bytes));
    all.filter_map(|field| match field {
        Ok(Field::Bytes(2, sample)) => Some(sample),
        _ => None,
    })
}

/// Whether field 2 of samples, which was the values, holds attributes: each has times, and no number in it that is no attribute.
fn counts_by_time(profiles: &[&One<'_>], dictionary: &Dictionary<'_>) -> bool {
    samples(profiles).all(|sample| {
        let times = fields(sample).any(|field| matches!(field, Ok(Field::Bytes(5, _))));
        let attributes = fields(sample).all(|field| match field {
            Ok(Field::Bytes(2, packed)) => varints(packed)
                .all(|value| value.is_some_and(|value| value < dictionary.attributes as u64)),
            _ => true,
        });
        times && attributes
    })
}

/// Adds the samples of a profile, and answers whether they were counted.
fn add<'a>(
    one: &One<'a>,
    values: u32,
    names: &mut Names<'a, '_>,
    profile: &mut Profile,
) -> Result<bool, Error> {
    let is_count = one.unit == "count";
    // What stands for a period and cannot be one (1) is none.
    let ns = observations::nanoseconds(&one.unit).unwrap_or(0);
    let by_period = one.period > 1
        && one.period_unit == one.unit
        && one.period.saturating_mul(ns) >= observations::SHORTEST_PERIOD_NS;
    for sample in samples(&[one]) {
        let (mut stack, mut value, mut has_value, mut times) = (0, 0_u64, false, 0);
        for field in fields(sample) {
            match field? {
                Field::Varint(1, index) => stack = index,
                Field::Bytes(number, packed) if number == values => {
                    for number in varints(packed) {
                        let number = number
                            .ok_or_else(|| damaged("a value of a sample is cut off".to_owned()))?;
                        let number = u64::try_from(number.cast_signed()).map_err(|_| {
                            damaged("a sample has a negative value; differences of profiles are not read".to_owned())
                        })?;
                        value = value.checked_add(number).ok_or(Error::Overflow)?;
                        has_value = true;
                    }
                }
                Field::Bytes(5, packed) => times += packed.len() as u64 / 8,
                _ => {}
            }
        }
        if !has_value {
            // A time alone says that the stack was seen then.
            let each = if is_count { 1 } else { one.period.max(1) };
            value = times.checked_mul(each).ok_or(Error::Overflow)?;
        }
        let samples = match (is_count, value) {
            (true, value) => value,
            (false, 0) => 0,
            (false, value) if by_period => (value / one.period).max(1),
            (false, _) => times.max(1),
        };
        let ids = names.stack(stack, profile)?;
        profile.add_ids(ids, Weight::of(samples, value), None)?;
    }
    Ok(is_count || by_period)
}

/// What is interned already, by index of a stack, a location and a string.
struct Names<'a, 'b> {
    dictionary: &'b Dictionary<'a>,
    stacks: HashMap<u64, Vec<u32>>,
    locations: HashMap<u64, Vec<u32>>,
}

impl<'a, 'b> Names<'a, 'b> {
    fn new(dictionary: &'b Dictionary<'a>) -> Self {
        Self {
            dictionary,
            stacks: HashMap::new(),
            locations: HashMap::new(),
        }
    }

    /// The frames of a stack, the outermost first.
    fn stack(&mut self, index: u64, profile: &mut Profile) -> Result<Vec<u32>, Error> {
        if let Some(known) = self.stacks.get(&index) {
            return Ok(known.clone());
        }
        let mut locations = Vec::new();
        for field in fields(entry(&self.dictionary.stacks, index, "stack")?) {
            match field? {
                Field::Varint(1, location) => locations.push(location),
                Field::Bytes(1, packed) => {
                    for location in varints(packed) {
                        locations.push(
                            location.ok_or_else(|| damaged(format!("stack {index} is cut off")))?,
                        );
                        if locations.len() > MAX_DEPTH {
                            return Err(too_large("frames in one stack", MAX_DEPTH));
                        }
                    }
                }
                _ => {}
            }
        }
        let mut ids = Vec::with_capacity(locations.len());
        for location in locations.into_iter().rev() {
            if !self.locations.contains_key(&location) {
                let frames = self.location(location, profile)?;
                self.locations.insert(location, frames);
            }
            ids.extend_from_slice(&self.locations[&location]);
            if ids.len() > MAX_DEPTH {
                return Err(too_large("frames in one stack", MAX_DEPTH));
            }
        }
        self.stacks.insert(index, ids.clone());
        Ok(ids)
    }

    /// The frames of a location, the outermost first: calls that were inlined into one another.
    fn location(&self, index: u64, profile: &mut Profile) -> Result<Vec<u32>, Error> {
        let bytes = entry(&self.dictionary.locations, index, "location")?;
        let mut frames = Vec::new();
        for field in fields(bytes) {
            let Field::Bytes(3, line) = field? else {
                continue;
            };
            let function = entry(&self.dictionary.functions, number(line, 1)?, "function")?;
            let name = match number(function, 1)? {
                0 => number(function, 2)?,
                name => name,
            };
            frames.push(profile.intern(&self.dictionary.string(name)?)?);
            if frames.len() > MAX_DEPTH {
                return Err(too_large("frames in one stack", MAX_DEPTH));
            }
        }
        if frames.is_empty() {
            let mapping = number(bytes, 1)?;
            let file = match self.dictionary.mappings.is_empty() {
                true => Cow::Borrowed(""),
                false => self.dictionary.string(number(
                    entry(&self.dictionary.mappings, mapping, "mapping")?,
                    4,
                )?)?,
            };
            let name = super::symbols::address(
                file.rsplit('/').next().unwrap_or(&file),
                number(bytes, 2)?,
            );
            frames.push(profile.intern(&name)?);
        }
        frames.reverse();
        Ok(frames)
    }
}

#[cfg(test)]
#[path = "otlp_tests.rs"]
mod tests;
