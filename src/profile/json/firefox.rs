//! The Firefox profiler's format, which samply writes: threads, each with tables of stacks, frames and functions, as columns.
//!
//! Threads are added up unless one is asked for. Where the recorder measured what each sample used of a CPU, that is the value, because samples are
//! also taken of threads that wait; else each sample counts by its weight. What a version keeps in common for all threads is looked for there.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Index, Object, damaged, parse};
use crate::profile::choice::{Choice, Named, select};
use crate::profile::stacks::{MAX_DEPTH, RECORDS, Weight, too_large};
use crate::profile::{Error, Profile};

const FORMAT: &str = "a profile of samply or the Firefox profiler";

/// Whether an object is such a profile, as it is shared and saved; what Firefox itself hands over has other tables.
pub(in crate::profile) fn is(root: &Object<'_>) -> bool {
    root.has(&["meta", "threads"])
        && root
            .get("meta")
            .is_some_and(|meta| meta.get().contains("\"preprocessedProfileVersion\""))
}

#[derive(Deserialize)]
struct Lib<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// CPU time; one unit of a thread's `threadCPUDelta` in ns.
    Cpu(f64),
    /// Weights of samples.
    Samples,
    /// Weights in another unit, and its factor.
    Of(&'static str, &'static str, f64),
}

struct Thread<'a> {
    name: String,
    process: String,
    object: Object<'a>,
    samples: Object<'a>,
}

/// Reads the threads of a name, or all.
///
/// # Errors
/// [`Error::Damaged`] for what does not fit together, [`Error::NoProfile`] and [`Error::SampleType`] for what is not there; limits as in
/// [`Profile::add`].
pub(in crate::profile) fn read(root: &Object<'_>, choice: Choice<'_>) -> Result<Profile, Error> {
    let meta = root.object("meta", FORMAT)?;
    let shared = root.object("shared", FORMAT)?;
    let libs: Vec<Lib<'_>> = root.list("libs", FORMAT)?;
    let mut threads = Vec::new();
    for text in root.list::<&RawValue>("threads", FORMAT)? {
        let object: Object<'_> = parse(text, "threads", FORMAT)?;
        let samples = object.object("samples", FORMAT)?;
        if samples
            .get("stack")
            .is_none_or(|stacks| stacks.get() == "[]")
        {
            continue;
        }
        threads.push(Thread {
            name: object.value("name", FORMAT)?.unwrap_or_default(),
            process: object.value("processName", FORMAT)?.unwrap_or_default(),
            object,
            samples,
        });
    }
    let mut kinds = Vec::new();
    for thread in &threads {
        kinds.push(thread.kind(&meta, choice.sample_type)?);
    }
    let named: Vec<Named<'_>> = threads
        .iter()
        .zip(&kinds)
        .map(|(thread, kind)| Named {
            name: &thread.name,
            group: &thread.process,
            unit: kind.names().1,
        })
        .collect();
    let of_cpu = kinds.iter().position(|kind| matches!(kind, Kind::Cpu(_)));
    let selected = select(&named, of_cpu.unwrap_or(0), choice.profile)?;
    let Some(first) = selected.chosen.first() else {
        return Err(Error::Empty);
    };
    let (sample_type, unit) = kinds[*first].names();
    if let Some(wanted) = choice.sample_type
        && wanted != sample_type
    {
        return Err(Error::SampleType {
            wanted: wanted.to_owned(),
            known: match kinds[*first] {
                Kind::Cpu(_) => "cpu, samples".to_owned(),
                kind => kind.names().0.to_owned(),
            },
        });
    }
    let mut profile = Profile::new(sample_type, unit, 0);
    let mut nameless = Weight::default();
    for at in selected.chosen {
        threads[at].add(kinds[at], &shared, &libs, &mut profile, &mut nameless)?;
    }
    if let Some(note) = selected.note {
        profile.note(note);
    }
    if nameless.value > 0 {
        let share = 100.0 * nameless.value as f64 / profile.value().max(1) as f64;
        profile.note(format!(
            "{share:.0} % of it ends in addresses without a name: the file was saved before its symbols were loaded; open it in the Firefox profiler (`samply load FILE`) and save it from there"
        ));
    }
    Ok(if unit == "count" {
        profile
    } else {
        profile.counting(RECORDS)
    })
}

impl Kind {
    /// Type and unit.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Cpu(_) => ("cpu", "nanoseconds"),
            Self::Samples => ("samples", "count"),
            Self::Of(sample_type, unit, _) => (sample_type, unit),
        }
    }
}

