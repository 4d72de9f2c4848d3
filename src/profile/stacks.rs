//! A profile in memory: distinct call stacks with their weights, names interned.
//!
//! It must not know where a profile came from, and it must not change names: what is stored is what was read.
//! All limits on size are enforced here, so every reader inherits them.

use std::collections::HashMap;
use std::sync::Arc;

use super::Error;

/// Distinct function names. A large C++ server has some 100,000 in its symbol table and a few thousand in a profile.
const MAX_NAMES: usize = 1 << 18;
const MAX_NAME_BYTES: usize = 64 << 20;
const MAX_STACKS: usize = 1 << 20;
/// Runtimes cut stacks at 64 to 1,024 frames; inlining multiplies that by a few.
pub(super) const MAX_DEPTH: usize = 4096;
/// Frames over all distinct stacks, 4 bytes each.
const MAX_FRAMES: usize = 1 << 25;
/// Bytes of all distinct stacks when written out, which bounds folded text and flame graphs.
const MAX_TEXT: usize = 512 << 20;

/// Aggregated call stacks of one kind of sample.
#[derive(Debug, Clone)]
pub struct Profile {
    sample_type: String,
    unit: String,
    period_ns: u64,
    duration_ns: u64,
    names: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, u32>,
    name_bytes: usize,
    stacks: HashMap<Box<[u32]>, Weight>,
    frames: usize,
    text: usize,
    total: Weight,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) samples: u64,
    pub(super) value: u64,
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
            period_ns,
            duration_ns: 0,
            names: Vec::new(),
            ids: HashMap::new(),
            name_bytes: 0,
            stacks: HashMap::new(),
            frames: 0,
            text: 0,
            total: Weight::default(),
        }
    }

    /// The same profile with the wall-clock time that it covers, in nanoseconds.
    #[must_use]
    pub fn with_duration_ns(mut self, duration_ns: u64) -> Self {
        self.duration_ns = duration_ns;
        self
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
        self.add_ids(ids, Weight { samples, value })
    }

    /// Adds the stacks of `other`, such as the next slice of the same capture; durations add up. On an error the profile
    /// may hold a part of `other`.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if type, unit or known periods differ, and those of [`Profile::add`].
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        let periods_differ =
            self.period_ns != other.period_ns && self.period_ns > 0 && other.period_ns > 0;
        if self.sample_type != other.sample_type || self.unit != other.unit || periods_differ {
            return Err(Error::Mismatch {
                ours: self.kind(),
                theirs: other.kind(),
            });
        }
        for stack in other.stacks() {
            self.add(stack.frames, stack.samples, stack.value)?;
        }
        self.period_ns = self.period_ns.max(other.period_ns);
        self.duration_ns = self.duration_ns.saturating_add(other.duration_ns);
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
        ordered.into_iter().map(|(ids, weight)| Stack {
            frames: ids.iter().map(|id| &*self.names[*id as usize]).collect(),
            samples: weight.samples,
            value: weight.value,
        })
    }

    pub(super) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Stacks as indices into [`Profile::names`], in no order.
    pub(super) fn unordered(&self) -> impl Iterator<Item = (&[u32], Weight)> {
        self.stacks.iter().map(|(ids, weight)| (&**ids, *weight))
    }

    pub(super) fn intern(&mut self, name: &str) -> Result<u32, Error> {
        let name = if name.is_empty() { "[unknown]" } else { name };
        if let Some(id) = self.ids.get(name) {
            return Ok(*id);
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

    pub(super) fn add_ids(&mut self, mut ids: Vec<u32>, weight: Weight) -> Result<(), Error> {
        if weight == Weight::default() {
            return Ok(());
        }
        if ids.is_empty() {
            ids.push(self.intern("[no stack]")?);
        }
        let total = self.total.plus(weight)?;
        if let Some(known) = self.stacks.get_mut(ids.as_slice()) {
            *known = known.plus(weight)?;
        } else {
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
            self.stacks.insert(ids.into_boxed_slice(), weight);
        }
        self.total = total;
        Ok(())
    }

    fn kind(&self) -> String {
        let Self {
            sample_type,
            unit,
            period_ns,
            ..
        } = self;
        format!("{sample_type}/{unit} every {period_ns} ns")
    }
}

impl Weight {
    fn plus(self, other: Self) -> Result<Self, Error> {
        let sum = |a: u64, b: u64| a.checked_add(b).ok_or(Error::Overflow);
        Ok(Self {
            samples: sum(self.samples, other.samples)?,
            value: sum(self.value, other.value)?,
        })
    }
}

pub(super) fn too_large(what: &'static str, limit: usize) -> Error {
    Error::TooLarge {
        what,
        limit: limit as u64,
    }
}
