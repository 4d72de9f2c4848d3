//! README and `docs/start` are followed as a newcomer follows them: commands are run as they stand there, and each line of their
//! output that a page shows must come.
//!
//! A page is a session of a shell in an empty directory. What a page says of a block stands in a comment above it:
//!
//! - `<!-- file: NAME -->`: the block is the contents of a file.
//! - `<!-- setup: PAGE -->`: files of another page of the same folder are there.
//! - `<!-- test: WORDS -->`: `labels` compares lines up to their first figure; `exits 1 or 3` are the exit codes of its commands,
//!   of which all but the first are those of a machine that is too busy;
//!   `not run, REASON` is for what cannot be run here.
//!
//! Figures are masked. `…` in a page stands for anything. Windows are shorter than on the page, ports are free ones, and the shipped
//! scenarios are those of the other tests: see [`shortened_command`].
//!
//! `UPDATE_DOCS=1 cargo test --release --test cli docs::` runs the commands as they are, and writes what they print into the pages.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use tempfile::TempDir;

use crate::bed::{Outcome, TELEMLOAD, free_port};
use crate::shipped::{self, main_scenario};

/// A fenced block of a page, and what is said of it.
#[derive(Debug, Default)]
struct Block {
    language: String,
    lines: Vec<String>,
    file: Option<String>,
    test: String,
}

impl Block {
    fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The exit codes that its commands may have.
    fn exits(&self) -> Vec<i32> {
        let words = self
            .test
            .split_once("exits ")
            .map_or("0", |(_, codes)| codes);
        words
            .split(" or ")
            .map(|code| code.trim().parse().unwrap())
            .collect()
    }

    /// Commands with the lines that are shown behind each.
    fn commands(&self) -> Vec<(String, Vec<String>)> {
        let mut commands: Vec<(String, Vec<String>)> = Vec::new();
        for line in &self.lines {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command.to_owned(), Vec::new())),
                (None, Some((command, shown))) if shown.is_empty() && command.ends_with('\\') => {
                    *command = format!("{}{}", command.trim_end_matches('\\'), line.trim_start());
                }
                (None, Some((_, shown))) => shown.push(line.clone()),
                (None, None) => panic!("output without a command: {line}"),
            }
        }
        commands
    }
}

/// The blocks of a page in their order, and the pages whose files it needs.
fn blocks(page: &str) -> (Vec<Block>, Vec<String>) {
    let (mut blocks, mut setups) = (Vec::new(), Vec::new());
    let (mut next, mut open) = (Block::default(), None::<Block>);
    for line in page.lines() {
        if let Some(mut block) = open.take() {
            match line == "```" {
                true => blocks.push(block),
                false => {
                    block.lines.push(line.to_owned());
                    open = Some(block);
                }
            }
        } else if let Some(language) = line.strip_prefix("```") {
            next.language = language.to_owned();
            open = Some(std::mem::take(&mut next));
        } else if let Some(said) = line
            .strip_prefix("<!-- ")
            .and_then(|said| said.strip_suffix(" -->"))
        {
            match said.split_once(": ") {
                Some(("file", name)) => next.file = Some(name.to_owned()),
                Some(("setup", page)) => setups.push(page.to_owned()),
                Some(("test", words)) => next.test = words.to_owned(),
                _ => panic!("what is `{said}`?"),
            }
        }
    }
    assert!(open.is_none(), "a block has no end");
    (blocks, setups)
}

fn read(page: &Path) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap()
}

/// Whether the pages are written anew.
fn is_update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

/// A command with windows that suit a test: seconds become one, and a gate ends after its first launches.
fn shortened_command(command: &str, ports: &BTreeMap<&str, u16>) -> String {
    let mut command = command.replace("cargo run --release -- ", "telemload ");
    for (port, free) in ports {
        command = command.replace(*port, &free.to_string());
    }
    if is_update() {
        return command;
    }
    let window = Regex::new(r" -d [0-9]+s?\b").unwrap();
    let has_window = window.is_match(&command);
    command = window.replace_all(&command, " -d 1").into_owned();
    let is_run = command.starts_with("telemload run ") && command.contains(".toml");
    if is_run && !has_window && !command.contains("scenarios/") && !command.contains("--dry-run") {
        command += " -d 1";
    }
    if command.starts_with("telemload gate ") {
        command += " --budget 20s";
    }
    if command.starts_with("telemload run scenarios/") {
        // What it found is judged too, whatever else the machine does.
        command += " --allow-untrusted";
    }
    command
}

