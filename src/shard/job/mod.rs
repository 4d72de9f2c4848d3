//! Job files for engines that exist: text for `kubectl apply`, `sbatch` and a shell. Nothing is submitted. What a scenario or a user
//! names is text of others there: it is quoted for YAML or for the shell.

mod kubernetes;
mod shell;

use std::collections::BTreeSet;
use std::time::Duration;

pub use kubernetes::{Cluster, kubernetes};
pub use shell::{slurm, ssh};

/// What is run as how many shards.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// Of the scenario.
    pub name: &'a str,
    /// How many shards.
    pub shards: u32,
    /// The scenario's file, as it was named.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Workers of each shard, if a flag says it.
    pub workers: Option<u32>,
    /// The most workers that a shard has in any stretch of load.
    pub most_workers: u32,
    /// From the start to the end of the last stretch, answers included.
    pub length: Duration,
}

/// The longest label of a name in a cluster, without what is put behind it.
const LONGEST_NAME: usize = 40;

impl Job<'_> {
    /// A name that every engine takes: of a DNS label's characters.
    fn label(&self) -> String {
        let plain = |c: char| match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => c,
            _ => '-',
        };
        let name: String = self.name.chars().map(plain).take(LONGEST_NAME).collect();
        format!("telemload-{}", name.trim_matches('-'))
            .trim_end_matches('-')
            .to_owned()
    }

    /// The variables that the scenario takes from the environment, in the order of their names.
    fn variables(&self) -> BTreeSet<&str> {
        let names = self.text.match_indices("env.").filter_map(|(at, _)| {
            let before = &self.text[..at];
            // A placeholder is open there, and no other word ends there.
            let is_open = before.rfind("{{") > before.rfind("}}");
            let is_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
            let rest = &self.text[at + "env.".len()..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            (is_open && !is_word && !name.is_empty()).then_some(name)
        });
        names.collect()
    }

    /// How long the job may take in all.
    fn seconds(&self, until_start: Duration) -> u64 {
        const SPARE: Duration = Duration::from_secs(600);
        (until_start + self.length + SPARE).as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_variables_are_found() {
        fn job<'a>(name: &'a str, text: &'a str) -> Job<'a> {
            Job {
                name,
                shards: 3,
                file: "s.toml",
                text,
                workers: None,
                most_workers: 1,
                length: Duration::from_secs(60),
            }
        }
        for (name, label) in [
            ("200-to-20000", "telemload-200-to-20000"),
            ("Check_Out.v2", "telemload-check-out-v2"),
            ("-", "telemload"),
            ("ünï", "telemload-n"),
        ] {
            assert_eq!(job(name, "").label(), label);
        }
        assert!(job(&"x".repeat(300), "").label().len() <= 63);
        let text = "a = '{{env.TOKEN}} {{base64 env.USER \":\" env.PASS_1}} env.NONE {{seq}} env.NOT_THIS {{env.}} {{myenv.X}}'";
        let job = job("s", text);
        let found: Vec<&str> = job.variables().into_iter().collect();
        assert_eq!(found, ["PASS_1", "TOKEN", "USER"]);
    }
}
