//! Checks as a JUnit report, which every CI system reads: what fails is a failure, what is inconclusive or was not judged is skipped with
//! its reason, what is invalid is an error.

use std::fmt::Write as _;

use crate::report::checks::{Check, Checks, Mark};
use crate::units::printable;

/// The report, as the schema `junit-10.xsd` of Jenkins has it.
pub fn junit(checks: &Checks) -> String {
    let title = escaped(&checks.title);
    let (tests, failures) = (checks.checks.len(), checks.count(Mark::Fail));
    let (errors, skipped) = (
        checks.count(Mark::Invalid),
        checks.count(Mark::Inconclusive) + checks.count(Mark::Told),
    );
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        text,
        "<testsuites name=\"telemload\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n  <testsuite name=\"{title}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\">"
    );
    for check in &checks.checks {
        case(check, &title, &mut text);
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn case(check: &Check, title: &str, text: &mut String) {
    let group = match check.group.as_str() {
        "" => title.to_owned(),
        group => escaped(group),
    };
    let (name, words) = (escaped(&check.name), escaped(&check.words));
    let _ = writeln!(text, "    <testcase classname=\"{group}\" name=\"{name}\">");
    let element = match check.mark {
        Mark::Pass => None,
        Mark::Told | Mark::Inconclusive => Some("skipped"),
        Mark::Fail => Some("failure"),
        Mark::Invalid => Some("error"),
    };
    let place = check.place.as_ref().map_or_else(String::new, |place| {
        let line = place.line.map(|line| format!(":{line}"));
        let line = line.unwrap_or_default();
        format!("\n{}", escaped(&format!("{}{line}", place.file)))
    });
    // Some readers show the text, and some the attribute.
    let _ = match element {
        Some(element) => writeln!(
            text,
            "      <{element} type=\"{}\" message=\"{words}\">{words}{place}</{element}>",
            check.mark.name()
        ),
        None => writeln!(text, "      <system-out>{words}</system-out>"),
    };
    text.push_str("    </testcase>\n");
}

/// Text of others in XML, as it may be shown: what may not is U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::checks::samples;

    #[test]
    fn each_mark_has_its_element() {
        let text = junit(&samples());
        for expected in [
            "tests=\"5\" failures=\"1\" errors=\"1\" skipped=\"2\"",
            "<testcase classname=\"after · steady\" name=\"latency.p99 &lt; 50ms\">\n      <failure type=\"fail\" message=\"found 70 ms\">found 70 ms\na/b.toml:12</failure>",
            "<skipped type=\"inconclusive\" message=\"why: 50 %, &quot;maybe&quot;\">",
            // What nobody judged did not pass.
            "name=\"throughput\">\n      <skipped type=\"told\" message=\"better\">better</skipped>",
            "<error type=\"invalid\" message=\"&lt;script&gt;|x|\u{fffd}[2J\">",
            "<testcase classname=\"a → b\" name=\"run\">",
        ] {
            assert!(text.contains(expected), "no {expected} in {text}");
        }
    }

    #[test]
    fn no_name_is_shown_as_it_stands() {
        let mut checks = samples();
        checks.title = "a\u{1b}[31m\n::error::b\u{202e}".to_owned();
        for check in &mut checks.checks {
            check.group = checks.title.clone();
            check.name = checks.title.clone();
            check.words = checks.title.clone();
        }
        let text = junit(&checks);
        assert!(
            text.contains("name=\"a\u{fffd}[31m\u{fffd}::error::b\u{fffd}\""),
            "{text}"
        );
        assert!(
            !text.contains(['\u{1b}', '\u{202e}']) && !text.contains("\n::"),
            "{text}"
        );
    }
}
