//! What makes stacks doubtful: cut off, broken, without names, of waiting instead of work.
//!
//! It says what it found in words and judges nothing. What it counts are shares of the whole.

mod runtimes;
mod waits;

use std::collections::HashMap;

use super::Profile;
use super::names::normalise;
use crate::units::{format_share, printable};
pub use waits::is_on_the_wall;
use waits::{Clock, Waits};

/// Depths at which samplers cut stacks: Go's 64 and 128, perf's 127 and those that are set often, with and without a thread's name as the root.
const DEPTHS: [usize; 12] = [64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1024];
/// What perf keeps of a stack at least, unless it is told otherwise.
const PERF_DEPTH: usize = 127;
/// From this share on a doubt is said.
const SAID: f64 = 0.05;
/// From this share on stacks that are cut or begin elsewhere are said: they shrink what calls them.
const CUT: f64 = 0.01;
/// From this share on names are missing too often.
const NAMELESS: f64 = 0.2;

/// What dotnet-trace writes below a function that ran.
const RAN: &str = "CPU_TIME";
/// What profilers call code outside their language: V8, of which old versions count waiting as that and have no `(idle)`, and dotnet-trace.
const OUTSIDE: [&str; 2] = ["(program)", "UNMANAGED_CODE_TIME"];
/// What async-profiler writes in the place of frames that it does not find.
const UNWALKED: [&str; 6] = [
    "[unknown_Java]",
    "[not_walkable_Java]",
    "[unknown_not_Java]",
    "[not_walkable_not_Java]",
    "[unknown_state]",
    "[deoptimization]",
];
/// What stacks of one frame may consist of: where threads begin, and entries of the kernel.
const ROOTS: [&str; 12] = [
    "main",
    "_start",
    "__clone",
    "clone",
    "start_thread",
    "thread_start",
    "ret_from_fork",
    "entry_",
    "asm_",
    "[no stack]",
    "runtime.",
    "__vdso",
];
const KERNELS: [&str; 3] = ["[kernel.kallsyms]", "[kernel]", "[guest.kernel.kallsyms]"];

/// What is to be said of one profile.
pub fn doubts(profile: &Profile) -> Vec<String> {
    let mut seen = Seen::default();
    let names = Names::of(profile);
    for counts in profile.unordered() {
        seen.add(&names, counts.ids, profile.weighed(counts.weight) as f64);
    }
    let whole = (profile.whole() as f64).max(1.0);
    let mut doubts = Vec::new();
    doubts.extend(seen.cut(whole, names.threads));
    let share = |weight: f64| weight / whole;
    doubts.extend(seen.marks(whole, &names));
    if share(seen.nameless) >= NAMELESS {
        doubts.push(format!(
            "{} of it begins or ends in names without symbols{}",
            format_share(share(seen.nameless)),
            seen.blamed()
        ));
    }
    if share(seen.alone) >= NAMELESS {
        doubts.push(format!(
            "{} of it is in functions without their callers: the program keeps no frame pointers, or callers were not recorded; record with `--call-graph dwarf`, or build with -fno-omit-frame-pointer",
            format_share(share(seen.alone))
        ));
    }
    doubts.extend(runtimes::doubt(
        &names.texts,
        &runtimes::Shares {
            unmapped: share(seen.unmapped),
            above_unmapped: share(seen.above_unmapped),
            interpreted: share(seen.interpreted),
        },
    ));
    if share(seen.kernel) >= SAID {
        doubts.push(format!(
            "{} of it is in the kernel, whose functions have no names: record as root, or with kernel.kptr_restrict at 0",
            format_share(share(seen.kernel))
        ));
    }
    if let Some((weight, name)) = largest(&seen.by_wait)
        && share(seen.waits) >= SAID
        && !waits::is_the_point(profile.sample_type())
    {
        doubts.push(format!(
            "{} of it is time that was waited and no work ({} in {}): other shares depend on how much there was to do",
            format_share(share(seen.waits)),
            format_share(share(weight)),
            printable(&name)
        ));
    }
    if seen.machine {
        doubts.push(
            "it was recorded of the whole machine: other programs are in it, and what the machine idled".to_owned(),
        );
    }
    doubts
}

