//! JUnit reports are what Jenkins takes: Debian's `xmllint`, which `scripts/test` installs, holds them to its schema.

use std::path::Path;
use std::process::Command;

use crate::bed::TestBed;

#[test]
fn a_report_is_as_the_schema_of_jenkins_says() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/junit-10.xsd");
    // A name that is markup, and no character of XML.
    let outcome = TestBed::new()
        .file("a", "main;<a>&\"'\u{1b}[2J 3000\nmain;b 7000\n")
        .file("b", "main;<a>&\"'\u{1b}[2J 6000\nmain;b 1\n")
        .args(["compare", "a", "b", "--fail-on", "changed"])
        .args(["--base-cost", "100us", "--head-cost", "200us"])
        .args(["--junit", "junit.xml"])
        .run()
        .expect(1, &[]);
    let mut linter = Command::new("xmllint");
    linter.arg("--noout").arg("--schema").arg(schema);
    let checked = linter.arg(outcome.home().join("junit.xml")).output();
    let checked = checked.unwrap_or_else(|error| {
        panic!("cannot start xmllint: {error}; install it: sudo apt-get install libxml2-utils")
    });
    let says = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{says}");
    let report = outcome.home().join("junit.xml");
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("&lt;a&gt;&amp;&quot;"), "{report}");
}
