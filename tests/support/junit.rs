//! Reads a JUnit report again, and holds it to what `junit-10.xsd` of Jenkins allows.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// A report of one suite.
#[derive(Debug)]
pub(crate) struct Report {
    /// Tests, failures, errors, skipped.
    pub(crate) counts: [String; 4],
    pub(crate) cases: Vec<Case>,
}

#[derive(Debug, Default)]
pub(crate) struct Case {
    group: String,
    name: String,
    /// `failure`, `error`, `skipped`; `pass` without any of them.
    element: String,
    /// Its attribute.
    pub(crate) message: String,
    /// Its text, or that of `system-out`.
    pub(crate) words: String,
}

impl Case {
    pub(crate) fn in_short(&self) -> (&str, &str, &str) {
        (&self.group, &self.name, &self.element)
    }
}

/// Parents, their children, and attributes of these that must be there and that may.
const SCHEMA: [(&str, &str, &[&str], &[&str]); 7] = [
    (
        "",
        "testsuites",
        &[],
        &["name", "time", "tests", "failures", "errors"],
    ),
    (
        "testsuites",
        "testsuite",
        &["name", "tests", "failures", "errors"],
        &["skipped", "time", "timestamp", "hostname"],
    ),
    (
        "testsuite",
        "testcase",
        &["name"],
        &["classname", "time", "group"],
    ),
    ("testcase", "failure", &[], &["type", "message"]),
    ("testcase", "error", &[], &["type", "message"]),
    ("testcase", "skipped", &[], &["type", "message"]),
    ("testcase", "system-out", &[], &[]),
];

impl Report {
    #[track_caller]
    pub(crate) fn read(text: &str) -> Self {
        let mut report = Self {
            counts: Default::default(),
            cases: Vec::new(),
        };
        let mut reader = Reader::from_str(text);
        let mut path: Vec<String> = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    let parent = path.last().map_or("", String::as_str);
                    let name = attributes_fit(parent, &start);
                    report.starts(&name, &start);
                    path.push(name);
                }
                Event::End(_) => drop(path.pop()),
                Event::Text(text) => report.holds(&path, &text.decode().unwrap()),
                Event::GeneralRef(entity) => {
                    let of = match &*entity.decode().unwrap() {
                        "lt" => "<",
                        "gt" => ">",
                        "amp" => "&",
                        "quot" => "\"",
                        other => panic!("&{other};"),
                    };
                    report.holds(&path, of);
                }
                Event::Decl(_) => {}
                Event::Eof => break,
                other => panic!("{other:?} in {text}"),
            }
        }
        assert_eq!(path.len(), 0);
        let number = |element: &str| {
            let cases = report.cases.iter();
            cases.filter(|case| case.element == element).count()
        };
        let counted = ["failure", "error", "skipped"].map(|of| number(of).to_string());
        assert_eq!(report.counts[0], report.cases.len().to_string());
        assert_eq!(report.counts[1..], counted);
        report
    }

    fn starts(&mut self, name: &str, start: &BytesStart<'_>) {
        match name {
            "testsuite" => {
                let names = ["tests", "failures", "errors", "skipped"];
                self.counts = names.map(|name| attribute(start, name).unwrap());
            }
            "testcase" => self.cases.push(Case {
                group: attribute(start, "classname").unwrap(),
                name: attribute(start, "name").unwrap(),
                element: "pass".to_owned(),
                ..Case::default()
            }),
            "failure" | "error" | "skipped" => {
                let case = self.cases.last_mut().unwrap();
                case.element = name.to_owned();
                case.message = attribute(start, "message").unwrap();
            }
            _ => {}
        }
    }

    fn holds(&mut self, path: &[String], text: &str) {
        if path.len() == 4 {
            self.cases.last_mut().unwrap().words.push_str(text);
        } else {
            assert_eq!(text.trim(), "", "{path:?}");
        }
    }
}

/// The element's name, if it may stand there with these attributes.
#[track_caller]
fn attributes_fit(parent: &str, start: &BytesStart<'_>) -> String {
    let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
    let rule = SCHEMA
        .iter()
        .find(|rule| (rule.0, rule.1) == (parent, &*name));
    let Some((_, _, must, may)) = rule else {
        panic!("{name} in {parent}");
    };
    let given: Vec<_> = start
        .attributes()
        .map(|of| String::from_utf8(of.unwrap().key.as_ref().to_vec()).unwrap())
        .collect();
    for attribute in &given {
        let known = must.contains(&attribute.as_str()) || may.contains(&attribute.as_str());
        assert!(known, "{name} has {attribute}");
    }
    for attribute in *must {
        assert!(
            given.iter().any(|of| of == attribute),
            "{name} lacks {attribute}"
        );
    }
    name
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let value = start.try_get_attribute(name).unwrap()?;
    Some(
        value
            .normalized_value(quick_xml::XmlVersion::Explicit1_0)
            .unwrap()
            .into_owned(),
    )
}
