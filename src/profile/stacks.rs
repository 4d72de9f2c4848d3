//! A profile in memory: distinct call stacks with their weights, names interned.
//!
//! It must not know where a profile came from, and it must not change names: what is stored is what was read.
//! All limits on size are enforced here, so every reader inherits them.

mod launches;
mod merge;
mod weighing;

use std::collections::HashMap;
use std::sync::Arc;

use super::Error;
pub(super) use super::weight::{InSlice, Observed, Weight};
use crate::units::printable;

/// Distinct function names. A large C++ server has some 100,000 in its symbol table and a few thousand in a profile.
const MAX_NAMES: usize = 1 << 18;
const MAX_NAME_BYTES: usize = 64 << 20;
/// Bytes of one name. Those of C++ templates reach some KiB.
pub(super) const MAX_NAME: usize = 64 << 10;
pub(super) const MAX_STACKS: usize = 1 << 20;
/// Runtimes cut stacks at 64 to 1,024 frames; inlining multiplies that by a few.
pub(super) const MAX_DEPTH: usize = 4096;
/// Frames over all distinct stacks, 4 bytes each.
pub(super) const MAX_FRAMES: usize = 1 << 25;
/// Bytes of all distinct stacks when written out, which bounds folded text and flame graphs.
const MAX_TEXT: usize = 512 << 20;
/// Bytes that are shown of a name which is too long.
const SHOWN_NAME: usize = 40;
/// Slices of one capture: more of them say no more about the spread between them.
pub(super) const MAX_SLICES: usize = 64;

/// Notes that are kept; each slice of a capture may have its own.
const MAX_NOTES: usize = 64;

/// What samples are counts of if nobody counted them: entries of the profile that was read, which weigh nothing.
pub(super) const RECORDS: &str = "telemload_records";
/// What samples are counts of if they were worked out from the values.
pub(super) const OBSERVATIONS: &str = "telemload_observations";
/// Aggregated call stacks of one kind of sample.
#[derive(Debug, Clone)]
pub struct Profile {
    sample_type: String,
    unit: String,
    /// What samples are counts of: `samples`, `inuse_objects`, or [`RECORDS`].
    counts: String,
    period_ns: u64,
    duration_ns: u64,
    /// When it was taken, in ns since 1970, 0 if unknown.
    taken_ns: i64,
    /// Whether the root of a stack is the name of a thread.
    begins_at_threads: bool,
    /// Whether its counts of samples do not stand for its values.
    is_uneven: bool,
    /// Whether it is a part of one capture that was taken at random, so that everything in it came by chance.
    is_part: bool,
    names: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, u32>,
    name_bytes: usize,
    stacks: Vec<(Arc<[u32]>, Counted)>,
    /// Where a stack is in `stacks`.
    places: HashMap<Arc<[u32]>, u32>,
    frames: usize,
    text: usize,
    total: Weight,
    /// Samples of each slice.
    slices: Vec<u64>,
    /// The sums of their values.
    slice_values: Vec<u64>,
    /// Which launches the slices are of, if it spans several.
    launches: Option<Launches>,
    /// What of a larger profile it holds alone, such as `endpoint=/slow`; empty for all of it.
    selected: String,
    notes: Vec<String>,
}

/// What was seen of one stack.
#[derive(Debug, Clone, Default)]
struct Counted {
    weight: Weight,
    /// Slices in which it was seen, and what of it was there.
    by_slice: Vec<(u8, InSlice)>,
}

/// The launches of a profile that spans several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Launches {
    /// Their run: when it began, ms since 1970. Launches of one run alternate with those that they are compared with.
    pub(super) run: u64,
    /// The launch of each slice, from 0.
    pub(super) of_slices: Vec<u8>,
}

/// A stack as indices into the profile's names.
#[derive(Clone, Copy)]
pub(super) struct Counts<'a> {
    pub(super) ids: &'a [u32],
    pub(super) weight: Weight,
    pub(super) by_slice: &'a [(u8, InSlice)],
}