/// The script of a page: each command, what it printed, and how it ended.
fn script(blocks: &[Block], ports: &BTreeMap<&str, u16>) -> String {
    let mut script = "trap 'kill $(jobs -p) 2>/dev/null' EXIT\n".to_owned();
    for block in blocks.iter().filter(|block| is_run(block)) {
        for (command, _) in block.commands() {
            let command = shortened_command(&command, ports);
            script += "echo '@@@ begin'\n";
            if let Some(started) = command.strip_suffix('&') {
                // Whoever types the next command is slower than a start.
                script += &format!("{started} >/dev/null 2>&1 &\n");
                for free in ports
                    .values()
                    .filter(|free| command.contains(&free.to_string()))
                {
                    script += &format!(
                        "until (exec 3<>/dev/tcp/127.0.0.1/{free}) 2>/dev/null; do sleep 0.02; done\n"
                    );
                }
                script += "true\n";
            } else {
                script += &format!("{{ {command}\n}} 2>&1\n");
            }
            script += "echo \"@@@ $?\"\n";
        }
    }
    script
}

fn is_run(block: &Block) -> bool {
    block.language == "console" && !block.test.starts_with("not run, ")
}

/// A directory with the files of a page and of those that it builds upon.
fn home_of(page: &Path, blocks: &[Block], setups: &[String]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let place = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let others = setups.iter().map(|other| read(&page.with_file_name(other)));
    let others: Vec<Block> = others.flat_map(|text| self::blocks(&text).0).collect();
    for block in others.iter().chain(blocks) {
        let name = block.file.iter();
        name.for_each(|name| place(name, &block.text()));
    }
    let main = match is_update() {
        true => read(Path::new("scenarios/200-to-20000.toml")),
        false => main_scenario(),
    };
    place("scenarios/200-to-20000.toml", &main);
    home
}

/// Runs a script as a newcomer's shell would.
fn output_of(script: &str, home: &Path) -> String {
    let binaries = Path::new(TELEMLOAD).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["-c", script])
        .current_dir(home)
        .env("PATH", format!("{}:{path}", binaries.display()))
        .env("NO_COLOR", "1")
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs all of a page. Returns its directory, and the code and output of each command.
fn follow(name: &str) -> (TempDir, Vec<(i32, String)>) {
    let page = Path::new(name);
    let mut text = read(page);
    let (blocks, setups) = blocks(&text);
    let home = home_of(page, &blocks, &setups);
    let ports = BTreeMap::from([("8080", free_port())]);
    let output = output_of(&script(&blocks, &ports), home.path());
    let mut printed = output.split("@@@ begin\n").skip(1);
    let (mut ended, mut at_byte) = (Vec::new(), 0);
    for block in blocks.iter().filter(|block| is_run(block)) {
        let commands = block.commands();
        for (command, shown) in &commands {
            let printed = printed.next();
            let printed =
                printed.unwrap_or_else(|| panic!("{name}: `{command}` did not end: {output}"));
            let (printed, code) = printed.rsplit_once("@@@ ").unwrap();
            let code: i32 = code.trim().parse().unwrap();
            let may_be = block.exits();
            assert!(
                may_be.contains(&code),
                "{name}: `{command}` ended with {code}: {printed}"
            );
            let found = found(shown, printed, block.test.contains("labels"));
            let is_too_busy = code != may_be[0];
            check(
                &format!("{name}: `{command}`"),
                &found,
                printed,
                is_too_busy,
            );
            // What a page leaves out of a line stays out.
            let whole = found.iter().filter(|(line, _)| !line.contains('…'));
            for (line, printed) in whole.filter_map(|(line, printed)| Some((line, (*printed)?))) {
                let at = at_byte + text[at_byte..].find(line).unwrap();
                text.replace_range(at..at + line.len(), printed);
                at_byte = at + printed.len();
            }
            ended.push((code, printed.to_owned()));
        }
    }
    assert!(!ended.is_empty(), "{name} has no command");
    if is_update() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(page), text).unwrap();
    }
    (home, ended)
}

/// A line of a page, and what was printed for it.
type Pair<'a> = (&'a str, Option<&'a str>);

/// The lines of a page in their order, each with the next printed line that is like it.
fn found<'a>(shown: &'a [String], printed: &'a str, labels: bool) -> Vec<Pair<'a>> {
    let printed: Vec<&str> = printed.lines().collect();
    let mut from = 0;
    let wanted = shown.iter().map(String::as_str);
    let wanted = wanted.filter(|line| !line.trim().is_empty() && line.trim() != "…");
    wanted
        .map(|line| {
            let pattern = pattern(line, labels);
            let is_like = |printed: &&str| pattern.is_match(&squeezed(printed));
            let at = printed[from..].iter().position(is_like);
            from += at.map_or(0, |at| at + 1);
            (line, at.map(|_| printed[from - 1]))
        })
        .collect()
}

