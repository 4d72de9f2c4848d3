//! Checks as workflow commands of GitHub Actions, which show them beside the lines of the scenario.

use crate::report::checks::{Check, Checks, Mark};
use crate::report::figures::one_line;

/// Annotations of a kind that GitHub takes from one step.
const MOST: usize = 10;

/// A command for each check that fails, is inconclusive or invalid, a line each; where there are too many, the last says how many more.
pub fn commands(checks: &Checks) -> Vec<String> {
    let of = |marks: &[Mark], command: &str| {
        let checks = checks.checks.iter();
        let found: Vec<_> = checks.filter(|check| marks.contains(&check.mark)).collect();
        let mut lines: Vec<_> = found
            .iter()
            .take(MOST)
            .map(|check| line(command, check, &check.words))
            .collect();
        if let (Some(last), Some(check)) = (lines.get_mut(MOST - 1), found.get(MOST - 1))
            && found.len() > MOST
        {
            let more = found.len() - MOST;
            *last = line(
                command,
                check,
                &format!("{} (and {more} more)", check.words),
            );
        }
        lines
    };
    let errors = of(&[Mark::Invalid, Mark::Fail], "error");
    let warnings = of(&[Mark::Inconclusive], "warning");
    errors.into_iter().chain(warnings).collect()
}

/// A warning that belongs to no check.
pub fn warning(title: &str, words: &str) -> String {
    format!("::warning title={}::{}", property(title), data(words))
}

/// The command that begins a group of lines which the runner folds.
pub fn group(title: &str) -> String {
    format!("::group::{}", data(title))
}

fn line(command: &str, check: &Check, words: &str) -> String {
    let place = check.place.as_ref().map_or_else(String::new, |place| {
        let line = place.line.map(|line| format!(",line={line}"));
        format!(
            "file={}{},",
            property(&place.file),
            line.unwrap_or_default()
        )
    });
    format!(
        "::{command} {place}title={}::{}",
        property(&check.title()),
        data(words)
    )
}

/// Text behind the command: a line break would begin another one.
fn data(text: &str) -> String {
    one_line(&text.replace('%', "%25"))
}

/// Text of a property, which ends at a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::checks::{Checks, samples};

    #[test]
    fn what_does_not_pass_is_shown_at_its_line() {
        let lines = commands(&samples());
        assert_eq!(
            lines,
            [
                "::error file=a/b.toml,line=12,title=after · steady · latency.p99 < 50ms::found 70 ms",
                "::error title=run::<script>|x|\u{fffd}[2J",
                "::warning file=a/b.toml,title=x%2C y%3A z · errors.rate < 1%25::why: 50 %25, \"maybe\"",
            ]
        );
    }

    #[test]
    fn no_more_than_are_shown() {
        let one = samples().checks.remove(0);
        let many = Checks {
            title: "many".to_owned(),
            checks: vec![one; 13],
        };
        let lines = commands(&many);
        assert_eq!(lines.len(), 10);
        assert!(lines[8].ends_with("found 70 ms"), "{}", lines[8]);
        assert!(
            lines[9].ends_with("found 70 ms (and 3 more)"),
            "{}",
            lines[9]
        );
    }
}
