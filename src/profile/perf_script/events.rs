//! Which events a perf text has samples of, and which of them is read.

use std::borrow::Cow;

use super::header::{counted_as, without_modifiers};
use super::periods::Periods;
use super::samples::Samples;
use crate::profile::Error;
use crate::profile::stacks::too_large;
use crate::units::printable;

/// Events that are told apart and listed.
const EVENTS: usize = 256;
const SHOWN_EVENTS: usize = 8;
/// Times of which fewer may be in no order by chance.
const FEW_TIMES: u64 = 8;
/// What samples are called whose event was not printed.
const NAMELESS: &str = "samples";
/// Events that take the place of CPU time, of which one is read rather than another.
const OF_CPU: [&str; 3] = ["cycles", "cpu-clock", "task-clock"];

/// An event and its samples.
struct Event<'a> {
    /// As it was printed, without modifiers.
    name: Cow<'a, str>,
    samples: u64,
    /// The times of its first and last sample.
    begin: f64,
    end: f64,
    /// The time of its last sample, and how often one was before that.
    last: f64,
    backwards: u64,
    periods: Periods,
}

/// The events of a text, in the order of their first samples.
pub(super) struct Events<'a> {
    known: Vec<Event<'a>>,
}

impl<'a> Events<'a> {
    pub(super) fn of(text: &'a str) -> Result<Self, Error> {
        let mut known: Vec<Event<'a>> = Vec::new();
        let mut last = ("", 0);
        for sample in Samples::of(text) {
            let sample = sample?;
            let printed = sample.header.event;
            let at = if !known.is_empty() && last.0 == printed {
                last.1
            } else {
                let name = match without_modifiers(printed) {
                    name if name.is_empty() => Cow::Borrowed(NAMELESS),
                    name => name,
                };
                let found = known.iter().position(|event| event.name == name);
                found.unwrap_or_else(|| {
                    known.push(Event {
                        name,
                        samples: 0,
                        begin: f64::INFINITY,
                        end: 0.0,
                        last: 0.0,
                        backwards: 0,
                        periods: Periods::default(),
                    });
                    known.len() - 1
                })
            };
            if known.len() > EVENTS {
                return Err(too_large("events", EVENTS));
            }
            last = (printed, at);
            let event = &mut known[at];
            event.samples += 1;
            event.periods.add(sample.header.period);
            if let Some(time) = sample.header.time {
                event.begin = event.begin.min(time);
                event.end = event.end.max(time);
                event.backwards += u64::from(time < event.last);
                event.last = time;
            }
        }
        Ok(Self { known })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// The event that is read.
    pub(super) fn choose(&self, wanted: Option<&str>) -> Result<String, Error> {
        let first = |is: &dyn Fn(&str) -> bool| {
            let mut counted = self.known.iter().map(|event| counted_as(&event.name));
            counted.find(|name| is(name)).map(Cow::into_owned)
        };
        let Some(wanted) = wanted else {
            let of_cpu = first(&|name| OF_CPU.contains(&name));
            return of_cpu.or_else(|| first(&|_| true)).ok_or(Error::Empty);
        };
        if self.known.iter().any(|event| is_of(&event.name, wanted)) {
            return Ok(without_modifiers(wanted).into_owned());
        }
        let mut names: Vec<&str> = self.known.iter().map(|event| &*event.name).collect();
        names.sort_unstable();
        names.truncate(SHOWN_EVENTS);
        Err(Error::SampleType {
            wanted: wanted.to_owned(),
            known: printable(&names.join(", ")).into_owned(),
        })
    }

    /// Samples of an event, and the times of the first and the last; the times are not in order if none was printed.
    pub(super) fn extent(&self, event: &str) -> (u64, f64, f64) {
        let chosen = self.known.iter().filter(|known| is_of(&known.name, event));
        chosen.fold((0, f64::INFINITY, 0.0), |(samples, begin, end), of| {
            (samples + of.samples, begin.min(of.begin), end.max(of.end))
        })
    }

    /// Whether times are those since the sample before, and not those of a clock: they go back as often as on.
    pub(super) fn are_deltas(&self, event: &str) -> bool {
        let chosen = self.known.iter().filter(|known| is_of(&known.name, event));
        let (samples, backwards) = chosen.fold((0, 0), |(samples, backwards), of| {
            (samples + of.samples, backwards + of.backwards)
        });
        samples >= FEW_TIMES && backwards * 4 > samples
    }

    /// What the samples of an event stand for.
    pub(super) fn periods(&self, event: &str) -> Periods {
        let chosen = self.known.iter().filter(|known| is_of(&known.name, event));
        let periods = chosen.map(|of| of.periods);
        periods.reduce(Periods::with).unwrap_or_default()
    }

    pub(super) fn note(&self, event: &str) -> String {
        let mut others = Vec::new();
        let mut chosen = Vec::new();
        for known in &self.known {
            let list = if is_of(&known.name, event) {
                &mut chosen
            } else {
                &mut others
            };
            list.push(format!("{} ({})", printable(&known.name), known.samples));
        }
        let more = others.len().saturating_sub(SHOWN_EVENTS);
        others.truncate(SHOWN_EVENTS);
        let others = match (others.is_empty(), more) {
            (true, _) => String::new(),
            (false, 0) => format!(
                "; there are also {}, which --sample-type selects",
                others.join(", ")
            ),
            (false, more) => format!(
                "; there are also {} and {more} more, which --sample-type selects",
                others.join(", ")
            ),
        };
        format!(
            "shown are the samples of the event {}{others}",
            chosen.join(" and ")
        )
    }
}

/// Whether an event, printed with or without modifiers, is the one meant.
pub(super) fn is_of(printed: &str, event: &str) -> bool {
    let printed = if printed.is_empty() {
        NAMELESS
    } else {
        printed
    };
    let event = without_modifiers(event);
    counted_as(printed) == event || without_modifiers(printed) == event
}