/// What is to be said of two profiles whose stacks begin at different places: each side's share that begins at functions which others call.
pub fn doubts_between(base: &Profile, head: &Profile) -> Option<String> {
    let sides = [base, head];
    let names = sides.map(Names::of);
    let (mut inner, mut roots) = (HashMap::new(), [HashMap::new(), HashMap::new()]);
    let mut reached = [0.0; 2];
    for (at, profile) in sides.into_iter().enumerate() {
        for counts in profile.unordered() {
            let weight = profile.weighed(counts.weight) as f64 / (profile.whole() as f64).max(1.0);
            let ids = names[at].below_thread(counts.ids);
            let Some((root, callees)) = ids.split_first() else {
                continue;
            };
            reached[at] += weight;
            let name = |id: &u32| names[at].texts[*id as usize].as_str();
            *roots[at].entry(name(root)).or_insert(0.0) += weight;
            let mut last = name(root);
            for id in callees {
                // What calls itself is a root all the same.
                if name(id) != last {
                    let most: &mut f64 = inner.entry(name(id)).or_default();
                    *most = most.max(weight);
                }
                last = name(id);
            }
        }
    }
    let is_called = |name: &str| inner.get(name).copied().unwrap_or(0.0);
    let mut broken = [0.0; 2];
    let mut largest = (0.0, "");
    for at in [0, 1] {
        for (name, weight) in &roots[at] {
            // A root of the other side too, and as often, is one in both.
            let other = roots[1 - at].get(name).copied().unwrap_or(0.0);
            if is_called(name) >= CUT && other < 0.9 * weight {
                broken[at] += weight - other;
                if *weight > largest.0 {
                    largest = (*weight, *name);
                }
            }
        }
    }
    (broken[0].max(broken[1]) >= CUT).then(|| {
        format!(
            "stacks are cut off: {} of the base and {} of the head begin at functions that are called elsewhere, such as {}, and lack their callers; what changed of callers may come from that",
            format_share(broken[0]),
            format_share(broken[1]),
            printable(largest.1)
        )
    })
}

/// What is to be said of two profiles of which not the same was selected: `--where` or `--profile` made one of them.
pub fn differently_selected(base: &Profile, head: &Profile) -> Option<String> {
    let of = |profile: &Profile| match profile.selected() {
        "" => "all of its samples".to_owned(),
        what => format!("those of {} alone", printable(what)),
    };
    (base.selected() != head.selected()).then(|| {
        format!(
            "the base holds {} and the head {}: what differs may come from that; select alike on both sides (--where, --profile)",
            of(base),
            of(head)
        )
    })
}

/// A profile's names as functions are told apart by.
struct Names {
    texts: Vec<String>,
    kinds: Vec<Kind>,
    threads: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Named,
    Nameless,
    Kernel,
    Waiting,
    /// The same if it is innermost.
    Asleep,
    Idle,
    /// Code that was made at run time, without a map of its names.
    Unmapped,
    /// An interpreter's loop, in the place of what it interprets.
    Interpreter,
    /// Where threads begin.
    Root,
    /// A mark of frames that were not found.
    Unwalked,
}

impl Names {
    fn of(profile: &Profile) -> Self {
        let clock = Clock::of(profile.sample_type());
        let names = profile.names().iter();
        let texts: Vec<String> = names.map(|name| normalise(name).into_owned()).collect();
        let is_threaded = profile.begins_at_threads();
        let kinds = texts.iter().map(|name| kind(name, clock, is_threaded));
        Self {
            kinds: kinds.collect(),
            texts,
            threads: is_threaded,
        }
    }

    /// A stack without the name of its thread.
    fn below_thread<'a>(&self, ids: &'a [u32]) -> &'a [u32] {
        match ids {
            [_, rest @ ..] if self.threads => rest,
            ids => ids,
        }
    }
}

