//! What engines that start many processes tell each of them: its index, and mostly the number of all. The caller brings the environment.

use super::{NoShard, Shard};

/// Names a shard as `--shard` does.
pub const SHARD: &str = "TELEMLOAD_SHARD";
/// The number of shards, for engines that do not tell it.
pub const SHARDS: &str = "TELEMLOAD_SHARDS";

/// Why the environment does not say which shard this is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// No engine has left its variables.
    #[error(
        "--shard auto finds none of {}; give --shard INDEX/COUNT, or set {SHARD}",
        list()
    )]
    Nothing,
    /// A variable is no number.
    #[error("{name} is `{value}`, which is no number from 0 on")]
    NoNumber {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// The engine does not tell how many there are.
    #[error("{name} is set, and nothing says how many shards there are; set {SHARDS}")]
    NoCount {
        /// The variable with the index.
        name: &'static str,
    },
    /// There is no such shard.
    #[error("{source_name} names no shard: {reason}")]
    NoShard {
        /// The variables.
        source_name: String,
        /// What is wrong with them.
        reason: NoShard,
    },
    /// An index from 1 is 0.
    #[error("{name} is 0, and it counts from 1")]
    FromOne {
        /// The variable.
        name: &'static str,
    },
    /// The ids of a job array have gaps.
    #[error(
        "the ids of this Slurm job array are not evenly spaced (SLURM_ARRAY_TASK_MIN, _MAX, _STEP and _COUNT); use --array=0-{}, or give --shard INDEX/COUNT",
        count - 1
    )]
    Gaps {
        /// How many there are.
        count: u32,
    },
    /// Each element of a job array has several tasks.
    #[error(
        "SLURM_ARRAY_TASK_ID is set and SLURM_NTASKS is {tasks}: whether a shard is an element or a task is not clear; use an array of single tasks or one job of several, or give --shard INDEX/COUNT"
    )]
    ArrayOfSteps {
        /// Tasks of each element.
        tasks: u32,
    },
    /// Two engines say different things.
    #[error(
        "{one} says shard {of}, and {other} says {another}; unset one of them, or give --shard INDEX/COUNT"
    )]
    Contradiction {
        /// The one.
        one: String,
        /// What it says.
        of: Shard,
        /// The other.
        other: String,
        /// What that says.
        another: Shard,
    },
}

/// An engine's variables.
struct Engine {
    index: &'static str,
    /// Where it tells that.
    count: Option<&'static str>,
    /// What the index counts from.
    from: u32,
}

const fn engine(index: &'static str, count: Option<&'static str>, from: u32) -> Engine {
    Engine { index, count, from }
}

/// In the order in which they are named; Slurm's job arrays are apart.
const ENGINES: [Engine; 7] = [
    engine("JOB_COMPLETION_INDEX", None, 0),
    engine("SLURM_PROCID", Some("SLURM_NTASKS"), 0),
    engine("OMPI_COMM_WORLD_RANK", Some("OMPI_COMM_WORLD_SIZE"), 0),
    engine("PMI_RANK", Some("PMI_SIZE"), 0),
    engine(
        "AWS_BATCH_JOB_ARRAY_INDEX",
        Some("AWS_BATCH_JOB_ARRAY_SIZE"),
        0,
    ),
    engine("NOMAD_ALLOC_INDEX", None, 0),
    engine("PARALLEL_SEQ", None, 1),
];

const ARRAY: &str = "SLURM_ARRAY_TASK_ID";

fn list() -> String {
    let names: Vec<&str> = ENGINES.iter().map(|of| of.index).chain([ARRAY]).collect();
    names.join(", ")
}

/// The variables that were looked up, with what said it.
type Said = (String, Shard);

/// What a job's environment says.
struct Environment<F>(F);

/// The shard that the variables of an engine name. An engine may be told by several variables; all that are there must agree.
///
/// # Errors
/// None is there, or they contradict each other.
pub fn from_environment(value: impl Fn(&str) -> Option<String>) -> Result<Shard, Unclear> {
    let environment = Environment(value);
    let mut said: Vec<Said> = Vec::new();
    said.extend(environment.named()?);
    said.extend(environment.array()?);
    for engine in &ENGINES {
        let is_element = engine.index == "SLURM_PROCID" && environment.is_set(ARRAY);
        if !is_element {
            said.extend(environment.engine(engine)?);
        }
    }
    let mut all = said.into_iter();
    let (one, shard) = all.next().ok_or(Unclear::Nothing)?;
    match all.find(|(_, another)| *another != shard) {
        None => Ok(shard),
        Some((other, another)) => Err(Unclear::Contradiction {
            one,
            of: shard,
            other,
            another,
        }),
    }
}

