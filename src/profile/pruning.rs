//! `drop_frames` and `keep_frames` of a profile.proto: frames that are left out together with what they call.
//!
//! It must do what pprof does, whose patterns know no lists of arguments.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use super::symbols::{Tables, malformed};
use super::{Error, Profile};

/// Compiled size of an expression.
const MAX_PATTERN: usize = 1 << 20;
/// Parentheses that belong to a name.
const RESERVED: [&str; 2] = ["(anonymous namespace)", "operator()"];

/// Cuts a stack at the first dropped frame below a kept one.
pub(super) struct Pruning {
    drop: Option<Regex>,
    keep: Option<Regex>,
    dropped: HashMap<u32, bool>,
}

impl Pruning {
    pub(super) fn new(tables: &Tables<'_>) -> Result<Self, Error> {
        let pattern = |index, what| match &*tables.string(index)? {
            "" => Ok(None),
            text => RegexBuilder::new(&format!("^(?:{text})$"))
                .size_limit(MAX_PATTERN)
                .build()
                .map(Some)
                .map_err(|_| {
                    malformed(format!(
                        "{what} is not a regular expression that can be used"
                    ))
                }),
        };
        Ok(Self {
            drop: pattern(tables.drop_frames, "drop_frames")?,
            keep: pattern(tables.keep_frames, "keep_frames")?,
            dropped: HashMap::new(),
        })
    }

    pub(super) fn apply(&mut self, frames: &mut Vec<u32>, profile: &Profile) {
        let Some(drop) = &self.drop else { return };
        let mut kept_any = false;
        for (depth, id) in frames.iter().enumerate() {
            let dropped = *self.dropped.entry(*id).or_insert_with(|| {
                let name = simplified(&profile.names()[*id as usize]);
                drop.is_match(name) && !self.keep.as_ref().is_some_and(|keep| keep.is_match(name))
            });
            if dropped && kept_any {
                frames.truncate(depth);
                return;
            }
            kept_any |= !dropped;
        }
    }
}

/// The name that patterns are held against: without its list of arguments, and the point that one ABI puts before names.
fn simplified(name: &str) -> &str {
    let name = name.strip_prefix('.').unwrap_or(name);
    let mut at = 0;
    while let Some(found) = name[at..].find('(') {
        let begin = at + found;
        let reserved = RESERVED.iter().find_map(|reserved| {
            let start = begin - reserved.find('(').filter(|before| *before <= begin - at)?;
            // Before the parenthesis any character may end where the reserved name would begin.
            let rest = name.get(start..)?;
            rest.starts_with(reserved).then_some(start + reserved.len())
        });
        match reserved {
            Some(end) => at = end,
            None => return &name[..begin],
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_see_names_without_arguments() {
        for (name, expected) in [
            ("operator new(unsigned long)", "operator new"),
            ("(anonymous namespace)::f(int)", "(anonymous namespace)::f"),
            ("A::operator()(int) const", "A::operator()"),
            (".f(int)", "f"),
            ("operator()(g(1))", "operator()"),
            ("é(operator())", "é"),
            ("main.(*T).f", "main."),
            ("oper\u{fffd}tor new(int)", "oper\u{fffd}tor new"),
            ("f", "f"),
        ] {
            assert_eq!(simplified(name), expected);
        }
    }
}