/// Fails if a line is missing. A machine that is too busy to tell leaves out what it could not measure: a quarter may be missing.
fn check(what: &str, found: &[Pair<'_>], printed: &str, is_too_busy: bool) {
    let missing: Vec<&str> = found
        .iter()
        .filter(|(_, printed)| printed.is_none())
        .map(|(line, _)| *line)
        .collect();
    let may_miss = if is_too_busy { found.len() / 4 } else { 0 };
    assert!(
        missing.len() <= may_miss,
        "{what} did not print\n{}\nbut\n{printed}",
        missing.join("\n")
    );
}

/// A line without the blanks that only align it.
fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a printed line must be like: any figure, with any unit, where one stands.
fn pattern(line: &str, labels: bool) -> Regex {
    let figure = Regex::new(r"[0-9][0-9.,:TZ]*( ?(ns|µs|ms|s|kB|MB|KiB|MiB|GiB)\b)?").unwrap();
    let line = squeezed(line);
    // A line that begins with a figure has its label behind it.
    let is_behind_words =
        |found: &regex::Match<'_>| line[..found.start()].contains(char::is_alphabetic);
    let line = match figure.find_iter(&line).find(is_behind_words) {
        Some(first) if labels => format!("{}…", &line[..first.start()]),
        _ => line,
    };
    let parts = line.split('…').map(|part| {
        let mut pattern = String::new();
        let mut end = 0;
        for found in figure.find_iter(part) {
            pattern += &regex::escape(&part[end..found.start()]);
            pattern += r"[0-9][0-9.,:TZ]*( ?(ns|µs|ms|s|kB|MB|KiB|MiB|GiB))?";
            end = found.end();
        }
        pattern + &regex::escape(&part[end..])
    });
    Regex::new(&format!("^{}$", parts.collect::<Vec<_>>().join(".*"))).unwrap()
}

#[test]
fn the_first_page_leads_to_a_report_of_an_own_service() {
    follow("docs/start/your-service.md");
}

#[test]
fn the_second_page_leads_to_a_comparison() {
    follow("docs/start/first-comparison.md");
}

#[test]
fn the_third_page_leads_to_a_gate() {
    follow("docs/start/gate-in-ci.md");
}

#[test]
fn the_readme_can_be_followed_and_its_scenario_keeps_its_promise() {
    let (home, ended) = follow("README.md");
    if is_update() {
        return;
    }
    let (code, printed) = ended[0].clone();
    let runs = fs::read_dir(home.path().join("runs")).unwrap();
    let mut runs = runs.map(|entry| entry.unwrap());
    let run = runs.find(|run| {
        run.file_name()
            .to_string_lossy()
            .starts_with("200-to-20000")
    });
    fs::rename(run.unwrap().path(), home.path().join("out")).unwrap();
    let outcome = Outcome::of_script(home, code, printed);
    // Few samples may leave a share undecided; nothing fails.
    shipped::from_one_bcrypt_per_request_to_one_per_device_and_ttl(&outcome.expect_one_of(&[0, 3]));
}

#[test]
fn every_page_of_the_start_is_followed_and_shows_commands_as_such() {
    let tested = include_str!("docs.rs");
    let start = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/start");
    let mut pages = vec![PathBuf::from("README.md")];
    for entry in fs::read_dir(start).unwrap() {
        pages.push(Path::new("docs/start").join(entry.unwrap().file_name()));
    }
    for page in pages {
        assert!(
            tested.contains(&format!("follow(\"{}\")", page.display())),
            "{}",
            page.display()
        );
        for block in blocks(&read(&page)).0 {
            // What a shell is given, and what comes out, stands in no other kind of block.
            let known = ["console", "python", "toml", "text"];
            assert!(
                known.contains(&block.language.as_str()),
                "{}: {block:?}",
                page.display()
            );
            let typed = block
                .lines
                .iter()
                .any(|line| line.starts_with("telemload ") || line.starts_with("$ "));
            assert!(
                !typed || block.language == "console",
                "{}: {block:?}",
                page.display()
            );
            if block.test.starts_with("not run, ") {
                assert!(
                    block.commands().iter().all(|(_, shown)| shown.is_empty()),
                    "output that nobody printed: {block:?}"
                );
            }
        }
    }
}

#[test]
fn a_line_that_was_not_printed_is_found() {
    let shown = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let printed =
        "a  throughput   1,203/s (12 OK in 1.0 s)\nstored in runs/x-20261130T035243Z (seed 7)\n";
    for (page, labels, is_there) in [
        ("a throughput 913/s (4,565 OK in 5.0 s)", false, true),
        ("a throughput 913/s (4,565 KO in 5.0 s)", false, false),
        ("a throughput 913/s (4,565 KO in 5.0 s)", true, true),
        ("b throughput 913/s", true, false),
        ("7 a throughput 913/s", true, false),
        ("…\nstored in runs/x-20260102T030405Z (seed 1)", false, true),
        ("stored in … (seed 1)\na throughput …", false, false),
        ("a … OK in …", false, true),
    ] {
        let shown = shown(page);
        assert_eq!(
            found(&shown, printed, labels)
                .iter()
                .all(|(_, printed)| printed.is_some()),
            is_there,
            "{page}"
        );
    }
}
