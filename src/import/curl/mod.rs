//! Commands of curl as people write them and as browsers copy them, for bash, for cmd and for PowerShell. No shell is run: what a
//! shell would have to compute is refused, with its line. Text in, a sample out.

mod bash;
mod body;
mod cmd;
mod options;
mod powershell;
mod request;
mod said;
#[cfg(test)]
mod tests;
mod word;

use self::said::Command;
use self::word::{Read, Words, is_curl};
use super::Options;
use super::sample::{Bodies, Headers, Holds, Sample, Skip, Source, Times};

/// More bytes are no commands that anyone wrote or copied.
const LARGEST: usize = 64 << 20;

/// Whether a text is made of commands.
pub(super) fn is_one(text: &str) -> bool {
    let begins = |command: &str| {
        let command = command
            .trim_start()
            .trim_start_matches(['$', '>', '%', '#'])
            .trim_start();
        let mut words = command.split_whitespace();
        words.find(|word| !runs_another(word)).is_some_and(is_curl) || powershell::is_one(command)
    };
    let begins = |line: &str| line.split('|').any(begins);
    text.lines().take(2000).any(begins)
}

/// Reads all commands of a text.
///
/// # Errors
/// That there is none, or that all of them were refused.
pub(super) fn read(name: &str, text: &str, options: &Options<'_>) -> Result<Sample, String> {
    if text.len() > LARGEST {
        return Err(format!(
            "it is a file of commands, and commands have at most {} MiB; divide it",
            LARGEST >> 20
        ));
    }
    let mut sample = Sample::default();
    let is_powershell = text
        .lines()
        .any(|line| powershell::is_one(line.trim_start()));
    let mut entries = 0;
    let mut session = powershell::Session::default();
    let mut refused = None;
    let mut each = |command: Read| match command {
        Err(why) => {
            entries += 1;
            sample.note(format!("{why}; the command is left out"));
            sample.skip(Skip::Unsendable);
            refused.get_or_insert(why);
        }
        Ok(Words { words, .. }) if words.is_empty() => {}
        Ok(words) => {
            entries += 1;
            if is_powershell {
                powershell::take(&mut sample, words, &mut session);
            } else {
                take(&mut sample, words, options);
            }
        }
    };
    let form = if is_powershell {
        powershell::commands(text, &mut each);
        "PowerShell"
    } else if cmd::is_one(text) {
        cmd::commands(text, &mut each);
        "curl for cmd"
    } else {
        bash::commands(text, &mut each);
        "curl for bash"
    };
    if sample.exchanges.is_empty()
        && let Some(first) = refused
    {
        return Err(first);
    }
    let lost = if is_powershell {
        ["Accept-Encoding", "Connection", "Range", "Expect"].as_slice()
    } else {
        &["Accept-Encoding"]
    };
    sample.note(format!(
        "browsers leave {} out of what they copy{}; compare with a request that production got",
        lost.join(", "),
        if is_powershell {
            ""
        } else {
            ": where --compressed is given, Accept-Encoding is that of curl"
        }
    ));
    sample.sources.push(Source {
        name: name.to_owned(),
        format: form.to_owned(),
        producer: None,
        entries,
        holds: Holds {
            headers: Headers::AllBut(lost.iter().map(|name| (*name).to_owned()).collect()),
            order: true,
            body: Bodies::Whole,
            time: Times::Absent,
            host: true,
            client: false,
            connection: false,
            status: false,
        },
    });
    Ok(sample)
}

fn take(sample: &mut Sample, words: Words, options: &Options<'_>) {
    let Words { words, line, input } = words;
    let start = words.iter().position(|word| is_curl(word));
    match start {
        Some(start) if words[..start].iter().all(|word| runs_another(word)) => {
            let command = Command {
                line,
                input,
                files: options.files,
            };
            command.take(sample, &words[start + 1..]);
        }
        _ => sample.skip(Skip::OtherCommand),
    }
}

/// A prompt, a variable for the command alone, or a program that runs another one.
fn runs_another(word: &str) -> bool {
    word.contains('=')
        || ["$", "%", ">", "time", "sudo", "exec", "command", "nohup"].contains(&word)
}
