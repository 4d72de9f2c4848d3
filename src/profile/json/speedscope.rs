//! speedscope's own format, which py-spy, dotnet-trace and rbspy write: profiles of samples, or of events that open and close frames.
//!
//! Several profiles of one file are usually threads: those of one unit are added up unless one is asked for by its name.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Object, damaged, list};
use crate::profile::choice::{Named, select};
use crate::profile::folded::FRACTIONS;
use crate::profile::observations::{Step, Survey};
use crate::profile::stacks::{MAX_DEPTH, OBSERVATIONS, RECORDS, Weight, too_large};
use crate::profile::{Error, Profile};
use crate::units::format_count;

const FORMAT: &str = "a speedscope profile";
const UNCLOSED: &str = "its events end before every frame is closed, as of a recording that was cut off: time behind the last of them is not in it";

/// Digits that the sum of all numbers may have in their smallest fraction.
const DIGITS: usize = 17;

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    frame: u32,
    at: f64,
}

/// What one number of the file is in the profile's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Unit {
    name: &'static str,
    factor: f64,
}

impl Unit {
    fn of(name: &str) -> Option<Self> {
        let unit = |name, factor| Some(Self { name, factor });
        match name {
            // The last two are none of the format's, and of hand-made files.
            "none" | "samples" | "count" => unit("count", 1.0),
            "bytes" => unit("bytes", 1.0),
            "seconds" => unit("nanoseconds", 1e9),
            "milliseconds" => unit("nanoseconds", 1e6),
            "microseconds" => unit("nanoseconds", 1e3),
            "nanoseconds" => unit("nanoseconds", 1.0),
            _ => None,
        }
    }

    fn sample_type(self) -> &'static str {
        match self.name {
            "nanoseconds" => "time",
            "bytes" => "space",
            _ => "samples",
        }
    }

    /// The same in the smallest of so many digits behind the point.
    fn in_fractions(self, digits: usize) -> Self {
        Self {
            factor: self.factor * 10_f64.powi(digits as i32),
            ..self
        }
    }

    fn scaled(self, number: f64) -> Result<u64, Error> {
        let scaled = (number * self.factor).round();
        if (0.0..9e18).contains(&scaled) {
            Ok(scaled as u64)
        } else {
            Err(damaged(
                FORMAT,
                format!("the weight {number} is negative or too large"),
            ))
        }
    }
}

/// Whether an object is such a profile.
pub(in crate::profile) fn is(root: &Object<'_>) -> bool {
    root.has(&["shared", "profiles"])
        || root
            .get("$schema")
            .is_some_and(|schema| schema.get().contains("speedscope"))
}