/// The shard that `TELEMLOAD_SHARD` names, if it is set.
///
/// # Errors
/// It names none.
pub fn named(value: impl Fn(&str) -> Option<String>) -> Result<Option<Shard>, Unclear> {
    Ok(Environment(value).named()?.map(|(_, shard)| shard))
}

impl<F: Fn(&str) -> Option<String>> Environment<F> {
    /// A variable that is set to nothing is not set.
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|text| !text.is_empty())
    }

    fn is_set(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    fn number(&self, name: &'static str) -> Result<Option<u32>, Unclear> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
        match value.parse() {
            Ok(number) if is_plain => Ok(Some(number)),
            _ => Err(Unclear::NoNumber { name, value }),
        }
    }

    fn named(&self) -> Result<Option<Said>, Unclear> {
        let Some(text) = self.text(SHARD) else {
            return Ok(None);
        };
        let shard = text.parse().map_err(|reason| Unclear::NoShard {
            source_name: SHARD.to_owned(),
            reason,
        })?;
        Ok(Some((SHARD.to_owned(), shard)))
    }

    fn engine(&self, engine: &Engine) -> Result<Option<Said>, Unclear> {
        let name = engine.index;
        let Some(index) = self.number(name)? else {
            return Ok(None);
        };
        let index = index
            .checked_sub(engine.from)
            .ok_or(Unclear::FromOne { name })?;
        let own = match engine.count {
            Some(count) => self.number(count)?.map(|of| (count, of)),
            None => None,
        };
        let (count_name, count) = match (own, self.number(SHARDS)?) {
            (Some(own), None) => own,
            (None, Some(count)) => (SHARDS, count),
            (None, None) => return Err(Unclear::NoCount { name }),
            (Some((own_name, own)), Some(count)) if own != count => {
                let shard =
                    |count, name: &str| said(index, count, &format!("{name} with {own_name}"));
                let (one, of) = shard(own, name)?;
                let (other, another) = said(index, count, SHARDS)?;
                return Err(Unclear::Contradiction {
                    one,
                    of,
                    other,
                    another,
                });
            }
            (Some(own), Some(_)) => own,
        };
        said(index, count, &format!("{name} with {count_name}")).map(Some)
    }

    /// A job array of Slurm: its ids begin anywhere, and are a step apart.
    fn array(&self) -> Result<Option<Said>, Unclear> {
        let Some(id) = self.number(ARRAY)? else {
            return Ok(None);
        };
        if let Some(tasks) = self.number("SLURM_NTASKS")?.filter(|tasks| *tasks > 1) {
            return Err(Unclear::ArrayOfSteps { tasks });
        }
        let first = self.number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
        let step = self.number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
        let own = self.number("SLURM_ARRAY_TASK_COUNT")?;
        let count = match own {
            Some(count) => count,
            None => (self.number(SHARDS)?).ok_or(Unclear::NoCount { name: ARRAY })?,
        };
        let last = self.number("SLURM_ARRAY_TASK_MAX")?;
        let is_even = |id: u32| id >= first && (id - first).is_multiple_of(step);
        let is_full = last.is_none_or(|last| is_even(last) && (last - first) / step + 1 == count);
        if !is_even(id) || !is_full {
            return Err(Unclear::Gaps {
                count: count.max(1),
            });
        }
        said((id - first) / step, count, "SLURM_ARRAY_TASK_ID").map(Some)
    }
}