impl Thread<'_> {
    fn kind(&self, meta: &Object<'_>, wanted: Option<&str>) -> Result<Kind, Error> {
        let weight_type: Option<String> = self.samples.value("weightType", FORMAT)?;
        match weight_type.as_deref() {
            Some("tracing-ms") => return Ok(Kind::Of("time", "nanoseconds", 1e6)),
            Some("bytes") => return Ok(Kind::Of("space", "bytes", 1.0)),
            _ => {}
        }
        if wanted == Some("samples") {
            return Ok(Kind::Samples);
        }
        let units = meta.object("sampleUnits", FORMAT)?;
        let unit: Option<String> = units.value("threadCPUDelta", FORMAT)?;
        let factor = match unit.as_deref() {
            Some("ns") => 1.0,
            Some("µs" | "us" | "\u{3bc}s") => 1e3,
            // Cycles of a CPU are no time.
            _ => return Ok(Kind::Samples),
        };
        let used: Vec<Option<f64>> = self.samples.list("threadCPUDelta", FORMAT)?;
        let any = used.iter().flatten().any(|used| *used > 0.0);
        Ok(if any {
            Kind::Cpu(factor)
        } else {
            Kind::Samples
        })
    }

    /// A table of the thread, or the one that all threads have in common.
    fn table<'a>(&'a self, shared: &'a Object<'_>, name: &str) -> Result<Object<'a>, Error> {
        let owner = if self.object.get(name).is_some() {
            &self.object
        } else {
            shared
        };
        owner.object(name, FORMAT)
    }

    fn add(
        &self,
        kind: Kind,
        shared: &Object<'_>,
        libs: &[Lib<'_>],
        profile: &mut Profile,
        nameless: &mut Weight,
    ) -> Result<(), Error> {
        let mut weights: HashMap<usize, Weight> = HashMap::new();
        let mut without = Weight::default();
        let stacks: Vec<Index> = self.samples.list("stack", FORMAT)?;
        let column = if matches!(kind, Kind::Cpu(_)) {
            "threadCPUDelta"
        } else {
            "weight"
        };
        let values: Vec<Option<f64>> = self.samples.list(column, FORMAT)?;
        if !values.is_empty() && values.len() != stacks.len() {
            let (stacks, values) = (stacks.len(), values.len());
            return Err(damaged(
                FORMAT,
                format!("a thread has {stacks} samples and {values} values of `{column}`"),
            ));
        }
        for (at, stack) in stacks.iter().enumerate() {
            let value = match (values.get(at), kind) {
                (Some(value), Kind::Cpu(factor) | Kind::Of(_, _, factor)) => {
                    value.unwrap_or(0.0) * factor
                }
                (Some(value), Kind::Samples) => value.unwrap_or(1.0),
                (None, _) => 1.0,
            };
            if !(0.0..9e18).contains(&value) {
                return Err(damaged(
                    FORMAT,
                    format!("the value {value} of a sample is negative or too large"),
                ));
            }
            let value = value.round() as u64;
            let samples = if kind == Kind::Samples {
                value
            } else {
                u64::from(value > 0)
            };
            let sum = match stack.get() {
                Some(stack) => weights.entry(stack).or_default(),
                None => &mut without,
            };
            sum.samples = sum.samples.checked_add(samples).ok_or(Error::Overflow)?;
            sum.value = sum.value.checked_add(value).ok_or(Error::Overflow)?;
            sum.squares += (value as f64).powi(2) / samples.max(1) as f64;
        }
        profile.add_ids(Vec::new(), without, None)?;
        self.add_stacks(weights, shared, libs, profile, nameless)
    }

    fn add_stacks(
        &self,
        weights: HashMap<usize, Weight>,
        shared: &Object<'_>,
        libs: &[Lib<'_>],
        profile: &mut Profile,
        nameless: &mut Weight,
    ) -> Result<(), Error> {
        let table = self.table(shared, "stackTable")?;
        let frames: Vec<Index> = table.list("frame", FORMAT)?;
        let callers = callers(&table, frames.len())?;
        let frame_table = self.table(shared, "frameTable")?;
        let functions: Vec<Index> = frame_table.list("func", FORMAT)?;
        // From version 70 on; before it a function's resource knows its library.
        let libraries: Vec<Index> = frame_table.list("lib", FORMAT)?;
        // Before version 41 each thread had its own.
        let own: Vec<Lib<'_>> = self.object.list("libs", FORMAT)?;
        let libs = if own.is_empty() { libs } else { own.as_slice() };
        let mut names = Names::of(self, shared, libs)?;
        let mut ordered: Vec<_> = weights.into_iter().collect();
        ordered.sort_unstable_by_key(|(stack, _)| *stack);
        for (stack, weight) in ordered {
            let mut ids = Vec::new();
            let mut next = Some(stack);
            while let Some(at) = next {
                let frame = frames.get(at).copied().and_then(Index::get);
                let function = frame
                    .and_then(|frame| functions.get(frame).copied())
                    .and_then(Index::get);
                let function = function.ok_or_else(|| {
                    damaged(
                        FORMAT,
                        format!("stack {at} refers to what is not in its tables"),
                    )
                })?;
                if ids.len() == MAX_DEPTH {
                    return Err(too_large("frames in one stack", MAX_DEPTH));
                }
                let library = frame.and_then(|frame| libraries.get(frame).copied());
                ids.push(names.id(function, library.and_then(Index::get), profile)?);
                next = callers.get(at).copied().flatten();
            }
            if ids.first().is_some_and(|(_, is_address)| *is_address) {
                nameless.value = nameless.value.saturating_add(weight.value);
            }
            let ids = ids.into_iter().rev().map(|(id, _)| id).collect();
            profile.add_ids(ids, weight, None)?;
        }
        Ok(())
    }
}

/// The stack that called each: as its place, or from version 66 on as how many places it is before, where 0 is none.
fn callers(table: &Object<'_>, stacks: usize) -> Result<Vec<Option<usize>>, Error> {
    let prefixes: Vec<Index> = table.list("prefix", FORMAT)?;
    let offsets: Vec<Index> = table.list("prefixOffset", FORMAT)?;
    if prefixes.len() == stacks {
        return Ok(prefixes.into_iter().map(Index::get).collect());
    }
    if offsets.len() != stacks {
        return Err(damaged(
            FORMAT,
            "its stacks do not say what called them, as in versions of the format that are not read; record with an older samply, or with perf".to_owned(),
        ));
    }
    let caller = |(at, offset): (usize, Index)| match offset.get() {
        Some(0) => Ok(None),
        Some(offset) if offset <= at => Ok(Some(at - offset)),
        _ => Err(damaged(
            FORMAT,
            format!("stack {at} refers to what is not in its tables"),
        )),
    };
    offsets.into_iter().enumerate().map(caller).collect()
}

/// What functions are called.
struct Names<'a> {
    strings: Vec<Cow<'a, str>>,
    names: Vec<Index>,
    resources: Vec<Index>,
    /// The library of each resource.
    libraries: Vec<Index>,
    libs: &'a [Lib<'a>],
    known: HashMap<usize, (u32, bool)>,
}