/// Reads the profiles of a name, or all that have the unit of the one that speedscope shows first.
///
/// # Errors
/// [`Error::Damaged`] for what does not fit together, [`Error::NoProfile`] for a name that is not there; limits as in [`Profile::add`].
pub(in crate::profile) fn read(root: &Object<'_>, wanted: Option<&str>) -> Result<Profile, Error> {
    let frames: Vec<Frame<'_>> = root.object("shared", FORMAT)?.list("frames", FORMAT)?;
    let texts: Vec<&RawValue> = root.list("profiles", FORMAT)?;
    let mut profiles = Vec::new();
    for text in texts {
        let object = Object::of(text.get())
            .ok_or_else(|| damaged(FORMAT, "a profile of it is no object".to_owned()))?;
        let unit: Cow<'_, str> = object
            .value("unit", FORMAT)?
            .unwrap_or(Cow::Borrowed("none"));
        let unit = Unit::of(&unit)
            .ok_or_else(|| damaged(FORMAT, format!("its unit `{unit}` is unknown")))?;
        let name: String = object.value("name", FORMAT)?.unwrap_or_default();
        profiles.push((name, unit, object));
    }
    let active: usize = root.value("activeProfileIndex", FORMAT)?.unwrap_or(0);
    let named: Vec<Named<'_>> = profiles
        .iter()
        .map(|(name, unit, _)| Named {
            name,
            group: "",
            unit: unit.name,
        })
        .collect();
    let selected = select(&named, active, wanted)?;
    let Some(first) = selected.chosen.first() else {
        return Err(Error::Empty);
    };
    let unit = profiles[*first].1;
    let mut reading = Reading {
        profile: Profile::new(unit.sample_type(), unit.name, 0),
        ids: vec![None; frames.len()],
        frames,
        unit,
        step: if unit.name == "count" {
            Step::Each(1)
        } else {
            Step::Record
        },
        survey: Survey::default(),
        unclosed: 0,
        digits: 0,
        each: None,
        are_alike: true,
    };
    reading.all(&profiles, &selected.chosen)?;
    // Of numbers that are large as well, fewer digits fit.
    let before_point = (reading.profile.value() as f64 + 1.0).log10().ceil();
    reading.digits = reading
        .digits
        .min(DIGITS.saturating_sub(before_point as usize));
    if unit.name == "count" && reading.digits > 0 {
        reading.again(Step::Record, FRACTIONS[reading.digits]);
        reading.all(&profiles, &selected.chosen)?;
    } else if unit.name == "count" && reading.survey.of_anything() != reading.step {
        // Numbers without a unit that are no counts: periods of an event, for instance.
        reading.again(reading.survey.of_anything(), "units");
        reading.all(&profiles, &selected.chosen)?;
        reading.profile.note_all(unsure(reading.step));
    }
    let mut profile = reading.profile;
    if reading.unclosed > 0 {
        profile.note(UNCLOSED.to_owned());
    }
    if let Some(note) = selected.note {
        profile.note(note);
    }
    // py-spy gives each sample the time between two.
    let are_samples = unit.name == "nanoseconds" && reading.are_alike;
    Ok(match reading.step {
        Step::Each(1) => profile,
        Step::Record if are_samples => profile,
        Step::Each(_) => profile.counting(OBSERVATIONS),
        Step::Record => profile.counting(RECORDS),
    })
}

/// What is to be said of numbers without a unit that are no counts.
fn unsure(step: Step) -> Option<String> {
    match step {
        Step::Each(1) => None,
        Step::Each(step) => Some(format!(
            "its numbers are taken for multiples of {}, each one sample",
            format_count(step as f64)
        )),
        Step::Record => Some(
            "its numbers do not look like counts of samples, so that each entry counts as one"
                .to_owned(),
        ),
    }
}

struct Reading<'a> {
    profile: Profile,
    frames: Vec<Frame<'a>>,
    /// Names that are interned.
    ids: Vec<Option<u32>>,
    unit: Unit,
    /// What one sample is of the numbers.
    step: Step,
    survey: Survey,
    /// Profiles whose events end while frames are open.
    unclosed: usize,
    /// Digits behind the point of the numbers so far.
    digits: usize,
    /// What the first sample stands for, and whether all others stand for as much.
    each: Option<f64>,
    are_alike: bool,
}