/// One distinct call stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack<'a> {
    /// Names as they were read, the root first; never empty.
    pub frames: Vec<&'a str>,
    /// How often it was seen.
    pub samples: u64,
    /// The sum of its values in the profile's unit: CPU nanoseconds in a CPU profile.
    pub value: u64,
}

impl Profile {
    /// An empty profile of values of the given type and unit, such as `cpu` and `nanoseconds`; `period_ns` is the CPU time
    /// that one sample stands for, 0 if unknown.
    pub fn new(sample_type: &str, unit: &str, period_ns: u64) -> Self {
        Self {
            sample_type: sample_type.to_owned(),
            unit: unit.to_owned(),
            counts: "samples".to_owned(),
            period_ns,
            duration_ns: 0,
            taken_ns: 0,
            begins_at_threads: false,
            is_uneven: false,
            is_part: false,
            names: Vec::new(),
            ids: HashMap::new(),
            name_bytes: 0,
            stacks: Vec::new(),
            places: HashMap::new(),
            frames: 0,
            text: 0,
            total: Weight::default(),
            slices: Vec::new(),
            slice_values: Vec::new(),
            launches: None,
            selected: String::new(),
            notes: Vec::new(),
        }
    }

    /// The same profile with the wall-clock time that it covers, in nanoseconds.
    #[must_use]
    pub fn with_duration_ns(mut self, duration_ns: u64) -> Self {
        self.duration_ns = duration_ns;
        self
    }

    /// The same profile with the time at which it was taken, in ns since 1970.
    pub(super) fn taken_at(mut self, taken_ns: i64) -> Self {
        self.taken_ns = taken_ns;
        self
    }

    /// The same profile of stacks that begin with the name of their thread.
    pub(super) fn beginning_at_threads(mut self) -> Self {
        self.begins_at_threads = true;
        self
    }

    /// The same profile as what was selected of a larger one, such as `endpoint=/slow`.
    pub(super) fn selecting(mut self, what: &str) -> Self {
        if self.selected.split(", ").any(|known| known == what) {
            return self;
        }
        if !self.selected.is_empty() {
            self.selected.push_str(", ");
        }
        self.selected.push_str(what);
        self
    }

    /// What of a larger profile it holds alone; empty for all of it.
    pub(super) fn selected(&self) -> &str {
        &self.selected
    }

    /// The same as one part of a capture, which is compared with another one of it.
    #[must_use]
    pub fn as_part(mut self) -> Self {
        self.is_part = self.is_of_values();
        self
    }

    /// The same profile with samples that are counts of something else.
    pub(super) fn counting(mut self, counts: &str) -> Self {
        counts.clone_into(&mut self.counts);
        self
    }