impl<'a> Names<'a> {
    fn of(
        thread: &'a Thread<'_>,
        shared: &'a Object<'_>,
        libs: &'a [Lib<'a>],
    ) -> Result<Self, Error> {
        let functions = thread.table(shared, "funcTable")?;
        let owners = [&thread.object, shared];
        let strings = ["stringArray", "stringTable"].iter().find_map(|key| {
            owners
                .iter()
                .find(|owner| owner.get(key).is_some())
                .map(|owner| owner.list(key, FORMAT))
        });
        Ok(Self {
            strings: strings.unwrap_or_else(|| Ok(Vec::new()))?,
            names: functions.list("name", FORMAT)?,
            resources: functions.list("resource", FORMAT)?,
            libraries: thread.table(shared, "resourceTable")?.list("lib", FORMAT)?,
            libs,
            known: HashMap::new(),
        })
    }

    /// A function's name, and whether it is an address: in the library that its frame names, or else its resource.
    fn id(
        &mut self,
        function: usize,
        library: Option<usize>,
        profile: &mut Profile,
    ) -> Result<(u32, bool), Error> {
        if let Some(known) = self.known.get(&function) {
            return Ok(*known);
        }
        let name = self.names.get(function).copied().and_then(Index::get);
        let name = name.and_then(|name| self.strings.get(name));
        let name = name.ok_or_else(|| {
            damaged(
                FORMAT,
                format!("function {function} is referred to and not in its table"),
            )
        })?;
        let is_address = name.strip_prefix("0x").is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        let resource = || self.resources.get(function).copied().and_then(Index::get);
        let library =
            library.or_else(|| resource().and_then(|at| self.libraries.get(at).copied()?.get()));
        let id = match library.and_then(|library| self.libs.get(library)) {
            Some(library) if is_address => profile.intern(&format!("{}+{name}", library.name))?,
            _ => profile.intern(name)?,
        };
        self.known.insert(function, (id, is_address));
        Ok((id, is_address))
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::tests::{reads, reads_named, refuses};

    /// Two threads; in the first `main` calls `work` and an address of a library.
    const FILE: &str = r#"{"meta":{"preprocessedProfileVersion":49,"interval":1,"sampleUnits":{"threadCPUDelta":"µs"}},
        "libs":[{"name":"libc.so.6"}],"threads":[
        {"name":"main","processName":"api","samples":{"length":4,"stack":[1,2,1,null],"weight":null,"weightType":"samples","threadCPUDelta":[10,5,0,null]},
         "stackTable":{"prefix":[null,0,0],"frame":[0,1,2]},"frameTable":{"func":[0,1,2]},
         "funcTable":{"name":[0,1,2],"resource":[-1,-1,0]},"resourceTable":{"lib":[0]},"stringArray":["main","work","0x1f"]},
        {"name":"idle","processName":"api","samples":{"stack":[0],"weight":[2],"threadCPUDelta":[1]},
         "stackTable":{"prefix":[null],"frame":[0]},"frameTable":{"func":[0]},"funcTable":{"name":[0]},"stringArray":["park"]}]}"#;

    #[test]
    fn cpu_time_is_read_where_it_was_measured() {
        let notes = reads(
            FILE,
            "main;libc.so.6+0x1f 5000\nmain;work 10000\npark 1000\n",
        );
        assert_eq!(notes.len(), 2);
        assert_eq!(
            notes[0],
            "shown are 2 profiles of the file together: main, idle; --profile NAME selects"
        );
        assert!(
            notes[1].starts_with("31 % of it ends in addresses without a name"),
            "{notes:?}"
        );
        reads_named(FILE, "idle", "park 1000\n");
        let counted = FILE.replace("µs", "variable CPU cycles");
        reads(
            &counted,
            "[no stack] 1\nmain;libc.so.6+0x1f 1\nmain;work 2\npark 2\n",
        );
    }

    #[test]
    fn tables_that_threads_have_in_common_are_found() {
        let shared = r#"{"meta":{"preprocessedProfileVersion":60},"shared":{"stringArray":["0x9dbe2","f"],
            "stackTable":{"prefix":[null,0],"frame":[0,1]},"frameTable":{"func":[0,1]},"funcTable":{"name":[1,0]}},
            "threads":[{"name":"a","samples":{"stack":[1,0]}}]}"#;
        reads(shared, "f 1\nf;0x9dbe2 1\n");
    }

    #[test]
    fn callers_may_be_so_many_stacks_before_and_frames_name_libraries() {
        let newer = FILE
            .replace("\"prefix\":[null,0,0]", "\"prefixOffset\":[0,1,2]")
            .replace("\"func\":[0,1,2]}", "\"func\":[0,1,2],\"lib\":[-1,-1,0]}")
            .replace("\"resourceTable\":{\"lib\":[0]}", "\"resourceTable\":{}");
        reads(
            &newer,
            "main;libc.so.6+0x1f 5000\nmain;work 10000\npark 1000\n",
        );
        for (from, to) in [
            ("[0,1,2],\"frame\"", "[0,2,2],\"frame\""),
            ("[0,1,2],\"frame\"", "[0,null,2],\"frame\""),
        ] {
            refuses(
                &newer.replace(from, to),
                "stack 1 refers to what is not in its tables",
            );
        }
    }

    #[test]
    fn libraries_may_be_a_threads_own() {
        let older = FILE
            .replacen("\"libs\":[{\"name\":\"libc.so.6\"}],", "", 1)
            .replacen(
                "{\"name\":\"main\",",
                "{\"libs\":[{\"name\":\"libm.so.6\"}],\"name\":\"main\",",
                1,
            );
        reads(
            &older,
            "main;libm.so.6+0x1f 5000\nmain;work 10000\npark 1000\n",
        );
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        refuses(
            &FILE.replace("\"prefix\":[null,0,0]", "\"prefixOffset\":[0]"),
            "its stacks do not say what called them",
        );
        refuses(
            &FILE.replace("\"prefix\":[null,0,0]", "\"prefix\":[1,0,0]"),
            "more than 4096 frames in one stack",
        );
        refuses(
            &FILE.replace("\"func\":[0,1,2]", "\"func\":[0,1,9]"),
            "function 9 is referred to and not in its table",
        );
        refuses(
            &FILE.replace("\"frame\":[0,1,2]", "\"frame\":[0,9,2]"),
            "stack 1 refers to what is not in its tables",
        );
        refuses(
            &FILE.replace("[10,5,0,null]", "[10]"),
            "a thread has 4 samples and 1 values of `threadCPUDelta`",
        );
        refuses(
            &FILE.replace("[10,5,0,null]", "[10,-5,0,0]"),
            "the value -5000 of a sample is negative",
        );
    }
}
