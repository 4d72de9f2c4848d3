//! Threads of two profiles that are one under two names, as the first threads of `app-v1` and `app-v2` are.
//!
//! The root of a stack of perf is its thread. A renamed program is no function that is gone and another that is new.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::Profile;
use super::names::normalise;

/// From this share of a profile on a thread that the other side lacks is looked at.
const LOOKED_AT: f64 = 0.05;
/// The part of what a thread runs that the other one runs too, from which both are one.
const ALIKE: f64 = 0.5;

/// The thread of the base that has another name in the head, and that name: each is the only large one that the other side lacks, and they run the
/// same functions.
pub fn renamed_thread<'a>(base: &'a Profile, head: &'a Profile) -> Option<(&'a str, &'a str)> {
    if !base.begins_at_threads() || !head.begins_at_threads() {
        return None;
    }
    let sides = (Threads::of(base), Threads::of(head));
    let (from, to) = (sides.0.alone(&sides.1)?, sides.1.alone(&sides.0)?);
    let (known, run) = (sides.0.innermost(from), sides.1.innermost(to));
    let known: HashSet<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
    let whole: f64 = run.iter().map(|(_, weight)| weight).sum();
    let in_both = run.iter().filter(|(name, _)| known.contains(name.as_str()));
    let in_both: f64 = in_both.map(|(_, weight)| weight).sum();
    (in_both >= ALIKE * whole).then_some((from, to))
}

/// The head with the name that the base has for such a thread.
pub fn with_threads_of<'a>(base: &Profile, head: &'a Profile) -> Cow<'a, Profile> {
    let renamed = renamed_thread(base, head).and_then(|(of_base, of_head)| {
        // It has no more names than before, and may be above a limit only with one of a great length.
        head.with_thread(of_head, of_base).ok()
    });
    renamed.map_or(Cow::Borrowed(head), Cow::Owned)
}

/// The threads at which stacks begin, with their weights.
struct Threads<'a> {
    profile: &'a Profile,
    weights: HashMap<&'a str, f64>,
}

impl<'a> Threads<'a> {
    fn of(profile: &'a Profile) -> Self {
        let mut weights: HashMap<&str, f64> = HashMap::new();
        for counts in profile.unordered() {
            let root = &*profile.names()[counts.ids[0] as usize];
            *weights.entry(root).or_default() += profile.weighed(counts.weight) as f64;
        }
        Self { profile, weights }
    }

    /// The only large thread that the other side lacks.
    fn alone(&self, other: &Self) -> Option<&'a str> {
        let least = LOOKED_AT * self.profile.whole() as f64;
        let is_alone = |(name, weight): &(&&'a str, &f64)| {
            **weight >= least && !other.weights.contains_key(**name)
        };
        let mut alone = self.weights.iter().filter(is_alone);
        let (name, _) = alone.next()?;
        alone.next().is_none().then_some(*name)
    }

    /// The innermost functions of a thread, as they are called in every build.
    fn innermost(&self, thread: &str) -> Vec<(String, f64)> {
        let mut all: HashMap<u32, f64> = HashMap::new();
        let names = self.profile.names();
        for counts in self.profile.unordered() {
            if let [first, .., last] = counts.ids
                && &*names[*first as usize] == thread
            {
                *all.entry(*last).or_default() += self.profile.weighed(counts.weight) as f64;
            }
        }
        let named = |(id, weight)| (normalise(&names[id as usize]).into_owned(), weight);
        all.into_iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::perf_script::read;

    fn text(samples: &[(&str, &str, usize)]) -> Profile {
        let sample = |(thread, leaf, count): &(&str, &str, usize)| {
            format!("{thread} 1 1.5: cycles:\n\t1 {leaf} (x)\n\t2 main (x)\n\n").repeat(*count)
        };
        let text: String = samples.iter().map(sample).collect();
        read(&text, None).expect("reads")
    }

    #[test]
    fn a_program_of_another_name_is_the_same() {
        let base = text(&[
            ("app-v1", "work", 60),
            ("app-v1", "idle", 40),
            ("gc", "mark", 20),
        ]);
        let head = text(&[
            ("app-v2", "work", 50),
            ("app-v2", "wait", 30),
            ("gc", "mark", 20),
        ]);
        assert_eq!(renamed_thread(&base, &head), Some(("app-v1", "app-v2")));
        let renamed = with_threads_of(&base, &head);
        let roots: HashSet<&str> = renamed.stacks().map(|stack| stack.frames[0]).collect();
        assert_eq!(roots, HashSet::from(["app-v1", "gc"]));
        assert_eq!(renamed.samples(), head.samples());
        assert_eq!(renamed_thread(&base, &renamed), None);
    }

    #[test]
    fn threads_that_do_something_else_are_others() {
        let base = text(&[("api", "work", 60), ("gc", "mark", 40)]);
        for head in [
            // What the new one runs is new, it is one of several, or it is small.
            text(&[("api", "work", 60), ("log", "write", 40)]),
            text(&[
                ("api", "work", 60),
                ("log", "mark", 20),
                ("sweep", "mark", 20),
            ]),
            text(&[("api", "work", 97), ("log", "mark", 3)]),
            base.clone(),
        ] {
            assert_eq!(renamed_thread(&base, &head), None);
        }
        let folded = crate::profile::folded::read(b"api;work 3\n").expect("reads");
        assert_eq!(renamed_thread(&base, &folded), None);
    }
}