    /// Says something of how the profile was read, once.
    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) && self.notes.len() < MAX_NOTES {
            self.notes.push(note);
        }
    }

    /// Says all that there is to say.
    pub fn note_all(&mut self, notes: impl IntoIterator<Item = String>) {
        notes.into_iter().for_each(|note| self.note(note));
    }

    /// What a reader has to say: what was chosen of several things, what was left out.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Adds samples of one stack, its frames given root first. A stack without frames is kept as `[no stack]`, so that
    /// shares stay shares of everything that was sampled; a weight of nothing is not kept.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond the limits on names, frames and stacks, [`Error::Overflow`] beyond 64 bits.
    pub fn add<'a>(
        &mut self,
        frames: impl IntoIterator<Item = &'a str>,
        samples: u64,
        value: u64,
    ) -> Result<(), Error> {
        if samples == 0 && value == 0 {
            return Ok(());
        }
        let mut ids = Vec::new();
        for name in frames {
            if ids.len() == MAX_DEPTH {
                return Err(too_large("frames in one stack", MAX_DEPTH));
            }
            ids.push(self.intern(name)?);
        }
        self.add_ids(ids, Weight::of(samples, value), None)?;
        Ok(())
    }

    /// The number of samples: the n of every share.
    pub fn samples(&self) -> u64 {
        self.total.samples
    }

    /// The sum of all values, in [`Profile::unit`].
    pub fn value(&self) -> u64 {
        self.total.value
    }

    /// The sampled CPU time in nanoseconds; `None` if this is not a profile of CPU nanoseconds. Samplers lose samples, so
    /// it is a lower bound of what the operating system accounts.
    pub fn cpu_ns(&self) -> Option<u64> {
        (self.sample_type == "cpu" && self.unit == "nanoseconds").then_some(self.total.value)
    }

    /// The CPU time in nanoseconds that one sample stands for, 0 if unknown.
    pub fn period_ns(&self) -> u64 {
        self.period_ns
    }

    /// The wall-clock time that the profile covers in nanoseconds, 0 if unknown.
    pub fn duration_ns(&self) -> u64 {
        self.duration_ns
    }

    /// What the values are, such as `cpu`.
    pub fn sample_type(&self) -> &str {
        &self.sample_type
    }

    /// What the values are counted in, such as `nanoseconds`.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// What samples are counts of.
    pub(super) fn counts(&self) -> &str {
        &self.counts
    }

    /// Whether there is not a single sample.
    pub fn is_empty(&self) -> bool {
        self.total.samples == 0
    }

    /// All distinct stacks, ordered by their names from the root: a parent's stacks are neighbours.
    pub fn stacks(&self) -> impl Iterator<Item = Stack<'_>> {
        // Comparing ranks instead of names keeps the sort off the text.
        let mut by_name: Vec<u32> = (0..).take(self.names.len()).collect();
        by_name.sort_unstable_by_key(|id| &self.names[*id as usize]);
        let mut rank = vec![0_u32; by_name.len()];
        for (place, id) in (0..).zip(&by_name) {
            rank[*id as usize] = place;
        }
        let mut ordered: Vec<_> = self.stacks.iter().collect();
        ordered.sort_unstable_by(|(a, _), (b, _)| {
            let place = |id: &u32| rank[*id as usize];
            a.iter().map(place).cmp(b.iter().map(place))
        });
        ordered.into_iter().map(|(ids, counted)| Stack {
            frames: ids.iter().map(|id| &*self.names[*id as usize]).collect(),
            samples: counted.weight.samples,
            value: counted.weight.value,
        })
    }

    /// Samples of each slice; empty unless every sample belongs to one.
    pub fn slices(&self) -> &[u64] {
        let sliced: u128 = self.slices.iter().map(|&samples| u128::from(samples)).sum();
        if sliced == u128::from(self.total.samples) {
            &self.slices
        } else {
            &[]
        }
    }

    /// What shares are taken of, by slice; empty as [`Profile::slices`] is.
    pub fn weighed_slices(&self) -> &[u64] {
        if self.is_of_values() && !self.slices().is_empty() {
            &self.slice_values
        } else {
            self.slices()
        }
    }

    /// What the samples are.
    pub fn observed(&self) -> Observed {
        match &*self.counts {
            RECORDS => Observed::Records,
            OBSERVATIONS => Observed::Estimated,
            _ => Observed::Samples,
        }
    }

    /// When it was taken, in ns since 1970; 0 if unknown.
    pub fn taken_ns(&self) -> i64 {
        self.taken_ns
    }

    /// Whether stacks begin with the names of their threads.
    pub(super) fn begins_at_threads(&self) -> bool {
        self.begins_at_threads
    }

    pub(super) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Stacks as indices into [`Profile::names`], in no order.
    pub(super) fn unordered(&self) -> impl Iterator<Item = Counts<'_>> {
        self.stacks.iter().map(|(ids, counted)| Counts {
            ids,
            weight: counted.weight,
            by_slice: &counted.by_slice,
        })
    }

    pub(super) fn intern(&mut self, name: &str) -> Result<u32, Error> {
        let name = if name.is_empty() { "[unknown]" } else { name };
        if let Some(id) = self.ids.get(name) {
            return Ok(*id);
        }
        if name.len() > MAX_NAME {
            return Err(long_name(name.as_bytes()));
        }
        self.name_bytes += name.len();
        if self.name_bytes > MAX_NAME_BYTES {
            return Err(too_large("bytes of function names", MAX_NAME_BYTES));
        }
        if self.names.len() == MAX_NAMES {
            return Err(too_large("function names", MAX_NAMES));
        }
        let id = u32::try_from(self.names.len()).expect("the limit on names is below 32 bits");
        let name: Arc<str> = Arc::from(name);
        self.names.push(Arc::clone(&name));
        self.ids.insert(name, id);
        Ok(id)
    }

    /// Adds samples of a stack; a slice of 64 and above counts as none. Answers where the stack is; nothing is added for no weight.
    pub(super) fn add_ids(
        &mut self,
        mut ids: Vec<u32>,
        weight: Weight,
        slice: Option<u8>,
    ) -> Result<Option<u32>, Error> {
        if weight == Weight::default() {
            return Ok(None);
        }
        if ids.is_empty() {
            ids.push(self.intern("[no stack]")?);
        }
        let place = match self.places.get(ids.as_slice()) {
            Some(place) => *place,
            None => self.new_stack(ids)?,
        };
        self.add_at(place, weight, slice)?;
        Ok(Some(place))
    }

    fn new_stack(&mut self, ids: Vec<u32>) -> Result<u32, Error> {
        self.frames += ids.len();
        let lengths = ids.iter().map(|id| self.names[*id as usize].len() + 1);
        self.text = lengths.fold(self.text, usize::saturating_add);
        for (size, what, limit) in [
            (self.stacks.len() + 1, "distinct stacks", MAX_STACKS),
            (self.frames, "frames", MAX_FRAMES),
            (self.text, "bytes of stacks", MAX_TEXT),
        ] {
            if size > limit {
                return Err(too_large(what, limit));
            }
        }
        let place = u32::try_from(self.stacks.len()).expect("the limit on stacks is below 32 bits");
        let ids: Arc<[u32]> = Arc::from(ids);
        self.stacks.push((Arc::clone(&ids), Counted::default()));
        self.places.insert(ids, place);
        Ok(place)
    }

    /// Adds samples of the stack at a place that [`Profile::add_ids`] answered.
    pub(super) fn add_at(
        &mut self,
        place: u32,
        weight: Weight,
        slice: Option<u8>,
    ) -> Result<(), Error> {
        let total = self.total.plus(weight)?;
        let slice = slice.filter(|slice| usize::from(*slice) < MAX_SLICES);
        if let Some(slice) = slice {
            let at = usize::from(slice);
            if self.slices.len() <= at {
                self.slices.resize(at + 1, 0);
                self.slice_values.resize(at + 1, 0);
            }
            // Bounded by the total, which is checked.
            self.slices[at] += weight.samples;
            self.slice_values[at] += weight.value;
        }
        self.stacks[place as usize].1.add(weight, slice)?;
        self.total = total;
        Ok(())
    }

    /// Type, unit and period for messages; what cannot be seen of the names is replaced.
    pub fn kind(&self) -> String {
        let Self {
            sample_type,
            unit,
            period_ns,
            ..
        } = self;
        let (sample_type, unit) = (printable(sample_type), printable(unit));
        if *period_ns == 0 {
            return format!("{sample_type}/{unit}");
        }
        format!("{sample_type}/{unit} every {period_ns} ns")
    }
}

impl Counted {
    fn add(&mut self, weight: Weight, slice: Option<u8>) -> Result<(), Error> {
        self.weight = self.weight.plus(weight)?;
        let Some(slice) = slice else { return Ok(()) };
        let known = self.by_slice.iter().position(|(known, _)| *known == slice);
        let at = known.unwrap_or_else(|| {
            self.by_slice.push((slice, InSlice::default()));
            self.by_slice.len() - 1
        });
        self.by_slice[at].1.add(weight);
        Ok(())
    }
}

pub(super) fn too_large(what: &'static str, limit: usize) -> Error {
    Error::TooLarge {
        what,
        limit: limit as u64,
    }
}

/// What is said of a name longer than [`MAX_NAME`].
pub(super) fn long_name(name: &[u8]) -> Error {
    let begin = String::from_utf8_lossy(&name[..name.len().min(SHOWN_NAME)]);
    Error::LongName {
        begin: printable(&begin).into_owned(),
        length: name.len(),
        limit: MAX_NAME,
    }
}
