//! How a user sees that all that a run's target acknowledged is stored.

use std::path::Path;

use crate::experiment::RunDir;
use crate::result::RunResult;
use crate::scenario::{Plan, Target};

/// A command for each sink and what was acknowledged into it.
pub(super) fn proofs(plan: &Plan, result: &RunResult, dir: &RunDir) -> Vec<String> {
    let mut sinks: Vec<(Vec<String>, Vec<&Path>)> = Vec::new();
    for variant in &result.variants {
        let planned = plan.variants.iter().find(|one| one.name == variant.name);
        let files = variant.phases.iter().flat_map(|phase| &phase.acknowledged);
        for file in files.filter(|file| file.ids > 0) {
            let Some(sink) = &file.sink else { continue };
            let mut place = vec!["--sink".to_owned(), sink.clone()];
            if let Some(Target::Bundled { config, .. }) = planned.map(|variant| &variant.target) {
                let access = [
                    ("--s3-endpoint", &config.s3_endpoint),
                    ("--s3-region", &config.s3_region),
                ];
                for (flag, value) in access {
                    let value = value.clone();
                    place.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
                }
            }
            match sinks.iter_mut().find(|(other, _)| *other == place) {
                Some((_, files)) => files.push(&file.file),
                None => sinks.push((place, vec![&file.file])),
            }
        }
    }
    let command = |(place, files): &(Vec<String>, Vec<&Path>)| {
        let lists = files.iter().flat_map(|file| {
            let path = dir.path().join(file);
            ["--acknowledged".to_owned(), path.display().to_string()]
        });
        let words: Vec<String> = place.iter().cloned().chain(lists).collect();
        let words = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
        format!(
            "to see whether all that was acknowledged is stored: telemload gateway verify-sink {words}"
        )
    };
    sinks.iter().map(command).collect()
}