fn said(index: u32, count: u32, by: &str) -> Result<Said, Unclear> {
    let shard = Shard::new(index, count).map_err(|reason| Unclear::NoShard {
        source_name: by.to_owned(),
        reason,
    })?;
    Ok((by.to_owned(), shard))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(environment: &str) -> Result<Shard, Unclear> {
        let value = |name: &str| {
            let mut pairs = environment.split_ascii_whitespace();
            pairs.find_map(|pair| Some(pair.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
        };
        from_environment(value)
    }

    #[test]
    fn every_engine_tells_a_shard() {
        for (environment, expected) in [
            ("TELEMLOAD_SHARD=2/8", "2/8"),
            ("JOB_COMPLETION_INDEX=2 TELEMLOAD_SHARDS=8", "2/8"),
            ("SLURM_PROCID=0 SLURM_NTASKS=3", "0/3"),
            ("SLURM_PROCID=2 SLURM_NTASKS=3 PMI_RANK=2 PMI_SIZE=3", "2/3"),
            ("SLURM_PROCID=2 SLURM_NTASKS=3 TELEMLOAD_SHARDS=3", "2/3"),
            ("OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2", "1/2"),
            (
                "AWS_BATCH_JOB_ARRAY_INDEX=9 AWS_BATCH_JOB_ARRAY_SIZE=10",
                "9/10",
            ),
            ("NOMAD_ALLOC_INDEX=0 TELEMLOAD_SHARDS=1", "0/1"),
            ("PARALLEL_SEQ=3 TELEMLOAD_SHARDS=3", "2/3"),
            (
                "SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_MIN=4 SLURM_ARRAY_TASK_COUNT=3",
                "0/3",
            ),
            // The batch step of each element is a task of its own.
            (
                "SLURM_ARRAY_TASK_ID=6 SLURM_ARRAY_TASK_MIN=4 SLURM_ARRAY_TASK_COUNT=3 SLURM_PROCID=0 SLURM_NTASKS=1",
                "2/3",
            ),
            (
                "SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=8 SLURM_ARRAY_TASK_STEP=4 SLURM_ARRAY_TASK_COUNT=3",
                "1/3",
            ),
            ("PARALLEL_SEQ= SLURM_PROCID=0 SLURM_NTASKS=3", "0/3"),
        ] {
            assert_eq!(
                found(environment).map(|of| of.to_string()),
                Ok(expected.to_owned()),
                "{environment}"
            );
        }
    }

    #[test]
    fn what_is_not_clear_is_refused_by_name() {
        for (environment, expected) in [
            (
                "",
                "--shard auto finds none of JOB_COMPLETION_INDEX, SLURM_PROCID,",
            ),
            ("TELEMLOAD_SHARDS=3", "--shard auto finds none of"),
            (
                "JOB_COMPLETION_INDEX=2",
                "JOB_COMPLETION_INDEX is set, and nothing says how many shards there are; set TELEMLOAD_SHARDS",
            ),
            (
                "JOB_COMPLETION_INDEX=8 TELEMLOAD_SHARDS=8",
                "JOB_COMPLETION_INDEX with TELEMLOAD_SHARDS names no shard: the index is from 0 to 7",
            ),
            (
                "PARALLEL_SEQ=4 TELEMLOAD_SHARDS=3",
                "PARALLEL_SEQ with TELEMLOAD_SHARDS names no shard",
            ),
            (
                "PARALLEL_SEQ=0 TELEMLOAD_SHARDS=3",
                "PARALLEL_SEQ is 0, and it counts from 1",
            ),
            (
                "SLURM_PROCID=a SLURM_NTASKS=3",
                "SLURM_PROCID is `a`, which is no number",
            ),
            ("SLURM_PROCID=-1 SLURM_NTASKS=3", "SLURM_PROCID is `-1`"),
            ("SLURM_PROCID=+1 SLURM_NTASKS=3", "SLURM_PROCID is `+1`"),
            (
                "SLURM_PROCID=1 SLURM_NTASKS=3 TELEMLOAD_SHARDS=4",
                "SLURM_PROCID with SLURM_NTASKS says shard 1/3, and TELEMLOAD_SHARDS says 1/4",
            ),
            (
                "SLURM_PROCID=0 SLURM_NTASKS=3 OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=3",
                "says shard 0/3, and OMPI_COMM_WORLD_RANK with OMPI_COMM_WORLD_SIZE says 1/3",
            ),
            (
                "TELEMLOAD_SHARD=0/2 PARALLEL_SEQ=2 TELEMLOAD_SHARDS=2",
                "TELEMLOAD_SHARD says shard 0/2, and PARALLEL_SEQ",
            ),
            (
                "TELEMLOAD_SHARD=2",
                "TELEMLOAD_SHARD names no shard: a shard is INDEX/COUNT",
            ),
            (
                "SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_MIN=4 SLURM_ARRAY_TASK_COUNT=3 SLURM_PROCID=1 SLURM_NTASKS=2",
                "SLURM_ARRAY_TASK_ID is set and SLURM_NTASKS is 2",
            ),
            // --array=1,2,7: also the elements that would fit are refused.
            (
                "SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_TASK_COUNT=3",
                "are not evenly spaced",
            ),
            (
                "SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=0",
                "names no shard: there are 1 to 10000 shards",
            ),
            (
                "OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=0",
                "names no shard: there are 1 to 10000 shards",
            ),
        ] {
            let words = found(environment).unwrap_err().to_string();
            assert!(words.contains(expected), "{environment}: {words}");
        }
    }
}
