//! Which of the values of a profile.proto's samples are read, and how many observations they are.

use std::borrow::Cow;
use std::cmp::Reverse;

use super::Error;
use super::choice::Choice;
use super::observations::{self, Beside, Meaning, Step, Survey};
use super::reports::MADE;
use super::sample::Sample;
use super::stacks::{OBSERVATIONS, RECORDS, Weight};
use super::symbols::{COUNTS_SAMPLES, Tables, UNEVEN_COUNTS, malformed};
use super::wire::{Field, fields};
use crate::units::{format_count, printable};

/// What samples of time on the wall are called: no share of them is a share of CPU time.
const WALL_SAMPLES: &str = "wall samples";
/// What profilers call that time.
const WALL: [&str; 4] = ["wall", "time", "real", "wall-time"];
/// What they call time on a CPU, and counts of samples.
const CPU: [&str; 3] = ["cpu", "cpu-time", "cpu_time"];
const SAMPLES: [&str; 2] = ["samples", "sample"];
/// The types of a table of pprof, which has no stacks.
const TOP: [&str; 2] = ["cum", "flat"];
/// Sample types that a message lists.
const SHOWN_TYPES: usize = 8;

/// Which of a sample's values are read.
pub(super) struct Columns {
    pub(super) sample_type: String,
    pub(super) unit: String,
    all: usize,
    value: usize,
    samples: Samples,
    /// The name of what samples are counts of.
    counts: String,
    meaning: Option<Meaning>,
    /// Whether there are counts of samples that do not stand for the values.
    is_uneven: bool,
}

/// Where the number of samples is from.
enum Samples {
    /// A column of counts, and what of it is one.
    Column(usize, Step),
    /// The value.
    Value(Step),
    /// What a heap sampler scaled: columns of objects and bytes, and its period.
    Heap(usize, usize, u64),
}

type Types<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