/// What a name is in samples of a clock.
fn kind(name: &str, clock: Clock, is_threaded: bool) -> Kind {
    let module =
        is_threaded && name.starts_with('[') && name.ends_with(']') && name != "[no stack]";
    if KERNELS.contains(&name) {
        Kind::Kernel
    } else if UNWALKED.contains(&name) {
        Kind::Unwalked
    } else if name == "swapper" {
        Kind::Idle
    } else if let Some(waits) = waits::of(name, clock) {
        match waits {
            Waits::Anywhere => Kind::Waiting,
            Waits::Innermost => Kind::Asleep,
        }
    } else if runtimes::is_unmapped(name) {
        Kind::Unmapped
    } else if runtimes::is_interpreter(name) {
        Kind::Interpreter
    } else if ROOTS.iter().any(|root| name.starts_with(root)) {
        Kind::Root
    } else if is_nowhere(name) || module || name.contains("+0x") || is_address(name) {
        Kind::Nameless
    } else {
        Kind::Named
    }
}

/// An address that is the same in each run.
fn is_address(name: &str) -> bool {
    let digits = name.strip_prefix("0x").unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Whether neither a function nor its file is known.
fn is_nowhere(name: &str) -> bool {
    name == "[unknown]" || name == "[address]"
}

#[derive(Default)]
struct Seen {
    by_depth: HashMap<usize, f64>,
    nameless: f64,
    /// Of that what begins or ends at addresses of no known file.
    nowhere: f64,
    by_module: HashMap<String, f64>,
    alone: f64,
    unmapped: f64,
    /// What runs in code without a map, or is called by it.
    above_unmapped: f64,
    interpreted: f64,
    kernel: f64,
    outside: f64,
    ran: f64,
    unwalked: f64,
    waits: f64,
    by_wait: HashMap<String, f64>,
    machine: bool,
}

impl Seen {
    fn add(&mut self, names: &Names, ids: &[u32], weight: f64) {
        *self.by_depth.entry(ids.len()).or_default() += weight;
        let kind = |id: &u32| names.kinds[*id as usize];
        self.machine |= names.threads && ids.first().is_some_and(|id| kind(id) == Kind::Idle);
        let waits = |id: &&u32| matches!(kind(id), Kind::Waiting | Kind::Idle);
        let asleep = ids.last().filter(|id| kind(id) == Kind::Asleep);
        let leaf_name = ids.last().map(|id| names.texts[*id as usize].as_str());
        let wait = ids.iter().find(waits).or(asleep);
        if leaf_name.is_some_and(|name| OUTSIDE.contains(&name)) && wait.is_none() {
            self.outside += weight;
        }
        if leaf_name == Some(RAN) {
            self.ran += weight;
        }
        if ids.iter().any(|id| kind(id) == Kind::Unwalked) {
            self.unwalked += weight;
        }
        if let Some(id) = wait {
            self.waits += weight;
            let name = &names.texts[*id as usize];
            match self.by_wait.get_mut(name) {
                Some(sum) => *sum += weight,
                None => {
                    self.by_wait.insert(name.clone(), weight);
                }
            }
        }
        let own = names.below_thread(ids);
        let ends = [own.first(), own.last()];
        let leaf = own.last().map(kind);
        if leaf == Some(Kind::Unmapped) {
            self.unmapped += weight;
        } else if names.threads && own.len() == 1 && leaf == Some(Kind::Named) {
            self.alone += weight;
        }
        if own.iter().any(|id| kind(id) == Kind::Unmapped) {
            self.above_unmapped += weight;
        }
        if own.iter().any(|id| kind(id) == Kind::Interpreter) {
            self.interpreted += weight;
        }
        if own.last().is_some_and(|id| kind(id) == Kind::Kernel) {
            self.kernel += weight;
        } else if ends
            .into_iter()
            .flatten()
            .any(|id| kind(id) == Kind::Nameless)
        {
            self.nameless += weight;
            let nameless = ends
                .into_iter()
                .flatten()
                .filter(|id| kind(id) == Kind::Nameless);
            let mut found: Vec<&String> = nameless.map(|id| &names.texts[*id as usize]).collect();
            found.dedup();
            if found.iter().any(|name| is_nowhere(name)) {
                self.nowhere += weight;
            }
            for name in found.into_iter().filter(|name| name.starts_with('[')) {
                if !is_nowhere(name) {
                    *self.by_module.entry(name.clone()).or_default() += weight;
                }
            }
        }
    }

    /// What marks of profilers stand for, which are no functions.
    fn marks(&self, whole: f64, names: &Names) -> Vec<String> {
        let share = |weight: f64| format_share(weight / whole);
        let has = |name: &str| names.texts.iter().any(|known| known == name);
        let mut marks = Vec::new();
        let outside = OUTSIDE.into_iter().find(|name| has(name));
        if let Some(name) = outside
            && self.outside >= NAMELESS * whole
            && !has("(idle)")
        {
            marks.push(format!(
                "{} of it is {name}: code that the profiler does not see into, or time that was waited",
                share(self.outside)
            ));
        }
        if self.ran >= SAID * whole {
            marks.push(format!(
                "{} of it is {RAN}, which dotnet-trace writes below a function that ran: it is no function but the own work of the one that calls it",
                share(self.ran)
            ));
        }
        if self.unwalked >= SAID * whole {
            marks.push(format!(
                "{} of it is in stacks that async-profiler could not walk ([unknown_Java] and its kin), and that lack their callers or all of their functions: record with `asprof --cstack vm`, and start Java with -XX:+UnlockDiagnosticVMOptions -XX:+DebugNonSafepoints",
                share(self.unwalked)
            ));
        }
        marks
    }

    /// What most of the stacks without names have in common, and the remedy for that.
    fn blamed(&self) -> String {
        let is_most = |weight: f64| 2.0 * weight >= self.nameless;
        if is_most(self.nowhere) {
            return " (most of it is `[unknown]`, an address of no known file) and may not reach main: the program keeps no frame pointers, so that its callers are guessed; record with `--call-graph dwarf`, or build with -fno-omit-frame-pointer and with symbols".to_owned();
        }
        let module = largest(&self.by_module).filter(|(weight, _)| is_most(*weight));
        let module = module.map_or_else(String::new, |(_, module)| {
            format!(" (most of it in {})", printable(&module))
        });
        format!(
            "{module} and may not reach main: build with symbols (do not strip), install the program's debug symbols, and keep frame pointers, or record with `--call-graph dwarf`"
        )
    }

    /// Stacks as deep as a sampler keeps at most, where those a frame less or more deep are far fewer.
    fn cut(&self, whole: f64, of_perf: bool) -> Option<String> {
        let at = |depth: usize| self.by_depth.get(&depth).copied().unwrap_or(0.0);
        let deeper = |than: usize| {
            let deeper = self.by_depth.iter().filter(|(depth, _)| **depth > than);
            deeper.map(|(_, weight)| weight).sum::<f64>()
        };
        let depths = DEPTHS
            .into_iter()
            .filter(|depth| !of_perf || *depth >= PERF_DEPTH);
        let depth = depths.into_iter().find(|depth| {
            let beside = at(depth - 1) + at(depth + 1);
            // Where many stacks are deeper nobody cut these.
            at(*depth) >= CUT * whole && at(*depth) > 3.0 * beside && deeper(*depth) < at(*depth)
        })?;
        Some(format!(
            "{} of it is exactly {depth} frames deep, where samplers cut stacks: callers such as main have too small a share",
            format_share(at(depth) / whole)
        ))
    }
}

/// The name with the most of a sum, and that.
fn largest(sums: &HashMap<String, f64>) -> Option<(f64, String)> {
    let all = sums.iter().map(|(name, weight)| (*weight, name));
    let most = all.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)));
    most.map(|(weight, name)| (weight, name.clone()))
}

#[cfg(test)]
mod tests;
