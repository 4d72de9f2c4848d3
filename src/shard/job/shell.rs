//! A batch script of Slurm, and a command line of GNU parallel over ssh. Both find out the start when they run: Slurm starts all tasks
//! of a step at once, and parallel all jobs of as many machines.

use std::fmt::Write as _;
use std::time::Duration;

use super::Job;

/// What is left for processes to start and files to be copied, seconds.
const AHEAD: u32 = 30;

/// A word of a shell, as it stands.
fn word(text: &str) -> String {
    // A NUL cannot be in a word; no file has one in its name.
    let text = text.replace('\0', "");
    shlex::try_quote(&text).map_or_else(|_| "''".to_owned(), |quoted| quoted.into_owned())
}

fn workers(job: &Job<'_>) -> String {
    job.workers
        .map_or_else(String::new, |of| format!(" --shard-workers {of}"))
}

/// A batch script.
pub fn slurm(job: &Job<'_>) -> String {
    let (name, shards) = (job.label(), job.shards);
    let minutes = job.seconds(Duration::ZERO).div_ceil(60);
    let cpus = job.most_workers + 1;
    let (file, workers) = (word(job.file), workers(job));
    let mut text = format!(
        r#"#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --ntasks={shards}
#SBATCH --cpus-per-task={cpus}
#SBATCH --time={minutes}
#SBATCH --no-requeue
# All shards see this directory, and the scenario in it.
"#
    );
    for variable in job.variables() {
        let _ = writeln!(text, ": \"${{{variable}:?set it where sbatch is called}}\"");
    }
    let _ = write!(
        text,
        r#"out="results/{name}-$SLURM_JOB_ID"
start=$(date -u -d '+{AHEAD} seconds' +%Y-%m-%dT%H:%M:%SZ)
srun --ntasks={shards} --cpus-per-task={cpus} --kill-on-bad-exit=0 telemload run {file} --shard auto{workers} --start-at "$start" --out "$out"
telemload merge "$out"/shard-* -o "$out/merged"
"#
    );
    text
}

/// A command line for as many machines as there are shards, one in each line of the file `hosts`. What differs between runs or comes
/// from others is an argument, which parallel quotes for the shells on its way.
pub fn ssh(job: &Job<'_>) -> String {
    let (name, shards) = (job.label(), job.shards);
    let (file, workers) = (word(job.file), workers(job));
    let indices: String = (0..shards).map(|index| format!(" {index}")).collect();
    let variables = job.variables().into_iter();
    let variables: String = variables
        .map(|variable| format!(" --env {variable}"))
        .collect();
    format!(
        r#"#!/bin/bash
# The file `hosts` has {shards} lines, each a machine that ssh reaches. telemload and rsync are on its path there.
set -u
out={name}-$(date -u +%Y%m%dT%H%M%SZ)
start=$(date -u -d '+{AHEAD} seconds' +%Y-%m-%dT%H:%M:%SZ)
parallel --sshloginfile hosts --jobs 1 --workdir ... --transferfile '{{2}}' --return '{{4}}/shard-{{1}}' --cleanup{variables} \
  telemload run '{{2}}' --shard '{{1}}/{shards}'{workers} --start-at '{{3}}' --out '{{4}}' :::{indices} ::: {file} ::: "$start" ::: "$out"
telemload merge "$out"/shard-* -o "$out/merged"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_name_is_one_word() {
        let job = Job {
            name: "s",
            shards: 3,
            file: "a b'; rm -rf $HOME; '.toml",
            text: "{{env.TOKEN}}",
            workers: Some(2),
            most_workers: 2,
            length: Duration::from_secs(61),
        };
        let script = slurm(&job);
        for line in [
            "#SBATCH --ntasks=3\n",
            "#SBATCH --cpus-per-task=3\n",
            "#SBATCH --time=12\n",
            "#SBATCH --no-requeue\n",
            ": \"${TOKEN:?",
            " --shard auto --shard-workers 2 --start-at \"$start\"",
        ] {
            assert!(script.contains(line), "{line}\n{script}");
        }
        let line = ssh(&job);
        for text in [&script, &line] {
            let mut lines = text.lines();
            let run = lines.rfind(|line| line.contains("telemload run")).unwrap();
            let words = shlex::split(run).unwrap();
            assert!(words.iter().any(|word| word == job.file), "{words:?}");
        }
        for words in [
            "--env TOKEN \\\n",
            "--shard '{1}/3' --shard-workers 2 --start-at '{3}'",
        ] {
            assert!(line.contains(words), "{words}\n{line}");
        }
    }
}