impl Columns {
    /// What is chosen, or else CPU time, what the profile prefers, or the last.
    pub(super) fn choose(
        tables: &Tables<'_>,
        raw: &[u8],
        choice: Choice<'_>,
    ) -> Result<Self, Error> {
        let mut types = Types::new();
        for value_type in &tables.sample_types {
            types.push((
                tables.string(value_type.r#type)?,
                tables.string(value_type.unit)?,
            ));
        }
        let names: Vec<&str> = types.iter().map(|(name, _)| &**name).collect();
        if names == TOP {
            return Err(Error::Other {
                what: "what `go tool pprof -topproto` writes".to_owned(),
                remedy: Cow::Borrowed(MADE),
            });
        }
        let value = chosen(tables, &types, choice.sample_type)?;
        let mut columns = Self {
            sample_type: if is_cpu(&types[value]) {
                "cpu".to_owned()
            } else if counts_the_wall(&types, value, &tables.string(tables.period_type.r#type)?) {
                WALL_SAMPLES.to_owned()
            } else {
                types[value].0.to_string()
            },
            unit: types[value].1.to_string(),
            all: types.len(),
            value,
            samples: Samples::Value(Step::Record),
            counts: RECORDS.to_owned(),
            meaning: choice.value,
            is_uneven: false,
        };
        columns.count(tables, raw, &types)?;
        Ok(columns)
    }

    /// Decides what the observations are.
    fn count(&mut self, tables: &Tables<'_>, raw: &[u8], types: &Types<'_>) -> Result<(), Error> {
        let period = u64::try_from(tables.period).unwrap_or(0);
        let period_unit = tables.string(tables.period_type.unit)?;
        // A clock on the wall may take the samples that CPU time is measured at.
        let period_type = tables.string(tables.period_type.r#type)?;
        let is_other = is_cpu(&types[self.value]) && is_wall(&period_type);
        let of_value = if period_unit == self.unit && !is_other {
            period
        } else {
            0
        };
        let column = self.column(types);
        if self.meaning.is_none()
            && let Some((objects, bytes)) = self.heap(types, column)
        {
            if period > 1 && period_unit == "bytes" {
                self.samples = Samples::Heap(objects, bytes, period);
                OBSERVATIONS.clone_into(&mut self.counts);
            }
            return Ok(());
        }
        let mut surveyed = if self.meaning.is_some() { None } else { column };
        let pair = (surveyed.unwrap_or(self.value), self.value);
        let (mut survey, beside) = surveyed_of(raw, pair, of_value)?;
        if surveyed.is_some() && !beside.is_counted() {
            // Nobody filled them in.
            surveyed = None;
            (survey, _) = surveyed_of(raw, (self.value, self.value), of_value)?;
        } else {
            let is_said = !tables.indices(UNEVEN_COUNTS).is_empty();
            self.is_uneven = is_cpu(&types[self.value]) && (is_said || !beside.is_even());
        }
        let is_counted = !tables.indices(COUNTS_SAMPLES).is_empty();
        let (step, name) = match (self.meaning, surveyed) {
            (Some(Meaning::Samples), _) => (Step::Each(1), "samples"),
            (Some(Meaning::Bytes), _) => (Step::Record, RECORDS),
            (Some(Meaning::Periods), _) => (survey.of_periods(), OBSERVATIONS),
            (Some(Meaning::Nanoseconds), _) => (survey.of_times(1), OBSERVATIONS),
            (None, Some(column)) => {
                let name = &*types[column].0;
                let is_ours = is_counted || name == RECORDS || name == OBSERVATIONS;
                match survey.of_counts() {
                    _ if is_ours => (Step::Each(1), name),
                    // Agents scale what they saw of allocations.
                    _ if self.unit == "bytes" => (Step::Record, name),
                    Step::Each(1) => (Step::Each(1), name),
                    step => (step, OBSERVATIONS),
                }
            }
            (None, None) => match observations::nanoseconds(&self.unit) {
                Some(unit) => match survey.of_times(unit) {
                    step if step == Step::Each(of_value) => (step, "samples"),
                    step => (step, OBSERVATIONS),
                },
                None if of_value > 1 && self.unit != "bytes" => (survey.of_periods(), OBSERVATIONS),
                None => (Step::Record, RECORDS),
            },
        };
        match step {
            Step::Record => RECORDS,
            Step::Each(_) => name,
        }
        .clone_into(&mut self.counts);
        self.samples = match surveyed {
            Some(column) => Samples::Column(column, step),
            None => Samples::Value(step),
        };
        Ok(())
    }

    /// The column that counts what the values are of.
    fn column(&self, types: &Types<'_>) -> Option<usize> {
        let is_count = |at: &usize| types.get(*at).is_some_and(|of| of.1 == "count");
        let before = || {
            let before = self.value.checked_sub(1).filter(is_count);
            // Of what stands before it, as Datadog's agents write.
            before.filter(|at| *at == 0 || words(types, *at, *at - 1) == 0 || is_count(&(at - 1)))
        };
        let paired = || {
            let beside = [self.value.checked_sub(1), Some(self.value + 1)];
            let beside = beside.into_iter().flatten().filter(is_count);
            let named = beside.map(|at| (words(types, self.value, at), at));
            let paired = named.filter(|(words, _)| *words > 0);
            paired
                .max_by_key(|(words, at)| (*words, Reverse(*at)))
                .map(|(_, at)| at)
        };
        let ours = |at: &usize| {
            types[*at].0 == RECORDS
                || types[*at].0 == OBSERVATIONS
                || is_event_of(&types[self.value].0, &types[*at].0)
        };
        let is_named = |at: &usize| SAMPLES.contains(&&*types[*at].0);
        let samples = || (0..types.len()).find(|at| is_count(at) && is_named(at));
        if let Some(ours) = before().filter(ours) {
            Some(ours)
        } else if is_count(&self.value) {
            Some(self.value)
        } else if is_cpu(&types[self.value]) {
            samples().or_else(paired).or_else(before)
        } else {
            paired().or_else(before).or_else(samples)
        }
    }

    /// Columns of objects and bytes, if the value is one of them and a heap sampler may have scaled them.
    fn heap(&self, types: &Types<'_>, column: Option<usize>) -> Option<(usize, usize)> {
        let is = |at: usize, unit: &str| types.get(at).is_some_and(|of| of.1 == unit);
        let is_of_objects = |at: usize| is(at, "count") && types[at].0.contains("objects");
        let value = self.value;
        if is(value, "bytes") {
            let objects = column.filter(|at| is_of_objects(*at))?;
            return Some((objects, value));
        }
        (is_of_objects(value) && is(value + 1, "bytes")).then_some((value, value + 1))
    }

    /// What samples are counts of.
    pub(super) fn counts(&self) -> &str {
        &self.counts
    }

    /// Whether there are counts of samples that do not stand for the values: some are missing, or they are of something else, such as time on
    /// the wall.
    pub(super) fn is_uneven(&self) -> bool {
        self.is_uneven
    }

    /// What is to be said of how observations were found.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let uneven = self
            .is_uneven
            .then(|| "its samples stand for different times: shares are of the times".to_owned());
        uneven.into_iter().chain(self.taken_for())
    }

    fn taken_for(&self) -> Option<String> {
        let each = match self.samples {
            Samples::Column(_, Step::Each(step)) | Samples::Value(Step::Each(step)) => step,
            Samples::Heap(..) => return None,
            _ if self.meaning == Some(Meaning::Bytes) => return None,
            _ => {
                return Some(format!(
                    "how many samples its values are is not known, so that each record counts as one; --value says what they are ({})",
                    Meaning::NAMES
                ));
            }
        };
        let (what, unit) = match self.samples {
            Samples::Column(..) => ("counts", ""),
            _ => ("values", &*self.unit),
        };
        (self.counts == OBSERVATIONS && each > 1).then(|| {
            format!(
                "its {what} are taken for multiples of {}, each one sample; --value says what they are ({})",
                format!("{} {}", format_count(each as f64), printable(unit)).trim_end(),
                Meaning::NAMES
            )
        })
    }

    /// The columns that are read: the values, and the samples if they have one.
    pub(super) fn read(&self) -> Vec<usize> {
        match self.samples {
            Samples::Column(column, _) => vec![self.value, column],
            Samples::Heap(objects, bytes, _) => vec![objects, bytes],
            Samples::Value(_) => vec![self.value],
        }
    }

    pub(super) fn weight(&self, of: &[i64], number: u64) -> Result<Weight, Error> {
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
            Samples::Column(column, step) => step.observations(positive(column)?),
            Samples::Value(step) => step.observations(value),
            Samples::Heap(objects, bytes, period) => {
                let (seen, is_certain) =
                    observations::of_heap(positive(objects)?, positive(bytes)?, period);
                if value == 0 {
                    return Ok(Weight::default());
                }
                let weight = Weight::of(seen, value);
                // What was allocated in a while is of chance, whatever its size; what there is at one time is not.
                let is_there = !self.sample_type.starts_with("alloc");
                return Ok(if is_certain && is_there {
                    weight.certain()
                } else {
                    weight
                });
            }
        };
        Ok(Weight::of(samples, value))
    }
}

fn is_cpu((name, unit): &(Cow<'_, str>, Cow<'_, str>)) -> bool {
    CPU.iter().any(|of| name.eq_ignore_ascii_case(of)) && unit == "nanoseconds"
}

fn is_wall(name: &str) -> bool {
    WALL.iter().any(|of| name.eq_ignore_ascii_case(of))
}

/// Words that two types begin with alike: one in `alloc_objects` and `alloc_space`, two in `lock-release` and `lock-release-hold`.
fn words(types: &Types<'_>, one: usize, other: usize) -> usize {
    let words = |at: usize| types[at].0.split(['-', '_']);
    words(one)
        .zip(words(other))
        .take_while(|(a, b)| a == b)
        .count()
}

/// Whether a count is of the samples of an event, as perf_to_profile writes both: `cycles_sample` and `cycles_event`.
fn is_event_of(event: &str, samples: &str) -> bool {
    let of = event.strip_suffix("_event");
    of.is_some() && of == samples.strip_suffix("_sample")
}

/// Whether a count of samples is of time on the wall, which what stands beside it tells or the period that a sample is taken by.
fn counts_the_wall(types: &Types<'_>, value: usize, period_type: &str) -> bool {
    let is_time = |(name, unit): &(Cow<'_, str>, Cow<'_, str>)| {
        is_wall(name) && observations::nanoseconds(unit).is_some()
    };
    SAMPLES.contains(&&*types[value].0)
        && types[value].1 == "count"
        && !types.iter().any(is_cpu)
        && (types.iter().any(is_time) || is_wall(period_type))
}

fn chosen(tables: &Tables<'_>, types: &Types<'_>, wanted: Option<&str>) -> Result<usize, Error> {
    let place = |name: &str| types.iter().position(|of| of.0 == name);
    let cpu = || types.iter().position(is_cpu);
    if let Some(wanted) = wanted {
        let of_cpu = || wanted.eq_ignore_ascii_case("cpu").then(cpu).flatten();
        return place(wanted)
            .or_else(of_cpu)
            .ok_or_else(|| no_sample_type(wanted, types));
    }
    let default = tables.string(tables.default_sample_type)?;
    let named = (!default.is_empty()).then(|| place(&default)).flatten();
    Ok(cpu().or(named).unwrap_or(types.len() - 1))
}

/// All numbers of a column, and how those of another one go with them.
fn surveyed_of(
    raw: &[u8],
    (column, other): (usize, usize),
    period: u64,
) -> Result<(Survey, Beside), Error> {
    let mut survey = Survey::with_period(period);
    let mut beside = Beside::default();
    let mut sample = Sample::default();
    for field in fields(raw) {
        let Field::Bytes(2, message) = field? else {
            continue;
        };
        sample.fill(message, None)?;
        let of = |column: usize| {
            let value = sample.values.get(column).copied().unwrap_or(0);
            u64::try_from(value).unwrap_or(0)
        };
        survey.add(of(column));
        beside.add(of(column), of(other));
    }
    Ok((survey, beside))
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