impl Reading<'_> {
    /// Begins anew, with what the numbers have turned out to be.
    fn again(&mut self, step: Step, unit: &'static str) {
        self.step = step;
        self.profile = Profile::new(self.unit.sample_type(), unit, 0);
        self.ids = vec![None; self.frames.len()];
        self.unclosed = 0;
    }

    /// Notes how many digits a number has behind the point.
    fn look_at(&mut self, number: f64) {
        let is_whole = |digits: usize| {
            let scaled = number * 10_f64.powi(digits as i32);
            (scaled - scaled.round()).abs() <= 1e-9 * scaled.abs().max(1.0)
        };
        while self.digits + 1 < FRACTIONS.len() && !is_whole(self.digits) {
            self.digits += 1;
        }
    }

    /// Adds those of the profiles that are chosen.
    fn all(
        &mut self,
        profiles: &[(String, Unit, Object<'_>)],
        chosen: &[usize],
    ) -> Result<(), Error> {
        for at in chosen {
            let (_, unit, object) = &profiles[*at];
            let digits = if unit.name == "count" && self.step == Step::Record {
                self.digits
            } else {
                0
            };
            self.unit = unit.in_fractions(digits);
            let kind: String = object.value("type", FORMAT)?.unwrap_or_default();
            match kind.as_str() {
                "sampled" => self.sampled(object)?,
                "evented" => self.evented(object)?,
                _ => {
                    return Err(damaged(
                        FORMAT,
                        format!("its type `{kind}` is neither sampled nor evented"),
                    ));
                }
            }
        }
        Ok(())
    }

    fn id(&mut self, frame: u32) -> Result<u32, Error> {
        let at = frame as usize;
        let known = self.ids.get(at).ok_or_else(|| {
            let frames = self.frames.len();
            damaged(
                FORMAT,
                format!("frame {frame} is referred to, and it has {frames} frames"),
            )
        })?;
        if let Some(id) = known {
            return Ok(*id);
        }
        let id = self.profile.intern(&self.frames[at].name)?;
        self.ids[at] = Some(id);
        Ok(id)
    }

    /// The weight of a stack.
    fn weight(&mut self, value: u64) -> Weight {
        self.survey.add(value);
        Weight::of(self.step.observations(value), value)
    }

    fn sampled(&mut self, object: &Object<'_>) -> Result<(), Error> {
        let samples: Vec<&RawValue> = object.list("samples", FORMAT)?;
        let weights: Vec<f64> = object.list("weights", FORMAT)?;
        if samples.len() != weights.len() {
            let (samples, weights) = (samples.len(), weights.len());
            return Err(damaged(
                FORMAT,
                format!("it has {samples} samples and {weights} weights"),
            ));
        }
        // What was added so far is rounded, not each weight: fractions of a unit add up.
        let mut places: HashMap<&str, u32> = HashMap::new();
        let (mut exact, mut rounded) = (0.0, 0);
        for (sample, weight) in samples.into_iter().zip(weights) {
            self.unit.scaled(weight)?;
            self.look_at(weight);
            self.are_alike &= *self.each.get_or_insert(weight) == weight;
            exact += weight;
            let value = self.unit.scaled(exact)?.saturating_sub(rounded);
            rounded += value;
            let weight = self.weight(value);
            if let Some(place) = places.get(sample.get()) {
                self.profile.add_at(*place, weight, None)?;
                continue;
            }
            let mut ids = Vec::new();
            for frame in list::<u32>(sample, "samples", FORMAT, MAX_DEPTH)? {
                ids.push(self.id(frame)?);
            }
            if let Some(place) = self.profile.add_ids(ids, weight, None)? {
                places.insert(sample.get(), place);
            }
        }
        Ok(())
    }

    fn evented(&mut self, object: &Object<'_>) -> Result<(), Error> {
        let events: Vec<Event<'_>> = object.list("events", FORMAT)?;
        // Not `startValue`, which older versions of dotnet-trace write in quotes: nothing is open before the first event.
        let begin = events.first().map_or(0.0, |event| event.at);
        self.are_alike &= events.is_empty();
        let mut open: Vec<u32> = Vec::new();
        let (mut last, mut before) = (begin, 0);
        for (number, event) in (1..).zip(&events) {
            if event.at < last {
                let reason = format!("event {number} is before the one that it follows");
                return Err(damaged(FORMAT, reason));
            }
            self.look_at(event.at - last);
            last = event.at;
            let at = self.unit.scaled(event.at - begin)?;
            let passed = at.saturating_sub(before);
            before = at;
            if !open.is_empty() {
                let mut ids = Vec::with_capacity(open.len());
                for frame in &open {
                    ids.push(self.id(*frame)?);
                }
                let weight = self.weight(passed);
                self.profile.add_ids(ids, weight, None)?;
            }
            match &*event.kind {
                "O" if open.len() == MAX_DEPTH => {
                    return Err(too_large("frames in one stack", MAX_DEPTH));
                }
                "O" => open.push(event.frame),
                "C" if open.last() == Some(&event.frame) => {
                    open.pop();
                }
                "C" => {
                    let frame = event.frame;
                    return Err(damaged(
                        FORMAT,
                        format!(
                            "event {number} closes frame {frame}, which is not the one opened last"
                        ),
                    ));
                }
                kind => {
                    return Err(damaged(
                        FORMAT,
                        format!("event {number} is of the unknown type `{kind}`"),
                    ));
                }
            }
        }
        if !open.is_empty() {
            self.unclosed += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "speedscope_tests.rs"]
mod tests;
